//! The format of `printf`, taken apart.

use crate::text::ansi_c;

/// A part of a format.
#[derive(Clone, Debug)]
pub(super) enum Item {
    Text(Vec<u8>),
    /// An escape that is none is complained of each time round.
    Complaint(&'static str),
    Conversion(Spec),
    /// `%(…)` without its `T`: complained of; the percent sign stands for itself.
    BadTime(Vec<u8>),
    /// The output ends here, with this message.
    Fatal(Vec<u8>),
}

/// One conversion.
#[derive(Clone, Debug)]
pub(super) struct Spec {
    pub flags: Flags,
    pub width: Option<Count>,
    pub precision: Option<Count>,
    pub kind: Kind,
}

#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Flags {
    pub left: bool,
    pub plus: bool,
    pub space: bool,
    pub alternate: bool,
    pub zero: bool,
}

/// A width or precision.
#[derive(Clone, Copy, Debug)]
pub(super) enum Count {
    /// `None`: more than an `int` holds.
    Fixed(Option<u32>),
    /// `*`
    Argument,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Char,
    String,
    /// `%b`
    Escaped,
    /// `%q`; true for `%Q`.
    Quoted(bool),
    /// `%n`
    Count,
    Signed,
    /// `o`, `u`, `x`, `X`.
    Unsigned(u8),
    /// `e`, `f`, `g`, `a`; true for the upper-case letters.
    Float(u8, bool),
    Time(Vec<u8>),
}

/// Parses a format.
pub(super) fn parse(source: &[u8]) -> Vec<Item> {
    let mut items = Vec::new();
    let mut text = Vec::new();
    let mut at = 0;
    while let Some(&c) = source.get(at) {
        match c {
            b'\\' => {
                let mut warning = None;
                let mut escape = Vec::new();
                at += ansi_c::printf_format(&source[at..], &mut escape, &mut |_, message| warning = Some(message));
                if let Some(warning) = warning {
                    flush(&mut text, &mut items);
                    items.push(Item::Complaint(warning));
                }
                text.append(&mut escape);
            }
            b'%' if source.get(at + 1) == Some(&b'%') => {
                text.push(b'%');
                at += 2;
            }
            b'%' => {
                flush(&mut text, &mut items);
                let (item, length) = conversion(&source[at..]);
                let fatal = matches!(item, Item::Fatal(_));
                items.push(item);
                if fatal {
                    break;
                }
                at += length;
            }
            _ => {
                text.push(c);
                at += 1;
            }
        }
    }
    flush(&mut text, &mut items);
    items
}

fn flush(text: &mut Vec<u8>, items: &mut Vec<Item>) {
    if !text.is_empty() {
        items.push(Item::Text(std::mem::take(text)));
    }
}

/// Parses the conversion at the beginning of `source` and returns its length.
fn conversion(source: &[u8]) -> (Item, usize) {
    let mut at = 1;
    let mut flags = Flags::default();
    while let Some(c @ (b'#' | b'\'' | b'-' | b'+' | b' ' | b'0')) = source.get(at) {
        match c {
            b'#' => flags.alternate = true,
            b'-' => flags.left = true,
            b'+' => flags.plus = true,
            b' ' => flags.space = true,
            b'0' => flags.zero = true,
            _ => {}
        }
        at += 1;
    }
    let width = count(source, &mut at);
    let mut precision = None;
    let mut bare_point = false;
    if source.get(at) == Some(&b'.') {
        at += 1;
        let negative = source.get(at) == Some(&b'-');
        at += usize::from(negative);
        precision = count(source, &mut at);
        bare_point = precision.is_none();
        precision = precision.or(Some(Count::Fixed(Some(0)))).filter(|_| !negative);
    }
    while let Some(b'h' | b'j' | b'l' | b'L' | b't' | b'z') = source.get(at) {
        at += 1;
    }
    let Some(&letter) = source.get(at) else {
        return (Item::Fatal([b"`", source, b"': missing format character"].concat()), source.len());
    };
    let kind = match letter {
        b'(' => match time_format(&source[at + 1..]) {
            Ok((format, length)) => {
                at += length;
                Some(Kind::Time(format))
            }
            Err(found) => {
                let message = [b"warning: `", &found[..], b"': invalid time format specification"].concat();
                return (Item::BadTime(message), 1);
            }
        },
        _ => kind(letter, bare_point),
    };
    match kind {
        Some(kind) => (Item::Conversion(Spec { flags, width, precision, kind }), at + 1),
        None => (Item::Fatal([b"`", &[letter][..], b"': invalid format character"].concat()), source.len()),
    }
}

/// What a letter stands for; `bare_point`: the precision was a point and no digits.
fn kind(letter: u8, bare_point: bool) -> Option<Kind> {
    Some(match letter {
        b'c' => Kind::Char,
        b's' => Kind::String,
        b'b' => Kind::Escaped,
        b'q' | b'Q' => Kind::Quoted(letter == b'Q' && !bare_point),
        b'n' => Kind::Count,
        b'd' | b'i' => Kind::Signed,
        b'o' | b'u' | b'x' | b'X' => Kind::Unsigned(letter),
        b'e' | b'f' | b'g' | b'a' => Kind::Float(letter, false),
        b'E' | b'F' | b'G' | b'A' => Kind::Float(letter.to_ascii_lowercase(), true),
        _ => return None,
    })
}

fn count(source: &[u8], at: &mut usize) -> Option<Count> {
    if source.get(*at) == Some(&b'*') {
        *at += 1;
        return Some(Count::Argument);
    }
    let digits = source[*at..].iter().take_while(|c| c.is_ascii_digit()).count();
    if digits == 0 {
        return None;
    }
    let text = std::str::from_utf8(&source[*at..*at + digits]).unwrap_or_default();
    *at += digits;
    Some(Count::Fixed(text.parse::<i32>().ok().map(i32::unsigned_abs)))
}

/// Reads `FORMAT)T`: the format and the length. Otherwise the character where the `T` should be.
fn time_format(source: &[u8]) -> Result<(Vec<u8>, usize), Vec<u8>> {
    let mut nested = 1;
    let close = source.iter().position(|c| {
        nested += match c {
            b'(' => 1,
            b')' => -1,
            _ => 0,
        };
        nested == 0
    });
    let Some(close) = close else {
        return Err(Vec::new());
    };
    match source.get(close + 1) {
        Some(b'T') => Ok((source[..close].to_vec(), close + 2)),
        found => Err(found.copied().into_iter().collect()),
    }
}
