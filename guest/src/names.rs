//! Interned names: a variable's or function's name is a small number, so that looking one up is an array access.
//!
//! A shell frees no names: it uses as many as its script spells.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// An interned name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sym(u32);

/// A fast hash for short keys that no adversary outside the script chooses.
#[derive(Default, Clone)]
pub struct FastHasher(u64);

const K: u64 = 0x517c_c1b7_2722_0a95;

impl Hasher for FastHasher {
    fn write(&mut self, bytes: &[u8]) {
        let mut chunks = bytes.chunks_exact(8);
        for chunk in &mut chunks {
            let mut word = [0; 8];
            word.copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
        let mut last = 0u64;
        for b in chunks.remainder() {
            last = (last << 8) | u64::from(*b);
        }
        self.write_u64(last ^ ((bytes.len() as u64) << 56));
    }
    fn write_u8(&mut self, n: u8) {
        self.write_u64(u64::from(n));
    }
    fn write_u32(&mut self, n: u32) {
        self.write_u64(u64::from(n));
    }
    fn write_u64(&mut self, n: u64) {
        self.0 = (self.0.rotate_left(5) ^ n).wrapping_mul(K);
    }
    fn write_usize(&mut self, n: usize) {
        self.write_u64(n as u64);
    }
    fn finish(&self) -> u64 {
        // The table takes its index from the low bits; the multiplication mixed the high ones.
        self.0 ^ (self.0 >> 32)
    }
}

/// A map with the fast hash.
pub type FastMap<K, V> = HashMap<K, V, BuildHasherDefault<FastHasher>>;

/// Names that are not known ones; their symbols follow those.
#[derive(Default)]
struct Table {
    by_name: FastMap<&'static [u8], u32>,
    /// From `Box::into_raw`, so that [`forget`] can free them.
    names: Vec<*mut [u8]>,
}

thread_local! {
    static TABLE: RefCell<Table> = RefCell::new(Table::default());
}

macro_rules! known {
    ($($ident:ident $text:literal),* $(,)?) => {
        /// Names the shell itself uses; they are interned first, in this order.
        const KNOWN: &[&[u8]] = &[$($text),*];
        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        enum Order { $($ident),* }
        impl Sym { $(pub const $ident: Sym = Sym(Order::$ident as u32);)* }
    };
}

known! {
    IFS b"IFS", PATH b"PATH", HOME b"HOME", PWD b"PWD", OLDPWD b"OLDPWD", SHLVL b"SHLVL",
    OPTIND b"OPTIND", OPTARG b"OPTARG", OPTERR b"OPTERR", REPLY b"REPLY", PS4 b"PS4", PS3 b"PS3", PS2 b"PS2", PS1 b"PS1",
    LC_ALL b"LC_ALL", LC_CTYPE b"LC_CTYPE", LANG b"LANG", TZ b"TZ", CDPATH b"CDPATH", ENV b"ENV", BASH_ENV b"BASH_ENV",
    POSIXLY_CORRECT b"POSIXLY_CORRECT", GLOBIGNORE b"GLOBIGNORE",
    FUNCNEST b"FUNCNEST", TIMEFORMAT b"TIMEFORMAT", TMOUT b"TMOUT", BASH_XTRACEFD b"BASH_XTRACEFD", EXECIGNORE b"EXECIGNORE",
    MAPFILE b"MAPFILE", COPROC b"COPROC", BASH_REMATCH b"BASH_REMATCH", LC_COLLATE b"LC_COLLATE",
    CHILD_MAX b"CHILD_MAX", BASH_COMPAT b"BASH_COMPAT",
    // Variables whose value is worked out when they are read: `Sym::is_dynamic`.
    RANDOM b"RANDOM", UNDERSCORE b"_", SRANDOM b"SRANDOM", SECONDS b"SECONDS", LINENO b"LINENO", BASHPID b"BASHPID",
    EPOCHSECONDS b"EPOCHSECONDS", EPOCHREALTIME b"EPOCHREALTIME", BASH_SUBSHELL b"BASH_SUBSHELL",
    BASH_COMMAND b"BASH_COMMAND", FUNCNAME b"FUNCNAME", BASH_SOURCE b"BASH_SOURCE", BASH_LINENO b"BASH_LINENO",
    PIPESTATUS b"PIPESTATUS", DIRSTACK b"DIRSTACK", GROUPS b"GROUPS", BASH_ARGC b"BASH_ARGC", BASH_ARGV b"BASH_ARGV",
    BASH_ARGV0 b"BASH_ARGV0", BASH_ALIASES b"BASH_ALIASES", BASH_CMDS b"BASH_CMDS",
    SHELLOPTS b"SHELLOPTS", BASHOPTS b"BASHOPTS",
    UID b"UID", EUID b"EUID", PPID b"PPID", HOSTNAME b"HOSTNAME", BASH_VERSION b"BASH_VERSION",
    BASH_VERSINFO b"BASH_VERSINFO", HOSTTYPE b"HOSTTYPE", OSTYPE b"OSTYPE", MACHTYPE b"MACHTYPE", BASH b"BASH",
    BASH_EXECUTION_STRING b"BASH_EXECUTION_STRING", SHELL b"SHELL", TERM b"TERM",
    COMP_WORDBREAKS b"COMP_WORDBREAKS", HISTCMD b"HISTCMD", BASH_MONOSECONDS b"BASH_MONOSECONDS",
    END_OF_KNOWN b"\0end",
}

/// The places of [`KNOWN`] in the order of their names, so that a process has nothing to set up.
static SORTED: [u8; KNOWN.len()] = sorted();

const fn less(a: &[u8], b: &[u8]) -> bool {
    let mut i = 0;
    while i < a.len() && i < b.len() {
        if a[i] != b[i] {
            return a[i] < b[i];
        }
        i += 1;
    }
    a.len() < b.len()
}

const fn sorted() -> [u8; KNOWN.len()] {
    let mut out = [0; KNOWN.len()];
    let mut n = 0;
    while n < KNOWN.len() {
        let mut at = n;
        while at > 0 && less(KNOWN[n], KNOWN[out[at - 1] as usize]) {
            out[at] = out[at - 1];
            at -= 1;
        }
        out[at] = n as u8;
        n += 1;
    }
    out
}

/// The place of a known name. All of them begin with a capital letter or an underscore.
fn known(name: &[u8]) -> Option<u32> {
    if !matches!(name.first(), Some(b'A'..=b'Z' | b'_')) {
        return None;
    }
    let at = SORTED.binary_search_by(|i| KNOWN[usize::from(*i)].cmp(name)).ok()?;
    Some(u32::from(SORTED[at]))
}

impl Table {
    fn intern(&mut self, name: &[u8]) -> u32 {
        if let Some(n) = self.by_name.get(name) {
            return *n;
        }
        let owned = Box::into_raw(name.to_vec().into_boxed_slice());
        let n = (KNOWN.len() + self.names.len()) as u32;
        self.names.push(owned);
        // SAFETY: it is freed by `forget` only, after which nobody has it.
        self.by_name.insert(unsafe { &*owned }, n);
        n
    }
}

/// Frees the names of this thread: for a host that parses many scripts and runs none of them.
///
/// # Safety
/// No symbol made on this thread and no name got from one is used afterwards, on any thread.
pub unsafe fn forget() {
    TABLE.with_borrow_mut(|t| {
        t.by_name.clear();
        for name in t.names.drain(..) {
            // SAFETY: it came from `Box::into_raw`, and the caller says that nobody has it.
            drop(unsafe { Box::from_raw(name) });
        }
    });
}

impl Sym {
    /// The symbol of a name.
    #[must_use]
    pub fn new(name: &[u8]) -> Self {
        match known(name) {
            Some(n) => Self(n),
            None => TABLE.with_borrow_mut(|t| Self(t.intern(name))),
        }
    }

