//! Quoting text so that the shell reads it back, in the styles bash uses in different places.

use super::utf8;
use crate::pattern::is_printable;

/// `printf %q`: backslashes, or `$'…'` when there is an unprintable character.
pub fn backslash(text: &[u8]) -> Vec<u8> {
    if text.is_empty() {
        return b"''".to_vec();
    }
    if has_unprintable(text) {
        return dollar_single(text);
    }
    let mut out = Vec::with_capacity(text.len() + 8);
    for (index, &c) in text.iter().enumerate() {
        let special = is_special(c) || c == b',' || (index == 0 && matches!(c, b'#' | b'~'));
        let tilde = c == b'~' && index > 0 && matches!(text[index - 1], b':' | b'=');
        if special || tilde {
            out.push(b'\\');
        }
        out.push(c);
    }
    out
}

/// `${v@Q}`: single quotes always, or `$'…'`.
pub fn at_q(text: &[u8]) -> Vec<u8> {
    if has_unprintable(text) { dollar_single(text) } else { single(text) }
}

/// The value in `declare -p` and `export -p`: double quotes, or `$'…'`.
pub fn declare(text: &[u8]) -> Vec<u8> {
    if has_unprintable(text) { dollar_single(text) } else { double(text) }
}

/// An element's key in `declare -p` of an associative array.
pub fn assoc_key(text: &[u8]) -> Vec<u8> {
    if has_unprintable(text) {
        dollar_single(text)
    } else if has_special(text) || matches!(text, b"@" | b"*") {
        double(text)
    } else {
        text.to_vec()
    }
}

/// The value in `set`'s listing of variables: only if needed.
pub fn set_listing(text: &[u8]) -> Vec<u8> {
    if has_unprintable(text) {
        dollar_single(text)
    } else if has_special(text) {
        single(text)
    } else {
        text.to_vec()
    }
}

/// A word of a `set -x` trace: only if needed.
pub fn xtrace(text: &[u8]) -> Vec<u8> {
    if text.is_empty() {
        b"''".to_vec()
    } else if has_special(text) {
        single(text)
    } else {
        set_listing(text)
    }
}

/// `'…'` with every inner single quote as `'\''` (`alias`, `trap -p`).
pub fn single(text: &[u8]) -> Vec<u8> {
    if text == b"'" {
        return b"\\'".to_vec();
    }
    let mut out = Vec::with_capacity(text.len() + 2);
    out.push(b'\'');
    for &c in text {
        if c == b'\'' {
            out.extend_from_slice(b"'\\''");
        } else {
            out.push(c);
        }
    }
    out.push(b'\'');
    out
}

/// `"…"` with backslashes where they are needed.
pub fn double(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 2);
    out.push(b'"');
    for &c in text {
        if matches!(c, b'"' | b'$' | b'`' | b'\\') {
            out.push(b'\\');
        }
        out.push(c);
    }
    out.push(b'"');
    out
}

/// `$'…'`
pub fn dollar_single(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 8);
    out.extend_from_slice(b"$'");
    for (c, bytes) in utf8::chars(text) {
        let letter = match bytes[0] {
            27 => b'E',
            7 => b'a',
            11 => b'v',
            8 => b'b',
            12 => b'f',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            b'\\' => b'\\',
            b'\'' => b'\'',
            _ if c.is_some_and(is_printable) => {
                out.extend_from_slice(bytes);
                continue;
            }
            _ => {
                for byte in bytes {
                    out.extend([b'\\', b'0' + (byte >> 6), b'0' + (byte >> 3 & 7), b'0' + (byte & 7)]);
                }
                continue;
            }
        };
        out.extend([b'\\', letter]);
    }
    out.push(b'\'');
    out
}

/// Is there anything that only `$'…'` shows well?
fn has_unprintable(text: &[u8]) -> bool {
    if text.is_ascii() {
        return text.iter().any(u8::is_ascii_control);
    }
    utf8::chars(text).any(|(c, _)| !c.is_some_and(is_printable))
}

