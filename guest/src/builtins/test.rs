//! `test` and `[`, and what they see of the world.

use crate::names::Sym;
use crate::shell::{Run, Shell};
use crate::system::{FileKind, Stat as SysStat};
use crate::test_expr::{self, Access, Stat, TestEnv};
use crate::vars::Attrs;

fn convert(st: &SysStat) -> Stat {
    let kind = match st.kind {
        FileKind::File => 0o100_000,
        FileKind::Dir => 0o040_000,
        FileKind::Symlink => 0o120_000,
        FileKind::CharDevice => 0o020_000,
        FileKind::BlockDevice => 0o060_000,
        FileKind::Fifo => 0o010_000,
        FileKind::Socket => 0o140_000,
        FileKind::Unknown => 0,
    };
    Stat {
        mode: kind | st.mode,
        uid: st.uid,
        gid: st.gid,
        size: st.size,
        dev: st.dev,
        ino: st.ino,
        atime: st.atime,
        mtime: st.mtime,
    }
}

/// The descriptor a path like `/dev/fd/3` names.
fn device_fd(path: &[u8]) -> Option<i32> {
    match path {
        b"/dev/stdin" => Some(0),
        b"/dev/stdout" => Some(1),
        b"/dev/stderr" => Some(2),
        _ => crate::expand::to_int(path.strip_prefix(b"/dev/fd/")?).and_then(|n| i32::try_from(n).ok()),
    }
}

impl TestEnv for Shell {
    fn stat(&mut self, path: &[u8]) -> Option<Stat> {
        let st = match device_fd(path) {
            Some(fd) => self.sys.fstat(fd),
            None => self.sys.stat(path, true),
        };
        st.ok().as_ref().map(convert)
    }

    fn lstat(&mut self, path: &[u8]) -> Option<Stat> {
        self.sys.stat(path, false).ok().as_ref().map(convert)
    }

    fn access(&mut self, path: &[u8], access: Access) -> bool {
        let mode = match access {
            Access::Read => 4,
            Access::Write => 2,
            Access::Exec => 1,
        };
        self.sys.access(path, mode).is_ok()
    }

    fn isatty(&mut self, fd: i32) -> bool {
        self.sys.is_terminal(fd)
    }

    fn var_is_set(&mut self, name: &[u8]) -> bool {
        self.is_set(name).unwrap_or_else(|_| {
            self.not_a_number = true;
            false
        })
    }

    fn var_is_nameref(&mut self, name: &[u8]) -> bool {
        Sym::lookup(name)
            .and_then(|n| self.vars.get(n))
            .is_some_and(|v| v.attrs.has(Attrs::NAMEREF) && v.value.scalar().is_some())
    }

    fn option_is_set(&mut self, name: &[u8]) -> bool {
        crate::options::by_name(name).is_some_and(|o| self.opt(o))
    }

    fn ids(&mut self) -> (u32, u32) {
        let ids = self.sys.ids();
        (ids.euid, ids.egid)
    }
}

fn result(sh: &Shell, value: Result<bool, test_expr::TestError>) -> i32 {
    match value {
        Ok(value) => i32::from(!value),
        Err(e) => {
            sh.builtin_error(&[&e.0]);
            2
        }
    }
}

pub fn test(sh: &mut Shell, args: &[Vec<u8>]) -> Run<i32> {
    let value = test_expr::test(&args[1..], sh);
    Ok(result(sh, value))
}

pub fn bracket(sh: &mut Shell, args: &[Vec<u8>]) -> Run<i32> {
    let value = test_expr::bracket(&args[1..], sh);
    Ok(result(sh, value))
}
