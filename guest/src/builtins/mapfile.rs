//! `mapfile`, `readarray`.

use super::OptionParser;
use crate::exec::function::Origin;
use crate::expand::to_int;
use crate::names::{Sym, is_name};
use crate::shell::{Run, Shell};
use crate::system::Errno;
use crate::text::quote;
use crate::vars::{Attrs, Key, Value};

struct Request {
    delimiter: u8,
    count: u64,
    origin: Option<u64>,
    skip: u64,
    trim: bool,
    fd: i32,
    callback: Option<Vec<u8>>,
    quantum: u64,
}

pub fn mapfile(sh: &mut Shell, args: &[Vec<u8>]) -> Run<i32> {
    let mut r = Request {
        delimiter: b'\n',
        count: 0,
        origin: None,
        skip: 0,
        trim: false,
        fd: 0,
        callback: None,
        quantum: 5000,
    };
    let mut parser = OptionParser::new(args, b"d:n:O:s:tu:C:c:");
    while let Some(option) = parser.next() {
        let (letter, value) = match option {
            Ok((letter, value)) => (letter, value.unwrap_or(b"")),
            Err(bad) => return Ok(sh.bad_option(bad)),
        };
        let number = to_int(value).and_then(|n| u64::try_from(n).ok());
        match (letter, number) {
            (b'd', _) => r.delimiter = value.first().copied().unwrap_or(0),
            (b't', _) => r.trim = true,
            (b'C', _) => r.callback = Some(value.to_vec()),
            (b'n', Some(n)) => r.count = n,
            (b'O', Some(n)) => r.origin = Some(n),
            (b's', Some(n)) => r.skip = n,
            (b'c', Some(n)) if n > 0 => r.quantum = n,
            (b'u', Some(n)) if i32::try_from(n).is_ok_and(|fd| sh.sys.cloexec(fd, None).is_ok()) => r.fd = n as i32,
            (b'u', _) => {
                sh.builtin_error(&[value, b": invalid file descriptor: Bad file descriptor"]);
                return Ok(1);
            }
            (b'O', None) => {
                sh.builtin_error(&[value, b": invalid array origin"]);
                return Ok(1);
            }
            (b'c', _) => {
                sh.builtin_error(&[value, b": invalid callback quantum"]);
                return Ok(1);
            }
            _ => {
                sh.builtin_error(&[value, b": invalid line count"]);
                return Ok(1);
            }
        }
    }
    let name = parser.rest().first().map_or(&b"MAPFILE"[..], |n| n);
    if !is_name(name) {
        sh.builtin_error(&[b"`", name, b"': not a valid identifier"]);
        return Ok(1);
    }
    let name = sh.place(Sym::new(name))?.name;
    if sh.check_writable(name).is_err() {
        return Ok(1);
    }
    if sh.is_assoc(name) {
        sh.builtin_error(&[name.name(), b": not an indexed array"]);
        return Ok(1);
    }
    fill(sh, name, &r)
}

fn fill(sh: &mut Shell, name: Sym, r: &Request) -> Run<i32> {
    let var = sh.vars.entry(name);
    if r.origin.is_none() {
        var.value = Value::Indexed(Box::default());
        var.attrs.add(Attrs::ARRAY);
    }
    var.make_indexed();
    let mut reader = Reader::new(r.fd, sh);
    let mut seen = 0u64;
    let mut stored = 0u64;
    while r.count == 0 || stored < r.count {
        let Some(mut line) = reader.line(sh, r.delimiter) else { break };
        seen += 1;
        if seen <= r.skip {
            continue;
        }
        if r.trim && line.last() == Some(&r.delimiter) {
            line.pop();
        }
        line.retain(|b| *b != 0);
        let index = r.origin.unwrap_or(0) + stored;
        stored += 1;
        if let Some(callback) = &r.callback
            && stored.is_multiple_of(r.quantum)
        {
            let text = [&callback[..], b" ", index.to_string().as_bytes(), b" ", &quote::single(&line)].concat();
            let at = sh.line;
            sh.run_text(&text, at, Origin::Inner("mapfile"))?;
        }
        if sh.assign_element(name, &Key::Index(index as i64), line, false).is_err() {
            return Ok(1);
        }
    }
    reader.give_back(sh);
    Ok(0)
}

/// Reads lines; in blocks where what was read too far can be given back.
struct Reader {
    fd: i32,
    buf: Vec<u8>,
    pos: usize,
    block: usize,
}

impl Reader {
    fn new(fd: i32, sh: &Shell) -> Self {
        let seekable = sh.sys.seek(fd, 0, crate::system::Whence::Current).is_ok();
        Self { fd, buf: Vec::new(), pos: 0, block: if seekable { 65536 } else { 1 } }
    }

    fn byte(&mut self, sh: &Shell) -> Option<u8> {
        if self.pos >= self.buf.len() {
            self.buf.resize(self.block, 0);
            self.pos = 0;
            let n = loop {
                match sh.sys.read(self.fd, &mut self.buf) {
                    Ok(n) => break n,
                    Err(Errno::INTR) => {}
                    Err(_) => break 0,
                }
            };
            self.buf.truncate(n);
        }
        let b = self.buf.get(self.pos).copied()?;
        self.pos += 1;
        Some(b)
    }

    fn line(&mut self, sh: &Shell, delimiter: u8) -> Option<Vec<u8>> {
        let mut line = Vec::new();
        while let Some(b) = self.byte(sh) {
            line.push(b);
            if b == delimiter {
                return Some(line);
            }
        }
        if line.is_empty() { None } else { Some(line) }
    }

    fn give_back(&self, sh: &Shell) {
        let extra = self.buf.len().saturating_sub(self.pos);
        if self.block > 1 && extra > 0 {
            let _ = sh.sys.seek(self.fd, -(extra as i64), crate::system::Whence::Current);
        }
    }
}
