//! The arguments of `printf`, read as text or number.

use super::float::{self, Extended};
use crate::text::utf8;

/// The arguments, and what is wrong with those that have been read.
pub(super) struct Arguments<'a> {
    args: &'a [&'a [u8]],
    at: usize,
    complaints: Vec<Vec<u8>>,
    failed: bool,
}

impl<'a> Arguments<'a> {
    pub fn new(args: &'a [&'a [u8]]) -> Arguments<'a> {
        Arguments { args, at: 0, complaints: Vec::new(), failed: false }
    }

    /// Is there more, and has any been used, so that the format is to be applied again?
    pub fn go_round(&self) -> bool {
        self.at > 0 && !self.is_done()
    }

    pub fn is_done(&self) -> bool {
        self.at >= self.args.len()
    }

    /// 1 if an argument was no number.
    pub fn status(&self) -> i32 {
        i32::from(self.failed)
    }

    pub fn take_complaints(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.complaints)
    }

    pub fn next(&mut self) -> Option<&'a [u8]> {
        let arg = self.args.get(self.at).copied();
        self.at += usize::from(arg.is_some());
        arg
    }

    /// A width or precision.
    pub fn next_int(&mut self) -> i32 {
        let value = self.next_signed();
        i32::try_from(value).unwrap_or_else(|_| {
            // Bash names the argument after it.
            let next = self.args.get(self.at).copied().unwrap_or_default();
            self.out_of_range(next);
            if value < 0 { i32::MIN + 1 } else { i32::MAX }
        })
    }

    pub fn next_signed(&mut self) -> i64 {
        let (negative, value, overflow, arg) = self.next_number();
        let limit = if negative { 1 << 63 } else { (1 << 63) - 1 };
        if overflow || value > limit {
            self.out_of_range(arg);
            return if negative { i64::MIN } else { i64::MAX };
        }
        if negative { (value as i64).wrapping_neg() } else { value as i64 }
    }

    pub fn next_unsigned(&mut self) -> u64 {
        let (negative, value, overflow, arg) = self.next_number();
        if overflow {
            self.out_of_range(arg);
            return u64::MAX;
        }
        if negative { value.wrapping_neg() } else { value }
    }

    pub fn next_float(&mut self) -> Extended {
        let Some(arg) = self.next() else {
            return Extended::ZERO;
        };
        if let Some(code) = character(arg) {
            return Extended::from_u64(code);
        }
        let (value, length, out_of_range) = float::parse(arg);
        if length < arg.len() {
            self.invalid(arg);
        } else if out_of_range {
            self.out_of_range(arg);
        }
        value
    }

    /// A whole number as C's `strtoimax` reads it: sign, magnitude, whether it was too large, and its argument.
    fn next_number(&mut self) -> (bool, u64, bool, &'a [u8]) {
        let Some(arg) = self.next() else {
            return (false, 0, false, b"");
        };
        if let Some(code) = character(arg) {
            return (false, code, false, arg);
        }
        let blanks = arg.iter().take_while(|c| matches!(c, b' ' | b'\t'..=b'\r')).count();
        let signed = &arg[blanks..];
        let (negative, digits) = match signed {
            [sign @ (b'-' | b'+'), rest @ ..] => (*sign == b'-', rest),
            _ => (false, signed),
        };
        let (radix, digits) = match digits {
            [b'0', b'x' | b'X', digit, ..] if digit.is_ascii_hexdigit() => (16, &digits[2..]),
            [b'0', ..] => (8, digits),
            _ => (10, digits),
        };
        let mut value = Some(0u64);
        let mut length = 0;
        while let Some(digit) = digits.get(length).and_then(|&c| (c as char).to_digit(radix)) {
            let next = |value: u64| value.checked_mul(u64::from(radix))?.checked_add(u64::from(digit));
            value = value.and_then(next);
            length += 1;
        }
        if length < digits.len() || (length == 0 && !arg.is_empty()) {
            self.invalid(arg);
            // The other complaint is not made then.
            return (negative, value.unwrap_or(u64::MAX >> 1), false, arg);
        }
        (negative, value.unwrap_or(0), value.is_none(), arg)
    }

    fn invalid(&mut self, arg: &[u8]) {
        let kind: &[u8] = match arg {
            [b'0', digit, ..] if digit.is_ascii_digit() => b": invalid octal number",
            [b'0', b'x', ..] => b": invalid hex number",
            _ => b": invalid number",
        };
        self.complaints.push([arg, kind].concat());
        self.failed = true;
    }

    fn out_of_range(&mut self, arg: &[u8]) {
        self.complaints.push([b"warning: ", arg, b": Numerical result out of range"].concat());
    }
}

/// The code of the character in an argument that begins with a quote.
fn character(arg: &[u8]) -> Option<u64> {
    let [b'\'' | b'"', rest @ ..] = arg else {
        return None;
    };
    Some(match utf8::decode(rest) {
        (Some(c), _) => u64::from(u32::from(c)),
        (None, 0) => 0,
        (None, _) => u64::from(rest[0]),
    })
}
