//! From the source of an expression to its tree.

use super::RegexError;
use crate::pattern::Class;
use crate::text::utf8;

/// A part of an expression.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Empty,
    /// A character; codes above [`RAW`] are bytes that are none.
    Char(u32),
    Any,
    Set(Set),
    Concat(Vec<Node>),
    Alternatives(Vec<Node>),
    Repeat {
        node: Box<Node>,
        min: u32,
        max: Option<u32>,
    },
    /// A group and its number, from 1.
    Group(usize, Box<Node>),
    Assert(Assert),
    /// What a group has matched.
    Back(usize),
}

/// A condition on a position.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Assert {
    Begin,
    End,
    WordBegin,
    WordEnd,
    WordEdge,
    NoWordEdge,
}

/// A set of characters.
#[derive(Clone, Default, Debug)]
pub(super) struct Set {
    pub negated: bool,
    pub ranges: Vec<(u32, u32)>,
    pub classes: Vec<Class>,
    /// `\w`, in which `_` is one too.
    pub word: bool,
}

/// Codes of bytes that are no characters begin here.
pub(super) const RAW: u32 = 0x11_0000;

/// Groups and repetitions nested deeper than this are refused.
const MAX_DEPTH: usize = 120;
/// The highest count in braces.
const MAX_COUNT: u32 = 32767;

/// A parsed expression.
pub(super) struct Expression {
    pub node: Node,
    pub groups: usize,
    pub back_references: bool,
}

struct Parser<'a> {
    source: &'a [u8],
    at: usize,
    groups: usize,
    /// Groups that have been closed and may be referred to.
    closed: Vec<usize>,
    back_references: bool,
    depth: usize,
    /// Everything is read in lower case.
    nocase: bool,
}

type Parsed<T> = Result<T, RegexError>;

const BAD_REPEAT: RegexError = RegexError("Invalid preceding regular expression");
const BAD_COUNT: RegexError = RegexError("Invalid content of \\{\\}");
const TOO_DEEP: RegexError = RegexError("Regular expression too big");

pub(super) fn parse(source: &[u8], nocase: bool) -> Parsed<Expression> {
    let mut parser = Parser::new(source, nocase);
    let node = parser.alternatives()?;
    Ok(Expression { node, groups: parser.groups, back_references: parser.back_references })
}

/// Does the source end inside a bracket expression?
pub(super) fn in_bracket(source: &[u8]) -> bool {
    let mut at = 0;
    while at < source.len() {
        match source[at] {
            b'\\' => at += 2,
            b'[' => match bracket_end(source, at) {
                Some(end) => at = end,
                None => return true,
            },
            _ => at += 1,
        }
    }
    false
}

/// The position behind the bracket expression at `at`.
fn bracket_end(source: &[u8], at: usize) -> Option<usize> {
    let mut parser = Parser::new(source, false);
    parser.at = at;
    match parser.bracket() {
        Ok(_) => Some(parser.at),
        Err(_) => None,
    }
}

