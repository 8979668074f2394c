//! Functions, `eval`, `source`: running commands that are not where the shell is.

use super::compound::MAX_STACK;
use crate::names::Sym;
use crate::options::Opt;
use crate::shell::{Frame, Function, MAX_RECURSION, Mode, Run, Shell, Unwind};
use crate::syntax::ast::{Command, FuncDef};
use crate::syntax::{ErrorKind, Lines, Parser, Source, SyntaxError, print};
use crate::vars::ScopeKind;
use std::cell::OnceCell;
use std::rc::Rc;

/// Where commands come from, for messages about their syntax.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin<'a> {
    /// `bash -c`.
    Command,
    /// A file or standard input, by the name messages use.
    File,
    /// `eval`, a trap: the word messages add.
    Inner(&'a str),
}

impl Shell {
    #[inline(never)]
    pub(super) fn define_function(&mut self, def: &Rc<FuncDef>) {
        self.line = def.line + self.line_base;
        if self.opt(Opt::Posix)
            && crate::builtins::find(&def.name).and_then(crate::builtins::get).is_some_and(|b| b.special)
        {
            self.complain_parts(&[b"`", &def.name, b"': is a special builtin"]);
            self.status = 1;
            return;
        }
        if self.funcs.get(&*def.name).is_some_and(|f| f.readonly) {
            self.complain_parts(&[&def.name, b": readonly function"]);
            self.status = 1;
            return;
        }
        let old = self.funcs.get(&*def.name);
        let function = Function {
            def: OnceCell::from(def.clone()),
            wire: OnceCell::new(),
            source: self.definition_source(),
            line_base: self.line_base,
            exported: old.is_some_and(|f| f.exported),
            traced: old.is_some_and(|f| f.traced),
            readonly: false,
        };
        if function.exported {
            self.vars.env_changed = true;
        }
        self.funcs.insert(def.name.to_vec(), Rc::new(function));
        self.status = 0;
    }

    /// The file a function defined now belongs to.
    fn definition_source(&self) -> Rc<[u8]> {
        match self.frames.last() {
            Some(f) => f.source.clone(),
            None if self.mode == Mode::Stdin => Rc::from(&b"main"[..]),
            None => Rc::from(&b"environment"[..]),
        }
    }

    /// Takes over a function from the environment.
    pub fn import_function(&mut self, name: &[u8], value: &[u8]) {
        let text = [name, b" ", value].concat();
        let mut parser = Parser::new(Box::new(Lines::new(text)), 1, self.settings());
        if let Ok(Some(list)) = parser.next_command()
            && let [item] = &list.items[..]
            && let [Command::Function(def)] = &item.chain.first.stages[..]
        {
            let function = Function {
                def: OnceCell::from(def.clone()),
                wire: OnceCell::new(),
                source: Rc::from(&b"environment"[..]),
                line_base: 0,
                exported: true,
                traced: false,
                readonly: false,
            };
            self.funcs.insert(name.to_vec(), Rc::new(function));
        }
    }

    /// Calls a function; `args[0]` is its name.
    #[inline(never)]
    pub fn call_function(&mut self, function: &Rc<Function>, args: &[Vec<u8>]) -> Run {
        let Some(def) = function.definition() else { return Ok(()) };
        if self.depth >= MAX_RECURSION || self.stack >= MAX_STACK {
            return Err(self.recursion_limit());
        }
        if let Some(limit) = self.vars.text(Sym::FUNCNEST).and_then(crate::expand::to_int)
            && limit > 0
            && self.frames.iter().filter(|f| f.is_function).count() as i64 >= limit
        {
            let text = format!(": maximum function nesting level exceeded ({limit})");
            self.complain_parts(&[&args[0], text.as_bytes()]);
            return Err(self.discard(1));
        }
        let frame = Frame {
            name: args[0].as_slice().into(),
            source: function.source.clone(),
            line: self.line,
            is_function: true,
            options: None,
        };
        self.frames.push(frame);
        self.depth += 1;
        self.stack += 1;
        self.vars.push_scope(ScopeKind::Function);
        let params = std::mem::replace(&mut self.params, Rc::new(args[1..].to_vec()));
        let loops = std::mem::take(&mut self.loops);
        let line_base = std::mem::replace(&mut self.line_base, function.line_base);
        let outer_traps = self.enter_function(function.traced);
        let result = self.function_body(&def);
        let result = self.leave_function(outer_traps, result);
        self.loops = loops;
        self.line_base = line_base;
        self.params = params;
        self.vars.pop_scope();
        self.stack -= 1;
        self.depth -= 1;
        if let Some(frame) = self.frames.pop() {
            self.line = frame.line;
            if let Some(options) = frame.options {
                self.opts.set = options;
            }
        }
        result
    }

    fn function_body(&mut self, def: &FuncDef) -> Run {
        if self.traps.has_debug() {
            self.line = def.line + self.line_base;
            self.before_command(&def.name)?;
        }
        let result = self.command(&def.body);
        if result.is_ok() {
            self.before_return = self.status;
        }
        result
    }

