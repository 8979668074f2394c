//! Variables whose value is worked out when they are read: `RANDOM`, `LINENO`, `FUNCNAME` and kin.

use super::{Attrs, Indexed, Value, Var};
use crate::names::Sym;
use crate::shell::{Shell, VERSION};
use crate::system::Clock;

fn text(t: impl Into<Vec<u8>>) -> Value {
    Value::Text(t.into())
}

fn number(n: impl ToString) -> Value {
    text(n.to_string())
}

fn list(items: Vec<Vec<u8>>) -> Value {
    Value::Indexed(Box::new(Indexed::from_items(items)))
}

/// The generator behind `RANDOM`, as bash has it.
fn next_random(seed: u32) -> u32 {
    let seed = if seed == 0 { 123_459_876 } else { seed } as i32;
    let (high, low) = (seed / 127_773, seed % 127_773);
    let t = 16_807_i32.wrapping_mul(low).wrapping_sub(2836_i32.wrapping_mul(high));
    (if t < 0 { t.wrapping_add(0x7fff_ffff) } else { t }) as u32
}

impl Shell {
    /// Puts the current value of a dynamic variable where variables are.
    pub fn refresh_dynamic(&mut self, name: Sym) {
        if self.dynamic_unset >> (name.place() - Sym::RANDOM.place()) & 1 != 0 {
            return;
        }
        if let Some((value, attrs)) = self.constant(name) {
            if self.vars.get(name).is_none() {
                self.store_dynamic(name, value, attrs);
            }
            return;
        }
        let (value, attrs) = self.current(name);
        let scope = self.vars.get(name).map_or(0, |v| v.scope);
        if scope == 0 {
            self.store_dynamic(name, value, attrs);
        }
    }

    fn store_dynamic(&mut self, name: Sym, value: Value, attrs: Attrs) {
        let old = self.vars.get(name).map_or(Attrs::NONE, |v| v.attrs);
        let attrs = attrs | old | Attrs::INITIAL;
        self.vars.restore(name, Var { value, attrs, scope: 0 });
    }

    /// Values that stay what they are once the shell runs.
    fn constant(&self, name: Sym) -> Option<(Value, Attrs)> {
        let ids = || self.sys.ids();
        let int = Attrs::READONLY | Attrs::INTEGER;
        Some(match name {
            Sym::UID => (number(ids().uid), int),
            Sym::EUID => (number(ids().euid), int),
            Sym::PPID => (number(self.parent_pid()), int),
            Sym::HOSTNAME => (text(self.sys.hostname()), Attrs::NONE),
            Sym::BASH_VERSION => (text(VERSION), Attrs::NONE),
            Sym::BASH_VERSINFO => {
                let items = ["5", "2", "15", "1", "release", "x86_64-pc-linux-gnu"];
                (list(items.iter().map(|s| s.as_bytes().to_vec()).collect()), Attrs::READONLY | Attrs::ARRAY)
            }
            Sym::HOSTTYPE => (text("x86_64"), Attrs::NONE),
            Sym::OSTYPE => (text("linux-gnu"), Attrs::NONE),
            Sym::MACHTYPE => (text("x86_64-pc-linux-gnu"), Attrs::NONE),
            Sym::BASH => (text(self.own_path()), Attrs::NONE),
            Sym::SHELL => (text("/bin/bash"), Attrs::NONE),
            Sym::TERM => (text("dumb"), Attrs::NONE),
            Sym::BASH_EXECUTION_STRING => (text(self.execution_string.as_deref()?), Attrs::NONE),
            Sym::COMP_WORDBREAKS => (text(" \t\n\"'><=;|&(:"), Attrs::NONE),
            _ => return None,
        })
    }

    /// Where this shell was found.
    fn own_path(&self) -> Vec<u8> {
        let zero = &self.zero[..];
        if zero.contains(&b'/') {
            return zero.to_vec();
        }
        let path = self.vars.text(Sym::PATH).unwrap_or(b"");
        let found = path.split(|b| *b == b':').map(|dir| crate::exec::external::join(dir, zero));
        found.into_iter().find(|p| self.sys.access(p, 1).is_ok()).unwrap_or_else(|| zero.to_vec())
    }

    /// The parent of the shell, also inside its subshells.
    fn parent_pid(&self) -> i32 {
        if self.subshell == 0 { self.sys.getppid() } else { self.parent }
    }

