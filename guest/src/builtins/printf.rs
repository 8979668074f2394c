//! `printf`.

use super::OptionParser;
use crate::names::{Sym, is_name};
use crate::printf::{Format, PrintfHost};
use crate::shell::{Run, Shell};

impl PrintfHost for Shell {
    fn warn(&mut self, out: &mut Vec<u8>, message: &[u8]) {
        // What is complete has been seen by then: bash's output is line-buffered at best, so only on a terminal.
        let _ = out;
        self.builtin_error(&[message]);
    }

    fn now(&mut self) -> i64 {
        self.sys.realtime() / 1_000_000_000
    }

    fn shell_start(&mut self) -> i64 {
        self.started
    }

    fn tz(&mut self) -> Option<Vec<u8>> {
        self.text(Sym::TZ)
    }

    fn assign(&mut self, name: &[u8], value: i64) -> bool {
        is_name(name) && Shell::assign(self, Sym::new(name), value.to_string().into_bytes(), false).is_ok()
    }
}

pub fn printf(sh: &mut Shell, args: &[Vec<u8>]) -> Run<i32> {
    let mut target = None;
    let mut parser = OptionParser::new(args, b"v:");
    while let Some(option) = parser.next() {
        match option {
            Ok((_, name)) => target = name.map(<[u8]>::to_vec),
            Err(bad) => return Ok(sh.bad_option(bad)),
        }
    }
    let place = match &target {
        None => None,
        Some(name) => match sh.place_from_text(name)? {
            Some(place) => Some(place),
            None => {
                sh.builtin_error(&[b"`", name, b"': not a valid identifier"]);
                return Ok(2);
            }
        },
    };
    let Some((format, words)) = parser.rest().split_first() else { return Ok(sh.show_usage()) };
    let mut out = Vec::new();
    let status = Format::parse(format).run(words, sh, &mut out);
    match place {
        Some(place) => {
            if let Some(end) = out.iter().position(|b| *b == 0) {
                out.truncate(end);
            }
            Ok(if sh.assign_place(&place, out, false).is_err() { 1 } else { status })
        }
        None => Ok(sh.out(&out).max(status)),
    }
}
