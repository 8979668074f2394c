//! From a pattern's source to its parts.

use super::bracket::{self, Set};
use super::{Flags, RAW, fold};
use crate::text::utf8;

/// A part of a pattern.
#[derive(Clone, Debug)]
pub(super) enum Node {
    /// Text that stands for itself (folded when case does not matter).
    Text(Box<[u8]>),
    /// `?`
    Any,
    /// `*`
    Star,
    /// `[…]`
    Set(Box<Set>),
    /// `@(…|…)` and kin.
    Group(Group, Vec<Vec<Node>>),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Group {
    /// `@(`
    One,
    /// `?(`
    Optional,
    /// `*(`
    Any,
    /// `+(`
    Some,
    /// `!(`
    Not,
}

/// Groups nested deeper than this stand for themselves.
const MAX_DEPTH: usize = 64;

struct Parser<'a> {
    source: &'a [u8],
    flags: Flags,
    /// Read bytes, not characters.
    bytes: bool,
}

/// Parses a pattern.
pub(super) fn parse(source: &[u8], flags: Flags, bytes: bool) -> Vec<Node> {
    Parser { source, flags, bytes }.sequence(0, source.len(), MAX_DEPTH)
}

impl Parser<'_> {
    /// Parses `source[at..end]`.
    fn sequence(&self, mut at: usize, end: usize, depth: usize) -> Vec<Node> {
        let mut nodes = Vec::new();
        let mut text = Vec::new();
        // Once no group could be closed for want of any `)`, none further on can.
        let mut closable = self.flags.extglob && depth > 0;
        while at < end {
            let c = self.source[at];
            if closable && at + 1 < end && self.source[at + 1] == b'(' && group(c).is_some() {
                match close(self.source, at + 2, end) {
                    Ok(close) => {
                        self.flush(&mut text, &mut nodes);
                        let alternatives = self.alternatives(at + 2, close, depth - 1);
                        nodes.extend(group(c).map(|group| Node::Group(group, alternatives)));
                        at = close + 1;
                        continue;
                    }
                    Err(any) => closable = any,
                }
            }
            let node = match c {
                b'*' => Some((Node::Star, at + 1)),
                b'?' => Some((Node::Any, at + 1)),
                b'[' => bracket::parse(&self.source[..end], at, self.flags.nocase, self.bytes)
                    .map(|(set, next)| (Node::Set(Box::new(set)), next)),
                _ => None,
            };
            if let Some((node, next)) = node {
                self.flush(&mut text, &mut nodes);
                if !matches!((&node, nodes.last()), (Node::Star, Some(Node::Star))) {
                    nodes.push(node);
                }
                at = next;
                continue;
            }
            if c == b'\\' && at + 1 < end {
                at += 1;
            }
            text.push(self.source[at]);
            at += 1;
        }
        self.flush(&mut text, &mut nodes);
        nodes
    }

    fn flush(&self, text: &mut Vec<u8>, nodes: &mut Vec<Node>) {
        if text.is_empty() {
            return;
        }
        let text = std::mem::take(text);
        nodes.push(Node::Text(if self.flags.nocase { fold_text(&text, self.bytes) } else { text.into() }));
    }

    /// Parses the alternatives between a group's parentheses.
    fn alternatives(&self, start: usize, end: usize, depth: usize) -> Vec<Vec<Node>> {
        let mut alternatives = Vec::new();
        let mut from = start;
        let mut at = start;
        let mut nested = 0usize;
        while at < end {
            match self.source[at] {
                b'\\' => at += 1,
                b'[' => at = bracket::end(&self.source[..end], at).map_or(at, |next| next - 1),
                b'(' => nested += 1,
                b')' => nested = nested.saturating_sub(1),
                b'|' if nested == 0 => {
                    alternatives.push(self.sequence(from, at, depth));
                    from = at + 1;
                }
                _ => {}
            }
            at += 1;
        }
        alternatives.push(self.sequence(from, end, depth));
        alternatives
    }
}

fn group(c: u8) -> Option<Group> {
    Some(match c {
        b'@' => Group::One,
        b'?' => Group::Optional,
        b'*' => Group::Any,
        b'+' => Group::Some,
        b'!' => Group::Not,
        _ => return None,
    })
}

/// The position of the `)` that closes a group whose contents begin at `at`; otherwise whether there is any `)`.
fn close(source: &[u8], mut at: usize, end: usize) -> Result<usize, bool> {
    let mut nested = 0usize;
    let mut any = false;
    while at < end {
        match source[at] {
            b'\\' => at += 1,
            // An open bracket hides all that follows.
            b'[' => at = bracket::end(&source[..end], at).ok_or(false)? - 1,
            b'(' => nested += 1,
            b')' if nested == 0 => return Ok(at),
            b')' => {
                any = true;
                nested -= 1;
            }
            _ => {}
        }
        at += 1;
    }
    Err(any)
}

/// The characters of `text` in lower case.
fn fold_text(text: &[u8], bytes: bool) -> Box<[u8]> {
    if bytes || text.is_ascii() {
        return text.to_ascii_lowercase().into();
    }
    let mut out = Vec::with_capacity(text.len());
    for (c, bytes) in utf8::chars(text) {
        match c {
            Some(c) => utf8::encode(fold(u32::from(c)), &mut out),
            None => out.extend_from_slice(bytes),
        }
    }
    out.into()
}

/// The code of the character at `at` in a pattern's source and the position behind it.
pub(super) fn code(source: &[u8], at: usize, bytes: bool) -> (u32, usize) {
    let byte = source[at];
    if byte < 0x80 {
        return (u32::from(byte), at + 1);
    }
    match utf8::decode(&source[at..]) {
        (Some(c), length) if !bytes => (u32::from(c), at + length),
        _ => (RAW + u32::from(byte), at + 1),
    }
}
