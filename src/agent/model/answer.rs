//! An upstream's answer as it comes, whatever its dialect: what it has said, its calls and their ids, how it ended, what it used.

use serde_json::Value;

use super::names::{CallIds, Names};
use super::refusal::Who;
use super::{CallKind, Delta, Finish, ModelError, Prompt, Usage, estimate_tokens};

/// Calls or other items of one step; more are nonsense.
const MOST_ITEMS: usize = 256;

/// Reads one answer of a dialect.
pub(super) trait Reader: Send {
    /// Understands one event of a stream.
    fn event(&mut self, event: &Value, answer: &mut Answer) -> Result<(), ModelError>;

    /// Understands an answer that came whole, not as events.
    fn whole(&mut self, body: &Value, answer: &mut Answer) -> Result<(), ModelError>;

    /// Says what it still holds, and how the answer ended; or that it was cut.
    fn end(&mut self, answer: &mut Answer) -> Result<Finish, ModelError>;
}

/// How far an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// More will come.
    Going,
    /// All that is needed is there; what the step used may still come.
    Finished,
    /// Nothing will come.
    Over,
}

/// What a [`Reader`] has made of an answer.
pub(super) struct Answer {
    pub who: Who,
    pub names: Names,
    /// Why it ended, once the upstream has said so.
    pub finish: Option<Finish>,
    /// Whether the upstream has said that nothing more comes.
    pub over: bool,
    ids: CallIds,
    calls: usize,
    /// Not handed on yet.
    said: Vec<Delta>,
    usage: Option<Usage>,
    /// For upstreams that do not say what was used: estimated, and the output's bytes.
    prompt_tokens: u64,
    written: u64,
}

impl Answer {
    /// Says more, if it is more.
    pub fn say(&mut self, kind: impl Fn(String) -> Delta, text: &str) {
        if !text.is_empty() {
            self.written += text.len() as u64;
            self.said.push(kind(text.to_owned()));
        }
    }

    /// Says what is no text.
    pub fn push(&mut self, piece: Delta) {
        self.said.push(piece);
    }

    /// Says that a call begins; its number. The upstream's id is kept if it will do.
    pub fn begin_call(&mut self, upstream_id: &str, kind: CallKind) -> usize {
        let index = self.calls;
        self.calls += 1;
        let call_id = self.ids.give(upstream_id);
        self.said.push(Delta::CallBegun { index, call_id, kind });
        index
    }

    /// Says more of a call's arguments.
    pub fn arguments(&mut self, index: usize, text: &str) {
        self.say(|text| Delta::CallArguments { index, text }, text);
    }

    /// Refuses one more item than there may be.
    pub fn has_room(&self, items: usize) -> Result<(), ModelError> {
        match items < MOST_ITEMS {
            true => Ok(()),
            false => Err(self.who.nonsense(format!("more than {MOST_ITEMS} items at once"))),
        }
    }

    /// Notes what was used, if the upstream tells; `input` and `output` are what it calls the two counts.
    pub fn used(&mut self, usage: &Value, input: &str, output: &str) {
        if !usage.is_object() {
            return;
        }
        let tokens = |value: &Value| value.as_u64().unwrap_or(0);
        let detail = |of: &str, what: &str| usage[format!("{of}_details")].get(what);
        let cached = detail(input, "cached_tokens").or_else(|| usage.get("prompt_cache_hit_tokens"));
        self.usage = Some(Usage {
            input_tokens: tokens(&usage[input]),
            cached_tokens: cached.map_or(0, tokens),
            output_tokens: tokens(&usage[output]),
            reasoning_tokens: detail(output, "reasoning_tokens").map_or(0, tokens),
        });
    }
}

/// An answer and who reads it.
pub(super) struct Reading {
    reader: Box<dyn Reader>,
    answer: Answer,
}

impl Reading {
    pub fn new(reader: Box<dyn Reader>, prompt: &Prompt, who: &Who) -> Reading {
        let answer = Answer {
            who: who.clone(),
            names: Names::of(prompt),
            finish: None,
            over: false,
            ids: CallIds::of(prompt),
            calls: 0,
            said: Vec::new(),
            usage: None,
            prompt_tokens: estimate_tokens(&prompt.items) + prompt.instructions.len() as u64 / 4,
            written: 0,
        };
        Reading { reader, answer }
    }

    /// What an event's data says.
    pub fn event(&mut self, data: &str) -> Result<Vec<Delta>, ModelError> {
        match data.trim() {
            "" => {}
            "[DONE]" => self.answer.over = true,
            data => {
                let event = serde_json::from_str(data).map_err(|_| self.answer.who.nonsense(data))?;
                self.refuse_error(&event)?;
                self.reader.event(&event, &mut self.answer)?;
            }
        }
        Ok(std::mem::take(&mut self.answer.said))
    }

    /// What an answer says that came whole.
    pub fn whole(&mut self, body: &Value) -> Result<Vec<Delta>, ModelError> {
        self.refuse_error(body)?;
        self.answer.over = true;
        self.reader.whole(body, &mut self.answer)?;
        Ok(std::mem::take(&mut self.answer.said))
    }

    fn refuse_error(&self, said: &Value) -> Result<(), ModelError> {
        match said.get("error").is_some_and(|error| !error.is_null()) {
            true => Err(self.answer.who.refused(None, said, None)),
            false => Ok(()),
        }
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        match (self.answer.over, self.answer.finish) {
            (true, _) => Progress::Over,
            (false, Some(_)) => Progress::Finished,
            (false, None) => Progress::Going,
        }
    }

    /// What is left to say at the end, [`Delta::Finished`] last; or that it is not the end.
    pub fn end(mut self) -> Result<Vec<Delta>, ModelError> {
        if self.progress() == Progress::Going {
            return Err(self.answer.who.cut());
        }
        let finish = self.reader.end(&mut self.answer)?;
        let Answer { mut said, usage, prompt_tokens, written, .. } = self.answer;
        let estimate = Usage { input_tokens: prompt_tokens, output_tokens: written.div_ceil(4), ..Usage::default() };
        said.push(Delta::Usage(usage.unwrap_or(estimate)));
        said.push(Delta::Finished(finish));
        Ok(said)
    }
}