impl<'a> Parser<'a> {
    fn new(source: &'a [u8], nocase: bool) -> Parser<'a> {
        Parser { source, at: 0, groups: 0, closed: Vec::new(), back_references: false, depth: 0, nocase }
    }

    fn peek(&self) -> Option<u8> {
        self.source.get(self.at).copied()
    }

    fn eat(&mut self, c: u8) -> bool {
        let found = self.peek() == Some(c);
        self.at += usize::from(found);
        found
    }

    /// The character here, and steps over it.
    fn char(&mut self) -> u32 {
        let (c, length) = utf8::decode(&self.source[self.at..]);
        let code = match c {
            Some(c) if self.nocase => u32::from(utf8::lower(c)),
            Some(c) => u32::from(c),
            None => RAW + u32::from(self.source[self.at]),
        };
        self.at += length;
        code
    }

    fn alternatives(&mut self) -> Parsed<Node> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(TOO_DEEP);
        }
        // A branch can refer to groups in itself and before the alternatives only.
        let before = self.closed.len();
        let mut elsewhere = Vec::new();
        let mut all = vec![self.branch()?];
        while self.eat(b'|') {
            elsewhere.extend(self.closed.drain(before..));
            all.push(self.branch()?);
        }
        self.closed.extend(elsewhere);
        self.depth -= 1;
        Ok(if all.len() == 1 { all.remove(0) } else { Node::Alternatives(all) })
    }

    fn branch(&mut self) -> Parsed<Node> {
        let mut parts = Vec::new();
        while let Some(c) = self.peek() {
            if c == b'|' || (c == b')' && self.depth > 1) {
                break;
            }
            if matches!(c, b'*' | b'+' | b'?' | b'{') {
                return Err(BAD_REPEAT);
            }
            let atom = self.atom()?;
            if matches!(atom, Node::Assert(_)) && matches!(self.peek(), Some(b'*' | b'+' | b'?' | b'{')) {
                return Err(BAD_REPEAT);
            }
            parts.push(self.repeated(atom)?);
        }
        Ok(match parts.len() {
            0 => Node::Empty,
            1 => parts.remove(0),
            _ => Node::Concat(parts),
        })
    }

    /// Applies the repetitions that follow.
    fn repeated(&mut self, mut node: Node) -> Parsed<Node> {
        let mut nested = 0;
        while let Some(c) = self.peek() {
            let (min, max) = match c {
                b'*' => (0, None),
                b'+' => (1, None),
                b'?' => (0, Some(1)),
                b'{' => self.count()?,
                _ => break,
            };
            if c != b'{' {
                self.at += 1;
            }
            // `a**` is `a*`.
            if let (Node::Repeat { min: 0, max: None, .. }, b'*') = (&node, c) {
                continue;
            }
            nested += 1;
            if self.depth + nested > MAX_DEPTH {
                return Err(TOO_DEEP);
            }
            node = Node::Repeat { node: Box::new(node), min, max };
        }
        Ok(node)
    }

    /// `{n}`, `{n,}`, `{,m}`, `{n,m}`; the brace is here.
    fn count(&mut self) -> Parsed<(u32, Option<u32>)> {
        self.at += 1;
        let min = self.number()?;
        let max = if self.eat(b',') { self.number()? } else { Some(min.ok_or(BAD_COUNT)?) };
        if !self.eat(b'}') {
            return Err(BAD_COUNT);
        }
        let min = min.unwrap_or(0);
        if max.is_some_and(|max| max < min) {
            return Err(BAD_COUNT);
        }
        if min > MAX_COUNT || max.is_some_and(|max| max > MAX_COUNT) {
            return Err(TOO_DEEP);
        }
        Ok((min, max))
    }

    fn number(&mut self) -> Parsed<Option<u32>> {
        let mut value = None;
        while let Some(c @ b'0'..=b'9') = self.peek() {
            value = Some((value.unwrap_or(0u32) * 10 + u32::from(c - b'0')).min(MAX_COUNT + 1));
            self.at += 1;
        }
        Ok(value)
    }

    fn atom(&mut self) -> Parsed<Node> {
        match self.source[self.at] {
            b'(' => self.group(),
            b'[' => self.bracket(),
            b'\\' => self.escape(),
            b'.' => {
                self.at += 1;
                Ok(Node::Any)
            }
            b'^' => {
                self.at += 1;
                Ok(Node::Assert(Assert::Begin))
            }
            b'$' => {
                self.at += 1;
                Ok(Node::Assert(Assert::End))
            }
            _ => Ok(Node::Char(self.char())),
        }
    }

    fn group(&mut self) -> Parsed<Node> {
        self.at += 1;
        self.groups += 1;
        let number = self.groups;
        let inner = self.alternatives()?;
        if !self.eat(b')') {
            return Err(RegexError("Unmatched ( or \\("));
        }
        self.closed.push(number);
        Ok(Node::Group(number, Box::new(inner)))
    }

    fn escape(&mut self) -> Parsed<Node> {
        self.at += 1;
        let Some(c) = self.peek() else {
            return Err(RegexError("Trailing backslash"));
        };
        let class = |class, word, negated| Node::Set(Set { negated, ranges: Vec::new(), classes: vec![class], word });
        let node = match c {
            b'w' => class(Class::Alnum, true, false),
            b'W' => class(Class::Alnum, true, true),
            b's' => class(Class::Space, false, false),
            b'S' => class(Class::Space, false, true),
            b'b' => Node::Assert(Assert::WordEdge),
            b'B' => Node::Assert(Assert::NoWordEdge),
            b'<' => Node::Assert(Assert::WordBegin),
            b'>' => Node::Assert(Assert::WordEnd),
            b'`' => Node::Assert(Assert::Begin),
            b'\'' => Node::Assert(Assert::End),
            b'1'..=b'9' => {
                let number = usize::from(c - b'0');
                if !self.closed.contains(&number) {
                    return Err(RegexError("Invalid back reference"));
                }
                self.back_references = true;
                Node::Back(number)
            }
            _ => return Ok(Node::Char(self.char())),
        };
        self.at += 1;
        Ok(node)
    }

    /// `[…]`; the bracket is here.
    fn bracket(&mut self) -> Parsed<Node> {
        const UNMATCHED: RegexError = RegexError("Unmatched [, [^, [:, [., or [=");
        self.at += 1;
        let mut set = Set { negated: self.eat(b'^'), ..Set::default() };
        let first = self.at;
        loop {
            match self.peek() {
                None => return Err(UNMATCHED),
                Some(b']') if self.at > first => break,
                _ => {}
            }
            let from = match self.member(&mut set)? {
                Some(from) => from,
                None => {
                    // A class is no end of a range.
                    if self.peek() == Some(b'-') && !matches!(self.source.get(self.at + 1), Some(b']') | None) {
                        return Err(RegexError("Invalid range end"));
                    }
                    continue;
                }
            };
            let range = self.peek() == Some(b'-') && self.source.get(self.at + 1).is_some_and(|&c| c != b']');
            if !range {
                set.ranges.push((from, from));
                continue;
            }
            self.at += 1;
            let to = if self.peek() == Some(b'[') && matches!(self.source.get(self.at + 1), Some(b':' | b'=')) {
                None
            } else {
                self.member(&mut set)?
            };
            match to {
                Some(to) if to >= from => set.ranges.push((from, to)),
                _ => return Err(RegexError("Invalid range end")),
            }
        }
        self.at += 1;
        Ok(Node::Set(set))
    }

    /// One member of a bracket expression: a character, or a class (`None`), which is added.
    fn member(&mut self, set: &mut Set) -> Parsed<Option<u32>> {
        let mark = match (self.source[self.at], self.source.get(self.at + 1)) {
            (b'[', Some(&mark @ (b':' | b'.' | b'='))) => mark,
            _ => return Ok(Some(self.char())),
        };
        let start = self.at + 2;
        let rest = self.source.get(start..).unwrap_or_default();
        let Some(length) = rest.windows(2).position(|pair| pair == [mark, b']']) else {
            return Err(RegexError("Unmatched [, [^, [:, [., or [="));
        };
        let name = &rest[..length];
        self.at = start;
        if mark == b':' {
            self.at = start + length + 2;
            set.classes.push(match Class::parse(name) {
                Some(Class::Upper | Class::Lower) if self.nocase => Class::Alpha,
                None | Some(Class::Ascii | Class::Word) => {
                    return Err(RegexError("Invalid character class name"));
                }
                Some(class) => class,
            });
            return Ok(None);
        }
        let code = if length == 0 { RAW } else { self.char() };
        if self.at != start + length || length == 0 {
            return Err(RegexError("Invalid collation character"));
        }
        self.at += 2;
        if mark == b'=' {
            set.ranges.push((code, code));
            return Ok(None);
        }
        Ok(Some(code))
    }
}