    /// The symbol of a name if anything has used it yet.
    #[must_use]
    pub fn lookup(name: &[u8]) -> Option<Self> {
        match known(name) {
            Some(n) => Some(Self(n)),
            None => TABLE.with_borrow(|t| t.by_name.get(name).map(|n| Self(*n))),
        }
    }

    /// The name.
    #[must_use]
    pub fn name(self) -> &'static [u8] {
        match KNOWN.get(self.0 as usize) {
            Some(name) => name,
            // SAFETY: see `Table::intern`.
            None => TABLE.with_borrow(|t| unsafe { &*t.names[self.0 as usize - KNOWN.len()] }),
        }
    }

    /// Its place in arrays indexed by symbol.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }

    /// [`Sym::index`] where a constant is needed.
    #[must_use]
    pub const fn place(self) -> u32 {
        self.0
    }

    /// A variable that cannot be: where references in a circle lead.
    pub const NOWHERE: Self = Self::END_OF_KNOWN;

    /// Is this one of the variables whose value is worked out when it is read?
    #[inline]
    #[must_use]
    pub fn is_dynamic(self) -> bool {
        self.0 >= Self::RANDOM.0 && self.0 < Self::END_OF_KNOWN.0
    }

    /// The symbol at a place in such an array.
    #[must_use]
    pub fn from_index(n: usize) -> Self {
        Self(n as u32)
    }
}

impl std::fmt::Debug for Sym {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", String::from_utf8_lossy(self.name()))
    }
}

thread_local! {
    static COMMAND_ASKED: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Has any script text named `BASH_COMMAND`? Only then is it kept.
#[must_use]
pub fn command_asked() -> bool {
    COMMAND_ASKED.get()
}

impl Sym {
    /// [`Sym::new`] for a name in script text.
    #[must_use]
    pub fn of_parameter(name: &[u8]) -> Self {
        let sym = Self::new(name);
        if sym == Self::BASH_COMMAND {
            COMMAND_ASKED.set(true);
        }
        sym
    }
}

/// Is this a name a variable may have?
#[must_use]
pub fn is_name(text: &[u8]) -> bool {
    match text.first() {
        Some(b) if b.is_ascii_alphabetic() || *b == b'_' => {
            text.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_')
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interning() {
        assert_eq!(Sym::IFS.name(), b"IFS");
        assert_eq!(Sym::new(b"PATH"), Sym::PATH);
        assert_eq!(Sym::END_OF_KNOWN.name(), b"\0end");
        let a = Sym::new(b"some_name");
        assert_eq!(Sym::new(b"some_name"), a);
        assert_eq!(a.name(), b"some_name");
        assert!(Sym::lookup(b"never_used").is_none());
        // SAFETY: `a` is not used any more, and this thread has no other.
        unsafe { forget() };
        assert!(Sym::lookup(b"some_name").is_none());
        assert!(is_name(b"_a1") && !is_name(b"1a") && !is_name(b""));
    }
}
