//! What stands in a model's text and is no text: reasoning between `<think>` tags at its start, calls between `<tool_call>` tags.

use crate::agent::model::profile::{InlineReasoning, Profile};

const THINK: &str = "<think>";
const THINK_END: &str = "</think>";
const CALL: &str = "<tool_call>";
const CALL_END: &str = "</tool_call>";

/// A stretch of what a model wrote.
#[derive(Debug, PartialEq)]
pub(super) enum Stretch {
    Text(String),
    Reasoning(String),
    /// A whole call, as the model wrote it.
    Call(String),
}

/// Takes a text in pieces, tells its stretches apart as soon as that can be done.
pub(super) struct Inline {
    state: State,
    calls: bool,
    /// What may be the beginning of a tag; or the call so far.
    held: String,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    /// Nothing but white space so far.
    Start,
    Reasoning,
    /// After a tag that ended something; empty lines there are no text.
    AfterTag,
    Text,
    Call,
}

impl Inline {
    pub fn new(profile: &Profile) -> Inline {
        let state = match profile.inline_reasoning {
            InlineReasoning::Tags => State::Start,
            InlineReasoning::Opened => State::Reasoning,
            InlineReasoning::None => State::Text,
        };
        Inline { state, calls: profile.inline_calls, held: String::new() }
    }

    /// The next piece.
    pub fn push(&mut self, piece: &str) -> Vec<Stretch> {
        self.held.push_str(piece);
        let mut stretches = Vec::new();
        while self.step(&mut stretches) {}
        stretches.retain(|stretch| !matches!(stretch, Stretch::Text(t) | Stretch::Reasoning(t) if t.is_empty()));
        stretches
    }

    /// What is held back when no more comes.
    pub fn end(&mut self) -> Option<Stretch> {
        let held = std::mem::take(&mut self.held);
        match self.state {
            State::Reasoning => Some(Stretch::Reasoning(held)),
            State::Call => Some(Stretch::Text(format!("{CALL}{held}"))),
            State::Start | State::AfterTag | State::Text => Some(Stretch::Text(held)),
        }
        .filter(|stretch| !matches!(stretch, Stretch::Text(t) | Stretch::Reasoning(t) if t.is_empty()))
    }

    /// Decides about what is held; whether there is more to decide.
    fn step(&mut self, stretches: &mut Vec<Stretch>) -> bool {
        match self.state {
            State::Start => {
                let begun = self.held.trim_start();
                if let Some(rest) = begun.strip_prefix(THINK) {
                    (self.held, self.state) = (rest.to_owned(), State::Reasoning);
                    return true;
                }
                let decided = !THINK.starts_with(begun);
                if decided {
                    self.state = State::Text;
                }
                decided
            }
            State::AfterTag => {
                self.held = self.held.trim_start().to_owned();
                let begun = !self.held.is_empty();
                if begun {
                    self.state = State::Text;
                }
                begun
            }
            State::Reasoning => {
                let (before, ended) = self.until(THINK_END);
                stretches.push(Stretch::Reasoning(before));
                if ended {
                    self.state = State::AfterTag;
                }
                ended
            }
            State::Text if self.calls => {
                let (before, ended) = self.until(CALL);
                stretches.push(Stretch::Text(before));
                if ended {
                    self.state = State::Call;
                }
                ended
            }
            State::Text => {
                stretches.push(Stretch::Text(std::mem::take(&mut self.held)));
                false
            }
            State::Call => match self.held.split_once(CALL_END) {
                Some((call, rest)) => {
                    stretches.push(Stretch::Call(call.trim().to_owned()));
                    (self.held, self.state) = (rest.to_owned(), State::AfterTag);
                    true
                }
                None => false,
            },
        }
    }

    /// Takes what stands before the tag, and the tag if it is there; what may be its beginning stays held.
    fn until(&mut self, tag: &str) -> (String, bool) {
        if let Some((before, after)) = self.held.split_once(tag) {
            let before = before.to_owned();
            self.held = after.to_owned();
            return (before, true);
        }
        let kept = (1..tag.len()).rev().find(|&length| self.held.ends_with(&tag[..length])).unwrap_or(0);
        let kept = self.held.split_off(self.held.len() - kept);
        (std::mem::replace(&mut self.held, kept), false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The stretches, neighbours of a kind joined, with the text cut into pieces of each size.
    #[track_caller]
    fn check(profile: &Profile, text: &str, expected: &[(&str, &str)]) {
        let chars: Vec<char> = text.chars().collect();
        for size in 1..=chars.len() {
            let mut inline = Inline::new(profile);
            let mut found: Vec<(&str, String)> = Vec::new();
            let mut pieces: Vec<Stretch> =
                chars.chunks(size).flat_map(|piece| inline.push(&piece.iter().collect::<String>())).collect();
            pieces.extend(inline.end());
            for stretch in pieces {
                let (kind, text) = match stretch {
                    Stretch::Text(text) => ("text", text),
                    Stretch::Reasoning(text) => ("reasoning", text),
                    Stretch::Call(text) => ("call", text),
                };
                match found.last_mut() {
                    Some((last, so_far)) if *last == kind && kind != "call" => so_far.push_str(&text),
                    _ => found.push((kind, text)),
                }
            }
            let found: Vec<_> = found.iter().map(|(kind, text)| (*kind, text.as_str())).collect();
            assert_eq!(found, expected, "{text:?} in pieces of {size}");
        }
    }

    #[test]
    fn reasoning_stands_at_the_start() {
        let tags = Profile::default();
        check(&tags, "\n<think>a < b</thin> c</think>\n\nyes", &[("reasoning", "a < b</thin> c"), ("text", "yes")]);
        check(&tags, "the tag <think> is é", &[("text", "the tag <think> is é")]);
        check(&tags, " <thin", &[("text", " <thin")]);
        check(&tags, "<think>for ever</th", &[("reasoning", "for ever</th")]);
        let opened = Profile { inline_reasoning: InlineReasoning::Opened, ..Profile::default() };
        check(&opened, "hm</think>yes", &[("reasoning", "hm"), ("text", "yes")]);
        let none = Profile { inline_reasoning: InlineReasoning::None, ..Profile::default() };
        check(&none, "<think>x", &[("text", "<think>x")]);
    }

    #[test]
    fn calls_stand_anywhere() {
        let calls = Profile { inline_calls: true, ..Profile::default() };
        let text = "I look <tool_call>\n{\"name\": 1}\n</tool_call>\n<tool_call>2</tool_call><tool_call>3";
        let expected = [("text", "I look "), ("call", "{\"name\": 1}"), ("call", "2"), ("text", "<tool_call>3")];
        check(&calls, text, &expected);
        check(&Profile::default(), "<tool_call>", &[("text", "<tool_call>")]);
    }
}
