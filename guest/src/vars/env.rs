//! The environment: imported at the start, given to children.

use super::{Attrs, Value, Var, hash};
use crate::names::{Sym, is_name};
use crate::shell::Shell;
use std::rc::Rc;

/// Bash keeps variables in this many buckets, which orders the environment it makes.
const BUCKETS: u32 = 1024;

impl Shell {
    /// Takes over the environment this process was started with.
    pub fn import_env(&mut self) {
        for entry in self.sys.env() {
            let Some(eq) = entry.iter().position(|b| *b == b'=') else { continue };
            let (name, value) = (&entry[..eq], &entry[eq + 1..]);
            if is_name(name) {
                let attrs = Attrs::EXPORT | Attrs::INITIAL;
                let var = Var { value: Value::Text(value.to_vec()), attrs, scope: 0 };
                self.vars.restore(Sym::new(name), var);
            } else if let Some(name) = name.strip_prefix(b"BASH_FUNC_").and_then(|n| n.strip_suffix(b"%%")) {
                self.import_function(name, value);
            } else if !name.is_empty() {
                self.foreign_env.push(entry);
            }
        }
        self.vars.changed = u64::MAX;
        self.vars.env_changed = true;
    }

    /// The environment for a child: NUL-terminated strings, with `_` last.
    pub fn environment(&mut self) -> Rc<[u8]> {
        if !std::mem::take(&mut self.vars.env_changed)
            && let Some(env) = &self.env_cache
        {
            return env.clone();
        }
        let mut list: Vec<(u32, Sym, &Vec<u8>)> = Vec::new();
        for (name, var) in self.vars.all() {
            if var.attrs.has(Attrs::EXPORT)
                && name != Sym::UNDERSCORE
                && let Value::Text(text) = &var.value
            {
                list.push((hash(name.name()) % BUCKETS, name, text));
            }
        }
        list.sort_by_key(|(bucket, name, _)| (*bucket, std::cmp::Reverse(*name)));
        let mut out = Vec::new();
        for (_, name, text) in list {
            out.extend_from_slice(name.name());
            out.push(b'=');
            out.extend_from_slice(text);
            out.push(0);
        }
        for entry in &self.foreign_env {
            out.extend_from_slice(entry);
            out.push(0);
        }
        for (name, function) in &self.funcs {
            if function.exported
                && let Some(def) = function.definition()
            {
                out.extend_from_slice(b"BASH_FUNC_");
                out.extend_from_slice(name);
                out.extend_from_slice(b"%%=() ");
                let text = crate::syntax::print::function(name, &def);
                let body = text.iter().position(|b| *b == b'{').unwrap_or(0);
                out.extend_from_slice(&text[body..]);
                out.push(0);
            }
        }
        let env: Rc<[u8]> = out.into();
        self.env_cache = Some(env.clone());
        env
    }
}
