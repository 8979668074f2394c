//! `~`, `~user`, `~+`, `~-`, `~2`.

use crate::names::Sym;
use crate::shell::Shell;
use crate::system::OpenHow;

impl Shell {
    /// The directory that `~name` stands for.
    pub(super) fn tilde(&mut self, name: &[u8]) -> Option<Vec<u8>> {
        match name {
            b"" => {
                if let Some(home) = self.text(Sym::HOME) {
                    return Some(home);
                }
                let uid = self.sys.ids().uid;
                self.home_of(|fields| fields.get(2).is_some_and(|f| super::to_int(f) == Some(i64::from(uid))))
            }
            b"+" => self.text(Sym::PWD),
            b"-" => self.text(Sym::OLDPWD),
            _ => {
                if let Some(n) = stack_index(name) {
                    let stack = self.directory_stack();
                    let i = if name[0] == b'-' { stack.len().checked_sub(n + 1)? } else { n };
                    return stack.get(i).cloned();
                }
                self.home_of(|fields| fields.first() == Some(&name))
            }
        }
    }

    /// The name of the user this shell runs as.
    pub(super) fn user_name(&self) -> Vec<u8> {
        let uid = self.sys.ids().uid;
        let mine = |fields: &[&[u8]]| fields.get(2).is_some_and(|f| super::to_int(f) == Some(i64::from(uid)));
        self.user_field(0, mine).unwrap_or_else(|| b"I have no name!".to_vec())
    }

    fn home_of(&self, wanted: impl Fn(&[&[u8]]) -> bool) -> Option<Vec<u8>> {
        self.user_field(5, wanted)
    }

    /// A field of the first line of the user table that `wanted` picks.
    fn user_field(&self, field: usize, wanted: impl Fn(&[&[u8]]) -> bool) -> Option<Vec<u8>> {
        let how = OpenHow { read: true, cloexec: true, ..OpenHow::default() };
        let fd = self.sys.open(b"/etc/passwd", how, 0).ok()?;
        let text = self.read_all(fd);
        let _ = self.sys.close(fd);
        text.split(|b| *b == b'\n').find_map(|line| {
            let fields: Vec<&[u8]> = line.split(|b| *b == b':').collect();
            if wanted(&fields) { fields.get(field).map(|f| f.to_vec()) } else { None }
        })
    }

    /// Everything that can be read from a descriptor.
    pub fn read_all(&self, fd: crate::system::Fd) -> Vec<u8> {
        let mut out = Vec::new();
        let mut buf = [0; 4096];
        loop {
            match self.sys.read(fd, &mut buf) {
                Ok(0) => return out,
                Ok(n) => out.extend_from_slice(&buf[..n]),
                Err(crate::system::Errno::INTR) => {}
                Err(_) => return out,
            }
        }
    }
}

fn stack_index(name: &[u8]) -> Option<usize> {
    let digits = name.strip_prefix(b"+").or_else(|| name.strip_prefix(b"-")).unwrap_or(name);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    super::to_int(digits).and_then(|n| usize::try_from(n).ok())
}
