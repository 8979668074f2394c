//! Brace expansion on the source text of a word, before anything else is done to it.

/// More words than a shell can want.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooMany;

/// Expands `word`, the raw source of one word with its quotes, `${…}`, `$(…)` and backquotes, which braces inside are
/// part of. `None` when there is nothing to expand. At most `max` words.
pub fn expand(word: &[u8], max: usize) -> Result<Option<Vec<Vec<u8>>>, TooMany> {
    let _ = (word, max);
    todo!()
}
