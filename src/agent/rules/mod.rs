//! Rules: which commands a script may run, decided on the parsed script.
//!
//! **What this is.** [`Rules::check`] reads a script with the shell's own parser (`script`), finds every command it may run, also those inside
//! substitutions, functions, `bash -c '…'`, `env`, `xargs`, `find -exec` (`inner`), and with which files (`path`), and asks the rules about
//! each, in their order: the first that matches decides. The strictest decision on any command is the script's.
//!
//! **Variables** that get all their values from the script (`out=/mnt/data/out`, `for f in a b`) are followed (`variables`) where words name files.
//!
//! **What cannot be known** before the script runs (`$cmd`, a file that is sourced, what comes through a pipe to a shell) is for a person to
//! decide, unless everything is allowed anyway. A rule that forbids or asks about what a word *may* turn out to be leads to that question too.
//!
//! **What this is not**: a wall. A program can do what a rule for another one forbids (`python3 -c 'os.remove(…)'`), and a path can lead
//! through a link. The wall is the sandbox and the container's profile; rules say what a person wants to know of beforehand.

mod glob;
mod inner;
mod path;
mod script;
mod variables;
mod word;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use glob::{Glob, Match};
use script::Command;
use word::Word;

/// Most rules.
const RULES: usize = 100;

/// Longest pattern, in bytes.
const PATTERN_BYTES: usize = 200;

/// Builtins that change nothing but the shell they run in: where no rule names them they are allowed, unless they are redirected.
const HARMLESS: [&[u8]; 42] = [
    b":",
    b"[",
    b"alias",
    b"bg",
    b"break",
    b"builtin",
    b"caller",
    b"cd",
    b"command",
    b"continue",
    b"declare",
    b"dirs",
    b"echo",
    b"exit",
    b"export",
    b"false",
    b"fg",
    b"getopts",
    b"jobs",
    b"let",
    b"local",
    b"popd",
    b"printf",
    b"pushd",
    b"pwd",
    b"read",
    b"readonly",
    b"return",
    b"set",
    b"shift",
    b"shopt",
    b"test",
    b"times",
    b"trap",
    b"true",
    b"type",
    b"typeset",
    b"umask",
    b"unset",
    b"wait",
    b"eval",
    b"exec",
];

/// What is to be done with a command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// It runs.
    #[default]
    Allow,
    /// A person decides.
    Ask,
    /// It does not run.
    Deny,
}

/// A rule. Without command and path it matches everything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What is done with a command it matches.
    pub decision: Decision,
    /// Patterns for a command's name and arguments, separated by blanks; `*` is any text, `?` any character. A rule that allows matches word for word
    /// from the first, a final `*` all that follow; one that asks or denies matches if the words occur in this order, so `git push` also means
    /// `git -C dir push`. A name without a slash means the system's program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// Pattern for an absolute path and what is below it; `*` is any text without a slash, `**` any. A rule that allows matches if all files that the
    /// command names are there; one that asks or denies if any is. Arguments count as files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Why, for the model and the person who is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Rules as they are written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RulesConfig {
    /// What is done with commands that no rule matches.
    pub default: Decision,
    /// The rules; the first that matches decides.
    pub rules: Vec<Rule>,
}

/// Why rules cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum RuleError {
    #[error("there are {0} rules, at most {RULES} are allowed")]
    TooMany(usize),
    #[error("rule {number}: the pattern {pattern:?} {why}")]
    Pattern { number: usize, pattern: String, why: &'static str },
}

/// Rules, ready to be asked. `default()` allows everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    config: RulesConfig,
    compiled: Vec<Compiled>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Compiled {
    decision: Decision,
    command: Vec<Glob>,
    /// Whether the pattern for the name has a slash.
    is_path: bool,
    /// A path, and what is below it.
    path: Option<[Glob; 2]>,
}

/// What the rules say of a script.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// What is to be done with it.
    pub decision: Decision,
    /// Which commands are not simply allowed, and why; at most ten.
    pub reasons: Vec<String>,
}

