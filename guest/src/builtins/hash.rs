//! `hash`.

use super::OptionParser;
use crate::shell::{Run, Shell};
use crate::text::quote;

pub fn hash(sh: &mut Shell, args: &[Vec<u8>]) -> Run<i32> {
    let (mut reset, mut delete, mut reusable, mut targets, mut path) = (false, false, false, false, None);
    let mut parser = OptionParser::new(args, b"dlp:rt");
    while let Some(option) = parser.next() {
        match option {
            Ok((b'r', _)) => reset = true,
            Ok((b'd', _)) => delete = true,
            Ok((b'l', _)) => reusable = true,
            Ok((b't', _)) => targets = true,
            Ok((_, value)) => path = value.map(<[u8]>::to_vec),
            Err(bad) => return Ok(sh.bad_option(bad)),
        }
    }
    let rest = parser.rest();
    sh.refresh();
    if reset {
        sh.hashed.clear();
        if rest.is_empty() {
            return Ok(0);
        }
    }
    if rest.is_empty() {
        return Ok(list(sh, reusable));
    }
    let mut status = 0;
    let mut out = Vec::new();
    for name in rest {
        if targets {
            match sh.hashed.get(name) {
                Some((path, _)) if reusable => out.extend(reusable_line(name, path)),
                Some((path, _)) if rest.len() > 1 => out.extend([&name[..], b"\t", path, b"\n"].concat()),
                Some((path, _)) => out.extend([&path[..], b"\n"].concat()),
                None => {
                    sh.builtin_error(&[name, b": not found"]);
                    status = 1;
                }
            }
        } else if delete {
            if sh.hashed.remove(name).is_none() {
                sh.builtin_error(&[name, b": not found"]);
                status = 1;
            }
        } else if let Some(path) = &path {
            sh.hashed.insert(name.clone(), (path.as_slice().into(), 0));
        } else if !name.contains(&b'/') && super::find(name).is_none() && !sh.funcs.contains_key(name) {
            match sh.search_path(name) {
                Some(path) => {
                    sh.hashed.insert(name.clone(), (path, 0));
                }
                None => {
                    sh.builtin_error(&[name, b": not found"]);
                    status = 1;
                }
            }
        }
    }
    Ok(sh.out(&out).max(status))
}

fn reusable_line(name: &[u8], path: &[u8]) -> Vec<u8> {
    [b"builtin hash -p ", &quote::backslash(path)[..], b" ", name, b"\n"].concat()
}

fn list(sh: &mut Shell, reusable: bool) -> i32 {
    if sh.hashed.is_empty() {
        return if reusable { 0 } else { sh.out(b"hash: hash table empty\n") };
    }
    let mut all: Vec<_> = sh.hashed.iter().collect();
    all.sort_by_key(|(name, _)| crate::vars::hash(name) % 256);
    let mut out = if reusable { Vec::new() } else { b"hits\tcommand\n".to_vec() };
    for (name, (path, uses)) in all {
        if reusable {
            out.extend(reusable_line(name, path));
        } else {
            out.extend(format!("{uses:4}\t").bytes());
            out.extend_from_slice(path);
            out.push(b'\n');
        }
    }
    sh.out(&out)
}
