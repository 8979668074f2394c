//! Field splitting by `IFS`: of a word that is put together from quoted and unquoted pieces, and of the lines `read` reads.

use super::utf8;
use crate::pattern;

/// What `IFS` says, prepared once per value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ifs {
    /// The ASCII separators.
    ascii: u128,
    /// The others.
    wide: Vec<Box<[u8]>>,
    /// The first character.
    joiner: Box<[u8]>,
    /// It is unset or the default, with which adjoining separators never enclose an empty field.
    standard: bool,
}

/// What a character is to the splitting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Ordinary,
    Blank,
    Separator,
}

impl Ifs {
    /// `None` is an unset IFS (space, tab, newline); an empty one splits nothing.
    pub fn new(ifs: Option<&[u8]>) -> Ifs {
        let text = ifs.unwrap_or(b" \t\n");
        let (mut ascii, mut wide) = (0, Vec::new());
        for (_, bytes) in utf8::chars(text) {
            match bytes {
                [c] if c.is_ascii() => ascii |= 1 << c,
                _ => wide.push(bytes.into()),
            }
        }
        let joiner = text[..utf8::decode(text).1].into();
        Ifs { ascii, wide, joiner, standard: text == b" \t\n" }
    }

    /// The separator of `"$*"`: the first character, a space if unset, nothing if empty.
    pub fn joiner(&self) -> &[u8] {
        &self.joiner
    }

    /// The kind of the first character of `text`, and its length.
    fn classify(&self, text: &[u8]) -> (Kind, usize) {
        let c = text[0];
        if c < 128 {
            let kind = match self.ascii >> c & 1 == 1 {
                false => Kind::Ordinary,
                true if is_space(c) => Kind::Blank,
                true => Kind::Separator,
            };
            return (kind, 1);
        }
        if self.wide.is_empty() {
            return (Kind::Ordinary, 1);
        }
        let length = utf8::decode(text).1;
        let found = self.wide.iter().any(|separator| **separator == text[..length]);
        (if found { Kind::Separator } else { Kind::Ordinary }, length)
    }
}

/// White space as splitting has it.
fn is_space(c: u8) -> bool {
    matches!(c, b' ' | b'\t'..=b'\r')
}

/// One field.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Field {
    /// The text, quotes removed.
    pub text: Vec<u8>,
    /// The source of a pattern (quoted characters escaped) if an unquoted part makes it one.
    pub pattern: Option<Vec<u8>>,
}

/// Where in a word the splitting is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// At the beginning or behind a separator: blanks do not count.
    Between,
    /// Behind a blank: further blanks and one separator belong to it.
    AfterBlank,
    /// In a field.
    Field,
}

/// Collects the pieces of one word and cuts them into fields.
#[derive(Debug)]
pub struct Splitter<'a> {
    ifs: &'a Ifs,
    extglob: bool,
    fields: Vec<Field>,
    state: State,
    text: Vec<u8>,
    /// The quoted parts of `text`, if any of it may be a pattern.
    quoted: Vec<(usize, usize)>,
    /// A quoted piece has been seen: the field counts even if it is empty.
    counts: bool,
    magic: bool,
    /// The word begins with blanks.
    blank: bool,
}

