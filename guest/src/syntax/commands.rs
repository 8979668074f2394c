//! Lists, pipelines, simple commands and assignments.

use super::ast::{
    AndOr, Arg, Assign, AssignValue, Chain, Command, Coproc, Element, FuncDef, Item, List, Pipeline, Redir, RedirFd,
    RedirOp, Simple, Target, Timed, Word,
};
use super::parser::{END, Parse, Parser, is_meta};
use super::words::Stop;
use crate::names::Sym;
use std::cell::Cell;
use std::rc::Rc;

/// Builtins whose arguments may be assignments, arrays included.
fn is_declaration(word: &[u8]) -> bool {
    matches!(word, b"declare" | b"typeset" | b"local" | b"export" | b"readonly")
}

/// Words that a command cannot begin with.
const CLOSERS: [&[u8]; 9] = [b"then", b"else", b"elif", b"fi", b"do", b"done", b"esac", b"}", b"in"];

impl Parser {
    /// A line of commands, with everything that is open at its end.
    pub(super) fn complete_command(&mut self) -> Parse<Option<List>> {
        self.skip_lines()?;
        if self.here() == END {
            return Ok(None);
        }
        let mut list = List::default();
        loop {
            let chain = self.and_or()?;
            self.skip_blanks();
            let background = self.here() == b'&';
            list.items.push(Item { chain, background, newline: false });
            match self.here() {
                b'\n' => {
                    self.newline()?;
                    return Ok(Some(list));
                }
                END => {
                    self.flush_pending()?;
                    return Ok(Some(list));
                }
                b';' if self.at(1) != b';' && self.at(1) != b'&' => self.pos += 1,
                b'&' => self.pos += 1,
                _ => return Err(self.unexpected()),
            }
            self.skip_blanks();
            match self.here() {
                b'\n' => {
                    self.newline()?;
                    return Ok(Some(list));
                }
                END => {
                    self.flush_pending()?;
                    return Ok(Some(list));
                }
                _ => {}
            }
        }
    }

    /// Here-documents that the script's end left without a body.
    fn flush_pending(&mut self) -> Parse<()> {
        if self.pending.is_empty() { Ok(()) } else { self.read_here_documents() }
    }

    /// The commands inside a compound command, up to a closing word or bracket, which is left.
    pub(super) fn compound_list(&mut self) -> Parse<List> {
        self.nested(|p| {
            let mut list = List::default();
            p.skip_lines()?;
            loop {
                let chain = p.and_or()?;
                p.skip_blanks();
                let b = p.here();
                let background = b == b'&';
                list.items.push(Item { chain, background, newline: b == b'\n' && p.substitutions > 0 });
                match b {
                    b'\n' => {}
                    b';' if p.at(1) == b';' || p.at(1) == b'&' => return Ok(list),
                    b';' | b'&' => p.pos += 1,
                    _ => return Ok(list),
                }
                p.skip_lines()?;
                if p.at_list_end() {
                    return Ok(list);
                }
            }
        })
    }

    /// Is the position at something that closes a list?
    pub(super) fn at_list_end(&mut self) -> bool {
        match self.here() {
            END | b')' => true,
            b';' => self.at(1) == b';' || self.at(1) == b'&',
            b't' | b'e' | b'f' | b'd' | b'}' => CLOSERS[..8].iter().any(|w| self.at_word(w)),
            _ => false,
        }
    }

    /// The commands of `$(…)` and `<(…)`, behind the bracket, which is consumed with the closing one.
    pub(super) fn substituted_list(&mut self) -> Parse<List> {
        let pending = std::mem::take(&mut self.pending);
        let in_array = std::mem::replace(&mut self.in_array, false);
        self.substitutions += 1;
        self.skip_lines()?;
        let mut list = if self.here() == b')' { List::default() } else { self.compound_list()? };
        self.skip_blanks();
        if self.here() != b')' {
            return Err(self.unexpected());
        }
        self.flush_pending()?;
        super::renumber::renumber(&mut list);
        self.pos += 1;
        self.substitutions -= 1;
        self.in_array = in_array;
        self.pending = pending;
        Ok(list)
    }

    fn and_or(&mut self) -> Parse<AndOr> {
        let first = self.pipeline()?;
        let mut rest = Vec::new();
        loop {
            self.skip_blanks();
            let chain = match (self.here(), self.at_if_not_newline(1)) {
                (b'&', b'&') => Chain::And,
                (b'|', b'|') => Chain::Or,
                _ => return Ok(AndOr { first, rest }),
            };
            self.pos += 2;
            self.skip_lines()?;
            rest.push((chain, self.pipeline()?));
        }
    }

    /// Looks one byte ahead without reading the next line to do so.
    pub(super) fn at_if_not_newline(&mut self, ahead: usize) -> u8 {
        if self.here() == b'\n' { b'\n' } else { self.at(ahead) }
    }

