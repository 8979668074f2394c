//! Brace expansion on the source text of a word, before anything else is done to it.

use super::utf8;

/// More words than a shell can want, or braces nested too deeply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooMany;

/// How deep braces may nest.
const MAX_DEPTH: usize = 128;

/// Expands `word`, the raw source of one word with its quotes, `${…}`, `$(…)` and backquotes, which braces inside are
/// part of. `None` when there is nothing to expand. At most `max` words.
pub fn expand(word: &[u8], max: usize) -> Result<Option<Vec<Vec<u8>>>, TooMany> {
    let open = word.iter().position(|&c| c == b'{');
    let Some(rest) = open.and_then(|open| word.get(open + 1..)) else {
        return Ok(None);
    };
    if !rest.contains(&b'}') || !(rest.contains(&b',') || rest.windows(2).any(|pair| pair == b"..")) {
        return Ok(None);
    }
    let words = Expander { max }.text(word, MAX_DEPTH)?;
    Ok(if words.len() == 1 && words[0] == word { None } else { Some(words) })
}

struct Expander {
    max: usize,
}

impl Expander {
    /// Expands a text with everything in it.
    fn text(&self, mut text: &[u8], depth: usize) -> Result<Vec<Vec<u8>>, TooMany> {
        if depth == 0 {
            return Err(TooMany);
        }
        let mut words = vec![Vec::new()];
        while let Some((open, close)) = find_pair(text) {
            append(&mut words, &text[..open]);
            let inside = &text[open + 1..close];
            let parts = if has_comma(inside) {
                self.alternatives(inside, depth)?
            } else {
                match self.sequence(inside)? {
                    Some(parts) => parts,
                    None => vec![text[open..=close].to_vec()],
                }
            };
            words = self.product(&words, &parts)?;
            text = &text[close + 1..];
        }
        append(&mut words, text);
        Ok(words)
    }

    /// What is between the commas, each part expanded.
    fn alternatives(&self, inside: &[u8], depth: usize) -> Result<Vec<Vec<u8>>, TooMany> {
        let mut all = Vec::new();
        let mut rest = inside;
        loop {
            let comma = find(rest, 0, b',');
            all.extend(self.text(&rest[..comma.unwrap_or(rest.len())], depth - 1)?);
            if all.len() > self.max {
                return Err(TooMany);
            }
            match comma {
                Some(comma) => rest = &rest[comma + 1..],
                None => return Ok(all),
            }
        }
    }

