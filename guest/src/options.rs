//! The options of `set -o` and `shopt`, as bits.

macro_rules! options {
    ($(#[$doc:meta])* $type:ident, $table:ident: $($ident:ident = ($name:literal, $letter:literal, $default:literal)),* $(,)?) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u8)]
        pub enum $type { $($ident),* }
        /// Name, letter (0: none) and default, in the order of listings.
        pub const $table: &[($type, &str, u8, bool)] = &[$(($type::$ident, $name, $letter, $default)),*];
        impl $type {
            const DEFAULTS: u64 = 0 $(| ($default as u64) << $type::$ident as u64)*;
        }
    };
}

options! {
    /// An option of `set -o`.
    Opt, OPTS:
    AllExport = ("allexport", b'a', false),
    BraceExpand = ("braceexpand", b'B', true),
    Emacs = ("emacs", 0, false),
    ErrExit = ("errexit", b'e', false),
    ErrTrace = ("errtrace", b'E', false),
    FuncTrace = ("functrace", b'T', false),
    HashAll = ("hashall", b'h', true),
    HistExpand = ("histexpand", b'H', false),
    History = ("history", 0, false),
    IgnoreEof = ("ignoreeof", 0, false),
    InteractiveComments = ("interactive-comments", 0, true),
    Keyword = ("keyword", b'k', false),
    Monitor = ("monitor", b'm', false),
    NoClobber = ("noclobber", b'C', false),
    NoExec = ("noexec", b'n', false),
    NoGlob = ("noglob", b'f', false),
    NoLog = ("nolog", 0, false),
    Notify = ("notify", b'b', false),
    NoUnset = ("nounset", b'u', false),
    OneCmd = ("onecmd", b't', false),
    Physical = ("physical", b'P', false),
    PipeFail = ("pipefail", 0, false),
    Posix = ("posix", 0, false),
    Privileged = ("privileged", b'p', false),
    Verbose = ("verbose", b'v', false),
    Vi = ("vi", 0, false),
    XTrace = ("xtrace", b'x', false),
}

options! {
    /// An option of `shopt`.
    Shopt, SHOPTS:
    AutoCd = ("autocd", 0, false),
    AssocExpandOnce = ("assoc_expand_once", 0, false),
    CdableVars = ("cdable_vars", 0, false),
    CdSpell = ("cdspell", 0, false),
    CheckHash = ("checkhash", 0, false),
    CheckJobs = ("checkjobs", 0, false),
    CheckWinSize = ("checkwinsize", 0, true),
    CmdHist = ("cmdhist", 0, true),
    Compat31 = ("compat31", 0, false),
    Compat32 = ("compat32", 0, false),
    Compat40 = ("compat40", 0, false),
    Compat41 = ("compat41", 0, false),
    Compat42 = ("compat42", 0, false),
    Compat43 = ("compat43", 0, false),
    Compat44 = ("compat44", 0, false),
    CompleteFullQuote = ("complete_fullquote", 0, true),
    DirExpand = ("direxpand", 0, false),
    DirSpell = ("dirspell", 0, false),
    DotGlob = ("dotglob", 0, false),
    ExecFail = ("execfail", 0, false),
    ExpandAliases = ("expand_aliases", 0, false),
    ExtDebug = ("extdebug", 0, false),
    ExtGlob = ("extglob", 0, false),
    ExtQuote = ("extquote", 0, true),
    FailGlob = ("failglob", 0, false),
    ForceFignore = ("force_fignore", 0, true),
    GlobAsciiRanges = ("globasciiranges", 0, true),
    GlobSkipDots = ("globskipdots", 0, true),
    GlobStar = ("globstar", 0, false),
    GnuErrFmt = ("gnu_errfmt", 0, false),
    HistAppend = ("histappend", 0, false),
    HistReEdit = ("histreedit", 0, false),
    HistVerify = ("histverify", 0, false),
    HostComplete = ("hostcomplete", 0, true),
    HupOnExit = ("huponexit", 0, false),
    InheritErrExit = ("inherit_errexit", 0, false),
    InteractiveComments = ("interactive_comments", 0, true),
    LastPipe = ("lastpipe", 0, false),
    LitHist = ("lithist", 0, false),
    LocalVarInherit = ("localvar_inherit", 0, false),
    LocalVarUnset = ("localvar_unset", 0, false),
    LoginShell = ("login_shell", 0, false),
    MailWarn = ("mailwarn", 0, false),
    NoEmptyCmdCompletion = ("no_empty_cmd_completion", 0, false),
    NoCaseGlob = ("nocaseglob", 0, false),
    NoCaseMatch = ("nocasematch", 0, false),
    NoExpandTranslation = ("noexpand_translation", 0, false),
    NullGlob = ("nullglob", 0, false),
    PatSubReplacement = ("patsub_replacement", 0, true),
    ProgComp = ("progcomp", 0, true),
    ProgCompAlias = ("progcomp_alias", 0, false),
    PromptVars = ("promptvars", 0, true),
    RestrictedShell = ("restricted_shell", 0, false),
    ShiftVerbose = ("shift_verbose", 0, false),
    SourcePath = ("sourcepath", 0, true),
    VarRedirClose = ("varredir_close", 0, false),
    XpgEcho = ("xpg_echo", 0, false),
}

/// The letters of `$-`, in its order.
const LETTERS: &[(u8, Opt)] = &[
    (b'a', Opt::AllExport),
    (b'b', Opt::Notify),
    (b'e', Opt::ErrExit),
    (b'f', Opt::NoGlob),
    (b'h', Opt::HashAll),
    (b'k', Opt::Keyword),
    (b'm', Opt::Monitor),
    (b'n', Opt::NoExec),
    (b'p', Opt::Privileged),
    (b't', Opt::OneCmd),
    (b'u', Opt::NoUnset),
    (b'v', Opt::Verbose),
    (b'x', Opt::XTrace),
    (b'B', Opt::BraceExpand),
    (b'C', Opt::NoClobber),
    (b'E', Opt::ErrTrace),
    (b'H', Opt::HistExpand),
    (b'P', Opt::Physical),
    (b'T', Opt::FuncTrace),
];

/// The state of all options.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    pub set: u64,
    pub shopt: u64,
    /// Started with `-c`, or reading standard input: `c` and `s` in `$-`.
    pub command: bool,
    pub stdin: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { set: Opt::DEFAULTS, shopt: Shopt::DEFAULTS, command: false, stdin: false }
    }
}

