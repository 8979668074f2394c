//! Responses: an upstream that speaks what Coquina itself speaks. It keeps nothing; each step sends the whole conversation.

mod answer;
mod input;

use serde_json::{Value, json};

use self::answer::ResponsesReader;
use self::input::input;
use super::answer::Reader;
use super::names::Names;
use super::profile::Profile;
use super::remote::Dialect;
use super::tool::{APPLY_PATCH_DESCRIPTION, SHELL_DESCRIPTION, apply_patch_parameters, shell_parameters};
use super::{CallKind, Prompt, TextFormat, ToolChoice, ToolSpec};

/// How a Responses endpoint is asked.
pub(super) struct Responses {
    /// What the upstream calls the model.
    pub model: String,
    pub profile: Profile,
}

impl Dialect for Responses {
    fn path(&self) -> &'static str {
        "/responses"
    }

    fn request(&self, prompt: &Prompt) -> Value {
        let profile = &self.profile;
        let names = Names::of(prompt);
        let mut body = json!({
            "model": self.model, "stream": true, "store": false, "include": ["reasoning.encrypted_content"],
            "input": input(prompt, &names, profile.native_tools),
        });
        let mut set = |key: &str, value: Value| {
            if !value.is_null() {
                body[key] = value;
            }
        };
        if !prompt.instructions.is_empty() {
            set("instructions", prompt.instructions.as_str().into());
        }
        if !prompt.tools.is_empty() {
            set("tools", prompt.tools.iter().map(|tool| self.tool(tool, &names)).collect());
            set("parallel_tool_calls", prompt.parallel_tool_calls.into());
            if profile.tool_choice {
                set("tool_choice", self.tool_choice(&prompt.choice, &names));
            }
        }
        set("max_output_tokens", prompt.max_output_tokens.into());
        if profile.sampling {
            set("temperature", prompt.temperature.into());
            set("top_p", prompt.top_p.into());
        }
        if profile.cache_key {
            set("prompt_cache_key", prompt.cache_key.clone().into());
        }
        if let Some(effort) = prompt.effort.as_deref().filter(|_| profile.effort) {
            set("reasoning", json!({"effort": effort}));
        }
        set("text", self.text(prompt));
        for (key, value) in &profile.extra {
            set(key, value.clone());
        }
        body
    }

    fn reader(&self) -> Box<dyn Reader> {
        Box::<ResponsesReader>::default()
    }
}

impl Responses {
    fn tool(&self, tool: &ToolSpec, names: &Names) -> Value {
        let ours = |kind: CallKind, description: &str, parameters: Value| {
            json!({"type": "function", "name": names.name(&kind), "description": description,
                "parameters": parameters, "strict": false})
        };
        match tool {
            ToolSpec::Function { name, description, parameters, strict } => {
                let name = CallKind::Function(name.clone());
                json!({"type": "function", "name": names.name(&name), "description": description,
                    "parameters": parameters, "strict": strict.unwrap_or(false)})
            }
            ToolSpec::Custom { name, description, format } => {
                let name = CallKind::Custom(name.clone());
                let mut tool = json!({"type": "custom", "name": names.name(&name)});
                if let Some(description) = description {
                    tool["description"] = description.as_str().into();
                }
                if !format.is_null() {
                    tool["format"] = format.clone();
                }
                tool
            }
            ToolSpec::Shell if self.profile.native_tools => json!({"type": "shell", "environment": {"type": "local"}}),
            ToolSpec::Shell => ours(CallKind::Shell, SHELL_DESCRIPTION, shell_parameters()),
            ToolSpec::ApplyPatch if self.profile.native_tools => json!({"type": "apply_patch"}),
            ToolSpec::ApplyPatch => ours(CallKind::ApplyPatch, APPLY_PATCH_DESCRIPTION, apply_patch_parameters()),
        }
    }

    fn tool_choice(&self, choice: &ToolChoice, names: &Names) -> Value {
        let native = self.profile.native_tools;
        match choice {
            ToolChoice::Auto => "auto".into(),
            ToolChoice::None => "none".into(),
            ToolChoice::Required => "required".into(),
            ToolChoice::Named(CallKind::Shell) if native => json!({"type": "shell"}),
            ToolChoice::Named(CallKind::ApplyPatch) if native => json!({"type": "apply_patch"}),
            ToolChoice::Named(kind) => {
                let custom = matches!(kind, CallKind::Custom(_));
                json!({"type": if custom { "custom" } else { "function" }, "name": names.name(kind)})
            }
        }
    }

    /// The form of its text; null if nothing is asked.
    fn text(&self, prompt: &Prompt) -> Value {
        let mut text = json!({});
        if let Some(verbosity) = prompt.verbosity.as_deref().filter(|_| self.profile.verbosity) {
            text["verbosity"] = verbosity.into();
        }
        match &prompt.format {
            TextFormat::Text => {}
            TextFormat::JsonObject => text["format"] = json!({"type": "json_object"}),
            TextFormat::JsonSchema { name, description, schema, strict } => {
                text["format"] = json!({"type": "json_schema", "name": name, "schema": schema, "strict": strict});
                if let Some(description) = description {
                    text["format"]["description"] = description.as_str().into();
                }
            }
        }
        if text == json!({}) { Value::Null } else { text }
    }
}

#[cfg(test)]
mod tests;
