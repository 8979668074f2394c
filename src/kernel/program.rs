//! From a name to the code to run: `PATH`, permissions, `#!`.

use super::launch::Program;
use super::process::Pid;
use super::{Kernel, spawn::strings};
use crate::base::{Errno, Sys};
use crate::vfs::{Cred, Follow, Kind, Loc};
use std::sync::Arc;

/// How much of a file's start is looked at, as on Linux (`BINPRM_BUF_SIZE`).
const HEAD: usize = 256;
/// Interpreters that may themselves be scripts, one below the other, as on Linux.
const SCRIPTS_MAX: usize = 5;
/// Where programs are if the environment has no `PATH`.
const PATH_DEFAULT: &[u8] = b"/usr/local/bin:/usr/bin:/bin";
/// How a WebAssembly core module starts.
const MODULE_HEAD: &[u8] = b"\0asm\x01\0\0\0";

/// Who wants to run what.
#[derive(Clone, Copy)]
pub(super) struct Search<'a> {
    /// Whose `/proc/self` it is.
    pub(super) pid: Pid,
    pub(super) cred: Cred,
    pub(super) cwd: Loc,
    pub(super) program: &'a [u8],
    pub(super) search_path: bool,
    pub(super) argv: &'a [u8],
    pub(super) env: &'a [u8],
}

/// A program that was found.
pub(super) struct Found {
    pub(super) program: Program,
    pub(super) loc: Loc,
    pub(super) path: Arc<[u8]>,
    pub(super) argv: Arc<[u8]>,
}

/// The first line of a script.
#[derive(PartialEq, Eq, Debug)]
struct Shebang<'a> {
    interpreter: &'a [u8],
    argument: Option<&'a [u8]>,
}

/// Takes a `#!` line apart as Linux does: one argument at most, the line cut off after 255 bytes. `None`: not executable.
///
/// `head` is the file's start, filled up with NUL bytes. In a line without an end these count: a blank before them
/// is followed by an empty argument.
fn parse_shebang(head: &[u8; HEAD]) -> Option<Shebang<'_>> {
    let blank = |b: &u8| *b == b' ' || *b == b'\t';
    let ends = |b: &u8| blank(b) || *b == 0;
    let after_blanks = |text: &[u8]| text.iter().position(|b| !blank(b));
    let line = head.strip_prefix(b"#!")?;
    let line = match line.iter().position(|&b| b == b'\n') {
        Some(end) => &line[..end],
        None => {
            let name = &line[after_blanks(line)?..];
            // A name that goes on where the buffer ends is not the whole name.
            name.iter().position(ends)?;
            &line[..line.len() - 1]
        }
    };
    let line = &line[..line.iter().rposition(|b| !blank(b))? + 1];
    let name = &line[after_blanks(line)?..];
    let end = name.iter().position(ends).unwrap_or(name.len());
    let (interpreter, rest) = name.split_at(end);
    let argument = match rest.first() {
        None | Some(0) => None,
        Some(_) => after_blanks(rest).map(|start| rest[start..].split(|&b| b == 0).next().unwrap_or_default()),
    };
    Some(Shebang { interpreter, argument })
}

impl Kernel {
    /// Finds what to run.
    pub(super) fn find_program(&mut self, search: Search<'_>) -> Sys<Found> {
        let program = search.program;
        if !search.search_path || program.contains(&b'/') || program.is_empty() {
            return self.load(search, program);
        }
        let path = strings(search.env).find_map(|entry| entry.strip_prefix(b"PATH=")).unwrap_or(PATH_DEFAULT);
        let mut refused = Errno::NoEnt;
        for dir in path.split(|&b| b == b':') {
            let mut candidate = dir.to_vec();
            if !dir.is_empty() {
                candidate.push(b'/');
            }
            candidate.extend_from_slice(program);
            match self.load(search, &candidate) {
                Err(Errno::Acces) => refused = Errno::Acces,
                Err(Errno::NoEnt | Errno::NotDir | Errno::NameTooLong | Errno::Loop) => {}
                done => return done,
            }
        }
        Err(refused)
    }

