//! Messages, what they are made of, and what the model thought.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::Status;

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Whoever runs the service; like `Developer`.
    System,
    /// Whoever wrote the client.
    Developer,
    /// Whoever uses the client.
    User,
    /// The model.
    Assistant,
}

/// A message. Content may be given as one string.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Message {
    /// `msg_…`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Who speaks.
    pub role: Role,
    /// How far it is; input may leave it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// Parts in order.
    pub content: Vec<Part>,
    /// `commentary` or `final_answer`, of the model's messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
}

/// A piece of content.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Part {
    /// Text to the model.
    #[serde(alias = "text")]
    InputText {
        /// The text.
        text: String,
    },
    /// A picture to the model: one of `image_url` (perhaps a data URL) and `file_id`.
    InputImage {
        /// How closely it is looked at.
        #[serde(default)]
        detail: Detail,
        /// Where it is, or the picture itself as a data URL.
        #[serde(skip_serializing_if = "Option::is_none")]
        image_url: Option<String>,
        /// An uploaded file.
        #[serde(skip_serializing_if = "Option::is_none")]
        file_id: Option<String>,
    },
    /// A file to the model: one of `file_id`, `file_data` and `file_url`.
    InputFile {
        /// An uploaded file.
        #[serde(skip_serializing_if = "Option::is_none")]
        file_id: Option<String>,
        /// The file itself, as a data URL or in base64.
        #[serde(skip_serializing_if = "Option::is_none")]
        file_data: Option<String>,
        /// Where it is.
        #[serde(skip_serializing_if = "Option::is_none")]
        file_url: Option<String>,
        /// What to call it.
        #[serde(skip_serializing_if = "Option::is_none")]
        filename: Option<String>,
        /// How closely its pages are looked at.
        #[serde(skip_serializing_if = "Option::is_none")]
        detail: Option<Detail>,
    },
    /// Text of the model's.
    OutputText {
        /// The text.
        text: String,
        /// What the text refers to.
        #[serde(default)]
        annotations: Vec<Annotation>,
        /// Probabilities of its tokens; passed through.
        #[serde(default)]
        logprobs: Vec<Value>,
    },
    /// The model will not.
    Refusal {
        /// Why.
        refusal: String,
    },
    /// A summary of what the model thought; in reasoning items.
    SummaryText {
        /// The text.
        text: String,
    },
    /// What the model thought; in reasoning items.
    ReasoningText {
        /// The text.
        text: String,
    },
}

/// How closely a picture is looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Detail {
    /// As the model's provider thinks fit.
    #[default]
    Auto,
    /// In few tokens.
    Low,
    /// In many.
    High,
    /// Every pixel; pictures only.
    Original,
}

/// What a stretch of the model's text refers to. Indices count characters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Annotation {
    /// A file of a container.
    ContainerFileCitation {
        /// `cntr_…`
        container_id: String,
        /// `cfile_…`
        file_id: String,
        /// Its name.
        filename: String,
        /// Where the stretch begins.
        start_index: u64,
        /// Where it ends.
        end_index: u64,
    },
    /// An uploaded file.
    FileCitation {
        /// `file-…`
        file_id: String,
        /// Its name.
        filename: String,
        /// Which of the files.
        index: u64,
    },
    /// A page.
    UrlCitation {
        /// Where it is.
        url: String,
        /// Its title.
        title: String,
        /// Where the stretch begins.
        start_index: u64,
        /// Where it ends.
        end_index: u64,
    },
    /// A file the model made.
    FilePath {
        /// Its id.
        file_id: String,
        /// Which of the files.
        index: u64,
    },
}

/// Text, or parts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = CallOutputContent)]
#[serde(untagged)]
pub enum Content {
    /// Only text.
    Text(String),
    /// Text, images and files.
    Parts(Vec<Part>),
}

/// What the model thought.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Reasoning {
    /// `rs_…`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// For people: [`Part::SummaryText`].
    #[serde(default)]
    pub summary: Vec<Part>,
    /// The whole: [`Part::ReasoningText`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub content: Vec<Part>,
    /// The whole, readable only by the model that thought it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encrypted_content: Option<String>,
    /// How far it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
}

impl Message {
    /// A message of the user's, without an id.
    pub fn user(text: impl Into<String>) -> Message {
        Message::input(Role::User, text)
    }

    /// A message to the model, without an id.
    pub fn input(role: Role, text: impl Into<String>) -> Message {
        Message { id: None, role, status: None, content: vec![Part::InputText { text: text.into() }], phase: None }
    }

    /// A whole message of the model's, without an id.
    pub fn assistant(text: impl Into<String>) -> Message {
        let content = vec![Part::output_text(text)];
        Message { id: None, role: Role::Assistant, status: Some(Status::Completed), content, phase: None }
    }

    /// The texts of its parts, refusals too, one after another.
    pub fn text(&self) -> String {
        self.content.iter().filter_map(Part::text).collect()
    }
}

impl Part {
    /// Text of the model's that refers to nothing.
    pub fn output_text(text: impl Into<String>) -> Part {
        Part::OutputText { text: text.into(), annotations: Vec::new(), logprobs: Vec::new() }
    }

    /// Its text, if it is text.
    pub fn text(&self) -> Option<&str> {
        match self {
            Part::InputText { text }
            | Part::OutputText { text, .. }
            | Part::Refusal { refusal: text }
            | Part::SummaryText { text }
            | Part::ReasoningText { text } => Some(text),
            Part::InputImage { .. } | Part::InputFile { .. } => None,
        }
    }

    /// The data URL of an image that is here itself.
    pub fn inline_image(&self) -> Option<&str> {
        match self {
            Part::InputImage { image_url: Some(url), .. } if url.starts_with("data:") => Some(url),
            _ => None,
        }
    }
}

impl Content {
    /// The text, or the texts of the parts one after another.
    pub fn text(&self) -> String {
        match self {
            Content::Text(text) => text.clone(),
            Content::Parts(parts) => parts.iter().filter_map(Part::text).collect(),
        }
    }
}
