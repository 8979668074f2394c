//! The shell's state, its messages, and how a command's execution can end early.

use crate::exec::jobs::Jobs;
use crate::exec::traps::Traps;
use crate::names::{FastMap, Sym};
use crate::options::{Opt, Options, Shopt};
use crate::syntax::ast::FuncDef;
use crate::syntax::{AliasMap, Settings};
use crate::system::{Errno, Fd, Pid, System};
use crate::text::split::Ifs;
use crate::vars::Vars;
use std::cell::OnceCell;
use std::rc::Rc;

/// The version this shell answers for.
pub const VERSION: &str = "5.2.15(1)-release";
/// How deep functions, `eval` and `source` may be nested.
pub const MAX_RECURSION: u32 = 1000;
/// The first descriptor the shell uses for itself.
pub const PRIVATE_FD: Fd = 10;

/// Why the execution of a list ends early. The status is in [`Shell::status`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unwind {
    /// `break n`, with the levels still to leave.
    Break(u32),
    Continue(u32),
    /// `return`.
    Return,
    /// The current top-level command is given up (an expansion failed).
    Discard,
    /// The shell ends.
    Exit,
}

/// The result of executing something; its status is in [`Shell::status`].
pub type Run<T = ()> = Result<T, Unwind>;

/// A function as the shell keeps it.
#[derive(Debug)]
pub struct Function {
    pub def: OnceCell<Rc<FuncDef>>,
    /// The definition in its wire form, made when a subshell needs it or received from a parent.
    pub wire: OnceCell<Rc<[u8]>>,
    /// The file it was defined in.
    pub source: Rc<[u8]>,
    /// Added to its line numbers; see [`Shell::line_base`].
    pub line_base: u32,
    pub exported: bool,
    pub traced: bool,
    pub readonly: bool,
}

/// A call in progress: a function, a sourced file, or the script itself.
#[derive(Debug, Clone)]
pub struct Frame {
    /// The function's name, `source` or `main`.
    pub name: Rc<[u8]>,
    pub source: Rc<[u8]>,
    /// The line the call is on.
    pub line: u32,
    pub is_function: bool,
    /// `local -`: the options to put back.
    pub options: Option<u64>,
}

/// The state of `getopts` between calls.
#[derive(Debug, Clone, Copy, Default)]
pub struct Getopts {
    /// The value of OPTIND it left.
    pub index: i64,
    /// Where in the argument the next letter is.
    pub offset: usize,
}

/// Which messages a shell on behalf of what prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// `bash -c`.
    Command,
    /// A script file.
    Script,
    /// Commands from standard input.
    Stdin,
}

/// A shell.
pub struct Shell {
    pub sys: Rc<dyn System>,
    pub vars: Vars,
    pub funcs: FastMap<Vec<u8>, Rc<Function>>,
    pub aliases: Rc<AliasMap>,
    pub opts: Options,
    /// `$1` and on.
    pub params: Rc<Vec<Vec<u8>>>,
    /// `$0`.
    pub name: Rc<[u8]>,
    /// How the program was called.
    pub zero: Rc<[u8]>,
    /// `$?`.
    pub status: i32,
    /// `$!`.
    pub last_background: Option<Pid>,
    /// `$$`.
    pub pid: Pid,
    /// `$PPID`, as the first shell found it.
    pub parent: Pid,
    /// `$LINENO`.
    pub line: u32,
    /// Added to the line numbers of the commands being run: those in `$( )` are counted from 0.
    pub line_base: u32,
    /// The calls in progress, the innermost last.
    pub frames: Vec<Frame>,
    pub mode: Mode,
    pub traps: Traps,
    pub jobs: Jobs,
    /// The working directory as the shell names it.
    pub cwd: Vec<u8>,
    /// The directory stack below the working directory.
    pub dirs: Vec<Vec<u8>>,
    /// Commands found on PATH, with the number of uses.
    pub hashed: FastMap<Vec<u8>, (Rc<[u8]>, u32)>,
    pub pipe_status: Vec<i32>,
    /// How many loops enclose the current command.
    pub loops: u32,
    /// How deep functions, `eval` and `source` are nested.
    pub depth: u32,
    /// `&&`, `if`, `!` … around the current command: failing does not end the shell.
    pub errexit_ignored: u32,
    /// How many shells are above this one; a subshell exits where a shell would give up a command.
    pub subshell: u32,
    /// The value of `BASH_SUBSHELL`.
    pub subshell_level: u32,
    /// Inside `$( )`: messages about syntax say so.
    pub in_substitution: bool,
    /// The status of the last command substitution of the current command.
    pub substitution_status: Option<i32>,
    pub getopts: Getopts,
    pub disabled: Vec<&'static str>,
    pub random: u32,
    pub last_random: u32,
    pub random_seeded: bool,
    /// The monotonic time SECONDS counts from, in nanoseconds.
    pub seconds_base: i64,
    /// Seconds since 1970 when the shell started.
    pub started: i64,
    /// The builtin being run, for messages.
    pub builtin: &'static str,
    /// What `BASH_COMMAND` holds.
    pub current_command: Vec<u8>,
    pub execution_string: Option<Rc<[u8]>>,
    /// The environment given to children, as long as no variable of it changes.
    pub env_cache: Option<Rc<[u8]>>,
    /// Entries of the environment that are no variables.
    /// `set -x` writes the prompt's first character this many more times.
    pub trace_level: u32,
    /// How deep compound commands and calls are nested.
    pub stack: u32,
    /// Standard input was redirected for this subshell: background commands may read it.
    pub input_redirected: bool,
    /// The command being run is the shell's last: a program may replace it.
    pub tail: bool,
    /// A parameter could not be understood; the message is still to be written.
    pub bad_substitution: bool,
    /// The status of the trap that ran last.
    pub trap_status: i32,
    /// `$?` before the last `return`, which the RETURN trap sees.
    pub before_return: i32,
    /// Redirections are being worked out for a child.
    pub planning: bool,
    /// An assignment before a command was refused.
    pub temporary_failed: bool,
    /// A builtin assigned something that is no number to an integer; the command is given up.
    pub not_a_number: bool,
    /// Descriptors stored in variables under `varredir_close`.
    pub variable_fds: Vec<Fd>,
    pub foreign_env: Vec<Vec<u8>>,
    /// Holds a text that arithmetic looks at.
    pub scratch: Vec<u8>,
    ifs: Option<Rc<Ifs>>,
    utf8: Option<bool>,
    /// Descriptors of process substitutions, closed when the command they belong to is done.
    pub process_fds: Vec<(Fd, Pid)>,
    /// The last argument of the previous command, for `$_`.
    pub last_argument: Vec<u8>,
    /// Dynamic variables that were unset and lost their meaning, by place in the known names.
    pub dynamic_unset: u128,
    /// A session's state is left for the host at exit.
    pub session: bool,
}

