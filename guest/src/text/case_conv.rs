//! Case conversion of `${v^p}`, `${v^^p}`, `${v,p}`, `${v,,p}`, `${v~p}`, `${v@U}`, `${v@u}`, `${v@L}` and `declare -u -l -c`.

use crate::pattern::Pattern;

/// What to do with a character.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Case {
    /// To upper case.
    Upper,
    /// To lower case.
    Lower,
    /// To the other one.
    Toggle,
}

/// Converts the first character, or `all`, of those that match `only` (all of them when `None`).
pub fn convert(text: &[u8], case: Case, all: bool, only: Option<&Pattern>) -> Vec<u8> {
    let _ = (text, case, all, only);
    todo!()
}

/// First character upper, the others lower (`declare -c`).
pub fn capitalize(text: &[u8]) -> Vec<u8> {
    let _ = text;
    todo!()
}
