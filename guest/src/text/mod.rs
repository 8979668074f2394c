//! Pure text work of the shell: escapes, quoting, braces, splitting, case, dates, regular expressions.

pub mod ansi_c;
pub mod brace;
pub mod case_conv;
pub mod ere;
pub mod quote;
pub mod split;
pub mod strftime;
pub mod utf8;

#[cfg(all(test, unix))]
pub mod oracle;