impl<'a> Splitter<'a> {
    /// Begins a word.
    pub fn new(ifs: &'a Ifs, extglob: bool) -> Splitter<'a> {
        Splitter {
            ifs,
            extglob,
            fields: Vec::new(),
            state: State::Between,
            text: Vec::new(),
            quoted: Vec::new(),
            counts: false,
            magic: false,
            blank: false,
        }
    }

    /// A quoted piece; even an empty one makes a field.
    pub fn quoted(&mut self, text: &[u8]) {
        self.state = State::Field;
        self.counts = true;
        let start = self.text.len();
        self.text.extend_from_slice(text);
        self.quoted.push((start, self.text.len()));
    }

    /// An unquoted piece of the word itself: not split, its pattern characters count.
    pub fn literal(&mut self, text: &[u8]) {
        if !text.is_empty() {
            self.state = State::Field;
            self.unquoted(text);
        }
    }

    /// The result of an unquoted expansion: split, its pattern characters count.
    pub fn expanded(&mut self, text: &[u8]) {
        let mut from = 0;
        let mut at = 0;
        while at < text.len() {
            let (kind, length) = self.ifs.classify(&text[at..]);
            if kind == Kind::Ordinary {
                at += length;
                continue;
            }
            self.literal(&text[from..at]);
            self.separate(kind);
            at += length;
            from = at;
        }
        self.literal(&text[from..]);
    }

    /// The boundary between two elements of `$@` or `$*`.
    pub fn boundary(&mut self) {
        if self.ifs.joiner.is_empty() {
            self.end_field(false);
            self.state = State::Between;
            return;
        }
        let (kind, _) = self.ifs.classify(&self.ifs.joiner);
        if self.state == State::Between && self.fields.is_empty() && (self.blank || kind == Kind::Blank) {
            // Unlike those at the beginning of a variable, blanks here make one separator with what follows.
            self.state = if kind == Kind::Blank { State::AfterBlank } else { State::Between };
        } else {
            self.separate(kind);
        }
    }

    /// The fields.
    pub fn finish(mut self) -> Vec<Field> {
        self.end_field(false);
        self.fields
    }

    fn unquoted(&mut self, text: &[u8]) {
        let extglob = self.extglob;
        self.magic |= text.iter().any(|&c| matches!(c, b'*' | b'?' | b'[') || (c == b'(' && extglob));
        self.text.extend_from_slice(text);
    }

    fn separate(&mut self, kind: Kind) {
        match (self.state, kind) {
            (State::Field, Kind::Blank) => {
                self.end_field(false);
                self.state = State::AfterBlank;
            }
            (State::AfterBlank, Kind::Separator) => self.state = State::Between,
            (_, Kind::Blank | Kind::Ordinary) => self.blank = true,
            (_, Kind::Separator) => {
                self.end_field(!self.ifs.standard);
                self.state = State::Between;
            }
        }
    }

    /// Ends the field, which is one if it is not empty, or was quoted, or `even_empty`.
    fn end_field(&mut self, even_empty: bool) {
        if self.text.is_empty() && !self.counts && !even_empty {
            return;
        }
        let pattern = if self.magic { self.pattern() } else { None };
        self.fields.push(Field { text: std::mem::take(&mut self.text), pattern });
        self.quoted.clear();
        self.counts = false;
        self.magic = false;
    }

    fn pattern(&self) -> Option<Vec<u8>> {
        let mut source = Vec::with_capacity(self.text.len() + 8);
        let mut at = 0;
        for &(start, end) in &self.quoted {
            source.extend_from_slice(&self.text[at..start]);
            pattern::escape_into(&self.text[start..end], &mut source);
            at = end;
        }
        source.extend_from_slice(&self.text[at..]);
        pattern::has_magic(&source).then_some(source)
    }
}

/// A line that `read` has read: its text, and which bytes a backslash protected.
struct Line<'a> {
    ifs: &'a Ifs,
    text: Vec<u8>,
    /// Empty when nothing is protected.
    protected: Vec<bool>,
    at: usize,
}

