//! `ulimit`: the sandbox has limits of its own, so these are shown and accepted, not enforced.

use super::OptionParser;
use crate::shell::{Run, Shell};

/// Letter, name, unit, value shown.
const TABLE: &[(u8, &str, &str, &str)] = &[
    (b'R', "real-time non-blocking time", "microseconds, ", "unlimited"),
    (b'c', "core file size", "blocks, ", "0"),
    (b'd', "data seg size", "kbytes, ", "unlimited"),
    (b'e', "scheduling priority", "", "0"),
    (b'f', "file size", "blocks, ", "unlimited"),
    (b'i', "pending signals", "", "unlimited"),
    (b'l', "max locked memory", "kbytes, ", "unlimited"),
    (b'm', "max memory size", "kbytes, ", "unlimited"),
    (b'n', "open files", "", "1024"),
    (b'p', "pipe size", "512 bytes, ", "8"),
    (b'q', "POSIX message queues", "bytes, ", "unlimited"),
    (b'r', "real-time priority", "", "0"),
    (b's', "stack size", "kbytes, ", "8192"),
    (b't', "cpu time", "seconds, ", "unlimited"),
    (b'u', "max user processes", "", "256"),
    (b'v', "virtual memory", "kbytes, ", "unlimited"),
    (b'x', "file locks", "", "unlimited"),
];

pub fn ulimit(sh: &mut Shell, args: &[Vec<u8>]) -> Run<i32> {
    let mut letters = Vec::new();
    let mut parser = OptionParser::new(args, b"SHacdefilmnpqrstuvxR");
    while let Some(option) = parser.next() {
        match option {
            Ok((b'S' | b'H', _)) => {}
            Ok((letter, _)) => letters.push(letter),
            Err(bad) => return Ok(sh.bad_option(bad)),
        }
    }
    let mut out = Vec::new();
    if letters.contains(&b'a') {
        for (letter, name, unit, value) in TABLE {
            let tail = format!("({unit}-{})", char::from(*letter));
            let width = 36usize.saturating_sub(name.len()).max(tail.len());
            out.extend(format!("{name}{tail:>width$} {value}\n").bytes());
        }
        return Ok(sh.out(&out));
    }
    if letters.is_empty() {
        letters.push(b'f');
    }
    if let Some(value) = parser.rest().first() {
        let ok =
            value == b"unlimited" || value == b"hard" || value == b"soft" || crate::expand::to_int(value).is_some();
        if !ok {
            sh.builtin_error(&[value, b": invalid number"]);
            return Ok(1);
        }
        return Ok(0);
    }
    let many = letters.len() > 1;
    for letter in letters {
        if let Some((l, name, unit, value)) = TABLE.iter().find(|(l, ..)| *l == letter) {
            if many {
                let tail = format!("({unit}-{})", char::from(*l));
                let width = 36usize.saturating_sub(name.len()).max(tail.len());
                out.extend(format!("{name}{tail:>width$} {value}\n").bytes());
            } else {
                out.extend(format!("{value}\n").bytes());
            }
        }
    }
    Ok(sh.out(&out))
}
