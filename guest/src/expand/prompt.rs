//! The backslash escapes of prompts: `PS4`, `${x@P}`.

use crate::names::Sym;
use crate::shell::Shell;
use crate::text::strftime::{Zone, strftime};

impl Shell {
    /// Decodes a prompt string's escapes and expands what is left.
    pub fn prompt(&mut self, text: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut i = 0;
        while i < text.len() {
            if text[i] != b'\\' || i + 1 >= text.len() {
                out.push(text[i]);
                i += 1;
                continue;
            }
            i += 1;
            let c = text[i];
            i += 1;
            match c {
                b'D' if text.get(i) == Some(&b'{') => {
                    let end = text[i..].iter().position(|b| *b == b'}').map_or(text.len(), |n| n + i);
                    let format = &text[i + 1..end];
                    let format = if format.is_empty() { b"%X" } else { format };
                    out.extend(self.date(format));
                    i = end + 1;
                }
                b'0'..=b'7' => {
                    let mut n = u32::from(c - b'0');
                    for _ in 0..2 {
                        match text.get(i) {
                            Some(d @ b'0'..=b'7') => n = n * 8 + u32::from(d - b'0'),
                            _ => break,
                        }
                        i += 1;
                    }
                    out.push(n as u8);
                }
                _ => self.prompt_escape(c, &mut out),
            }
        }
        self.expand_prompt_text(&out)
    }

    fn prompt_escape(&mut self, c: u8, out: &mut Vec<u8>) {
        match c {
            b'a' => out.push(7),
            b'd' => out.extend(self.date(b"%a %b %d")),
            b'e' => out.push(27),
            b'h' => {
                let host = self.sys.hostname();
                out.extend(host.split(|b| *b == b'.').next().unwrap_or(b""));
            }
            b'H' => out.extend(self.sys.hostname()),
            b'j' => out.extend(self.jobs.count().to_string().bytes()),
            b'l' => out.extend_from_slice(b"tty"),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b's' => out.extend_from_slice(self.name.rsplit(|b| *b == b'/').next().unwrap_or(b"")),
            b't' => out.extend(self.date(b"%H:%M:%S")),
            b'T' => out.extend(self.date(b"%I:%M:%S")),
            b'@' => out.extend(self.date(b"%I:%M %p")),
            b'A' => out.extend(self.date(b"%H:%M")),
            b'u' => out.extend(self.user_name()),
            b'v' => out.extend_from_slice(b"5.2"),
            b'V' => out.extend_from_slice(b"5.2.15"),
            b'w' | b'W' => {
                let dir = self.text(Sym::PWD).unwrap_or_default();
                let home = self.text(Sym::HOME).unwrap_or_default();
                let shown = match dir.strip_prefix(&home[..]) {
                    Some(rest) if !home.is_empty() && (rest.is_empty() || rest[0] == b'/') => [b"~", rest].concat(),
                    _ => dir,
                };
                let last = shown.rsplit(|b| *b == b'/').next().unwrap_or(b"");
                out.extend_from_slice(if c == b'W' && !last.is_empty() { last } else { &shown });
            }
            b'!' | b'#' => out.push(b'1'),
            b'$' => out.push(if self.sys.ids().euid == 0 { b'#' } else { b'$' }),
            b'\\' => out.push(b'\\'),
            b'[' | b']' => {}
            _ => out.extend_from_slice(&[b'\\', c]),
        }
    }

    fn date(&mut self, format: &[u8]) -> Vec<u8> {
        let zone = Zone::from_tz(self.text(Sym::TZ).as_deref());
        strftime(format, self.sys.realtime() / 1_000_000_000, &zone)
    }

    /// Expands parameters, commands and arithmetic in text as in a double-quoted string.
    pub fn expand_prompt_text(&mut self, text: &[u8]) -> Vec<u8> {
        if !text.iter().any(|b| matches!(b, b'$' | b'`' | b'\\')) {
            return text.to_vec();
        }
        let status = self.status;
        let word = super::quoted_from_text(text);
        let out = self.expand_string(&word).unwrap_or_default();
        self.status = status;
        out
    }
}
