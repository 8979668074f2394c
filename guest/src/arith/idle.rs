//! Branches that are not taken: bash reads on through them, with 0 for every variable, and still refuses a negative exponent.

use super::ArithError;
use super::program::{Binary, Op, Program};
use super::vm::total;

/// What waits for its last operand.
enum Open {
    And,
    Or,
    /// `c ? t : e`, complete where its jump lands.
    Choice(usize),
}

/// Reads the instructions from `start` up to `end` as bash does what it does not evaluate.
///
/// # Errors
/// A negative exponent.
pub(super) fn read(program: &Program, start: usize, end: usize) -> Result<(), ArithError> {
    let mut stack: Vec<i64> = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    for at in start..end.min(program.ops.len()) {
        close_choices(&mut stack, &mut open, at);
        let mut pop = || stack.pop().unwrap_or(0);
        let value = match program.ops[at] {
            Op::Push(value) => value,
            Op::Load(_) | Op::LoadKeep(_) => 0,
            Op::Binary(op, token) => match (op, pop(), pop()) {
                (Binary::Pow, ..0, _) => return Err(program.fault_at("exponent less than 0", token)),
                (Binary::Div | Binary::Rem, 0, a) => total(op, a, 1),
                (op, b, a) => total(op, a, b),
            },
            Op::Negate => pop().wrapping_neg(),
            Op::Not => i64::from(pop() == 0),
            Op::Complement => !pop(),
            Op::Bool => {
                let (b, a) = (pop() != 0, pop() != 0);
                i64::from(if matches!(open.pop(), Some(Open::And)) { a && b } else { a || b })
            }
            Op::Pop => {
                pop();
                continue;
            }
            Op::AndJump(_) => {
                open.push(Open::And);
                continue;
            }
            Op::OrJump(_) => {
                open.push(Open::Or);
                continue;
            }
            Op::Jump(to) => {
                open.push(Open::Choice(to as usize));
                continue;
            }
            Op::Fail(_) => return Ok(()),
            _ => continue,
        };
        stack.push(value);
    }
    Ok(())
}

fn close_choices(stack: &mut Vec<i64>, open: &mut Vec<Open>, at: usize) {
    while let Some(Open::Choice(to)) = open.last()
        && *to == at
    {
        open.pop();
        let mut pop = || stack.pop().unwrap_or(0);
        let (otherwise, then, condition) = (pop(), pop(), pop());
        stack.push(if condition == 0 { otherwise } else { then });
    }
}