impl<'a> Line<'a> {
    fn new(ifs: &'a Ifs, line: &[u8], raw: bool) -> Line<'a> {
        if raw || !line.contains(&b'\\') {
            return Line { ifs, text: line.to_vec(), protected: Vec::new(), at: 0 };
        }
        let mut text = Vec::with_capacity(line.len());
        let mut protected = Vec::with_capacity(line.len());
        let mut escaped = false;
        for &c in line {
            if c == b'\\' && !escaped {
                escaped = true;
                continue;
            }
            text.push(c);
            protected.push(escaped);
            escaped = false;
        }
        Line { ifs, text, protected, at: 0 }
    }

    fn is_protected(&self, at: usize) -> bool {
        self.protected.get(at).copied().unwrap_or(false)
    }

    /// The kind of the character at `at`; `None` at the end. Of the blanks only space, tab and newline count as such.
    fn kind(&self, at: usize) -> Option<(Kind, usize)> {
        let rest = self.text.get(at..).filter(|rest| !rest.is_empty())?;
        let (kind, length) = self.ifs.classify(rest);
        let kind = match kind {
            _ if self.is_protected(at) => Kind::Ordinary,
            Kind::Blank if !matches!(rest[0], b' ' | b'\t' | b'\n') => Kind::Separator,
            kind => kind,
        };
        Some((kind, length))
    }

    fn skip_blanks(&mut self) {
        while let Some((Kind::Blank, length)) = self.kind(self.at) {
            self.at += length;
        }
    }

    /// The next field, with the separators behind it consumed; `None` when nothing but blanks is left.
    fn field(&mut self) -> Option<Vec<u8>> {
        while self.at < self.text.len()
            && !self.is_protected(self.at)
            && self.ifs.classify(&self.text[self.at..]).0 == Kind::Blank
        {
            self.at += 1;
        }
        let start = self.at;
        self.kind(start)?;
        while let Some((Kind::Ordinary, length)) = self.kind(self.at) {
            self.at += length;
        }
        let field = self.text[start..self.at.min(self.text.len())].to_vec();
        let Some((kind, length)) = self.kind(self.at) else {
            return Some(field);
        };
        self.at += length;
        self.skip_blanks();
        if kind == Kind::Blank
            && let Some((Kind::Separator, length)) = self.kind(self.at)
        {
            self.at += length;
            self.skip_blanks();
        }
        Some(field)
    }

    /// Is there a space, tab or newline that is a separator?
    fn is_plain_blank(&self, at: usize) -> bool {
        let c = self.text.get(at).copied().unwrap_or(0);
        matches!(c, b' ' | b'\t' | b'\n') && self.ifs.ascii >> c & 1 == 1
    }

    /// What is left for the last name: one field, or everything without the blanks around it.
    fn rest(&mut self) -> Vec<u8> {
        while self.is_plain_blank(self.at) && !self.is_protected(self.at) {
            self.at += 1;
        }
        let start = self.at;
        let field = self.field().unwrap_or_default();
        if self.at >= self.text.len() {
            return field;
        }
        let mut end = self.text.len();
        // A blank at the end goes even if it was protected.
        while end > start && self.is_plain_blank(end - 1) {
            end -= 1;
        }
        self.text[start..end].to_vec()
    }
}

impl Ifs {
    /// Splits the line `read` has read for `names` names, the last of which takes the rest; there may be fewer fields than
    /// names. In `line` a backslash protects the next byte unless `raw`. Without names (`REPLY`) the line is one field as
    /// it is.
    pub fn read_fields(&self, line: &[u8], names: usize, raw: bool) -> Vec<Vec<u8>> {
        let mut line = Line::new(self, line, raw);
        if names == 0 {
            return vec![line.text];
        }
        let mut fields = Vec::new();
        while fields.len() + 1 < names {
            match line.field() {
                Some(field) => fields.push(field),
                None => return fields,
            }
        }
        fields.push(line.rest());
        fields
    }

