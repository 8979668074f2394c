//! Signals: numbers, names, dispositions, what is pending.

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
    pub const USR1: Signal = Signal(10);
    pub const PIPE: Signal = Signal(13);
    pub const ALRM: Signal = Signal(14);
    pub const TERM: Signal = Signal(15);
    pub const CHLD: Signal = Signal(17);
    pub const CONT: Signal = Signal(18);
    pub const STOP: Signal = Signal(19);
    pub const TSTP: Signal = Signal(20);
    pub const TTIN: Signal = Signal(21);
    pub const TTOU: Signal = Signal(22);
    pub const URG: Signal = Signal(23);
    pub const WINCH: Signal = Signal(28);
}

const NAMES: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM",
    "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO",
    "PWR", "SYS",
];

/// Ignored by default. The stopping signals are among them: nothing is ever stopped here.
const IGNORED_BY_DEFAULT: u64 = Signal::CHLD.bit()
    | Signal::CONT.bit()
    | Signal::URG.bit()
    | Signal::WINCH.bit()
    | Signal::STOP.bit()
    | Signal::TSTP.bit()
    | Signal::TTIN.bit()
    | Signal::TTOU.bit();

/// Can be neither blocked, caught nor ignored.
const FORCED: u64 = Signal::KILL.bit() | Signal::STOP.bit();

impl Signal {
    /// The signal with this number, if there is one.
    pub fn from_raw(raw: i32) -> Option<Signal> {
        u8::try_from(raw).ok().filter(|n| (1..=64).contains(n)).map(Signal)
    }

    /// The signal with this name (without `SIG`), if there is one.
    pub fn from_name(name: &str) -> Option<Signal> {
        (1..=64).filter_map(Signal::from_raw).find(|signal| signal.name() == name)
    }

    /// Its number.
    pub fn raw(self) -> i32 {
        i32::from(self.0)
    }

    /// Its name without `SIG`: `TERM`, `RTMIN+3`.
    pub fn name(self) -> String {
        match NAMES.get(usize::from(self.0) - 1) {
            Some(name) => (*name).to_owned(),
            None if self.0 < 34 => self.0.to_string(),
            None if self.0 == 34 => "RTMIN".to_owned(),
            None if self.0 == 64 => "RTMAX".to_owned(),
            None => format!("RTMIN+{}", self.0 - 34),
        }
    }

    pub(super) const fn bit(self) -> u64 {
        1 << (self.0 - 1)
    }

    pub(super) fn can_be_handled(self) -> bool {
        self.bit() & FORCED == 0
    }

    /// The lowest signal of a set.
    fn lowest(set: u64) -> Option<Signal> {
        (set != 0).then(|| Signal(set.trailing_zeros() as u8 + 1))
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

/// What came of sending a signal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Posted {
    /// Nothing is to be done now.
    Quiet,
    /// A blocked call is to be interrupted.
    Interrupts,
    /// The process dies of it.
    Kills,
}

/// The signal state of a process. Sets are bits `sig - 1`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Signals {
    ignored: u64,
    caught: u64,
    restart: u64,
    mask: u64,
    pending: u64,
    /// Caught while `pause` had another mask: to be taken whatever the mask is now.
    ready: u64,
}

impl Signals {
    /// What a vfork child starts with.
    pub(super) fn for_child(self) -> Signals {
        Signals { pending: 0, ready: 0, ..self }
    }

    /// What a new program starts with.
    pub(super) fn for_program(self) -> Signals {
        Signals { caught: 0, restart: 0, ..self }
    }

    pub(super) fn disposition(&self, signal: Signal) -> Disposition {
        let bit = signal.bit();
        if self.caught & bit != 0 {
            Disposition::Catch { restart: self.restart & bit != 0 }
        } else if self.ignored & bit != 0 {
            Disposition::Ignore
        } else {
            Disposition::Default
        }
    }

    /// The caller has checked that the signal can be handled.
    pub(super) fn set_disposition(&mut self, signal: Signal, to: Disposition) {
        let bit = signal.bit();
        self.ignored &= !bit;
        self.caught &= !bit;
        self.restart &= !bit;
        match to {
            Disposition::Default => {}
            Disposition::Ignore => self.ignored |= bit,
            Disposition::Catch { restart } => {
                self.caught |= bit;
                self.restart |= if restart { bit } else { 0 };
            }
        }
        if self.is_ignored(bit) {
            self.pending &= !bit;
            self.ready &= !bit;
        }
    }

    /// Sets many at once, as `spawn` does.
    pub(super) fn set_all(&mut self, default: u64, ignored: u64) {
        self.ignored = (self.ignored & !default | ignored) & !FORCED;
    }

    fn is_ignored(&self, bit: u64) -> bool {
        self.ignored & bit != 0 || (IGNORED_BY_DEFAULT & bit != 0 && self.caught & bit == 0)
    }

    /// Whether it is ignored because the process asked for that.
    pub(super) fn ignores(&self, signal: Signal) -> bool {
        self.ignored & signal.bit() != 0
    }

    pub(super) fn post(&mut self, signal: Signal) -> Posted {
        let bit = signal.bit();
        if self.mask & bit != 0 {
            self.pending |= bit;
            return Posted::Quiet;
        }
        if self.is_ignored(bit) {
            return Posted::Quiet;
        }
        if self.caught & bit == 0 {
            return Posted::Kills;
        }
        self.pending |= bit;
        Posted::Interrupts
    }

