//! Dates without a C library: `printf '%(fmt)T'`, the prompt's `\D{}`; C locale, UTC or a fixed offset.

/// A time zone: `TZ` as far as it needs no zone files.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Zone {
    /// Seconds east of Greenwich.
    pub offset: i32,
    /// The abbreviation (`UTC`).
    pub name: Vec<u8>,
}

impl Zone {
    /// Reads `TZ` (`UTC`, `UTC0`, `EST5`, `<+02>-2`, a leading `:` is ignored); what it does not know is UTC under the name
    /// that begins it, as in glibc without zone files.
    pub fn from_tz(tz: Option<&[u8]>) -> Zone {
        let text = tz.unwrap_or_default();
        let text = text.strip_prefix(b":").unwrap_or(text);
        let utc = || Zone { offset: 0, name: b"UTC".to_vec() };
        let (name, rest) = match text {
            [] => return utc(),
            [b'<', inner @ ..] => match inner.iter().position(|&c| c == b'>') {
                Some(close) => (&inner[..close], &inner[close + 1..]),
                None => return utc(),
            },
            _ => text.split_at(text.iter().take_while(|c| c.is_ascii_alphabetic()).count()),
        };
        if name.len() < 3 {
            return Zone { offset: 0, name: Vec::new() };
        }
        Zone { offset: posix_offset(rest).unwrap_or(0), name: name.to_vec() }
    }
}

/// `5`, `-2`, `+5:30`: hours west, as POSIX counts.
fn posix_offset(text: &[u8]) -> Option<i32> {
    let (sign, mut rest) = match text {
        [b'-', rest @ ..] => (1, rest),
        [b'+', rest @ ..] => (-1, rest),
        _ => (-1, text),
    };
    let mut seconds = 0;
    for unit in [3600, 60, 1] {
        let digits = rest.iter().take(2).take_while(|c| c.is_ascii_digit()).count();
        if digits == 0 {
            return None;
        }
        let value = rest[..digits].iter().fold(0, |value, c| value * 10 + i32::from(c - b'0'));
        seconds += value * unit;
        rest = &rest[digits..];
        match rest {
            [b':', more @ ..] => rest = more,
            _ => break,
        }
    }
    Some(sign * seconds)
}

/// A moment, taken apart.
struct Time<'a> {
    year: i64,
    /// 0 to 11.
    month: i64,
    /// 1 to 31.
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    /// 0 is Sunday.
    weekday: i64,
    /// 0 to 365.
    yearday: i64,
    seconds: i64,
    zone: &'a Zone,
}

const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// The furthest year that C's time can hold.
const MAX_SECONDS: i64 = 67_767_976_233_532_799;
const MIN_SECONDS: i64 = -67_768_040_609_740_800;

impl<'a> Time<'a> {
    fn new(seconds: i64, zone: &'a Zone) -> Time<'a> {
        let seconds = if (MIN_SECONDS..=MAX_SECONDS).contains(&seconds) { seconds } else { 0 };
        let local = seconds + i64::from(zone.offset);
        let (days, rest) = (local.div_euclid(86_400), local.rem_euclid(86_400));
        // Years begin in March here, so that the leap day is their last.
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * march_month + 2) / 5 + 1;
        let month = (march_month + 2) % 12;
        let year = year_of_era + era * 400 + i64::from(month < 2);
        let before = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334][month as usize];
        let yearday = before + day - 1 + i64::from(month > 1 && is_leap(year));
        Time {
            year,
            month,
            day,
            hour: rest / 3600,
            minute: rest / 60 % 60,
            second: rest % 60,
            weekday: (days + 4).rem_euclid(7),
            yearday,
            seconds,
            zone,
        }
    }

    /// The ISO year and week.
    fn iso_week(&self) -> (i64, i64) {
        // The week belongs to the year its Thursday is in.
        let thursday = self.yearday - (self.weekday + 6) % 7 + 3;
        if thursday < 0 {
            let year = self.year - 1;
            return (year, (thursday + days_in(year)) / 7 + 1);
        }
        if thursday >= days_in(self.year) {
            return (self.year + 1, 1);
        }
        (self.year, thursday / 7 + 1)
    }
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(year: i64) -> i64 {
    if is_leap(year) { 366 } else { 365 }
}

/// Flags and width of a conversion.
#[derive(Clone, Copy, Default)]
struct Style {
    /// `_`, `-`, `0`, or 0 for none.
    pad: u8,
    upper: bool,
    swap: bool,
    width: usize,
}

/// The widest that a field can be made.
const MAX_WIDTH: usize = 4096;

