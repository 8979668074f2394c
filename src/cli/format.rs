//! How things look to people: sizes, times, tables, colour, and text that cannot play with the terminal.

use std::io::IsTerminal as _;
use std::sync::OnceLock;

const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A number of bytes as `ls -h` writes it: `512`, `1.2K`, `34M`.
pub fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["", "K", "M", "G", "T"] {
        // What would be rounded up to 1024 belongs to the next unit.
        if value < 1023.5 || unit == "T" {
            let digits = usize::from(!unit.is_empty() && value < 9.95);
            return format!("{value:.digits$}{unit}");
        }
        value /= 1024.0;
    }
    unreachable!("the last unit returns")
}

/// A length of time: `12 ms`, `1.5 s`, `42 s`, `3 min`, `5 h`, `12 days`.
pub fn duration(ms: u64) -> String {
    match ms {
        0..SECOND => format!("{ms} ms"),
        // 9.95 s is `10 s`, not `9.9 s` and not `10.0 s`.
        SECOND..9_950 => format!("{:.1} s", ms as f64 / 1000.0),
        _ => whole(ms),
    }
}

/// A length of time in one unit of a second or more, rounded down.
fn whole(ms: u64) -> String {
    match ms {
        0..MINUTE => format!("{} s", ms / SECOND),
        MINUTE..HOUR => format!("{} min", ms / MINUTE),
        HOUR..DAY => format!("{} h", ms / HOUR),
        _ if ms / DAY == 1 => "1 day".into(),
        _ => format!("{} days", ms / DAY),
    }
}

/// When something was, seen from `now`: `just now`, `3 min ago`; its date when that is long ago. Milliseconds since 1970.
pub fn ago(at_ms: i64, now_ms: i64) -> String {
    match u64::try_from(now_ms.saturating_sub(at_ms)).unwrap_or(0) {
        ..SECOND => "just now".into(),
        ms if ms < 30 * DAY => format!("{} ago", whole(ms)),
        _ => date(at_ms),
    }
}

/// When something will be, seen from `now`: `in 3 min`, `now`. Rounded up, so that what was just set to seven days says so.
pub fn until(at_ms: i64, now_ms: i64) -> String {
    let ms = u64::try_from(at_ms.saturating_sub(now_ms)).unwrap_or(0);
    let unit = [DAY, HOUR, MINUTE].into_iter().find(|unit| ms > *unit).unwrap_or(SECOND);
    match ms {
        0 => "now".into(),
        _ if ms < 400 * DAY => format!("in {}", whole(ms.div_ceil(unit) * unit)),
        _ => date(at_ms),
    }
}

/// The day, in UTC: `2026-11-22`. Counted in years that start in March, so that the leap day is the last of its year.
fn date(at_ms: i64) -> String {
    let days = at_ms.div_euclid(DAY as i64) + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Text on one line: what could move the cursor or end the line is written as `\n`, `\x1b` …
pub fn printable(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for part in bytes.utf8_chunks() {
        for c in part.valid().chars() {
            if c.is_control() { text.extend(c.escape_default()) } else { text.push(c) }
        }
        part.invalid().iter().for_each(|b| text.push_str(&format!("\\x{b:02x}")));
    }
    text
}

/// The rights of a file as `ls -l` shows them, without the kind: `rwxr-xr-x`.
pub fn mode(mode: u16) -> String {
    let bit = |at: u32, letter: char| if mode >> at & 1 == 1 { letter } else { '-' };
    let last = |x: u32, special: u32, letter: char| match (mode >> x & 1 == 1, mode >> special & 1 == 1) {
        (true, true) => letter,
        (false, true) => letter.to_ascii_uppercase(),
        (x, false) => {
            if x {
                'x'
            } else {
                '-'
            }
        }
    };
    [
        bit(8, 'r'),
        bit(7, 'w'),
        last(6, 11, 's'),
        bit(5, 'r'),
        bit(4, 'w'),
        last(3, 10, 's'),
        bit(2, 'r'),
        bit(1, 'w'),
        last(0, 9, 't'),
    ]
    .iter()
    .collect()
}

/// How a piece of text stands out, on a terminal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Style {
    Plain,
    Strong,
    Faint,
    Good,
    Bad,
    Note,
}

/// Whether standard output takes colour: it is a terminal, and nobody asks for none (`NO_COLOR`, `TERM=dumb`).
pub fn colour() -> bool {
    static COLOUR: OnceLock<bool> = OnceLock::new();
    *COLOUR.get_or_init(|| {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        let dumb = std::env::var_os("TERM").is_none_or(|v| v == "dumb");
        std::io::stdout().is_terminal() && !refused && !dumb
    })
}

/// `text` in a style, if standard output takes it.
pub fn paint(text: &str, style: Style) -> String {
    painted(text, style, colour())
}

fn painted(text: &str, style: Style, colour: bool) -> String {
    let code = match style {
        Style::Plain => return text.into(),
        Style::Strong => 1,
        Style::Faint => 2,
        Style::Good => 32,
        Style::Bad => 31,
        Style::Note => 33,
    };
    if colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.into() }
}

/// One field of a [`Table`].
pub struct Cell {
    text: String,
    style: Style,
}

