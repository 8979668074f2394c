//! Text to number, as C's `strtold`.

use super::big::Big;
use super::{Extended, MAX_EXPONENT, MIN_EXPONENT, Value};

/// More digits than this cannot change the value, but for whether there are any that are not zero.
const MAX_DIGITS: usize = 5200;

/// Reads a number from the beginning of `text`: the value, how much was read, and whether it was out of range.
pub(in crate::printf) fn parse(text: &[u8]) -> (Extended, usize, bool) {
    let blanks = text.iter().take_while(|c| matches!(c, b' ' | b'\t'..=b'\r')).count();
    let mut at = blanks;
    let negative = text.get(at) == Some(&b'-');
    at += usize::from(matches!(text.get(at), Some(b'-' | b'+')));
    let rest = &text[at..];
    let starts = |word: &[u8]| rest.len() >= word.len() && rest[..word.len()].eq_ignore_ascii_case(word);
    let value = |value, length| (Extended { negative, value }, at + length, false);
    if starts(b"infinity") {
        return value(Value::Infinite, 8);
    }
    if starts(b"inf") {
        return value(Value::Infinite, 3);
    }
    if starts(b"nan") {
        return value(Value::NotANumber, 3 + payload(&rest[3..]));
    }
    let read = if starts(b"0x") { hexadecimal(&rest[2..]).map(|read| (read.0, read.1 + 2, read.2)) } else { None };
    let Some((value, length, out_of_range)) = read.or_else(|| decimal(rest)) else {
        return (Extended::ZERO, 0, false);
    };
    (Extended { negative, value }, at + length, out_of_range)
}

/// The length of `(…)` after `nan`.
fn payload(rest: &[u8]) -> usize {
    if rest.first() != Some(&b'(') {
        return 0;
    }
    let inside = rest[1..].iter().take_while(|&&c| c.is_ascii_alphanumeric() || c == b'_').count();
    if rest.get(1 + inside) == Some(&b')') { inside + 2 } else { 0 }
}

type Read = Option<(Value, usize, bool)>;

/// The digits of a number and where its point is.
struct Digits {
    /// Without leading zeros, at most `MAX_DIGITS`.
    digits: Vec<u8>,
    /// Something that is not zero has been left out behind.
    more: bool,
    /// What is to be added to the exponent, in digits.
    exponent: i64,
    length: usize,
}

/// Reads digits with at most one point; `None` if there is no digit.
fn scan(text: &[u8], is_digit: fn(&u8) -> bool) -> Option<Digits> {
    let mut found = Digits { digits: Vec::new(), more: false, exponent: 0, length: 0 };
    let (mut point, mut any) = (false, false);
    for c in text {
        if *c == b'.' && !point {
            point = true;
        } else if is_digit(c) {
            any = true;
            let kept = found.digits.len() < MAX_DIGITS;
            if kept && (*c != b'0' || !found.digits.is_empty()) {
                found.digits.push(*c);
            } else if !kept {
                found.more |= *c != b'0';
            }
            found.exponent += i64::from(!kept) - i64::from(point);
        } else {
            break;
        }
        found.length += 1;
    }
    any.then_some(found)
}

/// Reads an exponent: its value and the length with its letter; 0 if it is none.
fn exponent(text: &[u8], letter: u8) -> (i64, usize) {
    if !text.first().is_some_and(|c| c.eq_ignore_ascii_case(&letter)) {
        return (0, 0);
    }
    let sign = usize::from(matches!(text.get(1), Some(b'-' | b'+')));
    let digits = text[1 + sign..].iter().take_while(|c| c.is_ascii_digit()).count();
    if digits == 0 {
        return (0, 0);
    }
    let value =
        text[1 + sign..1 + sign + digits].iter().fold(0i64, |value, c| (value * 10 + i64::from(c - b'0')).min(1 << 40));
    (if text[1] == b'-' { -value } else { value }, 1 + sign + digits)
}

