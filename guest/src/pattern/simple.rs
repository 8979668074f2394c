//! Patterns without groups: pieces of fixed width between stars. Every piece but the outermost is taken at the first
//! (or last) place where it fits, so there is no backtracking.

use super::parse::Node;
use super::{Extent, Subject, fold};

/// Does the whole text match?
pub(super) fn matches(nodes: &[Node], subject: &Subject<'_>) -> bool {
    let end = subject.text.len();
    let Some((head, middle, tail)) = split(nodes) else {
        return piece_at(nodes, subject, 0) == Some(end);
    };
    let Some(from) = piece_at(head, subject, 0) else {
        return false;
    };
    if !star_fits(head, subject, from) {
        return false;
    }
    let Some(to) = piece_before(tail, subject, end) else {
        return false;
    };
    match find_all(middle, subject, from) {
        Some(from) => from <= to,
        None => false,
    }
}

/// The end of a match that begins at `from`.
pub(super) fn match_from(nodes: &[Node], subject: &Subject<'_>, from: usize, extent: Extent) -> Option<usize> {
    let Some((head, middle, tail)) = split(nodes) else {
        return piece_at(nodes, subject, from);
    };
    let from = piece_at(head, subject, from)?;
    let from = find_all(middle, subject, from)?;
    match extent {
        Extent::Shortest => find_piece(tail, subject, from).map(|(_, end)| end),
        Extent::Longest => rfind_piece(tail, subject, from, subject.text.len()).map(|(_, end)| end),
    }
}

/// The start of a match that ends at the end.
pub(super) fn match_to_end(nodes: &[Node], subject: &Subject<'_>, extent: Extent) -> Option<usize> {
    let end = subject.text.len();
    let Some((head, middle, tail)) = split(nodes) else {
        return piece_before(nodes, subject, end);
    };
    let mut to = piece_before(tail, subject, end)?;
    for piece in middle.rsplit(|node| matches!(node, Node::Star)) {
        to = rfind_piece(piece, subject, 0, to)?.0;
    }
    match extent {
        Extent::Shortest => rfind_piece(head, subject, 0, to).map(|(start, _)| start),
        Extent::Longest => find_piece(head, subject, 0).filter(|&(_, end)| end <= to).map(|(start, _)| start),
    }
}

/// Where the leftmost match begins, at `from` or later.
pub(super) fn find_start(nodes: &[Node], subject: &Subject<'_>, from: usize) -> Option<usize> {
    let Some((head, middle, tail)) = split(nodes) else {
        return find_piece(nodes, subject, from).map(|(start, _)| start);
    };
    let (start, from) = find_piece(head, subject, from)?;
    let from = find_all(middle, subject, from)?;
    find_piece(tail, subject, from).map(|_| start)
}

/// What is before the first star, between the first and the last, and after the last. `None` without a star.
fn split(nodes: &[Node]) -> Option<(&[Node], &[Node], &[Node])> {
    let first = nodes.iter().position(|node| matches!(node, Node::Star))?;
    let last = nodes.iter().rposition(|node| matches!(node, Node::Star))?;
    let middle = if first < last { &nodes[first + 1..last] } else { &[] };
    Some((&nodes[..first], middle, &nodes[last + 1..]))
}

/// A star right at the beginning must not take a leading dot.
fn star_fits(head: &[Node], subject: &Subject<'_>, from: usize) -> bool {
    !head.is_empty() || from > 0 || subject.visible(0)
}

/// Finds the pieces between stars one after another; the position behind the last.
fn find_all(nodes: &[Node], subject: &Subject<'_>, mut from: usize) -> Option<usize> {
    for piece in nodes.split(|node| matches!(node, Node::Star)) {
        from = find_piece(piece, subject, from)?.1;
    }
    Some(from)
}

