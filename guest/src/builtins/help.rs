//! `help`: how builtins are used.

use super::OptionParser;
use super::usage::TABLE;
use crate::pattern::{Flags, Pattern};
use crate::shell::{Run, Shell};

pub fn help(sh: &mut Shell, args: &[Vec<u8>]) -> Run<i32> {
    let mut parser = OptionParser::new(args, b"dms");
    while let Some(option) = parser.next() {
        if let Err(bad) = option {
            return Ok(sh.bad_option(bad));
        }
    }
    let mut out = Vec::new();
    if parser.rest().is_empty() {
        out.extend_from_slice(
            b"GNU bash, version 5.2.15(1)-release (x86_64-pc-linux-gnu)\n\
              These shell commands are defined internally.  Type `help' to see this list.\n\
              Type `help name' to find out more about the function `name'.\n\n",
        );
        for (_, usage) in TABLE {
            out.extend_from_slice(format!(" {usage}\n").as_bytes());
        }
        return Ok(sh.out(&out));
    }
    let mut status = 0;
    for name in parser.rest() {
        let pattern = Pattern::new(&[&name[..], b"*"].concat(), Flags::default());
        let exact: Vec<_> = TABLE.iter().filter(|(n, _)| n.as_bytes() == &name[..]).collect();
        let found: Vec<_> = if exact.is_empty() {
            TABLE.iter().filter(|(n, _)| pattern.matches(n.as_bytes())).collect()
        } else {
            exact
        };
        if found.is_empty() {
            sh.builtin_error(&[
                b"no help topics match `",
                name,
                b"'.  Try `help help' or `man -k ",
                name,
                b"' or `info ",
                name,
                b"'.",
            ]);
            status = 1;
        }
        for (n, usage) in found {
            out.extend_from_slice(format!("{n}: {usage}\n").as_bytes());
        }
    }
    Ok(sh.out(&out).max(status))
}
