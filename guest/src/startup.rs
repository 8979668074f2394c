//! How a shell starts: its arguments, its first variables, where its commands come from.

use crate::exec::function::Origin;
use crate::names::Sym;
use crate::options::{self, Opt, Shopt};
use crate::shell::{Frame, Mode, Run, Shell, Unwind, VERSION};
use crate::state::{self, Work};
use crate::syntax::ast::{Command, Kind};
use crate::syntax::{Lines, Parser, Source};
use crate::system::{Errno, FileKind, System, Whence};
use crate::vars::{Attrs, Value};
use std::rc::Rc;

/// What the command line asks for.
#[derive(Default)]
struct Request {
    command: Option<Vec<u8>>,
    stdin: bool,
    login: bool,
    session: bool,
    /// The command is what the script file named by the first operand holds: the host has read it.
    script: bool,
    /// Operands: the script or the name for `$0`, and the positional parameters.
    rest: Vec<Vec<u8>>,
}

/// Runs a shell in this process and gives its exit status.
pub fn run(sys: Rc<dyn System>) -> i32 {
    let blob = sys.blob();
    let args = sys.args();
    let zero = args.first().cloned().unwrap_or_else(|| b"bash".to_vec());
    let mut shell = Shell::new(sys, &zero);
    shell.import_env();
    if state::is_child(&blob) {
        shell.init_child();
        let status = shell.run_child(&blob);
        // The process ends: nothing needs to be freed piece by piece.
        std::mem::forget(shell);
        return status;
    }
    shell.init();
    let request = match shell.parse_args(&args) {
        Ok(request) => request,
        Err(status) => return status,
    };
    shell.session = request.session;
    if state::is_session(&blob) {
        shell.session = true;
        let _ = shell.restore_session(&blob);
    }
    let result = shell.run_request(request);
    if shell.session {
        if result == Err(Unwind::Exit) {
            shell.finish();
        }
        shell.reap();
        let state = shell.encode_session();
        shell.sys.keep(&state);
        return shell.status & 0xff;
    }
    let status = shell.finish();
    std::mem::forget(shell);
    status
}

impl Shell {
    fn init_child(&mut self) {
        self.put_initial(Sym::IFS, b" \t\n");
        self.put_initial(Sym::PS4, b"+ ");
        self.put_initial(Sym::OPTERR, b"1");
        self.put_initial(Sym::OPTIND, b"1");
        self.getopts.index = 1;
    }

    fn put_initial(&mut self, name: Sym, value: &[u8]) {
        if self.vars.get(name).is_none() {
            self.vars.put(name, Value::Text(value.to_vec()), Attrs::INITIAL);
        }
    }

    fn init(&mut self) {
        self.init_child();
        self.vars.entry(Sym::IFS).value = Value::Text(b" \t\n".to_vec());
        self.vars.entry(Sym::OPTIND).value = Value::Text(b"1".to_vec());
        for name in [Sym::IFS, Sym::OPTIND] {
            self.vars.entry(name).attrs = Attrs::INITIAL;
        }
        let level = self.vars.text(Sym::SHLVL).and_then(crate::expand::to_int).unwrap_or(0).max(0) + 1;
        self.vars.put(Sym::SHLVL, Value::Text(level.to_string().into_bytes()), Attrs::EXPORT);
        self.init_directory();
        if self.vars.get(Sym::OLDPWD).is_none() {
            self.vars.put(Sym::OLDPWD, Value::None, Attrs::EXPORT | Attrs::INITIAL);
        }
        if self.vars.get(Sym::PATH).is_none() {
            let path = b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
            self.vars.put(Sym::PATH, Value::Text(path.to_vec()), Attrs::NONE);
        }
        self.last_argument = self.name.to_vec();
        if self.name.rsplit(|b| *b == b'/').next() == Some(b"sh") {
            self.opts.put(Opt::Posix, true);
            self.opts.put_shopt(Shopt::ExpandAliases, true);
        }
        if self.vars.get(Sym::POSIXLY_CORRECT).is_some() {
            self.opts.put(Opt::Posix, true);
        }
        self.import_shellopts();
    }