impl From<String> for Cell {
    fn from(text: String) -> Cell {
        Cell { text, style: Style::Plain }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Cell {
        Cell::from(text.to_owned())
    }
}

impl Cell {
    /// The field as painted text.
    pub fn into_text(self) -> String {
        paint(&self.text, self.style)
    }
}

/// A field in a style.
pub fn styled(text: impl Into<String>, style: Style) -> Cell {
    Cell { text: text.into(), style }
}

/// Columns under headings, two blanks between them.
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

struct Column {
    title: &'static str,
    to_the_right: bool,
}

impl Table {
    /// A table with these headings; a column whose heading starts with `>` is aligned to the right.
    pub fn new(headings: &[&'static str]) -> Table {
        let column = |heading: &&'static str| match heading.strip_prefix('>') {
            Some(title) => Column { title, to_the_right: true },
            None => Column { title: heading, to_the_right: false },
        };
        Table { columns: headings.iter().map(column).collect(), rows: Vec::new() }
    }

    /// Adds a line: a cell for each heading.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The lines, without colour.
    pub fn plain(self) -> String {
        self.text(None, false)
    }

    /// The lines; nothing if there are none but the headings. On a terminal of `width` columns the last field is cut so that a line stays one.
    pub fn text(mut self, width: Option<usize>, colour: bool) -> String {
        if self.rows.is_empty() {
            return String::new();
        }
        let headings = self.columns.iter().map(|c| styled(c.title, Style::Faint)).collect();
        self.rows.insert(0, headings);
        let long = |at: usize| self.rows.iter().filter_map(|r| r.get(at)).map(|c| c.text.chars().count()).max();
        let widths: Vec<usize> = (0..self.columns.len()).map(|at| long(at).unwrap_or(0)).collect();
        let before_last: usize = widths.iter().rev().skip(1).map(|w| w + 2).sum();
        let room = width.map(|width| width.saturating_sub(before_last).max(10));
        self.rows.iter().map(|row| line(row, &self.columns, &widths, room, colour) + "\n").collect()
    }
}

fn line(row: &[Cell], columns: &[Column], widths: &[usize], room: Option<usize>, colour: bool) -> String {
    let mut line = String::new();
    for (at, cell) in row.iter().enumerate() {
        let is_last = at + 1 == row.len();
        let text = if is_last { cut(&cell.text, room) } else { cell.text.clone() };
        let blanks = " ".repeat(widths[at].saturating_sub(text.chars().count()));
        let text = painted(&text, cell.style, colour);
        match (columns[at].to_the_right, is_last) {
            (true, true) => line += &format!("{blanks}{text}"),
            (true, false) => line += &format!("{blanks}{text}  "),
            (false, true) => line += &text,
            (false, false) => line += &format!("{text}{blanks}  "),
        }
    }
    line.truncate(line.trim_end().len());
    line
}

fn cut(text: &str, room: Option<usize>) -> String {
    match room {
        Some(room) if text.chars().count() > room => text.chars().take(room - 1).chain(['…']).collect(),
        _ => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        let cases = [
            (0, "0"),
            (1023, "1023"),
            (1024, "1.0K"),
            (1260, "1.2K"),
            (10_188, "9.9K"),
            (10_200, "10K"),
            (1 << 20, "1.0M"),
            ((1 << 20) - 1, "1.0M"),
            (5 << 30, "5.0G"),
            (u64::MAX, "16777216T"),
        ];
        for (bytes, text) in cases {
            assert_eq!(size(bytes), text, "{bytes}");
        }
    }

    #[test]
    fn times_are_in_one_unit() {
        let cases = [
            (0, "0 ms"),
            (999, "999 ms"),
            (1500, "1.5 s"),
            (9_949, "9.9 s"),
            (9_950, "9 s"),
            (59_999, "59 s"),
            (3 * MINUTE, "3 min"),
            (5 * HOUR + 1, "5 h"),
            (DAY, "1 day"),
            (40 * DAY, "40 days"),
        ];
        for (ms, text) in cases {
            assert_eq!(duration(ms), text, "{ms}");
        }
        assert_eq!(ago(1_000, 1_200), "just now");
        assert_eq!(ago(5_000, 1_000), "just now", "a clock that was set back");
        assert_eq!(ago(0, 3 * MINUTE as i64), "3 min ago");
        assert_eq!(until(3 * HOUR as i64, 0), "in 3 h");
        assert_eq!(until(0, 1), "now");
        assert_eq!(until(7 * DAY as i64, 5), "in 7 days");
        assert_eq!(until(59 * MINUTE as i64 + 1, 0), "in 1 h");
    }

    #[test]
    fn long_ago_is_a_date() {
        let now = 4_000_000_000_000;
        for (seconds, text) in [
            (0, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (1_795_305_600, "2026-11-22"),
            (-86_400, "1969-12-31"),
            (1_767_225_599, "2025-12-31"),
        ] {
            assert_eq!(ago(seconds * 1000, now), text);
        }
    }

    #[test]
    fn nothing_plays_with_the_terminal() {
        assert_eq!(printable(b"plain \xc3\xa9"), "plain é");
        assert_eq!(printable(b"a\nb\x1b[31m\xff\0\x7f"), "a\\nb\\u{1b}[31m\\xff\\u{0}\\u{7f}");
        assert_eq!(printable("\u{9b}31m".as_bytes()), "\\u{9b}31m");
    }

    #[test]
    fn modes_are_those_of_ls() {
        for (bits, text) in [
            (0o755, "rwxr-xr-x"),
            (0o644, "rw-r--r--"),
            (0o4755, "rwsr-xr-x"),
            (0o1777, "rwxrwxrwt"),
            (0o2604, "rw---Sr--"),
        ] {
            assert_eq!(mode(bits), text);
        }
    }

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(&["NAME", ">SIZE", "COMMAND"]);
        table.row(["a".into(), "1.2K".into(), "echo a very long line".into()]);
        table.row(["longer".into(), "7".into(), "".into()]);
        assert_eq!(table.text(Some(26), false), "NAME    SIZE  COMMAND\na       1.2K  echo a very…\nlonger     7\n");
    }
}
