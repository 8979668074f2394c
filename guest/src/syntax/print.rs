//! Prints a tree as bash prints commands: `declare -f`, `type`, `jobs`, `$BASH_COMMAND`, and messages about killed children.

use super::ast::{
    AndOr, Arg, ArithText, Assign, AssignValue, CaseEnd, Chain, Command, Compound, Cond, Element, FuncDef, HereDoc,
    Index, Kind, List, Param, ParamName, Part, Pipeline, Redir, RedirFd, RedirOp, Simple, Target, Word,
};
use std::rc::Rc;

/// Columns of one level of indentation.
const STEP: usize = 4;

#[derive(Default)]
struct Printer {
    out: Vec<u8>,
    indentation: usize,
    /// The next command continues a line.
    skip_indent: bool,
    in_function: bool,
    /// Inside `a; b`, `a && b` or `a | b`: bodies of here-documents wait for the operator.
    connections: u32,
    deferred: Vec<Rc<HereDoc>>,
    was_heredoc: bool,
    in_substitution: bool,
    /// The line of every command met, if that is wanted, and how far lines have been counted.
    lines: Option<Vec<u32>>,
    counted: (usize, u32),
}

/// A function as `declare -f` shows it.
#[must_use]
pub fn function(name: &[u8], def: &FuncDef) -> Vec<u8> {
    let mut p = Printer::default();
    if is_reserved(name) {
        p.text(b"function ");
    }
    p.text(name);
    p.text(b" () \n");
    p.function_body(&def.body);
    p.out
}

/// A command on one line as far as possible.
#[must_use]
pub fn command(c: &Command) -> Vec<u8> {
    let mut p = Printer::default();
    p.command(c);
    p.out
}

/// The line, from 0, of every command in the printed form of a substituted list.
#[must_use]
pub(super) fn lines(l: &List) -> Vec<u32> {
    let mut p = Printer { in_substitution: true, lines: Some(Vec::new()), ..Printer::default() };
    p.list(l);
    p.lines.unwrap_or_default()
}

/// A list of commands, as in `jobs`.
#[must_use]
pub fn list(l: &List) -> Vec<u8> {
    let mut p = Printer::default();
    p.list(l);
    p.out
}

/// One and-or list.
#[must_use]
pub fn and_or(chain: &AndOr) -> Vec<u8> {
    let mut p = Printer::default();
    p.and_or(chain);
    p.out
}

/// One pipeline.
#[must_use]
pub fn pipeline(pipe: &Pipeline) -> Vec<u8> {
    let mut p = Printer::default();
    p.pipeline(pipe);
    p.out
}

/// A simple command with its redirections.
#[must_use]
pub fn simple(s: &Simple) -> Vec<u8> {
    let mut p = Printer::default();
    p.simple(s);
    p.out
}

/// A compound command with its redirections.
#[must_use]
pub fn command_of(c: &Compound) -> Vec<u8> {
    let mut p = Printer::default();
    p.compound(c);
    p.out
}

/// `( … )`.
#[must_use]
pub fn subshell(l: &List) -> Vec<u8> {
    [b"( ", &list(l)[..], b" )"].concat()
}

/// The expression of `[[ ]]`.
#[must_use]
pub fn cond(c: &Cond) -> Vec<u8> {
    let mut p = Printer::default();
    p.cond(c);
    p.out
}

/// A word as written.
#[must_use]
pub fn word(w: &Word) -> Vec<u8> {
    let mut out = Vec::new();
    parts(&w.parts, &mut out);
    out
}

/// Pieces of a word as written.
#[must_use]
pub fn pieces(list: &[Part]) -> Vec<u8> {
    let mut out = Vec::new();
    parts(list, &mut out);
    out
}

/// An assignment as written.
#[must_use]
pub fn assignment(a: &Assign) -> Vec<u8> {
    let mut out = a.name.name().to_vec();
    if let Some(index) = &a.index {
        subscript(&index.arith, &mut out);
    }
    if a.append {
        out.push(b'+');
    }
    out.push(b'=');
    match &a.value {
        AssignValue::Scalar(w) => parts(&w.parts, &mut out),
        AssignValue::Array(elements) => {
            out.push(b'(');
            for (i, e) in elements.iter().enumerate() {
                if i > 0 {
                    out.push(b' ');
                }
                element(e, &mut out);
            }
            out.push(b')');
        }
    }
    out
}

