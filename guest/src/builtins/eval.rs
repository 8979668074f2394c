//! `eval`, `source`.

use crate::exec::function::Origin;
use crate::options::{Opt, Shopt};
use crate::shell::{MAX_RECURSION, Run, Shell, Unwind};
use crate::syntax::Lines;
use crate::system::FileKind;

pub fn eval(sh: &mut Shell, args: &[Vec<u8>]) -> Run<i32> {
    let rest = match sh.no_options(args) {
        Ok(rest) => rest,
        Err(status) => return Ok(status),
    };
    if rest.is_empty() {
        return Ok(0);
    }
    let text = rest.join(&b' ');
    if sh.depth >= MAX_RECURSION {
        sh.sys.limit_recursion(u64::from(sh.depth) + 1);
        sh.complain(b"eval: maximum eval nesting level exceeded");
        sh.status = 1;
        return Err(Unwind::Exit);
    }
    sh.depth += 1;
    sh.trace_level += 1;
    let line = sh.line;
    let result = sh.run_text(&text, line.max(1), Origin::Inner("eval"));
    sh.trace_level -= 1;
    sh.depth -= 1;
    result?;
    Ok(sh.status)
}

pub fn source(sh: &mut Shell, args: &[Vec<u8>]) -> Run<i32> {
    let rest = match sh.no_options(args) {
        Ok(rest) => rest,
        Err(status) => return Ok(status),
    };
    let Some(name) = rest.first() else {
        sh.builtin_error(&[b"filename argument required"]);
        return Ok(sh.show_usage());
    };
    let path = find(sh, name);
    let fail = |sh: &mut Shell, error: &[u8]| {
        sh.complain_parts(&[name, b": ", error]);
        if sh.opt(Opt::Posix) {
            sh.status = 1;
            return Err(Unwind::Exit);
        }
        Ok(1)
    };
    if sh.sys.stat(&path, true).is_ok_and(|s| s.kind == FileKind::Dir) {
        return fail(sh, b"is a directory");
    }
    let fd = match sh.open_script(&path) {
        Ok(fd) => fd,
        Err(e) => return fail(sh, e.message().as_bytes()),
    };
    let text = sh.read_all(fd);
    let _ = sh.sys.close(fd);
    let first_line = text.iter().position(|b| *b == b'\n').unwrap_or(text.len()).min(80);
    if text[..first_line].contains(&0) {
        return fail(sh, b"cannot execute binary file");
    }
    let params = if rest.len() > 1 { Some(rest[1..].to_vec()) } else { None };
    sh.trace_level += 1;
    let result = sh.run_file(name, Box::new(Lines::new(text)), params);
    sh.trace_level -= 1;
    result?;
    Ok(sh.status)
}

/// The file a name means: from PATH if it has no slash.
fn find(sh: &mut Shell, name: &[u8]) -> Vec<u8> {
    if name.contains(&b'/') || !sh.shopt(Shopt::SourcePath) {
        return name.to_vec();
    }
    let path = sh.text(crate::names::Sym::PATH).unwrap_or_default();
    for dir in path.split(|b| *b == b':') {
        let candidate = if dir.is_empty() { name.to_vec() } else { crate::exec::external::join(dir, name) };
        if sh.sys.stat(&candidate, true).is_ok_and(|s| s.kind != FileKind::Dir) && sh.sys.access(&candidate, 4).is_ok()
        {
            return candidate;
        }
    }
    name.to_vec()
}
