//! From text to instructions, by operator precedence with a stack of its own, so that nesting is not recursion.
//!
//! Instructions come out in the order in which bash, which evaluates while it parses, would do things. The first
//! syntax error ends the program with a `Fail`, where every jump that is still open lands too.

use super::lex::{Before, Lexer, Token};
use super::program::{Binary, Element, Fault, Op, Program, Span, Target};
use std::cell::OnceCell;

/// An operator that waits for its right operand, or an open bracket.
enum Pending {
    /// Operator, position after it.
    Binary(Binary, u32),
    Unary(Op),
    /// `&&` and `||`, with the index of their jump.
    AndAnd(usize),
    OrOr(usize),
    /// `target = …` or `target op= …`.
    Assign(Target, Option<Binary>),
    /// `? …` up to the colon, with the index of its jump.
    Then(usize),
    /// `: …`.
    Else(usize),
    Open,
}

const UNARY: u8 = 20;
const BRACKET: u8 = 0;
const ASSIGN: u8 = 1;
const ELSE: u8 = 2;
const OR_OR: u8 = 3;
const AND_AND: u8 = 4;

fn precedence(op: Binary) -> u8 {
    match op {
        Binary::Or => 5,
        Binary::Xor => 6,
        Binary::And => 7,
        Binary::Eq | Binary::Ne => 8,
        Binary::Lt | Binary::Le | Binary::Gt | Binary::Ge => 9,
        Binary::Shl | Binary::Shr => 10,
        Binary::Add | Binary::Sub => 11,
        Binary::Mul | Binary::Div | Binary::Rem => 12,
        Binary::Pow => 13,
    }
}

impl Pending {
    fn precedence(&self) -> u8 {
        match self {
            Pending::Binary(op, _) => precedence(*op),
            Pending::Unary(_) => UNARY,
            Pending::AndAnd(_) => AND_AND,
            Pending::OrOr(_) => OR_OR,
            Pending::Assign(..) => ASSIGN,
            Pending::Else(_) => ELSE,
            Pending::Then(_) | Pending::Open => BRACKET,
        }
    }
}

struct Compiler<'a> {
    source: &'a [u8],
    lexer: Lexer<'a>,
    ops: Vec<Op>,
    elements: Vec<Element>,
    pending: Vec<Pending>,
    /// The operand just read is this name and nothing else.
    name: Option<Target>,
}

/// Compiles a whole expression; an empty one is 0.
pub(super) fn compile(source: &[u8]) -> Program {
    // Offsets are 32 bits wide and a NUL ends the text, as in C.
    let source = &source[..source.len().min(u32::MAX as usize)];
    let source = source.split(|&c| c == 0).next().unwrap_or_default();
    let lexer = Lexer::new(source);
    let mut compiler =
        Compiler { source, lexer, ops: Vec::new(), elements: Vec::new(), pending: Vec::new(), name: None };
    if source.iter().all(|c| matches!(c, b' ' | b'\t' | b'\n')) {
        compiler.ops.push(Op::Push(0));
    } else if let Err(fault) = compiler.expression() {
        compiler.fail(fault);
    }
    let powers = compiler.ops.iter().any(|op| matches!(op, Op::Binary(Binary::Pow, _)));
    Program { source: source.into(), ops: compiler.ops, elements: compiler.elements, powers }
}

impl<'a> Compiler<'a> {
    fn expression(&mut self) -> Result<(), Fault> {
        loop {
            self.operand()?;
            if !self.operator()? {
                return Ok(());
            }
        }
    }

    /// Reads prefix operators and one operand.
    fn operand(&mut self) -> Result<(), Fault> {
        loop {
            self.name = None;
            match self.lexer.next()? {
                Token::Number(value) => {
                    self.ops.push(Op::Push(value));
                    return Ok(());
                }
                Token::Name(name) => return self.variable(Target::Scalar(name)),
                Token::Element(name, subscript) => {
                    let target = self.element(name, subscript);
                    return self.variable(target);
                }
                Token::PreStep(step) => return self.pre_step(step),
                Token::Binary(Binary::Add) => self.pending.push(Pending::Unary(Op::Jump(0))),
                Token::Binary(Binary::Sub) => self.pending.push(Pending::Unary(Op::Negate)),
                Token::Not => self.pending.push(Pending::Unary(Op::Not)),
                Token::Complement => self.pending.push(Pending::Unary(Op::Complement)),
                Token::Open => self.pending.push(Pending::Open),
                _ => return Err(self.lexer.fault("syntax error: operand expected")),
            }
        }
    }

