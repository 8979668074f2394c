//! The builtins: one file each (or for a few that belong together), a table, and what they share.

mod alias;
mod cd;
mod command;
mod complete;
mod control;
pub mod declare;
mod dirs;
mod echo;
mod enable;
mod eval;
mod exec;
mod getopts;
mod hash;
mod help;
mod jobs;
mod kill;
mod r#let;
mod mapfile;
mod options;
mod printf;
mod read;
mod set;
mod shopt;
mod test;
mod times;
mod trap;
mod r#type;
mod ulimit;
mod umask;
mod unset;
mod usage;
mod wait;

pub use declare::DeclArg;
pub use options::OptionParser;

use crate::shell::{Run, Shell};

/// A builtin command.
pub struct Builtin {
    pub name: &'static str,
    /// Runs it with its words, the first being its name; gives the status.
    pub run: fn(&mut Shell, &[Vec<u8>]) -> Run<i32>,
    /// One of POSIX's special builtins.
    pub special: bool,
    /// Its arguments may be assignments.
    pub declares: bool,
}

const fn plain(name: &'static str, run: fn(&mut Shell, &[Vec<u8>]) -> Run<i32>) -> Builtin {
    Builtin { name, run, special: false, declares: false }
}

const fn special(name: &'static str, run: fn(&mut Shell, &[Vec<u8>]) -> Run<i32>) -> Builtin {
    Builtin { name, run, special: true, declares: false }
}

const fn declaring(name: &'static str, special: bool) -> Builtin {
    Builtin { name, run: declare::run_words, special, declares: true }
}

/// All of them, sorted by name.
static TABLE: &[Builtin] = &[
    special(".", eval::source),
    special(":", control::success),
    plain("[", test::bracket),
    plain("alias", alias::alias),
    plain("bg", jobs::bg),
    plain("bind", complete::bind),
    special("break", control::r#break),
    plain("builtin", command::builtin),
    plain("caller", r#type::caller),
    plain("cd", cd::cd),
    plain("command", command::command),
    plain("compgen", complete::compgen),
    plain("complete", complete::complete),
    plain("compopt", complete::complete),
    special("continue", control::r#continue),
    declaring("declare", false),
    plain("dirs", dirs::dirs),
    plain("disown", jobs::disown),
    plain("echo", echo::echo),
    plain("enable", enable::enable),
    special("eval", eval::eval),
    special("exec", exec::exec),
    special("exit", control::exit),
    declaring("export", true),
    plain("false", control::failure),
    plain("fc", complete::history),
    plain("fg", jobs::fg),
    plain("getopts", getopts::getopts),
    plain("hash", hash::hash),
    plain("help", help::help),
    plain("history", complete::history),
    plain("jobs", jobs::jobs),
    plain("kill", kill::kill),
    plain("let", r#let::r#let),
    declaring("local", false),
    plain("logout", control::logout),
    plain("mapfile", mapfile::mapfile),
    plain("popd", dirs::popd),
    plain("printf", printf::printf),
    plain("pushd", dirs::pushd),
    plain("pwd", cd::pwd),
    plain("read", read::read),
    plain("readarray", mapfile::mapfile),
    declaring("readonly", true),
    special("return", control::r#return),
    special("set", set::set),
    special("shift", control::shift),
    plain("shopt", shopt::shopt),
    special("source", eval::source),
    plain("suspend", jobs::suspend),
    plain("test", test::test),
    special("times", times::times),
    special("trap", trap::trap),
    plain("true", control::success),
    plain("type", r#type::r#type),
    declaring("typeset", false),
    plain("ulimit", ulimit::ulimit),
    plain("umask", umask::umask),
    plain("unalias", alias::unalias),
    special("unset", unset::unset),
    plain("wait", wait::wait),
];

/// The place of a builtin in the table.
#[must_use]
pub fn find(name: &[u8]) -> Option<usize> {
    TABLE.binary_search_by(|b| b.name.as_bytes().cmp(name)).ok()
}

/// The builtin at a place.
#[must_use]
pub fn get(index: usize) -> Option<&'static Builtin> {
    TABLE.get(index)
}

/// The builtin at a place counted from 1.
#[must_use]
pub fn by_index(index: u16) -> Option<&'static Builtin> {
    TABLE.get(usize::from(index).wrapping_sub(1))
}

/// The name of the builtin at a place.
#[must_use]
pub fn name_of(index: usize) -> Option<&'static str> {
    TABLE.get(index).map(|b| b.name)
}

/// All of them.
pub fn all() -> impl Iterator<Item = &'static Builtin> {
    TABLE.iter()
}

/// A job as `jobs` lists it.
#[must_use]
pub fn job_line(sh: &Shell, index: usize) -> Vec<u8> {
    jobs::line(sh, &sh.jobs.list[index], false)
}

/// Status of a builtin that was used wrongly.
pub const USAGE: i32 = 2;

impl Shell {
    /// Writes a builtin's output; the status is 1 if that fails.
    pub fn out(&self, text: &[u8]) -> i32 {
        if text.is_empty() {
            return 0;
        }
        match self.sys.write_all(1, text) {
            Ok(()) => 0,
            Err(e) => {
                self.builtin_error(&[b"write error: ", e.message().as_bytes()]);
                1
            }
        }
    }

    /// Reports a letter that is no option, and how the builtin is used.
    pub fn invalid_option(&self, letter: u8) -> i32 {
        self.builtin_error(&[&[b'-', letter], b": invalid option"]);
        self.show_usage()
    }

    /// Reports an option without its argument.
    pub fn missing_argument(&self, letter: u8) -> i32 {
        self.builtin_error(&[&[b'-', letter], b": option requires an argument"]);
        self.show_usage()
    }

    /// Writes how the builtin is used.
    pub fn show_usage(&self) -> i32 {
        let text = format!("{}: usage: {}\n", self.builtin, usage::of(self.builtin));
        self.write_error(text.as_bytes());
        USAGE
    }

    /// Reports a bad option of an [`OptionParser`].
    pub fn bad_option(&self, bad: options::Bad) -> i32 {
        match bad {
            options::Bad::Unknown(letter) => self.invalid_option(letter),
            options::Bad::Missing(letter) => self.missing_argument(letter),
        }
    }

    /// Refuses any option; gives the operands.
    pub fn no_options<'a>(&self, args: &'a [Vec<u8>]) -> Result<&'a [Vec<u8>], i32> {
        let mut parser = OptionParser::new(args, b"");
        match parser.next() {
            Some(Err(bad)) => Err(self.bad_option(bad)),
            _ => Ok(parser.rest()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_has_usage() {
        assert!(TABLE.is_sorted_by_key(|b| b.name));
        for b in TABLE {
            assert_eq!(find(b.name.as_bytes()).and_then(name_of), Some(b.name));
            assert!(!usage::of(b.name).is_empty(), "{}", b.name);
        }
    }
}
