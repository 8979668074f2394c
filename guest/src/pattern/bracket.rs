//! Bracket expressions: `[a-z]`, `[!…]`, `[[:alpha:]]`, `[[=a=]]`, `[[.x.]]`.

use super::fold;
use super::parse::code;

/// A set of characters.
#[derive(Clone, Debug)]
pub(super) struct Set {
    negated: bool,
    nocase: bool,
    items: Vec<Item>,
    /// The answers for ASCII.
    ascii: u128,
}

#[derive(Clone, Copy, Debug)]
enum Item {
    /// From, to; both included.
    Range(u32, u32),
    Class(Class),
}

/// A character class of C.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Class {
    Alnum,
    Alpha,
    Ascii,
    Blank,
    Cntrl,
    Digit,
    Graph,
    Lower,
    Print,
    Punct,
    Space,
    Upper,
    Word,
    Xdigit,
}

impl Class {
    pub(crate) fn parse(name: &[u8]) -> Option<Class> {
        Some(match name {
            b"alnum" => Class::Alnum,
            b"alpha" => Class::Alpha,
            b"ascii" => Class::Ascii,
            b"blank" => Class::Blank,
            b"cntrl" => Class::Cntrl,
            b"digit" => Class::Digit,
            b"graph" => Class::Graph,
            b"lower" => Class::Lower,
            b"print" => Class::Print,
            b"punct" => Class::Punct,
            b"space" => Class::Space,
            b"upper" => Class::Upper,
            b"word" => Class::Word,
            b"xdigit" => Class::Xdigit,
            _ => return None,
        })
    }

    pub(crate) fn contains(self, code: u32) -> bool {
        let Some(c) = char::from_u32(code) else {
            return false;
        };
        let ascii = c.is_ascii();
        match self {
            Class::Alnum if ascii => c.is_ascii_alphanumeric(),
            Class::Alpha if ascii => c.is_ascii_alphabetic(),
            // C counts the digits of other scripts as letters.
            Class::Alnum | Class::Alpha => c.is_alphanumeric() && !is_number_sign(c),
            Class::Ascii => ascii,
            Class::Blank => {
                matches!(c, ' ' | '\t') || (!ascii && c.is_whitespace() && !is_line_end(c) && !is_fixed_blank(c))
            }
            Class::Cntrl => c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'),
            Class::Digit => c.is_ascii_digit(),
            Class::Graph => is_printable(c) && !c.is_whitespace() || is_fixed_blank(c),
            Class::Lower => c.is_lowercase() || matches!(c, 'ǅ' | 'ǈ' | 'ǋ' | 'ǲ' | 'ʕ'),
            Class::Print => is_printable(c),
            Class::Punct if ascii => c.is_ascii_punctuation(),
            Class::Punct => Class::Graph.contains(code) && !Class::Alnum.contains(code),
            Class::Space if ascii => matches!(c, ' ' | '\t'..='\r'),
            Class::Space => c.is_whitespace() && c != '\u{85}' && !is_fixed_blank(c),
            Class::Upper => c.is_uppercase() || is_title(c),
            Class::Word => c == '_' || Class::Alnum.contains(code),
            Class::Xdigit => c.is_ascii_hexdigit(),
        }
    }
}

/// Title case, which C counts as upper case.
fn is_title(c: char) -> bool {
    let greek = matches!(c, '\u{1f88}'..='\u{1f8f}' | '\u{1f98}'..='\u{1f9f}' | '\u{1fa8}'..='\u{1faf}');
    greek || matches!(c, 'ǅ' | 'ǈ' | 'ǋ' | 'ǲ' | '\u{1fbc}' | '\u{1fcc}' | '\u{1ffc}')
}

/// Numbers that are no digits: `½`, `²`, `①` …
fn is_number_sign(c: char) -> bool {
    const RANGES: [(u32, u32); 37] = [
        (0xb2, 0xb3),
        (0xb9, 0xb9),
        (0xbc, 0xbe),
        (0x9f4, 0x9f9),
        (0xb72, 0xb77),
        (0xbf0, 0xbf2),
        (0xc78, 0xc7e),
        (0xd58, 0xd5e),
        (0xd70, 0xd78),
        (0xf2a, 0xf33),
        (0x1369, 0x137c),
        (0x17f0, 0x17f9),
        (0x19da, 0x19da),
        (0x2070, 0x2070),
        (0x2074, 0x2079),
        (0x2080, 0x2089),
        (0x2150, 0x215f),
        (0x2189, 0x2189),
        (0x2460, 0x249b),
        (0x24ea, 0x24ff),
        (0x2776, 0x2793),
        (0x2cfd, 0x2cfd),
        (0x3192, 0x3195),
        (0x3220, 0x3229),
        (0x3248, 0x324f),
        (0x3251, 0x325f),
        (0x3280, 0x3289),
        (0x32b1, 0x32bf),
        (0xa830, 0xa835),
        (0x10107, 0x10133),
        (0x10175, 0x10178),
        (0x1018a, 0x1018b),
        (0x102e1, 0x102fb),
        (0x10320, 0x10323),
        (0x1d2e0, 0x1d2f3),
        (0x1d360, 0x1d378),
        (0x1f100, 0x1f10c),
    ];
    RANGES.iter().any(|range| (range.0..=range.1).contains(&u32::from(c)))
}

