//! An answer of a Chat Completions endpoint, chunk by chunk, with what services make of the format.

use serde_json::Value;

use super::inline::{Inline, Stretch};
use crate::agent::model::names::{CallIds, Names};
use crate::agent::model::profile::Profile;
use crate::agent::model::refusal::Who;
use crate::agent::model::remote::{Progress, Reader};
use crate::agent::model::tool::custom_input;
use crate::agent::model::{CallKind, Delta, Finish, ModelError, Prompt, Usage, estimate_tokens};

/// Calls of one step; more are nonsense.
const MOST_CALLS: usize = 128;

/// Understands one answer.
pub(super) struct ChatReader {
    who: Who,
    names: Names,
    inline: Inline,
    ids: CallIds,
    calls: Vec<Call>,
    finish: Option<Finish>,
    over: bool,
    usage: Option<Usage>,
    /// For services that do not say what was used.
    prompt_tokens: u64,
    written: u64,
}

/// A call as far as it has come.
struct Call {
    /// By what the service tells its calls apart: a number, an id, or nothing.
    number: Option<u64>,
    id: String,
    name: String,
    arguments: String,
    /// Set when it has been handed on.
    kind: Option<CallKind>,
}

impl ChatReader {
    pub fn new(prompt: &Prompt, who: &Who, profile: &Profile) -> ChatReader {
        ChatReader {
            who: who.clone(),
            names: Names::of(prompt),
            inline: Inline::new(profile),
            ids: CallIds::of(prompt),
            calls: Vec::new(),
            finish: None,
            over: false,
            usage: None,
            prompt_tokens: estimate_tokens(&prompt.items) + prompt.instructions.len() as u64 / 4,
            written: 0,
        }
    }