fn decimal(text: &[u8]) -> Read {
    let mut found = scan(text, u8::is_ascii_digit)?;
    let (ten, length) = exponent(&text[found.length..], b'e');
    let length = found.length + length;
    if found.digits.is_empty() {
        return Some((Extended::ZERO.value, length, false));
    }
    let mut power = found.exponent + ten;
    if found.more {
        found.digits.push(b'1');
        power -= 1;
    }
    let magnitude = found.digits.len() as i64 + power;
    if magnitude > 4940 {
        return Some((Value::Infinite, length, true));
    }
    if magnitude < -4980 {
        return Some((Extended::ZERO.value, length, true));
    }
    let digits = Big::from_digits(&found.digits);
    let (value, out_of_range) = if power >= 0 {
        let mut number = digits;
        for _ in 0..power {
            number.multiply_add(10, 0);
        }
        let low = number.bits().saturating_sub(66);
        let (top, more) = wide_top(&number, low);
        round(top, low as i32, more)
    } else {
        quotient(digits, Big::power_of_ten(-power as usize))
    };
    Some((value, length, out_of_range))
}

/// The top 66 bits from `low` on.
fn wide_top(number: &Big, low: usize) -> (u128, bool) {
    let (bottom, more) = number.top(low);
    let (top, _) = number.top(low + 64);
    (u128::from(top) << 64 | u128::from(bottom), more)
}

/// `numerator / denominator`, rounded.
fn quotient(mut numerator: Big, mut denominator: Big) -> (Value, bool) {
    let mut scale = numerator.bits() as i32 - denominator.bits() as i32;
    if scale >= 0 {
        denominator.shift_left(scale as usize)
    } else {
        numerator.shift_left(-scale as usize)
    }
    if !numerator.not_below(&denominator) {
        numerator.multiply_add(2, 0);
        scale -= 1;
    }
    // The quotient is now between 1 and 2; 67 bits of it.
    let (bits, more) = numerator.divide_bits(&denominator, 67);
    round(bits, scale - 66, more)
}

fn hexadecimal(text: &[u8]) -> Read {
    let found = scan(text, u8::is_ascii_hexdigit)?;
    let (two, length) = exponent(&text[found.length..], b'p');
    let length = found.length + length;
    if found.digits.is_empty() {
        return Some((Extended::ZERO.value, length, false));
    }
    let mut top = 0u128;
    let mut more = found.more;
    let mut power = found.exponent * 4 + two;
    for (index, &c) in found.digits.iter().enumerate() {
        let digit = (c as char).to_digit(16).unwrap_or(0);
        if index < 20 {
            top = top << 4 | u128::from(digit);
        } else {
            more |= digit != 0;
            power += 4;
        }
    }
    let power = power.clamp(-100_000, 100_000) as i32;
    let (value, out_of_range) = round(top, power, more);
    Some((value, length, out_of_range))
}

/// Rounds `bits * 2^exponent` (and a little `more`) to the nearest value, to an even one from the middle; the second is
/// whether it was out of range.
fn round(bits: u128, exponent: i32, more: bool) -> (Value, bool) {
    if bits == 0 {
        return (Extended::ZERO.value, more);
    }
    let length = 128 - bits.leading_zeros() as i32;
    // The place of the last bit that is kept.
    let last = (exponent + length - 64).max(MIN_EXPONENT);
    let drop = last - exponent;
    let (mut mantissa, rest, half) = match drop {
        ..=0 => (bits << (-drop).min(127), 0, 1),
        1..=127 => (bits >> drop, bits & ((1 << drop) - 1), 1 << (drop - 1)),
        _ => (0, 1, 2),
    };
    let inexact = rest != 0 || more;
    if rest > half || (rest == half && drop > 0 && (more || mantissa & 1 == 1)) {
        mantissa += 1;
    }
    let mut last = last;
    if mantissa >> 64 != 0 {
        mantissa >>= 1;
        last += 1;
    }
    if mantissa == 0 {
        return (Extended::ZERO.value, true);
    }
    if last > MAX_EXPONENT {
        return (Value::Infinite, true);
    }
    let tiny = mantissa >> 63 == 0;
    (Value::Finite { mantissa: mantissa as u64, exponent: last }, tiny && inexact)
}