impl Options {
    #[inline]
    #[must_use]
    pub fn has(&self, opt: Opt) -> bool {
        self.set >> opt as u8 & 1 != 0
    }

    pub fn put(&mut self, opt: Opt, on: bool) {
        self.set = self.set & !(1 << opt as u8) | u64::from(on) << opt as u8;
    }

    #[inline]
    #[must_use]
    pub fn shopt(&self, opt: Shopt) -> bool {
        self.shopt >> opt as u8 & 1 != 0
    }

    pub fn put_shopt(&mut self, opt: Shopt, on: bool) {
        self.shopt = self.shopt & !(1 << opt as u8) | u64::from(on) << opt as u8;
    }

    /// `$-`.
    #[must_use]
    pub fn letters(&self) -> Vec<u8> {
        let mut out: Vec<u8> = LETTERS.iter().filter(|(_, o)| self.has(*o)).map(|(l, _)| *l).collect();
        if self.command {
            out.push(b'c');
        }
        if self.stdin {
            out.push(b's');
        }
        out
    }

    /// The value of SHELLOPTS.
    #[must_use]
    pub fn shellopts(&self) -> Vec<u8> {
        joined(OPTS.iter().filter(|(o, ..)| self.has(*o)).map(|(_, n, ..)| *n))
    }

    /// The value of BASHOPTS.
    #[must_use]
    pub fn bashopts(&self) -> Vec<u8> {
        joined(SHOPTS.iter().filter(|(o, ..)| self.shopt(*o)).map(|(_, n, ..)| *n))
    }
}

fn joined<'a>(names: impl Iterator<Item = &'a str>) -> Vec<u8> {
    names.collect::<Vec<_>>().join(":").into_bytes()
}

/// The option of `set` with a letter.
#[must_use]
pub fn by_letter(letter: u8) -> Option<Opt> {
    OPTS.iter().find(|(_, _, l, _)| *l == letter && letter != 0).map(|(o, ..)| *o)
}

/// The option of `set -o` with a name.
#[must_use]
pub fn by_name(name: &[u8]) -> Option<Opt> {
    OPTS.iter().find(|(_, n, ..)| n.as_bytes() == name).map(|(o, ..)| *o)
}

/// The option of `shopt` with a name.
#[must_use]
pub fn shopt_by_name(name: &[u8]) -> Option<Shopt> {
    SHOPTS.iter().find(|(_, n, ..)| n.as_bytes() == name).map(|(o, ..)| *o)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_bashs() {
        let mut o = Options { command: true, ..Options::default() };
        assert_eq!(o.letters(), b"hBc");
        assert_eq!(o.shellopts(), b"braceexpand:hashall:interactive-comments");
        o.put(Opt::ErrExit, true);
        o.put(Opt::NoUnset, true);
        assert_eq!(o.letters(), b"ehuBc");
        o.put(Opt::ErrExit, false);
        assert!(!o.has(Opt::ErrExit) && o.has(Opt::NoUnset));
        assert_eq!(by_letter(b'x'), Some(Opt::XTrace));
        assert_eq!(shopt_by_name(b"nullglob"), Some(Shopt::NullGlob));
    }
}