    pub(super) fn mask(&self) -> u64 {
        self.mask
    }

    /// Changes the mask; what no longer is blocked takes its effect. The signal that kills the process, if one does.
    pub(super) fn set_mask(&mut self, mask: u64) -> Option<Signal> {
        self.mask = mask & !FORCED;
        self.settle()
    }

    /// Lets what is pending, not blocked and not (or no longer) caught take its effect. The signal that kills the process, if one does.
    pub(super) fn settle(&mut self) -> Option<Signal> {
        let mut open = (self.pending & !self.mask | self.ready) & !self.caught;
        self.pending &= !open;
        self.ready &= !open;
        while let Some(signal) = Signal::lowest(open) {
            if !self.is_ignored(signal.bit()) {
                return Some(signal);
            }
            open &= !signal.bit();
        }
        None
    }

    fn deliverable(&self) -> u64 {
        (self.pending & !self.mask | self.ready) & self.caught
    }

    /// Whether a call that would wait is to be interrupted.
    pub(super) fn interrupts(&self) -> bool {
        self.deliverable() != 0
    }

    /// What `pause` does before it returns: what it let in stays takeable under the old mask.
    pub(super) fn end_pause(&mut self, old_mask: u64) -> Option<Signal> {
        let let_in = self.pending & !self.mask & self.caught;
        self.ready |= let_in;
        self.pending &= !let_in;
        self.set_mask(old_mask)
    }

    /// Takes the lowest caught signal, and whether a call goes on after it.
    pub(super) fn take(&mut self) -> Option<(Signal, bool)> {
        let signal = Signal::lowest(self.deliverable())?;
        self.pending &= !signal.bit();
        self.ready &= !signal.bit();
        Some((signal, self.restart & signal.bit() != 0))
    }

    /// Pending, blocked, ignored and caught, for `/proc/<pid>/status`.
    pub(super) fn sets(&self) -> [u64; 4] {
        [self.pending | self.ready, self.mask, self.ignored, self.caught]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CATCH: Disposition = Disposition::Catch { restart: false };

    #[test]
    fn default_actions() {
        let mut s = Signals::default();
        assert_eq!(s.post(Signal::TERM), Posted::Kills);
        for quiet in [Signal::CHLD, Signal::CONT, Signal::URG, Signal::WINCH, Signal::STOP, Signal::TSTP] {
            assert_eq!(s.post(quiet), Posted::Quiet);
        }
        s.set_disposition(Signal::TERM, Disposition::Ignore);
        assert_eq!(s.post(Signal::TERM), Posted::Quiet);
        assert!(!s.interrupts());
    }

    #[test]
    fn blocked_signals_wait() {
        let mut s = Signals::default();
        s.set_disposition(Signal::INT, CATCH);
        assert_eq!(s.set_mask(!0), None);
        assert_eq!(s.mask() & Signal::KILL.bit(), 0);
        assert_eq!(s.post(Signal::INT), Posted::Quiet);
        assert_eq!(s.post(Signal::TERM), Posted::Quiet);
        assert_eq!(s.post(Signal::CHLD), Posted::Quiet);
        assert_eq!(s.post(Signal::KILL), Posted::Kills);
        assert_eq!(s.take(), None);
        assert_eq!(s.set_mask(0), Some(Signal::TERM));
        assert_eq!(s.take(), Some((Signal::INT, false)));
        assert_eq!(s.take(), None);
    }

    #[test]
    fn pause_lets_a_blocked_signal_in() {
        let mut s = Signals::default();
        s.set_disposition(Signal::CHLD, Disposition::Catch { restart: true });
        s.set_mask(Signal::CHLD.bit());
        s.post(Signal::CHLD);
        assert!(!s.interrupts());
        s.set_mask(0);
        assert!(s.interrupts());
        assert_eq!(s.end_pause(Signal::CHLD.bit()), None);
        assert!(s.interrupts());
        assert_eq!(s.take(), Some((Signal::CHLD, true)));
        s.post(Signal::CHLD);
        assert_eq!(s.take(), None);
    }

    #[test]
    fn a_new_program_keeps_what_is_ignored_and_blocked() {
        let mut s = Signals::default();
        s.set_disposition(Signal::INT, CATCH);
        s.set_disposition(Signal::QUIT, Disposition::Ignore);
        let s = s.for_program();
        assert_eq!(s.disposition(Signal::INT), Disposition::Default);
        assert_eq!(s.disposition(Signal::QUIT), Disposition::Ignore);
    }

    #[test]
    fn names() {
        assert_eq!(Signal::TERM.name(), "TERM");
        assert_eq!(Signal::from_raw(31).unwrap().name(), "SYS");
        assert_eq!(Signal::from_raw(34).unwrap().name(), "RTMIN");
        assert_eq!(Signal::from_raw(37).unwrap().name(), "RTMIN+3");
        assert_eq!(Signal::from_raw(64).unwrap().name(), "RTMAX");
        assert_eq!(Signal::from_raw(0), None);
        assert_eq!(Signal::from_raw(65), None);
        assert_eq!(Signal::from_raw(-1), None);
    }
}