/// Bits of [`Vars::changed`].
const fn bit(name: Sym) -> u64 {
    1 << name.place()
}

impl Shell {
    /// A shell with nothing set; see `startup`.
    #[must_use]
    pub fn new(sys: Rc<dyn System>, name: &[u8]) -> Self {
        let pid = sys.getpid();
        let seconds_base = sys.monotonic();
        let started = sys.realtime() / 1_000_000_000;
        Self {
            sys,
            vars: Vars::default(),
            funcs: FastMap::default(),
            aliases: Rc::default(),
            opts: Options::default(),
            params: Rc::default(),
            name: name.into(),
            zero: name.into(),
            status: 0,
            last_background: None,
            pid,
            parent: 0,
            line: 0,
            line_base: 0,
            frames: Vec::new(),
            mode: Mode::Command,
            traps: Traps::default(),
            jobs: Jobs::default(),
            cwd: Vec::new(),
            dirs: Vec::new(),
            hashed: FastMap::default(),
            pipe_status: Vec::new(),
            loops: 0,
            depth: 0,
            errexit_ignored: 0,
            subshell: 0,
            subshell_level: 0,
            in_substitution: false,
            substitution_status: None,
            getopts: Getopts::default(),
            disabled: Vec::new(),
            random: 0,
            last_random: 0,
            random_seeded: false,
            seconds_base,
            started,
            builtin: "",
            current_command: Vec::new(),
            execution_string: None,
            env_cache: None,
            trace_level: 0,
            stack: 0,
            input_redirected: false,
            tail: false,
            bad_substitution: false,
            trap_status: 0,
            before_return: 0,
            planning: false,
            temporary_failed: false,
            not_a_number: false,
            variable_fds: Vec::new(),
            foreign_env: Vec::new(),
            scratch: Vec::new(),
            ifs: None,
            utf8: None,
            process_fds: Vec::new(),
            last_argument: Vec::new(),
            dynamic_unset: 0,
            session: false,
        }
    }

    #[inline]
    #[must_use]
    pub fn opt(&self, opt: Opt) -> bool {
        self.opts.has(opt)
    }

    #[inline]
    #[must_use]
    pub fn shopt(&self, opt: Shopt) -> bool {
        self.opts.shopt(opt)
    }

    /// What the options say about parsing.
    #[must_use]
    pub fn settings(&self) -> Settings {
        let expand = self.shopt(Shopt::ExpandAliases) && !self.aliases.is_empty();
        Settings {
            extglob: self.shopt(Shopt::ExtGlob),
            posix: self.opt(Opt::Posix),
            aliases: expand.then(|| self.aliases.clone()),
            verbose: self.opt(Opt::Verbose),
        }
    }

