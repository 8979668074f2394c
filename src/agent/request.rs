//! What a run is asked to do: what the service has read, checked and looked up.

use std::sync::Arc;

use super::budget::Budget;
use super::item::Item;
use super::judge::{AllowAll, Judge};
use super::model::{TextFormat, ToolChoice, ToolSpec};
use super::response::ResponseHead;
use super::workplace::Workplace;

/// One response to be made.
pub struct Request {
    /// What its object says from the beginning.
    pub head: ResponseHead,
    /// Instructions for the model, as text; empty if there are none.
    pub instructions: String,
    /// What was said before, oldest first: items of earlier responses or of the conversation. References are resolved.
    pub context: Vec<Item>,
    /// What is new.
    pub input: Vec<Item>,
    /// Whose request it is.
    pub owner: Option<String>,
    /// The tools of the client, passed through, and the ones that run here.
    pub tools: Vec<Tool>,
    /// Which of them the first step must call; later steps may choose.
    pub choice: ToolChoice,
    /// The names of the only tools that may be called, if `tool_choice` says `allowed_tools`.
    pub allowed: Option<Vec<String>>,
    /// What the model's text has to look like.
    pub format: TextFormat,
    /// What was asked of sampling, and not what the object says when nothing was.
    pub sampling: Sampling,
    /// Tokens of a prompt from which on what came before is compacted; `None`: when the model's window is full.
    pub compact_threshold: Option<u64>,
    /// Whether reasoning is returned sealed, so that a client can send it back (`include: reasoning.encrypted_content`).
    pub seal_reasoning: bool,
    /// Whether a model is asked at all: what only prepares what is said next is over when it has begun.
    pub generate: bool,
    /// What it may use.
    pub budget: Budget,
    /// Where its commands run.
    pub workplace: Arc<dyn Workplace>,
    /// Who decides what may run.
    pub judge: Arc<dyn Judge>,
}

impl Request {
    /// A request for text, without tools, that no policy restricts.
    pub fn new(head: ResponseHead, input: Vec<Item>, workplace: Arc<dyn Workplace>) -> Request {
        Request {
            head,
            instructions: String::new(),
            context: Vec::new(),
            input,
            owner: None,
            tools: Vec::new(),
            choice: ToolChoice::Auto,
            allowed: None,
            format: TextFormat::Text,
            sampling: Sampling::default(),
            compact_threshold: None,
            seal_reasoning: false,
            generate: true,
            budget: Budget::default(),
            workplace,
            judge: Arc::new(AllowAll),
        }
    }
}

/// What a request asks of sampling; what is `None` is left to the model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sampling {
    /// 0 to 2.
    pub temperature: Option<f64>,
    /// 0 to 1.
    pub top_p: Option<f64>,
    /// -2 to 2.
    pub presence_penalty: Option<f64>,
    /// -2 to 2.
    pub frequency_penalty: Option<f64>,
    /// `low`, `medium` or `high`.
    pub verbosity: Option<String>,
    /// `none` to `max`.
    pub effort: Option<String>,
}

/// A tool that the model may call.
#[derive(Clone, Debug, PartialEq)]
pub enum Tool {
    /// A function or a custom tool: called by the client.
    Client(ToolSpec),
    /// A shell.
    Shell(Environment),
    /// Edits files by diffs: in the shell's container, or else by the client.
    ApplyPatch,
}

/// Where the commands of a shell run.
#[derive(Clone, Debug, PartialEq)]
pub enum Environment {
    /// In the container of the conversation, or a new one; with these skills in it.
    Auto {
        /// As they are announced to the model.
        skills: Vec<Skill>,
    },
    /// In this one, which is there and the owner's.
    Reference {
        /// `cntr_…`.
        container_id: String,
        /// As they are announced to the model.
        skills: Vec<Skill>,
    },
    /// Where the client is: it runs them.
    Local {
        /// As they are announced to the model.
        skills: Vec<Skill>,
    },
}

impl Environment {
    /// The skills that are there.
    pub fn skills(&self) -> &[Skill] {
        match self {
            Environment::Auto { skills } | Environment::Reference { skills, .. } | Environment::Local { skills } => {
                skills
            }
        }
    }

    /// Whether the client runs the commands.
    pub fn is_local(&self) -> bool {
        matches!(self, Environment::Local { .. })
    }
}

/// A skill, as the model is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skill {
    /// What it is called.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The directory with its `SKILL.md`.
    pub path: String,
}
