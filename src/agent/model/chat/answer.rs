//! An answer of a Chat Completions endpoint, chunk by chunk, with what services make of the format.

use serde_json::{Value, json};

use super::inline::{Inline, Stretch};
use crate::agent::model::answer::{Answer, Reader};
use crate::agent::model::profile::Profile;
use crate::agent::model::tool::custom_input;
use crate::agent::model::{CallKind, Delta, Finish, ModelError};

/// Reads one answer.
pub(super) struct ChatReader {
    inline: Inline,
    calls: Vec<Call>,
}

/// A call as far as it has come.
struct Call {
    /// By what the service tells its calls apart: a number, an id, or nothing.
    number: Option<u64>,
    id: String,
    name: String,
    arguments: String,
    /// Set when it has been handed on.
    begun: Option<Begun>,
}

#[derive(Clone, Copy)]
struct Begun {
    index: usize,
    /// Its arguments are JSON around the input, which can be told only when they are whole.
    custom: bool,
}

impl ChatReader {
    pub fn new(profile: &Profile) -> ChatReader {
        ChatReader { inline: Inline::new(profile), calls: Vec::new() }
    }

    /// Text, or parts of text and thinking.
    fn content(&mut self, content: &Value, answer: &mut Answer) -> Result<(), ModelError> {
        match content {
            Value::String(text) => {
                for stretch in self.inline.push(text) {
                    self.stretch(stretch, answer)?;
                }
            }
            Value::Array(parts) => {
                for part in parts {
                    match part["type"].as_str() {
                        Some("thinking") => {
                            for text in part["thinking"].as_array().into_iter().flatten().filter_map(text_of) {
                                answer.say(Delta::Reasoning, text);
                            }
                        }
                        _ => self.content(&text_of(part).unwrap_or_default().into(), answer)?,
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn stretch(&mut self, stretch: Stretch, answer: &mut Answer) -> Result<(), ModelError> {
        match stretch {
            Stretch::Text(text) => answer.say(Delta::Text, &text),
            Stretch::Reasoning(text) => answer.say(Delta::Reasoning, &text),
            Stretch::Call(text) => match serde_json::from_str::<Value>(&text) {
                Ok(function) if function["name"].is_string() => self.call(&json!({"function": function}), answer)?,
                _ => answer.say(Delta::Text, &text),
            },
        }
        Ok(())
    }

    /// A piece of a call, or a whole one.
    fn call(&mut self, piece: &Value, answer: &mut Answer) -> Result<(), ModelError> {
        let function = &piece["function"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (number, id, name) = (piece["index"].as_u64(), text(&piece["id"]), text(&function["name"]));
        let place = match self.known(number, &id, &name) {
            Some(place) => place,
            None => {
                answer.has_room(self.calls.len())?;
                self.calls.push(Call { number, id, name: String::new(), arguments: String::new(), begun: None });
                self.calls.len() - 1
            }
        };
        let call = &mut self.calls[place];
        if call.name.is_empty() {
            call.name = name;
        }
        let more = match function.get("arguments").or_else(|| function.get("parameters")) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(whole) => whole.to_string(),
        };
        call.arguments.push_str(&more);
        match call.begun {
            Some(Begun { index, custom: false }) => answer.arguments(index, &more),
            None if !call.name.is_empty() => _ = call.begin(answer),
            _ => {}
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
}

impl Call {
    /// Says that the call begins, and what is there of it.
    fn begin(&mut self, answer: &mut Answer) -> Begun {
        let kind = answer.names.kind(&self.name);
        let custom = matches!(kind, CallKind::Custom(_));
        let index = answer.begin_call(&self.id, kind);
        if !custom {
            answer.arguments(index, &self.arguments);
        }
        *self.begun.insert(Begun { index, custom })
    }

    /// Says that the call is over, if it has come to its end.
    fn end(mut self, finish: Finish, answer: &mut Answer) {
        let Begun { index, custom } = self.begun.unwrap_or_else(|| self.begin(answer));
        let whole = match finish {
            Finish::Stop => true,
            Finish::Length => serde_json::from_str::<Value>(&self.arguments).is_ok(),
            Finish::ContentFilter => false,
        };
        if !whole {
            return;
        }
        let mut arguments = self.arguments;
        if custom {
            arguments = custom_input(&arguments);
            answer.arguments(index, &arguments);
        } else if arguments.trim().is_empty() {
            arguments = "{}".into();
            answer.arguments(index, &arguments);
        }
        answer.push(Delta::CallDone { index, arguments });
    }
}

impl Reader for ChatReader {
    /// A chunk, or a whole answer: they differ in one name.
    fn event(&mut self, chunk: &Value, answer: &mut Answer) -> Result<(), ModelError> {
        answer.used(&chunk["usage"], "prompt_tokens", "completion_tokens");
        // The chunk with the usage has no choice; nobody asked for two.
        let Some(choice) = chunk["choices"].get(0) else { return Ok(()) };
        let delta = choice.get("delta").or_else(|| choice.get("message")).unwrap_or(&Value::Null);
        let thoughts = ["reasoning_content", "reasoning"].iter().filter_map(|key| delta[key].as_str());
        answer.say(Delta::Reasoning, thoughts.into_iter().find(|text| !text.is_empty()).unwrap_or_default());
        self.content(&delta["content"], answer)?;
        answer.say(Delta::Refusal, delta["refusal"].as_str().unwrap_or_default());
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            self.call(call, answer)?;
        }
        if let Some(function) = delta.get("function_call").filter(|function| function.is_object()) {
            self.call(&json!({"index": 0, "function": function}), answer)?;
        }
        match choice["finish_reason"].as_str() {
            None => {}
            Some("error") => return Err(answer.who.cut()),
            Some("length" | "max_tokens" | "model_length") => answer.finish = Some(Finish::Length),
            Some("content_filter") => answer.finish = Some(Finish::ContentFilter),
            // Whether there are calls is seen from the calls: some say `stop` all the same.
            Some(_) => answer.finish = Some(Finish::Stop),
        }
        Ok(())
    }

    fn whole(&mut self, body: &Value, answer: &mut Answer) -> Result<(), ModelError> {
        match body["choices"].get(0) {
            None => Err(answer.who.nonsense(body.to_string())),
            Some(_) => self.event(body, answer),
        }
    }

    fn end(&mut self, answer: &mut Answer) -> Result<Finish, ModelError> {
        let finish = answer.finish.unwrap_or(Finish::Stop);
        if let Some(held) = self.inline.end() {
            self.stretch(held, answer)?;
        }
        for call in self.calls.drain(..) {
            call.end(finish, answer);
        }
        Ok(finish)
    }
}

fn text_of(part: &Value) -> Option<&str> {
    part["text"].as_str().or_else(|| part.as_str())
}