    /// Field splitting as IFS says.
    pub fn ifs(&mut self) -> Rc<Ifs> {
        self.notice_changes();
        if let Some(ifs) = &self.ifs {
            return ifs.clone();
        }
        let ifs = Rc::new(Ifs::new(self.vars.text(Sym::IFS)));
        self.ifs = Some(ifs.clone());
        ifs
    }

    /// Are characters UTF-8 sequences?
    pub fn utf8(&mut self) -> bool {
        self.notice_changes();
        if let Some(utf8) = self.utf8 {
            return utf8;
        }
        let locale = [Sym::LC_ALL, Sym::LC_CTYPE, Sym::LANG]
            .into_iter()
            .filter_map(|name| self.vars.text(name))
            .find(|t| !t.is_empty())
            .unwrap_or(b"");
        let upper = locale.to_ascii_uppercase();
        let utf8 = upper.ends_with(b"UTF-8") || upper.ends_with(b"UTF8");
        self.utf8 = Some(utf8);
        utf8
    }

    /// Drops what was derived from variables that changed since.
    fn notice_changes(&mut self) {
        let changed = std::mem::take(&mut self.vars.changed);
        if changed == 0 {
            return;
        }
        if changed & bit(Sym::IFS) != 0 {
            self.ifs = None;
        }
        if changed & (bit(Sym::LC_ALL) | bit(Sym::LC_CTYPE) | bit(Sym::LANG)) != 0 {
            self.utf8 = None;
        }
        if changed & bit(Sym::PATH) != 0 {
            self.hashed.clear();
        }
        if changed & bit(Sym::OPTIND) != 0 {
            let index = self.vars.text(Sym::OPTIND).map_or(1, |t| crate::expand::to_int(t).unwrap_or(1));
            if index != self.getopts.index {
                self.getopts = Getopts { index, offset: 0 };
            }
        }
        if changed & bit(Sym::POSIXLY_CORRECT) != 0 && self.vars.get(Sym::POSIXLY_CORRECT).is_some() {
            self.opts.put(Opt::Posix, true);
        }
    }

    /// See `notice_changes`; called before the commands found on PATH are used.
    pub fn refresh(&mut self) {
        self.notice_changes();
    }

    /// The name messages begin with.
    #[must_use]
    pub fn message_name(&self) -> Rc<[u8]> {
        match self.frames.last() {
            Some(f) if !f.source.is_empty() => f.source.clone(),
            _ => self.name.clone(),
        }
    }

    /// Writes a message to standard error: `bash: line N: ` and the text.
    pub fn complain(&self, text: &[u8]) {
        let mut out = self.message_name().to_vec();
        out.extend_from_slice(b": ");
        out.extend_from_slice(format!("line {}: ", self.line).as_bytes());
        out.extend_from_slice(text);
        out.push(b'\n');
        let _ = self.sys.write_all(2, &out);
    }

    /// [`Shell::complain`] from several pieces.
    pub fn complain_parts(&self, parts: &[&[u8]]) {
        self.complain(&parts.concat());
    }

    /// A message of the builtin being run.
    pub fn builtin_error(&self, parts: &[&[u8]]) {
        self.complain(&[self.builtin.as_bytes(), b": ", &parts.concat()].concat());
    }

    /// A message about a name and an error number.
    pub fn complain_errno(&self, subject: &[u8], error: Errno) {
        self.complain_parts(&[subject, b": ", error.message().as_bytes()]);
    }

    /// Writes raw text to standard error.
    pub fn write_error(&self, text: &[u8]) {
        let _ = self.sys.write_all(2, text);
    }

    /// Fails the current top-level command.
    #[must_use]
    pub fn discard(&mut self, status: i32) -> Unwind {
        self.not_a_number = false;
        self.status = status;
        if self.subshell > 0 { Unwind::Exit } else { Unwind::Discard }
    }

    /// Is a function being executed?
    #[must_use]
    pub fn in_function(&self) -> bool {
        self.frames.iter().any(|f| f.is_function)
    }

    /// The innermost function's or file's source.
    #[must_use]
    pub fn current_source(&self) -> Rc<[u8]> {
        self.frames.last().map_or_else(Rc::default, |f| f.source.clone())
    }
}

impl Function {
    /// The definition, read from its wire form if it came that way.
    #[must_use]
    pub fn definition(&self) -> Option<Rc<FuncDef>> {
        if let Some(def) = self.def.get() {
            return Some(def.clone());
        }
        let def = crate::syntax::codec::read_function(&mut crate::wire::Reader::new(self.wire.get()?))?;
        Some(self.def.get_or_init(|| Rc::new(def)).clone())
    }

    /// The wire form.
    #[must_use]
    pub fn encoded(&self) -> Rc<[u8]> {
        self.wire
            .get_or_init(|| {
                let mut w = crate::wire::Writer::default();
                if let Some(def) = self.def.get() {
                    crate::syntax::codec::function(&mut w, def);
                }
                w.buf.into()
            })
            .clone()
    }
}
