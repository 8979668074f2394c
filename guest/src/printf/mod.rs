//! The `printf` builtin: the format is parsed once and applied to arguments; floating point is x86's 80-bit format, in
//! software, because that is what bash computes with.

mod arguments;
mod float;
mod parse;
#[cfg(test)]
mod tests;

use crate::text::strftime::{Zone, strftime};
use crate::text::{ansi_c, quote};
use arguments::Arguments;
use parse::{Count, Flags, Item, Kind, Spec};

/// A parsed format.
#[derive(Clone, Debug)]
pub struct Format {
    items: Vec<Item>,
}

/// What printf needs of the shell.
pub trait PrintfHost {
    /// Reports an error: `message` is what follows `bash: line N: printf: `. `out` is the output so far; complete lines
    /// may be written and removed first, so that the streams interleave as bash's line-buffered ones do.
    fn warn(&mut self, out: &mut Vec<u8>, message: &[u8]);
    /// `out` has grown long; all of it may be written and removed (not for `printf -v`).
    fn grown(&mut self, out: &mut Vec<u8>) {
        let _ = out;
    }
    /// Seconds since 1970 (`%(…)T` with -1 or no argument).
    fn now(&mut self) -> i64;
    /// When the shell started (`%(…)T` with -2).
    fn shell_start(&mut self) -> i64;
    /// The value of `TZ`.
    fn tz(&mut self) -> Option<Vec<u8>>;
    /// `%n`: assigns a count to a variable; false when it is no valid name.
    fn assign(&mut self, name: &[u8], value: i64) -> bool;
}

/// Why a run ends early.
enum Stop {
    /// `\c`
    Quiet,
    Failed,
}

/// Output longer than this is offered to the host.
const GROWN: usize = 1 << 16;
/// The widest field that is put together in memory; also the greatest precision.
const HELD: usize = 1 << 24;
/// `%(…)T` makes nothing of more.
const TIME_BYTES: usize = 127;

impl Format {
    /// Parses a format. Errors in it appear when it is run.
    pub fn parse(source: &[u8]) -> Format {
        Format { items: parse::parse(source) }
    }

    /// Formats `args` into `out` and returns the status.
    pub fn run<A: AsRef<[u8]>>(&self, args: &[A], host: &mut dyn PrintfHost, out: &mut Vec<u8>) -> i32 {
        let args: Vec<&[u8]> = args.iter().map(AsRef::as_ref).collect();
        let mut run = Run { args: Arguments::new(&args), host, out, written: 0, base: 0 };
        run.base = run.out.len();
        loop {
            for item in &self.items {
                match run.item(item) {
                    Ok(()) => {}
                    Err(Stop::Quiet) => return 0,
                    Err(Stop::Failed) => return 1,
                }
            }
            if !run.args.go_round() {
                return run.args.status();
            }
        }
    }
}

struct Run<'a> {
    args: Arguments<'a>,
    host: &'a mut dyn PrintfHost,
    out: &'a mut Vec<u8>,
    /// What has been taken out of `out` already, for `%n`.
    written: usize,
    /// What was in `out` before.
    base: usize,
}

