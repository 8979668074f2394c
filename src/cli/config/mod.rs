//! Settings of the service, from four layers: flags over the environment over one file over defaults.
//!
//! `table.rs` has every setting once: its key in the file, its flag, its place in [`Settings`]; the variable's name follows from the
//! key. `slot.rs` is how values are read and shown, `flags.rs` the settings as flags, `print.rs` is `coquina config`.

mod flags;
mod print;
mod slot;
mod table;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Result;
use toml::Value;

use super::UsageError;
use crate::agent::AgentConfig;
use crate::api::ApiConfig;
use crate::container::ContainersConfig;
use crate::sandbox::{EngineConfig, Image};

pub use flags::Flags;
pub use print::{ConfigArgs, run};
use table::{SETTINGS, Setting};

/// The variable that names the file.
const FILE_VARIABLE: &str = "COQUINA_CONFIG";

/// Tables of the file that are handed on as they are, to those who know what may be in them.
const OPAQUE: [&str; 2] = ["models", "policy"];

/// Bytes of the audit trail that are kept in memory if nothing is said.
const AUDIT_IN_MEMORY: u64 = 16 << 20;

/// Everything that can be set.
pub struct Settings {
    /// Where the service listens.
    pub listen: SocketAddr,
    /// What was said about listening without keys.
    pub insecure: Option<String>,
    /// The root image: its folder, or a program that has it at its end.
    pub image: Option<PathBuf>,
    /// Where containers, files and keys are kept.
    pub store: Option<PathBuf>,
    /// The most that the store may hold, in bytes.
    pub store_quota: Option<u64>,
    /// Keep nothing on disk.
    pub in_memory: bool,
    /// How the log looks: `text` or `json`.
    pub log: String,
    /// What is in the log, as `RUST_LOG` says it.
    pub log_filter: Option<String>,
    /// Chain of certificates, PEM.
    pub tls_cert: Option<PathBuf>,
    /// Their private key, PEM.
    pub tls_key: Option<PathBuf>,
    /// What the service allows.
    pub api: ApiConfig,
    /// How the agent works.
    pub agent: AgentConfig,
    /// How containers are kept.
    pub containers: ContainersConfig,
    /// How processes are run.
    pub engine: EngineConfig,
    /// Where traces go.
    pub telemetry: Telemetry,
    /// The file's `[models.NAME]` tables, not looked into.
    pub models: toml::Table,
    /// The file's `[policy]`: what agents may do, not looked into.
    pub policy: toml::Table,
    /// The folder of the file: where paths in its `[models]` begin. Empty, which is the working directory, if there is no file.
    pub folder: PathBuf,
}

/// Where traces go, if anywhere.
#[derive(Default)]
pub struct Telemetry {
    /// A collector that takes OTLP over HTTP, as `http://127.0.0.1:4318`.
    pub endpoint: Option<String>,
    /// Header fields for it, `name=value`, separated by commas. May be secret.
    pub headers: Option<String>,
    /// What the service is called in traces; `coquina` if nothing is said.
    pub service: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            listen: SocketAddr::from(([127, 0, 0, 1], 8320)),
            insecure: None,
            image: None,
            store: None,
            store_quota: None,
            in_memory: false,
            log: "text".into(),
            log_filter: None,
            tls_cert: None,
            tls_key: None,
            api: ApiConfig::default(),
            agent: AgentConfig::default(),
            containers: ContainersConfig::default(),
            engine: EngineConfig::default(),
            telemetry: Telemetry::default(),
            models: toml::Table::new(),
            policy: toml::Table::new(),
            folder: PathBuf::new(),
        }
    }
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nobody said anything.
    Default,
    /// The file.
    File(PathBuf),
    /// A variable of the environment.
    Variable(String),
    /// A flag.
    Flag(String),
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Source::Default => f.write_str("default"),
            Source::File(path) => write!(f, "{}", path.display()),
            Source::Variable(name) => write!(f, "${name}"),
            Source::Flag(name) => write!(f, "--{name}"),
        }
    }
}

/// The settings in force, and where each came from.
pub struct Effective {
    /// The settings.
    pub settings: Settings,
    /// By key; what is not in it is a default.
    sources: BTreeMap<&'static str, Source>,
}

/// A look into the environment; variables that are empty are not set.
type Environment<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// The settings in force: `flags`, the environment, the file, the defaults.
///
/// # Errors
/// A file that cannot be read, a key that is none, a value that cannot be.
pub fn load(flags: &Flags) -> Result<Effective> {
    let effective = layers(flags, &|name| std::env::var_os(name).filter(|value| !value.is_empty()))?;
    Ok(effective)
}

/// The settings in force for commands that have none of the flags.
pub fn without_flags() -> Result<Settings> {
    Ok(load(&Flags::default())?.settings)
}

fn layers(flags: &Flags, environment: Environment) -> Result<Effective, UsageError> {
    let mut effective = Effective { settings: defaults(environment), sources: BTreeMap::new() };
    if let Some((path, text)) = file(flags, environment)? {
        effective.file(&path, &text)?;
    }
    for setting in SETTINGS {
        let name = setting.variable();
        let Some(value) = environment(&name) else { continue };
        let value = value.into_string().map_err(|_| UsageError(format!("${name}: it is not UTF-8 text")))?;
        effective.set(setting, &Value::String(value), Source::Variable(name))?;
    }
    for (setting, value) in flags.values() {
        effective.set(setting, &value, Source::Flag(setting.flag.into()))?;
    }
    effective.check()?;
    if effective.settings.in_memory {
        effective.settings.api.audit_keep.bytes.get_or_insert(AUDIT_IN_MEMORY);
    }
    Ok(effective)
}

