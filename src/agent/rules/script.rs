//! What a script says it runs: its commands with what they name, read with the shell's own parser.
//!
//! Everything is read that may run: both sides of every choice, bodies of functions, substitutions, strings that are handed to a shell. What
//! cannot be known before it runs is said to be so ([`Command::unknown`]). Where a relative path leads follows the script's `cd`s: after one
//! it may lead to either place.

use std::time::{Duration, Instant};

use coquina_shell::names::Sym;
use coquina_shell::syntax::ast::{
    AndOr, Arg, ArithText, Assign, AssignValue, Cond, Index, Kind, List, Op, Param, ParamName, Part, Redir, RedirFd,
    RedirOp, Simple, Subscript, Target, Word as Tree,
};
use coquina_shell::syntax::ast::{Command as Node, Pipeline};
use coquina_shell::syntax::{Lines, Parser, Settings, print};
use tokio::sync::oneshot;

use super::inner::{Inner, inner};
use super::path::Places;
use super::variables::Variables;
use super::word::{Word, word, words};

/// Longest script that is read, in bytes.
const SCRIPT_BYTES: usize = 256 << 10;

/// Most words that are looked at, those of strings handed to shells included.
const WORDS: usize = 50_000;

/// How deep commands may be handed to one another: `env nice bash -c "eval …"`.
const DEPTH: u32 = 12;

/// Longest text of a command in messages, in bytes.
const TEXT_BYTES: usize = 200;

/// Times a script is read until all values of its variables are known, or some are given up.
const PASSES: u32 = 4;

/// Stack of the thread that reads, in bytes: the parser nests 250 levels, and each may hold as many in strings.
const STACK_BYTES: usize = 64 << 20;

/// Longest time that reading may take.
const TIME: Duration = Duration::from_secs(2);

/// Variables that change what commands mean.
const MEANING: [&[u8]; 11] = [
    b"PATH",
    b"BASH_ENV",
    b"ENV",
    b"PS0",
    b"PS4",
    b"PROMPT_COMMAND",
    b"CDPATH",
    b"LD_PRELOAD",
    b"LD_LIBRARY_PATH",
    b"IFS",
    b"SHELLOPTS",
];

/// A command that a script may run.
#[derive(Clone, Debug, Default)]
pub struct Command {
    /// Its name and arguments; none where there is only a redirection or an assignment.
    pub words: Vec<Word>,
    /// What it names that may be a file: absolute, without `.` and `..`.
    pub paths: Vec<Word>,
    /// How many of the paths are of redirections; they come first.
    pub redirections: usize,
    /// Why it cannot be known what runs.
    pub unknown: Option<&'static str>,
    /// As the script has it, on one line and not too long.
    pub text: String,
}

/// Does something with the commands of a script that is to run in the directory `cwd`, on a thread of its own. What is not read within
/// [`TIME`] is not known.
pub async fn read<T: Send + 'static>(
    text: Vec<u8>,
    cwd: Vec<u8>,
    then: impl FnOnce(&[Command]) -> T + Send + 'static,
) -> Option<T> {
    let (send, answer) = oneshot::channel();
    let work = move || {
        let commands = Reader::read(&text, &cwd, Instant::now() + TIME);
        // SAFETY: nothing that was parsed on this thread is left, and commands have no names in them.
        unsafe { coquina_shell::names::forget() };
        // Who asked may be gone.
        let _ = send.send(then(&commands));
    };
    std::thread::Builder::new().name("rules".into()).stack_size(STACK_BYTES).spawn(work).ok()?;
    answer.await.ok()
}

fn unknown(why: &'static str) -> Command {
    Command { unknown: Some(why), text: "the script".into(), ..Command::default() }
}

/// Collects commands.
struct Reader {
    commands: Vec<Command>,
    places: Places,
    /// What variables may hold, by the pass before.
    variables: Variables,
    /// What this pass finds of that.
    assigned: Variables,
    words: usize,
    depth: u32,
    /// Loops and functions around: what is in them may run again after what follows it.
    repeats: u32,
    gave_up: bool,
    /// There are functions or traps: they run wherever the script is then.
    defers: bool,
    /// When it gives up.
    until: Instant,
}