fn element(e: &Element, out: &mut Vec<u8>) {
    if let Some(index) = &e.index {
        subscript(&index.arith, out);
        if e.append {
            out.push(b'+');
        }
        out.push(b'=');
    }
    parts(&e.value.parts, out);
}

fn subscript(text: &ArithText, out: &mut Vec<u8>) {
    out.push(b'[');
    out.extend_from_slice(&text.source);
    out.push(b']');
}

/// What a `$name` or `${…}` looks like.
pub fn parameter(p: &Param, out: &mut Vec<u8>) {
    out.push(b'$');
    if let Some(source) = &p.source {
        out.push(b'{');
        out.extend_from_slice(source);
        out.push(b'}');
        return;
    }
    match p.name {
        ParamName::Var(name) => out.extend_from_slice(name.name()),
        ParamName::Positional(n) => out.extend_from_slice(n.to_string().as_bytes()),
        ParamName::Special(c) => out.push(c),
    }
    if let Some(Index::At) = p.index {
        out.extend_from_slice(b"[@]");
    }
}

fn substituted(list: &List, open: &[u8], out: &mut Vec<u8>) {
    let mut p = Printer { in_substitution: true, ..Printer::default() };
    p.list(list);
    p.flush_deferred();
    out.extend_from_slice(open);
    if p.out.first() == Some(&b'(') {
        out.push(b' ');
    }
    out.extend_from_slice(&p.out);
    out.push(b')');
}

fn parts(list: &[Part], out: &mut Vec<u8>) {
    for part in list {
        match part {
            Part::Lit(t) => out.extend_from_slice(t),
            Part::Escaped(c) => out.extend_from_slice(&[b'\\', *c]),
            Part::Single(t) => out.extend_from_slice(&crate::text::quote::single(t)),
            Part::Double(inner) => {
                out.push(b'"');
                parts(inner, out);
                out.push(b'"');
            }
            Part::Tilde(name) => {
                out.push(b'~');
                out.extend_from_slice(name);
            }
            Part::Param(p) => parameter(p, out),
            Part::Command(c) => substituted(&c.list, b"$(", out),
            Part::Backquote(b) => {
                out.push(b'`');
                out.extend_from_slice(&b.source);
                out.push(b'`');
            }
            Part::Arith(a) => {
                let (open, close): (&[u8], &[u8]) = if a.bracket { (b"$[", b"]") } else { (b"$((", b"))") };
                out.extend_from_slice(open);
                out.extend_from_slice(&a.text.source);
                out.extend_from_slice(close);
            }
            Part::Process(p) => substituted(&p.list, if p.read { b"<(" } else { b">(" }, out),
        }
    }
}

fn is_reserved(name: &[u8]) -> bool {
    matches!(
        name,
        b"if"
            | b"then"
            | b"else"
            | b"elif"
            | b"fi"
            | b"case"
            | b"esac"
            | b"for"
            | b"select"
            | b"while"
            | b"until"
            | b"do"
            | b"done"
            | b"in"
            | b"function"
            | b"time"
            | b"{"
            | b"}"
            | b"!"
            | b"[["
            | b"]]"
            | b"coproc"
    )
}

impl Printer {
    fn text(&mut self, text: &[u8]) {
        self.out.extend_from_slice(text);
    }

    fn word(&mut self, w: &Word) {
        parts(&w.parts, &mut self.out);
    }

    fn words(&mut self, words: &[Word], between: &[u8]) {
        for (i, w) in words.iter().enumerate() {
            if i > 0 {
                self.text(between);
            }
            self.word(w);
        }
    }

    fn indent(&mut self) {
        if !std::mem::take(&mut self.skip_indent) {
            self.out.resize(self.out.len() + self.indentation, b' ');
        }
    }

    fn newline(&mut self, text: &[u8]) {
        self.out.push(b'\n');
        self.out.resize(self.out.len() + self.indentation, b' ');
        self.text(text);
    }

    fn semicolon(&mut self) {
        if !matches!(self.out.last(), Some(b'&' | b'\n')) {
            self.out.push(b';');
        }
    }

    fn indented(&mut self, inner: impl FnOnce(&mut Self)) {
        self.indentation += STEP;
        inner(self);
        self.flush_deferred();
        self.indentation -= STEP;
    }

    fn flush_deferred(&mut self) {
        self.print_deferred(b"");
    }