    fn pipeline(&mut self) -> Parse<Pipeline> {
        let mut pipeline = Pipeline { negate: false, timed: None, stages: Vec::new() };
        loop {
            self.skip_blanks();
            self.expand_alias();
            if self.eat_word(b"!") {
                pipeline.negate = !pipeline.negate;
            } else if self.eat_word(b"time") {
                self.skip_blanks();
                let posix = self.eat_word(b"-p");
                self.skip_blanks();
                let _ = self.eat_word(b"--");
                pipeline.timed = Some(Timed { posix });
            } else {
                break;
            }
        }
        if (pipeline.negate || pipeline.timed.is_some()) && self.at_separator() {
            return Ok(pipeline);
        }
        loop {
            let mut stage = self.command()?;
            self.skip_blanks();
            if self.here() != b'|' || self.at(1) == b'|' {
                pipeline.stages.push(stage);
                return Ok(pipeline);
            }
            self.pos += 1;
            if self.here() == b'&' {
                self.pos += 1;
                redirs_of(&mut stage).push(Redir {
                    fd: RedirFd::Number(2),
                    op: RedirOp::DupOut,
                    target: Target::Word(Word::literal(b"1")),
                });
            }
            pipeline.stages.push(stage);
            self.skip_lines()?;
        }
    }

    /// Is this where a command would end?
    fn at_separator(&mut self) -> bool {
        matches!(self.here(), b'\n' | b';' | b'&' | b')' | END) || (self.here() == b'|' && self.at(1) == b'|')
    }

    fn command(&mut self) -> Parse<Command> {
        self.skip_blanks();
        self.expand_alias();
        match self.here() {
            b'(' => return self.parenthesis(),
            b'&' if self.at(1) == b'>' => {}
            END | b'\n' | b'&' | b'|' | b';' | b')' => return Err(self.unexpected()),
            b'i' | b'f' | b'w' | b'u' | b'c' | b's' | b'{' | b'[' => {
                if let Some(kind) = self.compound_start()? {
                    return Ok(kind);
                }
            }
            _ => {}
        }
        if matches!(self.here(), b't' | b'e' | b'f' | b'd' | b'}' | b'i') && CLOSERS.iter().any(|w| self.at_word(w)) {
            return Err(self.unexpected());
        }
        self.simple()
    }

    fn simple(&mut self) -> Parse<Command> {
        let mut simple = Simple {
            line: self.line,
            assigns: Vec::new(),
            args: Vec::new(),
            redirs: Vec::new(),
            resolved: Cell::new(0),
        };
        let mut declaration = false;
        let mut tokens = 0;
        loop {
            self.skip_blanks();
            // Bash notes the line when it has looked at the second word.
            if tokens == 1 {
                simple.line = self.line;
            }
            tokens += 1;
            if simple.args.is_empty() {
                self.expand_alias();
            } else {
                self.expand_next_alias();
            }
            if let Some(redir) = self.redirection()? {
                simple.redirs.push(redir);
                continue;
            }
            let second = tokens == 2;
            let b = self.here();
            let process = matches!(b, b'<' | b'>') && self.at(1) == b'(';
            if b == END || (is_meta(b) && !process) {
                break;
            }
            if (simple.args.is_empty() || declaration)
                && let Some(assign) = self.assignment()?
            {
                match (simple.args.is_empty(), assign) {
                    (true, assign) => simple.assigns.push(assign),
                    (false, assign) => simple.args.push(Arg::Assign(Box::new(assign))),
                }
                if second {
                    simple.line = self.line;
                }
                continue;
            }
            let word = self.word()?;
            if simple.args.is_empty() {
                if let Some(text) = word.as_literal() {
                    declaration = is_declaration(text);
                    if simple.assigns.is_empty() && simple.redirs.is_empty() && self.function_follows() {
                        let name = text.to_vec();
                        return self.function_body(&name, simple.line);
                    }
                }
            } else if let (Some(b"command" | b"builtin"), 1) = (first_literal(&simple), simple.args.len()) {
                declaration = word.as_literal().is_some_and(is_declaration);
            }
            simple.args.push(Arg::Word(word));
            if second {
                simple.line = self.line;
            }
        }
        if simple.args.is_empty() && simple.assigns.is_empty() && simple.redirs.is_empty() {
            return Err(self.unexpected());
        }
        Ok(Command::Simple(Box::new(simple)))
    }

    /// Does `()` follow the word just read?
    fn function_follows(&mut self) -> bool {
        let mut n = 0;
        while matches!(self.at(n), b' ' | b'\t') {
            n += 1;
        }
        self.at(n) == b'('
    }

    /// A function definition behind its name, at the `(`.
    fn function_body(&mut self, name: &[u8], line: u32) -> Parse<Command> {
        self.skip_blanks();
        self.pos += 1;
        self.skip_blanks();
        if self.here() != b')' {
            return Err(self.unexpected());
        }
        self.pos += 1;
        self.function_rest(name, line)
    }

    /// The body of a function, behind its name and brackets.
    pub(super) fn function_rest(&mut self, name: &[u8], line: u32) -> Parse<Command> {
        self.skip_lines()?;
        let compound = match self.here() {
            b'(' => Some(self.parenthesis()?),
            _ => self.compound_start()?,
        };
        match compound {
            Some(body @ Command::Compound(_)) => {
                Ok(Command::Function(Rc::new(FuncDef { name: name.into(), line, body: Rc::new(body) })))
            }
            _ => Err(self.unexpected()),
        }
    }

