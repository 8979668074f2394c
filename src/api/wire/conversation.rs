//! Conversations, as the reference has them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::response::InputItem;
use crate::api::error::ApiError;

/// Pairs of texts that a client keeps with a response or a conversation.
pub(in crate::api) type Metadata = BTreeMap<String, String>;

/// Pairs, letters of a key and letters of a value that metadata may have.
const PAIRS: usize = 16;
const KEY_CHARS: usize = 64;
const VALUE_CHARS: usize = 512;

/// Checks metadata.
pub(in crate::api) fn check_metadata(metadata: &Metadata) -> Result<(), ApiError> {
    if metadata.len() > PAIRS {
        let why = format!("expected at most {PAIRS} pairs, got {}", metadata.len());
        return Err(ApiError::invalid_value("metadata", why));
    }
    for (key, value) in metadata {
        let shown = || format!("metadata.{}", key.chars().take(KEY_CHARS).collect::<String>());
        for (what, text, most) in [("key", key, KEY_CHARS), ("value", value, VALUE_CHARS)] {
            let chars = text.chars().count();
            if chars > most {
                let why = format!("expected a {what} of at most {most} characters, got {chars}");
                return Err(ApiError::invalid_value(shown(), why));
            }
        }
    }
    Ok(())
}

/// A conversation to be made.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct CreateConversation {
    /// What it begins with: at most 20 items.
    #[schema(value_type = Option<Vec<InputItem>>, max_items = 20)]
    pub items: Option<Vec<Value>>,
    /// At most 16 pairs.
    pub metadata: Option<Metadata>,
}

/// What a conversation is changed to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct UpdateConversation {
    /// In place of what it has; `null` takes it away.
    #[serde(deserialize_with = "Option::deserialize")]
    pub metadata: Option<Metadata>,
}

/// Items to be added to a conversation.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct CreateItems {
    /// At most 20.
    #[schema(value_type = Vec<InputItem>, max_items = 20)]
    pub items: Vec<Value>,
}

/// A conversation.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct ConversationObject {
    /// `conv_…`.
    pub id: String,
    /// Always `conversation`.
    pub object: &'static str,
    /// When it was made, in seconds since 1970.
    pub created_at: i64,
    /// What its maker keeps with it.
    pub metadata: Metadata,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_small() {
        let pairs = |n: usize, key: usize, value: usize| {
            (0..n).map(|i| (format!("{i:0key$}"), "é".repeat(value))).collect::<Metadata>()
        };
        assert!(check_metadata(&pairs(16, 64, 512)).is_ok());
        for wrong in [pairs(17, 2, 1), pairs(1, 65, 1), pairs(1, 1, 513)] {
            assert!(check_metadata(&wrong).is_err(), "{wrong:?}");
        }
    }
}