    /// A chunk, or a whole answer: they differ in one name.
    fn chunk(&mut self, chunk: &Value) -> Result<Vec<Delta>, ModelError> {
        if chunk.get("error").is_some_and(|error| !error.is_null()) {
            return Err(self.who.refused(None, chunk, None));
        }
        let mut said = Vec::new();
        if let Some(usage) = chunk.get("usage").filter(|usage| usage.is_object()) {
            self.usage = Some(usage_of(usage));
        }
        // The chunk with the usage has no choice; nobody asked for two.
        let Some(choice) = chunk["choices"].get(0) else { return Ok(said) };
        let delta = choice.get("delta").or_else(|| choice.get("message")).unwrap_or(&Value::Null);
        for key in ["reasoning_content", "reasoning"] {
            if let Some(text) = delta[key].as_str().filter(|text| !text.is_empty()) {
                said.push(self.written(Delta::Reasoning, text));
                break;
            }
        }
        self.content(&delta["content"], &mut said)?;
        if let Some(text) = delta["refusal"].as_str().filter(|text| !text.is_empty()) {
            said.push(self.written(Delta::Refusal, text));
        }
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            self.call(call, &mut said)?;
        }
        if let Some(function) = delta.get("function_call").filter(|function| function.is_object()) {
            let call = serde_json::json!({"index": 0, "function": function});
            self.call(&call, &mut said)?;
        }
        match choice["finish_reason"].as_str() {
            None => {}
            Some("error") => return Err(self.who.cut()),
            Some("length" | "max_tokens" | "model_length") => self.finish = Some(Finish::Length),
            Some("content_filter") => self.finish = Some(Finish::ContentFilter),
            // Whether there are calls is seen from the calls: some say `stop` all the same.
            Some(_) => self.finish = Some(Finish::Stop),
        }
        Ok(said)
    }

    /// Text, or parts of text and thinking.
    fn content(&mut self, content: &Value, said: &mut Vec<Delta>) -> Result<(), ModelError> {
        match content {
            Value::String(text) => {
                for stretch in self.inline.push(text) {
                    self.stretch(stretch, said)?;
                }
            }
            Value::Array(parts) => {
                for part in parts {
                    match part["type"].as_str() {
                        Some("thinking") => {
                            for text in part["thinking"].as_array().into_iter().flatten().filter_map(text_of) {
                                said.push(self.written(Delta::Reasoning, text));
                            }
                        }
                        _ => self.content(&text_of(part).unwrap_or_default().into(), said)?,
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn stretch(&mut self, stretch: Stretch, said: &mut Vec<Delta>) -> Result<(), ModelError> {
        match stretch {
            Stretch::Text(text) => said.push(self.written(Delta::Text, &text)),
            Stretch::Reasoning(text) => said.push(self.written(Delta::Reasoning, &text)),
            Stretch::Call(text) => match serde_json::from_str::<Value>(&text) {
                Ok(function) if function["name"].is_string() => {
                    self.call(&serde_json::json!({"function": function}), said)?;
                }
                _ => said.push(self.written(Delta::Text, &text)),
            },
        }
        Ok(())
    }

    fn written(&mut self, kind: impl Fn(String) -> Delta, text: &str) -> Delta {
        self.written += text.len() as u64;
        kind(text.to_owned())
    }

    /// A piece of a call, or a whole one.
    fn call(&mut self, piece: &Value, said: &mut Vec<Delta>) -> Result<(), ModelError> {
        let function = &piece["function"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (number, id, name) = (piece["index"].as_u64(), text(&piece["id"]), text(&function["name"]));
        let index = match self.known(number, &id, &name) {
            Some(index) => index,
            None if self.calls.len() == MOST_CALLS => {
                return Err(self.who.nonsense(format!("more than {MOST_CALLS} calls at once")));
            }
            None => {
                self.calls.push(Call { number, id, name: String::new(), arguments: String::new(), kind: None });
                self.calls.len() - 1
            }
        };
        let call = &mut self.calls[index];
        if call.name.is_empty() {
            call.name = name;
        }
        let more = match function.get("arguments").or_else(|| function.get("parameters")) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(whole) => whole.to_string(),
        };
        call.arguments.push_str(&more);
        self.written += more.len() as u64;
        let call = &self.calls[index];
        match &call.kind {
            Some(CallKind::Custom(_)) => {}
            Some(_) if more.is_empty() => {}
            Some(_) => said.push(Delta::CallArguments { index, text: more }),
            None if call.name.is_empty() => {}
            None => self.begin(index, said),
        }
        Ok(())
    }

    /// Which call a piece belongs to; none if it begins one. Numbers may be missing or always 0, ids missing, empty or repeated.
    fn known(&self, number: Option<u64>, id: &str, name: &str) -> Option<usize> {
        let same = |call: &Call| match (number, call.number) {
            (Some(a), Some(b)) => a == b && (id.is_empty() || name.is_empty() || call.id.is_empty() || call.id == id),
            _ if !id.is_empty() => call.id == id,
            // Without either, a name begins a call and what has none goes on with the last one.
            _ => name.is_empty(),
        };
        self.calls.iter().rposition(same)
    }

    /// Hands on that a call begins, and what is there of it.
    fn begin(&mut self, index: usize, said: &mut Vec<Delta>) {
        let call = &mut self.calls[index];
        let call_id = self.ids.give(&call.id);
        let kind = self.names.kind(&call.name);
        call.kind = Some(kind.clone());
        let custom = matches!(kind, CallKind::Custom(_));
        said.push(Delta::CallBegun { index, call_id, kind });
        if !custom && !call.arguments.is_empty() {
            said.push(Delta::CallArguments { index, text: call.arguments.clone() });
        }
    }

    /// Hands on a call's end, if it has come to one.
    fn done(&mut self, index: usize, finish: Finish, said: &mut Vec<Delta>) {
        if self.calls[index].kind.is_none() {
            self.begin(index, said);
        }
        let call = &mut self.calls[index];
        let whole = match finish {
            Finish::Stop => true,
            Finish::Length => serde_json::from_str::<Value>(&call.arguments).is_ok(),
            Finish::ContentFilter => false,
        };
        if !whole {
            return;
        }
        let mut arguments = std::mem::take(&mut call.arguments);
        if matches!(call.kind, Some(CallKind::Custom(_))) {
            arguments = custom_input(&arguments);
            said.push(Delta::CallArguments { index, text: arguments.clone() });
        } else if arguments.trim().is_empty() {
            arguments = "{}".into();
            said.push(Delta::CallArguments { index, text: arguments.clone() });
        }
        said.push(Delta::CallDone { index, arguments });
    }
}

impl Reader for ChatReader {
    fn event(&mut self, data: &str) -> Result<Vec<Delta>, ModelError> {
        match data.trim() {
            "" => Ok(Vec::new()),
            "[DONE]" => {
                self.over = true;
                Ok(Vec::new())
            }
            data => {
                let chunk = serde_json::from_str(data).map_err(|_| self.who.nonsense(data))?;
                self.chunk(&chunk)
            }
        }
    }

    fn whole(&mut self, answer: Value) -> Result<Vec<Delta>, ModelError> {
        if answer["choices"].get(0).is_none() && answer.get("error").is_none_or(Value::is_null) {
            return Err(self.who.nonsense(answer.to_string()));
        }
        self.over = true;
        self.chunk(&answer)
    }

    fn progress(&self) -> Progress {
        match (self.over, self.finish) {
            (true, _) => Progress::Over,
            (false, Some(_)) => Progress::Finished,
            (false, None) => Progress::Going,
        }
    }

    fn end(&mut self) -> Result<Vec<Delta>, ModelError> {
        if self.progress() == Progress::Going {
            return Err(self.who.cut());
        }
        let finish = self.finish.unwrap_or(Finish::Stop);
        let mut said = Vec::new();
        if let Some(held) = self.inline.end() {
            self.stretch(held, &mut said)?;
        }
        for index in 0..self.calls.len() {
            self.done(index, finish, &mut said);
        }
        let estimate =
            Usage { input_tokens: self.prompt_tokens, output_tokens: self.written.div_ceil(4), ..Usage::default() };
        said.push(Delta::Usage(self.usage.unwrap_or(estimate)));
        said.push(Delta::Finished(finish));
        Ok(said)
    }
}

fn text_of(part: &Value) -> Option<&str> {
    part["text"].as_str().or_else(|| part.as_str())
}

fn usage_of(usage: &Value) -> Usage {
    let tokens = |value: &Value| value.as_u64().unwrap_or(0);
    let cached = usage["prompt_tokens_details"].get("cached_tokens").or_else(|| usage.get("prompt_cache_hit_tokens"));
    Usage {
        input_tokens: tokens(&usage["prompt_tokens"]),
        cached_tokens: cached.map_or(0, tokens),
        output_tokens: tokens(&usage["completion_tokens"]),
        reasoning_tokens: tokens(&usage["completion_tokens_details"]["reasoning_tokens"]),
    }
}
