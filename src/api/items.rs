//! Items: how they come in, how they are kept (in a file of a tree, one JSON text a line) and how lists show them.

use bytes::Bytes;
use serde::{Deserialize as _, Serialize};
use serde_json::Value;

use super::error::ApiError;
use super::json;
use super::place;
use super::wire::Identified;
use crate::agent::item::{Item, Message, Part, Role, Status};
use crate::base::{Errno, id};
use crate::vfs::Tree;

/// Longest text of one part, in characters.
const TEXT_CHARS: usize = 10 << 20;

/// Longest id that pairs a call with its output, in characters.
const CALL_ID_CHARS: usize = 64;

/// Understands items of a request; errors name the field below `param`.
pub(super) fn parse(param: &str, values: Vec<Value>) -> Result<Vec<Item>, ApiError> {
    let item = |(index, value)| one(&format!("{param}[{index}]"), value);
    values.into_iter().enumerate().map(item).collect()
}

fn one(param: &str, value: Value) -> Result<Item, ApiError> {
    let kind = value["type"].as_str().unwrap_or_default().chars().take(64).collect::<String>();
    let item = Item::deserialize(value).map_err(|error| {
        let text = error.to_string();
        // An item says itself where in it something is wrong.
        let (place, why) = text.split_once(": ").filter(|(place, _)| is_path(place)).unwrap_or(("", &text));
        match place.is_empty() && why.starts_with("unknown variant") {
            true => {
                ApiError::invalid_value(format!("{param}.type"), format!("items of type '{kind}' are not supported"))
            }
            false if place.is_empty() => json::said(param, why),
            false => json::said(&format!("{param}.{place}"), why),
        }
    })?;
    if let Some(call_id) = item.call_id()
        && !(1..=CALL_ID_CHARS).contains(&call_id.chars().count())
    {
        let why = format!("expected 1 to {CALL_ID_CHARS} characters");
        return Err(ApiError::invalid_value(format!("{param}.call_id"), why));
    }
    let is_empty = |part: &Part| {
        matches!(
            part,
            Part::InputImage { image_url: None, file_id: None, .. }
                | Part::InputFile { file_id: None, file_data: None, file_url: None, .. }
        )
    };
    if let Some(at) = item.parts().iter().position(is_empty) {
        let field = if matches!(item, Item::Message(_)) { "content" } else { "output" };
        let why = "expected an image with `image_url` or `file_id`, a file with `file_id`, `file_data` or `file_url`";
        return Err(ApiError::invalid_value(format!("{param}.{field}[{at}]"), why));
    }
    if let Item::Message(message) = &item
        && message.content.iter().filter_map(|part| part.text()).any(|text| text.len() > TEXT_CHARS)
    {
        let why = format!("expected texts of at most {TEXT_CHARS} bytes");
        return Err(ApiError::invalid_value(format!("{param}.content"), why));
    }
    Ok(item)
}

/// Whether a text leads to a field, as `content[0].text` does.
fn is_path(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_.[]".contains(&b))
}

/// The input that a text is.
pub(super) fn text(text: String) -> Vec<Item> {
    vec![Item::Message(Message::input(Role::User, text))]
}

/// Gives items what those that are kept and shown always have: an id, and how far they are.
pub(super) fn complete(items: &mut [Item]) {
    for item in items {
        if item.id().is_none() {
            item.set_id(id::new(item.id_prefix()));
        }
        let status = match item {
            Item::Message(it) => &mut it.status,
            Item::FunctionCall(it) => &mut it.status,
            Item::FunctionCallOutput(it) | Item::CustomToolCallOutput(it) => &mut it.status,
            Item::ShellCall(it) => &mut it.status,
            Item::ShellCallOutput(it) => &mut it.status,
            Item::ApplyPatchCall(it) => &mut it.status,
            _ => continue,
        };
        status.get_or_insert(Status::Completed);
    }
}

/// Keeps a list of items in a file.
pub(super) fn put(tree: &mut Tree, path: &[u8], items: &[Item]) -> Result<(), ApiError> {
    let mut lines = Vec::new();
    for item in items {
        serde_json::to_writer(&mut lines, item).map_err(|_| ApiError::internal())?;
        lines.push(b'\n');
    }
    place::put(tree, path, Bytes::from(lines)).map_err(|_| ApiError::internal())
}

/// The items that are kept in a file; none if it is not there. May block.
pub(super) fn get(tree: &Tree, path: &[u8]) -> Result<Vec<Item>, ApiError> {
    let lines = match tree.read_path(path) {
        Err(Errno::NoEnt) => return Ok(Vec::new()),
        lines => lines.map_err(|_| ApiError::internal())?,
    };
    let lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let item = |line| {
        serde_json::from_slice(line).map_err(|error| {
            tracing::error!(%error, "a kept item cannot be read");
            ApiError::internal()
        })
    };
    lines.map(item).collect()
}

/// An item as lists and requests for it show it.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub(super) struct Shown(pub Item);

impl Identified for Shown {
    fn id(&self) -> &str {
        self.0.id().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn error(value: Value) -> Value {
        let error = parse("input", vec![value]).expect_err("it is wrong");
        serde_json::from_slice::<Value>(&error.body()).expect("it is JSON")["error"].clone()
    }

    #[test]
    fn errors_name_the_item_and_the_field() {
        for (value, code, param) in [
            (
                json!({"role": "user", "content": [{"type": "input_text"}]}),
                "missing_required_parameter",
                "input[0].content[0].text",
            ),
            (json!({"type": "web_search_call", "id": "x"}), "invalid_value", "input[0].type"),
            (
                json!({"role": "user", "content": [{"type": "input_image", "image_url": "x", "detail": "AAA"}]}),
                "invalid_value",
                "input[0].content[0]",
            ),
            (
                json!({"type": "function_call_output", "call_id": "", "output": "x"}),
                "invalid_value",
                "input[0].call_id",
            ),
            (json!({"type": "function_call", "call_id": "c"}), "missing_required_parameter", "input[0].name"),
            (json!({"role": "user", "content": 5}), "invalid_type", "input[0].content"),
            (json!(5), "invalid_type", "input[0]"),
        ] {
            let error = error(value.clone());
            assert_eq!((&error["code"], &error["param"]), (&code.into(), &param.into()), "{value}: {error}");
        }
    }

    #[test]
    fn what_is_kept_is_complete_and_comes_back() {
        let values = vec![
            json!({"role": "user", "content": "hi\nthere"}),
            json!({"type": "function_call_output", "call_id": "c", "output": "x"}),
        ];
        let mut items = parse("input", values).expect("they are items");
        complete(&mut items);
        assert!(items[0].id().is_some_and(|id| id::is("msg_", id)));
        let mut tree = Tree::new();
        put(&mut tree, b"/input", &items).expect("it can be put");
        assert_eq!(get(&tree, b"/input").expect("it can be read"), items);
        assert_eq!(get(&tree, b"/output").expect("nothing is there"), []);
        assert_eq!(serde_json::to_value(Shown(items[0].clone())).expect("it is JSON")["status"], "completed");
    }
}
