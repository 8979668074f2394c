//! Ids of what people and programs refer to: a prefix that says what it is, and 48 hexadecimal digits nobody can guess.

use std::fmt::Write as _;
use std::io::Read as _;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Hexadecimal digits after the prefix.
pub const ID_DIGITS: usize = 48;

/// A new id, as `cntr_` and 48 digits: the stream of a keyed BLAKE3 whose key the operating system gave.
pub fn new(prefix: &str) -> String {
    let mut random = [0; ID_DIGITS / 2];
    fill(&mut random);
    let mut id = String::with_capacity(prefix.len() + ID_DIGITS);
    id.push_str(prefix);
    for byte in random {
        write!(id, "{byte:02x}").expect("a string takes all");
    }
    id
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
    let secret = SECRET.get_or_init(secret);
    let call = CALLS.fetch_add(1, Ordering::Relaxed);
    blake3::Hasher::new_keyed(secret).update(&call.to_le_bytes()).finalize_xof().fill(into);
}

/// 32 bytes from the operating system; where it has no `/dev/urandom`, from what the standard library seeds its hash tables with.
fn secret() -> [u8; 32] {
    use std::hash::BuildHasher as _;
    let mut secret = [0; 32];
    if std::fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut secret)).is_ok() {
        return secret;
    }
    let state = std::collections::hash_map::RandomState::new();
    for (part, number) in secret.chunks_exact_mut(8).zip(0u64..) {
        part.copy_from_slice(&state.hash_one(number).to_le_bytes());
    }
    secret
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_told_apart_and_recognised() {
        let (a, b) = (new("cntr_"), new("cntr_"));
        assert_ne!(a, b);
        assert!(is("cntr_", &a), "{a}");
        for wrong in ["", "cntr_", &a[1..], &a[..a.len() - 1], &format!("{a}0"), &a.to_uppercase(), &new("snap_")] {
            assert!(!is("cntr_", wrong), "{wrong}");
        }
    }
}
