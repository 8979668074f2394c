//! Variables: what is visible is an array indexed by name; a function's locals push what they hide onto its scope.

mod access;
mod dynamic;
mod env;
mod value;

pub use access::{Key, Place, Refused};
pub use value::{Assoc, Indexed, Value, hash};

use crate::names::Sym;

/// Attributes of a variable, as bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Attrs(pub u16);

impl Attrs {
    pub const NONE: Self = Self(0);
    pub const EXPORT: Self = Self(1);
    pub const READONLY: Self = Self(2);
    pub const INTEGER: Self = Self(4);
    pub const LOWER: Self = Self(8);
    pub const UPPER: Self = Self(16);
    pub const CAPITAL: Self = Self(32);
    pub const NAMEREF: Self = Self(64);
    pub const TRACE: Self = Self(128);
    /// Declared with `-a` or `-A`; also while it has no value yet.
    pub const ARRAY: Self = Self(256);
    pub const ASSOC: Self = Self(512);
    /// As the process found it at its start: a subshell finds it the same way.
    pub const INITIAL: Self = Self(1024);
    /// Everything an assignment has to look at.
    const SPECIAL: Self = Self(2 | 4 | 8 | 16 | 32 | 64 | 256 | 512);

    #[must_use]
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
    pub fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }
    pub fn remove(&mut self, other: Self) {
        self.0 &= !other.0;
    }
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
    /// Is a plain assignment of text all that is needed?
    #[must_use]
    pub fn is_plain(self) -> bool {
        !self.has(Self::SPECIAL)
    }
}

/// A variable.
#[derive(Debug, Clone, Default)]
pub struct Var {
    pub value: Value,
    pub attrs: Attrs,
    /// The scope it is local to; 0 is the global one.
    pub scope: u32,
}

/// Why a scope was opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ScopeKind {
    Function,
    /// The assignments before a command.
    Temporary,
}

#[derive(Clone)]
struct Scope {
    kind: ScopeKind,
    /// What this scope's variables hide, in the order they were made.
    hidden: Vec<(Sym, Option<Box<Var>>)>,
}

/// All variables.
#[derive(Default, Clone)]
pub struct Vars {
    slots: Vec<Option<Box<Var>>>,
    scopes: Vec<Scope>,
    /// Names among the first 64 known ones that changed since the shell last looked.
    pub changed: u64,
    /// The environment for children must be made anew.
    pub env_changed: bool,
}

impl Vars {
    #[must_use]
    pub fn get(&self, name: Sym) -> Option<&Var> {
        self.slots.get(name.index())?.as_deref()
    }

    /// The text of a variable that is neither an array nor a reference.
    #[must_use]
    pub fn text(&self, name: Sym) -> Option<&[u8]> {
        match &self.get(name)?.value {
            Value::Text(t) => Some(t),
            other => other.scalar().map(Vec::as_slice),
        }
    }

    fn touch(&mut self, name: Sym) {
        if name.index() < 64 {
            self.changed |= 1 << name.index();
        }
    }

    /// A variable to change. The caller may change anything.
    pub fn get_mut(&mut self, name: Sym) -> Option<&mut Var> {
        self.touch(name);
        let var = self.slots.get_mut(name.index())?.as_deref_mut()?;
        if var.attrs.has(Attrs::EXPORT) {
            self.env_changed = true;
        }
        var.attrs.remove(Attrs::INITIAL);
        Some(var)
    }

    fn slot(&mut self, name: Sym) -> &mut Option<Box<Var>> {
        let i = name.index();
        if i >= self.slots.len() {
            self.slots.resize_with((i + 1 + i / 2).max(192), || None);
        }
        &mut self.slots[i]
    }

    /// A variable to change, made in the global scope if there is none.
    pub fn entry(&mut self, name: Sym) -> &mut Var {
        self.touch(name);
        let mut export = false;
        if let Some(var) = self.slots.get_mut(name.index()).and_then(|s| s.as_deref_mut()) {
            export = var.attrs.has(Attrs::EXPORT);
            var.attrs.remove(Attrs::INITIAL);
        }
        self.env_changed |= export;
        self.slot(name).get_or_insert_default()
    }

    /// Sets a variable whatever it was before.
    pub fn put(&mut self, name: Sym, value: Value, attrs: Attrs) {
        self.touch(name);
        self.env_changed = true;
        let slot = self.slot(name);
        let scope = slot.as_ref().map_or(0, |v| v.scope);
        *slot = Some(Box::new(Var { value, attrs, scope }));
    }

    /// The number of open scopes.
    #[must_use]
    pub fn depth(&self) -> u32 {
        self.scopes.len() as u32
    }

    pub fn push_scope(&mut self, kind: ScopeKind) {
        self.scopes.push(Scope { kind, hidden: Vec::new() });
    }

    /// Closes the innermost scope: what its variables hid is visible again.
    pub fn pop_scope(&mut self) {
        let Some(scope) = self.scopes.pop() else { return };
        for (name, var) in scope.hidden.into_iter().rev() {
            self.touch(name);
            self.env_changed = true;
            *self.slot(name) = var;
        }
    }