    /// Runs text as commands, the first line being number `line`.
    pub fn run_text(&mut self, text: &[u8], line: u32, origin: Origin) -> Run {
        let parser = Parser::new(Box::new(Lines::new(text.to_vec())), line, self.settings());
        self.run_parser(parser, origin, false)
    }

    /// Runs everything a parser gives. With `tail`, the last program may replace the shell.
    pub fn run_parser(&mut self, parser: Parser, origin: Origin, tail: bool) -> Run {
        let line_base = std::mem::take(&mut self.line_base);
        let result = self.parse_and_run(parser, origin, tail);
        self.line_base = line_base;
        result
    }

    #[inline(never)]
    fn parse_and_run(&mut self, mut parser: Parser, origin: Origin, tail: bool) -> Run {
        let mut any = false;
        loop {
            parser.set(self.settings());
            let next = parser.next_command();
            self.report_warnings(&mut parser);
            match next {
                Ok(None) => {
                    if !any {
                        self.status = 0;
                    }
                    return Ok(());
                }
                Ok(Some(list)) => {
                    any = true;
                    if crate::names::command_asked() {
                        self.traps.watch(true);
                    }
                    if self.opt(Opt::NoExec) {
                        continue;
                    }
                    let last = tail && parser.is_at_end();
                    let result = if last { self.run_tail(&list) } else { self.run_list(&list) };
                    match result {
                        Ok(()) => {}
                        Err(Unwind::Discard) => {
                            self.loops = 0;
                            self.errexit_ignored = 0;
                            if self.opt(Opt::ErrExit) {
                                return Err(Unwind::Exit);
                            }
                        }
                        Err(unwind) => return Err(unwind),
                    }
                    if self.opt(Opt::OneCmd) {
                        return Err(Unwind::Exit);
                    }
                }
                Err(error) => {
                    any = true;
                    self.report_syntax(&error, origin);
                    if !error.in_array {
                        return self.after_syntax_error(&error, origin);
                    }
                    self.status = 1;
                }
            }
        }
    }

    /// A syntax error ends a script, but only the text of an `eval`.
    fn after_syntax_error(&mut self, error: &SyntaxError, origin: Origin) -> Run {
        let conditional = matches!(error.kind, ErrorKind::Message(_));
        let inner = matches!(origin, Origin::Inner(_)) || self.frames.last().is_some_and(|f| &*f.name == b"source");
        if inner {
            self.status = 2;
            return Ok(());
        }
        let token = matches!(error.kind, ErrorKind::Unexpected { .. });
        if origin == Origin::Command && error.in_substitution && token {
            self.status = 127;
        } else if !conditional {
            self.status = 2;
        }
        Err(Unwind::Exit)
    }

    fn report_warnings(&mut self, parser: &mut Parser) {
        for warning in std::mem::take(&mut parser.warnings) {
            let mut out = self.message_name().to_vec();
            out.extend_from_slice(format!(": line {}: warning: ", warning.line).as_bytes());
            out.extend_from_slice(&warning.text);
            out.push(b'\n');
            self.write_error(&out);
        }
        if !parser.echo.is_empty() {
            let echo = std::mem::take(&mut parser.echo);
            self.write_error(&echo);
        }
    }

    fn report_syntax(&mut self, error: &SyntaxError, origin: Origin) {
        let mut prefix = self.message_name().to_vec();
        prefix.extend_from_slice(b": ");
        match origin {
            Origin::Command => prefix.extend_from_slice(b"-c: "),
            Origin::Inner(word) => {
                prefix.extend_from_slice(word.as_bytes());
                prefix.extend_from_slice(b": ");
            }
            Origin::File => {}
        }
        self.write_error(&error.render(&prefix));
    }

    /// Runs a file's commands in this shell.
    #[inline(never)]
    pub fn run_file(&mut self, path: &[u8], source: Box<dyn Source>, params: Option<Vec<Vec<u8>>>) -> Run {
        if self.depth >= MAX_RECURSION || self.stack >= MAX_STACK {
            return Err(self.recursion_limit());
        }
        let call_line = self.line;
        self.frames.push(Frame {
            name: Rc::from(&b"source"[..]),
            source: path.into(),
            line: call_line,
            is_function: false,
            options: None,
        });
        self.depth += 1;
        let given = params.is_some();
        let outer = params.map(|p| std::mem::replace(&mut self.params, Rc::new(p)));
        let parser = Parser::new(source, 1, self.settings());
        let result = self.run_parser(parser, Origin::File, false);
        if result.is_ok() {
            self.before_return = self.status;
        }
        let result = match result {
            Ok(()) | Err(Unwind::Return) => self.run_return_trap(),
            other => other,
        };
        if given && let Some(outer) = outer {
            self.params = outer;
        }
        self.depth -= 1;
        self.frames.pop();
        self.line = call_line;
        result
    }

    /// The definition of a function, printed.
    #[must_use]
    pub fn function_text(&self, name: &[u8]) -> Option<Vec<u8>> {
        let def = self.funcs.get(name)?.definition()?;
        Some(print::function(name, &def))
    }
}