    fn element(&mut self, name: Span, subscript: Span) -> Target {
        self.elements.push(Element { name, subscript, program: OnceCell::new() });
        Target::Element(self.elements.len() as u32 - 1)
    }

    /// A name as an operand. Bash looks one token ahead and does not read the value before a `=`.
    fn variable(&mut self, target: Target) -> Result<(), Fault> {
        let (next, ahead) = self.look_ahead()?;
        match next {
            Token::Assign => self.ops.push(Op::Push(0)),
            Token::PostStep(step) => {
                self.lexer = ahead;
                self.lexer.before = Before::Number;
                self.load_to_store(target);
                self.ops.push(match target {
                    Target::Scalar(_) => Op::PostStore(target, step),
                    Target::Element(element) => Op::PostStoreKept(element, step),
                });
                return Ok(());
            }
            Token::OpAssign(_) if self.may_assign() => self.load_to_store(target),
            _ => self.ops.push(Op::Load(target)),
        }
        self.name = Some(target);
        Ok(())
    }

    /// The token that follows a name, and the lexer behind it. If it is another name, that is an error, but one
    /// of reading what follows that comes first.
    fn look_ahead(&self) -> Result<(Token, Lexer<'a>), Fault> {
        let mut ahead = self.lexer.clone();
        let next = ahead.next()?;
        if let Token::Name(_) | Token::Element(..) = next {
            let mut beyond = ahead.clone();
            while let Token::Name(_) | Token::Element(..) = beyond.next()? {}
        }
        Ok((next, ahead))
    }

    /// A name where none may stand: its value is read before that is found out.
    fn misplaced(&mut self, target: Target) -> Result<(), Fault> {
        if self.look_ahead()?.0 != Token::Assign {
            self.ops.extend([Op::Load(target), Op::Pop]);
        }
        Ok(())
    }

    fn load_to_store(&mut self, target: Target) {
        self.ops.push(match target {
            Target::Scalar(_) => Op::Load(target),
            Target::Element(element) => Op::LoadKeep(element),
        });
    }

    fn pre_step(&mut self, step: i64) -> Result<(), Fault> {
        let target = match self.lexer.next()? {
            Token::Name(name) => Target::Scalar(name),
            Token::Element(name, subscript) => self.element(name, subscript),
            _ => {
                return Err(self.lexer.fault("identifier expected after pre-increment or pre-decrement"));
            }
        };
        self.look_ahead()?;
        self.load_to_store(target);
        self.ops.extend([Op::Push(step), Op::Binary(Binary::Add, 0), store_kept(target)]);
        self.lexer.before = Before::PreStepped;
        Ok(())
    }

    /// Is this where an assignment may stand: at the beginning, in a bracket, after another assignment?
    fn may_assign(&self) -> bool {
        self.pending.last().is_none_or(|pending| pending.precedence() <= ASSIGN)
    }

    /// Reads what follows an operand; false at the end.
    fn operator(&mut self) -> Result<bool, Fault> {
        loop {
            let token = self.lexer.next()?;
            match token {
                Token::Binary(op) => {
                    let own = precedence(op);
                    // `**` groups to the right.
                    self.reduce(if op == Binary::Pow { own + 1 } else { own });
                    self.pending.push(Pending::Binary(op, self.lexer.pos() as u32));
                }
                Token::AndAnd => {
                    self.reduce(AND_AND);
                    self.pending.push(Pending::AndAnd(self.ops.len()));
                    self.ops.push(Op::AndJump(0));
                }
                Token::OrOr => {
                    self.reduce(OR_OR);
                    self.pending.push(Pending::OrOr(self.ops.len()));
                    self.ops.push(Op::OrJump(0));
                }
                Token::Question => {
                    self.reduce(ELSE + 1);
                    self.pending.push(Pending::Then(self.ops.len()));
                    self.ops.push(Op::JumpZero(0));
                    self.expect_expression(true)?;
                }
                Token::Assign | Token::OpAssign(_) => self.assignment(token)?,
                Token::Comma => {
                    self.reduce(ASSIGN);
                    self.ops.push(Op::Pop);
                }
                Token::Colon => {
                    self.reduce(ASSIGN);
                    let Some(Pending::Then(jump)) = self.pending.last() else {
                        return Err(self.unexpected());
                    };
                    let jump = *jump;
                    self.pending.pop();
                    self.pending.push(Pending::Else(self.ops.len()));
                    self.ops.push(Op::Jump(0));
                    self.patch(jump);
                    self.expect_expression(false)?;
                }
                Token::Close => {
                    self.reduce(ASSIGN);
                    let Some(Pending::Open) = self.pending.last() else {
                        return Err(self.unexpected());
                    };
                    self.pending.pop();
                    self.name = None;
                    continue;
                }
                Token::End => {
                    self.reduce(ASSIGN);
                    return if self.pending.is_empty() { Ok(false) } else { Err(self.unexpected()) };
                }
                token => return Err(self.stray(token)?),
            }
            return Ok(true);
        }
    }