    /// PWD as the environment has it, if it is right, else as the system says.
    fn init_directory(&mut self) {
        if let Some(given) = self.vars.text(Sym::PWD).map(<[u8]>::to_vec)
            && given.starts_with(b"/")
            && let (Ok(a), Ok(b)) = (self.sys.stat(&given, true), self.sys.stat(b".", true))
            && (a.dev, a.ino) == (b.dev, b.ino)
        {
            self.cwd = given;
            return;
        }
        if let Ok(dir) = self.sys.getcwd() {
            self.cwd.clone_from(&dir);
            self.vars.put(Sym::PWD, Value::Text(dir), Attrs::EXPORT);
        }
    }

    fn import_shellopts(&mut self) {
        if let Some(text) = self.vars.text(Sym::SHELLOPTS).map(<[u8]>::to_vec) {
            for name in text.split(|b| *b == b':') {
                if let Some(opt) = options::by_name(name) {
                    self.opts.put(opt, true);
                }
            }
        }
        if let Some(text) = self.vars.text(Sym::BASHOPTS).map(<[u8]>::to_vec) {
            for name in text.split(|b| *b == b':') {
                if let Some(opt) = options::shopt_by_name(name) {
                    self.opts.put_shopt(opt, true);
                }
            }
        }
    }

    // ---- arguments ----

    fn parse_args(&mut self, args: &[Vec<u8>]) -> Result<Request, i32> {
        let mut request = Request::default();
        let mut command = false;
        let mut i = 1;
        while let Some(arg) = args.get(i) {
            if arg.starts_with(b"--") && arg.len() > 2 {
                i += 1;
                match &arg[2..] {
                    b"login" => request.login = true,
                    b"posix" => self.opts.put(Opt::Posix, true),
                    b"verbose" => self.opts.put(Opt::Verbose, true),
                    b"session" => request.session = true,
                    b"script" => request.script = true,
                    b"rcfile" | b"init-file" => i += 1,
                    b"norc" | b"noprofile" | b"noediting" | b"debugger" | b"restricted" | b"debug" => {}
                    b"version" => {
                        let _ = self.sys.write_all(1, version_text().as_bytes());
                        return Err(0);
                    }
                    b"help" => {
                        let _ = self.sys.write_all(1, usage_text(&self.name).as_bytes());
                        return Err(0);
                    }
                    _ => return Err(self.bad_argument(arg)),
                }
                continue;
            }
            if arg == b"-" || arg == b"--" {
                i += 1;
                break;
            }
            let on = match arg.first() {
                Some(b'-') if arg.len() > 1 => true,
                Some(b'+') if arg.len() > 1 => false,
                _ => break,
            };
            i += 1;
            for letter in &arg[1..] {
                match letter {
                    b'c' => command = true,
                    b's' => request.stdin = true,
                    b'i' | b'D' | b'r' => {}
                    b'l' => request.login = true,
                    b'o' | b'O' => {
                        let name = args.get(i).cloned();
                        i += 1;
                        self.option_argument(*letter, on, name)?;
                    }
                    _ => match options::by_letter(*letter) {
                        Some(opt) => self.opts.put(opt, on),
                        None => return Err(self.bad_argument(&[if on { b'-' } else { b'+' }, *letter])),
                    },
                }
            }
        }
        let mut rest = args.get(i..).unwrap_or(&[]).to_vec();
        if command {
            if rest.is_empty() {
                self.startup_error(&[b"-c: option requires an argument"]);
                return Err(2);
            }
            request.command = Some(rest.remove(0));
        }
        request.rest = rest;
        Ok(request)
    }

    fn option_argument(&mut self, letter: u8, on: bool, name: Option<Vec<u8>>) -> Result<(), i32> {
        let Some(name) = name else { return Ok(()) };
        let ok = if letter == b'o' {
            options::by_name(&name).map(|o| self.opts.put(o, on)).is_some()
        } else {
            options::shopt_by_name(&name).map(|o| self.opts.put_shopt(o, on)).is_some()
        };
        if !ok {
            let text: &[u8] = if letter == b'o' { b": invalid option name" } else { b": invalid shell option name" };
            self.startup_error(&[&name, text]);
            return Err(if letter == b'o' { 2 } else { 1 });
        }
        Ok(())
    }