impl Reader {
    fn read(text: &[u8], cwd: &[u8], until: Instant) -> Vec<Command> {
        if text.len() > SCRIPT_BYTES {
            return vec![unknown("it is longer than 256 KiB")];
        }
        let (mut places, mut variables, mut passes) = (Places::at(cwd), Variables::default(), 0);
        loop {
            let mut reader = Reader::new(places.clone(), variables.clone(), until);
            reader.script(text);
            if reader.gave_up {
                return reader.commands;
            }
            passes += 1;
            // What variables hold may hang on what others hold. Each pass knows all values that follow from the one before.
            if passes < PASSES && reader.assigned != variables {
                variables = reader.assigned;
                continue;
            }
            if reader.defers {
                reader.places.revisit();
            }
            match reader.places.again() {
                // What runs again may run where the script has gone since.
                Some(again) => places = again,
                None => return reader.commands,
            }
        }
    }

    fn new(places: Places, variables: Variables, until: Instant) -> Reader {
        let assigned = Variables::default();
        Reader {
            commands: Vec::new(),
            places,
            variables,
            assigned,
            words: 0,
            depth: 0,
            repeats: 0,
            gave_up: false,
            defers: false,
            until,
        }
    }

    fn script(&mut self, text: &[u8]) {
        let mut parser = Parser::new(Box::new(Lines::new(text.to_vec())), 1, Settings::default());
        loop {
            match parser.next_command() {
                Ok(Some(list)) => self.list(&list),
                Ok(None) => return,
                // Nothing after it runs, if the shell reads it as we do: with `extglob`, say, it does not.
                Err(_) => {
                    self.assigned.forget_all();
                    return self.add(Command { text: short(text), ..unknown("it is not the shell's syntax") });
                }
            }
        }
    }

    fn add(&mut self, command: Command) {
        self.commands.push(command);
    }

    /// Not all of it is read.
    fn give_up(&mut self) {
        if !self.gave_up {
            self.gave_up = true;
            self.assigned.forget_all();
            self.add(unknown("it is too much to be read"));
        }
    }

    fn list(&mut self, list: &List) {
        list.items.iter().for_each(|item| self.chain(&item.chain));
    }

    fn chain(&mut self, chain: &AndOr) {
        self.pipeline(&chain.first);
        chain.rest.iter().for_each(|(_, pipeline)| self.pipeline(pipeline));
    }

    fn pipeline(&mut self, pipeline: &Pipeline) {
        pipeline.stages.iter().for_each(|stage| self.node(stage));
    }

    fn node(&mut self, node: &Node) {
        match node {
            Node::Simple(simple) => self.simple(simple),
            Node::Function(function) => {
                self.defers = true;
                self.again(|this| this.node(&function.body));
            }
            Node::Coproc(coproc) => {
                self.assigned.forget(&coproc.name);
                self.node(&coproc.body);
            }
            Node::Compound(compound) => {
                self.kind(&compound.kind);
                let text = || short(&print::command_of(compound));
                self.redirected(&compound.redirs, text);
            }
        }
    }

    /// Something that may run several times.
    fn again(&mut self, body: impl FnOnce(&mut Self)) {
        self.repeats += 1;
        body(self);
        self.repeats -= 1;
    }

    fn kind(&mut self, kind: &Kind) {
        match kind {
            Kind::Brace(list) => self.list(list),
            Kind::Subshell(list) => self.list(list),
            Kind::If { cond, then, otherwise } => {
                self.list(cond);
                self.list(then);
                otherwise.iter().for_each(|list| self.list(list));
            }
            Kind::For { name, words: list, body } | Kind::Select { name, words: list, body } => {
                list.iter().flatten().for_each(|word| self.inside(word));
                match (kind, list) {
                    (Kind::For { .. }, Some(list)) => {
                        let values = list.iter().flat_map(|word| words(word, &self.variables));
                        values.for_each(|value| self.assigned.give(name, &value));
                    }
                    _ => self.assigned.forget(name),
                }
                self.again(|this| this.list(body));
            }
            Kind::ArithFor { init, cond, step, body } => {
                [init, cond, step].into_iter().for_each(|text| self.arith(text));
                self.again(|this| this.list(body));
            }
            Kind::Case { word, items } => {
                self.inside(word);
                for item in items {
                    item.patterns.iter().for_each(|pattern| self.inside(pattern));
                    self.list(&item.body);
                }
            }
            Kind::While { cond, body, .. } => self.again(|this| {
                this.list(cond);
                this.list(body);
            }),
            Kind::Arith(text) => self.arith(text),
            Kind::Cond(cond) => self.cond(cond),
        }
    }