/// The leftmost place at `from` or later where a piece fits.
fn find_piece(piece: &[Node], subject: &Subject<'_>, from: usize) -> Option<(usize, usize)> {
    let text = subject.text;
    let first = match piece.first() {
        Some(Node::Text(literal)) if !subject.nocase => literal.first().copied(),
        _ => None,
    };
    let mut at = from;
    loop {
        if let Some(first) = first {
            at += text.get(at..)?.iter().position(|&byte| byte == first)?;
        }
        if let Some(end) = piece_at(piece, subject, at) {
            return Some((at, end));
        }
        if at >= text.len() {
            return None;
        }
        at = subject.next(at).1;
    }
}

/// The rightmost place within `from..to` where a piece fits.
fn rfind_piece(piece: &[Node], subject: &Subject<'_>, from: usize, to: usize) -> Option<(usize, usize)> {
    let last = match piece.last() {
        Some(Node::Text(literal)) if !subject.nocase => literal.last().copied(),
        _ => None,
    };
    let mut at = to;
    loop {
        if let Some(last) = last {
            at = from + subject.text.get(from..at)?.iter().rposition(|&byte| byte == last)? + 1;
        }
        match piece_before(piece, subject, at) {
            Some(start) if start >= from => return Some((start, at)),
            _ => {}
        }
        if at <= from {
            return None;
        }
        at = subject.previous(at).1;
    }
}

/// Where a piece that begins at `at` ends.
fn piece_at(piece: &[Node], subject: &Subject<'_>, mut at: usize) -> Option<usize> {
    for node in piece {
        at = node_at(node, subject, at)?;
    }
    Some(at)
}

/// Where a piece that ends at `at` begins.
fn piece_before(piece: &[Node], subject: &Subject<'_>, mut at: usize) -> Option<usize> {
    for node in piece.iter().rev() {
        at = node_before(node, subject, at)?;
    }
    Some(at)
}

/// Where a part of fixed width that begins at `at` ends.
pub(super) fn node_at(node: &Node, subject: &Subject<'_>, at: usize) -> Option<usize> {
    if let Node::Text(literal) = node {
        return text_at(literal, subject, at);
    }
    if at >= subject.text.len() || !subject.visible(at) {
        return None;
    }
    let (code, next) = subject.next(at);
    match node {
        Node::Set(set) if !set.contains(code) => None,
        _ => Some(next),
    }
}

/// Where a part of fixed width that ends at `at` begins.
pub(super) fn node_before(node: &Node, subject: &Subject<'_>, at: usize) -> Option<usize> {
    if let Node::Text(literal) = node {
        return text_before(literal, subject, at);
    }
    if at == 0 {
        return None;
    }
    let (code, before) = subject.previous(at);
    if !subject.visible(before) {
        return None;
    }
    match node {
        Node::Set(set) if !set.contains(code) => None,
        _ => Some(before),
    }
}

fn text_at(literal: &[u8], subject: &Subject<'_>, at: usize) -> Option<usize> {
    let text = &subject.text[at..];
    if !subject.nocase {
        return text.starts_with(literal).then_some(at + literal.len());
    }
    let pattern = Subject { text: literal, nocase: false, hidden: false, ..*subject };
    let (mut at, mut in_pattern) = (at, 0);
    while in_pattern < literal.len() {
        if at >= subject.text.len() {
            return None;
        }
        let (wanted, next_in_pattern) = pattern.next(in_pattern);
        let (code, next) = subject.next(at);
        if fold(code) != wanted {
            return None;
        }
        (at, in_pattern) = (next, next_in_pattern);
    }
    Some(at)
}

fn text_before(literal: &[u8], subject: &Subject<'_>, at: usize) -> Option<usize> {
    if !subject.nocase {
        return subject.text[..at].ends_with(literal).then(|| at - literal.len());
    }
    let pattern = Subject { text: literal, nocase: false, hidden: false, ..*subject };
    let (mut at, mut in_pattern) = (at, literal.len());
    while in_pattern > 0 {
        if at == 0 {
            return None;
        }
        let (wanted, before_in_pattern) = pattern.previous(in_pattern);
        let (code, before) = subject.previous(at);
        if fold(code) != wanted {
            return None;
        }
        (at, in_pattern) = (before, before_in_pattern);
    }
    Some(at)
}
