//! What a container is set up with: limits, environment, durability, and the profile that says where execs may write.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::base::Limits;
use crate::sandbox::Rule;
use crate::vfs::{Kind, Rights, Tree};

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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
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

    /// Both together: what either forbids is forbidden.
    #[must_use]
    pub fn and(&self, other: &Profile) -> Profile {
        let both = |path: &String| (path.clone(), self.access(path.as_bytes()).min(other.access(path.as_bytes())));
        let paths = self.paths.keys().chain(other.paths.keys()).map(both).collect();
        Profile { default: self.default.min(other.default), paths }
    }

    /// The same when somebody has approved what was proposed.
    #[must_use]
    pub fn approved(&self) -> Profile {
        let approved = |access| if access == Access::ProposeWrites { Access::Full } else { access };
        let paths = self.paths.iter().map(|(path, access)| (path.clone(), approved(*access)));
        Profile { default: approved(self.default), paths: paths.collect() }
    }

    /// What is wrong with it, for people.
    ///
    /// # Errors
    /// It has too many paths, or one that is not absolute or has a part `.` or `..`.
    pub fn check(&self) -> Result<(), String> {
        if self.paths.len() > PROFILE_PATHS {
            return Err(format!("the profile has {} paths, at most {PROFILE_PATHS} are allowed", self.paths.len()));
        }
        self.paths.keys().try_for_each(|path| plain("the profile's path", path))
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

    /// What a sandbox over `tree` can enforce while an exec runs; the rest is found afterwards. The root cannot be mounted over itself, so
    /// the directories in it stand for it.
    pub(super) fn rules(&self, tree: &Tree) -> Vec<Rule> {
        let named = self.paths.iter().map(|(path, access)| (path.trim_end_matches('/'), *access));
        let mut rules: BTreeMap<String, Access> =
            named.filter(|(path, _)| !path.is_empty()).map(|(path, access)| (path.to_owned(), access)).collect();
        if self.access(b"/") == Access::ReadOnly {
            let listed = tree.list(b"/").unwrap_or_default();
            for (name, _) in listed.into_iter().filter(|(_, attr)| attr.kind == Kind::Dir) {
                let path = format!("/{}", String::from_utf8_lossy(&name));
                rules.entry(path).or_insert(Access::ReadOnly);
            }
        }
        let is_below = |inner: &str, outer: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'));
        let is_dir = |path: &str| tree.stat(path.as_bytes()).is_ok_and(|attr| attr.kind == Kind::Dir);
        // Where a single file, or what is not there yet, may be written, the directory it is in must stay writable.
        let is_mounted = |outer: &str| {
            let mut writable = rules.iter().filter(|(path, a)| **a != Access::ReadOnly && is_below(path, outer));
            writable.all(|(path, _)| is_dir(path))
        };
        let mounted: Vec<&str> =
            rules.iter().filter(|(path, a)| **a == Access::ReadOnly && is_mounted(path)).map(|(p, _)| &**p).collect();
        let rights = |path: &str, access| match access {
            Access::ReadOnly => mounted.contains(&path).then_some(Rights::READ_ONLY),
            _ => mounted.iter().any(|outer| is_below(path, outer)).then_some(Rights::READ_WRITE),
        };
        let rules = rules.iter().filter_map(|(path, access)| Some((path, rights(path, *access)?)));
        rules.map(|(path, rights)| Rule { path: path.clone(), rights }).collect()
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
        self.profile.check()?;
        self.cwd.iter().try_for_each(|cwd| plain("the working directory", cwd))
    }
}

/// Checks that a path is absolute and leads straight to where it says.
fn plain(what: &str, path: &str) -> Result<(), String> {
    let is_plain = path.starts_with('/') && !path.split('/').any(|part| part == "." || part == "..");
    match is_plain && !path.contains('\0') {
        true => Ok(()),
        false => Err(format!("{what} {path:?} is not absolute, or has a part `.` or `..`")),
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
    fn of_two_the_stricter_holds_everywhere() {
        use Access::{Full, ProposeWrites, ReadOnly};
        let one = profile(ReadOnly, &[("/work/", Full), ("/work/out", ProposeWrites), ("/tmp", Full)]);
        let other = profile(Full, &[("/work/out/a", ReadOnly), ("/tmp/x/", ProposeWrites), ("/work", Full)]);
        let both = one.and(&other);
        for path in
            ["/", "/a", "/work", "/work/b", "/work/out", "/work/out/a", "/work/out/a/b", "/tmp", "/tmp/x", "/tmp/x/y"]
        {
            let (a, b) = (one.access(path.as_bytes()), other.access(path.as_bytes()));
            assert_eq!(
                (both.access(path.as_bytes()), other.and(&one).access(path.as_bytes())),
                (a.min(b), a.min(b)),
                "{path}"
            );
        }
    }

    #[test]
    fn what_can_be_mounted_read_only_is() {
        use Access::{Full, ProposeWrites, ReadOnly};
        let mut tree = Tree::new();
        for dir in ["/etc", "/home/user", "/tmp", "/work/out"] {
            tree.put_dir(dir.as_bytes(), 0o755, 0, 0, 0).expect("it can be made");
        }
        let rules =
            |p: Profile| -> Vec<_> { p.rules(&tree).into_iter().map(|rule| (rule.path, rule.rights.write)).collect() };
        let rule = |path: &str, write| (path.to_owned(), write);
        let full = profile(Full, &[("/etc/", ReadOnly), ("/work", ReadOnly), ("/work/out", Full), ("/tmp", Full)]);
        assert_eq!(rules(full), [rule("/etc", false), rule("/work", false), rule("/work/out", true)]);
        let read_only = profile(ReadOnly, &[("/home/user", ProposeWrites), ("/tmp", Full), ("/work/new", Full)]);
        // `/work` must stay writable for what is not there yet.
        assert_eq!(rules(read_only), [rule("/etc", false), rule("/home", false), rule("/home/user", true)]);
        assert_eq!(rules(profile(Full, &[("/tmp", ProposeWrites)])), []);
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
        assert!(with(|s| s.profile.paths.extend([("/a/../b".to_owned(), Access::Full)])).is_err());
    }
}
