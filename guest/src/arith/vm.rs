//! Runs compiled expressions. Variables whose value is an expression and subscripts run in frames of their own.

use super::program::{Binary, Op, Program, Target, plain_number};
use super::{ArithEnv, ArithError, Element, Key, Value, compile, idle};
use std::rc::Rc;

/// How deep variables may refer to variables.
const MAX_DEPTH: usize = 1024;

/// What is done with a frame's result.
enum Then {
    /// It is the value of a variable.
    Push,
    /// It is the index of an element.
    Element(ElementOp),
}

/// An operation on an element, once its key is known.
#[derive(Clone, Copy)]
enum ElementOp {
    Load(u32),
    LoadKeep(u32),
    Store(u32),
}

/// The key of an element on which an assignment is under way.
enum Kept {
    Index(i64),
    Name(Vec<u8>),
    Bad,
}

/// A program that waits for the result of another.
struct Frame {
    program: Rc<Program>,
    pc: usize,
    then: Then,
    /// The waiting program's depth.
    depth: usize,
}

/// What the value of a variable turned out to be.
enum Loaded {
    Number(i64),
    Program(Rc<Program>),
}

struct Vm<'e, E: ?Sized> {
    env: &'e mut E,
    stack: Vec<i64>,
    kept: Vec<Kept>,
    frames: Vec<Frame>,
    /// How many variables deep the running program is, since the last subscript.
    depth: usize,
}

/// Evaluates a program.
pub(super) fn eval<E: ArithEnv + ?Sized>(program: &Rc<Program>, env: &mut E) -> Result<i64, ArithError> {
    if let Some(value) = eval_simple(program, env)? {
        return Ok(value);
    }
    let stack = Vec::with_capacity(8);
    Vm { env, stack, kept: Vec::new(), frames: Vec::new(), depth: 1 }.run(program.clone())
}

/// The everyday shapes `n`, `v`, `v op n` and `v op v` with plain numbers, without a stack. `None`: use the machine.
fn eval_simple<E: ArithEnv + ?Sized>(program: &Program, env: &mut E) -> Result<Option<i64>, ArithError> {
    let mut operand = |op: &Op| match op {
        Op::Push(value) => Ok(Some(*value)),
        Op::Load(Target::Scalar(name)) => Ok(match env.get(name.of(&program.source))? {
            Value::Unset => Some(0),
            Value::Int(value) => Some(value),
            Value::Text(text) => plain_number(text),
        }),
        _ => Ok(None),
    };
    match program.ops.as_slice() {
        [a] => operand(a),
        [a, b, Op::Binary(op, _)] if !matches!(op, Binary::Div | Binary::Rem | Binary::Pow) => {
            let (Some(a), Some(b)) = (operand(a)?, operand(b)?) else {
                return Ok(None);
            };
            Ok(Some(total(*op, a, b)))
        }
        _ => Ok(None),
    }
}

