//! Truncation: what is oldest of a conversation that does not fit is left out, as `truncation: "auto"` asks for.

use std::collections::HashSet;

use super::item::{Item, Message, Role};
use super::model::estimate_tokens;

/// Leaves out the oldest items until so many tokens fewer are left. What says how to work and the last that the user said stay, and so does what came
/// last; a call goes with its output.
pub(super) fn drop_oldest(items: &mut Vec<Item>, mut excess: u64) {
    let is_instruction =
        |item: &Item| matches!(item, Item::Message(Message { role: Role::System | Role::Developer, .. }));
    let asked = items.iter().rposition(Item::is_from_user);
    let last = items.last().and_then(Item::call_id).map(str::to_owned);
    let mut gone: HashSet<usize> = HashSet::new();
    for at in 0..items.len().saturating_sub(1) {
        if excess == 0 {
            break;
        }
        let (item, call_id) = (&items[at], items[at].call_id());
        let stays = is_instruction(item) || Some(at) == asked || call_id.is_some() && call_id == last.as_deref();
        if stays || gone.contains(&at) {
            continue;
        }
        let pair =
            (at..items.len()).filter(|other| *other == at || call_id.is_some() && items[*other].call_id() == call_id);
        for index in pair {
            excess = excess.saturating_sub(estimate_tokens(&items[index..=index]));
            gone.insert(index);
        }
    }
    let mut at = 0..;
    items.retain(|_| at.next().is_some_and(|at| !gone.contains(&at)));
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn call(id: &str) -> Value {
        json!({"type": "function_call", "call_id": id, "name": "f", "arguments": "{}"})
    }

    fn output(id: &str) -> Value {
        json!({"type": "function_call_output", "call_id": id, "output": "x".repeat(400)})
    }

    fn say(role: &str, text: &str) -> Value {
        json!({"role": role, "content": text})
    }

    /// What is left, by its words.
    fn left(items: &[Value], excess: u64) -> Vec<String> {
        let mut items: Vec<Item> = serde_json::from_value(json!(items)).expect("they are items");
        drop_oldest(&mut items, excess);
        let word = |item: &Item| match item {
            Item::Message(message) => message.text(),
            item => format!("{} {}", item.kind(), item.call_id().unwrap_or_default()),
        };
        items.iter().map(word).collect()
    }

    #[test]
    fn what_is_oldest_goes_and_pairs_go_together() {
        let items = [
            say("developer", "be kind"),
            say("user", "one"),
            call("a"),
            call("b"),
            output("b"),
            output("a"),
            say("user", "two"),
            call("c"),
            output("c"),
            call("d"),
            output("d"),
        ];
        let fewer = ["be kind", "function_call b", "function_call_output b", "two", "function_call c"];
        assert_eq!(left(&items, 60)[..5], fewer, "a call and its output, wherever that is");
        assert_eq!(left(&items, 0).len(), items.len());
        let least = ["be kind", "two", "function_call d", "function_call_output d"];
        assert_eq!(left(&items, u64::MAX), least);
        assert_eq!(left(&items[..7], u64::MAX), ["be kind", "two"]);
    }
}
