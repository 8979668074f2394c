//! Character devices: null, zero, full, random, urandom, tty.

/// Random bytes: from the host, or reproducible from a seed.
pub struct Entropy {
    _todo: (),
}

impl Entropy {
    /// Unpredictable bytes.
    pub fn from_host() -> Entropy {
        todo!()
    }

    /// The same bytes for the same seed.
    pub fn seeded(_seed: u64) -> Entropy {
        todo!()
    }
}
