//! An answer of a Responses endpoint, event by event.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::agent::item::Item;
use crate::agent::model::names::{CallIds, Names};
use crate::agent::model::refusal::Who;
use crate::agent::model::remote::{Progress, Reader};
use crate::agent::model::{CallKind, Delta, Finish, ModelError, Prompt, Usage, estimate_tokens};

/// Items of one step; more are nonsense.
const MOST_ITEMS: usize = 256;

/// Understands one answer.
pub(super) struct ResponsesReader {
    who: Who,
    names: Names,
    ids: CallIds,
    /// Items of the answer by their place in it.
    items: BTreeMap<u64, Making>,
    calls: usize,
    finish: Option<Finish>,
    over: bool,
    usage: Option<Usage>,
    prompt_tokens: u64,
    written: u64,
}

/// An item as far as it has come.
#[derive(Default)]
struct Making {
    /// Its number among the calls, if it is one.
    call: Option<usize>,
    /// What has been handed on of its text or arguments.
    so_far: String,
}

impl ResponsesReader {
    pub fn new(prompt: &Prompt, who: &Who) -> ResponsesReader {
        ResponsesReader {
            who: who.clone(),
            names: Names::of(prompt),
            ids: CallIds::of(prompt),
            items: BTreeMap::new(),
            calls: 0,
            finish: None,
            over: false,
            usage: None,
            prompt_tokens: estimate_tokens(&prompt.items) + prompt.instructions.len() as u64 / 4,
            written: 0,
        }
    }

    fn understood(&mut self, event: &Value) -> Result<Vec<Delta>, ModelError> {
        let mut said = Vec::new();
        let place = event["output_index"].as_u64().unwrap_or(0);
        let delta = event["delta"].as_str();
        match event["type"].as_str().unwrap_or_default() {
            "response.output_item.added" => self.begin(place, &event["item"], &mut said)?,
            "response.output_text.delta" => self.text(place, delta, Delta::Text, &mut said)?,
            "response.refusal.delta" => self.text(place, delta, Delta::Refusal, &mut said)?,
            "response.reasoning_text.delta" => self.text(place, delta, Delta::Reasoning, &mut said)?,
            "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta" => {
                if let Some(index) = self.making(place)?.call {
                    self.text(place, delta, |text| Delta::CallArguments { index, text }, &mut said)?;
                }
            }
            "response.output_item.done" => self.done(place, &event["item"], &mut said)?,
            "response.completed" | "response.incomplete" | "response.failed" => self.ended(&event["response"])?,
            "error" => return Err(self.who.refused(None, event, None)),
            _ if event.get("error").is_some_and(Value::is_object) => return Err(self.who.refused(None, event, None)),
            _ => {}
        }
        Ok(said)
    }

    fn making(&mut self, place: u64) -> Result<&mut Making, ModelError> {
        if self.items.len() >= MOST_ITEMS && !self.items.contains_key(&place) {
            return Err(self.who.nonsense(format!("more than {MOST_ITEMS} items at once")));
        }
        Ok(self.items.entry(place).or_default())
    }

