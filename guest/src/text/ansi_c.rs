//! Backslash escapes in their three dialects: `$'…'`, `echo -e` and `printf %b`.

/// The text between `$'` and `'`, escapes replaced (the closing quote is not part of `source`).
pub fn dollar_single(source: &[u8]) -> Vec<u8> {
    let _ = source;
    todo!()
}

/// Appends an argument of `echo -e`; true when `\c` ended all output.
pub fn echo(source: &[u8], out: &mut Vec<u8>) -> bool {
    let _ = (source, out);
    todo!()
}

/// Appends an argument of `printf %b`; true when `\c` ended all output.
pub fn printf_b(source: &[u8], out: &mut Vec<u8>) -> bool {
    let _ = (source, out);
    todo!()
}
