//! What is written how in a tar archive: blocks, numbers, times, pax records.

/// Everything is in blocks of this many bytes.
pub(super) const BLOCK: usize = 512;

/// Where the fields of a header are.
pub(super) mod field {
    use std::ops::Range;

    pub(in super::super) const NAME: Range<usize> = 0..100;
    pub(in super::super) const MODE: Range<usize> = 100..108;
    pub(in super::super) const UID: Range<usize> = 108..116;
    pub(in super::super) const GID: Range<usize> = 116..124;
    pub(in super::super) const SIZE: Range<usize> = 124..136;
    pub(in super::super) const MTIME: Range<usize> = 136..148;
    pub(in super::super) const CHECKSUM: Range<usize> = 148..156;
    pub(in super::super) const TYPE: usize = 156;
    pub(in super::super) const LINK: Range<usize> = 157..257;
    pub(in super::super) const MAGIC: Range<usize> = 257..265;
    /// Of ustar: what comes before the name.
    pub(in super::super) const PREFIX: Range<usize> = 345..500;
    /// Of GNU's sparse files: four pairs of offset and length, whether a block with more follows, the size with holes.
    pub(in super::super) const SPARSE: Range<usize> = 386..482;
    pub(in super::super) const SPARSE_MORE: usize = 482;
    pub(in super::super) const SPARSE_SIZE: Range<usize> = 483..495;
    /// Of a block with more pairs: 21 of them, whether one more follows.
    pub(in super::super) const MORE: Range<usize> = 0..504;
    pub(in super::super) const MORE_MORE: usize = 504;
}

/// POSIX's magic and version.
pub(super) const USTAR: &[u8; 8] = b"ustar\x0000";

/// The sum of a header's bytes, its own field counted as spaces.
pub(super) fn checksum(block: &[u8; BLOCK]) -> u32 {
    let sum = |bytes: &[u8]| bytes.iter().map(|byte| u32::from(*byte)).sum::<u32>();
    sum(block) - sum(&block[field::CHECKSUM]) + 8 * u32::from(b' ')
}

/// A numeric field: octal digits, or GNU's base 256 with the sign in front. Blank is 0.
pub(super) fn number(field: &[u8]) -> Option<i64> {
    if let Some(first @ (0x80 | 0xff)) = field.first() {
        let start = if *first == 0xff { -1 } else { 0 };
        let digit = |value: i64, byte: &u8| value.checked_mul(256).map(|value| value | i64::from(*byte));
        return field[1..].iter().try_fold(start, digit);
    }
    let is_blank = |byte: &u8| matches!(byte, b' ' | 0);
    let start = field.iter().position(|byte| !is_blank(byte)).unwrap_or(field.len());
    let digits = field[start..].split(is_blank).next().unwrap_or_default();
    let digit = |value: i64, byte: &u8| match byte {
        b'0'..=b'7' => value.checked_mul(8)?.checked_add(i64::from(byte - b'0')),
        _ => None,
    };
    digits.iter().try_fold(0, digit)
}

/// Writes a number in octal; whether it fits.
pub(super) fn put_number(field: &mut [u8], value: u64) -> bool {
    let digits = field.len() - 1;
    let text = format!("{value:0digits$o}");
    let fits = text.len() == digits;
    if fits {
        field[..digits].copy_from_slice(text.as_bytes());
    }
    fits
}

