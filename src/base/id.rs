//! Ids of what people and programs refer to: a prefix that says what it is, and 48 hexadecimal digits.

use std::fmt::Write as _;
use std::io::Read as _;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Hexadecimal digits after the prefix.
pub const ID_DIGITS: usize = 48;

/// Of these, how many are the time.
const TIME_DIGITS: usize = 14;

/// A new id, as `cntr_` and 48 digits: microseconds since 1970, later ones of this process always greater, so that ids sort as they were
/// made; then 17 bytes that nobody can guess.
pub fn new(prefix: &str) -> String {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_micros() as u64);
    let later = |last: u64| now.max(last + 1);
    let last =
        LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(later(last))).unwrap_or_else(|last| last);
    let time = later(last) & ((1 << (4 * TIME_DIGITS)) - 1);
    format!("{prefix}{time:0TIME_DIGITS$x}{}", digits::<{ (ID_DIGITS - TIME_DIGITS) / 2 }>())
}

/// A new secret of the same form, all of which nobody can guess.
pub fn secret(prefix: &str) -> String {
    format!("{prefix}{}", digits::<{ ID_DIGITS / 2 }>())
}

/// Unpredictable bytes in hexadecimal: the stream of a keyed BLAKE3 whose key the operating system gave.
fn digits<const BYTES: usize>() -> String {
    let mut random = [0; BYTES];
    fill(&mut random);
    let mut digits = String::with_capacity(2 * BYTES);
    for byte in random {
        write!(digits, "{byte:02x}").expect("a string takes all");
    }
    digits
}

/// Whether `text` has the form of an id with this prefix.
pub fn is(prefix: &str, text: &str) -> bool {
    let digits = text.strip_prefix(prefix);
    digits.is_some_and(|d| d.len() == ID_DIGITS && d.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
}

/// Unpredictable bytes, others for each call. The operating system is asked once.
pub fn fill(into: &mut [u8]) {
    static SECRET: OnceLock<[u8; 32]> = OnceLock::new();
    static CALLS: AtomicU64 = AtomicU64::new(0);
    let secret = SECRET.get_or_init(seed);
    let call = CALLS.fetch_add(1, Ordering::Relaxed);
    blake3::Hasher::new_keyed(secret).update(&call.to_le_bytes()).finalize_xof().fill(into);
}

/// 32 bytes from the operating system; where it has no `/dev/urandom`, from what the standard library seeds its hash tables with.
fn seed() -> [u8; 32] {
    use std::hash::BuildHasher as _;
    let mut seed = [0; 32];
    if std::fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut seed)).is_ok() {
        return seed;
    }
    let state = std::collections::hash_map::RandomState::new();
    for (part, number) in seed.chunks_exact_mut(8).zip(0u64..) {
        part.copy_from_slice(&state.hash_one(number).to_le_bytes());
    }
    seed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_told_apart_and_recognised() {
        let ids: Vec<_> = (0..1000).map(|_| new("cntr_")).collect();
        assert!(ids.is_sorted_by(|a, b| a[..19] < b[..19]), "they sort as they were made, by their time alone");
        let a = &ids[0];
        assert!(is("cntr_", &secret("cntr_")) && secret("") != secret(""));
        assert!(is("cntr_", a), "{a}");
        for wrong in ["", "cntr_", &a[1..], &a[..a.len() - 1], &format!("{a}0"), &a.to_uppercase(), &new("snap_")] {
            assert!(!is("cntr_", wrong), "{wrong}");
        }
    }
}