    /// The error for a token that cannot stand here; a name is read first all the same.
    fn stray(&mut self, token: Token) -> Result<Fault, Fault> {
        match token {
            Token::Name(name) => self.misplaced(Target::Scalar(name))?,
            Token::Element(name, subscript) => {
                let target = self.element(name, subscript);
                self.misplaced(target)?;
            }
            _ => {}
        }
        self.reduce(ASSIGN);
        Ok(self.unexpected())
    }

    /// After `?` and `:` something must follow; after `?` something else than `:`.
    fn expect_expression(&self, question: bool) -> Result<(), Fault> {
        let mut ahead = self.lexer.clone();
        match ahead.next() {
            Ok(Token::End) => Err(ahead.fault("expression expected")),
            Ok(Token::Colon) if question => Err(ahead.fault("expression expected")),
            _ => Ok(()),
        }
    }

    fn assignment(&mut self, token: Token) -> Result<(), Fault> {
        let (Some(target), true) = (self.name, self.may_assign()) else {
            self.reduce(ELSE);
            return Err(self.lexer.fault("attempted assignment to non-variable"));
        };
        if let Token::OpAssign(op) = token {
            self.pending.push(Pending::Assign(target, Some(op)));
        } else {
            self.ops.pop();
            self.pending.push(Pending::Assign(target, None));
        }
        Ok(())
    }

    /// The error for a token that can continue nothing, when all operators have been dealt with.
    fn unexpected(&self) -> Fault {
        self.lexer.fault(match self.pending.last() {
            Some(Pending::Open) => "missing `)'",
            Some(Pending::Then(_)) => "`:' expected for conditional expression",
            _ => "syntax error in expression",
        })
    }

    /// Emits the pending operators that bind at least as tightly as `least`.
    fn reduce(&mut self, least: u8) {
        while self.pending.last().is_some_and(|pending| pending.precedence() >= least) {
            let Some(pending) = self.pending.pop() else {
                return;
            };
            self.name = None;
            match pending {
                Pending::Binary(op, after) => {
                    let token = match op {
                        Binary::Div | Binary::Rem => self.lexer.skip_blanks(after as usize),
                        _ => self.lexer.token,
                    };
                    self.ops.push(Op::Binary(op, token as u32));
                }
                Pending::Unary(Op::Jump(_)) => {}
                Pending::Unary(op) => self.ops.push(op),
                Pending::AndAnd(jump) | Pending::OrOr(jump) => {
                    self.ops.push(Op::Bool);
                    self.patch(jump);
                }
                Pending::Assign(target, None) => self.ops.push(Op::Store(target)),
                Pending::Assign(target, Some(op)) => {
                    self.ops.push(Op::Binary(op, self.lexer.token as u32));
                    self.ops.push(store_kept(target));
                }
                Pending::Else(jump) => self.patch(jump),
                Pending::Then(_) | Pending::Open => {}
            }
        }
    }

    /// Lets the jump at `index` land here.
    fn patch(&mut self, index: usize) {
        let here = self.ops.len() as u32;
        if let Op::AndJump(to) | Op::OrJump(to) | Op::JumpZero(to) | Op::Jump(to) = &mut self.ops[index] {
            *to = here;
        }
    }

    /// Ends the program with an error, where every open jump lands.
    fn fail(&mut self, fault: Fault) {
        debug_assert!(fault.shown as usize <= self.source.len());
        for pending in std::mem::take(&mut self.pending) {
            if let Pending::AndAnd(jump) | Pending::OrOr(jump) | Pending::Then(jump) | Pending::Else(jump) = pending {
                self.patch(jump);
            }
        }
        self.ops.push(Op::Fail(fault));
    }
}

fn store_kept(target: Target) -> Op {
    match target {
        Target::Scalar(_) => Op::Store(target),
        Target::Element(element) => Op::StoreKept(element),
    }
}
