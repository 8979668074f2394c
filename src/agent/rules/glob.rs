//! Patterns of rules against words of which not everything is known: does it match, may it, or can it not?

/// A piece of a word as it will be when the script runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// This byte.
    Byte(u8),
    /// Any text without a slash: what `*` in a path stands for.
    Name,
    /// Any text: what `$x` stands for.
    Any,
}

/// What a pattern says of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Match {
    /// Whatever the word turns out to be, it does not match.
    No,
    /// That depends on what is not known.
    Maybe,
    /// Whatever the word turns out to be, it matches.
    Yes,
}

/// A pattern: bytes, `?`, `*` and, in paths, `**`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob(Vec<Token>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Byte(u8),
    /// One byte but a slash.
    One,
    /// Any bytes but slashes.
    Star,
    /// Any bytes.
    Every,
}

impl Glob {
    /// A pattern for paths: `*` stops at a slash, `**` does not.
    pub fn path(text: &str) -> Glob {
        let mut tokens = Vec::new();
        let mut rest = text.as_bytes();
        while let [first, after @ ..] = rest {
            let (token, after) = match (first, after) {
                (b'*', [b'*', after @ ..]) => (Token::Every, after),
                (b'*', _) => (Token::Star, after),
                (b'?', _) => (Token::One, after),
                (byte, _) => (Token::Byte(*byte), after),
            };
            tokens.push(token);
            rest = after;
        }
        Glob(tokens)
    }

    /// A pattern for words: `*` is any text.
    pub fn word(text: &str) -> Glob {
        let tokens = Glob::path(text).0.into_iter();
        Glob(tokens.map(|token| if token == Token::Star { Token::Every } else { token }).collect())
    }

    /// The pattern for all that is below what this one matches.
    pub fn below(&self) -> Glob {
        Glob(self.0.iter().copied().chain([Token::Byte(b'/'), Token::Every]).collect())
    }

    /// Whether it is `*` and nothing else.
    pub fn is_any(&self) -> bool {
        matches!(self.0.as_slice(), [Token::Every])
    }

    /// What it says of a word.
    pub fn matches(&self, word: &[Piece]) -> Match {
        if self.walk(word, must) {
            Match::Yes
        } else if self.walk(word, may) {
            Match::Maybe
        } else {
            Match::No
        }
    }

    /// Whether a way leads from the start of both to the end of both. `states` has, for what of the word was walked, whether one leads to each
    /// place in the pattern.
    fn walk(&self, word: &[Piece], step: fn(Option<Token>, Piece) -> Step) -> bool {
        let mut states = vec![false; self.0.len() + 1];
        states[0] = true;
        self.skip_stars(&mut states);
        for piece in word {
            let mut next = vec![false; states.len()];
            for at in (0..states.len()).filter(|at| states[*at]) {
                let step = step(self.0.get(at).copied(), *piece);
                next[at] |= step.stay;
                if at + 1 < next.len() {
                    next[at + 1] |= step.advance;
                }
            }
            // What stands for any text may stand for many bytes of the pattern, and is walked when the pattern has no more for it.
            if !matches!(piece, Piece::Byte(_)) {
                self.spread(&mut next, *piece, step);
            }
            self.skip_stars(&mut next);
            if !next.contains(&true) {
                return false;
            }
            states = next;
        }
        states[self.0.len()]
    }

    /// A piece of any length goes on through the pattern as far as it can.
    fn spread(&self, states: &mut [bool], piece: Piece, step: fn(Option<Token>, Piece) -> Step) {
        for at in 0..self.0.len() {
            if states[at] && step(Some(self.0[at]), piece).advance {
                states[at + 1] = true;
            }
        }
    }

    /// `*` and `**` also match nothing.
    fn skip_stars(&self, states: &mut [bool]) {
        for (at, token) in self.0.iter().enumerate() {
            if matches!(token, Token::Star | Token::Every) && states[at] {
                states[at + 1] = true;
            }
        }
    }
}

/// Where a piece leads from a place in the pattern.
struct Step {
    /// To the same place.
    stay: bool,
    /// Behind the token there.
    advance: bool,
}

/// So that every text the piece may be is matched: only a star takes what is not known.
fn must(token: Option<Token>, piece: Piece) -> Step {
    let (stay, advance) = match (token, piece) {
        (Some(Token::Every), _) => (true, false),
        (Some(Token::Star), Piece::Byte(b)) => (b != b'/', false),
        (Some(Token::Star), Piece::Name) => (true, false),
        (Some(Token::One), Piece::Byte(b)) => (false, b != b'/'),
        (Some(Token::Byte(wanted)), Piece::Byte(b)) => (false, wanted == b),
        _ => (false, false),
    };
    Step { stay, advance }
}

/// So that some text the piece may be is matched; what is not known may be nothing, hence it may always stay.
fn may(token: Option<Token>, piece: Piece) -> Step {
    let (stay, advance) = match (token, piece) {
        (_, Piece::Byte(_)) => return must(token, piece),
        (Some(Token::Byte(b'/')), Piece::Name) => (true, false),
        (token, _) => (true, token.is_some()),
    };
    Step { stay, advance }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `$` is any text, `@` any text without a slash.
    fn word(text: &str) -> Vec<Piece> {
        let piece = |b| match b {
            b'$' => Piece::Any,
            b'@' => Piece::Name,
            b => Piece::Byte(b),
        };
        text.bytes().map(piece).collect()
    }

    #[test]
    fn words() {
        for (glob, text, expected) in [
            ("rm", "rm", Match::Yes),
            ("rm", "rmdir", Match::No),
            ("rm", "r$", Match::Maybe),
            ("rm", "$", Match::Maybe),
            ("rm", "x$", Match::No),
            ("rm", "$rm", Match::Maybe),
            ("*", "$", Match::Yes),
            ("*", "", Match::Yes),
            ("-*r*", "-rf", Match::Yes),
            ("-*r*", "-f", Match::No),
            ("-*r*", "-f$", Match::Maybe),
            ("a?c", "abc", Match::Yes),
            ("a?c", "a$", Match::Maybe),
            ("a*c", "a$c", Match::Yes),
            ("python*", "python3.12", Match::Yes),
            ("", "$", Match::Maybe),
            ("", "", Match::Yes),
            ("abc", "$b$", Match::Maybe),
            ("abc", "$d$", Match::No),
        ] {
            assert_eq!(Glob::word(glob).matches(&word(text)), expected, "{glob} on {text}");
        }
    }

    #[test]
    fn paths() {
        for (glob, text, expected) in [
            ("/etc/*", "/etc/passwd", Match::Yes),
            ("/etc/*", "/etc/ssl/cert", Match::No),
            ("/etc/**", "/etc/ssl/cert", Match::Yes),
            ("/**/*.env", "/a/b/.env", Match::Yes),
            ("/etc/*", "/etc/@", Match::Yes),
            ("/etc/*.conf", "/etc/@", Match::Maybe),
            ("/etc/passwd", "/@/passwd", Match::Maybe),
            ("/etc/passwd", "/@", Match::No),
            ("/etc/passwd", "$", Match::Maybe),
            ("/tmp/**", "/tmp/@/@", Match::Yes),
            ("/tmp/*", "/tmp/$", Match::Maybe),
        ] {
            assert_eq!(Glob::path(glob).matches(&word(text)), expected, "{glob} on {text}");
        }
        assert_eq!(Glob::path("/etc").below().matches(&word("/etc/a/b")), Match::Yes);
    }
}
