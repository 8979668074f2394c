//! `coquina config`: the settings in force, and where each came from.

use anyhow::Result;
use clap::Args;
use serde_json::json;
use toml::Value;

use super::table::SETTINGS;
use super::{Effective, Flags, OPAQUE};
use crate::cli::output;

/// `coquina config`.
#[derive(Args)]
pub struct ConfigArgs {
    /// Answer in JSON, with each setting's meaning, variable and flag.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub flags: Flags,
}

/// Prints what `serve` with the same flags would go by: as a file that says the same, the source of each value beside it.
pub fn run(args: &ConfigArgs) -> Result<u8> {
    let mut effective = super::load(&args.flags)?;
    if args.json {
        output::json(&document(&mut effective))?
    } else {
        output::write(file(&mut effective))?
    }
    Ok(0)
}

/// The settings as a file.
pub(super) fn file(effective: &mut Effective) -> String {
    let mut section = "";
    let mut out = String::new();
    for setting in SETTINGS {
        if setting.section() != section {
            section = setting.section();
            out += &format!("\n[{section}]\n");
        }
        let name = setting.key.rsplit('.').next().unwrap_or(setting.key);
        let source = effective.source(setting.key);
        let line = match (setting.slot)(&mut effective.settings).show() {
            Some(value) => format!("{name} = {}", text(&value)),
            None => format!("# {name} is not set"),
        };
        out += &format!("{line:<48} # {source}\n");
    }
    let source = effective.source(OPAQUE[0]);
    for (name, model) in &effective.settings.models {
        out += &format!("\n[models.{}] # {source}\n", key(name));
        match model {
            Value::Table(table) => {
                for (name, value) in table {
                    out += &format!("{} = {}\n", key(name), text(&shown(name, value)));
                }
            }
            other => out += &format!("# {} is no table\n", text(other)),
        }
    }
    if !effective.settings.policy.is_empty() {
        out += &format!("\n[policy] # {}\n", effective.source(OPAQUE[1]));
        for (name, value) in &effective.settings.policy {
            out += &format!("{} = {}\n", key(name), text(value));
        }
    }
    out
}

/// The settings for programs.
fn document(effective: &mut Effective) -> serde_json::Value {
    let mut rows = Vec::new();
    for setting in SETTINGS {
        let source = effective.source(setting.key).to_string();
        let value = (setting.slot)(&mut effective.settings).show();
        rows.push(json!({ "key": setting.key, "value": value, "source": source, "meaning": setting.meaning,
            "variable": setting.variable(), "flag": format!("--{}", setting.flag) }));
    }
    let models: serde_json::Map<_, _> =
        effective.settings.models.iter().map(|(name, model)| (name.clone(), json!(shown(name, model)))).collect();
    json!({ "settings": rows, "models": models, "policy": effective.settings.policy })
}

/// A value of a table that is not ours, without what looks like a secret.
fn shown(name: &str, value: &Value) -> Value {
    let secret = ["key", "token", "secret", "password", "authorization"];
    let name = name.to_lowercase();
    match value {
        Value::Table(table) => Value::Table(table.iter().map(|(name, v)| (name.clone(), shown(name, v))).collect()),
        Value::Array(all) => Value::Array(all.iter().map(|one| shown(&name, one)).collect()),
        Value::String(_) if !name.ends_with("_env") && secret.iter().any(|word| name.contains(word)) => {
            Value::String("(not shown)".into())
        }
        other => other.clone(),
    }
}

/// A value as the file has it.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => format!("{number:?}"),
        Value::Boolean(on) => on.to_string(),
        Value::Datetime(time) => time.to_string(),
        Value::Array(all) => format!("[{}]", all.iter().map(text).collect::<Vec<_>>().join(", ")),
        Value::Table(table) => {
            let pairs: Vec<_> = table.iter().map(|(name, value)| format!("{} = {}", key(name), text(value))).collect();
            format!("{{ {} }}", pairs.join(", "))
        }
    }
}

fn key(name: &str) -> String {
    let bare = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    if bare { name.to_owned() } else { quoted(name) }
}

fn quoted(text: &str) -> String {
    // What JSON escapes, and how, is good in TOML; it lets DEL stand.
    serde_json::Value::from(text).to_string().replace('\x7f', "\\u007f")
}
