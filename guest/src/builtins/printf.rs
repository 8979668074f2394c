//! `printf`.

use super::OptionParser;
use crate::names::{Sym, is_name};
use crate::printf::{Format, PrintfHost};
use crate::shell::{Run, Shell};

/// What a run of printf writes to.
struct Host<'a> {
    sh: &'a mut Shell,
    /// To standard output, so complete lines need not wait.
    direct: bool,
    /// Writing failed, and that has been said.
    failed: bool,
}

impl Host<'_> {
    fn write(&mut self, out: &mut Vec<u8>, count: usize) {
        if self.direct && count > 0 {
            self.failed = self.failed || self.sh.out(&out[..count]) != 0;
            out.drain(..count);
        }
    }
}

impl PrintfHost for Host<'_> {
    fn warn(&mut self, out: &mut Vec<u8>, message: &[u8]) {
        let lines = out.iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
        self.write(out, lines);
        self.sh.builtin_error(&[message]);
    }

    fn grown(&mut self, out: &mut Vec<u8>) {
        self.write(out, out.len());
    }

    fn now(&mut self) -> i64 {
        self.sh.sys.realtime() / 1_000_000_000
    }

    fn shell_start(&mut self) -> i64 {
        self.sh.started
    }

    fn tz(&mut self) -> Option<Vec<u8>> {
        self.sh.text(Sym::TZ)
    }

    fn assign(&mut self, name: &[u8], value: i64) -> bool {
        is_name(name) && self.sh.assign(Sym::new(name), value.to_string().into_bytes(), false).is_ok()
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
    let mut host = Host { sh, direct: place.is_none(), failed: false };
    let status = Format::parse(format).run(words, &mut host, &mut out);
    if host.failed {
        return Ok(1);
    }
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