    /// What to run for one path: the file itself or the interpreter it names.
    fn load(&mut self, search: Search<'_>, path: &[u8]) -> Sys<Found> {
        let mut path: Vec<u8> = path.to_vec();
        let mut argv: Option<Vec<u8>> = None;
        for _ in 0..=SCRIPTS_MAX {
            let loc = self.executable(search, &path)?;
            let mut head = [0; HEAD];
            let program = match self.vfs.program(loc) {
                Some(id) => Some(Program::OfImage(id)),
                None => {
                    self.vfs.read_at(loc, 0, &mut head)?;
                    if !head.starts_with(b"#!") {
                        // A component is no module and cannot be run.
                        Some(if head.starts_with(MODULE_HEAD) {
                            Program::File
                        } else {
                            return Err(Errno::NoExec);
                        })
                    } else {
                        let shebang = parse_shebang(&head).ok_or(Errno::NoExec)?;
                        argv = Some(script_argv(&shebang, &path, argv.as_deref().unwrap_or(search.argv)));
                        path = shebang.interpreter.to_vec();
                        if path.is_empty() {
                            // As on Linux, where no name is the working directory here.
                            return Err(Errno::Acces);
                        }
                        None
                    }
                }
            };
            if let Some(program) = program {
                let argv = argv.map_or_else(|| Arc::from(search.argv), Arc::from);
                return Ok(Found { program, loc, path: path.into(), argv });
            }
        }
        Err(Errno::Loop)
    }

    /// A file that may be executed.
    fn executable(&mut self, search: Search<'_>, path: &[u8]) -> Sys<Loc> {
        self.tree(search.pid, |vfs| {
            let (loc, attr) = vfs.stat(&search.cred, search.cwd, path, Follow::Last)?;
            if attr.kind != Kind::File {
                return Err(Errno::Acces);
            }
            vfs.access(&search.cred, loc, 1)?;
            Ok(loc)
        })
    }
}

/// The arguments of an interpreter: its name, its argument, the script, the script's arguments.
fn script_argv(shebang: &Shebang<'_>, script: &[u8], argv: &[u8]) -> Vec<u8> {
    let mut all = Vec::with_capacity(HEAD + script.len() + argv.len());
    for string in [Some(shebang.interpreter), shebang.argument, Some(script)].into_iter().flatten() {
        all.extend_from_slice(string);
        all.push(0);
    }
    let first = argv.iter().position(|&b| b == 0).map_or(argv.len(), |end| end + 1);
    all.extend_from_slice(&argv[first..]);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checked against Linux.
    fn check(start: &[u8], expect: Option<(&str, Option<&str>)>) {
        let mut head = [0; HEAD];
        head[..start.len()].copy_from_slice(start);
        let got = parse_shebang(&head);
        let expect = expect.map(|(i, a)| Shebang { interpreter: i.as_bytes(), argument: a.map(str::as_bytes) });
        assert_eq!(got, expect, "{}", String::from_utf8_lossy(start));
    }

    #[test]
    fn shebang_lines() {
        check(b"#!/bin/sh\n", Some(("/bin/sh", None)));
        check(b"#! \t/bin/sh \t\nrest", Some(("/bin/sh", None)));
        check(b"#!/usr/bin/env  -S a b \nrest", Some(("/usr/bin/env", Some("-S a b"))));
        check(b"#!/bin/sh", Some(("/bin/sh", None)));
        check(b"#!/bin/sh -e", Some(("/bin/sh", Some("-e"))));
        check(b"#!/bin/sh -e ", Some(("/bin/sh", Some("-e "))));
        check(b"#!/bin/sh ", Some(("/bin/sh", Some(""))));
        check(b"#!/bin/sh\r\n", Some(("/bin/sh\r", None)));
        check(b"#!\n", None);
        check(b"#!  \n/bin/sh\n", None);
        check(b"#!", Some(("", None)));
        check(b"#!   ", Some(("", None)));
        check(b"#!/bin/sh\0 -e\n", Some(("/bin/sh", None)));
        check(b"#!/bin/sh -e\0 -x\n", Some(("/bin/sh", Some("-e"))));
    }

    #[test]
    fn long_lines_are_cut_off() {
        let mut head = b"#!/bin/sh ".to_vec();
        head.resize(HEAD, b'x');
        check(&head, Some(("/bin/sh", Some(&"x".repeat(255 - 10)))));
        let mut head = b"#!/".to_vec();
        head.resize(HEAD, b'x');
        check(&head, None);
        let longest = format!("/{}", "x".repeat(252));
        head[HEAD - 1] = b'\n';
        check(&head, Some((&longest, None)));
        head.pop();
        check(&head, Some((&longest, None)));
    }
}
