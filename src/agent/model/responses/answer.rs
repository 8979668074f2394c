//! An answer of a Responses endpoint, event by event.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::agent::item::Item;
use crate::agent::model::answer::{Answer, Reader};
use crate::agent::model::{CallKind, Delta, Finish, ModelError};

/// Reads one answer: its items by their place in it.
#[derive(Default)]
pub(super) struct ResponsesReader(BTreeMap<u64, Making>);

/// An item as far as it has come.
#[derive(Default)]
struct Making {
    /// Its number among the calls, if it is one.
    call: Option<usize>,
    /// What has been handed on of its text or arguments.
    so_far: String,
}

impl Making {
    /// Says more of the item's text.
    fn say(&mut self, kind: impl Fn(String) -> Delta, text: &Value, answer: &mut Answer) {
        let text = text.as_str().unwrap_or_default();
        self.so_far.push_str(text);
        answer.say(kind, text);
    }

    /// Says more of the arguments, if the item is a call.
    fn arguments(&mut self, text: &Value, answer: &mut Answer) {
        if let Some(index) = self.call {
            self.say(|text| Delta::CallArguments { index, text }, text, answer);
        }
    }

    /// Says that a call begins, if the item is one.
    fn begin(&mut self, item: &Value, answer: &mut Answer) {
        let named = || answer.names.kind(item["name"].as_str().unwrap_or_default());
        let kind = match item["type"].as_str() {
            _ if self.call.is_some() => return,
            Some("function_call") => named(),
            Some("custom_tool_call") => match named() {
                CallKind::Function(name) => CallKind::Custom(name),
                kind => kind,
            },
            Some("shell_call") => CallKind::Shell,
            Some("apply_patch_call") => CallKind::ApplyPatch,
            _ => return,
        };
        self.call = Some(answer.begin_call(item["call_id"].as_str().unwrap_or_default(), kind));
    }

    /// Says what has not been said of an item that is whole.
    fn done(&mut self, item: &Value, answer: &mut Answer) -> Result<(), ModelError> {
        self.begin(item, answer);
        let arguments = match item["type"].as_str() {
            Some("function_call") => item["arguments"].as_str().unwrap_or_default().to_owned(),
            Some("custom_tool_call") => item["input"].as_str().unwrap_or_default().to_owned(),
            Some("shell_call") => item["action"].to_string(),
            Some("apply_patch_call") => json!({"operation": item["operation"]}).to_string(),
            Some("message") => {
                self.message_done(item, answer);
                return Ok(());
            }
            Some("reasoning") => return self.reasoning_done(item, answer),
            _ => return Ok(()),
        };
        let Some(index) = self.call else { return Ok(()) };
        answer.arguments(index, arguments.strip_prefix(self.so_far.as_str()).unwrap_or_default());
        if item["status"] != "incomplete" {
            answer.push(Delta::CallDone { index, arguments });
        }
        Ok(())
    }

    /// Hands on the upstream's reasoning, to be passed back; its words only if they have not come in pieces.
    fn reasoning_done(&mut self, item: &Value, answer: &mut Answer) -> Result<(), ModelError> {
        let item = serde_json::from_value(item.clone());
        let item = item.map_err(|error| answer.who.nonsense(format!("a reasoning item: {error}")))?;
        let Item::Reasoning(mut reasoning) = item else { return Ok(()) };
        let is_told = !self.so_far.is_empty();
        if is_told {
            reasoning.content.clear();
        }
        if reasoning.encrypted_content.is_some() || !is_told {
            answer.push(Delta::ReasoningItem(Item::Reasoning(reasoning)));
        }
        Ok(())
    }

    /// Says a message's text, if it has not come in pieces.
    fn message_done(&mut self, item: &Value, answer: &mut Answer) {
        if self.so_far.is_empty() {
            for part in item["content"].as_array().into_iter().flatten() {
                self.say(Delta::Text, &part["text"], answer);
                self.say(Delta::Refusal, &part["refusal"], answer);
            }
        }
    }
}

impl ResponsesReader {
    fn making(&mut self, place: u64, answer: &Answer) -> Result<&mut Making, ModelError> {
        if !self.0.contains_key(&place) {
            answer.has_room(self.0.len())?;
        }
        Ok(self.0.entry(place).or_default())
    }
}

impl Reader for ResponsesReader {
    fn event(&mut self, event: &Value, answer: &mut Answer) -> Result<(), ModelError> {
        let making = self.making(event["output_index"].as_u64().unwrap_or(0), answer)?;
        let delta = &event["delta"];
        match event["type"].as_str().unwrap_or_default() {
            "response.output_item.added" => making.begin(&event["item"], answer),
            "response.output_text.delta" => making.say(Delta::Text, delta, answer),
            "response.refusal.delta" => making.say(Delta::Refusal, delta, answer),
            "response.reasoning_text.delta" => making.say(Delta::Reasoning, delta, answer),
            "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta" => {
                making.arguments(delta, answer);
            }
            "response.output_item.done" => making.done(&event["item"], answer)?,
            "response.completed" | "response.incomplete" | "response.failed" => ended(&event["response"], answer)?,
            "error" => return Err(answer.who.refused(None, event, None)),
            _ => {}
        }
        Ok(())
    }

    fn whole(&mut self, body: &Value, answer: &mut Answer) -> Result<(), ModelError> {
        let Some(output) = body["output"].as_array() else { return Err(answer.who.nonsense(body.to_string())) };
        for (place, item) in (0..).zip(output) {
            self.making(place, answer)?.done(item, answer)?;
        }
        ended(body, answer)
    }

    fn end(&mut self, answer: &mut Answer) -> Result<Finish, ModelError> {
        answer.finish.ok_or_else(|| answer.who.cut())
    }
}

fn ended(response: &Value, answer: &mut Answer) -> Result<(), ModelError> {
    answer.over = true;
    answer.used(&response["usage"], "input_tokens", "output_tokens");
    answer.finish = Some(match response["status"].as_str() {
        Some("failed") => return Err(answer.who.refused(None, response, None)),
        Some("incomplete") if response["incomplete_details"]["reason"] == "content_filter" => Finish::ContentFilter,
        Some("incomplete") => Finish::Length,
        Some("cancelled") => return Err(answer.who.cut()),
        _ => Finish::Stop,
    });
    Ok(())
}
