//! What a model said, put together.

use std::sync::Arc;

use coquina::agent::item::{Item, Message};
use coquina::agent::model::{CallKind, Delta, Finish, Model, ModelError, Prompt, ToolSpec, Usage};
use futures_util::StreamExt as _;
use serde_json::json;

/// A whole step.
#[derive(Debug, Default)]
pub struct Answer {
    pub text: String,
    pub refusal: String,
    pub reasoning: String,
    pub reasoning_items: Vec<Item>,
    pub calls: Vec<Called>,
    pub usage: Option<Usage>,
    pub finish: Option<Finish>,
    pub error: Option<ModelError>,
}

/// A call in it.
#[derive(Debug)]
pub struct Called {
    pub id: String,
    pub kind: CallKind,
    /// The pieces.
    pub streamed: String,
    /// The whole, if it came to its end.
    pub arguments: Option<String>,
}

impl Answer {
    /// The calls as name and arguments.
    pub fn calls(&self) -> Vec<(String, Option<&str>)> {
        let name = |kind: &CallKind| match kind {
            CallKind::Function(name) => name.clone(),
            CallKind::Custom(name) => format!("custom {name}"),
            CallKind::Shell => "the shell".into(),
            CallKind::ApplyPatch => "the editor".into(),
        };
        self.calls.iter().map(|call| (name(&call.kind), call.arguments.as_deref())).collect()
    }
}

/// Asks, and checks that the pieces come in an order that can be.
pub async fn ask(model: &Arc<dyn Model>, prompt: Prompt) -> Answer {
    let mut pieces = model.generate(prompt);
    let mut answer = Answer::default();
    while let Some(piece) = pieces.next().await {
        assert!(answer.finish.is_none() && answer.error.is_none(), "after the end: {piece:?}");
        match piece {
            Ok(Delta::Text(text)) => answer.text += &text,
            Ok(Delta::Refusal(text)) => answer.refusal += &text,
            Ok(Delta::Reasoning(text)) => answer.reasoning += &text,
            Ok(Delta::ReasoningItem(item)) => answer.reasoning_items.push(item),
            Ok(Delta::CallBegun { index, call_id, kind }) => {
                assert_eq!(index, answer.calls.len(), "calls are numbered");
                assert!((1..=64).contains(&call_id.len()), "{call_id}");
                assert!(answer.calls.iter().all(|call| call.id != call_id), "{call_id} twice");
                answer.calls.push(Called { id: call_id, kind, streamed: String::new(), arguments: None });
            }
            Ok(Delta::CallArguments { index, text }) => {
                assert!(answer.calls[index].arguments.is_none(), "after its end: {text}");
                answer.calls[index].streamed += &text;
            }
            Ok(Delta::CallDone { index, arguments }) => {
                assert_eq!(answer.calls[index].streamed, arguments);
                assert_eq!(answer.calls[index].arguments.replace(arguments), None, "done twice");
            }
            Ok(Delta::Usage(usage)) => assert_eq!(answer.usage.replace(usage), None, "usage twice"),
            Ok(Delta::Finished(finish)) => answer.finish = Some(finish),
            Err(error) => answer.error = Some(error),
        }
    }
    assert!(answer.finish.is_some() != answer.error.is_some(), "an end or an error: {answer:?}");
    answer
}

/// "Go." with a shell, a function `f` and a custom tool `g`.
pub fn prompt() -> Prompt {
    let function =
        ToolSpec::Function { name: "f".into(), description: None, parameters: json!({"type": "object"}), strict: None };
    let custom = ToolSpec::Custom { name: "g".into(), description: None, format: json!({"type": "text"}) };
    Prompt {
        instructions: "Be brief.".into(),
        items: vec![Item::Message(Message::user("Go."))],
        tools: vec![ToolSpec::Shell, function, custom],
        ..Prompt::default()
    }
}