    /// Splits the line into all its fields (`read -a`).
    pub fn read_list(&self, line: &[u8], raw: bool) -> Vec<Vec<u8>> {
        let mut line = Line::new(self, line, raw);
        std::iter::from_fn(|| line.field()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(ifs: Option<&str>, text: &str) -> Vec<String> {
        let ifs = Ifs::new(ifs.map(str::as_bytes));
        let mut splitter = Splitter::new(&ifs, false);
        splitter.expanded(text.as_bytes());
        splitter.finish().into_iter().map(|field| String::from_utf8_lossy(&field.text).into_owned()).collect()
    }

    #[test]
    fn splitting() {
        assert_eq!(split(None, " a  b\n"), ["a", "b"]);
        assert_eq!(split(Some(":"), ":a::b:"), ["", "a", "", "b"]);
        assert_eq!(split(Some(": "), " a : b  c "), ["a", "b", "c"]);
        assert_eq!(split(Some(""), "a b"), ["a b"]);
        assert_eq!(split(Some("é"), "aébéé"), ["a", "b", ""]);
        assert!(split(None, "  ").is_empty());
    }

    #[test]
    fn patterns_know_what_was_quoted() {
        let ifs = Ifs::new(None);
        let mut splitter = Splitter::new(&ifs, false);
        splitter.literal(b"*");
        splitter.quoted(b"*[");
        splitter.expanded(b" [ b?");
        let fields = splitter.finish();
        assert_eq!(fields[0].pattern.as_deref(), Some(&b"*\\*\\["[..]));
        assert_eq!((fields[1].pattern.as_deref(), &fields[1].text[..]), (None, &b"["[..]));
        assert_eq!(fields[2].pattern.as_deref(), Some(&b"b?"[..]));
    }

    #[test]
    fn reading() {
        let ifs = Ifs::new(Some(b" :"));
        let read = |line: &str, names| {
            let fields = ifs.read_fields(line.as_bytes(), names, false);
            fields.iter().map(|field| String::from_utf8_lossy(field).into_owned()).collect::<Vec<_>>()
        };
        assert_eq!(read("a:b:", 2), ["a", "b"]);
        assert_eq!(read("a:b::", 2), ["a", "b::"]);
        assert_eq!(read(" a  b c ", 2), ["a", "b c"]);
        assert_eq!(read("a\\:b:c", 2), ["a:b", "c"]);
        assert_eq!(read("a", 3), ["a"]);
        assert_eq!(read(" a ", 0), [" a "]);
    }

    #[cfg(unix)]
    #[test]
    #[ignore = "needs native bash"]
    fn like_bash() {
        use crate::text::oracle::{self, Random};
        let mut random = Random::seeded();
        let all = [" ", ":", "-", "a", "b", "\t", "\n", "é", "\\", " ", ":", "a", "\r"];
        let mut text = |most: usize| -> String { (0..random.below(most)).map(|_| *random.pick(&all)).collect() };
        let cases: Vec<[String; 4]> =
            (0..4000).map(|_| [text(8), text(5), text(4).trim_start().to_owned(), text(6)]).collect();
        let separators = [" \t\n", ":", " :", ": ", "", "- ", "\n", "-a", " ", "\t:", "\r", "b ", "\\"];
        let mut script = b"set -f; f() { printf '<%s>' \"$@\"; echo $#; }
            t() { local IFS=$5 x=$1 y=$2 r s; set -- \"$3\" \"$4\"; f $x; f \"$y\"$x; f $x\"\"; f $x-$y; f $@; f x$@$x; f \"$@\"$x; f $*
            read -r r s <<<\"$x:$y\"; f \"$r\" \"$s\"; read r s <<<\"${x//$'\\n'/}$y!\"; f \"$r\" \"$s\"; read r <<<\"$x$y\"; f \"$r\"
            read -r -a r <<<\"$x\"; f \"${r[@]}\"; printf '\\1\\2\\n'; }\n".to_vec();
        let mut ours = Vec::new();
        for case in &cases {
            let ifs = separators[case[0].len() * 7 % 13];
            script.extend_from_slice(b"t");
            for text in case.iter().map(String::as_str).chain([ifs]) {
                script.extend_from_slice(&[b" ", &oracle::word(text.as_bytes())[..]].concat());
            }
            script.push(b'\n');
            ours.push(answer(case, &Ifs::new(Some(ifs.as_bytes()))));
        }
        oracle::compare(&cases, &ours, &oracle::answers(&oracle::bash(&script)));
    }

    #[cfg(unix)]
    fn answer(case: &[String; 4], ifs: &Ifs) -> Vec<u8> {
        let [x, y, first, second] = case.each_ref().map(|text| text.as_bytes());
        let mut out = Vec::new();
        let words: [&dyn Fn(&mut Splitter<'_>); 8] = [
            &|s| s.expanded(x),
            &|s| (s.quoted(y), s.expanded(x)).1,
            &|s| (s.expanded(x), s.quoted(b"")).1,
            &|s| (s.expanded(x), s.literal(b"-"), s.expanded(y)).2,
            &|s| (s.expanded(first), s.boundary(), s.expanded(second)).2,
            &|s| (s.literal(b"x"), s.expanded(first), s.boundary(), s.expanded(second), s.expanded(x)).4,
            &|s| (s.quoted(first), s.boundary(), s.quoted(second), s.expanded(x)).3,
            &|s| (s.expanded(first), s.boundary(), s.expanded(second)).2,
        ];
        let two = |mut fields: Vec<Vec<u8>>| {
            fields.resize(2, Vec::new());
            fields
        };
        let mut show = |fields: Vec<Vec<u8>>| {
            let none = [Vec::new()];
            for field in if fields.is_empty() { &none[..] } else { &fields[..] } {
                out.extend_from_slice(&[b"<", &field[..], b">"].concat());
            }
            out.extend_from_slice(format!("{}\n", fields.len()).as_bytes());
        };
        for word in words {
            let mut splitter = Splitter::new(ifs, false);
            word(&mut splitter);
            show(splitter.finish().into_iter().map(|field| field.text).collect());
        }
        let first_line = |text: &[u8]| text.split(|&c| c == b'\n').next().unwrap_or_default().to_vec();
        show(two(ifs.read_fields(&first_line(&[x, b":", y].concat()), 2, true)));
        let flat: Vec<u8> = x.iter().copied().filter(|&c| c != b'\n').collect();
        show(two(ifs.read_fields(&joined_line(&[&flat[..], y, b"!\n"].concat()), 2, false)));
        show(ifs.read_fields(&joined_line(&[x, y, b"\n"].concat()), 1, false));
        show(ifs.read_list(&first_line(x), true));
        out
    }

    /// The first line, as `read` joins lines at a backslash.
    #[cfg(unix)]
    fn joined_line(text: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut bytes = text.iter();
        while let Some(&c) = bytes.next() {
            match c {
                b'\n' => break,
                b'\\' => match bytes.next() {
                    Some(b'\n') | None => {}
                    Some(&next) => out.extend([c, next]),
                },
                _ => out.push(c),
            }
        }
        out
    }
}