/// Characters that mean something to the shell wherever they are.
fn is_special(c: u8) -> bool {
    matches!(c, b' ' | b'\t' | b'\n' | b'\'' | b'"' | b'\\' | b'|' | b'&' | b';' | b'(' | b')' | b'<' | b'>')
        || matches!(c, b'!' | b'{' | b'}' | b'*' | b'[' | b'?' | b']' | b'^' | b'$' | b'`')
}

/// Does the text mean something else to the shell than itself?
fn has_special(text: &[u8]) -> bool {
    text.iter().enumerate().any(|(index, &c)| match c {
        b'~' => index == 0 || matches!(text[index - 1], b'=' | b':'),
        b'#' => index == 0 || matches!(text[index - 1], b' ' | b'\t'),
        _ => is_special(c),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn styles() {
        assert_eq!(backslash(b"a b'c"), b"a\\ b\\'c");
        assert_eq!(backslash(b""), b"''");
        assert_eq!(backslash("a\té\u{7f}".as_bytes()), "$'a\\té\\177'".as_bytes());
        assert_eq!(at_q(b"it's"), b"'it'\\''s'");
        assert_eq!(declare(b"a\"$b"), b"\"a\\\"\\$b\"");
        assert_eq!(xtrace(b"a=~b"), b"'a=~b'");
        assert_eq!(set_listing(b"a~b#"), b"a~b#");
    }

    #[cfg(unix)]
    #[test]
    #[ignore = "needs native bash"]
    fn like_bash() {
        use crate::text::oracle::{self, Random};
        let mut random = Random::seeded();
        let mut cases: Vec<Vec<u8>> =
            (1..128u8).flat_map(|c| [vec![c], vec![b'a', c], vec![c, b'a'], vec![b'=', c]]).collect();
        let tokens: [&[u8]; 30] = [
            b"a",
            b"b",
            b" ",
            b"'",
            b"\"",
            b"$",
            b"\\",
            b"\n",
            b"\t",
            b"~",
            b"#",
            b"=",
            b":",
            b"!",
            "é".as_bytes(),
            b"\xff",
            b"\xc3",
            "\u{200b}".as_bytes(),
            "\u{301}".as_bytes(),
            "\u{a0}".as_bytes(),
            "日".as_bytes(),
            "\u{e000}".as_bytes(),
            "😀".as_bytes(),
            b"*",
            b"%",
            b"-",
            b"\x1b",
            b"\x7f",
            b"]",
            b"@",
        ];
        cases.extend((0..3000).map(|_| (0..random.below(5)).flat_map(|_| random.pick(&tokens).to_vec()).collect()));
        let mut script = b"v= ; PS4='+'; t() { v=$1; local -A k; k[\"x$v\"]=1; printf '%s\\n' \"${v@Q}\"; printf '%q\\n' \"$v\"; declare -p v
            set | grep -a '^v='; alias q=\"$v\"; alias q; declare -p k
            set -x; : \"$v\"; { set +x; } 2>/dev/null; printf '\\1\\2\\n'; }\n".to_vec();
        for case in &cases {
            script.extend_from_slice(&[b"t ", &oracle::word(case)[..], b"\n"].concat());
        }
        let ours: Vec<Vec<u8>> = cases
            .iter()
            .map(|text| {
                let key = [b"x", &text[..]].concat();
                let lines: [&[u8]; 7] = [
                    &at_q(text),
                    &backslash(text),
                    &[b"declare -- v=", &declare(text)[..]].concat(),
                    &[b"v=", &set_listing(text)[..]].concat(),
                    &[b"alias q=", &single(text)[..]].concat(),
                    &[b"declare -A k=([", &assoc_key(&key)[..], b"]=\"1\" )"].concat(),
                    &[b"++: ", &xtrace(text)[..], b"\n"].concat(),
                ];
                lines.join(&b'\n')
            })
            .collect();
        let shown: Vec<_> = cases.iter().map(|case| case.escape_ascii().to_string()).collect();
        oracle::compare(&shown, &ours, &oracle::answers(&oracle::bash(&script)));
    }
}
