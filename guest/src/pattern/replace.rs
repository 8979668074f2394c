//! Pattern substitution: `${v/p/r}`, `${v//p/r}`, `${v/#p/r}`, `${v/%p/r}`.

use super::{Extent, Pattern};

/// Which matches are replaced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// The first (`/`).
    First,
    /// All (`//`).
    All,
    /// One at the beginning (`/#`).
    Prefix,
    /// One at the end (`/%`).
    Suffix,
}

impl Pattern {
    /// Replaces matches in `text`: `replacement` appends what stands for the matched text (its argument).
    pub fn replace(&self, text: &[u8], scope: Scope, mut replacement: impl FnMut(&[u8], &mut Vec<u8>)) -> Vec<u8> {
        let mut out = Vec::with_capacity(text.len());
        let span = match scope {
            Scope::First => self.find(text, 0),
            Scope::Prefix => self.match_prefix(text, Extent::Longest).map(|end| (0, end)),
            Scope::Suffix => self.match_suffix(text, Extent::Longest).map(|start| (start, text.len())),
            Scope::All => return self.replace_all(text, replacement),
        };
        let taken = |&(start, _): &(usize, usize)| start < text.len() || self.takes_end(text, scope);
        let Some((start, end)) = span.filter(taken) else {
            return text.to_vec();
        };
        out.extend_from_slice(&text[..start]);
        replacement(&text[start..end], &mut out);
        out.extend_from_slice(&text[end..]);
        out
    }

    /// Is the empty match at the end of the text one? Bash's answer depends on how the pattern begins.
    fn takes_end(&self, text: &[u8], scope: Scope) -> bool {
        match (self.source(), scope) {
            ([b'*', ..], _) => true,
            ([b'?', b'(', ..], Scope::Suffix) => true,
            ([b'!', b'(', ..], Scope::Suffix) => text.is_empty(),
            _ => false,
        }
    }

    fn replace_all(&self, text: &[u8], mut replacement: impl FnMut(&[u8], &mut Vec<u8>)) -> Vec<u8> {
        self.with(text, |pattern, subject| {
            let mut out = Vec::with_capacity(text.len());
            let mut at = 0;
            while let Some((start, end)) = pattern.find_in(&subject, at) {
                if start >= text.len() && !self.takes_end(text, Scope::All) {
                    break;
                }
                out.extend_from_slice(&text[at..start]);
                replacement(&text[start..end], &mut out);
                at = end;
                if start == end {
                    if at >= text.len() {
                        break;
                    }
                    let next = subject.next(at).1;
                    out.extend_from_slice(&text[at..next]);
                    at = next;
                }
                if at >= text.len() {
                    break;
                }
            }
            out.extend_from_slice(&text[at..]);
            out
        })
    }
}
