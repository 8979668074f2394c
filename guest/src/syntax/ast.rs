//! The shell's program as a tree, in the form it is executed in.
//!
//! Words are cut into pieces once, by the parser. What is seldom needed (arithmetic, backquotes, brace expansion) is compiled
//! when it is first run and kept in a cell. A tree is never changed after parsing; it can be printed the way bash
//! prints functions (`print`) and sent to a subshell (`codec`).

use crate::arith::Expr;
use crate::names::Sym;
use std::cell::{Cell, OnceCell};
use std::rc::Rc;

/// Bytes of source.
pub type Text = Box<[u8]>;

/// Commands one after the other.
#[derive(Debug, Default)]
pub struct List {
    pub items: Vec<Item>,
}

/// One and-or list and whether it ends in `&`.
#[derive(Debug)]
pub struct Item {
    pub chain: AndOr,
    pub background: bool,
    /// Ended by a newline inside `$( )`, where the printed form keeps it.
    pub newline: bool,
}

/// `a && b || c`, evaluated from the left.
#[derive(Debug)]
pub struct AndOr {
    pub first: Pipeline,
    pub rest: Vec<(Chain, Pipeline)>,
}

/// What joins two pipelines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chain {
    And,
    Or,
}

/// `time ! a | b`.
#[derive(Debug)]
pub struct Pipeline {
    pub negate: bool,
    pub timed: Option<Timed>,
    pub stages: Vec<Command>,
}

/// `time` and `time -p`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timed {
    pub posix: bool,
}

#[derive(Debug)]
pub enum Command {
    Simple(Box<Simple>),
    Compound(Box<Compound>),
    Function(Rc<FuncDef>),
    Coproc(Box<Coproc>),
}

/// `NAME=value word … <redirection`.
#[derive(Debug, Default)]
pub struct Simple {
    pub line: u32,
    pub assigns: Vec<Assign>,
    pub args: Vec<Arg>,
    pub redirs: Vec<Redir>,
    /// What the first word is if it is plain text: worked out at the first execution.
    pub resolved: Cell<u16>,
}

/// A word of a simple command; the arguments of `declare` and its kin may be assignments.
#[derive(Debug)]
pub enum Arg {
    Word(Word),
    Assign(Box<Assign>),
}

#[derive(Debug)]
pub struct Assign {
    pub name: Sym,
    pub index: Option<Rc<Subscript>>,
    pub append: bool,
    pub value: AssignValue,
}

#[derive(Debug)]
pub enum AssignValue {
    Scalar(Word),
    Array(Vec<Element>),
}

/// An element of `name=(…)`.
#[derive(Debug)]
pub struct Element {
    pub index: Option<Rc<Subscript>>,
    pub append: bool,
    pub value: Word,
}

/// The text between `[` and `]`, which is a key or an expression depending on the variable.
#[derive(Debug)]
pub struct Subscript {
    pub arith: ArithText,
    /// The same text as a word outside quotes, for the keys of associative arrays; see [`Subscript::key`].
    pub key: OnceCell<Word>,
}

/// A compound command with its redirections.
#[derive(Debug)]
pub struct Compound {
    pub line: u32,
    pub kind: Kind,
    pub redirs: Vec<Redir>,
}

#[derive(Debug)]
pub enum Kind {
    Brace(List),
    Subshell(Rc<List>),
    If { cond: List, then: List, otherwise: Option<List> },
    For { name: Text, words: Option<Vec<Word>>, body: List },
    Select { name: Text, words: Option<Vec<Word>>, body: List },
    ArithFor { init: ArithText, cond: ArithText, step: ArithText, body: List },
    Case { word: Word, items: Vec<CaseItem> },
    While { cond: List, body: List, until: bool },
    Arith(ArithText),
    Cond(Cond),
}

#[derive(Debug)]
pub struct CaseItem {
    pub patterns: Vec<Word>,
    pub body: List,
    pub end: CaseEnd,
}

/// `;;`, `;&`, `;;&`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaseEnd {
    Break,
    FallThrough,
    Continue,
}

/// The expression of `[[ ]]`.
#[derive(Debug)]
pub enum Cond {
    And(Box<Cond>, Box<Cond>),
    Or(Box<Cond>, Box<Cond>),
    Not(Box<Cond>),
    Group(Box<Cond>),
    /// `-f word`; the letter.
    Unary(u8, Word),
    /// `word op word`.
    Binary(Word, Text, Word),
    Word(Word),
}

/// A function's definition.
#[derive(Debug)]
pub struct FuncDef {
    pub name: Text,
    pub line: u32,
    pub body: Rc<Command>,
}

/// `coproc NAME command`.
#[derive(Debug)]
pub struct Coproc {
    pub line: u32,
    pub name: Text,
    pub body: Command,
}

#[derive(Debug)]
pub struct Redir {
    pub fd: RedirFd,
    pub op: RedirOp,
    pub target: Target,
}