/// Characters that only direct the layout, and private ones: C prints them.
fn is_format(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}' | '\u{891}' | '\u{8e2}'
        | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}'
        | '\u{2066}'..='\u{206f}' | '\u{e000}'..='\u{f8ff}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{110bd}'
        | '\u{e0001}' | '\u{e0020}'..='\u{e007f}' | '\u{f0000}'..='\u{ffffd}' | '\u{100000}'..='\u{10fffd}')
}

fn is_line_end(c: char) -> bool {
    matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// White space that C does not count as such because no line may break there.
fn is_fixed_blank(c: char) -> bool {
    matches!(c, '\u{a0}' | '\u{2007}' | '\u{202f}')
}

/// Is there a glyph (or a space) for it?
pub(crate) fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_control();
    }
    if c.is_whitespace() {
        return !is_line_end(c);
    }
    // What std escapes for debugging are the characters without a glyph, and marks that combine.
    let mut escaped = c.escape_debug();
    escaped.len() == 1 || escaped.next() != Some('\\') || is_mark(c) || is_format(c)
}

/// Combining marks have a glyph though std escapes them.
fn is_mark(c: char) -> bool {
    let mut text = [0; 5];
    text[0] = b'a';
    let length = c.encode_utf8(&mut text[1..]).len();
    // After another character std does not escape a mark.
    let Ok(text) = std::str::from_utf8(&text[..1 + length]) else {
        return false;
    };
    text.escape_debug().nth(1) != Some('\\')
}

impl Set {
    /// Is the character in the set?
    pub fn contains(&self, code: u32) -> bool {
        if code < 128 {
            return self.ascii >> code & 1 == 1;
        }
        self.decide(code)
    }

    fn decide(&self, code: u32) -> bool {
        let folded = if self.nocase { fold(code) } else { code };
        let found = self.items.iter().any(|item| match *item {
            Item::Range(from, to) => (from..=to).contains(&folded),
            Item::Class(class) => class.contains(code),
        });
        found != self.negated
    }
}

/// One thing in a bracket expression.
enum Member {
    One(u32),
    Class(Option<Class>),
    /// A collating element that is no single character.
    Nothing,
}

/// Parses the expression that begins at `at`; the set and the position behind it, or `None` if it is none.
pub(super) fn parse(source: &[u8], at: usize, nocase: bool, bytes: bool) -> Option<(Set, usize)> {
    let mut items = Vec::new();
    let next = scan(source, at, nocase, bytes, &mut items)?;
    let negated = matches!(source.get(at + 1), Some(b'!' | b'^'));
    let mut set = Set { negated, nocase, items, ascii: 0 };
    for code in 0..128 {
        set.ascii |= u128::from(set.decide(code)) << code;
    }
    Some((set, next))
}

/// The position behind the expression that begins at `at`.
pub(super) fn end(source: &[u8], at: usize) -> Option<usize> {
    scan(source, at, false, false, &mut Vec::new())
}

fn scan(source: &[u8], open: usize, nocase: bool, bytes: bool, items: &mut Vec<Item>) -> Option<usize> {
    let fold = |code| if nocase { fold(code) } else { code };
    let mut at = open + 1;
    if matches!(source.get(at), Some(b'!' | b'^')) {
        at += 1;
    }
    let first = at;
    loop {
        if *source.get(at)? == b']' && at > first {
            return Some(at + 1);
        }
        let (member, next) = member(source, at, bytes)?;
        at = next;
        let from = match member {
            Member::One(code) => fold(code),
            Member::Class(class) => {
                items.extend(class.map(Item::Class));
                continue;
            }
            Member::Nothing => continue,
        };
        let range = source.get(at) == Some(&b'-') && source.get(at + 1).is_some_and(|&c| c != b']');
        if !range {
            items.push(Item::Range(from, from));
            continue;
        }
        let (to, next) = range_end(source, at + 1, bytes)?;
        items.extend(to.map(|to| Item::Range(from, fold(to))));
        at = next;
    }
}