    fn startup_error(&self, parts: &[&[u8]]) {
        let text = [&self.name[..], b": ", &parts.concat(), b"\n"].concat();
        self.write_error(&text);
    }

    fn bad_argument(&self, arg: &[u8]) -> i32 {
        self.startup_error(&[arg, b": invalid option"]);
        self.write_error(usage_text(&self.name).as_bytes());
        2
    }

    // ---- where commands come from ----

    fn run_request(&mut self, request: Request) -> Run {
        let Request { command, stdin, login, script, rest, .. } = request;
        let mut rest = rest.into_iter();
        if let Some(text) = command {
            if script && let Some(name) = rest.next() {
                self.params = Rc::new(rest.collect());
                return self.run_script_text(&name, text, login);
            }
            self.mode = Mode::Command;
            self.opts.command = true;
            if let Some(name) = rest.next() {
                self.name = name.into();
            }
            self.params = Rc::new(rest.collect());
            self.start_files(login)?;
            self.execution_string = Some(text.as_slice().into());
            let parser = Parser::new(Box::new(Lines::new(text)), 1, self.settings());
            let tail = !self.session;
            return self.run_parser(parser, Origin::Command, tail);
        }
        match rest.next() {
            Some(path) if !stdin => {
                self.params = Rc::new(rest.collect());
                self.run_script(&path, login)
            }
            first => {
                self.mode = Mode::Stdin;
                self.opts.stdin = true;
                self.params = Rc::new(first.into_iter().chain(rest).collect());
                self.start_files(login)?;
                let source = Input { sys: self.sys.clone() };
                let parser = Parser::new(Box::new(source), 1, self.settings());
                self.run_parser(parser, Origin::File, false)
            }
        }
    }

    /// The files a login shell, or any shell told by BASH_ENV, runs first.
    fn start_files(&mut self, login: bool) -> Run {
        if login {
            self.opts.put_shopt(Shopt::LoginShell, true);
            self.run_start_file(b"/etc/profile")?;
            let home = self.text(Sym::HOME).unwrap_or_default();
            for name in [&b"/.bash_profile"[..], b"/.bash_login", b"/.profile"] {
                let path = [&home[..], name].concat();
                if self.sys.access(&path, 4).is_ok() {
                    self.run_start_file(&path)?;
                    break;
                }
            }
        }
        let name = if self.opt(Opt::Posix) { None } else { self.text(Sym::BASH_ENV) };
        if let Some(name) = name.filter(|n| !n.is_empty()) {
            let path = self.expand_prompt_text(&name);
            self.run_start_file(&path)?;
        }
        Ok(())
    }

    fn run_start_file(&mut self, path: &[u8]) -> Run {
        let Ok(fd) = self.open_script(path) else { return Ok(()) };
        let text = self.read_all(fd);
        let _ = self.sys.close(fd);
        self.run_file(path, Box::new(Lines::new(text)), None)
    }

    fn run_script(&mut self, path: &[u8], login: bool) -> Run {
        self.mode = Mode::Script;
        let found = match self.sys.stat(path, true) {
            Ok(_) => Rc::from(path),
            Err(_) if !path.contains(&b'/') => self.search_path(path).unwrap_or_else(|| path.into()),
            Err(_) => path.into(),
        };
        if self.sys.stat(&found, true).is_ok_and(|s| s.kind == FileKind::Dir) {
            return self.no_script(path, path, Errno::ISDIR.message().as_bytes(), 126);
        }
        let fd = match self.open_script(&found) {
            Ok(fd) => fd,
            Err(e) => {
                let (name, status) = (self.name.clone(), if e == Errno::NOENT { 127 } else { 126 });
                return self.no_script(&name, path, e.message().as_bytes(), status);
            }
        };
        let text = self.read_all(fd);
        let _ = self.sys.close(fd);
        self.run_script_text(path, text, login)
    }

