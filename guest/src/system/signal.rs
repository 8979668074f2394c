//! Signal names and numbers (Linux's), and which of them end a process by default.

/// Names without `SIG`, by number; index 0 is the shell's `EXIT`.
const NAMES: [&str; 32] = [
    "EXIT", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM",
    "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH",
    "IO", "PWR", "SYS",
];

pub const HUP: i32 = 1;
pub const INT: i32 = 2;
pub const QUIT: i32 = 3;
pub const KILL: i32 = 9;
pub const PIPE: i32 = 13;
pub const TERM: i32 = 15;
pub const CHLD: i32 = 17;
pub const CONT: i32 = 18;
/// One more than the highest signal number.
pub const COUNT: i32 = 65;

/// The name of a signal without `SIG`, if it has one.
#[must_use]
pub fn name(sig: i32) -> Option<String> {
    match sig {
        0..=31 => Some(NAMES[sig as usize].to_string()),
        34 => Some("RTMIN".into()),
        35..=49 => Some(format!("RTMIN+{}", sig - 34)),
        50..=63 => Some(format!("RTMAX-{}", 64 - sig)),
        64 => Some("RTMAX".into()),
        _ => None,
    }
}

/// The number of a signal given as `TERM`, `SIGTERM`, `term` or `15`.
#[must_use]
pub fn number(spec: &[u8]) -> Option<i32> {
    let text = std::str::from_utf8(spec).ok()?;
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().ok().filter(|n| *n < COUNT && name(*n).is_some());
    }
    let upper = text.to_ascii_uppercase();
    let bare = upper.strip_prefix("SIG").unwrap_or(&upper);
    match bare {
        "IOT" => return Some(6),
        "CLD" => return Some(CHLD),
        "POLL" => return Some(29),
        _ => {}
    }
    (0..COUNT).find(|n| name(*n).is_some_and(|s| s == bare))
}

/// What a shell says about a child that a signal ended.
#[must_use]
pub fn description(sig: i32) -> String {
    let text = match sig {
        1 => "Hangup",
        2 => "Interrupt",
        3 => "Quit",
        4 => "Illegal instruction",
        5 => "Trace/breakpoint trap",
        6 => "Aborted",
        7 => "Bus error",
        8 => "Floating point exception",
        9 => "Killed",
        10 => "User defined signal 1",
        11 => "Segmentation fault",
        12 => "User defined signal 2",
        13 => "Broken pipe",
        14 => "Alarm clock",
        15 => "Terminated",
        16 => "Stack fault",
        17 => "Child exited",
        18 => "Continued",
        19 => "Stopped (signal)",
        20 => "Stopped",
        21 => "Stopped (tty input)",
        22 => "Stopped (tty output)",
        23 => "Urgent I/O condition",
        24 => "CPU time limit exceeded",
        25 => "File size limit exceeded",
        26 => "Virtual timer expired",
        27 => "Profiling timer expired",
        28 => "Window changed",
        29 => "I/O possible",
        30 => "Power failure",
        31 => "Bad system call",
        _ => return format!("Real-time signal {}", sig - 34),
    };
    text.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        assert_eq!(number(b"TERM"), Some(15));
        assert_eq!(number(b"SIGterm"), Some(15));
        assert_eq!(number(b"9"), Some(9));
        assert_eq!(number(b"EXIT"), Some(0));
        assert_eq!(number(b"RTMIN+3"), Some(37));
        assert_eq!(number(b"nope"), None);
        assert_eq!(name(64).as_deref(), Some("RTMAX"));
        assert_eq!(name(32), None);
    }
}
