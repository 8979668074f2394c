//! Bash arithmetic: an expression is compiled once and evaluated any number of times.
//!
//! Compilation never fails: a syntax error becomes an instruction that raises it when it is reached, because bash
//! evaluates while it parses and `((x=5, ))` has assigned `x` before it complains. Neither compilation nor evaluation
//! recurses, so nesting costs memory only.

mod compile;
mod idle;
mod lex;
mod program;
#[cfg(test)]
mod tests;
mod vm;

use program::Program;
use std::rc::Rc;

/// The value of a variable or element, as the shell holds it.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// Unset: counts as 0.
    Unset,
    /// A number the shell has cached.
    Int(i64),
    /// A text, which is evaluated as an expression of its own.
    Text(&'a [u8]),
}

/// Which element of an array is meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Key<'a> {
    /// An indexed array's element; negative counts from the end (the shell's job, with its "bad array subscript").
    Index(i64),
    /// An associative array's key, after the shell's own expansions.
    Name(&'a [u8]),
}

/// One element of an array.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Element<'a> {
    /// The array's name.
    pub name: &'a [u8],
    /// The text between the brackets, for messages.
    pub subscript: &'a [u8],
    /// What the text stands for.
    pub key: Key<'a>,
}

/// What the shell provides to an evaluation.
///
/// A method that only wants to complain (a negative index on reading, say) prints and returns `Ok`.
pub trait ArithEnv {
    /// The value of a scalar (of an array its element 0). Under `set -u` the shell raises its own error for unset ones.
    fn get(&mut self, name: &[u8]) -> Result<Value<'_>, ArithError>;
    /// Assigns a scalar.
    fn set(&mut self, name: &[u8], value: i64) -> Result<(), ArithError>;
    /// The value of an element.
    fn get_element(&mut self, element: Element<'_>) -> Result<Value<'_>, ArithError>;
    /// Assigns an element.
    fn set_element(&mut self, element: Element<'_>, value: i64) -> Result<(), ArithError>;
    /// Is `name` an associative array?
    fn is_assoc(&mut self, name: &[u8]) -> bool;
    /// Expands the text between `[` and `]`: the key of an associative array, or an indexed array's subscript that has
    /// a character which needs expanding (`$`, a backquote, a quote or a backslash); the result is then evaluated.
    fn expand_subscript(&mut self, name: &[u8], subscript: &[u8]) -> Result<Vec<u8>, ArithError>;
    /// An empty subscript, or `@` or `*` in an array that is not associative: complain. Reading gives 0 and is
    /// reported as often as bash does.
    fn bad_subscript(&mut self, name: &[u8], subscript: &[u8], assigning: bool) -> Result<(), ArithError>;
}

/// Why an evaluation ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ArithError {
    /// An error of the expression. The text is what follows `bash: line N: ` and the command's name (`let: `, `((: `).
    Expr(Vec<u8>),
    /// An error in a subscript. The text is what follows `bash: line N: `; the whole command line is given up, as
    /// for an error in `$(( ))`, whichever command it was.
    Subscript(Vec<u8>),
    /// An error of the environment (unbound variable, read-only variable …), passed through.
    Env(Vec<u8>),
}

/// A compiled expression; cheap to clone. It holds its source: compare or serialise it by that.
#[derive(Clone)]
pub struct Expr(Rc<Program>);

impl Expr {
    /// Compiles `source`, on which the shell's expansions have been done.
    pub fn parse(source: &[u8]) -> Expr {
        Expr(Rc::new(compile::compile(source)))
    }

    /// The text it was compiled from.
    pub fn source(&self) -> &[u8] {
        &self.0.source
    }

    /// Evaluates it.
    pub fn eval<E: ArithEnv + ?Sized>(&self, env: &mut E) -> Result<i64, ArithError> {
        vm::eval(&self.0, env)
    }
}

impl std::fmt::Debug for Expr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Expr({:?})", String::from_utf8_lossy(self.source()))
    }
}

/// Compiles and evaluates in one go.
pub fn eval<E: ArithEnv + ?Sized>(source: &[u8], env: &mut E) -> Result<i64, ArithError> {
    match program::plain_number(source) {
        Some(number) => Ok(number),
        None => Expr::parse(source).eval(env),
    }
}
