//! The `printf` builtin: the format is parsed once and applied to arguments; floating point is x86's 80-bit format, in software.

/// A parsed format.
#[derive(Clone, Debug)]
pub struct Format {}

/// What printf needs of the shell.
pub trait PrintfHost {
    /// Reports an error: `message` is what follows `bash: line N: printf: `. `out` is the output so far; complete lines
    /// may be written and removed first, so that the streams interleave as bash's line-buffered ones do.
    fn warn(&mut self, out: &mut Vec<u8>, message: &[u8]);
    /// Seconds since 1970 (`%(…)T` with -1 or no argument).
    fn now(&mut self) -> i64;
    /// When the shell started (`%(…)T` with -2).
    fn shell_start(&mut self) -> i64;
    /// The value of `TZ`.
    fn tz(&mut self) -> Option<Vec<u8>>;
    /// `%n`: assigns a count to a variable; false when it is no valid name or cannot be assigned.
    fn assign(&mut self, name: &[u8], value: i64) -> bool;
}

impl Format {
    /// Parses a format. Errors in it appear when it is run.
    pub fn parse(source: &[u8]) -> Format {
        let _ = source;
        Format {}
    }
    /// Formats `args` into `out` and returns the status.
    pub fn run<A: AsRef<[u8]>>(&self, args: &[A], host: &mut dyn PrintfHost, out: &mut Vec<u8>) -> i32 {
        let _ = (args, host, out);
        todo!()
    }
}
