//! The tools of a request for a response, and which of them the model must or may use.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::agent::Skill;
use crate::agent::approval::SERVER_LABEL;
use crate::agent::model::{CallKind, ToolChoice, ToolSpec};
use crate::api::error::ApiError;
use crate::api::json::part;
use crate::api::wire::{CustomTool, FunctionTool, MemoryLimit, NetworkPolicyParam, ShellTool, SkillParam};

/// Most files and skills of a shell, and most tools of a request.
const FILES: usize = 50;
const SKILLS: usize = 200;
const TOOLS: usize = 512;

/// Longest name of a tool.
const NAME_CHARS: usize = 128;

/// The tools of a request.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// Functions and custom tools: the client carries them out.
    pub client: Vec<ToolSpec>,
    /// Where the shell's commands run, if there is a shell.
    pub shell: Option<AskedShell>,
    /// Whether files can be edited by diffs.
    pub apply_patch: bool,
}

/// Where a shell's commands are to run.
#[derive(Debug)]
pub(super) enum AskedShell {
    /// In a container of the request's own, or the conversation's.
    Auto(AutoShell),
    /// In this container.
    Reference(String),
    /// Where the client is, who has these skills.
    Local(Vec<Skill>),
}

/// What a request's own container is to be.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AutoShell {
    #[allow(dead_code, reason = "it says which of the environments it is")]
    r#type: String,
    pub file_ids: Option<Vec<String>>,
    pub memory_limit: Option<MemoryLimit>,
    pub network_policy: Option<NetworkPolicyParam>,
    pub skills: Option<Vec<SkillParam>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReferenceShell {
    #[allow(dead_code, reason = "it says which of the environments it is")]
    r#type: String,
    container_id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LocalShell {
    #[allow(dead_code, reason = "it says which of the environments it is")]
    r#type: String,
    skills: Option<Vec<LocalSkill>>,
}

#[derive(Deserialize)]
struct LocalSkill {
    name: String,
    description: String,
    path: String,
}

/// Understands tools; also how the response shows them.
pub(super) fn understand(tools: Vec<Value>) -> Result<(Asked, Vec<Value>), ApiError> {
    if tools.len() > TOOLS {
        return Err(ApiError::invalid_value("tools", format!("expected at most {TOOLS} tools, got {}", tools.len())));
    }
    let (mut asked, mut shown) = (Asked::default(), Vec::new());
    for (index, tool) in tools.into_iter().enumerate() {
        let param = format!("tools[{index}]");
        match tool.get("type").and_then(Value::as_str) {
            Some("function") => {
                let (spec, tool) = function(&param, tool)?;
                add(&mut asked, &param, spec)?;
                shown.push(tool);
            }
            Some("custom") => {
                let (spec, tool) = custom(&param, tool)?;
                add(&mut asked, &param, spec)?;
                shown.push(tool);
            }
            Some("shell") => {
                if asked.shell.is_some() {
                    return Err(ApiError::invalid_value(param, "a request has at most one shell"));
                }
                let (shell, tool) = shell(&param, tool)?;
                asked.shell = Some(shell);
                shown.push(tool);
            }
            Some("apply_patch") => {
                asked.apply_patch = true;
                shown.push(tool);
            }
            // No tool of a model's: with it a client says that it knows what our requests for approval are.
            Some("mcp") if tool["server_label"] == SERVER_LABEL => {
                shown.push(json!({ "type": "mcp", "server_label": SERVER_LABEL }));
            }
            Some(other) => {
                let other: String = other.chars().take(64).collect();
                let why = format!(
                    "tools of type '{other}' are not supported; expected 'function', 'custom', 'shell', 'apply_patch', or 'mcp' with the server_label '{SERVER_LABEL}'"
                );
                return Err(ApiError::invalid_value(format!("{param}.type"), why));
            }
            None if tool.is_object() => return Err(ApiError::missing_parameter(format!("{param}.type"))),
            None => return Err(ApiError::invalid_type(param, "expected an object")),
        }
    }
    Ok((asked, shown))
}

/// Adds a tool of the client's; no two have one name.
fn add(asked: &mut Asked, param: &str, spec: ToolSpec) -> Result<(), ApiError> {
    let name = client_name(&spec);
    if asked.client.iter().any(|other| client_name(other) == name) {
        let why = format!("there is another tool named '{}'", name.unwrap_or_default());
        return Err(ApiError::invalid_value(format!("{param}.name"), why));
    }
    asked.client.push(spec);
    Ok(())
}

fn client_name(spec: &ToolSpec) -> Option<&str> {
    match spec {
        ToolSpec::Function { name, .. } | ToolSpec::Custom { name, .. } => Some(name),
        ToolSpec::Shell | ToolSpec::ApplyPatch => None,
    }
}

fn function(param: &str, mut tool: Value) -> Result<(ToolSpec, Value), ApiError> {
    let FunctionTool { name, description, parameters, strict } = part(param, tool.clone())?;
    check_name(&format!("{param}.name"), &name, NAME_CHARS)?;
    let parameters = parameters.unwrap_or(Value::Null);
    if !parameters.is_object() && !parameters.is_null() {
        return Err(ApiError::invalid_type(format!("{param}.parameters"), "expected an object or null"));
    }
    default(&mut tool, &[("description", Value::Null), ("parameters", Value::Null), ("strict", Value::Null)]);
    Ok((ToolSpec::Function { name, description, parameters, strict }, tool))
}

fn custom(param: &str, mut tool: Value) -> Result<(ToolSpec, Value), ApiError> {
    let CustomTool { name, description, format } = part(param, tool.clone())?;
    check_name(&format!("{param}.name"), &name, NAME_CHARS)?;
    let format = format.unwrap_or_else(|| json!({ "type": "text" }));
    if !matches!(format["type"].as_str(), Some("text" | "grammar")) {
        return Err(ApiError::invalid_value(format!("{param}.format.type"), "expected 'text' or 'grammar'"));
    }
    if format["type"] == "grammar" {
        if !matches!(format["syntax"].as_str(), Some("lark" | "regex")) {
            return Err(ApiError::invalid_value(format!("{param}.format.syntax"), "expected 'lark' or 'regex'"));
        }
        if !format["definition"].is_string() {
            return Err(ApiError::missing_parameter(format!("{param}.format.definition")));
        }
    }
    default(&mut tool, &[("format", format.clone())]);
    if let (Some(fields), None) = (tool.as_object_mut(), &description) {
        // Here, other than for a function, the reference has no null.
        fields.remove("description");
    }
    Ok((ToolSpec::Custom { name, description, format }, tool))
}

fn shell(param: &str, mut tool: Value) -> Result<(AskedShell, Value), ApiError> {
    let ShellTool { environment, .. } = part(param, tool.clone())?;
    let environment = environment.unwrap_or_else(|| json!({ "type": "local" }));
    let param = format!("{param}.environment");
    let shell = match environment["type"].as_str() {
        Some("container_auto") => {
            let auto: AutoShell = part(&param, environment.clone())?;
            check_count(&format!("{param}.file_ids"), auto.file_ids.as_ref().map_or(0, Vec::len), FILES)?;
            check_count(&format!("{param}.skills"), auto.skills.as_ref().map_or(0, Vec::len), SKILLS)?;
            AskedShell::Auto(auto)
        }
        Some("container_reference") => {
            AskedShell::Reference(part::<ReferenceShell>(&param, environment.clone())?.container_id)
        }
        Some("local") => {
            let skills = part::<LocalShell>(&param, environment.clone())?.skills.unwrap_or_default();
            check_count(&format!("{param}.skills"), skills.len(), SKILLS)?;
            let skill = |LocalSkill { name, description, path }| Skill { name, description, path };
            AskedShell::Local(skills.into_iter().map(skill).collect())
        }
        _ => {
            let why = "expected 'container_auto', 'container_reference' or 'local'";
            return Err(ApiError::invalid_value(format!("{param}.type"), why));
        }
    };
    tool["environment"] = shown(environment);
    Ok((shell, tool))
}

/// An environment as it is shown: secrets for domains have no values, versions of skills are text.
fn shown(mut environment: Value) -> Value {
    if let Some(skills) = environment.pointer_mut("/skills").and_then(Value::as_array_mut) {
        for version in skills.iter_mut().filter_map(|skill| skill.get_mut("version")).filter(|version| version.is_u64())
        {
            *version = version.to_string().into();
        }
    }
    if let Some(secrets) = environment.pointer_mut("/network_policy/domain_secrets").and_then(Value::as_array_mut) {
        for secret in secrets {
            secret.as_object_mut().map(|fields| fields.remove("value"));
        }
    }
    environment
}

/// Understands `tool_choice`: what must be used, what alone may be used, and how the response shows it.
pub(super) fn choice(
    choice: Option<Value>,
    tools: &Asked,
) -> Result<(ToolChoice, Option<Vec<String>>, Value), ApiError> {
    let shown = choice.unwrap_or_else(|| "auto".into());
    let (must, allowed) = match &shown {
        Value::String(mode) => (mode_of("tool_choice", mode)?, None),
        Value::Object(_) if shown["type"] == "allowed_tools" => {
            let names = shown["tools"].as_array().map(Vec::as_slice).unwrap_or_default();
            let names: Result<Vec<_>, _> = names
                .iter()
                .enumerate()
                .map(|(index, tool)| {
                    let param = format!("tool_choice.tools[{index}]");
                    named(&param, tool, tools).map(|(_, name)| name)
                })
                .collect();
            let mode = shown["mode"].as_str().filter(|mode| matches!(*mode, "auto" | "required"));
            let mode =
                mode.ok_or_else(|| ApiError::invalid_value("tool_choice.mode", "expected 'auto' or 'required'"))?;
            (mode_of("tool_choice.mode", mode)?, Some(names?))
        }
        Value::Object(_) => (ToolChoice::Named(named("tool_choice", &shown, tools)?.0), None),
        _ => return Err(ApiError::invalid_type("tool_choice", "expected a string or an object")),
    };
    if must == ToolChoice::Required && tools.client.is_empty() && tools.shell.is_none() && !tools.apply_patch {
        return Err(ApiError::invalid_value("tool_choice", "a tool is required, and 'tools' has none"));
    }
    Ok((must, allowed, shown))
}

fn mode_of(param: &str, mode: &str) -> Result<ToolChoice, ApiError> {
    match mode {
        "auto" => Ok(ToolChoice::Auto),
        "none" => Ok(ToolChoice::None),
        "required" => Ok(ToolChoice::Required),
        _ => Err(ApiError::invalid_value(param, "expected 'auto', 'none', 'required' or an object")),
    }
}

/// The tool that an object names, if there is such a tool.
fn named(param: &str, object: &Value, tools: &Asked) -> Result<(CallKind, String), ApiError> {
    let name = object["name"].as_str();
    let client = |wanted: &str| tools.client.iter().find(|spec| client_name(spec) == Some(wanted));
    let found = match (object["type"].as_str(), name) {
        (Some("shell"), _) if tools.shell.is_some() => Some((CallKind::Shell, "shell".to_owned())),
        (Some("apply_patch"), _) if tools.apply_patch => Some((CallKind::ApplyPatch, "apply_patch".to_owned())),
        (Some("function"), Some(name)) => match client(name) {
            Some(ToolSpec::Function { name, .. }) => Some((CallKind::Function(name.clone()), name.clone())),
            _ => None,
        },
        (Some("custom"), Some(name)) => match client(name) {
            Some(ToolSpec::Custom { name, .. }) => Some((CallKind::Custom(name.clone()), name.clone())),
            _ => None,
        },
        _ => None,
    };
    found.ok_or_else(|| ApiError::invalid_value(param, "it names no tool of 'tools'"))
}

/// Checks a name that models see: letters, digits, `_` and `-`.
pub(super) fn check_name(param: &str, name: &str, most: usize) -> Result<(), ApiError> {
    let good = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    match (1..=most).contains(&name.len()) && name.bytes().all(good) {
        true => Ok(()),
        false => Err(ApiError::invalid_value(param, format!("expected 1 to {most} letters, digits, '_' or '-'"))),
    }
}

fn check_count(param: &str, count: usize, most: usize) -> Result<(), ApiError> {
    match count > most {
        true => Err(ApiError::invalid_value(param, format!("expected at most {most}, got {count}"))),
        false => Ok(()),
    }
}

/// Fills in fields that are missing.
fn default(tool: &mut Value, fields: &[(&str, Value)]) {
    if let Some(object) = tool.as_object_mut() {
        for (name, value) in fields {
            object.entry(*name).or_insert_with(|| value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> (Asked, Vec<Value>) {
        understand(vec![
            json!({"type": "function", "name": "f", "parameters": {"type": "object"}}),
            json!({"type": "custom", "name": "g"}),
            json!({"type": "shell", "environment": {"type": "container_auto", "network_policy": {"type": "allowlist",
                "allowed_domains": ["a"], "domain_secrets": [{"domain": "a", "name": "K", "value": "s3cret"}]}}}),
            json!({"type": "apply_patch"}),
            json!({"type": "mcp", "server_label": "coquina", "authorization": "s3cret"}),
        ])
        .expect("good tools")
    }

    #[test]
    fn tools_are_shown_whole_and_without_secrets() {
        let (asked, shown) = all();
        assert_eq!(asked.client.len(), 2);
        assert!(matches!(asked.shell, Some(AskedShell::Auto(_))) && asked.apply_patch);
        for key in ["description", "parameters", "strict"] {
            assert!(shown[0].get(key).is_some(), "{key}");
        }
        assert!(!json!(shown).to_string().contains("s3cret"), "{shown:?}");
        let (local, shown) = understand(vec![json!({"type": "shell"})]).expect("a shell");
        assert!(matches!(local.shell, Some(AskedShell::Local(_))));
        assert_eq!(shown[0]["environment"]["type"], "local");
    }

    #[test]
    fn what_is_no_tool_is_refused_by_name() {
        for (tools, param) in [
            (json!([{"type": "web_search"}]), "tools[0].type"),
            (json!([{"type": "mcp", "server_label": "another", "server_url": "https://a.example"}]), "tools[0].type"),
            (json!([{"name": "f"}]), "tools[0].type"),
            (json!([5]), "tools[0]"),
            (json!([{"type": "function", "name": "a b"}]), "tools[0].name"),
            (json!([{"type": "function"}]), "tools[0].name"),
            (json!([{"type": "function", "name": "f", "parameters": "x"}]), "tools[0].parameters"),
            (json!([{"type": "function", "name": "f"}, {"type": "custom", "name": "f"}]), "tools[1].name"),
            (
                json!([{"type": "custom", "name": "f", "format": {"type": "grammar", "syntax": "zz", "definition": "a"}}]),
                "tools[0].format.syntax",
            ),
            (json!([{"type": "shell"}, {"type": "shell"}]), "tools[1]"),
            (json!([{"type": "shell", "environment": {"type": "moon"}}]), "tools[0].environment.type"),
            (
                json!([{"type": "shell", "environment": {"type": "container_reference"}}]),
                "tools[0].environment.container_id",
            ),
            (
                json!([{"type": "shell", "environment": {"type": "container_auto", "colour": 1}}]),
                "tools[0].environment.colour",
            ),
        ] {
            let error = understand(tools.as_array().expect("a list").clone()).expect_err("it is wrong");
            let body: Value = serde_json::from_slice(&error.body()).expect("it is JSON");
            assert_eq!(body["error"]["param"], param, "{tools}: {body}");
        }
    }

    #[test]
    fn a_choice_names_what_is_there() {
        let (tools, _) = all();
        for (given, expected) in [
            (json!("none"), ToolChoice::None),
            (json!("required"), ToolChoice::Required),
            (json!({"type": "shell"}), ToolChoice::Named(CallKind::Shell)),
            (json!({"type": "function", "name": "f"}), ToolChoice::Named(CallKind::Function("f".into()))),
            (json!({"type": "custom", "name": "g"}), ToolChoice::Named(CallKind::Custom("g".into()))),
        ] {
            assert_eq!(choice(Some(given), &tools).expect("it is there").0, expected);
        }
        let allowed = json!({"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}, {"type": "shell"}]});
        let (must, allowed, _) = choice(Some(allowed), &tools).expect("they are there");
        assert_eq!((must, allowed), (ToolChoice::Required, Some(vec!["f".into(), "shell".into()])));
        for wrong in [json!("maybe"), json!(1), json!({"type": "function", "name": "g"}), json!({"type": "mcp"})] {
            assert!(choice(Some(wrong.clone()), &tools).is_err(), "{wrong}");
        }
        assert!(choice(Some(json!("required")), &Asked::default()).is_err());
    }
}