    fn current(&mut self, name: Sym) -> (Value, Attrs) {
        let int = Attrs::INTEGER;
        let array = Attrs::ARRAY;
        match name {
            Sym::RANDOM => (number(self.draw_random()), int),
            Sym::SRANDOM => {
                let mut bytes = [0; 4];
                self.sys.random(&mut bytes);
                (number(u32::from_le_bytes(bytes)), int)
            }
            Sym::SECONDS => (number((self.sys.monotonic() - self.seconds_base).div_euclid(1_000_000_000)), int),
            Sym::LINENO => (number(self.line), int),
            Sym::UNDERSCORE => (text(&self.last_argument[..]), Attrs::NONE),
            Sym::BASHPID => (number(self.sys.getpid()), int),
            Sym::EPOCHSECONDS => (number(self.sys.realtime() / 1_000_000_000), int),
            Sym::EPOCHREALTIME => {
                let us = Clock::realtime(&*self.sys) / 1000;
                (text(format!("{}.{:06}", us / 1_000_000, us % 1_000_000)), Attrs::NONE)
            }
            Sym::BASH_SUBSHELL => (number(self.subshell_level), int),
            Sym::BASH_COMMAND => (text(&self.current_command[..]), Attrs::NONE),
            Sym::FUNCNAME | Sym::BASH_SOURCE | Sym::BASH_LINENO => (self.call_stack(name), array),
            Sym::PIPESTATUS => {
                let items = self.pipe_status.iter().map(|n| n.to_string().into_bytes()).collect();
                (list(items), array)
            }
            Sym::DIRSTACK => (list(self.directory_stack()), array),
            Sym::GROUPS => (list(vec![number(self.sys.ids().gid).scalar().cloned().unwrap_or_default()]), array),
            Sym::BASH_ARGV0 => (text(&*self.name), Attrs::NONE),
            Sym::BASH_ALIASES => {
                let mut assoc = super::Assoc::default();
                for (k, v) in self.aliases.iter() {
                    assoc.set(k, v.clone());
                }
                (Value::Assoc(Box::new(assoc)), Attrs::ASSOC)
            }
            Sym::BASH_CMDS => {
                let mut assoc = super::Assoc::default();
                for (k, (path, _)) in &self.hashed {
                    assoc.set(k, path.to_vec());
                }
                (Value::Assoc(Box::new(assoc)), Attrs::ASSOC)
            }
            Sym::SHELLOPTS => (text(self.opts.shellopts()), Attrs::READONLY),
            Sym::BASHOPTS => (text(self.opts.bashopts()), Attrs::READONLY),
            Sym::BASH_ARGC | Sym::BASH_ARGV => (list(Vec::new()), array),
            _ => (Value::None, Attrs::NONE),
        }
    }

    fn call_stack(&self, name: Sym) -> Value {
        let in_call = self.in_function();
        let frames = self.frames.iter().rev();
        list(match name {
            Sym::FUNCNAME if !in_call => return Value::None,
            Sym::FUNCNAME => frames.map(|f| f.name.to_vec()).collect(),
            Sym::BASH_SOURCE => frames.map(|f| f.source.to_vec()).collect(),
            _ => frames.map(|f| f.line.to_string().into_bytes()).collect(),
        })
    }

    fn draw_random(&mut self) -> u32 {
        if !self.random_seeded {
            let mut bytes = [0; 4];
            self.sys.random(&mut bytes);
            self.random = u32::from_le_bytes(bytes);
            self.random_seeded = true;
        }
        loop {
            self.random = next_random(self.random);
            let n = ((self.random >> 16) ^ (self.random & 0xffff)) & 0x7fff;
            if n != self.last_random {
                self.last_random = n;
                return n;
            }
        }
    }

    /// Assignments that mean something to the shell; true if that is all.
    pub(super) fn assign_dynamic(&mut self, name: Sym, value: &[u8]) -> bool {
        if !name.is_dynamic() || self.dynamic_unset >> (name.place() - Sym::RANDOM.place()) & 1 != 0 {
            return false;
        }
        let n = || crate::expand::to_int(value).unwrap_or(0);
        match name {
            Sym::RANDOM => {
                self.random = n() as u32;
                self.random_seeded = true;
                self.last_random = 0;
            }
            Sym::SECONDS => self.seconds_base = self.sys.monotonic() - n().wrapping_mul(1_000_000_000),
            Sym::LINENO => self.line = n() as u32,
            Sym::BASH_ARGV0 => self.name = value.into(),
            Sym::UNDERSCORE
            | Sym::SRANDOM
            | Sym::BASHPID
            | Sym::EPOCHSECONDS
            | Sym::EPOCHREALTIME
            | Sym::BASH_SUBSHELL
            | Sym::BASH_COMMAND
            | Sym::FUNCNAME
            | Sym::BASH_SOURCE
            | Sym::BASH_LINENO
            | Sym::GROUPS
            | Sym::PIPESTATUS
            | Sym::DIRSTACK => {}
            _ => return false,
        }
        true
    }

    /// Makes every dynamic variable visible, for listings.
    pub fn refresh_all(&mut self) {
        let (start, end) = (Sym::RANDOM.index(), Sym::END_OF_KNOWN.index());
        for name in (start..end).map(Sym::from_index) {
            if !matches!(name, Sym::RANDOM | Sym::SRANDOM) {
                self.refresh_dynamic(name);
            }
        }
    }
}
