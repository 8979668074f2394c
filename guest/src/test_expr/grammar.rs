//! The grammar: POSIX's rules for up to four arguments, precedence for more.

use super::primary::{self, FileOp, IntOp};
use super::{TestEnv, TestError, parse_integer};

/// How deep parentheses may nest.
const MAX_DEPTH: usize = 200;

type Answer = Result<bool, TestError>;

/// `test ARGS`.
pub fn test<A: AsRef<[u8]>>(args: &[A], env: &mut dyn TestEnv) -> Answer {
    if let [a, op, b] = args
        && let Some(op) = IntOp::parse(op.as_ref())
    {
        return op.apply_texts(a.as_ref(), b.as_ref());
    }
    let args: Vec<&[u8]> = args.iter().map(AsRef::as_ref).collect();
    let mut test = Test { args: &args, at: 0, env, depth: 0 };
    let value = test.by_count()?;
    match args.get(test.at) {
        None => Ok(value),
        Some(arg) if arg.starts_with(b"-") => Err(TestError::new(&[b"syntax error: `", arg, b"' unexpected"])),
        Some(_) => Err(TestError::new(&[b"too many arguments"])),
    }
}

/// `[ ARGS`, whose last one must be `]`.
pub fn bracket<A: AsRef<[u8]>>(args: &[A], env: &mut dyn TestEnv) -> Answer {
    match args.split_last() {
        Some((last, args)) if last.as_ref() == b"]" => test(args, env),
        _ => Err(TestError::new(&[b"missing `]'"])),
    }
}

struct Test<'a> {
    args: &'a [&'a [u8]],
    at: usize,
    env: &'a mut dyn TestEnv,
    depth: usize,
}

fn is_binary(operator: &[u8]) -> bool {
    matches!(operator, b"=" | b"==" | b"!=" | b"<" | b">")
        || IntOp::parse(operator).is_some()
        || FileOp::parse(operator).is_some()
}

fn is_unary(operator: &[u8]) -> bool {
    matches!(operator, [b'-', letter] if primary::is_unary(*letter))
}

impl Test<'_> {
    fn by_count(&mut self) -> Answer {
        match self.args {
            [] => Ok(false),
            [a] => {
                self.at = 1;
                Ok(!a.is_empty())
            }
            [_, _] => self.two(),
            [_, _, _] => self.three(),
            [not, _, _, _] if *not == b"!" => {
                self.at = 1;
                Ok(!self.three()?)
            }
            [open, _, _, close] if *open == b"(" && *close == b")" => {
                self.at = 1;
                let value = self.two()?;
                self.at = 4;
                Ok(value)
            }
            _ => self.expression(),
        }
    }

    fn two(&mut self) -> Answer {
        let (operator, operand) = (self.args[self.at], self.args[self.at + 1]);
        if operator == b"!" {
            self.at += 2;
            return Ok(operand.is_empty());
        }
        if is_unary(operator) {
            let value = self.unary()?;
            self.at = self.args.len();
            return Ok(value);
        }
        Err(TestError::new(&[operator, b": unary operator expected"]))
    }

    fn three(&mut self) -> Answer {
        let [a, operator, b] = [0, 1, 2].map(|index| self.args[self.at + index]);
        let value = if is_binary(operator) {
            self.binary()?
        } else if operator == b"-a" {
            !a.is_empty() && !b.is_empty()
        } else if operator == b"-o" {
            !a.is_empty() || !b.is_empty()
        } else if a == b"!" {
            self.at += 1;
            !self.two()?
        } else if a == b"(" && b == b")" {
            !operator.is_empty()
        } else {
            return Err(TestError::new(&[operator, b": binary operator expected"]));
        };
        self.at = self.args.len();
        Ok(value)
    }

    fn peek(&self) -> Option<&[u8]> {
        self.args.get(self.at).copied()
    }

    fn expected() -> TestError {
        TestError::new(&[b"argument expected"])
    }

    /// Alternatives of conjunctions. Both sides are always evaluated.
    fn expression(&mut self) -> Answer {
        if self.at >= self.args.len() {
            return Err(Self::expected());
        }
        let mut value = self.conjunction()?;
        while self.peek() == Some(b"-o") {
            self.at += 1;
            value |= self.conjunction()?;
        }
        Ok(value)
    }

    fn conjunction(&mut self) -> Answer {
        let mut value = self.term()?;
        while self.peek() == Some(b"-a") {
            self.at += 1;
            value &= self.term()?;
        }
        Ok(value)
    }

    fn term(&mut self) -> Answer {
        let mut negated = false;
        while self.peek() == Some(b"!") {
            self.at += 1;
            negated = !negated;
        }
        Ok(self.plain_term()? != negated)
    }

    fn plain_term(&mut self) -> Answer {
        let first = self.peek().ok_or_else(Self::expected)?;
        if first == b"(" {
            return self.parenthesis();
        }
        let left = self.args.len() - self.at;
        if left >= 3 && is_binary(self.args[self.at + 1]) {
            return self.binary();
        }
        if left >= 2 && is_unary(first) {
            return self.unary();
        }
        let value = !first.is_empty();
        self.at += 1;
        Ok(value)
    }

    fn parenthesis(&mut self) -> Answer {
        self.at += 1;
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(TestError::new(&[b"parentheses nested too deeply"]));
        }
        let value = self.expression()?;
        self.depth -= 1;
        match self.peek() {
            Some(b")") => {
                self.at += 1;
                Ok(value)
            }
            Some(other) => Err(TestError::new(&[b"`)' expected, found ", other])),
            None => Err(TestError::new(&[b"`)' expected"])),
        }
    }

    fn unary(&mut self) -> Answer {
        let letter = self.args[self.at][1];
        self.at += 1;
        let operand = self.args[self.at];
        if letter == b't' && parse_integer(operand).is_none() {
            // The operand of `-t` is optional.
            return Ok(false);
        }
        self.at += 1;
        Ok(primary::unary(letter, operand, self.env).unwrap_or(false))
    }

    fn binary(&mut self) -> Answer {
        let [a, operator, b] = [0, 1, 2].map(|index| self.args[self.at + index]);
        let value = match operator {
            b"=" | b"==" => a == b,
            b"!=" => a != b,
            b"<" => a < b,
            b">" => a > b,
            _ => match (IntOp::parse(operator), FileOp::parse(operator)) {
                (Some(op), _) => op.apply_texts(a, b)?,
                (_, Some(op)) => op.apply(a, b, self.env),
                _ => false,
            },
        };
        self.at += 3;
        Ok(value)
    }
}