/// The defaults, as far as they depend on who asks and where.
fn defaults(environment: Environment) -> Settings {
    let mut settings = Settings::default();
    let directory = |name: &str| environment(name).map(PathBuf::from);
    let below = |base: &str, home: &str| {
        let base = directory(base).filter(|dir| dir.is_absolute());
        base.or_else(|| Some(directory("HOME")?.join(home)))
    };
    settings.store = below("XDG_DATA_HOME", ".local/share").map(|dir| dir.join("coquina"));
    settings.engine.cache_dir = below("XDG_CACHE_HOME", ".cache").map(|dir| dir.join("coquina/modules"));
    settings.image = std::env::current_exe().ok().and_then(|program| match Image::is_in(&program) {
        true => Some(program),
        false => Some(program.parent()?.join("image")),
    });
    settings
}

/// The file: one that was named must be there, the user's own need not.
fn file(flags: &Flags, environment: Environment) -> Result<Option<(PathBuf, String)>, UsageError> {
    let named = flags.file.clone().or_else(|| environment(FILE_VARIABLE).map(PathBuf::from));
    let directory = |name: &str| environment(name).map(PathBuf::from);
    let own = || {
        let base = directory("XDG_CONFIG_HOME").filter(|dir| dir.is_absolute());
        Some(base.or_else(|| Some(directory("HOME")?.join(".config")))?.join("coquina/config.toml"))
    };
    let Some(path) = named.clone().or_else(own) else { return Ok(None) };
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some((path, text))),
        Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(UsageError(format!("{}: {error}", path.display()))),
    }
}

impl Effective {
    fn source(&self, key: &str) -> Source {
        self.sources.get(key).cloned().unwrap_or(Source::Default)
    }

    fn set(&mut self, setting: &'static Setting, value: &Value, source: Source) -> Result<(), UsageError> {
        let slot = (setting.slot)(&mut self.settings);
        slot.set(value, setting.at_least).map_err(|expected| {
            let place = match &source {
                Source::File(path) => format!("{}: {}", path.display(), setting.key),
                source => source.to_string(),
            };
            let given = if setting.is_secret() { "the value".into() } else { print::text(value) };
            UsageError(format!("{place}: {given} is not {expected}"))
        })?;
        self.sources.insert(setting.key, source);
        Ok(())
    }

    fn file(&mut self, path: &Path, text: &str) -> Result<(), UsageError> {
        let table: toml::Table =
            text.parse().map_err(|error| UsageError(format!("{}: {error}", path.display()).trim_end().into()))?;
        self.settings.folder = path.parent().map(PathBuf::from).unwrap_or_default();
        self.section(path, "", table)
    }

    /// Takes a table of the file whose keys begin with `prefix`.
    fn section(&mut self, path: &Path, prefix: &str, table: toml::Table) -> Result<(), UsageError> {
        for (name, value) in table {
            let key = format!("{prefix}{name}");
            let setting = SETTINGS.iter().find(|setting| setting.key == key);
            let inner = format!("{key}.");
            match (setting, value) {
                (Some(setting), value) => self.set(setting, &value, Source::File(path.into()))?,
                (None, Value::Table(table)) if OPAQUE.contains(&key.as_str()) => {
                    let (name, place) = match key.as_str() {
                        "models" => (OPAQUE[0], &mut self.settings.models),
                        _ => (OPAQUE[1], &mut self.settings.policy),
                    };
                    *place = table;
                    self.sources.insert(name, Source::File(path.into()));
                }
                (None, Value::Table(table)) if SETTINGS.iter().any(|setting| setting.key.starts_with(&inner)) => {
                    self.section(path, &inner, table)?;
                }
                _ => return Err(unknown(path, prefix, &key)),
            }
        }
        Ok(())
    }

    /// What no setting can tell by itself.
    fn check(&self) -> Result<(), UsageError> {
        let (cert, key) = (&self.settings.tls_cert, &self.settings.tls_key);
        if cert.is_some() == key.is_some() {
            return Ok(());
        }
        let (given, missing) = if cert.is_some() { ("tls.cert", "tls.key") } else { ("tls.key", "tls.cert") };
        Err(UsageError(format!("{given} is set (by {}) and {missing} is not: HTTPS needs both", self.source(given))))
    }
}

/// What may be where `key` is.
fn unknown(path: &Path, prefix: &str, key: &str) -> UsageError {
    let mut allowed: Vec<&str> = Vec::new();
    for rest in SETTINGS.iter().filter_map(|setting| setting.key.strip_prefix(prefix)) {
        let name = rest.split('.').next().unwrap_or(rest);
        if !allowed.contains(&name) {
            allowed.push(name);
        }
    }
    if prefix.is_empty() {
        allowed.extend(OPAQUE);
    }
    let place = prefix.strip_suffix('.').map_or("at the top".into(), |section| format!("in [{section}]"));
    UsageError(format!("{}: there is no setting {key}; {place} there may be {}", path.display(), allowed.join(", ")))
}

#[cfg(test)]
mod tests;
