//! Where the paths in a script lead, as far as that is known before it runs.

use std::collections::BTreeSet;

use super::glob::Piece;
use super::word::Word;

/// Most directories that a script may be in.
const PLACES: usize = 16;

/// Files that hold nothing.
const NOTHING: [&[u8]; 6] = [b"/dev/null", b"/dev/stdin", b"/dev/stdout", b"/dev/stderr", b"/dev/tty", b"/dev/zero"];

/// The directories that a script may be in; `None`: any.
#[derive(Clone, Debug)]
pub struct Places {
    now: Option<BTreeSet<Vec<u8>>>,
    /// Where it started.
    first: Option<BTreeSet<Vec<u8>>>,
    /// Where what runs again went: it may have been there before.
    roving: Option<BTreeSet<Vec<u8>>>,
}

impl Places {
    /// At the beginning, in `cwd`.
    pub fn at(cwd: &[u8]) -> Places {
        let now = Some(BTreeSet::from([normal(cwd)]));
        Places { first: now.clone(), now, roving: Some(BTreeSet::new()) }
    }

    /// The script may have gone to `to`; or stayed, if that failed or was not reached. `repeats`: and may do so again.
    pub fn go(&mut self, to: &Word, repeats: bool) {
        let there = to.alternatives().map(|to| self.led_by(to, repeats)).collect::<Option<Vec<_>>>();
        let there = there.map(|all| all.into_iter().flatten().collect::<BTreeSet<_>>());
        if repeats {
            self.roving = self.roving.take().zip(there.as_ref()).map(|(mut roving, there)| {
                roving.extend(there.iter().cloned());
                roving
            });
        }
        self.now = self.now.take().zip(there).map(|(mut now, there)| {
            now.extend(there);
            now
        });
        self.now.take_if(|now| now.len() > PLACES);
    }

    /// Something earlier in the script may run in any place it has come to.
    pub fn revisit(&mut self) {
        self.roving = self.roving.take().zip(self.now.as_ref()).map(|(mut roving, now)| {
            roving.extend(now.iter().cloned());
            roving
        });
    }

    /// Where a `cd` leads from each place.
    fn led_by(&self, to: &[Piece], repeats: bool) -> Option<BTreeSet<Vec<u8>>> {
        let to = Word::of(to.to_vec()).known()?;
        match &self.now {
            _ if to.first() == Some(&b'/') => Some(BTreeSet::from([normal(&to)])),
            // Again and again it leads ever further.
            _ if repeats => None,
            now => now.as_ref().map(|now| now.iter().map(|cwd| joined(cwd, &to)).collect()),
        }
    }

    /// Where to begin when the script has to be read again because something in it runs again elsewhere.
    pub fn again(&self) -> Option<Places> {
        let first = match (&self.first, &self.roving) {
            (None, _) => return None,
            (Some(_), None) => None,
            (Some(first), Some(roving)) if roving.is_subset(first) => return None,
            (Some(first), Some(roving)) => Some(first.union(roving).cloned().collect()),
        };
        Some(Places { now: first.clone(), first, roving: Some(BTreeSet::new()) })
    }

    /// The files that a word names.
    pub fn file(&self, word: &Word) -> Vec<Word> {
        word.alternatives().flat_map(|pieces| self.at_path(pieces)).collect()
    }

    fn at_path(&self, pieces: &[Piece]) -> Vec<Word> {
        let any = || vec![Word::unknown(false)];
        if pieces.contains(&Piece::Any) {
            return any();
        }
        if pieces.first() == Some(&Piece::Byte(b'/')) {
            return something(normal_pieces(pieces));
        }
        let Some(now) = &self.now else { return any() };
        let bytes = |cwd: &Vec<u8>| cwd.iter().map(|b| Piece::Byte(*b)).collect::<Vec<_>>();
        let joined = |cwd| [&bytes(cwd), &[Piece::Byte(b'/')][..], pieces].concat();
        now.iter().flat_map(|cwd| something(normal_pieces(&joined(cwd)))).collect()
    }

    /// The files that an argument may name: itself if it is no option, what follows `=`, what follows the letter of an option or `@`.
    pub fn named(&self, word: &Word) -> Vec<Word> {
        word.alternatives().flat_map(|pieces| self.named_by(pieces)).collect()
    }

    fn named_by(&self, pieces: &[Piece]) -> Vec<Word> {
        let is_option = pieces.first() == Some(&Piece::Byte(b'-'));
        let is_marked = is_option || pieces.first() == Some(&Piece::Byte(b'@'));
        let mut all = if is_option || pieces.is_empty() { Vec::new() } else { self.at_path(pieces) };
        if let Some(at) = pieces.iter().position(|piece| *piece == Piece::Byte(b'=')) {
            all.extend(self.at_path(&pieces[at + 1..]));
        } else if let Some(at) = pieces.iter().position(|piece| *piece == Piece::Byte(b'/')).filter(|_| is_marked) {
            all.extend(self.at_path(&pieces[at..]));
        }
        all
    }
}

/// A path, unless nothing is behind it.
fn something(pieces: Vec<Piece>) -> Vec<Word> {
    let word = Word::of(pieces);
    let is_nothing = word.known().is_some_and(|path| NOTHING.contains(&&*path) || path.starts_with(b"/dev/fd/"));
    if is_nothing { Vec::new() } else { vec![word] }
}

fn joined(cwd: &[u8], to: &[u8]) -> Vec<u8> {
    normal(&[cwd, b"/", to].concat())
}

fn normal(path: &[u8]) -> Vec<u8> {
    let pieces: Vec<_> = path.iter().map(|b| Piece::Byte(*b)).collect();
    let byte = |piece| if let Piece::Byte(b) = piece { b } else { b'?' };
    normal_pieces(&pieces).into_iter().map(byte).collect()
}

/// An absolute path without `.`, `..` and doubled slashes; the root is `/`.
fn normal_pieces(path: &[Piece]) -> Vec<Piece> {
    const DOT: Piece = Piece::Byte(b'.');
    let mut parts: Vec<&[Piece]> = Vec::new();
    for part in path.split(|piece| *piece == Piece::Byte(b'/')) {
        match part {
            [] | [DOT] => {}
            [DOT, DOT] => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let all: Vec<_> = parts.into_iter().flat_map(|part| [&[Piece::Byte(b'/')], part].concat()).collect();
    if all.is_empty() { vec![Piece::Byte(b'/')] } else { all }
}