    fn cond(&mut self, cond: &Cond) {
        match cond {
            Cond::And(a, b) | Cond::Or(a, b) => {
                self.cond(a);
                self.cond(b);
            }
            Cond::Not(inner) | Cond::Group(inner) => self.cond(inner),
            Cond::Unary(_, word) | Cond::Word(word) => self.inside(word),
            Cond::Binary(a, _, b) => {
                self.inside(a);
                self.inside(b);
            }
        }
    }

    fn simple(&mut self, simple: &Simple) {
        let text = short(&print::simple(simple));
        simple.assigns.iter().for_each(|assign| self.assign(assign, &text));
        let mut all = Vec::new();
        for arg in &simple.args {
            match arg {
                Arg::Word(tree) => {
                    self.inside(tree);
                    all.extend(words(tree, &self.variables));
                }
                Arg::Assign(assign) => {
                    self.assign(assign, &text);
                    all.push(Word::text(assign.name.name()));
                }
            }
        }
        let mut paths = Vec::new();
        for redir in &simple.redirs {
            self.redir(redir, &mut paths);
        }
        if !all.is_empty() || !paths.is_empty() {
            let input = literal_input(&simple.redirs);
            self.command(
                Command { redirections: paths.len(), words: all, paths, unknown: None, text },
                input.as_deref(),
            );
        }
    }

    /// A command with its redirections, and those it runs in turn.
    fn command(&mut self, mut command: Command, input: Option<&[u8]>) {
        self.words += command.words.len().max(1);
        if self.words > WORDS || self.depth >= DEPTH || Instant::now() > self.until {
            return self.give_up();
        }
        // What `echo` and its like are told are no files.
        if !command.is_harmless_builtin() || command.goes() {
            let arguments = command.words.iter().skip(1);
            command.paths.extend(arguments.flat_map(|word| self.places.named(word)));
        }
        if command.words.iter().any(hides_command) {
            command.unknown = Some("a subscript in it may run a command");
        }
        let text = command.text.clone();
        let inner = inner(&command.words, input);
        if let Inner::Unknown(why) = inner {
            command.unknown = Some(why);
            self.assigned.forget_all();
        }
        if let Some((name, arguments)) = command.words.split_first() {
            self.assigned.told(&name.known().unwrap_or_default(), arguments);
        }
        if let Inner::Directory(to) = &inner {
            self.places.go(to, self.repeats > 0);
        }
        self.add(command);
        self.depth += 1;
        match inner {
            Inner::Command(words) => {
                self.command(Command { words, text, ..Command::default() }, input);
            }
            Inner::Commands(all) => {
                for words in all {
                    self.command(Command { words, text: text.clone(), ..Command::default() }, None);
                }
            }
            Inner::Script(script) => self.script(&script),
            Inner::Repeated(script) => {
                self.defers = true;
                self.again(|this| this.script(&script));
            }
            Inner::Nothing | Inner::Unknown(_) | Inner::Directory(_) => {}
        }
        self.depth -= 1;
    }

    /// The redirections of a compound command.
    fn redirected(&mut self, redirs: &[Redir], text: impl FnOnce() -> String) {
        let mut paths = Vec::new();
        redirs.iter().for_each(|redir| self.redir(redir, &mut paths));
        if !paths.is_empty() {
            self.add(Command { redirections: paths.len(), paths, text: text(), ..Command::default() });
        }
    }

    fn redir(&mut self, redir: &Redir, paths: &mut Vec<Word>) {
        if let RedirFd::Variable(name) = &redir.fd {
            self.assigned.forget(name);
        }
        match &redir.target {
            Target::Here(here) => here.body.get().into_iter().for_each(|body| self.inside(body)),
            Target::Word(tree) => {
                self.inside(tree);
                let target = word(tree, &self.variables);
                if redir.op != RedirOp::HereString && !is_descriptor(redir.op, &target) {
                    paths.extend(self.places.file(&target));
                }
            }
        }
    }

