//! The primaries: what can be asked of one file or text, and of two.

use super::{Access, TestEnv, TestError};

/// Is this (`b'f'` for `-f`) the letter of a unary primary?
pub(super) fn is_unary(letter: u8) -> bool {
    b"abcdefghknoprstuvwxzGLNORS".contains(&letter)
}

/// A unary primary by its letter (`b'f'` for `-f`); `None` when there is no such primary. `-t` takes a number's text.
pub fn unary(letter: u8, operand: &[u8], env: &mut dyn TestEnv) -> Option<bool> {
    const SET_UID: u32 = 0o4000;
    const SET_GID: u32 = 0o2000;
    const STICKY: u32 = 0o1000;
    let mode = |env: &mut dyn TestEnv| env.stat(operand).map_or(0, |stat| stat.mode);
    let kind = |env: &mut dyn TestEnv, wanted: u32| mode(env) & 0o170000 == wanted;
    Some(match letter {
        b'n' => !operand.is_empty(),
        b'z' => operand.is_empty(),
        b'a' | b'e' => env.stat(operand).is_some(),
        b'f' => kind(env, 0o100000),
        b'd' => kind(env, 0o040000),
        b'r' => env.access(operand, Access::Read),
        b'w' => env.access(operand, Access::Write),
        b'x' => env.access(operand, Access::Exec),
        b's' => env.stat(operand).is_some_and(|stat| stat.size > 0),
        b'L' | b'h' => env.lstat(operand).is_some_and(|stat| stat.mode & 0o170000 == 0o120000),
        b'v' => env.var_is_set(operand),
        b'R' => env.var_is_nameref(operand),
        b'o' => env.option_is_set(operand),
        b't' => match parse_integer(operand).map(i32::try_from) {
            Some(Ok(fd)) => env.isatty(fd),
            _ => false,
        },
        b'p' => kind(env, 0o010000),
        b'S' => kind(env, 0o140000),
        b'b' => kind(env, 0o060000),
        b'c' => kind(env, 0o020000),
        b'u' => mode(env) & SET_UID != 0,
        b'g' => mode(env) & SET_GID != 0,
        b'k' => mode(env) & STICKY != 0,
        b'O' => env.stat(operand).is_some_and(|stat| stat.uid == env.ids().0),
        b'G' => env.stat(operand).is_some_and(|stat| stat.gid == env.ids().1),
        b'N' => env.stat(operand).is_some_and(|stat| stat.mtime > stat.atime),
        _ => return None,
    })
}

/// A comparison of two numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the names are test's")]
pub enum IntOp {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

impl IntOp {
    /// `-eq` and kin.
    pub fn parse(operator: &[u8]) -> Option<IntOp> {
        Some(match operator {
            b"-eq" => IntOp::Eq,
            b"-ne" => IntOp::Ne,
            b"-lt" => IntOp::Lt,
            b"-le" => IntOp::Le,
            b"-gt" => IntOp::Gt,
            b"-ge" => IntOp::Ge,
            _ => return None,
        })
    }

    /// Compares.
    pub fn apply(self, a: i64, b: i64) -> bool {
        match self {
            IntOp::Eq => a == b,
            IntOp::Ne => a != b,
            IntOp::Lt => a < b,
            IntOp::Le => a <= b,
            IntOp::Gt => a > b,
            IntOp::Ge => a >= b,
        }
    }

    /// Compares two texts that must be decimal numbers, as `test` does.
    pub fn apply_texts(self, a: &[u8], b: &[u8]) -> Result<bool, TestError> {
        let number =
            |text: &[u8]| parse_integer(text).ok_or_else(|| TestError::new(&[text, b": integer expression expected"]));
        Ok(self.apply(number(a)?, number(b)?))
    }
}

/// A decimal number, blanks around it allowed, within 64 bits.
pub fn parse_integer(text: &[u8]) -> Option<i64> {
    let space = |c: &u8| matches!(c, b' ' | b'\t'..=b'\r');
    let start = text.iter().position(|c| !space(c))?;
    let mut digits = &text[start..];
    let end = digits.iter().rposition(|c| !matches!(c, b' ' | b'\t'))?;
    digits = &digits[..=end];
    let negative = match digits {
        [sign @ (b'-' | b'+'), rest @ ..] => {
            digits = rest;
            *sign == b'-'
        }
        _ => false,
    };
    if digits.is_empty() {
        return None;
    }
    let mut value = 0i64;
    for c in digits {
        if !c.is_ascii_digit() {
            return None;
        }
        // Counted downwards, where there is room for one more.
        value = value.checked_mul(10)?.checked_sub(i64::from(c - b'0'))?;
    }
    if negative { Some(value) } else { value.checked_neg() }
}

/// A comparison of two files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FileOp {
    /// `-nt`
    Newer,
    /// `-ot`
    Older,
    /// `-ef`
    Same,
}

impl FileOp {
    /// `-nt`, `-ot`, `-ef`.
    pub fn parse(operator: &[u8]) -> Option<FileOp> {
        Some(match operator {
            b"-nt" => FileOp::Newer,
            b"-ot" => FileOp::Older,
            b"-ef" => FileOp::Same,
            _ => return None,
        })
    }

    /// Compares. A file that exists is newer than one that does not.
    pub fn apply(self, a: &[u8], b: &[u8], env: &mut dyn TestEnv) -> bool {
        let (a, b) = (env.stat(a), env.stat(b));
        match (self, a, b) {
            (FileOp::Newer, Some(a), Some(b)) => a.mtime > b.mtime,
            (FileOp::Older, Some(a), Some(b)) => a.mtime < b.mtime,
            (FileOp::Same, Some(a), Some(b)) => (a.dev, a.ino) == (b.dev, b.ino),
            (FileOp::Newer, Some(_), None) | (FileOp::Older, None, Some(_)) => true,
            _ => false,
        }
    }
}