impl<E: ArithEnv + ?Sized> Vm<'_, E> {
    fn run(&mut self, mut program: Rc<Program>) -> Result<i64, ArithError> {
        let mut pc = 0;
        loop {
            let Some(op) = program.ops.get(pc) else {
                let Some(frame) = self.frames.pop() else {
                    return Ok(self.pop());
                };
                (program, pc, self.depth) = (frame.program, frame.pc, frame.depth);
                if let Then::Element(op) = frame.then {
                    let index = self.pop();
                    let loaded = self.element(&program, op, Kept::Index(index))?;
                    self.enter_or_push(loaded, &mut program, &mut pc)?;
                }
                continue;
            };
            pc += 1;
            match *op {
                Op::Load(Target::Scalar(name)) => {
                    let loaded = load(self.env.get(name.of(&program.source))?);
                    self.enter_or_push(Some(loaded), &mut program, &mut pc)?;
                }
                Op::Load(Target::Element(element)) => {
                    self.subscript(ElementOp::Load(element), &mut program, &mut pc)?
                }
                Op::LoadKeep(element) => self.subscript(ElementOp::LoadKeep(element), &mut program, &mut pc)?,
                Op::Store(Target::Element(element)) => {
                    self.subscript(ElementOp::Store(element), &mut program, &mut pc)?;
                }
                Op::Fail(fault) => return Err(self.in_subscript(program.fault(fault))),
                Op::Jump(to) => pc = self.skip(&program, pc, to)?,
                Op::JumpZero(to) => {
                    if self.pop() == 0 {
                        pc = self.skip(&program, pc, to)?;
                    }
                }
                Op::AndJump(to) => {
                    if self.pop() == 0 {
                        self.stack.push(0);
                        pc = self.skip(&program, pc, to)?;
                    }
                }
                Op::OrJump(to) => {
                    if self.pop() != 0 {
                        self.stack.push(1);
                        pc = self.skip(&program, pc, to)?;
                    }
                }
                op => self.straight(op, &program)?,
            }
        }
    }

    /// An instruction that neither jumps nor enters a frame.
    fn straight(&mut self, op: Op, program: &Program) -> Result<(), ArithError> {
        match op {
            Op::Push(value) => self.stack.push(value),
            Op::Store(Target::Scalar(name)) => {
                let value = self.top();
                self.env.set(name.of(&program.source), value)?;
            }
            Op::PostStore(Target::Scalar(name), step) => {
                let value = self.top().wrapping_add(step);
                self.env.set(name.of(&program.source), value)?;
            }
            Op::StoreKept(element) => {
                let value = self.top();
                self.store_kept(program, element, value)?;
            }
            Op::PostStoreKept(element, step) => {
                let value = self.top().wrapping_add(step);
                self.store_kept(program, element, value)?;
            }
            Op::Binary(op, token) => {
                let (b, a) = (self.pop(), self.pop());
                let value = binary(op, a, b).map_err(|message| self.in_subscript(program.fault_at(message, token)))?;
                self.stack.push(value);
            }
            Op::Negate => self.map(i64::wrapping_neg),
            Op::Complement => self.map(|value| !value),
            Op::Not => self.map(|value| i64::from(value == 0)),
            Op::Bool => self.map(|value| i64::from(value != 0)),
            Op::Pop => {
                self.pop();
            }
            _ => {}
        }
        Ok(())
    }

    /// Leaves out what is not evaluated, as far as `to`.
    fn skip(&self, program: &Program, pc: usize, to: u32) -> Result<usize, ArithError> {
        if program.powers {
            idle::read(program, pc, to as usize).map_err(|error| self.in_subscript(error))?;
        }
        Ok(to as usize)
    }

    fn pop(&mut self) -> i64 {
        self.stack.pop().unwrap_or(0)
    }

    fn top(&self) -> i64 {
        self.stack.last().copied().unwrap_or(0)
    }

    fn map(&mut self, f: impl Fn(i64) -> i64) {
        let value = self.pop();
        self.stack.push(f(value));
    }

    /// An error inside a subscript gives up more than the expression.
    fn in_subscript(&self, error: ArithError) -> ArithError {
        match error {
            ArithError::Expr(text) if self.frames.iter().any(|frame| matches!(frame.then, Then::Element(_))) => {
                ArithError::Subscript(text)
            }
            error => error,
        }
    }

    /// Pushes a number, or begins to evaluate a text (`None`: neither).
    fn enter_or_push(
        &mut self,
        loaded: Option<Loaded>,
        program: &mut Rc<Program>,
        pc: &mut usize,
    ) -> Result<(), ArithError> {
        match loaded {
            None => {}
            Some(Loaded::Number(value)) => self.stack.push(value),
            Some(Loaded::Program(inner)) => {
                if self.depth >= MAX_DEPTH || self.frames.len() >= 4 * MAX_DEPTH {
                    let token = program.name_position(*pc - 1);
                    let error = program.fault_at("expression recursion level exceeded", token);
                    return Err(self.in_subscript(error));
                }
                self.enter(inner, Then::Push, program, pc);
                self.depth += 1;
            }
        }
        Ok(())
    }

    fn enter(&mut self, inner: Rc<Program>, then: Then, program: &mut Rc<Program>, pc: &mut usize) {
        let waiting = std::mem::replace(program, inner);
        self.frames.push(Frame { program: waiting, pc: *pc, then, depth: self.depth });
        *pc = 0;
    }

    /// Finds the key of an element and does `op`, at once or when the subscript has been evaluated.
    fn subscript(&mut self, op: ElementOp, program: &mut Rc<Program>, pc: &mut usize) -> Result<(), ArithError> {
        let (ElementOp::Load(index) | ElementOp::LoadKeep(index) | ElementOp::Store(index)) = op;
        let element = &program.elements[index as usize];
        let (name, text) = (element.name.of(&program.source), element.subscript.of(&program.source));
        let assoc = self.env.is_assoc(name);
        let loaded = if text.is_empty() || (!assoc && matches!(text, b"@" | b"*")) {
            self.bad_subscript(name, text, op)?
        } else if assoc {
            let key = self.env.expand_subscript(name, text)?;
            self.element(program, op, Kept::Name(key))?
        } else if let Some(number) = plain_number(text) {
            self.element(program, op, Kept::Index(number))?
        } else {
            let inner = if text.iter().any(|c| matches!(c, b'$' | b'`' | b'"' | b'\'' | b'\\')) {
                Rc::new(compile::compile(&self.env.expand_subscript(name, text)?))
            } else {
                element.program.get_or_init(|| Rc::new(compile::compile(text))).clone()
            };
            if self.frames.len() >= 4 * MAX_DEPTH {
                let error = program.fault_at("expression recursion level exceeded", element.name.start);
                return Err(self.in_subscript(error));
            }
            self.enter(inner, Then::Element(op), program, pc);
            self.depth = 1;
            return Ok(());
        };
        self.enter_or_push(loaded, program, pc)
    }

    fn bad_subscript(&mut self, name: &[u8], text: &[u8], op: ElementOp) -> Result<Option<Loaded>, ArithError> {
        if let ElementOp::Store(_) = op {
            self.env.bad_subscript(name, text, true)?;
            return Ok(None);
        }
        self.env.bad_subscript(name, text, false)?;
        if text.is_empty() {
            self.env.bad_subscript(name, text, false)?;
        }
        if let ElementOp::LoadKeep(_) = op {
            self.kept.push(Kept::Bad);
        }
        Ok(Some(Loaded::Number(0)))
    }

    /// Does `op` on an element whose key is known.
    fn element(&mut self, program: &Program, op: ElementOp, key: Kept) -> Result<Option<Loaded>, ArithError> {
        match op {
            ElementOp::Load(index) => Ok(Some(load(self.env.get_element(element(program, index, &key))?))),
            ElementOp::LoadKeep(index) => {
                let loaded = load(self.env.get_element(element(program, index, &key))?);
                self.kept.push(key);
                Ok(Some(loaded))
            }
            ElementOp::Store(index) => {
                let value = self.top();
                self.env.set_element(element(program, index, &key), value)?;
                Ok(None)
            }
        }
    }

    fn store_kept(&mut self, program: &Program, index: u32, value: i64) -> Result<(), ArithError> {
        let key = self.kept.pop().unwrap_or(Kept::Bad);
        let element = element(program, index, &key);
        if let Kept::Bad = key {
            return self.env.bad_subscript(element.name, element.subscript, true);
        }
        self.env.set_element(element, value)
    }
}

