//! What tools are called towards an upstream that knows only functions, and what its calls mean; which ids calls get.

use std::collections::HashSet;

use super::tool::{APPLY_PATCH, SHELL};
use super::{CallKind, Prompt, ToolSpec};
use crate::agent::item::Item;
use crate::base::id;

/// Characters of a call's id; a longer one is replaced.
const LONGEST_ID: usize = 64;

/// The names of a prompt's tools, both ways.
pub(super) struct Names(Vec<(String, CallKind)>);

impl Names {
    /// A function of the client's that is called as a tool of ours gets another name.
    pub fn of(prompt: &Prompt) -> Names {
        let tells = |item: &dyn Fn(&Item) -> bool| prompt.items.iter().any(item);
        let shell = prompt.tools.contains(&ToolSpec::Shell) || tells(&|item| matches!(item, Item::ShellCall(_)));
        let patch =
            prompt.tools.contains(&ToolSpec::ApplyPatch) || tells(&|item| matches!(item, Item::ApplyPatchCall(_)));
        let mut names = Names(Vec::new());
        for (ours, name, there) in [(CallKind::Shell, SHELL, shell), (CallKind::ApplyPatch, APPLY_PATCH, patch)] {
            if there {
                names.0.push((name.to_owned(), ours));
            }
        }
        for tool in &prompt.tools {
            match tool {
                ToolSpec::Function { name, .. } => names.add(name, CallKind::Function(name.clone())),
                ToolSpec::Custom { name, .. } => names.add(name, CallKind::Custom(name.clone())),
                ToolSpec::Shell | ToolSpec::ApplyPatch => {}
            }
        }
        names
    }

    fn add(&mut self, name: &str, kind: CallKind) {
        let mut name = name.to_owned();
        while self.0.iter().any(|(taken, _)| *taken == name) {
            name = format!("client_{name}");
        }
        self.0.push((name, kind));
    }

    /// What a tool is called towards the upstream; also one that is no longer offered.
    pub fn name<'a>(&'a self, kind: &'a CallKind) -> &'a str {
        match self.0.iter().find(|(_, known)| known == kind) {
            Some((name, _)) => name,
            None => match kind {
                CallKind::Function(name) | CallKind::Custom(name) => name,
                CallKind::Shell => SHELL,
                CallKind::ApplyPatch => APPLY_PATCH,
            },
        }
    }

    /// What a call by this name calls.
    pub fn kind(&self, name: &str) -> CallKind {
        let known = self.0.iter().find(|(known, _)| known == name);
        known.map_or_else(|| CallKind::Function(name.to_owned()), |(_, kind)| kind.clone())
    }
}

/// Ids of calls that a conversation has: no new one is like them. Some upstreams give none, or count from 0 each time.
pub(super) struct CallIds(HashSet<String>);

impl CallIds {
    /// Those of the prompt.
    pub fn of(prompt: &Prompt) -> CallIds {
        CallIds(prompt.items.iter().filter_map(Item::call_id).map(str::to_owned).collect())
    }

    /// The id for a new call: the upstream's, if it will do.
    pub fn give(&mut self, upstream: &str) -> String {
        let usable = !upstream.is_empty() && upstream.len() <= LONGEST_ID && !self.0.contains(upstream);
        let call_id = if usable { upstream.to_owned() } else { id::new("call_") };
        self.0.insert(call_id.clone());
        call_id
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_clients_shell_is_not_ours() {
        let function = |name: &str| ToolSpec::Function {
            name: name.into(),
            description: None,
            parameters: Value::Null,
            strict: None,
        };
        let mut prompt = Prompt { tools: vec![function("shell"), function("f")], ..Prompt::default() };
        assert_eq!(Names::of(&prompt).kind("shell"), CallKind::Function("shell".into()));
        prompt.tools.push(ToolSpec::Shell);
        let names = Names::of(&prompt);
        for (name, kind) in [
            ("shell", CallKind::Shell),
            ("client_shell", CallKind::Function("shell".into())),
            ("f", CallKind::Function("f".into())),
            ("unknown", CallKind::Function("unknown".into())),
        ] {
            assert_eq!(names.kind(name), kind);
            assert_eq!(names.name(&kind), name);
        }
    }
}
