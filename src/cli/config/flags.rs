//! The settings as flags, made from their table.

use std::path::PathBuf;

use clap::builder::ValueHint;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, value_parser};
use toml::Value;

use super::slot::Slot;
use super::table::{SETTINGS, Setting};
use super::{Settings, print};

/// The flag that names the file.
const FILE: &str = "config";

/// Settings given as flags.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// The file that was named.
    pub file: Option<PathBuf>,
    /// What was given, by key.
    given: Vec<(&'static str, Vec<String>)>,
}

impl Flags {
    /// What was given, as values.
    pub(super) fn values(&self) -> impl Iterator<Item = (&'static Setting, Value)> {
        SETTINGS.iter().filter_map(|setting| {
            let (_, texts) = self.given.iter().find(|(key, _)| *key == setting.key)?;
            let value = match (setting.slot)(&mut Settings::default()) {
                Slot::Names(_) => Value::Array(texts.iter().cloned().map(Value::String).collect()),
                _ => Value::String(texts.last()?.clone()),
            };
            Some((setting, value))
        })
    }

    #[cfg(test)]
    pub(super) fn of(file: Option<PathBuf>, given: &[(&'static str, &str)]) -> Flags {
        Flags { file, given: given.iter().map(|(key, text)| (*key, vec![(*text).to_owned()])).collect() }
    }
}

impl FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Flags, clap::Error> {
        let texts = |setting: &Setting| {
            let texts = matches.get_many::<String>(setting.key)?;
            Some((setting.key, texts.cloned().collect()))
        };
        Ok(Flags {
            file: matches.get_one::<PathBuf>(FILE).cloned(),
            given: SETTINGS.iter().filter_map(texts).collect(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Flags::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for Flags {
    fn augment_args(command: Command) -> Command {
        let help = "The file with settings; else $COQUINA_CONFIG, else `coquina/config.toml` in the user's configuration directory";
        let file = Arg::new(FILE).long(FILE).value_name("FILE").help(help);
        let file = file.value_parser(value_parser!(PathBuf)).value_hint(ValueHint::FilePath);
        let mut defaults = Settings::default();
        command.arg(file).args(SETTINGS.iter().map(|setting| arg(setting, &mut defaults)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Flags::augment_args(command)
    }
}

fn arg(setting: &'static Setting, defaults: &mut Settings) -> Arg {
    let slot = (setting.slot)(defaults);
    let arg = Arg::new(setting.key).long(setting.flag).value_name(slot.value_name());
    let arg = match slot {
        Slot::Switch(_) => arg.num_args(0..=1).require_equals(true).default_missing_value("true"),
        Slot::Names(_) => arg.action(ArgAction::Append),
        Slot::Path(_) => arg.value_hint(ValueHint::AnyPath),
        _ => arg,
    };
    let default = match (setting.slot)(defaults).show() {
        Some(Value::Array(_) | Value::Boolean(_)) | None => String::new(),
        Some(Value::String(text)) => format!(" [default: {text}]"),
        Some(value) => format!(" [default: {}]", print::text(&value)),
    };
    arg.help(format!("{}{default}", setting.meaning)).help_heading(heading(setting.section()))
}

/// What a section's flags are listed under.
fn heading(section: &str) -> Option<&'static str> {
    match section {
        "tls" => Some("TLS"),
        "limits" => Some("Limits of a command (requests can only ask for less)"),
        "admission" => Some("Turns"),
        "http" => Some("HTTP"),
        "containers" => Some("Containers"),
        "engine" => Some("Engine"),
        "quotas" => Some("Quotas of keys that have none of their own"),
        "agent" => Some("Agent"),
        "audit" => Some("Audit"),
        "telemetry" => Some("Telemetry"),
        _ => None,
    }
}
