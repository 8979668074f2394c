//! Runs a program over a text.

use super::compile::{Op, Program};
use super::parse::{Assert, RAW};
use crate::text::utf8;

type Captures = Vec<Option<(usize, usize)>>;

/// The match and its groups.
pub(super) fn captures(program: &Program, text: &[u8]) -> Option<Captures> {
    let input = Input { program, text };
    if let Some(loops) = program.loops {
        return backtrack(&input, loops);
    }
    let (start, end) = find(&input)?;
    if program.groups == 0 {
        return Some(vec![Some((start, end))]);
    }
    let slots = groups(&input, start, end)?;
    let mut all = vec![Some((start, end))];
    all.extend(slots.chunks(2).skip(1).map(pair));
    Some(all)
}

/// A group's span from its two slots.
fn pair(slots: &[usize]) -> Option<(usize, usize)> {
    match slots {
        [start, end] if *start != UNSET && *end != UNSET => Some((*start, *end)),
        _ => None,
    }
}

const UNSET: usize = usize::MAX;

struct Input<'a> {
    program: &'a Program,
    text: &'a [u8],
}

impl Input<'_> {
    /// The character at `at`, as the program wants it, and the position behind it.
    fn char(&self, at: usize) -> Option<(u32, usize)> {
        let byte = *self.text.get(at)?;
        if byte < 0x80 {
            let byte = if self.program.nocase { byte.to_ascii_lowercase() } else { byte };
            return Some((u32::from(byte), at + 1));
        }
        Some(match utf8::decode(&self.text[at..]) {
            (Some(c), length) if self.program.nocase => (u32::from(utf8::lower(c)), at + length),
            (Some(c), length) => (u32::from(c), at + length),
            (None, _) => (RAW + u32::from(byte), at + 1),
        })
    }

    /// Does the instruction take this character?
    fn takes(&self, op: Op, code: u32) -> bool {
        match op {
            Op::Char(wanted) => wanted == code,
            Op::Any => code < RAW,
            Op::Set(index) => self.program.sets[index].contains(code),
            _ => false,
        }
    }

    fn is_word(&self, code: Option<char>) -> bool {
        code.is_some_and(|c| c == '_' || crate::pattern::Class::Alnum.contains(u32::from(c)))
    }

    fn holds(&self, assert: Assert, at: usize) -> bool {
        let word_before = || at > 0 && self.is_word(utf8::decode_last(&self.text[..at]).0);
        let word_after = || at < self.text.len() && self.is_word(utf8::decode(&self.text[at..]).0);
        match assert {
            Assert::Begin => at == 0,
            Assert::End => at == self.text.len(),
            Assert::WordBegin => !word_before() && word_after(),
            Assert::WordEnd => word_before() && !word_after(),
            Assert::WordEdge => word_before() != word_after(),
            Assert::NoWordEdge => word_before() == word_after(),
        }
    }
}

/// A set of instructions that remembers the order in which they came.
struct Threads {
    order: Vec<usize>,
    seen: Vec<u32>,
    round: u32,
}

impl Threads {
    fn new(size: usize) -> Threads {
        Threads { order: Vec::with_capacity(size.min(64)), seen: vec![0; size], round: 1 }
    }
    fn clear(&mut self) {
        self.order.clear();
        self.round = self.round.wrapping_add(1);
        if self.round == 0 {
            self.seen.fill(0);
            self.round = 1;
        }
    }
    /// Adds an instruction; false if it is there already.
    fn mark(&mut self, pc: usize) -> bool {
        let new = self.seen[pc] != self.round;
        self.seen[pc] = self.round;
        new
    }
}

