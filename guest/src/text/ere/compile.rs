//! From the tree of an expression to the machine's program.

use super::RegexError;
use super::parse::{Assert, Expression, Node, RAW, Set};

/// One instruction.
#[derive(Clone, Copy, Debug)]
pub(super) enum Op {
    Char(u32),
    Any,
    /// An index into `Program::sets`.
    Set(usize),
    /// Go on at both, the first preferred.
    Split(usize, usize),
    Jump(usize),
    /// Remember the position in this slot.
    Save(usize),
    Assert(Assert),
    Back(usize),
    /// A round of this loop begins.
    Round(usize),
    /// A round of this loop ends, which must have got on. Both count in backtracking only.
    EndRound(usize),
    Match,
}

#[derive(Clone, Debug)]
pub(super) struct Program {
    pub ops: Vec<Op>,
    pub sets: Vec<CharSet>,
    pub groups: usize,
    pub nocase: bool,
    /// It has back references, and this many loops.
    pub loops: Option<usize>,
    /// It can only match at the beginning of the text.
    pub anchored: bool,
}

impl Program {
    /// Where it goes on behind the loop whose last instruction but the jump back is at `end`.
    pub fn behind_loop(&self, end: usize) -> usize {
        match self.ops.get(end + 1) {
            Some(&Op::Jump(split)) => match self.ops[split] {
                Op::Split(_, exit) => exit,
                _ => end + 1,
            },
            _ => end + 1,
        }
    }
}

/// A set of characters with the answers for ASCII worked out.
#[derive(Clone, Debug)]
pub(super) struct CharSet {
    set: Set,
    ascii: u128,
}

impl CharSet {
    fn new(set: Set) -> CharSet {
        let mut set = CharSet { set, ascii: 0 };
        for code in 0..128 {
            set.ascii |= u128::from(set.decide(code)) << code;
        }
        set
    }

    pub fn contains(&self, code: u32) -> bool {
        if code < 128 { self.ascii >> code & 1 == 1 } else { code < RAW && self.decide(code) }
    }

    fn decide(&self, code: u32) -> bool {
        let set = &self.set;
        let found = set.ranges.iter().any(|&(from, to)| (from..=to).contains(&code))
            || set.classes.iter().any(|class| class.contains(code))
            || (set.word && code == u32::from('_'));
        found != set.negated
    }
}

/// More instructions than this are refused.
const MAX_OPS: usize = 60_000;

pub(super) fn compile(expression: &Expression, nocase: bool) -> Result<Program, RegexError> {
    let mut compiler = Compiler { ops: Vec::new(), sets: Vec::new(), loops: expression.back_references.then_some(0) };
    compiler.node(&expression.node)?;
    compiler.push(Op::Match)?;
    Ok(Program {
        ops: compiler.ops,
        sets: compiler.sets,
        groups: expression.groups,
        nocase,
        loops: compiler.loops,
        anchored: begins_anchored(&expression.node),
    })
}

fn begins_anchored(node: &Node) -> bool {
    match node {
        Node::Assert(Assert::Begin) => true,
        Node::Concat(parts) => parts.first().is_some_and(begins_anchored),
        Node::Alternatives(all) => all.iter().all(begins_anchored),
        Node::Group(_, inner) => begins_anchored(inner),
        _ => false,
    }
}

struct Compiler {
    ops: Vec<Op>,
    sets: Vec<CharSet>,
    /// How many loops there are, if they are marked.
    loops: Option<usize>,
}

impl Compiler {
    fn push(&mut self, op: Op) -> Result<usize, RegexError> {
        if self.ops.len() >= MAX_OPS {
            return Err(RegexError("Regular expression too big"));
        }
        self.ops.push(op);
        Ok(self.ops.len() - 1)
    }

    fn node(&mut self, node: &Node) -> Result<(), RegexError> {
        match node {
            Node::Empty => {}
            Node::Char(code) => {
                self.push(Op::Char(*code))?;
            }
            Node::Any => {
                self.push(Op::Any)?;
            }
            Node::Set(set) => {
                self.sets.push(CharSet::new(set.clone()));
                self.push(Op::Set(self.sets.len() - 1))?;
            }
            Node::Concat(parts) => {
                for part in parts {
                    self.node(part)?;
                }
            }
            Node::Alternatives(all) => self.alternatives(all)?,
            Node::Repeat { node, min, max } => self.repeat(node, *min, *max)?,
            Node::Group(number, inner) => {
                self.push(Op::Save(2 * number))?;
                self.node(inner)?;
                self.push(Op::Save(2 * number + 1))?;
            }
            Node::Assert(assert) => {
                self.push(Op::Assert(*assert))?;
            }
            Node::Back(number) => {
                self.push(Op::Back(*number))?;
            }
        }
        Ok(())
    }

    fn alternatives(&mut self, all: &[Node]) -> Result<(), RegexError> {
        let mut ends = Vec::new();
        for (index, node) in all.iter().enumerate() {
            if index + 1 == all.len() {
                self.node(node)?;
                break;
            }
            let split = self.push(Op::Split(0, 0))?;
            self.node(node)?;
            ends.push(self.push(Op::Jump(0))?);
            self.ops[split] = Op::Split(split + 1, self.ops.len());
        }
        let end = self.ops.len();
        for jump in ends {
            self.ops[jump] = Op::Jump(end);
        }
        Ok(())
    }

    fn repeat(&mut self, node: &Node, min: u32, max: Option<u32>) -> Result<(), RegexError> {
        for _ in 0..min {
            self.node(node)?;
        }
        match max {
            None => {
                let split = self.push(Op::Split(0, 0))?;
                let number = self.loops;
                self.loops = number.map(|number| number + 1);
                if let Some(number) = number {
                    self.push(Op::Round(number))?;
                }
                self.node(node)?;
                if let Some(number) = number {
                    self.push(Op::EndRound(number))?;
                }
                self.push(Op::Jump(split))?;
                self.ops[split] = Op::Split(split + 1, self.ops.len());
            }
            Some(max) => {
                let mut splits = Vec::new();
                for _ in min..max {
                    splits.push(self.push(Op::Split(0, 0))?);
                    self.node(node)?;
                }
                let end = self.ops.len();
                for split in splits {
                    self.ops[split] = Op::Split(split + 1, end);
                }
            }
        }
        Ok(())
    }
}
