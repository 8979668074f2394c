//! `command`, `builtin`.

use super::{DeclArg, OptionParser, declare};
use crate::exec::external::Start;
use crate::names::Sym;
use crate::shell::{Run, Shell};

pub fn command(sh: &mut Shell, args: &[Vec<u8>]) -> Run<i32> {
    let (mut describe, mut standard) = (None, false);
    let mut parser = OptionParser::new(args, b"pvV");
    while let Some(option) = parser.next() {
        match option {
            Ok((b'p', _)) => standard = true,
            Ok((letter, _)) => describe = Some(letter),
            Err(bad) => return Ok(sh.bad_option(bad)),
        }
    }
    let rest = parser.rest();
    if rest.is_empty() {
        return Ok(0);
    }
    if let Some(letter) = describe {
        return Ok(super::r#type::describe_all(sh, rest, letter == b'v'));
    }
    if !standard {
        return run_without_function(sh, rest);
    }
    let path = sh.text(Sym::PATH);
    sh.vars.push_scope(crate::vars::ScopeKind::Temporary);
    let scope = sh.vars.depth();
    sh.vars.make_local(Sym::PATH, scope).value =
        crate::vars::Value::Text(b"/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin".to_vec());
    let result = run_without_function(sh, rest);
    sh.vars.pop_scope();
    let _ = path;
    result
}

fn run_without_function(sh: &mut Shell, args: &[Vec<u8>]) -> Run<i32> {
    if let Some(b) = super::find(&args[0]).and_then(super::get)
        && !sh.disabled.contains(&b.name)
    {
        if b.declares {
            let outer = std::mem::replace(&mut sh.builtin, b.name);
            let words = args.iter().cloned().map(DeclArg::Text).collect();
            let result = declare::run(sh, b.name, words);
            sh.builtin = outer;
            return result;
        }
        sh.call_builtin(b, args)?;
        return Ok(sh.status);
    }
    let started = sh.start_program(args, &Start::default())?;
    match started {
        Ok(pid) => {
            sh.wait_foreground(pid, || args.join(&b' '))?;
            Ok(sh.status)
        }
        Err(status) => Ok(status),
    }
}

pub fn builtin(sh: &mut Shell, args: &[Vec<u8>]) -> Run<i32> {
    let rest = match sh.no_options(args) {
        Ok(rest) => rest,
        Err(status) => return Ok(status),
    };
    let Some(name) = rest.first() else { return Ok(0) };
    match super::find(name).and_then(super::get) {
        Some(b) if !sh.disabled.contains(&b.name) => {
            if b.declares {
                return run_without_function(sh, rest);
            }
            sh.call_builtin(b, rest)?;
            Ok(sh.status)
        }
        _ => {
            sh.builtin_error(&[name, b": not a shell builtin"]);
            Ok(1)
        }
    }
}
