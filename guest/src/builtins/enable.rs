//! `enable`.

use super::OptionParser;
use crate::shell::{Run, Shell};

pub fn enable(sh: &mut Shell, args: &[Vec<u8>]) -> Run<i32> {
    let (mut off, mut all, mut special) = (false, false, false);
    let mut parser = OptionParser::new(args, b"adnpsf:");
    while let Some(option) = parser.next() {
        match option {
            Ok((b'n', _)) => off = true,
            Ok((b'a', _)) => all = true,
            Ok((b's', _)) => special = true,
            Ok((b'f', Some(file))) => {
                sh.builtin_error(&[b"cannot open shared object ", file, b": dynamic loading not available"]);
                return Ok(1);
            }
            Ok(_) => {}
            Err(bad) => return Ok(sh.bad_option(bad)),
        }
    }
    let rest = parser.rest();
    if rest.is_empty() {
        let mut out = Vec::new();
        for b in super::all().filter(|b| !special || b.special) {
            let disabled = sh.disabled.contains(&b.name);
            if all || disabled == off {
                out.extend_from_slice(if disabled { b"enable -n " } else { b"enable " });
                out.extend_from_slice(b.name.as_bytes());
                out.push(b'\n');
            }
        }
        return Ok(sh.out(&out));
    }
    let mut status = 0;
    for name in rest {
        match super::find(name).and_then(super::name_of) {
            Some(name) if off => {
                if !sh.disabled.contains(&name) {
                    sh.disabled.push(name);
                }
            }
            Some(name) => sh.disabled.retain(|n| *n != name),
            None => {
                sh.builtin_error(&[name, b": not a shell builtin"]);
                status = 1;
            }
        }
    }
    Ok(status)
}
