//! Sizes and times as people type them.

/// A number of bytes: `4096`, `512K`, `1.5G` (powers of 1024; `KiB` and `KB` are the same).
pub fn size(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is not a size; write a number of bytes, or one with K, M, G or T, as 512M");
    let (number, unit) = split(text);
    let shift = match unit.to_ascii_uppercase().trim_end_matches("IB").trim_end_matches('B') {
        "" => 0,
        "K" => 10,
        "M" => 20,
        "G" => 30,
        "T" => 40,
        _ => return Err(wrong()),
    };
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(1 << shift).ok_or_else(wrong);
    }
    let value = number.parse::<f64>().map_err(|_| wrong())? * (1_u64 << shift) as f64;
    if value.is_finite() && (0.0..u64::MAX as f64).contains(&value) { Ok(value as u64) } else { Err(wrong()) }
}

/// A length of time in milliseconds: `500ms`, `90s`, `15m`, `2h`, `7d`; without a unit in seconds.
pub fn duration_ms(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is not a time; write a number with ms, s, m, h or d, as 15m");
    let (number, unit) = split(text);
    let scale = match unit {
        "ms" => 1.0,
        "" | "s" => 1000.0,
        "m" | "min" => 60_000.0,
        "h" => 3_600_000.0,
        "d" => 86_400_000.0,
        _ => return Err(wrong()),
    };
    let value = (number.parse::<f64>().map_err(|_| wrong())? * scale).ceil();
    // A hundred years in milliseconds: more is a slip of the finger, and sums with it stay far from overflow.
    if (1.0..=3.2e12).contains(&value) { Ok(value as u64) } else { Err(wrong()) }
}

/// The digits and what follows them.
fn split(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    (&text[..end], text[end..].trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        for (text, bytes) in
            [("0", 0), ("4096", 4096), ("512k", 512 << 10), ("1.5G", 3 << 29), ("2MiB", 2 << 20), ("1 TB", 1 << 40)]
        {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "K", "-1", "1X", "1.2.3", "99999999999T", "NaN", "1e3", "lots"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn times_are_read() {
        for (text, ms) in
            [("1", 1000), ("0.5", 500), ("20ms", 20), ("15m", 900_000), ("2h", 7_200_000), ("7d", 604_800_000)]
        {
            assert_eq!(duration_ms(text), Ok(ms), "{text}");
        }
        for text in ["", "s", "-1s", "0", "1y", "inf", "9999999999999d"] {
            assert!(duration_ms(text).is_err(), "{text}");
        }
    }
}
