//! Quoting text so that the shell reads it back, in the styles bash uses in different places.

/// `printf %q`: backslashes, or `$'…'` when there is an unprintable character.
pub fn backslash(text: &[u8]) -> Vec<u8> {
    let _ = text;
    todo!()
}

/// `${v@Q}`: single quotes always, or `$'…'`.
pub fn at_q(text: &[u8]) -> Vec<u8> {
    let _ = text;
    todo!()
}

/// The value in `declare -p` and `export -p`: double quotes, or `$'…'`.
pub fn declare(text: &[u8]) -> Vec<u8> {
    let _ = text;
    todo!()
}

/// An element's key in `declare -p` of an associative array.
pub fn assoc_key(text: &[u8]) -> Vec<u8> {
    let _ = text;
    todo!()
}

/// The value in `set`'s listing of variables: only if needed.
pub fn set_listing(text: &[u8]) -> Vec<u8> {
    let _ = text;
    todo!()
}

/// A word of a `set -x` trace: only if needed.
pub fn xtrace(text: &[u8]) -> Vec<u8> {
    let _ = text;
    todo!()
}

/// `'…'` with every inner single quote as `'\''` (`alias`, `trap -p`).
pub fn single(text: &[u8]) -> Vec<u8> {
    let _ = text;
    todo!()
}
