//! What a container is set up with: limits, environment, durability, and the profile that says where execs may write.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::Limits;
use crate::sandbox::Rule;
use crate::vfs::Rights;

/// Largest environment of a container's settings, in bytes of names and values.
const ENV_BYTES: usize = 64 << 10;

/// Largest labels of a container, in bytes of names and values.
const LABEL_BYTES: usize = 64 << 10;

/// Most paths of a profile.
const PROFILE_PATHS: usize = 1000;

/// A container's settings. In JSON, what is missing has its default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// What it may use.
    pub limits: Limits,
    /// Environment variables of its execs, over the standard ones.
    pub env: BTreeMap<String, String>,
    /// Working directory of its execs; `None`: the exec's own.
    pub cwd: Option<String>,
    /// Where its execs may write.
    pub profile: Profile,
    /// When what an exec did is safe from a crash.
    pub durability: Durability,
    /// Expires when it was not used for so long, in milliseconds; `None`: never.
    pub expires_after_ms: Option<u64>,
    /// What whoever made it notes on it; the service does not look at it.
    pub labels: BTreeMap<String, String>,
}

/// When what an exec did is safe from a crash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// Before the exec is reported done.
    #[default]
    Sync,
    /// At most so many milliseconds later.
    Batched(u32),
}

/// What execs may do at a path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Change nothing; an exec that does is undone.
    ReadOnly,
    /// Propose changes: the exec's work becomes a proposal that somebody applies or discards.
    ProposeWrites,
    /// Everything.
    #[default]
    Full,
}

/// Where a container's execs may write. Of the paths that a changed path is at or below, the longest decides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Profile {
    /// Where no path says otherwise.
    pub default: Access,
    /// Absolute paths of directories or files, and what may be done there.
    pub paths: BTreeMap<String, Access>,
}

impl Profile {
    /// What may be done at a path.
    pub fn access(&self, path: &[u8]) -> Access {
        let covers = |rule: &[u8]| {
            let rule = rule.strip_suffix(b"/").unwrap_or(rule);
            path.strip_prefix(rule).is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
        };
        let longest = self.paths.iter().filter(|(rule, _)| covers(rule.as_bytes())).max_by_key(|(rule, _)| rule.len());
        longest.map_or(self.default, |(_, access)| *access)
    }

    /// Whether nothing is forbidden.
    pub fn is_full(&self) -> bool {
        self.least() == Access::Full
    }

    /// Whether an exec can become a proposal without having asked for it.
    pub fn proposes(&self) -> bool {
        self.default == Access::ProposeWrites || self.paths.values().any(|a| *a == Access::ProposeWrites)
    }

    /// What is allowed everywhere.
    pub fn least(&self) -> Access {
        self.paths.values().copied().fold(self.default, Access::min)
    }

    /// What a sandbox can enforce while an exec runs: read-only directories below which nothing may be written.
    pub(super) fn rules(&self) -> Vec<Rule> {
        let below = |outer: &str, inner: &str| {
            inner.strip_prefix(outer.trim_end_matches('/')).is_some_and(|rest| rest.starts_with('/'))
        };
        let only_reads = |path: &str| self.paths.iter().all(|(p, a)| *a == Access::ReadOnly || !below(path, p));
        let read_only = self.paths.iter().filter(|(path, access)| **access == Access::ReadOnly && only_reads(path));
        // The root has a mount of its own already: what is changed there is found afterwards.
        let mounted = read_only.filter(|(path, _)| path.trim_end_matches('/') != "");
        mounted.map(|(path, _)| Rule { path: path.clone(), rights: Rights::READ_ONLY }).collect()
    }
}