    /// `coproc [NAME] command`, behind the word.
    pub(super) fn coproc(&mut self, line: u32) -> Parse<Command> {
        self.skip_blanks();
        if self.here() == END {
            return Err(self.missing_word());
        }
        let start = self.pos;
        if let Some(name) = self.plain_word().map(<[u8]>::to_vec)
            && crate::names::is_name(&name)
        {
            self.pos += name.len();
            self.skip_blanks();
            let compound = match self.here() {
                b'(' => Some(self.parenthesis()?),
                _ => self.compound_start()?,
            };
            if let Some(body) = compound {
                return Ok(Command::Coproc(Box::new(Coproc { line, name: name.into(), body })));
            }
            self.pos = start;
        }
        let body = self.nested(Self::command)?;
        Ok(Command::Coproc(Box::new(Coproc { line, name: (*b"COPROC").into(), body })))
    }

    /// An assignment, if one starts here.
    pub(super) fn assignment(&mut self) -> Parse<Option<Assign>> {
        let len = self.name_length();
        if len == 0 {
            return Ok(None);
        }
        let (start, line) = (self.pos, self.line);
        let mut index = None;
        match self.at(len) {
            b'=' => self.pos += len,
            b'+' if self.at(len + 1) == b'=' => self.pos += len,
            b'[' => {
                self.pos += len + 1;
                let subscript = self.subscript_here()?;
                if self.here() != b'=' && !(self.here() == b'+' && self.at(1) == b'=') {
                    self.rewind(start, line)?;
                    return Ok(None);
                }
                index = Some(subscript);
            }
            _ => return Ok(None),
        }
        let name = Sym::new(&self.buf[start..start + len]);
        let append = self.here() == b'+';
        self.pos += 1 + usize::from(append);
        let value = if self.here() == b'(' {
            AssignValue::Array(self.array()?)
        } else {
            AssignValue::Scalar(self.word_until(Stop::Meta, true)?)
        };
        Ok(Some(Assign { name, index, append, value }))
    }

    /// An assignment that stands alone.
    pub fn whole_assignment(&mut self) -> Option<Assign> {
        self.assignment().ok().flatten()
    }

    /// The elements of `name=( … )`, at the bracket.
    fn array(&mut self) -> Parse<Vec<Element>> {
        let line = self.line;
        let outer = std::mem::replace(&mut self.in_array, true);
        let pending = std::mem::take(&mut self.pending);
        self.pos += 1;
        let mut elements = Vec::new();
        loop {
            self.skip_lines()?;
            match self.here() {
                b')' => break,
                END => return Err(self.unmatched_array(line)),
                _ => {}
            }
            let element = if self.here() == b'[' { self.keyed_element()? } else { None };
            let element = match element {
                Some(e) => e,
                None => Element { index: None, append: false, value: self.word()? },
            };
            if element.index.is_none() && element.value.is_empty() {
                return Err(self.unexpected());
            }
            elements.push(element);
        }
        self.pos += 1;
        self.pending = pending;
        self.in_array = outer;
        Ok(elements)
    }

    fn unmatched_array(&mut self, line: u32) -> super::error::SyntaxError {
        self.error(line, super::error::ErrorKind::Unmatched(b')'))
    }

    /// `[key]=value`.
    fn keyed_element(&mut self) -> Parse<Option<Element>> {
        let (start, line) = (self.pos, self.line);
        self.pos += 1;
        let subscript = self.subscript_here()?;
        let append = self.here() == b'+' && self.at(1) == b'=';
        if !append && self.here() != b'=' {
            self.rewind(start, line)?;
            return Ok(None);
        }
        self.pos += 1 + usize::from(append);
        let index = Some(subscript);
        let value = self.word_until(Stop::Meta, true)?;
        Ok(Some(Element { index, append, value }))
    }
}

fn first_literal(simple: &Simple) -> Option<&[u8]> {
    match simple.args.first() {
        Some(Arg::Word(w)) => w.as_literal(),
        _ => None,
    }
}

/// The redirections of a command, to add one.
fn redirs_of(command: &mut Command) -> &mut Vec<Redir> {
    if let Command::Function(_) | Command::Coproc(_) = command {
        // `f() { …; } |& g` redirects the definition, which writes nothing: wrap it.
        let inner = std::mem::replace(command, Command::Simple(Box::default()));
        let list = List {
            items: vec![Item {
                chain: AndOr { first: Pipeline { negate: false, timed: None, stages: vec![inner] }, rest: Vec::new() },
                background: false,
                newline: false,
            }],
        };
        *command = Command::Compound(Box::new(super::ast::Compound {
            line: 0,
            kind: super::ast::Kind::Brace(list),
            redirs: Vec::new(),
        }));
    }
    match command {
        Command::Simple(s) => &mut s.redirs,
        Command::Compound(c) => &mut c.redirs,
        Command::Function(_) | Command::Coproc(_) => unreachable!("wrapped above"),
    }
}
