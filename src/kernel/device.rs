//! Character devices: null, zero, full, random, urandom, tty.

use crate::base::{Errno, Sys};
use crate::vfs::Tree;
use std::io::Read as _;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// A device that needs nothing but itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Device {
    Null,
    Zero,
    Full,
    Random,
}

/// Major and minor number of `/dev/tty`.
pub(super) const TTY: (u32, u32) = (5, 0);

impl Device {
    pub(super) fn from_numbers(major: u32, minor: u32) -> Option<Device> {
        match (major, minor) {
            (1, 3) => Some(Device::Null),
            (1, 5) => Some(Device::Zero),
            (1, 7) => Some(Device::Full),
            (1, 8 | 9) => Some(Device::Random),
            _ => None,
        }
    }

    pub(super) fn read(self, into: &mut [u8], entropy: &mut Entropy) -> usize {
        match self {
            Device::Null => return 0,
            Device::Zero | Device::Full => into.fill(0),
            Device::Random => entropy.fill(into),
        }
        into.len()
    }

    pub(super) fn write(self, from: &[u8]) -> Sys<usize> {
        match self {
            Device::Full => Err(Errno::NoSpc),
            _ => Ok(from.len()),
        }
    }
}

/// Puts `/dev` and the directory for `/proc` into a tree.
pub fn install_devices(tree: &mut Tree) -> Sys<()> {
    tree.put_dir(b"/dev", 0o755, 0, 0, 0)?;
    tree.put_dir(b"/proc", 0o555, 0, 0, 0)?;
    for (name, (major, minor)) in [
        (&b"/dev/null"[..], (1, 3)),
        (b"/dev/zero", (1, 5)),
        (b"/dev/full", (1, 7)),
        (b"/dev/random", (1, 8)),
        (b"/dev/urandom", (1, 9)),
        (b"/dev/tty", TTY),
    ] {
        tree.put_device(name, major, minor, 0o666)?;
    }
    for (name, target) in [
        (&b"/dev/fd"[..], &b"/proc/self/fd"[..]),
        (b"/dev/stdin", b"/proc/self/fd/0"),
        (b"/dev/stdout", b"/proc/self/fd/1"),
        (b"/dev/stderr", b"/proc/self/fd/2"),
    ] {
        tree.put_symlink(name, target, 0)?;
    }
    Ok(())
}

/// Random bytes: from the host, or reproducible from a seed. The stream of a keyed BLAKE3.
pub struct Entropy(blake3::OutputReader);

impl Entropy {
    /// Unpredictable bytes, others for each call. The host is asked once.
    pub fn from_host() -> Entropy {
        static SECRET: OnceLock<[u8; 32]> = OnceLock::new();
        static CALLS: AtomicU64 = AtomicU64::new(0);
        let secret = SECRET.get_or_init(host_secret);
        let call = CALLS.fetch_add(1, Ordering::Relaxed);
        Entropy(blake3::Hasher::new_keyed(secret).update(&call.to_le_bytes()).finalize_xof())
    }

    /// The same bytes for the same seed.
    pub fn seeded(seed: u64) -> Entropy {
        Entropy(blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof())
    }

    pub(super) fn fill(&mut self, into: &mut [u8]) {
        self.0.fill(into);
    }
}

/// 32 bytes from the operating system; where it has no `/dev/urandom`, from what the standard library seeds its hash tables with.
fn host_secret() -> [u8; 32] {
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

    fn bytes(mut entropy: Entropy) -> [u8; 100] {
        let mut out = [0; 100];
        entropy.fill(&mut out[..33]);
        entropy.fill(&mut out[33..]);
        out
    }

    #[test]
    fn seeds_reproduce_and_hosts_do_not() {
        assert_eq!(bytes(Entropy::seeded(1)), bytes(Entropy::seeded(1)));
        assert_ne!(bytes(Entropy::seeded(1)), bytes(Entropy::seeded(2)));
        assert_ne!(bytes(Entropy::from_host()), bytes(Entropy::from_host()));
        let ones: u32 = bytes(Entropy::from_host()).iter().map(|b| b.count_ones()).sum();
        assert!((300..500).contains(&ones), "{ones} of 800 bits");
    }
}
