//! `exec`; the redirections have been made by then.

use super::OptionParser;
use crate::shell::{Run, Shell, Unwind};

pub fn exec(sh: &mut Shell, args: &[Vec<u8>]) -> Run<i32> {
    let (mut clean, mut login, mut zero) = (false, false, None);
    let mut parser = OptionParser::new(args, b"cla:");
    while let Some(option) = parser.next() {
        match option {
            Ok((b'c', _)) => clean = true,
            Ok((b'l', _)) => login = true,
            Ok((_, name)) => zero = name.map(<[u8]>::to_vec),
            Err(bad) => return Ok(sh.bad_option(bad)),
        }
    }
    let rest = parser.rest();
    if rest.is_empty() {
        return Ok(0);
    }
    if login {
        zero = Some([b"-", &zero.unwrap_or_else(|| rest[0].clone())[..]].concat());
    }
    sh.status = sh.exec_program(rest, zero.as_deref(), clean);
    if sh.exec_may_fail() {
        return Ok(sh.status);
    }
    Err(Unwind::Exit)
}
