//! `read`.

use super::OptionParser;
use crate::names::{Sym, is_name};
use crate::shell::{Run, Shell};
use crate::system::{Errno, Fd, Whence};

struct Request {
    raw: bool,
    array: Option<Vec<u8>>,
    delimiter: u8,
    /// At most so many characters.
    limit: Option<usize>,
    /// Exactly so many, whatever they are.
    exact: bool,
    fd: Fd,
    timeout_ns: Option<u64>,
    prompt: Option<Vec<u8>>,
}

/// Status of a `read` whose time was up.
const TIMED_OUT: i32 = 142;

pub fn read(sh: &mut Shell, args: &[Vec<u8>]) -> Run<i32> {
    let mut r = Request {
        raw: false,
        array: None,
        delimiter: b'\n',
        limit: None,
        exact: false,
        fd: 0,
        timeout_ns: None,
        prompt: None,
    };
    let mut parser = OptionParser::new(args, b"ersa:d:i:n:N:p:t:u:");
    while let Some(option) = parser.next() {
        match option {
            Ok((letter, value)) => {
                if let Err(status) = set_option(sh, &mut r, letter, value.unwrap_or(b"")) {
                    return Ok(status);
                }
            }
            Err(bad) => return Ok(sh.bad_option(bad)),
        }
    }
    let names = parser.rest();
    for name in names {
        let base = name.split(|b| *b == b'[').next().unwrap_or(b"");
        if !is_name(base) {
            sh.builtin_error(&[b"`", name, b"': not a valid identifier"]);
            return Ok(1);
        }
    }
    if let Some(prompt) = &r.prompt
        && sh.sys.is_terminal(r.fd)
    {
        sh.write_error(prompt);
    }
    if r.timeout_ns == Some(0) {
        return Ok(i32::from(!sh.sys.poll_read(r.fd, 0).unwrap_or(false)));
    }
    let line = match read_line(sh, &r)? {
        Ok(line) => line,
        Err(status) => return Ok(status),
    };
    let status = store(sh, &r, names, &line)?;
    Ok(if status != 0 { status } else { line.status })
}

fn set_option(sh: &mut Shell, r: &mut Request, letter: u8, value: &[u8]) -> Result<(), i32> {
    let number = crate::expand::to_int(value).and_then(|n| usize::try_from(n).ok());
    match letter {
        b'r' => r.raw = true,
        b'a' => r.array = Some(value.to_vec()),
        b'd' => r.delimiter = value.first().copied().unwrap_or(0),
        b'n' | b'N' => match number {
            Some(n) => {
                r.limit = Some(n);
                r.exact = letter == b'N';
            }
            None => {
                sh.builtin_error(&[value, b": invalid number"]);
                return Err(1);
            }
        },
        b'p' => r.prompt = Some(value.to_vec()),
        b't' => match seconds(value) {
            Some(ns) => r.timeout_ns = Some(ns),
            None => {
                sh.builtin_error(&[value, b": invalid timeout specification"]);
                return Err(1);
            }
        },
        b'u' => match number.and_then(|n| Fd::try_from(n).ok()) {
            Some(fd) if sh.sys.cloexec(fd, None).is_ok() => r.fd = fd,
            Some(_) => {
                sh.builtin_error(&[value, b": invalid file descriptor: Bad file descriptor"]);
                return Err(1);
            }
            None => {
                sh.builtin_error(&[value, b": invalid file descriptor specification"]);
                return Err(1);
            }
        },
        _ => {}
    }
    Ok(())
}

/// `1.5` in nanoseconds.
fn seconds(text: &[u8]) -> Option<u64> {
    let (whole, fraction) = match text.iter().position(|b| *b == b'.') {
        Some(dot) => (&text[..dot], &text[dot + 1..]),
        None => (text, &b""[..]),
    };
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let whole = if whole.is_empty() { 0 } else { u64::try_from(crate::expand::to_int(whole)?).ok()? };
    let mut ns = 0;
    for i in 0..9 {
        let digit = match fraction.get(i) {
            Some(d) if d.is_ascii_digit() => u64::from(d - b'0'),
            Some(_) => return None,
            None => 0,
        };
        ns = ns * 10 + digit;
    }
    whole.checked_mul(1_000_000_000)?.checked_add(ns)
}

/// What was read. Backslashes are still in it unless reading is raw.
struct Line {
    text: Vec<u8>,
    status: i32,
}

