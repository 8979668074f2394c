//! Number to text, as C's printf: `%e %f %g %a`.

use super::big::Big;
use super::{Extended, Value};

/// How a number is written.
#[derive(Clone, Copy, Debug)]
pub(in crate::printf) struct Style {
    /// `b'e'`, `b'f'`, `b'g'` or `b'a'`.
    pub letter: u8,
    pub upper: bool,
    /// Digits; `None` for the letter's own default.
    pub precision: Option<usize>,
    /// `#`: a point in any case, and zeros at the end stay.
    pub alternate: bool,
}

/// The text of the number's absolute value.
pub(in crate::printf) fn format(number: &Extended, style: Style) -> Vec<u8> {
    let mut text = match number.value {
        Value::Infinite => b"inf".to_vec(),
        Value::NotANumber => b"nan".to_vec(),
        Value::Finite { mantissa, exponent } => match style.letter {
            b'a' => hexadecimal(mantissa, exponent, style),
            b'f' => fixed(&Decimal::exact(mantissa, exponent), style.precision.unwrap_or(6), style.alternate),
            b'e' => scientific(Decimal::exact(mantissa, exponent), style.precision.unwrap_or(6), style.alternate),
            _ => general(Decimal::exact(mantissa, exponent), style),
        },
    };
    if style.upper {
        text.make_ascii_uppercase();
    }
    text
}

/// A decimal number, exactly: `0.DIGITS * 10^point`. Zero has no digits.
struct Decimal {
    digits: Vec<u8>,
    point: i64,
}

impl Decimal {
    fn exact(mantissa: u64, exponent: i32) -> Decimal {
        let mut number = Big::from_u64(mantissa);
        if exponent >= 0 {
            number.shift_left(exponent as usize);
            let digits = number.digits();
            return Decimal { point: digits.len() as i64, digits };
        }
        // Whole part, then the fraction's digits, nine at a time.
        let low = exponent.unsigned_abs() as usize;
        let whole = if low < 64 { mantissa >> low } else { 0 };
        let mut fraction = Big::from_u64(if low < 64 { mantissa & ((1 << low) - 1) } else { mantissa });
        let mut digits = Big::from_u64(whole).digits();
        let mut point = digits.len() as i64;
        while !fraction.is_zero() {
            fraction.multiply_add(1_000_000_000, 0);
            let chunk = fraction.take_from(low);
            if digits.is_empty() && chunk == 0 {
                point -= 9;
                continue;
            }
            digits.extend_from_slice(format!("{chunk:09}").as_bytes());
        }
        let zeros = digits.iter().take_while(|&&digit| digit == b'0').count();
        digits.drain(..zeros);
        while digits.last() == Some(&b'0') {
            digits.pop();
        }
        Decimal { digits, point: point - zeros as i64 }
    }

    /// Rounds to `count` digits (half to even); `point` moves when it carries over.
    fn round(&mut self, count: i64) {
        if count >= self.digits.len() as i64 {
            return;
        }
        let Ok(count) = usize::try_from(count) else {
            self.digits.clear();
            return;
        };
        let next = self.digits[count];
        let beyond = self.digits[count + 1..].iter().any(|&digit| digit != b'0');
        let odd = count > 0 && self.digits[count - 1] % 2 == 1;
        let up = next > b'5' || (next == b'5' && (beyond || odd));
        self.digits.truncate(count);
        if !up {
            return;
        }
        while let Some(digit) = self.digits.pop() {
            if digit < b'9' {
                self.digits.push(digit + 1);
                return;
            }
        }
        self.digits.push(b'1');
        self.point += 1;
    }

    /// The digit at `place` counted from the first one; 0 outside.
    fn digit(&self, place: i64) -> u8 {
        usize::try_from(place).ok().and_then(|place| self.digits.get(place)).copied().unwrap_or(b'0')
    }
}

fn fixed(number: &Decimal, precision: usize, alternate: bool) -> Vec<u8> {
    let mut number = Decimal { digits: number.digits.clone(), point: number.point };
    number.round(number.point.saturating_add(precision as i64));
    let mut out = Vec::new();
    for place in 0..number.point.max(0) {
        out.push(number.digit(place));
    }
    if out.is_empty() {
        out.push(b'0');
    }
    if precision > 0 || alternate {
        out.push(b'.');
    }
    for place in 0..precision as i64 {
        out.push(number.digit(number.point + place));
    }
    out
}

fn scientific(mut number: Decimal, precision: usize, alternate: bool) -> Vec<u8> {
    number.round(precision as i64 + 1);
    let mut out = vec![number.digit(0)];
    if precision > 0 || alternate {
        out.push(b'.');
    }
    for place in 1..=precision as i64 {
        out.push(number.digit(place));
    }
    let exponent = if number.digits.is_empty() { 0 } else { number.point - 1 };
    let sign = if exponent < 0 { '-' } else { '+' };
    out.extend_from_slice(format!("e{sign}{:02}", exponent.abs()).as_bytes());
    out
}

fn general(mut number: Decimal, style: Style) -> Vec<u8> {
    let precision = style.precision.unwrap_or(6).max(1);
    number.round(precision as i64);
    let exponent = if number.digits.is_empty() { 0 } else { number.point - 1 };
    if exponent < -4 || exponent >= precision as i64 {
        while !style.alternate && number.digits.last() == Some(&b'0') {
            number.digits.pop();
        }
        let digits = if style.alternate { precision } else { number.digits.len().max(1) };
        return scientific(number, digits - 1, style.alternate);
    }
    let decimals = precision as i64 - 1 - exponent;
    let mut out = fixed(&number, decimals.max(0) as usize, style.alternate);
    if !style.alternate && out.contains(&b'.') {
        while out.last() == Some(&b'0') {
            out.pop();
        }
        if out.last() == Some(&b'.') {
            out.pop();
        }
    }
    out
}

fn hexadecimal(mantissa: u64, exponent: i32, style: Style) -> Vec<u8> {
    // One digit before the point, fifteen behind it.
    let (mut mantissa, mut exponent) = (u128::from(mantissa), if mantissa == 0 { 0 } else { exponent + 60 });
    if let Some(precision) = style.precision
        && precision < 15
    {
        let drop = 4 * (15 - precision);
        let rest = mantissa & ((1 << drop) - 1);
        let half = 1 << (drop - 1);
        mantissa >>= drop;
        if rest > half || (rest == half && mantissa & 1 == 1) {
            mantissa += 1;
        }
        mantissa <<= drop;
        if mantissa >> 64 != 0 {
            mantissa >>= 4;
            exponent += 4;
        }
    }
    let digits = format!("{mantissa:016x}").into_bytes();
    let mut behind = digits[1..].to_vec();
    match style.precision {
        Some(precision) => behind.resize(precision, b'0'),
        None => {
            while behind.last() == Some(&b'0') {
                behind.pop();
            }
        }
    }
    let mut out = vec![b'0', b'x', digits[0]];
    if !behind.is_empty() || style.alternate {
        out.push(b'.');
    }
    out.extend_from_slice(&behind);
    let sign = if exponent < 0 { '-' } else { '+' };
    out.extend_from_slice(format!("p{sign}{}", exponent.abs()).as_bytes());
    out
}