    /// Hands on more of an item's text.
    fn text(
        &mut self,
        place: u64,
        text: Option<&str>,
        kind: impl Fn(String) -> Delta,
        said: &mut Vec<Delta>,
    ) -> Result<(), ModelError> {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            self.making(place)?.so_far.push_str(text);
            self.written += text.len() as u64;
            said.push(kind(text.to_owned()));
        }
        Ok(())
    }

    /// Hands on that a call begins, if the item is one.
    fn begin(&mut self, place: u64, item: &Value, said: &mut Vec<Delta>) -> Result<(), ModelError> {
        let name = item["name"].as_str().unwrap_or_default();
        let kind = match item["type"].as_str() {
            Some("function_call") => self.names.kind(name),
            Some("custom_tool_call") => match self.names.kind(name) {
                CallKind::Function(name) => CallKind::Custom(name),
                kind => kind,
            },
            Some("shell_call") => CallKind::Shell,
            Some("apply_patch_call") => CallKind::ApplyPatch,
            _ => return Ok(()),
        };
        if self.making(place)?.call.is_none() {
            let index = self.calls;
            self.calls += 1;
            self.making(place)?.call = Some(index);
            let call_id = self.ids.give(item["call_id"].as_str().unwrap_or_default());
            said.push(Delta::CallBegun { index, call_id, kind });
        }
        Ok(())
    }

    /// Hands on what has not been of an item that is whole.
    fn done(&mut self, place: u64, item: &Value, said: &mut Vec<Delta>) -> Result<(), ModelError> {
        self.begin(place, item, said)?;
        let arguments = match item["type"].as_str() {
            Some("function_call") => item["arguments"].as_str().unwrap_or_default().to_owned(),
            Some("custom_tool_call") => item["input"].as_str().unwrap_or_default().to_owned(),
            Some("shell_call") => item["action"].to_string(),
            Some("apply_patch_call") => json!({"operation": item["operation"]}).to_string(),
            Some("message") => return self.message_done(place, item, said),
            Some("reasoning") => return self.reasoning_done(place, item, said),
            _ => return Ok(()),
        };
        let making = self.making(place)?;
        let Some(index) = making.call else { return Ok(()) };
        let rest = arguments.strip_prefix(making.so_far.as_str()).unwrap_or_default().to_owned();
        self.text(place, Some(&rest), |text| Delta::CallArguments { index, text }, said)?;
        if item["status"] != "incomplete" {
            said.push(Delta::CallDone { index, arguments });
        }
        Ok(())
    }

    /// Hands on the upstream's reasoning, to be passed back; its words only if they have not come in pieces.
    fn reasoning_done(&mut self, place: u64, item: &Value, said: &mut Vec<Delta>) -> Result<(), ModelError> {
        let item = serde_json::from_value(item.clone());
        let item = item.map_err(|error| self.who.nonsense(format!("a reasoning item: {error}")))?;
        let Item::Reasoning(mut reasoning) = item else { return Ok(()) };
        let is_told = !self.making(place)?.so_far.is_empty();
        if is_told {
            reasoning.content.clear();
        }
        if reasoning.encrypted_content.is_some() || !is_told {
            said.push(Delta::ReasoningItem(Item::Reasoning(reasoning)));
        }
        Ok(())
    }

    /// Hands on a message's text, if it has not come in pieces.
    fn message_done(&mut self, place: u64, item: &Value, said: &mut Vec<Delta>) -> Result<(), ModelError> {
        if self.making(place)?.so_far.is_empty() {
            for part in item["content"].as_array().into_iter().flatten() {
                self.text(place, part["text"].as_str(), Delta::Text, said)?;
                self.text(place, part["refusal"].as_str(), Delta::Refusal, said)?;
            }
        }
        Ok(())
    }

    fn ended(&mut self, response: &Value) -> Result<(), ModelError> {
        self.over = true;
        let usage = &response["usage"];
        let tokens = |value: &Value| value.as_u64().unwrap_or(0);
        if usage.is_object() {
            self.usage = Some(Usage {
                input_tokens: tokens(&usage["input_tokens"]),
                cached_tokens: tokens(&usage["input_tokens_details"]["cached_tokens"]),
                output_tokens: tokens(&usage["output_tokens"]),
                reasoning_tokens: tokens(&usage["output_tokens_details"]["reasoning_tokens"]),
            });
        }
        self.finish = Some(match response["status"].as_str() {
            Some("failed") => return Err(self.who.refused(None, response, None)),
            Some("incomplete") if response["incomplete_details"]["reason"] == "content_filter" => Finish::ContentFilter,
            Some("incomplete") => Finish::Length,
            Some("cancelled") => return Err(self.who.cut()),
            _ => Finish::Stop,
        });
        Ok(())
    }
}

impl Reader for ResponsesReader {
    fn event(&mut self, data: &str) -> Result<Vec<Delta>, ModelError> {
        match data.trim() {
            "" => Ok(Vec::new()),
            "[DONE]" => {
                self.over = true;
                Ok(Vec::new())
            }
            data => {
                let event = serde_json::from_str(data).map_err(|_| self.who.nonsense(data))?;
                self.understood(&event)
            }
        }
    }

    fn whole(&mut self, answer: Value) -> Result<Vec<Delta>, ModelError> {
        let Some(output) = answer["output"].as_array() else {
            return Err(match answer.get("error").is_some_and(|error| !error.is_null()) {
                true => self.who.refused(None, &answer, None),
                false => self.who.nonsense(answer.to_string()),
            });
        };
        let mut said = Vec::new();
        for (place, item) in (0..).zip(output) {
            self.done(place, item, &mut said)?;
        }
        self.ended(&answer)?;
        Ok(said)
    }

    fn progress(&self) -> Progress {
        if self.over { Progress::Over } else { Progress::Going }
    }

    fn end(&mut self) -> Result<Vec<Delta>, ModelError> {
        let Some(finish) = self.finish else { return Err(self.who.cut()) };
        let estimate =
            Usage { input_tokens: self.prompt_tokens, output_tokens: self.written.div_ceil(4), ..Usage::default() };
        Ok(vec![Delta::Usage(self.usage.unwrap_or(estimate)), Delta::Finished(finish)])
    }
}