/// The leftmost longest match.
fn find(input: &Input<'_>) -> Option<(usize, usize)> {
    let size = input.program.ops.len();
    let (mut now, mut next) = (Threads::new(size), Threads::new(size));
    // Where the thread at each instruction began.
    let (mut starts, mut next_starts) = (vec![0; size], vec![0; size]);
    let mut stack = Vec::new();
    let mut best: Option<(usize, usize)> = None;
    let mut at = 0;
    loop {
        if best.is_none() && (at == 0 || !input.program.anchored) {
            follow(input, 0, at, &mut now, &mut stack, |pc| starts[pc] = at);
        }
        // Threads that began earlier come first and have the instruction to themselves.
        let leader = now.order.iter().find(|&&pc| matches!(input.program.ops[pc], Op::Match));
        if let Some(&pc) = leader {
            let start = starts[pc];
            if best.is_none_or(|(first, _)| start <= first) {
                best = Some((start, at));
            }
        }
        let Some((code, after)) = input.char(at) else {
            break;
        };
        next.clear();
        for &pc in &now.order {
            let start = starts[pc];
            if best.is_some_and(|(first, _)| start > first) || !input.takes(input.program.ops[pc], code) {
                continue;
            }
            follow(input, pc + 1, after, &mut next, &mut stack, |pc| next_starts[pc] = start);
        }
        std::mem::swap(&mut now, &mut next);
        std::mem::swap(&mut starts, &mut next_starts);
        at = after;
        if now.order.is_empty() && (best.is_some() || input.program.anchored) {
            break;
        }
    }
    best
}

/// Adds an instruction and everything that can be reached from it without a character.
fn follow(
    input: &Input<'_>,
    pc: usize,
    at: usize,
    threads: &mut Threads,
    stack: &mut Vec<usize>,
    mut added: impl FnMut(usize),
) {
    stack.clear();
    stack.push(pc);
    while let Some(pc) = stack.pop() {
        if !threads.mark(pc) {
            continue;
        }
        match input.program.ops[pc] {
            Op::Jump(to) => stack.push(to),
            Op::Split(first, second) => stack.extend([second, first]),
            Op::Save(_) | Op::Round(_) | Op::EndRound(_) => stack.push(pc + 1),
            Op::Assert(assert) => {
                if input.holds(assert, at) {
                    stack.push(pc + 1);
                }
            }
            _ => {
                threads.order.push(pc);
                added(pc);
            }
        }
    }
}

/// The positions of the groups in the preferred way to match from `start` to `end`.
fn groups(input: &Input<'_>, start: usize, end: usize) -> Option<Vec<usize>> {
    let size = input.program.ops.len();
    let width = 2 * (input.program.groups + 1);
    let (mut now, mut next) = (Threads::new(size), Threads::new(size));
    let (mut slots, mut next_slots) = (vec![UNSET; size * width], vec![UNSET; size * width]);
    let mut current = vec![UNSET; width];
    follow_saving(input, 0, start, &mut now, &mut current, &mut slots);
    let mut at = start;
    while at < end {
        let (code, after) = input.char(at)?;
        next.clear();
        for index in 0..now.order.len() {
            let pc = now.order[index];
            if input.takes(input.program.ops[pc], code) {
                current.copy_from_slice(&slots[pc * width..(pc + 1) * width]);
                follow_saving(input, pc + 1, after, &mut next, &mut current, &mut next_slots);
            }
        }
        std::mem::swap(&mut now, &mut next);
        std::mem::swap(&mut slots, &mut next_slots);
        at = after;
    }
    let pc = now.order.iter().copied().find(|&pc| matches!(input.program.ops[pc], Op::Match))?;
    Some(slots[pc * width..(pc + 1) * width].to_vec())
}

/// What is still to be done while instructions are followed.
enum Todo {
    Visit(usize),
    /// A branch is done: give a slot its former value.
    Restore(usize, usize),
}