fn element<'a>(program: &'a Program, index: u32, key: &'a Kept) -> Element<'a> {
    let element = &program.elements[index as usize];
    Element {
        name: element.name.of(&program.source),
        subscript: element.subscript.of(&program.source),
        key: match key {
            Kept::Index(index) => Key::Index(*index),
            Kept::Name(name) => Key::Name(name),
            Kept::Bad => Key::Name(b""),
        },
    }
}

fn load(value: Value<'_>) -> Loaded {
    match value {
        Value::Unset => Loaded::Number(0),
        Value::Int(value) => Loaded::Number(value),
        Value::Text(text) => match plain_number(text) {
            Some(value) => Loaded::Number(value),
            None => Loaded::Program(Rc::new(compile::compile(text))),
        },
    }
}

/// A binary operation, with the ways it can fail.
fn binary(op: Binary, a: i64, b: i64) -> Result<i64, &'static str> {
    match op {
        Binary::Div | Binary::Rem if b == 0 => Err("division by 0"),
        Binary::Pow if b < 0 => Err("exponent less than 0"),
        _ => Ok(total(op, a, b)),
    }
}

/// A binary operation on operands that suit it; everything wraps around.
pub(super) fn total(op: Binary, a: i64, b: i64) -> i64 {
    match op {
        Binary::Add => a.wrapping_add(b),
        Binary::Sub => a.wrapping_sub(b),
        Binary::Mul => a.wrapping_mul(b),
        Binary::Div => a.checked_div(b).unwrap_or(a),
        Binary::Rem => a.checked_rem(b).unwrap_or(0),
        Binary::Pow => power(a, b),
        Binary::Shl => a.wrapping_shl(b as u32),
        Binary::Shr => a.wrapping_shr(b as u32),
        Binary::Lt => i64::from(a < b),
        Binary::Le => i64::from(a <= b),
        Binary::Gt => i64::from(a > b),
        Binary::Ge => i64::from(a >= b),
        Binary::Eq => i64::from(a == b),
        Binary::Ne => i64::from(a != b),
        Binary::And => a & b,
        Binary::Xor => a ^ b,
        Binary::Or => a | b,
    }
}

fn power(mut base: i64, mut exponent: i64) -> i64 {
    let mut result = 1i64;
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = result.wrapping_mul(base);
        }
        base = base.wrapping_mul(base);
        exponent >>= 1;
    }
    result
}
