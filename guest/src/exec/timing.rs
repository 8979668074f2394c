//! The `time` keyword.

use crate::names::Sym;
use crate::shell::Shell;
use crate::system::Times;

/// When a timed pipeline started.
pub(super) struct Started {
    real: i64,
    times: Times,
}

impl Shell {
    pub(super) fn clock_start(&self) -> Started {
        Started { real: self.sys.monotonic(), times: self.sys.times() }
    }

    pub(super) fn report_time(&mut self, started: &Started, posix: bool) {
        let real = self.sys.monotonic() - started.real;
        let now = self.sys.times();
        let user = (now.user + now.child_user).saturating_sub(started.times.user + started.times.child_user);
        let system = (now.system + now.child_system).saturating_sub(started.times.system + started.times.child_system);
        let format = if posix {
            b"real %2R\nuser %2U\nsys %2S".to_vec()
        } else {
            let default = || b"\nreal\t%3lR\nuser\t%3lU\nsys\t%3lS".to_vec();
            self.text(Sym::TIMEFORMAT).unwrap_or_else(default)
        };
        if format.is_empty() {
            return;
        }
        let total = real.max(1) as f64;
        let percent = (user + system) as f64 * 100.0 / total;
        let mut out = Vec::new();
        let mut i = 0;
        while i < format.len() {
            if format[i] != b'%' || i + 1 >= format.len() {
                out.push(format[i]);
                i += 1;
                continue;
            }
            i += 1;
            let mut precision = 3;
            if format[i].is_ascii_digit() {
                precision = usize::from(format[i] - b'0').min(3);
                i += 1;
            }
            let long = format.get(i) == Some(&b'l');
            i += usize::from(long);
            match format.get(i) {
                Some(b'R') => duration(real as u64, precision, long, &mut out),
                Some(b'U') => duration(user, precision, long, &mut out),
                Some(b'S') => duration(system, precision, long, &mut out),
                Some(b'P') => out.extend(format!("{percent:.2}").bytes()),
                Some(b'%') => out.push(b'%'),
                Some(c) => {
                    let shown = char::from(*c);
                    self.complain(format!("TIMEFORMAT: `{shown}': invalid format character").as_bytes());
                    return;
                }
                None => {}
            }
            i += 1;
        }
        out.push(b'\n');
        self.write_error(&out);
    }
}

/// Appends nanoseconds as seconds, or as minutes and seconds.
fn duration(ns: u64, precision: usize, long: bool, out: &mut Vec<u8>) {
    let ms = ns / 1_000_000;
    let (seconds, ms) = (ms / 1000, ms % 1000);
    let fraction = &format!("{ms:03}")[..precision];
    let dot = if precision > 0 { "." } else { "" };
    let text = if long {
        format!("{}m{}{dot}{fraction}s", seconds / 60, seconds % 60)
    } else {
        format!("{seconds}{dot}{fraction}")
    };
    out.extend_from_slice(text.as_bytes());
}
