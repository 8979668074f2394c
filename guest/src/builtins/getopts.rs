//! `getopts`.

use crate::names::{Sym, is_name};
use crate::shell::{Run, Shell};

pub fn getopts(sh: &mut Shell, args: &[Vec<u8>]) -> Run<i32> {
    let rest = match sh.no_options(args) {
        Ok(rest) => rest,
        Err(status) => return Ok(status),
    };
    let [spec, name, words @ ..] = rest else { return Ok(sh.show_usage()) };
    let words: Vec<Vec<u8>> = if words.is_empty() { sh.params.to_vec() } else { words.to_vec() };
    sh.refresh();
    let index = sh.getopts.index.max(1) as usize;
    let (spec, silent) = match spec.strip_prefix(b":") {
        Some(spec) => (spec, true),
        None => (&spec[..], false),
    };
    let mut state = State { index, offset: sh.getopts.offset };
    let found = state.next(&words, spec);
    sh.getopts.index = state.index as i64;
    sh.getopts.offset = state.offset;
    sh.set_quietly(Sym::OPTIND, state.index.to_string().as_bytes());
    let quiet = silent || sh.text(Sym::OPTERR).is_some_and(|t| t == b"0");
    let shown_name = sh.name.to_vec();
    let (letter, argument, status) = match found {
        Found::End => {
            sh.vars.unset(Sym::OPTARG);
            (b'?', None, 1)
        }
        Found::Option(letter, argument) => (letter, argument, 0),
        Found::Unknown(letter) => {
            if !quiet {
                sh.write_error(&[&shown_name[..], b": illegal option -- ", &[letter], b"\n"].concat());
            }
            (b'?', silent.then(|| vec![letter]), 0)
        }
        Found::Missing(letter) => {
            if !quiet {
                sh.write_error(&[&shown_name[..], b": option requires an argument -- ", &[letter], b"\n"].concat());
            }
            (if silent { b':' } else { b'?' }, silent.then(|| vec![letter]), 0)
        }
    };
    match argument {
        Some(text) => sh.set_quietly(Sym::OPTARG, &text),
        None => sh.vars.unset(Sym::OPTARG),
    }
    if !is_name(name) {
        sh.builtin_error(&[b"`", name, b"': not a valid identifier"]);
        return Ok(1);
    }
    if sh.assign(Sym::new(name), vec![letter], false).is_err() {
        return Ok(1);
    }
    Ok(status)
}

enum Found {
    End,
    Option(u8, Option<Vec<u8>>),
    Unknown(u8),
    Missing(u8),
}

struct State {
    /// Which word, from 1.
    index: usize,
    /// Where in it the next letter is; 0 at its beginning.
    offset: usize,
}

impl State {
    fn next(&mut self, words: &[Vec<u8>], spec: &[u8]) -> Found {
        if self.offset == 0 || words.get(self.index - 1).is_none_or(|w| self.offset >= w.len()) {
            self.offset = 0;
            match words.get(self.index - 1) {
                Some(w) if w == b"--" => {
                    self.index += 1;
                    return Found::End;
                }
                Some(w) if w.len() > 1 && w[0] == b'-' => self.offset = 1,
                _ => return Found::End,
            }
        }
        let word = &words[self.index - 1];
        let letter = word[self.offset];
        self.offset += 1;
        let at = if letter == b':' { None } else { spec.iter().position(|b| *b == letter) };
        let ended = self.offset >= word.len();
        let takes = at.is_some_and(|i| spec.get(i + 1) == Some(&b':'));
        if !takes {
            if ended {
                self.index += 1;
                self.offset = 0;
            }
            return if at.is_some() { Found::Option(letter, None) } else { Found::Unknown(letter) };
        }
        let argument = if ended { words.get(self.index).cloned() } else { Some(word[self.offset..].to_vec()) };
        self.index += if ended && argument.is_some() { 2 } else { 1 };
        self.offset = 0;
        match argument {
            Some(text) => Found::Option(letter, Some(text)),
            None => Found::Missing(letter),
        }
    }
}