    /// Prints an operator and then the bodies that waited for it.
    fn print_deferred(&mut self, operator: &[u8]) {
        let spaced = !operator.is_empty() && operator != b";";
        if spaced {
            self.text(operator);
        }
        let docs = std::mem::take(&mut self.deferred);
        if !docs.is_empty() {
            self.bodies(&docs);
            if spaced {
                self.out.push(b' ');
            }
        }
    }

    fn bodies(&mut self, docs: &[Rc<HereDoc>]) {
        self.out.push(b'\n');
        for doc in docs {
            if let Some(body) = doc.body.get() {
                if doc.quoted {
                    for part in &body.parts {
                        if let Part::Single(t) = part {
                            self.text(t);
                        }
                    }
                } else {
                    self.word(body);
                }
            }
            self.text(&doc.plain);
            self.out.push(b'\n');
        }
        self.was_heredoc = true;
    }

    fn list(&mut self, l: &List) {
        let many = l.items.len() > 1 || l.items.iter().any(|i| i.background);
        if many {
            self.connections += 1;
        }
        for (i, item) in l.items.iter().enumerate() {
            let last = i + 1 == l.items.len();
            self.and_or(&item.chain);
            if i > 0 {
                self.flush_deferred();
            }
            if item.background {
                self.print_deferred(b" &");
                if self.out.last() != Some(&b' ') && !last {
                    self.out.push(b' ');
                }
                self.skip_indent = !last;
            } else if !last {
                self.sequence(item.newline && self.in_substitution);
            }
        }
        if many {
            self.flush_deferred();
            self.connections -= 1;
        }
    }

    /// The `;` between two commands.
    fn sequence(&mut self, newline: bool) {
        if self.deferred.is_empty() {
            if !std::mem::take(&mut self.was_heredoc) {
                self.out.push(if newline { b'\n' } else { b';' });
            }
        } else {
            self.print_deferred(if self.in_function { b"" } else { b";" });
            if newline {
                self.out.push(b'\n');
            }
        }
        if self.in_function {
            self.out.push(b'\n');
        } else {
            if !newline {
                self.out.push(b' ');
            }
            self.skip_indent = true;
        }
    }

    fn and_or(&mut self, chain: &AndOr) {
        if chain.rest.is_empty() {
            return self.pipeline(&chain.first);
        }
        self.connections += 1;
        self.pipeline(&chain.first);
        for (op, pipe) in &chain.rest {
            self.print_deferred(if *op == Chain::And { b" && " } else { b" || " });
            self.skip_indent = true;
            self.pipeline(pipe);
            self.flush_deferred();
        }
        self.connections -= 1;
    }

    fn pipeline(&mut self, pipe: &Pipeline) {
        self.indent();
        if let Some(timed) = pipe.timed {
            self.text(if timed.posix { b"time -p " } else { b"time " });
        }
        if pipe.negate {
            self.text(b"! ");
        }
        let many = pipe.stages.len() > 1;
        self.connections += u32::from(many);
        for (i, stage) in pipe.stages.iter().enumerate() {
            if i > 0 {
                self.print_deferred(b" |");
                self.out.push(b' ');
            }
            self.skip_indent = true;
            self.command(stage);
        }
        self.skip_indent = false;
        if many {
            self.flush_deferred();
            self.connections -= 1;
        }
    }

    /// Notes the line of the command that follows.
    fn note_line(&mut self) {
        if let Some(lines) = &mut self.lines {
            let (from, count) = self.counted;
            let new = self.out[from..].iter().filter(|b| **b == b'\n').count() as u32;
            self.counted = (self.out.len(), count + new);
            lines.push(count + new);
        }
    }

    fn command(&mut self, c: &Command) {
        self.indent();
        if !matches!(c, Command::Simple(_)) {
            self.note_line();
        }
        match c {
            Command::Simple(s) => self.simple(s),
            Command::Compound(c) => self.compound(c),
            Command::Function(f) => {
                self.text(b"function ");
                self.text(&f.name);
                self.text(b" () \n");
                let indentation = self.indentation;
                self.out.resize(self.out.len() + indentation, b' ');
                self.function_body(&f.body);
            }
            Command::Coproc(c) => {
                self.text(b"coproc ");
                self.text(&c.name);
                self.text(b" ");
                self.skip_indent = true;
                self.command(&c.body);
            }
        }
    }