    /// Every word followed by every part.
    fn product(&self, words: &[Vec<u8>], parts: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, TooMany> {
        if words.len().saturating_mul(parts.len()) > self.max {
            return Err(TooMany);
        }
        Ok(words.iter().flat_map(|word| parts.iter().map(|part| [&word[..], part].concat())).collect())
    }

    /// `1..5`, `a..e`, `01..10..3`; `None` if it is no sequence.
    fn sequence(&self, inside: &[u8]) -> Result<Option<Vec<Vec<u8>>>, TooMany> {
        let Some(sequence) = Sequence::parse(inside) else {
            return Ok(None);
        };
        let (from, to, step) = (i128::from(sequence.from), i128::from(sequence.to), i128::from(sequence.step));
        let step = if step == 0 { 1 } else { step.abs() };
        let count = (to - from).abs() / step + 1;
        if count > self.max as i128 {
            return Err(TooMany);
        }
        let step = if from > to { -step } else { step };
        Ok(Some((0..count).map(|index| sequence.term(from + index * step)).collect()))
    }
}

fn append(words: &mut [Vec<u8>], text: &[u8]) {
    for word in words {
        word.extend_from_slice(text);
    }
}

/// The first pair of braces that means anything.
fn find_pair(text: &[u8]) -> Option<(usize, usize)> {
    let last = text.iter().rposition(|&c| c == b'}')?;
    let mut at = 0;
    loop {
        let open = find(text, at, b'{').filter(|&open| open < last)?;
        match find(text, open + 1, b'}') {
            Some(close) => return Some((open, close)),
            None => at = open + 1,
        }
    }
}

/// Is there a comma, unescaped? Quotes and inner braces do not matter here.
fn has_comma(inside: &[u8]) -> bool {
    let mut escaped = false;
    inside.iter().any(|&c| {
        let comma = c == b',' && !escaped;
        escaped = c == b'\\' && !escaped;
        comma
    })
}

/// Finds an unquoted `wanted` outside inner braces, from `at`. A `}` counts only after a comma or `..`.
fn find(text: &[u8], mut at: usize, wanted: u8) -> Option<usize> {
    let mut level = 0usize;
    let mut worth = wanted != b'}';
    while let Some(&c) = text.get(at) {
        let next = text.get(at + 1).copied();
        match (c, next) {
            (b'\\', _) => at += 1 + utf8::decode(text.get(at + 1..).unwrap_or_default()).1,
            (b'$', Some(b'{')) => {
                at += 2;
                level += 1;
            }
            (b'$', Some(b'\'')) => at = skip_single(text, at + 2, true),
            (b'\'', _) => at = skip_single(text, at + 1, false),
            (b'"', _) => at = skip_double(text, at + 1),
            (b'`', _) => at = skip_backquote(text, at + 1),
            (b'$' | b'<' | b'>', Some(b'(')) => at = skip_parens(text, at + 2),
            _ if c == wanted && level == 0 && worth && !is_lone(text, at) => return Some(at),
            _ => {
                match c {
                    b'{' => level += 1,
                    b'}' => level = level.saturating_sub(1),
                    b',' if level == 0 => worth = true,
                    b'.' if level == 0 && next == Some(b'.') && text.get(at + 2) != Some(&wanted) => worth = true,
                    _ => {}
                }
                at += 1;
            }
        }
    }
    None
}

/// `{}` at the beginning is no brace.
fn is_lone(text: &[u8], at: usize) -> bool {
    let blank = |c: Option<&u8>| matches!(c, Some(b' ' | b'\t' | b'\n'));
    text[at] == b'{'
        && (at == 0 || blank(text.get(at - 1)))
        && (blank(text.get(at + 1)) || text.get(at + 1) == Some(&b'}'))
}

/// The position behind a single-quoted text that begins at `at`.
fn skip_single(text: &[u8], mut at: usize, escapes: bool) -> usize {
    while let Some(&c) = text.get(at) {
        at += 1;
        match c {
            b'\'' => break,
            b'\\' if escapes => at += 1,
            _ => {}
        }
    }
    at.min(text.len())
}

/// The position behind a double-quoted text that begins at `at`.
fn skip_double(text: &[u8], mut at: usize) -> usize {
    while let Some(&c) = text.get(at) {
        match (c, text.get(at + 1)) {
            (b'"', _) => return at + 1,
            (b'\\', _) => at += 2,
            (b'$', Some(b'(')) => at = skip_parens(text, at + 2),
            _ => at += 1,
        }
    }
    text.len()
}

fn skip_backquote(text: &[u8], mut at: usize) -> usize {
    while let Some(&c) = text.get(at) {
        at += 1;
        match c {
            b'`' => break,
            b'\\' => at += 1,
            _ => {}
        }
    }
    at.min(text.len())
}

/// The position behind the parenthesis that closes the one before `at`, past quotes. Nesting is counted, not followed.
fn skip_parens(text: &[u8], mut at: usize) -> usize {
    let mut level = 1usize;
    let mut double = false;
    while let Some(&c) = text.get(at) {
        at += 1;
        match c {
            b'\\' => at += 1,
            b'"' => double = !double,
            b'\'' if !double => at = skip_single(text, at, false),
            b'(' => level += 1,
            b')' => {
                level -= 1;
                if level == 0 {
                    break;
                }
            }
            _ => {}
        }
    }
    at.min(text.len())
}

/// A sequence of numbers or letters.
struct Sequence {
    from: i64,
    to: i64,
    step: i64,
    letters: bool,
    /// Digits, sign included, to fill up with zeros; 0 for none.
    width: usize,
}

impl Sequence {
    fn parse(inside: &[u8]) -> Option<Sequence> {
        let split = |text: &[u8]| text.windows(2).position(|pair| pair == b"..");
        let middle = split(inside)?;
        let (left, right) = (&inside[..middle], &inside[middle + 2..]);
        let (right, step) = match split(right) {
            Some(at) if at + 2 < right.len() => (&right[..at], parse_number(&right[at + 2..])?),
            _ => (right, 1),
        };
        if let ([a], [b]) = (left, right)
            && a.is_ascii_alphabetic()
            && b.is_ascii_alphabetic()
        {
            return Some(Sequence { from: i64::from(*a), to: i64::from(*b), step, letters: true, width: 0 });
        }
        let (from, to) = (parse_number(left)?, parse_number(right)?);
        let padded = |text: &[u8]| matches!(text, [b'0', _, ..] | [b'-', b'0', _, ..]);
        let width = if padded(left) || padded(right) { left.len().max(right.len()) } else { 0 };
        Some(Sequence { from, to, step, letters: false, width })
    }

