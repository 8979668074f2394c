//! What an upstream understands: services that are called compatible differ, and refuse what they do not know.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

/// An upstream's quirks. In a configuration: the name of a preset, or a table with `like` = a preset and what differs from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct Profile {
    /// By what name it takes the limit of output tokens.
    pub max_tokens: MaxTokens,
    /// Whether it takes `stream_options.include_usage`.
    pub stream_usage: bool,
    /// Whether it takes `parallel_tool_calls`.
    pub parallel_tool_calls: bool,
    /// Whether it takes `tool_choice`; without, it is always free to choose.
    pub tool_choice: bool,
    /// Whether it takes `strict` of functions and schemas.
    pub strict: bool,
    /// Whether a message with calls may have `content: null`; without, it is empty.
    pub null_content: bool,
    /// Whether it knows the role `developer`; without, it is `system`.
    pub developer_role: bool,
    /// Whether it wants all system messages as one, at the start.
    pub one_system_message: bool,
    /// Whether it takes images.
    pub images: bool,
    /// Whether it takes files, as PDF, as they are.
    pub files: bool,
    /// Whether it takes `reasoning_effort`.
    pub effort: bool,
    /// Whether it takes `verbosity`.
    pub verbosity: bool,
    /// Whether it takes `prompt_cache_key`.
    pub cache_key: bool,
    /// Whether it takes `temperature`, `top_p` and penalties.
    pub sampling: bool,
    /// Which forms of text it can be held to.
    pub text_format: Format,
    /// Under which name, if any, it wants to see its own reasoning again.
    pub reasoning_back: ReasoningBack,
    /// How reasoning may stand in its text.
    pub inline_reasoning: InlineReasoning,
    /// Whether calls may stand in its text, as `<tool_call>{…}</tool_call>`.
    pub inline_calls: bool,
    /// Whether it wants ids of calls to be nine letters and digits.
    pub nine_character_ids: bool,
    /// Responses only: whether it knows the tools `shell` and `apply_patch` itself.
    pub native_tools: bool,
    /// More members of each request, as `{"options": {"num_ctx": 32768}}`.
    #[serde(default)]
    pub extra: Map<String, Value>,
}

/// By what name an upstream takes the limit of output tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MaxTokens {
    /// `max_tokens`.
    MaxTokens,
    /// `max_completion_tokens`.
    MaxCompletionTokens,
    /// It takes none.
    None,
}

/// Which forms of text an upstream can be held to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// JSON that matches a schema, and JSON objects.
    JsonSchema,
    /// JSON objects.
    JsonObject,
    /// None.
    None,
}

/// Under which name an upstream wants to see its own reasoning again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasoningBack {
    /// `reasoning_content`.
    ReasoningContent,
    /// `reasoning`.
    Reasoning,
    /// It does not.
    None,
}

/// How reasoning may stand in an upstream's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InlineReasoning {
    /// The text may begin with `<think>…</think>`.
    Tags,
    /// The text begins with reasoning that only `</think>` ends: the template wrote the first tag.
    Opened,
    /// It does not.
    None,
}

/// The presets by name.
pub const PRESETS: &[&str] = &["plain", "openai", "openrouter", "vllm", "llama_cpp", "ollama", "mistral"];

impl Default for Profile {
    /// `plain`: only what every service takes.
    fn default() -> Profile {
        Profile {
            max_tokens: MaxTokens::MaxTokens,
            stream_usage: false,
            parallel_tool_calls: false,
            tool_choice: true,
            strict: false,
            null_content: false,
            developer_role: false,
            one_system_message: true,
            images: true,
            files: false,
            effort: false,
            verbosity: false,
            cache_key: false,
            sampling: true,
            text_format: Format::JsonSchema,
            reasoning_back: ReasoningBack::None,
            inline_reasoning: InlineReasoning::Tags,
            inline_calls: false,
            nine_character_ids: false,
            native_tools: false,
            extra: Map::new(),
        }
    }
}

impl Profile {
    /// The preset of this name.
    pub fn preset(name: &str) -> Option<Profile> {
        let plain = Profile::default();
        let usual = Profile { stream_usage: true, parallel_tool_calls: true, ..plain.clone() };
        Some(match name {
            "plain" => plain,
            "openai" => Profile {
                max_tokens: MaxTokens::MaxCompletionTokens,
                strict: true,
                null_content: true,
                developer_role: true,
                one_system_message: false,
                effort: true,
                verbosity: true,
                cache_key: true,
                inline_reasoning: InlineReasoning::None,
                files: true,
                ..usual
            },
            "openrouter" => Profile { null_content: true, effort: true, files: true, ..usual },
            "vllm" => Profile { null_content: true, ..usual },
            "llama_cpp" => Profile { reasoning_back: ReasoningBack::ReasoningContent, ..usual },
            "ollama" => Profile { parallel_tool_calls: false, tool_choice: false, ..usual },
            "mistral" => Profile { stream_usage: false, nine_character_ids: true, ..usual },
            _ => return None,
        })
    }
}

impl<'de> Deserialize<'de> for Profile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        let given = Value::deserialize(deserializer)?;
        let (like, given) = match given {
            Value::String(name) => (name, Map::new()),
            Value::Object(mut given) => match given.remove("like") {
                Some(Value::String(name)) => (name, given),
                None => ("plain".into(), given),
                Some(other) => return Err(D::Error::custom(format_args!("like = {other} is not a name"))),
            },
            other => return Err(D::Error::custom(format_args!("{other} is neither a name nor a table"))),
        };
        let unknown = || format!("no profile is called `{like}`; there are {}", PRESETS.join(", "));
        let preset = Profile::preset(&like).ok_or_else(|| D::Error::custom(unknown()))?;
        let mut fields = match Profile::serialize(&preset, serde_json::value::Serializer).map_err(D::Error::custom)? {
            Value::Object(fields) => fields,
            _ => Map::new(),
        };
        fields.extend(given);
        Profile::deserialize(Value::Object(fields)).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Profile, String> {
        #[derive(Deserialize)]
        struct Table {
            profile: Profile,
        }
        toml::from_str::<Table>(text).map(|table| table.profile).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn a_profile_is_a_preset_and_what_differs() {
        for name in PRESETS {
            assert_eq!(read(&format!("profile = \"{name}\"")).ok(), Profile::preset(name), "{name}");
        }
        let given = read("profile = { like = \"vllm\", max_tokens = \"none\", extra = { top_k = 5 } }");
        let extra = Map::from_iter([("top_k".to_owned(), Value::from(5))]);
        let vllm = Profile::preset("vllm").expect("it is one");
        assert_eq!(given, Ok(Profile { max_tokens: MaxTokens::None, extra, ..vllm }));
        assert_eq!(read("profile = {}"), Ok(Profile::default()));
    }

    #[test]
    fn what_is_no_profile_is_refused() {
        for (text, what) in [
            ("profile = \"gpt\"", "openrouter"),
            ("profile = { images = 1 }", "boolean"),
            ("profile = { image = true }", "image"),
            ("profile = { max_tokens = \"few\" }", "few"),
            ("profile = 3", "neither"),
            ("profile = { like = 3 }", "like"),
        ] {
            let error = read(text).expect_err("it is none");
            assert!(error.contains(what), "{error}");
        }
    }
}