    /// `{ … }` of a function, from the brace on.
    fn function_body(&mut self, body: &Command) {
        self.text(b"{ \n");
        let outer = std::mem::replace(&mut self.in_function, true);
        let mut redirs: &[Redir] = &[];
        self.indented(|p| match body {
            Command::Compound(c) => {
                if let Kind::Brace(list) = &c.kind {
                    p.note_line();
                    redirs = &c.redirs;
                    p.list(list);
                } else {
                    p.command(body);
                }
            }
            _ => p.command(body),
        });
        self.in_function = outer;
        self.was_heredoc = false;
        if redirs.is_empty() {
            self.newline(b"}");
        } else {
            self.newline(b"} ");
            self.redirections(redirs);
        }
    }

    fn simple(&mut self, s: &Simple) {
        let mut words = 0;
        // The line is noted behind the second word, as when it is parsed.
        let mut space = |p: &mut Self| {
            if words == 2 {
                p.note_line();
            }
            if words > 0 {
                p.out.push(b' ');
            }
            words += 1;
        };
        for a in &s.assigns {
            space(self);
            self.out.extend(assignment(a));
        }
        for arg in &s.args {
            space(self);
            match arg {
                Arg::Word(w) => self.word(w),
                Arg::Assign(a) => self.out.extend(assignment(a)),
            }
        }
        if !s.redirs.is_empty() {
            space(self);
            if words == 2 {
                self.note_line();
            }
            self.redirections(&s.redirs);
        } else if words <= 2 {
            self.note_line();
        }
    }

    fn compound(&mut self, c: &Compound) {
        match &c.kind {
            Kind::Brace(list) => self.group(list),
            Kind::Subshell(list) => {
                self.text(b"( ");
                self.skip_indent = true;
                self.list(list);
                self.flush_deferred();
                self.text(b" )");
            }
            Kind::If { cond, then, otherwise } => self.if_command(cond, then, otherwise.as_ref()),
            Kind::For { name, words, body } => self.for_command(b"for ", name, words.as_deref(), body),
            Kind::Select { name, words, body } => self.for_command(b"select ", name, words.as_deref(), body),
            Kind::ArithFor { init, cond, step, body } => {
                self.text(b"for ((");
                for (i, t) in [init, cond, step].iter().enumerate() {
                    if i > 0 {
                        self.text(b"; ");
                    }
                    self.text(if t.source.is_empty() { b"1" } else { &t.source });
                }
                self.text(b"))");
                self.do_group(body);
            }
            Kind::Case { word, items } => {
                self.text(b"case ");
                self.word(word);
                self.text(b" in ");
                self.indentation += STEP;
                for item in items {
                    self.case_item(item);
                }
                self.indentation -= STEP;
                self.newline(b"esac");
            }
            Kind::While { cond, body, until } => {
                self.text(if *until { b"until " } else { b"while " });
                self.skip_indent = true;
                self.list(cond);
                self.flush_deferred();
                self.semicolon();
                self.text(b" do\n");
                self.indented(|p| p.list(body));
                self.semicolon();
                self.newline(b"done");
            }
            Kind::Arith(text) => {
                self.text(b"((");
                self.text(&text.source);
                self.text(b"))");
            }
            Kind::Cond(cond) => {
                self.text(b"[[ ");
                self.cond(cond);
                self.text(b" ]]");
            }
        }
        if !c.redirs.is_empty() {
            self.text(b" ");
            self.redirections(&c.redirs);
        }
    }

    fn group(&mut self, list: &List) {
        self.text(b"{ ");
        if self.in_function {
            self.text(b"\n");
            self.indented(|p| p.list(list));
            self.newline(b"}");
        } else {
            self.skip_indent = true;
            self.list(list);
            self.flush_deferred();
            self.semicolon();
            self.text(b" }");
        }
    }

    fn if_command(&mut self, cond: &List, then: &List, otherwise: Option<&List>) {
        self.text(b"if ");
        self.skip_indent = true;
        self.list(cond);
        self.semicolon();
        self.text(b" then\n");
        self.indented(|p| p.list(then));
        if let Some(list) = otherwise {
            self.semicolon();
            self.newline(b"else\n");
            self.indented(|p| p.list(list));
        }
        self.semicolon();
        self.newline(b"fi");
    }

    fn for_command(&mut self, keyword: &[u8], name: &[u8], words: Option<&[Word]>, body: &List) {
        self.text(keyword);
        self.text(name);
        self.text(b" in ");
        match words {
            Some(words) => self.words(words, b" "),
            None => self.text(b"\"$@\""),
        }
        self.text(b";");
        self.do_group(body);
    }

