//! For differential tests: native bash as the oracle, and a small random generator.

use std::io::Write;
use std::process::{Command, Stdio};

/// Runs a script in native bash (UTF-8 locale, UTC) and returns its standard output; its standard error goes there too.
pub fn bash(script: &[u8]) -> Vec<u8> {
    let mut child = Command::new("/bin/bash")
        .args(["--norc", "-c", "exec 2>&1; source /dev/stdin"])
        .env_clear()
        .envs([("LC_ALL", "C.UTF-8"), ("PATH", "/usr/bin:/bin"), ("TZ", "UTC0")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("native bash");
    let mut stdin = child.stdin.take().expect("stdin");
    let script = script.to_vec();
    let writer = std::thread::spawn(move || {
        let _ = stdin.write_all(&script);
    });
    let output = child.wait_with_output().expect("output");
    let _ = writer.join();
    output.stdout
}

/// `text` as a word that any shell reads back: `$'\xHH…'`.
pub fn word(text: &[u8]) -> Vec<u8> {
    if text.iter().all(|c| c.is_ascii() && !c.is_ascii_control() && *c != b'\'') {
        return [b"'", text, b"'"].concat();
    }
    let mut out = b"$'".to_vec();
    for byte in text {
        out.extend_from_slice(format!("\\x{byte:02x}").as_bytes());
    }
    out.push(b'\'');
    out
}

/// A small random generator (xorshift).
pub struct Random(pub u64);

impl Random {
    /// A fixed seed, or that of the environment variable SEED.
    pub fn seeded() -> Random {
        let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse::<u64>().ok());
        Random(seed.unwrap_or(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }
    fn step(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
    pub fn below(&mut self, n: usize) -> usize {
        (self.step() >> 11) as usize % n
    }
    /// Below one of several limits.
    pub fn below_one_of(&mut self, limits: &[usize]) -> usize {
        let limit = *self.pick(limits);
        self.below(limit)
    }
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

/// Compares two lists of answers and panics with the first differences.
pub fn compare<C: std::fmt::Debug>(cases: &[C], ours: &[Vec<u8>], theirs: &[Vec<u8>]) {
    let mut wrong = 0;
    for (index, case) in cases.iter().enumerate() {
        let their = theirs.get(index).map(Vec::as_slice).unwrap_or(b"<missing>");
        if ours[index] != their {
            wrong += 1;
            if wrong <= 12 {
                eprintln!("{case:?}\n   ours {:?}\n   bash {:?}", Lossy(&ours[index]), Lossy(their));
            }
        }
    }
    assert_eq!(cases.len(), theirs.len(), "answers");
    assert_eq!(wrong, 0, "of {} cases", cases.len());
}

struct Lossy<'a>(&'a [u8]);

impl std::fmt::Debug for Lossy<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "\"{}\"", self.0[..self.0.len().min(300)].escape_ascii())
    }
}

/// Splits the oracle's output at the separator that the script prints after every case.
pub fn answers(output: &[u8]) -> Vec<Vec<u8>> {
    const MARK: &[u8] = b"\x01\x02\n";
    let mut rest = output;
    let mut out = Vec::new();
    while let Some(at) = rest.windows(MARK.len()).position(|w| w == MARK) {
        out.push(rest[..at].to_vec());
        rest = &rest[at + MARK.len()..];
    }
    out
}