impl Settings {
    /// What is wrong with them, for people.
    pub(super) fn check(&self) -> Result<(), String> {
        let env: usize = self.env.iter().map(|(k, v)| k.len() + v.len()).sum();
        if env > ENV_BYTES {
            return Err(format!("the environment has {env} bytes, at most {ENV_BYTES} are allowed"));
        }
        let labels: usize = self.labels.iter().map(|(k, v)| k.len() + v.len()).sum();
        if labels > LABEL_BYTES {
            return Err(format!("the labels have {labels} bytes, at most {LABEL_BYTES} are allowed"));
        }
        if let Some(name) = self.env.keys().find(|k| k.is_empty() || k.contains(['=', '\0'])) {
            return Err(format!("{name:?} cannot be the name of an environment variable"));
        }
        if let Some((name, _)) = self.env.iter().find(|(_, v)| v.contains('\0')) {
            return Err(format!("the value of environment variable {name} has a NUL"));
        }
        if self.profile.paths.len() > PROFILE_PATHS {
            let paths = self.profile.paths.len();
            return Err(format!("the profile has {paths} paths, at most {PROFILE_PATHS} are allowed"));
        }
        let cwd = self.cwd.iter().map(|cwd| ("the working directory", cwd));
        for (what, path) in cwd.chain(self.profile.paths.keys().map(|path| ("the profile's path", path))) {
            let plain = path.starts_with('/') && !path.split('/').any(|part| part == "." || part == "..");
            if !plain || path.contains('\0') {
                return Err(format!("{what} {path:?} is not absolute, or has a part `.` or `..`"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(default: Access, paths: &[(&str, Access)]) -> Profile {
        Profile { default, paths: paths.iter().map(|(p, a)| ((*p).to_owned(), *a)).collect() }
    }

    #[test]
    fn the_longest_path_decides() {
        let p = profile(Access::ReadOnly, &[("/work", Access::Full), ("/work/.git/", Access::ProposeWrites)]);
        for (path, access) in [
            ("/", Access::ReadOnly),
            ("/etc/passwd", Access::ReadOnly),
            ("/workshop", Access::ReadOnly),
            ("/work", Access::Full),
            ("/work/a", Access::Full),
            ("/work/.gitignore", Access::Full),
            ("/work/.git", Access::ProposeWrites),
            ("/work/.git/HEAD", Access::ProposeWrites),
        ] {
            assert_eq!(p.access(path.as_bytes()), access, "{path}");
        }
    }

    #[test]
    fn only_what_is_read_only_all_through_is_mounted_so() {
        use Access::{Full, ReadOnly};
        let p = profile(Full, &[("/", ReadOnly), ("/etc", ReadOnly), ("/work", ReadOnly), ("/work/out", Full)]);
        let rules: Vec<_> = p.rules().into_iter().map(|r| r.path).collect();
        assert_eq!(rules, ["/etc"]);
    }

    #[test]
    fn settings_read_from_json_have_defaults_for_what_is_missing() {
        let settings: Settings = serde_json::from_str(r#"{"profile":{"paths":{"/etc":"read-only"}}}"#).expect("valid");
        assert_eq!(settings.limits, Limits::default());
        assert_eq!(settings.profile.access(b"/etc/x"), Access::ReadOnly);
        let batched: Settings = serde_json::from_str(r#"{"durability":{"batched":50}}"#).expect("valid");
        assert_eq!(batched.durability, Durability::Batched(50));
    }

    #[test]
    fn nonsense_is_refused() {
        let with = |change: fn(&mut Settings)| {
            let mut settings = Settings::default();
            change(&mut settings);
            settings.check()
        };
        assert_eq!(with(|_| ()), Ok(()));
        assert!(with(|s| s.cwd = Some("home".into())).is_err());
        assert!(with(|s| drop(s.env.insert("A=B".into(), String::new()))).is_err());
        assert!(with(|s| drop(s.env.insert("A".into(), "\0".into()))).is_err());
        assert!(with(|s| drop(s.env.insert("A".into(), "x".repeat(ENV_BYTES)))).is_err());
        assert!(with(|s| drop(s.profile.paths.insert("/a/../b".into(), Access::Full))).is_err());
    }
}