impl Rules {
    /// Checks rules and makes them ready.
    ///
    /// # Errors
    /// There are too many, or a pattern is none.
    pub fn new(config: RulesConfig) -> Result<Rules, RuleError> {
        if config.rules.len() > RULES {
            return Err(RuleError::TooMany(config.rules.len()));
        }
        let compiled =
            config.rules.iter().enumerate().map(|(at, rule)| Compiled::new(at + 1, rule)).collect::<Result<_, _>>()?;
        Ok(Rules { config, compiled })
    }

    /// As they were written.
    pub fn config(&self) -> &RulesConfig {
        &self.config
    }

    /// Whether everything is allowed, so that nothing need be read.
    pub fn allow_all(&self) -> bool {
        self.config.default == Decision::Allow && self.compiled.iter().all(|rule| rule.decision == Decision::Allow)
    }

    /// What they say of a script that is to run in the directory `cwd`.
    pub async fn check(&self, script: &str, cwd: &str) -> Verdict {
        if self.allow_all() {
            return Verdict::default();
        }
        let rules = self.clone();
        let verdict = script::read(script.into(), cwd.into(), move |commands| rules.verdict(commands)).await;
        let unread = || Verdict { decision: Decision::Ask, reasons: vec!["it could not be read".into()] };
        verdict.unwrap_or_else(unread)
    }

    fn verdict(&self, commands: &[Command]) -> Verdict {
        let mut verdict = Verdict::default();
        for command in commands {
            let (decision, why) = self.decide(command);
            if decision > Decision::Allow && verdict.reasons.len() < 10 {
                verdict.reasons.push(format!("`{}`: {why}", command.text));
            }
            verdict.decision = verdict.decision.max(decision);
        }
        verdict.reasons.dedup();
        verdict
    }

    /// What they say of a command, and why.
    fn decide(&self, command: &Command) -> (Decision, String) {
        let (decision, why) = self.first_match(command, 0);
        match command.unknown {
            // An allowing rule that names it knows what it allows.
            Some(_) if decision == Decision::Allow && self.names(command) => (decision, why),
            Some(unknown) => (decision.max(Decision::Ask), if decision > Decision::Ask { why } else { unknown.into() }),
            None => (decision, why),
        }
    }

    fn first_match(&self, command: &Command, from: usize) -> (Decision, String) {
        for (at, rule) in self.compiled.iter().enumerate().skip(from) {
            match rule.matches(command) {
                Match::No => {}
                Match::Yes => return (rule.decision, self.why(at)),
                Match::Maybe => {
                    let (rest, why) = self.first_match(command, at + 1);
                    let is_same = rest == rule.decision;
                    return if is_same {
                        (rest, why)
                    } else {
                        (Decision::Ask, format!("it may match {}", self.why(at)))
                    };
                }
            }
        }
        match command.is_harmless() {
            true => (Decision::Allow, String::new()),
            false => (self.config.default, "no rule allows it".into()),
        }
    }

    /// Whether the rule that decides on a command has its name.
    fn names(&self, command: &Command) -> bool {
        let first = self.compiled.iter().find(|rule| rule.matches(command) == Match::Yes);
        first.is_some_and(|rule| !rule.command.is_empty())
    }

    fn why(&self, at: usize) -> String {
        let rule = &self.config.rules[at];
        let parts = [("command", &rule.command), ("path", &rule.path)];
        let parts = parts.iter().filter_map(|(key, value)| Some(format!(" {key} `{}`", value.as_ref()?)));
        let reason = rule.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
        format!("rule {}{}{reason}", at + 1, parts.collect::<String>())
    }
}