/// What is before the first NUL.
pub(super) fn text(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Decimal digits as a number.
pub(super) fn decimal(digits: &[u8]) -> Option<u64> {
    let digit = |value: u64, byte: &u8| match byte {
        b'0'..=b'9' => value.checked_mul(10)?.checked_add(u64::from(byte - b'0')),
        _ => None,
    };
    if digits.is_empty() { None } else { digits.iter().try_fold(0, digit) }
}

/// Seconds with a fraction, as pax has them, in nanoseconds; the nearest that can be told.
pub(super) fn time(text: &[u8]) -> Option<i64> {
    let (is_negative, text) = text.strip_prefix(b"-").map_or((false, text), |rest| (true, rest));
    let mut parts = text.splitn(2, |byte| *byte == b'.');
    let seconds = decimal(parts.next()?)?;
    let fraction = parts.next().unwrap_or_default();
    let mut nanos = 0;
    for place in 0..9 {
        let digit = fraction.get(place).copied().unwrap_or(b'0');
        nanos = nanos * 10 + i64::from(digit.is_ascii_digit().then(|| digit - b'0')?);
    }
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    let time = seconds.saturating_mul(1_000_000_000).saturating_add(nanos);
    Some(if is_negative { -time } else { time })
}

/// The same the other way round.
pub(super) fn time_text(time: i64) -> String {
    let (sign, time) = (if time < 0 { "-" } else { "" }, time.unsigned_abs());
    let (seconds, nanos) = (time / 1_000_000_000, time % 1_000_000_000);
    if nanos == 0 { format!("{sign}{seconds}") } else { format!("{sign}{seconds}.{nanos:09}") }
}

/// Adds a pax record, which begins with its own length.
pub(super) fn put_record(into: &mut Vec<u8>, key: &str, value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    into.extend_from_slice(format!("{length} {key}=").as_bytes());
    into.extend_from_slice(value);
    into.push(b'\n');
}

/// Splits off the first pax record: key, value, what follows.
pub(super) fn record(data: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = data.iter().take(20).position(|byte| *byte == b' ')?;
    let length = usize::try_from(decimal(&data[..space])?).ok()?;
    let (record, rest) = data.split_at_checked(length)?;
    let record = record.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|byte| *byte == b'=')?;
    Some((&record[..equals], &record[equals + 1..], rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_octal_or_base_256() {
        let rows: &[(&[u8], Option<i64>)] = &[
            (b"0000644\0", Some(0o644)),
            (b"   644 \0", Some(0o644)),
            (b"\0\0\0\0", Some(0)),
            (b"        ", Some(0)),
            (b"77777777777", Some(0o77_777_777_777)),
            (b"12x", None),
            (b"-1", None),
            (b"8", None),
            (b"\x80\0\0\0\0\0\0\x01\0", Some(256)),
            (b"\xff\xff\xff\xff", Some(-1)),
            (b"\x80\xff\xff\xff\xff\xff\xff\xff\xff", None),
            (b"777777777777777777777777777", None),
        ];
        for (field, value) in rows {
            assert_eq!(number(field), *value, "{field:?}");
        }
        let mut field = [0; 8];
        assert!(put_number(&mut field, 0o7_777_777) && !put_number(&mut field, 0o10_000_000));
        assert_eq!(number(&field), Some(0o7_777_777));
    }

    #[test]
    fn times_go_there_and_back() {
        for time_ns in [0, 1, -1, 1_500_000_000, -1_500_000_000, i64::MAX, -i64::MAX] {
            assert_eq!(time(time_text(time_ns).as_bytes()), Some(time_ns));
        }
        assert_eq!(time(b"1.2345678909"), Some(1_234_567_890));
        assert_eq!(time(b"99999999999999999999"), None);
        assert_eq!(time(b"999999999999999999"), Some(i64::MAX));
        for wrong in [&b""[..], b".", b"-", b"1.x", b"1e3", b" 1"] {
            assert_eq!(time(wrong), None);
        }
    }

    #[test]
    fn records_go_there_and_back() {
        for length in [0, 1, 80, 90, 91, 92, 93, 94, 95, 990, 9_990] {
            let (mut data, value) = (Vec::new(), vec![b'\n'; length]);
            put_record(&mut data, "path", &value);
            data.push(b'x');
            assert_eq!(record(&data), Some((&b"path"[..], &value[..], &b"x"[..])));
        }
        for wrong in [&b""[..], b"5", b"5 a=b", b"7 a=b\n!", b"99 a=b\n", b"6 aab\n", b"0 a=b\n", b"2 ", b"x a=b\n"] {
            assert_eq!(record(wrong).map(|(key, ..)| key.len()), None, "{wrong:?}");
        }
    }
}
