//! Backslash escapes in their dialects: `$'…'`, `echo -e`, `printf %b` and the format of `printf`.

use super::utf8;

/// Who reads the escapes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Dialect {
    DollarSingle,
    Echo,
    PrintfB,
    PrintfFormat,
}

/// What an escape stands for.
enum Escape {
    Byte(u8),
    Char(u32),
    /// It is none: the backslash stands for itself. What printf says of it.
    None(Option<&'static str>),
    /// `\c`
    Stop,
}

/// The text between `$'` and `'`, escapes replaced (the closing quote is not part of `source`). A NUL ends it.
pub fn dollar_single(source: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(source.len());
    expand(source, Dialect::DollarSingle, &mut out, &mut |_, _| {});
    if let Some(nul) = out.iter().position(|&byte| byte == 0) {
        out.truncate(nul);
    }
    out
}

/// Appends an argument of `echo -e`; true when `\c` ended all output.
pub fn echo(source: &[u8], out: &mut Vec<u8>) -> bool {
    expand(source, Dialect::Echo, out, &mut |_, _| {})
}

/// Appends an argument of `printf %b`; true when `\c` ended all output. `warn` gets the output so far and a message.
pub fn printf_b(source: &[u8], out: &mut Vec<u8>, warn: &mut dyn FnMut(&mut Vec<u8>, &'static str)) -> bool {
    expand(source, Dialect::PrintfB, out, warn)
}

/// Appends what the escape at the beginning of `source` (its backslash) stands for in printf's format, and returns its
/// length.
pub fn printf_format(source: &[u8], out: &mut Vec<u8>, warn: &mut dyn FnMut(&mut Vec<u8>, &'static str)) -> usize {
    let (escape, length) = escape(source.get(1..).unwrap_or_default(), Dialect::PrintfFormat);
    push(escape, out, warn);
    1 + length
}

fn expand(
    source: &[u8],
    dialect: Dialect,
    out: &mut Vec<u8>,
    warn: &mut dyn FnMut(&mut Vec<u8>, &'static str),
) -> bool {
    let mut rest = source;
    while let Some(at) = rest.iter().position(|&byte| byte == b'\\') {
        out.extend_from_slice(&rest[..at]);
        let (escape, length) = escape(&rest[at + 1..], dialect);
        rest = &rest[at + 1 + length..];
        if let Escape::Stop = escape {
            return true;
        }
        push(escape, out, warn);
    }
    out.extend_from_slice(rest);
    false
}

fn push(escape: Escape, out: &mut Vec<u8>, warn: &mut dyn FnMut(&mut Vec<u8>, &'static str)) {
    match escape {
        Escape::Byte(byte) => out.push(byte),
        Escape::Char(code) => utf8::encode(code, out),
        Escape::None(warning) => {
            if let Some(warning) = warning {
                warn(out, warning);
            }
            out.push(b'\\');
        }
        Escape::Stop => {}
    }
}

/// Reads what follows a backslash: what it is and how long.
fn escape(source: &[u8], dialect: Dialect) -> (Escape, usize) {
    let Some(&c) = source.first() else {
        return (Escape::None(None), 0);
    };
    let byte = match c {
        b'a' => 7,
        b'b' => 8,
        b'e' | b'E' => 27,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 11,
        b'\\' => b'\\',
        b'\'' | b'"' | b'?' if matches!(dialect, Dialect::DollarSingle | Dialect::PrintfFormat) => c,
        b'0'..=b'7' => return octal(source, dialect),
        b'x' => return hexadecimal(source, dialect),
        b'u' | b'U' => {
            let (code, digits) = number(&source[1..], 16, if c == b'u' { 4 } else { 8 });
            let warning = if c == b'u' { "missing unicode digit for \\u" } else { "missing unicode digit for \\U" };
            return if digits == 0 { (Escape::None(Some(warning)), 0) } else { (Escape::Char(code), 1 + digits) };
        }
        b'c' if matches!(dialect, Dialect::Echo | Dialect::PrintfB) => return (Escape::Stop, 1),
        b'c' if dialect == Dialect::DollarSingle => return control(source),
        _ => return (Escape::None(None), 0),
    };
    (Escape::Byte(byte), 1)
}

/// `\nnn`, `\0nnn`.
fn octal(source: &[u8], dialect: Dialect) -> (Escape, usize) {
    let after_zero = match dialect {
        Dialect::Echo if source[0] != b'0' => return (Escape::None(None), 0),
        Dialect::Echo | Dialect::PrintfB => source[0] == b'0',
        _ => false,
    };
    let (code, digits) = number(source, 8, 3 + usize::from(after_zero));
    (Escape::Byte(code as u8), digits)
}

/// `\xHH`, `\x{H…}`.
fn hexadecimal(source: &[u8], dialect: Dialect) -> (Escape, usize) {
    if dialect == Dialect::DollarSingle && source.get(1) == Some(&b'{') {
        let (code, digits) = number(&source[2..], 16, usize::MAX);
        let closed = source.get(2 + digits) == Some(&b'}');
        return (Escape::Byte(code as u8), 2 + digits + usize::from(closed));
    }
    let (code, digits) = number(&source[1..], 16, 2);
    if digits == 0 {
        (Escape::None(Some("missing hex digit for \\x")), 0)
    } else {
        (Escape::Byte(code as u8), 1 + digits)
    }
}

/// `\cX`
fn control(source: &[u8]) -> (Escape, usize) {
    match source {
        [_, b'\\', b'\\', ..] => (Escape::Byte(b'\\' & 0x1f), 3),
        [_, b'?', ..] => (Escape::Byte(0x7f), 2),
        [_, c, ..] => (Escape::Byte(c.to_ascii_uppercase() & 0x1f), 2),
        _ => (Escape::None(None), 0),
    }
}

/// The number at the beginning of `source`, of at most `most` digits, and how many it has.
fn number(source: &[u8], base: u32, most: usize) -> (u32, usize) {
    let mut value = 0u32;
    let mut digits = 0;
    while let Some(digit) = source.get(digits).and_then(|&c| (c as char).to_digit(base)) {
        if digits == most {
            break;
        }
        value = value.wrapping_mul(base).wrapping_add(digit);
        digits += 1;
    }
    (value, digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dialects() {
        assert_eq!(dollar_single(br"a\n\x41\101\u20ac\'\q\cA\e"), b"a\nAA\xe2\x82\xac'\\q\x01\x1b");
        assert_eq!(dollar_single(br"a\0b"), b"a");
        let mut out = Vec::new();
        assert!(!echo(br"\0101\101\'\x4g", &mut out));
        assert!(echo(br"z\cy", &mut out));
        assert_eq!(out, b"A\\101\\'\x04gz");
        let mut out = Vec::new();
        assert!(!printf_b(br"\0101\101", &mut out, &mut |_, _| {}));
        assert_eq!(out, b"AA");
    }

    #[cfg(unix)]
    #[test]
    #[ignore = "needs native bash"]
    fn like_bash() {
        use crate::text::oracle::{self, Random};
        let mut random = Random::seeded();
        let tokens = [
            "a", "\\", "\\", "\\", "\\", "n", "t", "x", "u", "U", "0", "1", "7", "8", "4", "c", "e", "E", "'", "\"",
            "?", "{", "}", "F", "é", "\\x", "\\u", "\\U", "\\0", "\\c", "b", "v", "r", "f", "A", "D", "d8", "9", "[",
            "@", "%%", "\\cA", "\\u00",
        ];
        let cases: Vec<String> =
            (0..8000).map(|_| (0..random.below(8)).map(|_| *random.pick(&tokens)).collect()).collect();
        let mut script =
            b"t() { eval \"printf '<%s>' \\$'$2'\"; echo -e \"$1\"; printf '%b>' \"$1\"; printf \"$1\"; printf '\\1\\2\\n'; }\n".to_vec();
        for case in &cases {
            let quoted = quotable(case);
            let call = [b"t ", &oracle::word(case.as_bytes())[..], b" ", &oracle::word(quoted.as_bytes()), b"\n"];
            script.extend_from_slice(&call.concat());
        }
        let ours: Vec<Vec<u8>> = cases.iter().map(|case| answer(case)).collect();
        oracle::compare(&cases, &ours, &oracle::answers(&oracle::bash(&script)));
    }

    /// The case without what would end `$'…'`.
    #[cfg(unix)]
    fn quotable(case: &str) -> String {
        let text = case.replace('\'', "");
        let slashes = text.bytes().rev().take_while(|&c| c == b'\\').count();
        text[..text.len() - slashes % 2].to_owned()
    }

    #[cfg(unix)]
    fn answer(case: &str) -> Vec<u8> {
        let mut out = [b"<", &dollar_single(quotable(case).as_bytes())[..], b">"].concat();
        if !echo(case.as_bytes(), &mut out) {
            out.push(b'\n');
        }
        let mut part = Vec::new();
        if !printf_b(case.as_bytes(), &mut part, &mut |_, message| warn(&mut out, message)) {
            part.push(b'>');
        }
        out.append(&mut part);
        let mut rest = case.as_bytes();
        while let Some(&c) = rest.first() {
            match c {
                b'\\' => {
                    rest = &rest[printf_format(rest, &mut part, &mut |part, message| {
                        let lines = part.iter().rposition(|&c| c == b'\n').map_or(0, |at| at + 1);
                        out.extend(part.drain(..lines));
                        warn(&mut out, message);
                    })..]
                }
                b'%' => {
                    part.push(c);
                    rest = &rest[2..];
                }
                _ => {
                    part.push(c);
                    rest = &rest[1..];
                }
            }
        }
        out.append(&mut part);
        out
    }

    #[cfg(unix)]
    fn warn(out: &mut Vec<u8>, message: &str) {
        out.extend_from_slice(format!("/dev/stdin: line 1: printf: {message}\n").as_bytes());
    }
}