/// Formats `seconds` since 1970.
pub fn strftime(format: &[u8], seconds: i64, zone: &Zone) -> Vec<u8> {
    let mut out = Vec::new();
    expand(format, &Time::new(seconds, zone), &mut out);
    out
}

fn expand(format: &[u8], time: &Time<'_>, out: &mut Vec<u8>) {
    let mut at = 0;
    while at < format.len() {
        if format[at] != b'%' {
            out.push(format[at]);
            at += 1;
            continue;
        }
        let start = at;
        at += 1;
        let mut style = Style::default();
        while let Some(c @ (b'_' | b'-' | b'0' | b'^' | b'#' | b'+')) = format.get(at) {
            match c {
                b'^' => style.upper = true,
                b'#' => style.swap = true,
                b'+' => break,
                _ => style.pad = *c,
            }
            at += 1;
        }
        while let Some(c @ b'0'..=b'9') = format.get(at) {
            style.width = (style.width * 10 + usize::from(c - b'0')).min(MAX_WIDTH);
            at += 1;
        }
        if let Some(b'E' | b'O') = format.get(at) {
            at += 1;
        }
        let known = format.get(at).is_some_and(|&letter| conversion(letter, style, time, out));
        at = (at + 1).min(format.len());
        if !known {
            push_text(&format[start..at], 0, style, out);
        }
    }
}

/// Appends one conversion; false if there is no such one.
fn conversion(letter: u8, style: Style, time: &Time<'_>, out: &mut Vec<u8>) -> bool {
    let hour12 = (time.hour + 11) % 12 + 1;
    let weekday = DAYS[time.weekday as usize];
    let month = MONTHS[time.month as usize];
    let half = if time.hour < 12 { "AM" } else { "PM" };
    let zeros = |value: i64, digits: usize| Some((value, digits, b'0'));
    let blanks = |value: i64, digits: usize| Some((value, digits, b'_'));
    let number = match letter {
        b'C' => zeros(time.year.div_euclid(100), 1),
        b'd' => zeros(time.day, 2),
        b'e' => blanks(time.day, 2),
        b'g' => zeros(time.iso_week().0.rem_euclid(100), 2),
        b'G' => zeros(time.iso_week().0, 1),
        b'H' => zeros(time.hour, 2),
        b'I' => zeros(hour12, 2),
        b'j' => zeros(time.yearday + 1, 3),
        b'k' => blanks(time.hour, 2),
        b'l' => blanks(hour12, 2),
        b'm' => zeros(time.month + 1, 2),
        b'M' => zeros(time.minute, 2),
        b'S' => zeros(time.second, 2),
        b'u' => zeros((time.weekday + 6) % 7 + 1, 1),
        b'U' => zeros((time.yearday - time.weekday + 7) / 7, 2),
        b'V' => zeros(time.iso_week().1, 2),
        b'w' => zeros(time.weekday, 1),
        b'W' => zeros((time.yearday - (time.weekday + 6) % 7 + 7) / 7, 2),
        b'y' => zeros(time.year.rem_euclid(100), 2),
        b'Y' => zeros(time.year, 1),
        _ => None,
    };
    if let Some((value, digits, pad)) = number {
        push_number(value, digits, pad, style, out);
        return true;
    }
    let composite = |format: &str| {
        let mut text = Vec::new();
        expand(format.as_bytes(), time, &mut text);
        text
    };
    let text = match letter {
        b'a' => weekday[..3].into(),
        b'A' => weekday.into(),
        b'b' | b'h' => month[..3].into(),
        b'B' => month.into(),
        b'p' if style.swap => half.to_ascii_lowercase().into_bytes(),
        b'p' => half.into(),
        b'P' => half.to_ascii_lowercase().into_bytes(),
        b'c' => composite("%a %b %e %H:%M:%S %Y"),
        b'D' | b'x' => composite("%m/%d/%y"),
        b'F' => composite("%Y-%m-%d"),
        b'r' => composite("%I:%M:%S %p"),
        b'R' => composite("%H:%M"),
        b'T' | b'X' => composite("%H:%M:%S"),
        b'Z' if style.swap => time.zone.name.to_ascii_lowercase(),
        b'Z' => time.zone.name.clone(),
        b's' => time.seconds.to_string().into_bytes(),
        b'z' => offset(time.zone.offset, style.pad),
        b'n' => b"\n".to_vec(),
        b't' => b"\t".to_vec(),
        b'%' => b"%".to_vec(),
        _ => return false,
    };
    push_text(&text, letter, style, out);
    true
}

