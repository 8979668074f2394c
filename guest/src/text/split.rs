//! Field splitting by `IFS` of a word that is put together from quoted and unquoted pieces.

/// What `IFS` says, prepared once per value.
#[derive(Clone, Debug)]
pub struct Ifs {}

#[allow(unused_variables)]
impl Ifs {
    /// `None` is an unset IFS (space, tab, newline); an empty one splits nothing.
    pub fn new(ifs: Option<&[u8]>) -> Ifs {
        Ifs {}
    }
    /// The separator of `"$*"`: the first character, a space if unset, nothing if empty.
    pub fn joiner(&self) -> &[u8] {
        todo!()
    }
    /// Splits the line `read` has read: at most `names` fields, the last one takes the rest. In `line` a backslash protects
    /// the next byte unless `raw`.
    pub fn read_fields(&self, line: &[u8], names: usize, raw: bool) -> Vec<Vec<u8>> {
        todo!()
    }
}

/// One field.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Field {
    /// The text, quotes removed.
    pub text: Vec<u8>,
    /// The source of a pattern (quoted characters escaped) if an unquoted part has a pattern character.
    pub pattern: Option<Vec<u8>>,
}

/// Collects the pieces of one word and cuts them into fields.
#[derive(Debug)]
pub struct Splitter<'a> {
    ifs: &'a Ifs,
}

#[allow(unused_variables)]
impl<'a> Splitter<'a> {
    /// Begins a word.
    pub fn new(ifs: &'a Ifs, extglob: bool) -> Splitter<'a> {
        Splitter { ifs }
    }
    /// A quoted piece; even an empty one makes a field.
    pub fn quoted(&mut self, text: &[u8]) {
        todo!()
    }
    /// An unquoted piece of the word itself: not split, its pattern characters count.
    pub fn literal(&mut self, text: &[u8]) {
        todo!()
    }
    /// The result of an unquoted expansion: split, its pattern characters count.
    pub fn expanded(&mut self, text: &[u8]) {
        todo!()
    }
    /// The boundary between two elements of `$@`: what follows is a field of its own.
    pub fn boundary(&mut self) {
        todo!()
    }
    /// The fields.
    pub fn finish(self) -> Vec<Field> {
        todo!()
    }
}
