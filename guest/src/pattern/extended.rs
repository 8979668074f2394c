//! Patterns with groups, by sets of positions: from all places where a match may have got to, each part leads to all
//! places it may get to next. Forwards or backwards.

use super::parse::{Group, Node};
use super::{Extent, Subject, simple};
use std::collections::HashMap;

/// Does the whole text match?
pub(super) fn matches(nodes: &[Node], subject: &Subject<'_>) -> bool {
    let end = subject.text.len();
    Matcher::new(subject, Direction::Forward).run(nodes, Places::one(subject, 0)).contains(end)
}

/// The end of a match that begins at `from`.
pub(super) fn match_from(nodes: &[Node], subject: &Subject<'_>, from: usize, extent: Extent) -> Option<usize> {
    let ends = Matcher::new(subject, Direction::Forward).run(nodes, Places::one(subject, from));
    match extent {
        Extent::Longest => ends.last(),
        Extent::Shortest => ends.iter().next(),
    }
}

/// The start of a match that ends at the end.
pub(super) fn match_to_end(nodes: &[Node], subject: &Subject<'_>, extent: Extent) -> Option<usize> {
    let end = Places::one(subject, subject.text.len());
    let starts = Matcher::new(subject, Direction::Backward).run(nodes, end);
    match extent {
        Extent::Longest => starts.iter().next(),
        Extent::Shortest => starts.last(),
    }
}

/// Where the leftmost match begins, at `from` or later.
pub(super) fn find_start(nodes: &[Node], subject: &Subject<'_>, from: usize) -> Option<usize> {
    let all = Matcher::new(subject, Direction::Forward).reach(from);
    let starts = Matcher::new(subject, Direction::Backward).run(nodes, all);
    starts.iter().find(|&start| start >= from)
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Direction {
    Forward,
    Backward,
}

/// A set of positions in the text.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Places {
    words: Vec<u64>,
}

impl Places {
    fn none(subject: &Subject<'_>) -> Places {
        Places { words: vec![0; subject.text.len() / 64 + 1] }
    }
    fn one(subject: &Subject<'_>, at: usize) -> Places {
        let mut places = Places::none(subject);
        places.add(at);
        places
    }
    fn add(&mut self, at: usize) {
        self.words[at / 64] |= 1 << (at % 64);
    }
    fn contains(&self, at: usize) -> bool {
        self.words[at / 64] >> (at % 64) & 1 == 1
    }
    fn is_empty(&self) -> bool {
        self.words.iter().all(|&word| word == 0)
    }
    fn add_all(&mut self, other: &Places) {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word |= other);
    }
    fn remove_all(&mut self, other: &Places) {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word &= !other);
    }
    fn last(&self) -> Option<usize> {
        let (index, word) = self.words.iter().enumerate().rev().find(|&(_, &word)| word != 0)?;
        Some(index * 64 + 63 - word.leading_zeros() as usize)
    }
    fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.words.iter().enumerate().flat_map(|(index, &word)| {
            let mut word = word;
            std::iter::from_fn(move || {
                if word == 0 {
                    return None;
                }
                let bit = word.trailing_zeros() as usize;
                word &= word - 1;
                Some(index * 64 + bit)
            })
        })
    }
}

/// Texts longer than this are matched without remembering what nested negations gave.
const REMEMBER: usize = 4096;

struct Matcher<'a> {
    subject: &'a Subject<'a>,
    direction: Direction,
    /// What a negation at one position gave, by its node's address.
    remembered: HashMap<(usize, usize), Places>,
    negations: usize,
}

impl<'a> Matcher<'a> {
    fn new(subject: &'a Subject<'a>, direction: Direction) -> Matcher<'a> {
        Matcher { subject, direction, remembered: HashMap::new(), negations: 0 }
    }

    fn run(&mut self, nodes: &[Node], mut places: Places) -> Places {
        let mut index = 0;
        while index < nodes.len() && !places.is_empty() {
            let node = match self.direction {
                Direction::Forward => &nodes[index],
                Direction::Backward => &nodes[nodes.len() - 1 - index],
            };
            places = self.step(node, places);
            index += 1;
        }
        places
    }

    fn step(&mut self, node: &Node, places: Places) -> Places {
        match node {
            Node::Star => self.star(&places),
            Node::Group(Group::Not, alternatives) => self.negation(alternatives, &places),
            Node::Group(Group::One, alternatives) => self.any_of(alternatives, &places),
            Node::Group(Group::Optional, alternatives) => {
                let mut reached = self.any_of(alternatives, &places);
                reached.add_all(&places);
                reached
            }
            Node::Group(Group::Any, alternatives) => self.repeat(alternatives, places),
            Node::Group(Group::Some, alternatives) => {
                let once = self.any_of(alternatives, &places);
                self.repeat(alternatives, once)
            }
            _ => {
                let mut reached = Places::none(self.subject);
                for at in places.iter() {
                    let next = match self.direction {
                        Direction::Forward => simple::node_at(node, self.subject, at),
                        Direction::Backward => simple::node_before(node, self.subject, at),
                    };
                    if let Some(next) = next {
                        reached.add(next);
                    }
                }
                reached
            }
        }
    }

    fn any_of(&mut self, alternatives: &[Vec<Node>], places: &Places) -> Places {
        let mut reached = Places::none(self.subject);
        for alternative in alternatives {
            reached.add_all(&self.run(alternative, places.clone()));
        }
        reached
    }

    /// Any number of times, from none on.
    fn repeat(&mut self, alternatives: &[Vec<Node>], places: Places) -> Places {
        let mut reached = places.clone();
        let mut fresh = places;
        while !fresh.is_empty() {
            fresh = self.any_of(alternatives, &fresh);
            fresh.remove_all(&reached);
            reached.add_all(&fresh);
        }
        reached
    }

    fn star(&mut self, places: &Places) -> Places {
        match self.direction {
            Direction::Forward => {
                let mut reached = places.iter().next().map_or(Places::none(self.subject), |from| self.reach(from));
                reached.add_all(places);
                reached
            }
            Direction::Backward => places.last().map_or(Places::none(self.subject), |from| self.reach(from)),
        }
    }

    /// Every position from `from` on, as far as a star gets.
    fn reach(&mut self, from: usize) -> Places {
        let mut reached = Places::one(self.subject, from);
        let mut at = from;
        match self.direction {
            Direction::Forward => {
                while at < self.subject.text.len() && self.subject.visible(at) {
                    at = self.subject.next(at).1;
                    reached.add(at);
                }
            }
            Direction::Backward => {
                while at > 0 {
                    at = self.subject.previous(at).1;
                    if !self.subject.visible(at) {
                        break;
                    }
                    reached.add(at);
                }
            }
        }
        reached
    }

    /// From every position, wherever the alternatives do not lead.
    fn negation(&mut self, alternatives: &[Vec<Node>], places: &Places) -> Places {
        let mut reached = Places::none(self.subject);
        let remember = self.negations > 0 && self.subject.text.len() <= REMEMBER;
        for at in places.iter() {
            let key = (alternatives.as_ptr() as usize, at);
            if let Some(known) = self.remembered.get(&key) {
                reached.add_all(known);
                continue;
            }
            self.negations += 1;
            let mut from_here = self.reach(at);
            let matched = self.any_of(alternatives, &Places::one(self.subject, at));
            self.negations -= 1;
            from_here.remove_all(&matched);
            reached.add_all(&from_here);
            if remember {
                self.remembered.insert(key, from_here);
            }
        }
        reached
    }
}