impl Compiled {
    fn new(number: usize, rule: &Rule) -> Result<Compiled, RuleError> {
        let wrong =
            |pattern: &str, why| Err(RuleError::Pattern { number, pattern: pattern.chars().take(80).collect(), why });
        for pattern in [&rule.command, &rule.path].into_iter().flatten() {
            if pattern.trim().is_empty() || pattern.len() > PATTERN_BYTES {
                return wrong(pattern, "is empty or longer than 200 bytes");
            }
        }
        let command = rule.command.as_deref().unwrap_or_default();
        let path = match &rule.path {
            Some(path) if !path.starts_with('/') && !path.starts_with("**/") => {
                return wrong(path, "does not begin with `/` or `**/`");
            }
            Some(path) if path.split('/').any(|part| part == "." || part == "..") => {
                return wrong(path, "has a part `.` or `..`");
            }
            Some(path) => {
                let path = Glob::path(path.trim_end_matches('/'));
                Some([path.below(), path])
            }
            None => None,
        };
        let is_path = command.split_ascii_whitespace().next().is_some_and(|name| name.contains('/'));
        let command = command.split_ascii_whitespace().map(Glob::word).collect();
        Ok(Compiled { decision: rule.decision, command, is_path, path })
    }

    fn matches(&self, command: &Command) -> Match {
        self.matches_words(&command.words).min(self.matches_paths(&command.paths))
    }

    fn matches_words(&self, words: &[Word]) -> Match {
        let Some((name, globs)) = self.command.split_first() else { return Match::Yes };
        let Some((first, arguments)) = words.split_first() else { return Match::No };
        let is_allowing = self.decision == Decision::Allow;
        let named = match first.known() {
            Some(text) if !self.is_path && is_allowing => match inner::system_name(&text) {
                Some(text) => name.matches(&Word::text(text).pieces),
                None => Match::No,
            },
            Some(text) if !self.is_path => {
                let base = text.rsplit(|b| *b == b'/').next().unwrap_or_default();
                name.matches(&Word::text(base).pieces)
            }
            _ => name.matches(&first.pieces),
        };
        // A name that may become several words, or none, shifts all that follow.
        let named = if first.is_many { named.min(Match::Maybe) } else { named };
        named.min(if is_allowing { from_first(globs, arguments) } else { in_order(globs, arguments) })
    }

    fn matches_paths(&self, paths: &[Word]) -> Match {
        let Some(globs) = &self.path else { return Match::Yes };
        let one = |path: &Word| globs.iter().map(|glob| glob.matches(&path.pieces)).max().unwrap_or(Match::No);
        let all = paths.iter().map(one);
        match self.decision {
            Decision::Allow => all.min().unwrap_or(Match::No),
            Decision::Ask | Decision::Deny => all.max().unwrap_or(Match::No),
        }
    }
}

/// Whether words match patterns one by one.
fn from_first(globs: &[Glob], words: &[Word]) -> Match {
    let mut result = Match::Yes;
    let mut words = words.iter();
    for (at, glob) in globs.iter().enumerate() {
        if at + 1 == globs.len() && glob.is_any() {
            return result;
        }
        match words.next() {
            None => return Match::No,
            Some(word) if word.is_many => return Match::Maybe,
            Some(word) => result = result.min(glob.matches(&word.pieces)),
        }
    }
    result
}

/// Whether words that match the patterns occur in their order.
fn in_order(globs: &[Glob], words: &[Word]) -> Match {
    let walk = |least: Match| {
        let mut globs = globs.iter().peekable();
        for word in words {
            let is_met = |glob: &&Glob| glob.matches(&word.pieces) >= least;
            // What may become many words may meet many patterns.
            while globs.next_if(is_met).is_some() {
                if !(word.is_many && least == Match::Maybe) {
                    break;
                }
            }
        }
        globs.next().is_none_or(|last| last.is_any() && globs.next().is_none())
    };
    match (walk(Match::Yes), walk(Match::Maybe)) {
        (true, _) => Match::Yes,
        (false, true) => Match::Maybe,
        (false, false) => Match::No,
    }
}

impl Command {
    fn is_harmless(&self) -> bool {
        self.redirections == 0 && (self.is_harmless_builtin() || self.words.is_empty())
    }

    fn goes(&self) -> bool {
        self.words.first().and_then(Word::known).is_some_and(|name| matches!(&*name, b"cd" | b"pushd"))
    }

    fn is_harmless_builtin(&self) -> bool {
        self.words.first().and_then(Word::known).is_some_and(|name| HARMLESS.contains(&&*name))
    }
}

#[cfg(test)]
mod tests;
