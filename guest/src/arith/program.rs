//! The compiled form: instructions for a stack machine.

use super::ArithError;
use std::cell::OnceCell;
use std::ops::Range;
use std::rc::Rc;

/// A compiled expression.
#[derive(Debug)]
pub(super) struct Program {
    pub source: Rc<[u8]>,
    pub ops: Vec<Op>,
    pub elements: Vec<Element>,
    /// There is a `**`.
    pub powers: bool,
}

/// `name[subscript]` as it stands in the source. `@` and an empty subscript are told apart when it is used.
#[derive(Debug)]
pub(super) struct Element {
    pub name: Span,
    pub subscript: Span,
    /// The subscript's own program, made on first use.
    pub program: OnceCell<Rc<Program>>,
}

/// A piece of the source.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Span {
    pub start: u32,
    pub end: u32,
}

impl Span {
    pub fn new(range: Range<usize>) -> Span {
        Span { start: range.start as u32, end: range.end as u32 }
    }
    pub fn of(self, source: &[u8]) -> &[u8] {
        &source[self.start as usize..self.end as usize]
    }
}

/// What a name in the expression refers to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Target {
    Scalar(Span),
    /// An index into `Program::elements`.
    Element(u32),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    Rem,
    Pow,
    Shl,
    Shr,
    Lt,
    Le,
    Gt,
    Ge,
    Eq,
    Ne,
    And,
    Xor,
    Or,
}

/// One instruction. Positions are byte offsets for the error token.
#[derive(Clone, Copy, Debug)]
pub(super) enum Op {
    Push(i64),
    Load(Target),
    /// Loads an element and remembers its key for the `Store…Kept` that follows.
    LoadKeep(u32),
    /// Assigns the top of the stack, which stays.
    Store(Target),
    StoreKept(u32),
    /// Assigns the top plus the number; the top stays as it was.
    PostStore(Target, i64),
    PostStoreKept(u32, i64),
    Binary(Binary, u32),
    Negate,
    Not,
    Complement,
    /// Makes the top 0 or 1.
    Bool,
    /// `&&`: takes the top; if it is zero, pushes 0 and jumps.
    AndJump(u32),
    /// `||`: takes the top; if it is not zero, pushes 1 and jumps.
    OrJump(u32),
    /// Takes the top and jumps if it is zero.
    JumpZero(u32),
    Jump(u32),
    Pop,
    Fail(Fault),
}

/// A syntax error: what, the error token's position, and how much of the source the message shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Fault {
    pub message: &'static str,
    pub token: u32,
    pub shown: u32,
}

impl Program {
    /// The error as bash words it.
    pub fn fault(&self, fault: Fault) -> ArithError {
        let shown = &self.source[..fault.shown as usize];
        let token = self.source.get(fault.token as usize..fault.shown as usize).unwrap_or_default();
        let mut text = shown.trim_ascii_start_blank().to_vec();
        text.extend_from_slice(b": ");
        text.extend_from_slice(fault.message.as_bytes());
        text.extend_from_slice(b" (error token is \"");
        text.extend_from_slice(token);
        text.extend_from_slice(b"\")");
        ArithError::Expr(text)
    }

    /// Where the name stands that the instruction at `pc` is about.
    pub fn name_position(&self, pc: usize) -> u32 {
        match self.ops.get(pc) {
            Some(Op::Load(Target::Scalar(name))) => name.start,
            Some(Op::Load(Target::Element(element)) | Op::LoadKeep(element)) => {
                self.elements[*element as usize].name.start
            }
            _ => 0,
        }
    }

    /// An error at run time; the whole source is shown.
    pub fn fault_at(&self, message: &'static str, token: u32) -> ArithError {
        self.fault(Fault { message, token, shown: self.source.len() as u32 })
    }
}

/// Blanks as the expression parser skips them.
pub(super) trait Blank {
    fn trim_ascii_start_blank(&self) -> &Self;
}

impl Blank for [u8] {
    fn trim_ascii_start_blank(&self) -> &[u8] {
        let blanks = self.iter().take_while(|&&c| matches!(c, b' ' | b'\t')).count();
        &self[blanks..]
    }
}

/// The value of a text that is nothing but a short decimal number (not octal), the usual case by far.
pub(super) fn plain_number(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    if digits.is_empty() || digits.len() > 18 || (digits[0] == b'0' && digits.len() > 1) {
        return None;
    }
    let mut value = 0i64;
    for &digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value * 10 + i64::from(digit - b'0');
    }
    Some(if negative { -value } else { value })
}