fn read_line(sh: &mut Shell, r: &Request) -> Run<Result<Line, i32>> {
    let mut line = Line { text: Vec::new(), status: 0 };
    if r.limit == Some(0) {
        return Ok(Ok(line));
    }
    let deadline = r.timeout_ns.map(|ns| sh.sys.monotonic().saturating_add(i64::try_from(ns).unwrap_or(i64::MAX)));
    let mut input = Input::new(sh, r);
    let (mut count, mut escaped, utf8) = (0, false, sh.utf8());
    loop {
        if let Some(deadline) = deadline
            && input.is_empty()
        {
            let left = u64::try_from(deadline - sh.sys.monotonic()).unwrap_or(0);
            match sh.sys.poll_read(r.fd, left) {
                Ok(true) | Err(Errno::INTR) => {}
                _ => {
                    line.status = TIMED_OUT;
                    break;
                }
            }
        }
        let b = match input.byte(sh) {
            Ok(Some(b)) => b,
            Ok(None) => {
                line.status = 1;
                break;
            }
            Err(Errno::INTR) => {
                sh.run_pending_traps()?;
                continue;
            }
            Err(e) => {
                let fd = r.fd.to_string();
                sh.builtin_error(&[b"read error: ", fd.as_bytes(), b": ", e.message().as_bytes()]);
                return Ok(Err(1));
            }
        };
        if b == 0 && r.delimiter != 0 {
            continue;
        }
        if escaped {
            escaped = false;
            if b == b'\n' {
                line.text.pop();
                continue;
            }
            line.text.push(b);
        } else {
            if b == r.delimiter && !r.exact {
                break;
            }
            line.text.push(b);
            if b == b'\\' && !r.raw {
                escaped = true;
                continue;
            }
        }
        // A character is counted at its first byte.
        if utf8 && b >= 0xc0 {
            read_rest_of_character(sh, &mut input, b, &mut line.text);
        }
        count += 1;
        if r.limit.is_some_and(|n| count >= n) {
            break;
        }
    }
    input.give_back(sh);
    Ok(Ok(line))
}

fn read_rest_of_character(sh: &Shell, input: &mut Input, first: u8, text: &mut Vec<u8>) {
    let more = match first {
        0xc0..=0xdf => 1,
        0xe0..=0xef => 2,
        _ => 3,
    };
    for _ in 0..more {
        match input.peek(sh) {
            Some(b) if b & 0xc0 == 0x80 => {
                text.push(b);
                input.pos += 1;
            }
            _ => return,
        }
    }
}

/// Reads bytes: in blocks from a file, where the rest is given back, else one at a time, because what is behind the line
/// belongs to the next command.
struct Input {
    fd: Fd,
    buf: Vec<u8>,
    pos: usize,
    block: usize,
}

impl Input {
    fn new(sh: &Shell, r: &Request) -> Self {
        let seekable = sh.sys.seek(r.fd, 0, Whence::Current).is_ok();
        Self { fd: r.fd, buf: Vec::new(), pos: 0, block: if seekable { 128 } else { 1 } }
    }

    fn is_empty(&self) -> bool {
        self.pos >= self.buf.len()
    }

    fn fill(&mut self, sh: &Shell) -> Result<(), Errno> {
        self.buf.resize(self.block, 0);
        self.pos = 0;
        let result = sh.sys.read(self.fd, &mut self.buf);
        self.buf.truncate(*result.as_ref().unwrap_or(&0));
        result.map(drop)
    }

    fn byte(&mut self, sh: &Shell) -> Result<Option<u8>, Errno> {
        if self.is_empty() {
            self.fill(sh)?;
        }
        let b = self.buf.get(self.pos).copied();
        self.pos += usize::from(b.is_some());
        Ok(b)
    }

    fn peek(&mut self, sh: &Shell) -> Option<u8> {
        if self.is_empty() {
            self.fill(sh).ok()?;
        }
        self.buf.get(self.pos).copied()
    }

    fn give_back(&self, sh: &Shell) {
        let extra = self.buf.len().saturating_sub(self.pos);
        if self.block > 1 && extra > 0 {
            let _ = sh.sys.seek(self.fd, -(extra as i64), Whence::Current);
        }
    }
}

fn store(sh: &mut Shell, r: &Request, names: &[Vec<u8>], line: &Line) -> Run<i32> {
    let ifs = sh.ifs();
    if let Some(array) = &r.array {
        if !is_name(array) {
            sh.builtin_error(&[b"`", array, b"': not a valid identifier"]);
            return Ok(1);
        }
        let fields = ifs.read_fields(&line.text, usize::MAX, r.raw);
        let name = sh.place(Sym::new(array))?.name;
        if sh.is_assoc(name) {
            sh.builtin_error(&[array, b": not an indexed array"]);
            return Ok(1);
        }
        return Ok(i32::from(sh.assign_array(name, fields).is_err()));
    }
    if names.is_empty() || r.exact {
        let text = plain(&line.text, r.raw);
        let name = names.first().map_or(&b"REPLY"[..], |n| n);
        for other in names.iter().skip(1) {
            assign(sh, other, Vec::new())?;
        }
        return assign(sh, name, text);
    }
    let mut fields = ifs.read_fields(&line.text, names.len(), r.raw).into_iter();
    for name in names {
        let status = assign(sh, name, fields.next().unwrap_or_default())?;
        if status != 0 {
            return Ok(status);
        }
    }
    Ok(0)
}

fn assign(sh: &mut Shell, name: &[u8], text: Vec<u8>) -> Run<i32> {
    match sh.place_from_text(name)? {
        Some(place) => Ok(i32::from(sh.assign_place(&place, text, false).is_err())),
        None => {
            sh.builtin_error(&[b"`", name, b"': not a valid identifier"]);
            Ok(1)
        }
    }
}

/// The text without the backslashes that protect.
fn plain(text: &[u8], raw: bool) -> Vec<u8> {
    if raw {
        return text.to_vec();
    }
    let mut out = Vec::with_capacity(text.len());
    let mut i = 0;
    while i < text.len() {
        if text[i] == b'\\' {
            i += 1;
        }
        out.extend(text.get(i));
        i += 1;
    }
    out
}