    fn assign(&mut self, assign: &Assign, text: &str) {
        assign.index.iter().for_each(|index| self.subscript(index));
        match &assign.value {
            AssignValue::Scalar(tree) => {
                self.inside(tree);
                let value = word(tree, &self.variables);
                // The shell's own have values of their own.
                match assign.append || assign.index.is_some() || assign.name.index() < Sym::END_OF_KNOWN.index() {
                    true => self.assigned.forget(assign.name.name()),
                    false => self.assigned.give(assign.name.name(), &value),
                }
                if hides_command(&value) {
                    self.add(Command { text: text.into(), ..unknown("arithmetic with that value may run a command") });
                }
            }
            AssignValue::Array(elements) => {
                self.assigned.forget(assign.name.name());
                for element in elements {
                    element.index.iter().for_each(|index| self.subscript(index));
                    self.inside(&element.value);
                }
            }
        }
        if MEANING.contains(&assign.name.name()) {
            self.add(Command { text: text.into(), ..unknown("it changes what commands mean") });
        }
    }

    /// The commands inside a word.
    fn inside(&mut self, word: &Tree) {
        self.parts(&word.parts);
    }

    fn parts(&mut self, parts: &[Part]) {
        for part in parts {
            match part {
                Part::Double(parts) => self.parts(parts),
                Part::Command(sub) => self.list(&sub.list),
                Part::Process(sub) => self.list(&sub.list),
                Part::Backquote(sub) => {
                    self.depth += 1;
                    match self.depth < DEPTH {
                        true => self.script(&sub.command),
                        false => self.give_up(),
                    }
                    self.depth -= 1;
                }
                Part::Arith(sub) => self.arith(&sub.text),
                Part::Param(param) => self.param(param),
                Part::Lit(_) | Part::Escaped(_) | Part::Single(_) | Part::Tilde(_) => {}
            }
        }
    }

    fn param(&mut self, param: &Param) {
        if let Some(Index::Sub(index)) = &param.index {
            self.subscript(index);
        }
        if let (ParamName::Var(name), Op::Test { op: b'=', .. }) = (&param.name, &param.op) {
            self.assigned.forget(name.name());
        }
        match &param.op {
            Op::Test { word, .. } | Op::Case { pattern: word, .. } | Op::Trim { pattern: word, .. } => {
                self.inside(word)
            }
            Op::Replace { pattern, with, .. } => {
                self.inside(pattern);
                self.inside(with);
            }
            Op::Substring { offset, length } => {
                self.arith(offset);
                length.iter().for_each(|length| self.arith(length));
            }
            Op::Transform(b'P') => self.add(Command { text: "${…@P}".into(), ..unknown("it may run a command") }),
            Op::None | Op::Length | Op::Transform(_) | Op::Keys { .. } | Op::Names { .. } | Op::Bad => {}
        }
    }

    fn subscript(&mut self, index: &Subscript) {
        self.arith(&index.arith);
        self.inside(index.key());
    }

    fn arith(&mut self, text: &ArithText) {
        self.assigned.forget_in(&text.source);
        self.inside(&text.word);
    }
}

/// What a here-document or here-string gives a command to read, if it is known.
fn literal_input(redirs: &[Redir]) -> Option<Vec<u8>> {
    let redir = redirs.iter().rev().find(|redir| matches!(redir.op, RedirOp::HereDoc | RedirOp::HereString))?;
    let tree = match &redir.target {
        Target::Here(here) => here.body.get()?,
        Target::Word(tree) => tree,
    };
    let mut known = Vec::new();
    for part in &tree.parts {
        match part {
            Part::Lit(text) | Part::Single(text) => known.extend_from_slice(text),
            Part::Escaped(b) => known.push(*b),
            Part::Double(parts) => match &**parts {
                [Part::Lit(text)] => known.extend_from_slice(text),
                [] => {}
                _ => return None,
            },
            _ => return None,
        }
    }
    Some(known)
}

/// `>&1`, `<&-`: no file.
fn is_descriptor(op: RedirOp, target: &Word) -> bool {
    let is_number = |text: &[u8]| text == b"-" || text.iter().all(|b| b.is_ascii_digit() || *b == b'-');
    matches!(op, RedirOp::DupIn | RedirOp::DupOut) && target.known().is_none_or(|text| is_number(&text))
}

/// A subscript with a command in a text: arithmetic and those builtins that take names of variables would run it.
fn hides_command(word: &Word) -> bool {
    use super::glob::Piece::Byte;
    let open = word.pieces.iter().position(|piece| *piece == Byte(b'['));
    let after = open.map_or(&[][..], |open| &word.pieces[open..]);
    after.contains(&Byte(b'`')) || after.windows(2).any(|pair| pair == [Byte(b'$'), Byte(b'(')])
}

fn short(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(&text[..text.len().min(4 * TEXT_BYTES)]);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(TEXT_BYTES) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
