//! `type`, the describing half of `command`, and `caller`.

use super::OptionParser;
use crate::names::Sym;
use crate::shell::{Run, Shell};
use crate::text::quote;

pub(super) const RESERVED: [&[u8]; 22] = [
    b"if",
    b"then",
    b"else",
    b"elif",
    b"fi",
    b"case",
    b"esac",
    b"for",
    b"select",
    b"while",
    b"until",
    b"do",
    b"done",
    b"in",
    b"function",
    b"time",
    b"{",
    b"}",
    b"!",
    b"[[",
    b"]]",
    b"coproc",
];

/// How a name is described.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    /// `x is a shell builtin`.
    Sentence,
    /// `builtin` (`type -t`).
    Kind,
    /// The path of a file (`type -p`).
    Path,
    /// What `command -v` says.
    Reusable,
}

#[derive(Default)]
struct Request {
    all: bool,
    no_functions: bool,
    /// `-P`: only files.
    files_only: bool,
    /// `-p`: files, unless something else comes first.
    path: bool,
    kind: bool,
}

pub fn r#type(sh: &mut Shell, args: &[Vec<u8>]) -> Run<i32> {
    let mut r = Request::default();
    let mut parser = OptionParser::new(args, b"afptP");
    while let Some(option) = parser.next() {
        match option {
            Ok((b'a', _)) => r.all = true,
            Ok((b'f', _)) => r.no_functions = true,
            Ok((b'p', _)) => (r.path, r.kind) = (true, false),
            Ok((b't', _)) => (r.kind, r.path) = (true, false),
            Ok(_) => (r.files_only, r.path) = (true, true),
            Err(bad) => return Ok(sh.bad_option(bad)),
        }
    }
    let style = if r.path {
        Style::Path
    } else if r.kind {
        Style::Kind
    } else {
        Style::Sentence
    };
    let mut status = 0;
    for name in parser.rest() {
        let mut out = Vec::new();
        if !describe(sh, name, style, &r, &mut out) {
            if style == Style::Sentence {
                sh.builtin_error(&[name, b": not found"]);
            }
            status = 1;
        }
        status = sh.out(&out).max(status);
    }
    Ok(status)
}

/// `command -v` and `command -V`.
pub(super) fn describe_all(sh: &mut Shell, names: &[Vec<u8>], reusable: bool) -> i32 {
    let style = if reusable { Style::Reusable } else { Style::Sentence };
    let mut any = false;
    for name in names {
        let mut out = Vec::new();
        if describe(sh, name, style, &Request::default(), &mut out) {
            any = true;
        } else if !reusable {
            sh.builtin_error(&[name, b": not found"]);
        }
        sh.out(&out);
    }
    i32::from(!any)
}

/// Appends what a name is; false if it is nothing.
fn describe(sh: &mut Shell, name: &[u8], style: Style, r: &Request, out: &mut Vec<u8>) -> bool {
    let mut found = false;
    if !r.files_only {
        for step in [alias, keyword, function, builtin] {
            if step(sh, name, style, r, out) {
                found = true;
                if !r.all {
                    return true;
                }
            }
        }
    }
    files(sh, name, style, r, out) || found
}

fn line(out: &mut Vec<u8>, parts: &[&[u8]]) {
    for part in parts {
        out.extend_from_slice(part);
    }
    out.push(b'\n');
}

fn alias(sh: &mut Shell, name: &[u8], style: Style, _r: &Request, out: &mut Vec<u8>) -> bool {
    if !sh.shopt(crate::options::Shopt::ExpandAliases) {
        return false;
    }
    let Some(text) = sh.aliases.get(name) else { return false };
    match style {
        Style::Sentence => line(out, &[name, b" is aliased to `", text, b"'"]),
        Style::Kind => line(out, &[b"alias"]),
        Style::Reusable => line(out, &[b"alias ", name, b"=", &quote::single(text)]),
        Style::Path => {}
    }
    true
}