    fn do_group(&mut self, body: &List) {
        self.newline(b"do\n");
        self.indented(|p| p.list(body));
        self.semicolon();
        self.newline(b"done");
    }

    fn case_item(&mut self, item: &super::ast::CaseItem) {
        self.newline(b"");
        self.words(&item.patterns, b" | ");
        self.text(b")\n");
        self.indentation += STEP;
        if !item.body.items.is_empty() {
            self.list(&item.body);
        }
        self.indentation -= STEP;
        self.flush_deferred();
        self.newline(match item.end {
            CaseEnd::Break => b";;",
            CaseEnd::FallThrough => b";&",
            CaseEnd::Continue => b";;&",
        });
    }

    fn cond(&mut self, c: &Cond) {
        match c {
            Cond::And(a, b) => {
                self.cond(a);
                self.text(b" && ");
                self.cond(b);
            }
            Cond::Or(a, b) => {
                self.cond(a);
                self.text(b" || ");
                self.cond(b);
            }
            Cond::Not(a) => {
                self.text(b"! ");
                self.cond(a);
            }
            Cond::Group(a) => {
                self.text(b"( ");
                self.cond(a);
                self.text(b" )");
            }
            Cond::Unary(letter, w) => {
                self.text(&[b'-', *letter, b' ']);
                self.word(w);
            }
            Cond::Binary(a, op, b) => {
                self.word(a);
                self.text(b" ");
                self.text(op);
                self.text(b" ");
                self.word(b);
            }
            Cond::Word(w) => {
                self.text(b"-n ");
                self.word(w);
            }
        }
    }

    fn redirections(&mut self, redirs: &[Redir]) {
        self.was_heredoc = false;
        let mut docs = Vec::new();
        for (i, r) in redirs.iter().enumerate() {
            if i > 0 {
                self.text(b" ");
            }
            self.redirection(r, &mut docs);
        }
        if docs.is_empty() {
            return;
        }
        if self.connections > 0 {
            self.deferred = docs;
        } else {
            self.bodies(&docs);
        }
    }

    fn redirection(&mut self, r: &Redir, docs: &mut Vec<Rc<HereDoc>>) {
        let (operator, default): (&[u8], i32) = match r.op {
            RedirOp::Read => (b"< ", 0),
            RedirOp::Write => (b"> ", 1),
            RedirOp::Append => (b">> ", 1),
            RedirOp::Clobber => (b">| ", 1),
            RedirOp::ReadWrite => (b"<> ", 1),
            RedirOp::Both => (b"&> ", 1),
            RedirOp::AppendBoth => (b"&>> ", 1),
            RedirOp::HereString => (b"<<< ", 0),
            RedirOp::HereDoc => (b"<<", 0),
            RedirOp::DupIn | RedirOp::DupOut => return self.duplication(r),
        };
        match &r.fd {
            RedirFd::Default if r.op == RedirOp::ReadWrite => self.text(b"0"),
            RedirFd::Default => {}
            RedirFd::Number(n) if *n == default => {}
            fd => self.descriptor(fd),
        }
        self.text(operator);
        match &r.target {
            Target::Word(w) => self.word(w),
            Target::Here(doc) => {
                if doc.strip_tabs {
                    self.text(b"-");
                }
                if doc.quoted {
                    self.text(&crate::text::quote::single(&doc.plain));
                } else {
                    self.text(&doc.plain);
                }
                docs.push(doc.clone());
            }
        }
    }

    fn descriptor(&mut self, fd: &RedirFd) {
        match fd {
            RedirFd::Default => {}
            RedirFd::Number(n) => self.text(n.to_string().as_bytes()),
            RedirFd::Variable(name) => {
                self.text(b"{");
                self.text(name);
                self.text(b"}");
            }
        }
    }

    /// `<&` and `>&`, always with the descriptor when the source is a number.
    fn duplication(&mut self, r: &Redir) {
        let Target::Word(w) = &r.target else { return };
        let source = word(w);
        let number = source.strip_suffix(b"-").unwrap_or(&source);
        let is_number = number.iter().all(u8::is_ascii_digit);
        let input = r.op == RedirOp::DupIn;
        match &r.fd {
            RedirFd::Default if is_number => self.text(if input { b"0" } else { b"1" }),
            RedirFd::Number(n) if !is_number && *n == i32::from(!input) => {}
            fd => self.descriptor(fd),
        }
        self.text(if input && source != b"-" { b"<&" } else { b">&" });
        self.text(&source);
    }
}