/// Which descriptor is redirected.
#[derive(Debug, PartialEq, Eq)]
pub enum RedirFd {
    /// What the operator implies.
    Default,
    Number(i32),
    /// `{name}`: the shell picks one and stores it.
    Variable(Text),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedirOp {
    Read,
    Write,
    Append,
    Clobber,
    ReadWrite,
    /// `<&`
    DupIn,
    /// `>&`
    DupOut,
    /// `&>`
    Both,
    /// `&>>`
    AppendBoth,
    HereDoc,
    HereString,
}

#[derive(Debug)]
pub enum Target {
    Word(Word),
    Here(Rc<HereDoc>),
}

/// A here-document. The body is read after the line the operator is on.
#[derive(Debug)]
pub struct HereDoc {
    /// The delimiter as written.
    pub delimiter: Text,
    /// The delimiter without quotes.
    pub plain: Text,
    pub quoted: bool,
    /// `<<-`
    pub strip_tabs: bool,
    pub body: OnceCell<Word>,
}

/// A word, cut into pieces.
#[derive(Debug, Default)]
pub struct Word {
    pub parts: Box<[Part]>,
    /// Has an unquoted `{`, so that brace expansion may apply.
    pub brace: bool,
}

#[derive(Debug)]
pub enum Part {
    /// Unquoted text; within [`Part::Double`], quoted text.
    Lit(Text),
    /// `\c`; the character after the backslash.
    Escaped(u8),
    /// `'…'` or `$'…'`, the text inside with escapes done.
    Single(Text),
    /// `"…"`.
    Double(Box<[Part]>),
    /// `~name` where it may be expanded; the text after the tilde.
    Tilde(Text),
    Param(Box<Param>),
    Command(Rc<CmdSub>),
    Backquote(Rc<Backquote>),
    Arith(Rc<ArithSub>),
    Process(Rc<ProcSub>),
}

/// `$(…)`.
#[derive(Debug)]
pub struct CmdSub {
    pub list: Rc<List>,
}

/// A backquoted command, parsed when it is first run.
#[derive(Debug)]
pub struct Backquote {
    /// As written.
    pub source: Text,
    /// With one level of backslashes removed.
    pub command: Text,
    pub list: OnceCell<Rc<List>>,
}

/// `$((…))` or `$[…]`.
#[derive(Debug)]
pub struct ArithSub {
    pub text: ArithText,
    pub bracket: bool,
}

/// `<(…)` or `>(…)`.
#[derive(Debug)]
pub struct ProcSub {
    pub list: Rc<List>,
    /// `<(…)`: the command's output is read.
    pub read: bool,
}

/// Arithmetic: text that is expanded like a double-quoted string and then evaluated.
#[derive(Debug, Default)]
pub struct ArithText {
    pub source: Text,
    pub word: Word,
    /// Compiled, if `word` needs no expansion.
    pub expr: OnceCell<Rc<Expr>>,
}

/// A parameter expansion.
#[derive(Debug)]
pub struct Param {
    pub name: ParamName,
    pub index: Option<Index>,
    /// `${!name…}`
    pub indirect: bool,
    pub op: Op,
    /// The text between the braces, if there are any.
    pub source: Option<Text>,
    /// The line it is on, for messages of commands inside it.
    pub line: u32,
    /// Was it inside double quotes (its word is then read differently)?
    pub quoted: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParamName {
    Var(Sym),
    Positional(u32),
    /// One of `@*#?-$!`; `$0` is `Positional(0)`.
    Special(u8),
}

#[derive(Debug)]
pub enum Index {
    /// `[@]`
    At,
    /// `[*]`
    Star,
    Sub(Rc<Subscript>),
}

/// What is done with the value.
#[derive(Debug)]
pub enum Op {
    None,
    /// `${#x}`
    Length,
    /// `-`, `=`, `?`, `+`; with a colon an empty value counts as unset.
    Test {
        op: u8,
        colon: bool,
        word: Word,
    },
    /// `#`, `##`, `%`, `%%`.
    Trim {
        suffix: bool,
        longest: bool,
        pattern: Word,
    },
    /// `/`; `anchor` is `/` (all), `#`, `%` or 0.
    Replace {
        anchor: u8,
        pattern: Word,
        with: Word,
    },
    /// `:offset:length`
    Substring {
        offset: ArithText,
        length: Option<ArithText>,
    },
    /// `^`, `,`, `~`; doubled for all characters.
    Case {
        op: u8,
        all: bool,
        pattern: Word,
    },
    /// `@Q` and kin.
    Transform(u8),
    /// `${!a[@]}`
    Keys {
        star: bool,
    },
    /// `${!prefix@}`
    Names {
        star: bool,
    },
    /// Not an expansion bash knows.
    Bad,
}

impl Subscript {
    /// The text as a word outside quotes.
    #[must_use]
    pub fn key(&self) -> &Word {
        self.key.get_or_init(|| {
            let settings = super::Settings::default();
            let source = Box::new(super::Lines::new(self.arith.source.to_vec()));
            super::Parser::new(source, 0, settings).whole_word().unwrap_or_else(|_| Word::literal(&self.arith.source))
        })
    }
}

impl Param {
    /// An expansion without braces.
    #[must_use]
    pub fn plain(name: ParamName) -> Self {
        Self { name, index: None, indirect: false, op: Op::None, source: None, line: 0, quoted: false }
    }
}

impl Word {
    /// A word of one unquoted literal.
    #[must_use]
    pub fn literal(text: &[u8]) -> Self {
        if text.is_empty() {
            return Self::default();
        }
        Self { parts: Box::new([Part::Lit(text.into())]), brace: false }
    }

    /// The text if the word is one piece of plain unquoted text.
    #[must_use]
    pub fn as_literal(&self) -> Option<&[u8]> {
        match &*self.parts {
            [Part::Lit(t)] => Some(t),
            _ => None,
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }
}
