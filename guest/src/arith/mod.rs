//! Bash arithmetic: an expression is compiled once and evaluated any number of times.
//!
//! Compilation never fails: a syntax error becomes an instruction that raises it when it is reached, because bash
//! evaluates while it parses and `((x=5, ))` has assigned `x` before it complains.

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

/// What the shell provides to an evaluation.
pub trait ArithEnv {
    /// The value of a scalar (of an array its element 0). Under `set -u` the shell raises its own error for unset ones.
    fn get(&mut self, name: &[u8]) -> Result<Value<'_>, ArithError>;
    /// Assigns a scalar.
    fn set(&mut self, name: &[u8], value: i64) -> Result<(), ArithError>;
    /// The value of `name[key]`.
    fn get_element(&mut self, name: &[u8], key: Key<'_>) -> Result<Value<'_>, ArithError>;
    /// Assigns `name[key]`.
    fn set_element(&mut self, name: &[u8], key: Key<'_>, value: i64) -> Result<(), ArithError>;
    /// Is `name` an associative array?
    fn is_assoc(&mut self, name: &[u8]) -> bool;
    /// Expands the text between `[` and `]`: the key of an associative array, or an indexed array's subscript that has
    /// a character which needs expanding (`$`, a backquote, a quote or a backslash); the result is then evaluated.
    fn expand_subscript(&mut self, name: &[u8], subscript: &[u8]) -> Result<Vec<u8>, ArithError>;
}

/// Why an evaluation ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ArithError {
    /// An error of the expression. The text is what follows `bash: line N: ` and the command's name (`let: `, `((: `).
    Expr(Vec<u8>),
    /// An error of the environment (unbound variable, read-only variable …), passed through.
    Env(Vec<u8>),
}

/// A compiled expression. Holds its source; compare or serialise it by that.
#[derive(Clone, Debug)]
pub struct Expr {
    source: std::rc::Rc<[u8]>,
}

impl Expr {
    /// Compiles `source`, on which the shell's expansions have been done.
    pub fn parse(source: &[u8]) -> Expr {
        Expr { source: source.into() }
    }
    /// The text it was compiled from.
    pub fn source(&self) -> &[u8] {
        &self.source
    }
    /// Evaluates it.
    pub fn eval<E: ArithEnv + ?Sized>(&self, env: &mut E) -> Result<i64, ArithError> {
        let _ = env;
        todo!()
    }
}

/// Compiles and evaluates in one go.
pub fn eval<E: ArithEnv + ?Sized>(source: &[u8], env: &mut E) -> Result<i64, ArithError> {
    Expr::parse(source).eval(env)
}
