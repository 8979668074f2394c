//! Words to fields: brace expansion, splitting, matching of files.

use super::Place;
use crate::options::{Opt, Shopt};
use crate::shell::{Run, Shell};
use crate::syntax::ast::{Index, Op, Param, ParamName, Part, Word};
use crate::syntax::{Lines, Parser, print};
use crate::text::{brace, split::Splitter};

/// More words than brace expansion may make.
const MAX_BRACE_WORDS: usize = 4_000_000;

/// Bytes that may mean something to pathname expansion.
fn may_match(text: &[u8]) -> bool {
    text.iter().any(|b| matches!(b, b'*' | b'?' | b'[' | b'(' | b'\\'))
}

impl Shell {
    /// Expands words to fields.
    pub fn expand_words(&mut self, words: &[Word]) -> Run<Vec<Vec<u8>>> {
        let mut out = Vec::with_capacity(words.len());
        for word in words {
            self.expand_word(word, &mut out)?;
        }
        Ok(out)
    }

    /// Expands one word to any number of fields.
    pub fn expand_word(&mut self, word: &Word, out: &mut Vec<Vec<u8>>) -> Run {
        match &*word.parts {
            [Part::Lit(t)] if !word.brace && !may_match(t) => {
                out.push(t.to_vec());
                return Ok(());
            }
            [Part::Single(t)] => {
                out.push(t.to_vec());
                return Ok(());
            }
            [Part::Double(inner)] if !inner.iter().any(is_list) => {
                let mut text = Vec::new();
                let ifs = self.ifs();
                let mut sink = super::StringSink { out: &mut text, joiner: ifs.joiner(), made: b" " };
                self.walk(inner, Place::QUOTED, &mut sink)?;
                out.push(text);
                return Ok(());
            }
            _ => {}
        }
        if word.brace && self.opt(Opt::BraceExpand) {
            return self.expand_braces(word, out);
        }
        self.split_word(word, out)
    }

    fn split_word(&mut self, word: &Word, out: &mut Vec<Vec<u8>>) -> Run {
        let ifs = self.ifs();
        let extglob = self.shopt(Shopt::ExtGlob);
        let mut splitter = Splitter::new(&ifs, extglob);
        self.walk(&word.parts, Place::PLAIN, &mut splitter)?;
        for field in splitter.finish() {
            match field.pattern {
                Some(pattern) if !self.opt(Opt::NoGlob) => self.match_files(&pattern, field.text, out)?,
                _ => out.push(field.text),
            }
        }
        Ok(())
    }

    #[inline(never)]
    fn expand_braces(&mut self, word: &Word, out: &mut Vec<Vec<u8>>) -> Run {
        let source = print::word(word);
        if let Some(result) = self.expand_brace_source(&source, out) {
            return result;
        }
        self.split_word(word, out)
    }

    /// Expands a word given as source, braces first.
    pub fn expand_source(&mut self, source: &[u8], out: &mut Vec<Vec<u8>>) -> Run {
        if let Some(result) = self.expand_brace_source(source, out) {
            return result;
        }
        out.push(source.to_vec());
        Ok(())
    }

    /// `None`: there are no braces to expand.
    fn expand_brace_source(&mut self, source: &[u8], out: &mut Vec<Vec<u8>>) -> Option<Run> {
        let texts = match brace::expand(source, MAX_BRACE_WORDS) {
            Ok(None) => return None,
            Ok(Some(texts)) => texts,
            Err(brace::TooMany) => {
                self.complain(b"brace expansion: too many words");
                return Some(Err(self.discard(1)));
            }
        };
        let settings = self.settings();
        for text in texts {
            let plain =
                |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'/' | b'-' | b'_' | b'+' | b':' | b',');
            if !text.is_empty() && text.iter().all(plain) {
                out.push(text);
                continue;
            }
            let mut parser = Parser::new(Box::new(Lines::new(text.clone())), self.line, settings.clone());
            match parser.whole_word() {
                Ok(word) => {
                    if let Err(unwind) = self.split_word(&word, out) {
                        return Some(Err(unwind));
                    }
                }
                Err(_) => out.push(text),
            }
        }
        Some(Ok(()))
    }
}

/// Is this `$@` or `${a[@]…}`?
pub(super) fn is_at(part: &Part) -> bool {
    match part {
        Part::Param(p) => {
            let list = p.name == ParamName::Special(b'@') || matches!(p.index, Some(Index::At));
            list && !matches!(p.op, Op::Length) || matches!(p.op, Op::Names { star: false } | Op::Keys { star: false })
        }
        _ => false,
    }
}

/// May this piece be several fields even inside double quotes?
pub(super) fn is_list(part: &Part) -> bool {
    match part {
        Part::Param(p) => may_be_list(p),
        Part::Double(inner) => inner.iter().any(is_list),
        _ => false,
    }
}

fn may_be_list(p: &Param) -> bool {
    p.index.is_some()
        || p.indirect
        || p.name == ParamName::Special(b'@')
        || !matches!(p.op, Op::None | Op::Length | Op::Trim { .. } | Op::Replace { .. } | Op::Substring { .. })
}
