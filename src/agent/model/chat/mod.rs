//! Chat Completions: what nearly every service that runs models speaks, each in its own way.

mod answer;
mod inline;
mod messages;

use serde_json::{Value, json};

use self::answer::ChatReader;
use self::messages::messages;
use super::answer::Reader;
use super::names::Names;
use super::profile::{Format, MaxTokens, Profile};
use super::remote::Dialect;
use super::tool::{
    APPLY_PATCH_DESCRIPTION, SHELL_DESCRIPTION, apply_patch_parameters, custom_description, custom_parameters,
    shell_parameters,
};
use super::{CallKind, Prompt, TextFormat, ToolChoice, ToolSpec};

/// How a Chat Completions endpoint is asked.
pub(super) struct Chat {
    /// What the upstream calls the model.
    pub model: String,
    pub profile: Profile,
}

impl Dialect for Chat {
    fn path(&self) -> &'static str {
        "/chat/completions"
    }

    fn request(&self, prompt: &Prompt) -> Value {
        let profile = &self.profile;
        let names = Names::of(prompt);
        let mut body = json!({
            "model": self.model, "stream": true, "messages": messages(prompt, &names, profile),
        });
        let mut set = |key: &str, value: Value| {
            if !value.is_null() {
                body[key] = value;
            }
        };
        if !prompt.tools.is_empty() {
            let tools = prompt.tools.iter().map(|tool| self.tool(tool, &names));
            set("tools", tools.collect());
            if profile.tool_choice {
                set("tool_choice", tool_choice(&prompt.choice, &names));
            }
            if profile.parallel_tool_calls {
                set("parallel_tool_calls", prompt.parallel_tool_calls.into());
            }
        }
        if profile.stream_usage {
            set("stream_options", json!({"include_usage": true}));
        }
        match profile.max_tokens {
            MaxTokens::MaxTokens => set("max_tokens", prompt.max_output_tokens.into()),
            MaxTokens::MaxCompletionTokens => set("max_completion_tokens", prompt.max_output_tokens.into()),
            MaxTokens::None => {}
        }
        if profile.sampling {
            set("temperature", prompt.temperature.into());
            set("top_p", prompt.top_p.into());
            set("presence_penalty", prompt.presence_penalty.into());
            set("frequency_penalty", prompt.frequency_penalty.into());
        }
        for (may, key, value) in [
            (profile.effort, "reasoning_effort", &prompt.effort),
            (profile.verbosity, "verbosity", &prompt.verbosity),
            (profile.cache_key, "prompt_cache_key", &prompt.cache_key),
        ] {
            if may {
                set(key, value.clone().into());
            }
        }
        set("response_format", self.response_format(&prompt.format));
        for (key, value) in &profile.extra {
            set(key, value.clone());
        }
        body
    }

    fn reader(&self) -> Box<dyn Reader> {
        Box::new(ChatReader::new(&self.profile))
    }
}

impl Chat {
    fn tool(&self, tool: &ToolSpec, names: &Names) -> Value {
        let function = |kind: CallKind, description: Option<&str>, parameters: Value| {
            let mut function = json!({"name": names.name(&kind), "parameters": parameters});
            if let Some(description) = description {
                function["description"] = description.into();
            }
            json!({"type": "function", "function": function})
        };
        match tool {
            ToolSpec::Function { name, description, parameters, strict } => {
                let parameters = match parameters {
                    Value::Null => json!({"type": "object", "properties": {}}),
                    parameters => parameters.clone(),
                };
                let mut rendered = function(CallKind::Function(name.clone()), description.as_deref(), parameters);
                if let Some(strict) = strict.filter(|_| self.profile.strict) {
                    rendered["function"]["strict"] = strict.into();
                }
                rendered
            }
            ToolSpec::Custom { name, description, format } => {
                let description = custom_description(description.as_deref(), format);
                function(CallKind::Custom(name.clone()), description.as_deref(), custom_parameters())
            }
            ToolSpec::Shell => function(CallKind::Shell, Some(SHELL_DESCRIPTION), shell_parameters()),
            ToolSpec::ApplyPatch => {
                function(CallKind::ApplyPatch, Some(APPLY_PATCH_DESCRIPTION), apply_patch_parameters())
            }
        }
    }

    fn response_format(&self, format: &TextFormat) -> Value {
        match (format, self.profile.text_format) {
            (TextFormat::Text, _) | (_, Format::None) => Value::Null,
            (TextFormat::JsonSchema { name, description, schema, strict }, Format::JsonSchema) => {
                let mut json_schema = json!({"name": name, "schema": schema});
                if let Some(description) = description {
                    json_schema["description"] = description.as_str().into();
                }
                if let Some(strict) = strict.filter(|_| self.profile.strict) {
                    json_schema["strict"] = strict.into();
                }
                json!({"type": "json_schema", "json_schema": json_schema})
            }
            (TextFormat::JsonObject | TextFormat::JsonSchema { .. }, _) => json!({"type": "json_object"}),
        }
    }
}

fn tool_choice(choice: &ToolChoice, names: &Names) -> Value {
    match choice {
        ToolChoice::Auto => "auto".into(),
        ToolChoice::None => "none".into(),
        ToolChoice::Required => "required".into(),
        ToolChoice::Named(kind) => json!({"type": "function", "function": {"name": names.name(kind)}}),
    }
}

#[cfg(test)]
mod tests;
