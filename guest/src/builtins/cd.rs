//! `cd`, `pwd`.

use super::OptionParser;
use crate::exec::external::join;
use crate::names::Sym;
use crate::options::{Opt, Shopt};
use crate::shell::{Run, Shell};
use crate::system::{Errno, FileKind};

/// `cd` looks where the directory really is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Links {
    Logical,
    Physical,
}

pub fn cd(sh: &mut Shell, args: &[Vec<u8>]) -> Run<i32> {
    let mut links = if sh.opt(Opt::Physical) { Links::Physical } else { Links::Logical };
    let mut parser = OptionParser::new(args, b"LPe@");
    while let Some(option) = parser.next() {
        match option {
            Ok((b'L', _)) => links = Links::Logical,
            Ok((b'P', _)) => links = Links::Physical,
            Ok(_) => {}
            Err(bad) => return Ok(sh.bad_option(bad)),
        }
    }
    let rest = parser.rest();
    if rest.len() > 1 {
        sh.builtin_error(&[b"too many arguments"]);
        return Ok(1);
    }
    let (target, mut show) = match rest.first() {
        None => match sh.text(Sym::HOME) {
            Some(home) if home.is_empty() => return Ok(0),
            Some(home) => (home, false),
            None => {
                sh.builtin_error(&[b"HOME not set"]);
                return Ok(1);
            }
        },
        Some(arg) if arg == b"-" => match sh.text(Sym::OLDPWD) {
            Some(old) => (old, true),
            None => {
                sh.builtin_error(&[b"OLDPWD not set"]);
                return Ok(1);
            }
        },
        Some(arg) => (arg.clone(), false),
    };
    let mut last = Errno::NOENT;
    for (path, listed) in candidates(sh, &target) {
        match change(sh, &path, links) {
            Ok(()) => {
                show |= listed;
                if show {
                    let dir = sh.text(Sym::PWD).unwrap_or_default();
                    return Ok(sh.out(&[&dir[..], b"\n"].concat()));
                }
                return Ok(0);
            }
            Err(e) => last = e,
        }
    }
    if sh.shopt(Shopt::CdableVars)
        && crate::names::is_name(&target)
        && let Some(value) = sh.text(Sym::new(&target))
        && change(sh, &value, links).is_ok()
    {
        return Ok(sh.out(&[&value[..], b"\n"].concat()));
    }
    sh.builtin_error(&[&target, b": ", last.message().as_bytes()]);
    Ok(1)
}

/// Where a relative name may be: in the directories of CDPATH, then here. True: the directory is to be shown.
fn candidates(sh: &mut Shell, target: &[u8]) -> Vec<(Vec<u8>, bool)> {
    let relative = !target.starts_with(b"/")
        && target != b"."
        && target != b".."
        && !target.starts_with(b"./")
        && !target.starts_with(b"../");
    let mut out = Vec::new();
    if relative && let Some(path) = sh.text(Sym::CDPATH).filter(|p| !p.is_empty()) {
        for dir in path.split(|b| *b == b':') {
            let listed = !dir.is_empty();
            out.push((if listed { join(dir, target) } else { target.to_vec() }, listed));
        }
    }
    out.push((target.to_vec(), false));
    out
}

/// `/a/../b/./c` without what it does not need; `None` when a part before `..` is no directory.
fn canonical(sh: &Shell, path: &[u8], check: bool) -> Option<Vec<u8>> {
    let mut out: Vec<u8> = Vec::new();
    for part in path.split(|b| *b == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                let dir = if out.is_empty() { &b"/"[..] } else { &out };
                if check && !sh.sys.stat(dir, true).is_ok_and(|s| s.kind == FileKind::Dir) {
                    return None;
                }
                let cut = out.iter().rposition(|b| *b == b'/').unwrap_or(0);
                out.truncate(cut);
            }
            _ => {
                out.push(b'/');
                out.extend_from_slice(part);
            }
        }
    }
    if out.is_empty() {
        out.push(b'/');
    }
    Some(out)
}

fn change(sh: &mut Shell, path: &[u8], links: Links) -> Result<(), Errno> {
    let old = sh.cwd.clone();
    let new = if links == Links::Logical {
        let full = if path.starts_with(b"/") { path.to_vec() } else { join(&old, path) };
        match canonical(sh, &full, true) {
            Some(new) => match sh.sys.chdir(&new) {
                Ok(()) => new,
                Err(e) => {
                    // The name the shell knows the directory by may be out of date.
                    sh.sys.chdir(path).map_err(|_| e)?;
                    sh.sys.getcwd().unwrap_or(new)
                }
            },
            None if sh.sys.chdir(path).is_ok() => sh.sys.getcwd()?,
            // The directory we are in is gone: go by its name.
            None => match canonical(sh, &full, false) {
                Some(new) if !path.starts_with(b"/") && sh.sys.stat(&old, true).is_err() => {
                    sh.sys.chdir(&new)?;
                    new
                }
                _ => return Err(Errno::NOENT),
            },
        }
    } else {
        sh.sys.chdir(path)?;
        sh.sys.getcwd()?
    };
    set_directories(sh, &old, &new);
    Ok(())
}

fn set_directories(sh: &mut Shell, old: &[u8], new: &[u8]) {
    sh.cwd = new.to_vec();
    let before = sh.text(Sym::PWD).unwrap_or_else(|| old.to_vec());
    let _ = sh.assign(Sym::OLDPWD, before, false);
    let _ = sh.assign(Sym::PWD, new.to_vec(), false);
}

/// Changes the directory on behalf of another builtin.
pub(super) fn go(sh: &mut Shell, path: &[u8]) -> Result<(), Errno> {
    change(sh, path, Links::Logical)
}

pub fn pwd(sh: &mut Shell, args: &[Vec<u8>]) -> Run<i32> {
    let mut physical = sh.opt(Opt::Physical);
    let mut parser = OptionParser::new(args, b"LP");
    while let Some(option) = parser.next() {
        match option {
            Ok((letter, _)) => physical = letter == b'P',
            Err(bad) => return Ok(sh.bad_option(bad)),
        }
    }
    let known = if physical || sh.cwd.is_empty() { None } else { Some(sh.cwd.clone()) };
    let dir = match known {
        Some(dir) => dir,
        None => match sh.sys.getcwd() {
            Ok(dir) => dir,
            Err(e) => {
                sh.builtin_error(&[
                    b"error retrieving current directory: getcwd: cannot access parent directories: ",
                    e.message().as_bytes(),
                ]);
                return Ok(1);
            }
        },
    };
    Ok(sh.out(&[&dir[..], b"\n"].concat()))
}