/// The upper end of a range; `None` inside for a collating element that does not exist.
fn range_end(source: &[u8], at: usize, bytes: bool) -> Option<(Option<u32>, usize)> {
    if source[at] == b'[' && source.get(at + 1) == Some(&b'.') {
        return match member(source, at, bytes)? {
            (Member::One(code), next) => Some((Some(code), next)),
            (_, next) => Some((None, next)),
        };
    }
    let at = if source[at] == b'\\' { at + 1 } else { at };
    source.get(at)?;
    let (code, next) = code(source, at, bytes);
    Some((Some(code), next))
}

fn member(source: &[u8], at: usize, bytes: bool) -> Option<(Member, usize)> {
    if source[at] == b'[' {
        match source.get(at + 1) {
            Some(b':') => {
                if let Some(close) = find_close(source, at + 2, b':') {
                    return Some((Member::Class(Class::parse(&source[at + 2..close])), close + 2));
                }
            }
            Some(b'.') => {
                if let Some(close) = find_close(source, at + 2, b'.') {
                    let member = collating(&source[at + 2..close], bytes).map_or(Member::Nothing, Member::One);
                    return Some((member, close + 2));
                }
            }
            Some(b'=') if at + 2 < source.len() => {
                // `[=c=]`, for one character.
                let (code, next) = code(source, at + 2, bytes);
                if source[next..].starts_with(b"=]") {
                    return Some((Member::One(code), next + 2));
                }
            }
            _ => {}
        }
    }
    let at = if source[at] == b'\\' { at + 1 } else { at };
    source.get(at)?;
    let (code, next) = code(source, at, bytes);
    Some((Member::One(code), next))
}

fn find_close(source: &[u8], from: usize, mark: u8) -> Option<usize> {
    source.get(from..)?.windows(2).position(|pair| pair == [mark, b']']).map(|at| from + at)
}

/// POSIX's names of characters.
const NAMED: &[(&[u8], u8)] = &[
    (b"NUL", 0),
    (b"alert", 7),
    (b"backspace", 8),
    (b"tab", b'\t'),
    (b"newline", b'\n'),
    (b"vertical-tab", 11),
    (b"form-feed", 12),
    (b"carriage-return", b'\r'),
    (b"space", b' '),
    (b"exclamation-mark", b'!'),
    (b"quotation-mark", b'"'),
    (b"number-sign", b'#'),
    (b"dollar-sign", b'$'),
    (b"percent-sign", b'%'),
    (b"ampersand", b'&'),
    (b"apostrophe", b'\''),
    (b"left-parenthesis", b'('),
    (b"right-parenthesis", b')'),
    (b"asterisk", b'*'),
    (b"plus-sign", b'+'),
    (b"comma", b','),
    (b"hyphen", b'-'),
    (b"hyphen-minus", b'-'),
    (b"minus", b'-'),
    (b"dash", b'-'),
    (b"period", b'.'),
    (b"full-stop", b'.'),
    (b"slash", b'/'),
    (b"solidus", b'/'),
    (b"colon", b':'),
    (b"semicolon", b';'),
    (b"less-than-sign", b'<'),
    (b"equals-sign", b'='),
    (b"greater-than-sign", b'>'),
    (b"question-mark", b'?'),
    (b"commercial-at", b'@'),
    (b"left-square-bracket", b'['),
    (b"backslash", b'\\'),
    (b"reverse-solidus", b'\\'),
    (b"right-square-bracket", b']'),
    (b"circumflex", b'^'),
    (b"circumflex-accent", b'^'),
    (b"underscore", b'_'),
    (b"grave-accent", b'`'),
    (b"left-brace", b'{'),
    (b"left-curly-bracket", b'{'),
    (b"vertical-line", b'|'),
    (b"right-brace", b'}'),
    (b"right-curly-bracket", b'}'),
    (b"tilde", b'~'),
    (b"DEL", 127),
    (b"zero", b'0'),
    (b"one", b'1'),
    (b"two", b'2'),
    (b"three", b'3'),
    (b"four", b'4'),
    (b"five", b'5'),
    (b"six", b'6'),
    (b"seven", b'7'),
    (b"eight", b'8'),
    (b"nine", b'9'),
];

/// A collating symbol: a character, or one of POSIX's names.
fn collating(name: &[u8], bytes: bool) -> Option<u32> {
    if !name.is_empty() {
        let (code, next) = code(name, 0, bytes);
        if next == name.len() {
            return Some(code);
        }
    }
    NAMED.iter().find(|(known, _)| *known == name).map(|&(_, byte)| u32::from(byte))
}