    fn term(&self, value: i128) -> Vec<u8> {
        if self.letters {
            // Between the upper and the lower case there is the backquote, which must not begin a substitution.
            return match value as u8 {
                b'`' => b"\\`".to_vec(),
                c => vec![c],
            };
        }
        format!("{value:0width$}", width = self.width).into_bytes()
    }
}

fn parse_number(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(word: &str) -> String {
        match expand(word.as_bytes(), 1000) {
            Ok(None) => "-".to_owned(),
            Ok(Some(words)) => String::from_utf8_lossy(&words.join(&b' ')).into_owned(),
            Err(TooMany) => "too many".to_owned(),
        }
    }

    #[test]
    fn expansions() {
        for (word, expected) in [
            ("a{b,c}d{e,f}g", "abdeg abdfg acdeg acdfg"),
            ("{{a,b},c}", "a b c"),
            ("{01..3}", "01 02 03"),
            ("{-01..1}", "-01 000 001"),
            ("{a..e..2}", "a c e"),
            ("{3..1}", "3 2 1"),
            ("{a}b,c}", "a}b c"),
            ("a{}b", "-"),
            ("{a\"b,c\"}", "-"),
            ("${x:-{a,b}}", "-"),
            ("{$(echo {a,b}),c}", "$(echo {a,b}) c"),
            ("\\{a,b}", "-"),
            ("{a,b\\}c}", "a b\\}c"),
            ("{1..3}{", "1{ 2{ 3{"),
            ("{1..1000}{1..1000}", "too many"),
            ("{1..9223372036854775807}", "too many"),
            ("{9223372036854775806..9223372036854775807}", "9223372036854775806 9223372036854775807"),
        ] {
            assert_eq!(words(word), expected, "{word}");
        }
    }

    #[test]
    fn hostile_words_end_soon() {
        assert_eq!(words(&"{a,".repeat(10_000)), "-");
        assert_eq!(words(&("{a,".repeat(1000) + &"}".repeat(1000))), "too many");
        assert_eq!(words(&"{a,b}".repeat(64)), "too many");
        words(&("{".repeat(3000) + ",}"));
    }

    #[cfg(unix)]
    #[test]
    #[ignore = "needs native bash"]
    fn like_bash() {
        use crate::text::oracle::{self, Random};
        let mut random = Random::seeded();
        let tokens = [
            "{",
            "{",
            "{",
            "}",
            "}",
            "}",
            ",",
            ",",
            ",",
            "a",
            "b",
            "1",
            "3",
            "..",
            "{a,b}",
            "{1..3}",
            "{c..a}",
            "{1..9..4}",
            "{03..1}",
            "$x",
            "${x}",
            "${y:-{c,d}}",
            "'{q,r}'",
            "\"{s,t}\"",
            "\\{",
            "\\}",
            "\\,",
            "$(echo {e,f\\})",
            "`echo g,h}`",
            "{}",
            ".",
            "-1",
            "+2",
            "é",
            "$'\\'{'",
            "\"$(echo \"{,\")\"",
            "{,}",
            "{x,",
            ",y}",
            "é..ü",
            "0",
            "{a..z..13}",
            "{-2..02}",
        ];
        let cases: Vec<String> =
            (0..2000).map(|_| (0..1 + random.below(9)).map(|_| *random.pick(&tokens)).collect()).collect();
        let mut script = b"x=X; unset y; t() { eval \"printf '<%s>' $1\"; printf '\\1\\2\\n'; }\nu() { set +B; t \"$@\"; set -B; }\n".to_vec();
        for case in &cases {
            script.extend_from_slice(&[b"t ", &oracle::word(case.as_bytes())[..], b"\n"].concat());
        }
        for case in &cases {
            let expanded = expand(case.as_bytes(), 100_000).expect("few").unwrap_or(vec![case.clone().into_bytes()]);
            script.extend_from_slice(&[b"u ", &oracle::word(&expanded.join(&b' '))[..], b"\n"].concat());
        }
        let answers = oracle::answers(&oracle::bash(&script));
        assert_eq!(answers.len(), 2 * cases.len());
        let ours = answers[cases.len()..].to_vec();
        oracle::compare(&cases, &ours, &answers[..cases.len()]);
    }
}