    /// The innermost function's scope number, 0 outside functions.
    #[must_use]
    pub fn function_scope(&self) -> u32 {
        self.scopes.iter().rposition(|s| s.kind == ScopeKind::Function).map_or(0, |i| i as u32 + 1)
    }

    /// Is the variable local to the scope with that number?
    #[must_use]
    pub fn is_local_to(&self, name: Sym, scope: u32) -> bool {
        self.get(name).is_some_and(|v| v.scope == scope && scope > 0)
    }

    /// Makes a fresh variable in scope number `scope`, hiding the visible one, unless it is already that scope's.
    pub fn make_local(&mut self, name: Sym, scope: u32) -> &mut Var {
        self.touch(name);
        self.env_changed = true;
        if scope > 0 && !self.is_local_to(name, scope) {
            let old = self.slot(name).take();
            self.scopes[scope as usize - 1].hidden.push((name, old));
            *self.slot(name) = Some(Box::new(Var { scope, ..Var::default() }));
        }
        self.slot(name).get_or_insert_default()
    }

    /// What a local variable of the innermost scopes hides: the next outer one.
    #[must_use]
    pub fn hidden(&self, name: Sym, scope: u32) -> Option<&Var> {
        let scope = self.scopes.get(scope as usize - 1)?;
        scope.hidden.iter().find(|(n, _)| *n == name)?.1.as_deref()
    }

    /// The global variable even when locals hide it.
    pub fn global(&mut self, name: Sym) -> &mut Var {
        self.touch(name);
        self.env_changed = true;
        let hidden = self.scopes.iter().position(|s| s.hidden.iter().any(|(n, _)| *n == name));
        match hidden {
            Some(i) if self.get(name).is_some_and(|v| v.scope > 0) => {
                let found = self.scopes[i].hidden.iter_mut().find(|(n, _)| *n == name);
                // The search above found it.
                match found {
                    Some((_, var)) => var.get_or_insert_default(),
                    None => unreachable!("the scope has the name"),
                }
            }
            _ => self.slot(name).get_or_insert_default(),
        }
    }

    /// Removes a variable. A local of the current function stays as an unset local; one of a calling function uncovers
    /// what it hides.
    pub fn unset(&mut self, name: Sym) {
        self.touch(name);
        let here = self.function_scope();
        let Some(scope) = self.get(name).map(|v| v.scope) else { return };
        self.env_changed = true;
        if scope == 0 {
            *self.slot(name) = None;
        } else if scope == here {
            *self.slot(name) = Some(Box::new(Var { scope, ..Var::default() }));
        } else {
            let Some(s) = self.scopes.get_mut(scope as usize - 1) else { return };
            if let Some(i) = s.hidden.iter().position(|(n, _)| *n == name) {
                let (_, old) = s.hidden.remove(i);
                *self.slot(name) = old;
            }
        }
    }

    /// Every variable there is, in no useful order.
    pub fn all(&self) -> impl Iterator<Item = (Sym, &Var)> {
        self.slots.iter().enumerate().filter_map(|(i, v)| v.as_deref().map(|v| (Sym::from_index(i), v)))
    }

    /// Names of variables that are visible, sorted.
    #[must_use]
    pub fn sorted(&self) -> Vec<(Sym, &Var)> {
        let mut list: Vec<_> = self.all().collect();
        list.sort_by_key(|(name, _)| name.name());
        list
    }

    /// Opens function scopes without locals: a subshell is as deep as its parent was.
    pub fn restore_depth(&mut self, depth: u32) {
        while self.depth() < depth {
            self.push_scope(ScopeKind::Function);
        }
    }

    /// Puts a variable received from a parent shell.
    pub fn restore(&mut self, name: Sym, var: Var) {
        self.touch(name);
        self.env_changed = true;
        if var.scope > 0
            && let Some(scope) = self.scopes.get_mut(var.scope as usize - 1)
        {
            scope.hidden.push((name, None));
        }
        *self.slot(name) = Some(Box::new(var));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(vars: &mut Vars, name: Sym, text: &str) {
        vars.entry(name).value = Value::Text(text.into());
    }

    #[test]
    fn scopes_hide_and_uncover() {
        let mut vars = Vars::default();
        let x = Sym::new(b"test_x");
        set(&mut vars, x, "global");
        vars.push_scope(ScopeKind::Function);
        vars.make_local(x, 1).value = Value::Text(b"one".to_vec());
        vars.push_scope(ScopeKind::Function);
        assert_eq!(vars.text(x), Some(&b"one"[..]));
        vars.global(x).value = Value::Text(b"changed".to_vec());
        vars.make_local(x, 2);
        assert_eq!(vars.text(x), None);
        vars.unset(x);
        assert_eq!(vars.text(x), None);
        vars.pop_scope();
        assert_eq!(vars.text(x), Some(&b"one"[..]));
        vars.push_scope(ScopeKind::Function);
        vars.unset(x);
        assert_eq!(vars.text(x), Some(&b"changed"[..]));
        vars.pop_scope();
        vars.pop_scope();
        assert_eq!(vars.text(x), Some(&b"changed"[..]));
        vars.unset(x);
        assert!(vars.get(x).is_none());
    }
}
