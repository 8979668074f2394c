//! Signals: numbers, dispositions, what is pending.

/// A signal, by Linux's number (1 to 64).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Signal(u8);

#[allow(missing_docs, reason = "the names are POSIX's")]
impl Signal {
    pub const HUP: Signal = Signal(1);
    pub const INT: Signal = Signal(2);
    pub const QUIT: Signal = Signal(3);
    pub const ABRT: Signal = Signal(6);
    pub const KILL: Signal = Signal(9);
    pub const PIPE: Signal = Signal(13);
    pub const ALRM: Signal = Signal(14);
    pub const TERM: Signal = Signal(15);
    pub const CHLD: Signal = Signal(17);
}

impl Signal {
    /// The signal with this number, if there is one.
    pub fn from_raw(raw: i32) -> Option<Signal> {
        u8::try_from(raw)
            .ok()
            .filter(|n| (1..=64).contains(n))
            .map(Signal)
    }

    /// Its number.
    pub fn raw(self) -> i32 {
        i32::from(self.0)
    }

    /// Its name without `SIG`: `TERM`.
    pub fn name(self) -> String {
        todo!()
    }
}

/// What a process does with a signal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Disposition {
    /// The default action.
    Default,
    /// Nothing.
    Ignore,
    /// It is caught; a blocked call returns `Intr`, or with `restart` goes on.
    Catch {
        /// Whether a blocked call goes on after the handler.
        restart: bool,
    },
}
