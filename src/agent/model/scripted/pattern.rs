//! What a turn looks for in a text: a stretch of it, in which `*` stands for anything and `{name}` for one word, which can be used in the answer.

use std::collections::BTreeMap;

use serde::Deserialize;

/// A stretch of text to look for.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(from = "String")]
pub struct Pattern(Vec<Piece>);

#[derive(Debug, Clone, PartialEq)]
enum Piece {
    /// Itself.
    Literal(String),
    /// Anything, as little as possible.
    Anything,
    /// One or more characters that are no white space, as many as possible.
    Word(String),
}

/// The words that were found, by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Captures(BTreeMap<String, String>);

impl From<String> for Pattern {
    fn from(text: String) -> Pattern {
        let mut pieces = vec![Piece::Anything];
        let mut literal = String::new();
        let mut rest = text.as_str();
        while let Some(next) = rest.chars().next() {
            let name = rest.strip_prefix('{').and_then(|inner| inner.split_once('}')).filter(|(name, _)| is_name(name));
            let piece = match (next, name) {
                ('*', _) => Some((Piece::Anything, &rest[1..])),
                (_, Some((name, after))) => Some((Piece::Word(name.to_owned()), after)),
                _ => None,
            };
            match piece {
                Some((piece, after)) => {
                    pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                    pieces.push(piece);
                    rest = after;
                }
                None => {
                    literal.push(next);
                    rest = &rest[next.len_utf8()..];
                }
            }
        }
        pieces.push(Piece::Literal(literal));
        pieces.retain(|piece| *piece != Piece::Literal(String::new()));
        Pattern(pieces)
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
}

impl Pattern {
    /// Whether the text has such a stretch; the first one's words are added to `captures`.
    pub fn find(&self, text: &str, captures: &mut Captures) -> bool {
        let mut words = Vec::new();
        let found = matches(&self.0, text, &mut words);
        if found {
            captures.0.extend(words.into_iter().map(|(name, word)| (name.to_owned(), word.to_owned())));
        }
        found
    }
}

/// Whether the text begins with these pieces. Only `*` tries again, and once the pieces between two of them have been found, an earlier
/// one need not: so the time is that of the text times the pattern.
fn matches<'a>(pieces: &'a [Piece], text: &'a str, words: &mut Vec<(&'a str, &'a str)>) -> bool {
    let (mut pieces, mut text) = (pieces, text);
    // Where the last `*` was, how much of the text it began at, and how many words there were.
    let mut again: Option<(&[Piece], &str, usize)> = None;
    while let Some(piece) = pieces.first() {
        let after = match piece {
            Piece::Anything => {
                again = Some((&pieces[1..], text, words.len()));
                Some(text)
            }
            Piece::Literal(literal) => text.strip_prefix(literal.as_str()),
            Piece::Word(name) => {
                let end = word_end(text, pieces.get(1));
                words.push((name, &text[..end]));
                (end > 0).then(|| &text[end..])
            }
        };
        match (after, &mut again) {
            (Some(after), _) => (pieces, text) = (&pieces[1..], after),
            (None, Some((star, from, count))) => {
                let mut chars = from.chars();
                if chars.next().is_none() {
                    return false;
                }
                *from = chars.as_str();
                words.truncate(*count);
                (pieces, text) = (star, from);
            }
            (None, None) => return false,
        }
    }
    true
}

/// Where a word ends: at the last place in it where what follows in the pattern begins, else where white space does.
fn word_end(text: &str, next: Option<&Piece>) -> usize {
    let space = text.find(char::is_whitespace).unwrap_or(text.len());
    let Some(Piece::Literal(literal)) = next else { return space };
    let ends = text[..space].char_indices().map(|(at, _)| at).skip(1).chain([space]);
    ends.filter(|&at| text[at..].starts_with(literal.as_str())).last().unwrap_or(space)
}

impl Captures {
    /// The text with each `{name}` of a word that was found replaced by it; other braces stay.
    pub fn fill(&self, text: &str) -> String {
        self.fill_with(text, str::to_owned)
    }

    /// As `fill`, inside the strings of a JSON text.
    pub fn fill_json(&self, text: &str) -> String {
        self.fill_with(text, |word| {
            let quoted = serde_json::Value::from(word).to_string();
            quoted[1..quoted.len() - 1].to_owned()
        })
    }

    fn fill_with(&self, text: &str, written: impl Fn(&str) -> String) -> String {
        let mut text = text.to_owned();
        for (name, word) in &self.0 {
            text = text.replace(&format!("{{{name}}}"), &written(word));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(pattern: &str, text: &str) -> Option<Captures> {
        let mut captures = Captures::default();
        Pattern::from(pattern.to_owned()).find(text, &mut captures).then_some(captures)
    }

    #[test]
    fn a_stretch_is_found_anywhere() {
        for (pattern, text, fits) in [
            ("", "", true),
            ("", "x", true),
            ("b", "abc", true),
            ("d", "abc", false),
            ("a*c", "xxabbbcx", true),
            ("a*c*a", "abc", false),
            ("*", "", true),
            ("a*b*c", "a b a c", true),
            ("{print $1}", "awk '{print $1}'", true),
            ("é*ü", "xéßü", true),
            ("{word}", "  ", false),
        ] {
            assert_eq!(find(pattern, text).is_some(), fits, "{pattern:?} in {text:?}");
        }
    }

    #[test]
    fn words_are_captured_and_filled_in() {
        let captures = find("code is {code}, *rows: {rows}", "the code is a\"b7, many\nrows: 12").expect("it fits");
        assert_eq!(captures.fill("{code} {rows} {other} {print}"), "a\"b7 12 {other} {print}");
        assert_eq!(captures.fill_json(r#"["{code}"]"#), r#"["a\"b7"]"#);
        let later = find("n={n}*end", "n= n=2 end").expect("the first place has no word, the second has");
        assert_eq!(later.fill("{n}"), "2");
    }

    #[test]
    fn many_stars_do_not_take_for_ever() {
        let text = "a".repeat(20_000);
        assert!(find(&format!("*{}b", "a*".repeat(20)), &text[..2000]).is_none());
    }
}