fn offset(seconds: i32, pad: u8) -> Vec<u8> {
    let sign = if seconds < 0 { '-' } else { '+' };
    let minutes = seconds.abs() / 60;
    let number = minutes / 60 * 100 + minutes % 60;
    match pad {
        b'_' => format!("{sign}{number:4}"),
        b'-' => format!("{sign}{number}"),
        _ => format!("{sign}{number:04}"),
    }
    .into_bytes()
}

fn push_number(value: i64, digits: usize, pad: u8, style: Style, out: &mut Vec<u8>) {
    let pad = if style.pad == 0 { pad } else { style.pad };
    // Without filling a width asked for is still made, with blanks.
    let width = if pad == b'-' { style.width } else { digits.max(style.width) };
    let text = value.abs().to_string();
    let sign = usize::from(value < 0);
    let missing = width.saturating_sub(text.len() + sign);
    if pad != b'0' {
        out.extend(std::iter::repeat_n(b' ', missing));
    }
    if value < 0 {
        out.push(b'-');
    }
    if pad == b'0' {
        out.extend(std::iter::repeat_n(b'0', missing));
    }
    out.extend_from_slice(text.as_bytes());
}

fn push_text(text: &[u8], letter: u8, style: Style, out: &mut Vec<u8>) {
    let pad = if style.pad == b'0' { b'0' } else { b' ' };
    out.extend(std::iter::repeat_n(pad, style.width.saturating_sub(text.len())));
    let upper = (style.upper && letter != b'P') || (style.swap && matches!(letter, b'a' | b'A' | b'b' | b'B' | b'h'));
    if upper { out.extend(text.to_ascii_uppercase()) } else { out.extend_from_slice(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(format: &str, seconds: i64, tz: &str) -> String {
        let zone = Zone::from_tz(Some(tz.as_bytes()));
        String::from_utf8_lossy(&strftime(format.as_bytes(), seconds, &zone)).into_owned()
    }

    #[test]
    fn dates() {
        assert_eq!(show("%F %T %Z", 0, ""), "1970-01-01 00:00:00 UTC");
        assert_eq!(show("%c", 1_709_210_096, "EST5"), "Thu Feb 29 07:34:56 2024");
        assert_eq!(show("%z %Z", 0, "<+0530>-5:30"), "+0530 +0530");
        assert_eq!(show("%G-W%V-%u", 1_230_768_000, "UTC0"), "2009-W01-4");
        assert_eq!(show("%-d %_H %^a %5Y %q %", 86_400 * 3, "UTC"), "4  0 SUN 01970 %q %");
        assert_eq!(show("%Y-%m-%d", -62_135_596_801, "UTC"), "0-12-31");
        assert_eq!(show("%s", i64::MAX, "UTC"), "0");
    }

    #[cfg(unix)]
    #[test]
    #[ignore = "needs native bash"]
    fn like_bash() {
        use crate::text::oracle::{self, Random};
        let mut random = Random::seeded();
        let zones =
            ["UTC", "UTC0", "EST5", "<+0530>-5:30", "ABC-2", "Nowhere/City", "XX3", "", ":UTC", "PST8:15:20", "<-03>3"];
        let letters = b"aAbBcCdDeFgGhHIjklmMnpPrRsStTuUVwWxXyYzZ%qEO+i";
        let cases: Vec<(i64, &str, String)> = (0..4000)
            .map(|_| {
                let scale = [1 << 33, 1 << 38, 1 << 44, 1 << 31][random.below(4)];
                let seconds = random.below(2 * scale) as i64 - scale as i64;
                let mut format = String::new();
                for _ in 0..1 + random.below(3) {
                    format.push('%');
                    if random.below(4) == 0 {
                        format.push(*random.pick(b"_-0^#") as char);
                    }
                    let letter = *random.pick(letters);
                    if random.below(8) == 0 && letter != b'z' {
                        format.push_str(&random.below(12).to_string());
                    }
                    format.push(letter as char);
                    format.push('|');
                }
                (seconds, *random.pick(&zones), format)
            })
            .collect();
        let mut script = b"t() { local TZ=$2; printf \"%($3)T\\1\\2\\n\" $1; }\n".to_vec();
        for (seconds, zone, format) in &cases {
            script.extend_from_slice(format!("t {seconds} '{zone}' '{format}'\n").as_bytes());
        }
        let ours: Vec<Vec<u8>> = cases
            .iter()
            .map(|(seconds, zone, format)| strftime(format.as_bytes(), *seconds, &Zone::from_tz(Some(zone.as_bytes()))))
            .collect();
        oracle::compare(&cases, &ours, &oracle::answers(&oracle::bash(&script)));
    }
}