/// As [`follow`], with the positions of the groups.
fn follow_saving(
    input: &Input<'_>,
    pc: usize,
    at: usize,
    threads: &mut Threads,
    current: &mut [usize],
    slots: &mut [usize],
) {
    let width = current.len();
    let mut stack = vec![Todo::Visit(pc)];
    while let Some(todo) = stack.pop() {
        let pc = match todo {
            Todo::Visit(pc) => pc,
            Todo::Restore(slot, value) => {
                current[slot] = value;
                continue;
            }
        };
        if !threads.mark(pc) {
            continue;
        }
        match input.program.ops[pc] {
            Op::Jump(to) => stack.push(Todo::Visit(to)),
            Op::Split(first, second) => stack.extend([Todo::Visit(second), Todo::Visit(first)]),
            Op::Save(slot) => {
                stack.push(Todo::Restore(slot, current[slot]));
                current[slot] = at;
                stack.push(Todo::Visit(pc + 1));
            }
            Op::Round(_) | Op::EndRound(_) => stack.push(Todo::Visit(pc + 1)),
            Op::Assert(assert) => {
                if input.holds(assert, at) {
                    stack.push(Todo::Visit(pc + 1));
                }
            }
            _ => {
                threads.order.push(pc);
                slots[pc * width..(pc + 1) * width].copy_from_slice(current);
            }
        }
    }
}

/// How many steps backtracking may take.
const BUDGET: usize = 4_000_000;

/// A way not yet gone: instruction, position, the groups so far and where the rounds of the loops began.
type Way = (usize, usize, Vec<usize>);

/// The leftmost longest match of an expression with back references, found by trying; `None` also when that takes too
/// long.
fn backtrack(input: &Input<'_>, loops: usize) -> Option<Captures> {
    let width = 2 * (input.program.groups + 1);
    let mut budget = BUDGET;
    let mut start = 0;
    loop {
        let mut best: Option<(usize, Vec<usize>)> = None;
        let mut ways: Vec<Way> = vec![(0, start, vec![UNSET; width + loops])];
        while let Some((pc, at, slots)) = ways.pop() {
            budget = budget.checked_sub(1 + width / 8)?;
            if let Some((end, slots)) = walk(input, pc, at, slots, &mut ways, &mut budget)
                && best.as_ref().is_none_or(|(longest, _)| end > *longest)
            {
                best = Some((end, slots));
            }
        }
        if let Some((end, slots)) = best {
            let mut all = vec![Some((start, end))];
            all.extend(slots[..width].chunks(2).skip(1).map(pair));
            return Some(all);
        }
        if input.program.anchored {
            return None;
        }
        start = input.char(start)?.1;
    }
}

/// Goes one way to its end, noting the others.
fn walk(
    input: &Input<'_>,
    mut pc: usize,
    mut at: usize,
    mut slots: Vec<usize>,
    ways: &mut Vec<Way>,
    budget: &mut usize,
) -> Option<(usize, Vec<usize>)> {
    let rounds = 2 * (input.program.groups + 1);
    loop {
        *budget = budget.checked_sub(1)?;
        match input.program.ops[pc] {
            Op::Match => return Some((at, slots)),
            Op::Jump(to) => {
                pc = to;
                continue;
            }
            Op::Round(number) => slots[rounds + number] = at,
            Op::EndRound(number) if slots[rounds + number] == at => {
                // A round that got nowhere is the last one.
                pc = input.program.behind_loop(pc);
                continue;
            }
            Op::EndRound(_) => {}
            Op::Split(first, second) => {
                ways.push((second, at, slots.clone()));
                pc = first;
                continue;
            }
            Op::Save(slot) => slots[slot] = at,
            Op::Assert(assert) if !input.holds(assert, at) => return None,
            Op::Assert(_) => {}
            Op::Back(number) => {
                let (from, to) = pair(&slots[2 * number..2 * number + 2])?;
                at = same(input, from, to, at)?;
            }
            op => {
                let (code, next) = input.char(at)?;
                if !input.takes(op, code) {
                    return None;
                }
                at = next;
            }
        }
        pc += 1;
    }
}

/// The end of a repetition at `at` of what stands from `from` to `to`.
fn same(input: &Input<'_>, mut from: usize, to: usize, mut at: usize) -> Option<usize> {
    while from < to {
        let (wanted, after) = input.char(from)?;
        let (code, next) = input.char(at)?;
        if wanted != code {
            return None;
        }
        (from, at) = (after, next);
    }
    Some(at)
}