fn keyword(_sh: &mut Shell, name: &[u8], style: Style, _r: &Request, out: &mut Vec<u8>) -> bool {
    if !RESERVED.contains(&name) {
        return false;
    }
    match style {
        Style::Sentence => line(out, &[name, b" is a shell keyword"]),
        Style::Kind => line(out, &[b"keyword"]),
        Style::Reusable => line(out, &[name]),
        Style::Path => {}
    }
    true
}

fn function(sh: &mut Shell, name: &[u8], style: Style, r: &Request, out: &mut Vec<u8>) -> bool {
    if r.no_functions || !sh.funcs.contains_key(name) {
        return false;
    }
    match style {
        Style::Sentence => {
            line(out, &[name, b" is a function"]);
            line(out, &[&sh.function_text(name).unwrap_or_default()]);
        }
        Style::Kind => line(out, &[b"function"]),
        Style::Reusable => line(out, &[name]),
        Style::Path => {}
    }
    true
}

fn builtin(sh: &mut Shell, name: &[u8], style: Style, _r: &Request, out: &mut Vec<u8>) -> bool {
    let Some(b) = super::find(name).and_then(super::get) else { return false };
    if sh.disabled.contains(&b.name) {
        return false;
    }
    match style {
        Style::Sentence => {
            let special = b.special && sh.opt(crate::options::Opt::Posix);
            line(out, &[name, if special { b" is a special shell builtin" } else { b" is a shell builtin" }]);
        }
        Style::Kind => line(out, &[b"builtin"]),
        Style::Reusable => line(out, &[name]),
        Style::Path => {}
    }
    true
}

fn files(sh: &mut Shell, name: &[u8], style: Style, r: &Request, out: &mut Vec<u8>) -> bool {
    sh.refresh();
    let hashed = sh.hashed.get(name).map(|(path, _)| path.clone());
    let (paths, from_hash) = if name.contains(&b'/') {
        let usable = sh.sys.access(name, 1).is_ok()
            && !sh.sys.stat(name, true).is_ok_and(|s| s.kind == crate::system::FileKind::Dir);
        (if usable { vec![name.into()] } else { Vec::new() }, false)
    } else if let (Some(path), false) = (hashed, r.all) {
        (vec![path], true)
    } else {
        let path = sh.text(Sym::PATH).unwrap_or_default();
        let found = sh.search_in(&path, name, if r.all { usize::MAX } else { 1 });
        (found.into_iter().filter(|p| sh.sys.access(p, 1).is_ok()).collect(), false)
    };
    for path in &paths {
        match style {
            Style::Sentence if from_hash => line(out, &[name, b" is hashed (", path, b")"]),
            Style::Sentence => line(out, &[name, b" is ", path]),
            Style::Kind => line(out, &[b"file"]),
            Style::Path | Style::Reusable => line(out, &[path]),
        }
    }
    !paths.is_empty()
}

pub fn caller(sh: &mut Shell, args: &[Vec<u8>]) -> Run<i32> {
    let rest = match sh.no_options(args) {
        Ok(rest) => rest,
        Err(status) => return Ok(status),
    };
    let calls = sh.frames.iter().any(|f| f.is_function || &*f.name == b"source");
    if !calls {
        return Ok(1);
    }
    let n = match rest.first() {
        None => 0,
        Some(arg) => match crate::expand::to_int(arg).and_then(|n| usize::try_from(n).ok()) {
            Some(n) => n,
            None => {
                sh.builtin_error(&[arg, b": invalid number"]);
                return Ok(sh.show_usage());
            }
        },
    };
    let frames: Vec<_> = sh.frames.iter().rev().collect();
    let Some(frame) = frames.get(n) else { return Ok(1) };
    let outer = frames.get(n + 1);
    let mut out = Vec::new();
    let number = frame.line.to_string();
    match (rest.is_empty(), outer) {
        (true, outer) => line(&mut out, &[number.as_bytes(), b" ", outer.map_or(&b"NULL"[..], |f| &f.source)]),
        (false, Some(outer)) => line(&mut out, &[number.as_bytes(), b" ", &outer.name, b" ", &outer.source]),
        (false, None) => return Ok(1),
    }
    Ok(sh.out(&out))
}