impl Run<'_> {
    fn item(&mut self, item: &Item) -> Result<(), Stop> {
        match item {
            Item::Text(text) => self.out.extend_from_slice(text),
            Item::Complaint(message) => self.warn(message.as_bytes()),
            Item::BadTime(message) => {
                self.warn(message);
                self.out.push(b'%');
            }
            Item::Fatal(message) => {
                self.warn(message);
                return Err(Stop::Failed);
            }
            Item::Conversion(spec) => self.conversion(spec)?,
        }
        self.offer();
        Ok(())
    }

    fn removed(&mut self, before: usize) {
        let removed = before - self.out.len();
        self.written += removed.saturating_sub(self.base);
        self.base = self.base.saturating_sub(removed);
    }

    fn warn(&mut self, message: &[u8]) {
        let before = self.out.len();
        self.host.warn(self.out, message);
        self.removed(before);
    }

    /// Reports what reading an argument has given rise to.
    fn complain(&mut self) {
        for message in self.args.take_complaints() {
            self.warn(&message);
        }
    }

    fn conversion(&mut self, spec: &Spec) -> Result<(), Stop> {
        let mut layout = Layout { flags: spec.flags, width: 0, precision: None };
        let mut fits = true;
        match spec.width {
            Some(Count::Argument) => {
                let width = self.args.next_int();
                layout.flags.left |= width < 0;
                layout.width = width.unsigned_abs() as usize;
            }
            Some(Count::Fixed(Some(width))) => layout.width = width as usize,
            Some(Count::Fixed(None)) => fits = false,
            None => {}
        }
        match spec.precision {
            Some(Count::Argument) => layout.precision = usize::try_from(self.args.next_int()).ok(),
            Some(Count::Fixed(Some(precision))) => layout.precision = Some(precision as usize),
            Some(Count::Fixed(None)) => fits = false,
            None => {}
        }
        self.complain();
        // Blanks beyond what can be held are written as they come.
        let beyond = if layout.flags.zero { 0 } else { layout.width.saturating_sub(HELD) };
        layout.width = layout.width.min(HELD);
        layout.precision = layout.precision.map(|precision| precision.min(HELD));
        let mut text = Vec::new();
        let result = self.convert(&spec.kind, &layout, &mut text);
        if fits {
            if !layout.flags.left {
                self.blanks(beyond);
            }
            self.out.append(&mut text);
            if layout.flags.left {
                self.blanks(beyond);
            }
        }
        result
    }

    fn blanks(&mut self, mut count: usize) {
        while count > 0 {
            let step = count.min(GROWN);
            self.out.resize(self.out.len() + step, b' ');
            count -= step;
            self.offer();
        }
    }

    /// Lets the host write what there is, if it is much.
    fn offer(&mut self) {
        if self.out.len() > GROWN {
            let before = self.out.len();
            self.host.grown(self.out);
            self.removed(before);
        }
    }

    fn convert(&mut self, kind: &Kind, layout: &Layout, text: &mut Vec<u8>) -> Result<(), Stop> {
        match kind {
            Kind::Char => {
                let c = self.args.next().and_then(|arg| arg.first().copied()).unwrap_or(0);
                layout.pad(&[c], text);
            }
            Kind::String => layout.string(self.args.next().unwrap_or_default(), text),
            Kind::Escaped => {
                let mut value = Vec::new();
                let (host, out) = (&mut *self.host, &mut *self.out);
                let before = out.len();
                let arg = self.args.next().unwrap_or_default();
                let stop = ansi_c::printf_b(arg, &mut value, &mut |_, message| host.warn(out, message.as_bytes()));
                self.removed(before);
                layout.string(&value, text);
                if stop {
                    return Err(Stop::Quiet);
                }
            }
            Kind::Quoted(cut_first) => {
                let arg = self.args.next().unwrap_or_default();
                let length = layout.precision.filter(|_| *cut_first).map_or(arg.len(), |most| most.min(arg.len()));
                let precision = layout.precision.filter(|_| !cut_first);
                Layout { precision, ..*layout }.string(&quote::backslash(&arg[..length]), text);
            }
            Kind::Count => {
                let name = self.args.next().unwrap_or_default();
                let count = self.written + self.out.len() - self.base;
                if !name.is_empty() && !self.host.assign(name, count as i64) {
                    self.warn(&[b"`", name, b"': not a valid identifier"].concat());
                    return Err(Stop::Failed);
                }
            }
            Kind::Signed => {
                let value = self.args.next_signed();
                self.complain();
                let digits = value.unsigned_abs().to_string();
                layout.integer(false, value < 0, b"", digits.as_bytes(), true, text);
            }
            Kind::Unsigned(letter) => {
                let value = self.args.next_unsigned();
                self.complain();
                layout.unsigned(value, *letter, text);
            }
            Kind::Float(letter, upper) => {
                let number = self.args.next_float();
                self.complain();
                layout.float(&number, *letter, *upper, text);
            }
            Kind::Time(format) => self.time(format, layout, text),
        }
        Ok(())
    }

    fn time(&mut self, format: &[u8], layout: &Layout, text: &mut Vec<u8>) {
        let seconds = if self.args.is_done() { -1 } else { self.args.next_signed() };
        self.complain();
        let seconds = match seconds {
            -1 => self.host.now(),
            -2 => self.host.shell_start(),
            seconds => seconds,
        };
        let zone = Zone::from_tz(self.host.tz().as_deref());
        let mut value = strftime(if format.is_empty() { b"%X" } else { format }, seconds, &zone);
        if value.len() > TIME_BYTES {
            value.clear();
        }
        layout.string(&value, text);
    }
}

