//! What a script's variables may hold, as far as the script itself says all of it.

use std::collections::BTreeMap;

use super::glob::Piece;
use super::word::Word;

/// Most values of a variable that are followed.
const VALUES: usize = 32;

/// The variables that a script gives values, each with all of them; `None`: it gets one that is not known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Variables {
    values: BTreeMap<Vec<u8>, Option<Vec<Vec<Piece>>>>,
    /// Something may have changed any of them.
    is_open: bool,
}

impl Variables {
    /// All that a variable may hold: also nothing, as long as it has not got its value.
    pub fn values(&self, name: &[u8]) -> Option<&[Vec<Piece>]> {
        self.values.get(name).filter(|_| !self.is_open)?.as_deref()
    }

    /// A variable may be given this, too.
    pub fn give(&mut self, name: &[u8], value: &Word) {
        let new: Vec<_> = value.alternatives().cloned().collect();
        let held = self.values.entry(name.to_vec()).or_insert_with(|| Some(vec![Vec::new()]));
        let Some(values) = held else { return };
        values.extend(new.into_iter().filter(|one| !values.contains(one)).collect::<Vec<_>>());
        if values.len() > VALUES || values.iter().any(|value| value.contains(&Piece::Any)) {
            *held = None;
        }
    }

    /// A variable may be given something that is not known.
    pub fn forget(&mut self, name: &[u8]) {
        self.values.insert(name.to_vec(), None);
    }

    /// Any variable may.
    pub fn forget_all(&mut self) {
        self.is_open = true;
    }

    /// A command that gives variables values does so to those that its arguments name.
    pub fn told(&mut self, command: &[u8], arguments: &[Word]) {
        let is_declaring = matches!(command, b"declare" | b"typeset" | b"local" | b"export" | b"readonly");
        match command {
            b"read" | b"mapfile" | b"readarray" | b"getopts" | b"let" | b"wait" | b"unset" => {}
            b"printf" if arguments.first().is_some_and(|word| word.starts_with(b"-v")) => {}
            _ if is_declaring => {}
            _ => return,
        }
        for word in arguments {
            let Some(text) = word.known() else { return self.forget_all() };
            match text.strip_prefix(b"-") {
                // As a reference to another, a number, in other letters: its value is not what was written.
                Some(options) if is_declaring => {
                    if options.iter().any(|b| b"niulc".contains(b)) {
                        self.forget_all();
                    }
                }
                Some(_) => {}
                // A bare name was given its value where it was parsed as an assignment.
                None if is_declaring && !text.contains(&b'=') => {}
                None => self.forget_in(&text),
            }
        }
    }

    /// All names in a text, as of arithmetic.
    pub fn forget_in(&mut self, text: &[u8]) {
        let is_name = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
        for name in text.split(|b| !is_name(b)).filter(|name| name.first().is_some_and(|b| !b.is_ascii_digit())) {
            self.forget(name);
        }
    }
}
