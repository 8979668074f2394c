//! POSIX extended regular expressions for `[[ =~ ]]`, as glibc has them: leftmost-longest, in time linear in the text.
//!
//! The expression becomes a program for a machine that follows all threads at once. The first run finds the leftmost
//! longest match, a second one over just that the groups: of all ways to match it, the one that prefers earlier
//! alternatives and longer repetitions from left to right. Only expressions with back references need backtracking,
//! which has a budget.

mod compile;
mod machine;
mod parse;
#[cfg(test)]
mod tests;

/// A compiled expression.
#[derive(Clone, Debug)]
pub struct Regex {
    program: compile::Program,
}

/// The expression is malformed (`[[` then has status 2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RegexError(pub &'static str);

impl Regex {
    /// Compiles `source`; quoted parts have been escaped with [`escape_into`].
    pub fn new(source: &[u8], nocase: bool) -> Result<Regex, RegexError> {
        let expression = parse::parse(source, nocase)?;
        Ok(Regex { program: compile::compile(&expression, nocase)? })
    }

    /// The spans of the match and its groups (BASH_REMATCH); `None` for a group that took no part.
    pub fn captures(&self, text: &[u8]) -> Option<Vec<Option<(usize, usize)>>> {
        machine::captures(&self.program, text)
    }
}

/// Appends `text` to an expression's source so that it matches itself.
pub fn escape_into(text: &[u8], source: &mut Vec<u8>) {
    // Inside a bracket expression a backslash is no escape.
    let plain = parse::in_bracket(source);
    for &c in text {
        if !plain
            && matches!(
                c,
                b'\\' | b'.' | b'[' | b']' | b'(' | b')' | b'*' | b'+' | b'?' | b'{' | b'}' | b'^' | b'$' | b'|'
            )
        {
            source.push(b'\\');
        }
        source.push(c);
    }
}