/// Flags, width and precision as they have turned out.
struct Layout {
    flags: Flags,
    width: usize,
    precision: Option<usize>,
}

impl Layout {
    /// Appends `text` filled up with blanks.
    fn pad(&self, text: &[u8], out: &mut Vec<u8>) {
        let missing = self.width.saturating_sub(text.len());
        if !self.flags.left {
            out.resize(out.len() + missing, b' ');
        }
        out.extend_from_slice(text);
        if self.flags.left {
            out.resize(out.len() + missing, b' ');
        }
    }

    fn string(&self, text: &[u8], out: &mut Vec<u8>) {
        self.pad(&text[..self.precision.map_or(text.len(), |most| most.min(text.len()))], out);
    }

    fn unsigned(&self, value: u64, letter: u8, out: &mut Vec<u8>) {
        let mut digits = match letter {
            b'o' => format!("{value:o}"),
            b'x' => format!("{value:x}"),
            b'X' => format!("{value:X}"),
            _ => value.to_string(),
        };
        let mut prefix: &[u8] = b"";
        let octal = letter == b'o' && self.flags.alternate;
        if self.flags.alternate {
            match letter {
                b'o' if !digits.starts_with('0') && self.precision.is_none_or(|most| most <= digits.len()) => {
                    digits.insert(0, '0');
                }
                b'x' if value != 0 => prefix = b"0x",
                b'X' if value != 0 => prefix = b"0X",
                _ => {}
            }
        }
        self.integer(octal, false, prefix, digits.as_bytes(), false, out);
    }

    /// `keep`: a zero is shown even with precision 0.
    fn integer(&self, keep: bool, negative: bool, prefix: &[u8], digits: &[u8], signed: bool, out: &mut Vec<u8>) {
        let digits = if digits == b"0" && self.precision == Some(0) && !keep { b"" } else { digits };
        let sign: &[u8] = match () {
            () if negative => b"-",
            () if signed && self.flags.plus => b"+",
            () if signed && self.flags.space => b" ",
            () => b"",
        };
        let head = sign.len() + prefix.len();
        let mut zeros = self.precision.unwrap_or(0).saturating_sub(digits.len());
        if self.flags.zero && !self.flags.left && self.precision.is_none() {
            zeros = self.width.saturating_sub(head + digits.len());
        }
        let mut text = [sign, prefix].concat();
        text.resize(head + zeros, b'0');
        text.extend_from_slice(digits);
        self.pad(&text, out);
    }

    fn float(&self, number: &float::Extended, letter: u8, upper: bool, out: &mut Vec<u8>) {
        let style = float::Style { letter, upper, precision: self.precision, alternate: self.flags.alternate };
        let digits = float::format(number, style);
        let sign: &[u8] = match () {
            () if number.negative => b"-",
            () if self.flags.plus => b"+",
            () if self.flags.space => b" ",
            () => b"",
        };
        let finite = matches!(number.value, float::Value::Finite { .. });
        let mut text = sign.to_vec();
        if self.flags.zero && !self.flags.left && finite {
            let (prefix, digits) = digits.split_at(if letter == b'a' { 2 } else { 0 });
            text.extend_from_slice(prefix);
            text.resize(self.width.saturating_sub(digits.len()).max(text.len()), b'0');
            text.extend_from_slice(digits);
        } else {
            text.extend_from_slice(&digits);
        }
        self.pad(&text, out);
    }
}