    /// A script that cannot be run.
    fn no_script(&mut self, name: &[u8], path: &[u8], error: &[u8], status: i32) -> Run {
        self.write_error(&[name, b": ", path, b": ", error, b"\n"].concat());
        self.status = status;
        Err(Unwind::Exit)
    }

    /// Runs what a script file holds.
    fn run_script_text(&mut self, path: &[u8], text: Vec<u8>, login: bool) -> Run {
        self.mode = Mode::Script;
        let line = text.iter().position(|b| *b == b'\n').unwrap_or(text.len());
        if text[..line.min(80)].contains(&0) {
            return self.no_script(path, path, b"cannot execute binary file", 126);
        }
        self.name = path.into();
        self.start_files(login)?;
        self.frames.push(Frame {
            name: Rc::from(&b"main"[..]),
            source: path.into(),
            line: 0,
            is_function: false,
            options: None,
        });
        let parser = Parser::new(Box::new(Lines::new(text)), 1, self.settings());
        self.run_parser(parser, Origin::File, false)
    }

    // ---- children ----

    fn run_child(&mut self, blob: &[u8]) -> i32 {
        let Some(work) = self.restore_child(blob) else {
            self.startup_error(&[b"cannot read the state of the parent shell"]);
            return 125;
        };
        let _ = match work {
            Work::List(list) => self.run_tail(&list),
            Work::Call(words) => self.run_call(&words),
            Work::Command(command) => self.run_stage(command),
        };
        self.finish()
    }

    /// A stage of a pipeline: a group or subshell is this very process.
    fn run_stage(&mut self, command: Command) -> Run {
        if let Command::Compound(c) = &command {
            let list = match &c.kind {
                Kind::Subshell(list) => Some(&**list),
                Kind::Brace(list) => Some(list),
                _ => None,
            };
            if let Some(list) = list {
                if !self.redirect_permanently(&c.redirs)? {
                    return Ok(());
                }
                return self.run_tail(list);
            }
        }
        self.run_tail(&state::list_of(command))
    }

    fn run_call(&mut self, words: &[Vec<u8>]) -> Run {
        let Some(function) = self.funcs.get(&words[0]).cloned() else { return Ok(()) };
        self.call_function(&function, words)
    }
}

/// A script on standard input, read so that nothing behind the current line is taken away from its commands.
struct Input {
    sys: Rc<dyn System>,
}

impl Source for Input {
    fn next_line(&mut self, into: &mut Vec<u8>) -> bool {
        let start = into.len();
        let seekable = self.sys.seek(0, 0, Whence::Current).is_ok();
        let mut buf = [0; 1024];
        loop {
            let want = if seekable { buf.len() } else { 1 };
            match self.sys.read(0, &mut buf[..want]) {
                Ok(0) => return into.len() > start,
                Ok(n) => match buf[..n].iter().position(|b| *b == b'\n') {
                    Some(i) => {
                        into.extend_from_slice(&buf[..=i]);
                        let extra = n - i - 1;
                        if extra > 0 {
                            let _ = self.sys.seek(0, -(extra as i64), Whence::Current);
                        }
                        return true;
                    }
                    None => into.extend_from_slice(&buf[..n]),
                },
                Err(Errno::INTR) => {}
                Err(_) => return into.len() > start,
            }
        }
    }
}

fn version_text() -> String {
    format!(
        "GNU bash, version {VERSION} (x86_64-pc-linux-gnu)\n\
         This is the shell of Coquina, compatible with that version; it shares no code with it.\n"
    )
}

fn usage_text(name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name);
    format!(
        "Usage:\t{name} [GNU long option] [option] ...\n\
         \t{name} [GNU long option] [option] script-file ...\n\
         GNU long options:\n\
         \t--debug\n\t--debugger\n\t--dump-po-strings\n\t--dump-strings\n\t--help\n\t--init-file\n\t--login\n\
         \t--noediting\n\t--noprofile\n\t--norc\n\t--posix\n\t--pretty-print\n\t--rcfile\n\t--restricted\n\t--verbose\n\
         \t--version\n\
         Shell options:\n\
         \t-ilrsD or -c command or -O shopt_option\t\t(invocation only)\n\
         \t-abefhkmnptuvxBCEHPT or -o option\n"
    )
}
