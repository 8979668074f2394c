//! The form a tree travels in to a subshell: its structure, with words as pieces and expansions as their source.
//!
//! Sending the tree instead of text keeps line numbers and aliases as they were, and the receiver parses nothing but the
//! `${…}` and `$((…))` it has.

use super::ast::*;
use super::input::Lines;
use super::parser::{Parser, Settings};
use super::words::QuoteEnd;
use crate::names::Sym;
use crate::wire::{Reader, Writer};
use std::cell::{Cell, OnceCell};
use std::rc::Rc;

/// Writes a list.
pub fn list(w: &mut Writer, l: &List) {
    w.each(&l.items, |w, item| {
        w.byte(u8::from(item.background) | u8::from(item.newline) << 1);
        and_or(w, &item.chain);
    });
}

pub fn and_or(w: &mut Writer, chain: &AndOr) {
    pipeline(w, &chain.first);
    w.each(&chain.rest, |w, (op, p)| {
        w.flag(*op == Chain::And);
        pipeline(w, p);
    });
}

fn pipeline(w: &mut Writer, p: &Pipeline) {
    let timed = p.timed.map_or(0, |t| 1 + u8::from(t.posix));
    w.byte(u8::from(p.negate) | timed << 1);
    w.each(&p.stages, command);
}

/// Writes one command.
pub fn command(w: &mut Writer, c: &Command) {
    match c {
        Command::Simple(s) => {
            w.byte(0);
            w.number(s.line.into());
            w.each(&s.assigns, assign);
            w.each(&s.args, |w, a| match a {
                Arg::Word(x) => {
                    w.byte(0);
                    word(w, x);
                }
                Arg::Assign(a) => {
                    w.byte(1);
                    assign(w, a);
                }
            });
            w.each(&s.redirs, redir);
        }
        Command::Compound(c) => {
            w.byte(1);
            w.number(c.line.into());
            kind(w, &c.kind);
            w.each(&c.redirs, redir);
        }
        Command::Function(f) => {
            w.byte(2);
            function(w, f);
        }
        Command::Coproc(c) => {
            w.byte(3);
            w.number(c.line.into());
            w.bytes(&c.name);
            command(w, &c.body);
        }
    }
}

/// Writes a function definition.
pub fn function(w: &mut Writer, f: &FuncDef) {
    w.bytes(&f.name);
    w.number(f.line.into());
    command(w, &f.body);
}

fn kind(w: &mut Writer, k: &Kind) {
    match k {
        Kind::Brace(l) => {
            w.byte(0);
            list(w, l);
        }
        Kind::Subshell(l) => {
            w.byte(1);
            list(w, l);
        }
        Kind::If { cond, then, otherwise } => {
            w.byte(2);
            list(w, cond);
            list(w, then);
            w.option(otherwise.as_ref(), list);
        }
        Kind::For { name, words, body } | Kind::Select { name, words, body } => {
            w.byte(if matches!(k, Kind::For { .. }) { 3 } else { 4 });
            w.bytes(name);
            w.option(words.as_ref(), |w, v| w.each(v, word));
            list(w, body);
        }
        Kind::ArithFor { init, cond, step, body } => {
            w.byte(5);
            for t in [init, cond, step] {
                w.bytes(&t.source);
            }
            list(w, body);
        }
        Kind::Case { word: subject, items } => {
            w.byte(6);
            word(w, subject);
            w.each(items, |w, i| {
                w.each(&i.patterns, word);
                list(w, &i.body);
                w.byte(i.end as u8);
            });
        }
        Kind::While { cond, body, until } => {
            w.byte(7);
            w.flag(*until);
            list(w, cond);
            list(w, body);
        }
        Kind::Arith(t) => {
            w.byte(8);
            w.bytes(&t.source);
        }
        Kind::Cond(c) => {
            w.byte(9);
            cond(w, c);
        }
    }
}

fn cond(w: &mut Writer, c: &Cond) {
    match c {
        Cond::And(a, b) | Cond::Or(a, b) => {
            w.byte(if matches!(c, Cond::And(..)) { 0 } else { 1 });
            cond(w, a);
            cond(w, b);
        }
        Cond::Not(a) | Cond::Group(a) => {
            w.byte(if matches!(c, Cond::Not(_)) { 2 } else { 3 });
            cond(w, a);
        }
        Cond::Unary(letter, x) => {
            w.byte(4);
            w.byte(*letter);
            word(w, x);
        }
        Cond::Binary(a, op, b) => {
            w.byte(5);
            word(w, a);
            w.bytes(op);
            word(w, b);
        }
        Cond::Word(x) => {
            w.byte(6);
            word(w, x);
        }
    }
}

fn assign(w: &mut Writer, a: &Assign) {
    w.bytes(a.name.name());
    w.option(a.index.as_ref(), |w, s| w.bytes(&s.arith.source));
    w.flag(a.append);
    match &a.value {
        AssignValue::Scalar(x) => {
            w.byte(0);
            word(w, x);
        }
        AssignValue::Array(elements) => {
            w.byte(1);
            w.each(elements, |w, e| {
                w.option(e.index.as_ref(), |w, s| w.bytes(&s.arith.source));
                w.flag(e.append);
                word(w, &e.value);
            });
        }
    }
}

fn redir(w: &mut Writer, r: &Redir) {
    match &r.fd {
        RedirFd::Default => w.byte(0),
        RedirFd::Number(n) => {
            w.byte(1);
            w.signed((*n).into());
        }
        RedirFd::Variable(name) => {
            w.byte(2);
            w.bytes(name);
        }
    }
    w.byte(r.op as u8);
    match &r.target {
        Target::Word(x) => {
            w.byte(0);
            word(w, x);
        }
        Target::Here(doc) => {
            w.byte(1 | u8::from(doc.quoted) << 1 | u8::from(doc.strip_tabs) << 2);
            w.bytes(&doc.delimiter);
            w.bytes(&doc.plain);
            w.option(doc.body.get(), word);
        }
    }
}

fn word(w: &mut Writer, x: &Word) {
    w.flag(x.brace);
    w.each(&x.parts, part);
}

fn part(w: &mut Writer, p: &Part) {
    match p {
        Part::Lit(t) => {
            w.byte(0);
            w.bytes(t);
        }
        Part::Escaped(c) => {
            w.byte(1);
            w.byte(*c);
        }
        Part::Single(t) => {
            w.byte(2);
            w.bytes(t);
        }
        Part::Double(inner) => {
            w.byte(3);
            w.each(inner, part);
        }
        Part::Tilde(t) => {
            w.byte(4);
            w.bytes(t);
        }
        Part::Param(p) => param(w, p),
        Part::Command(c) => {
            w.byte(9);
            list(w, &c.list);
        }
        Part::Backquote(b) => {
            w.byte(10);
            w.bytes(&b.source);
            w.bytes(&b.command);
        }
        Part::Arith(a) => {
            w.byte(11);
            w.flag(a.bracket);
            w.bytes(&a.text.source);
        }
        Part::Process(p) => {
            w.byte(12);
            w.flag(p.read);
            list(w, &p.list);
        }
    }
}

fn param(w: &mut Writer, p: &Param) {
    match (&p.source, p.name) {
        (Some(source), _) => {
            w.byte(5);
            w.bytes(source);
            w.number(p.line.into());
            w.byte(u8::from(p.quoted));
        }
        (None, ParamName::Var(name)) => {
            w.byte(6);
            w.bytes(name.name());
        }
        (None, ParamName::Positional(n)) => {
            w.byte(7);
            w.number(n.into());
        }
        (None, ParamName::Special(c)) => {
            w.byte(8);
            w.byte(c);
        }
    }
}

type R<'a, 'b> = &'a mut Reader<'b>;

/// Reads a list.
pub fn read_list(r: R) -> Option<List> {
    let items = r.each(|r| {
        let flags = r.byte()?;
        Some(Item { background: flags & 1 != 0, newline: flags & 2 != 0, chain: read_and_or(r)? })
    })?;
    Some(List { items })
}

pub fn read_and_or(r: R) -> Option<AndOr> {
    let first = read_pipeline(r)?;
    let rest = r.each(|r| {
        let op = if r.flag()? { Chain::And } else { Chain::Or };
        Some((op, read_pipeline(r)?))
    })?;
    Some(AndOr { first, rest })
}

fn read_pipeline(r: R) -> Option<Pipeline> {
    let flags = r.byte()?;
    let timed = match flags >> 1 {
        0 => None,
        n => Some(Timed { posix: n == 2 }),
    };
    Some(Pipeline { negate: flags & 1 != 0, timed, stages: r.each(read_command)? })
}

/// Reads one command.
pub fn read_command(r: R) -> Option<Command> {
    Some(match r.byte()? {
        0 => {
            let line = r.u32()?;
            let assigns = r.each(read_assign)?;
            let args = r.each(|r| {
                Some(match r.byte()? {
                    0 => Arg::Word(read_word(r)?),
                    _ => Arg::Assign(Box::new(read_assign(r)?)),
                })
            })?;
            let redirs = r.each(read_redir)?;
            Command::Simple(Box::new(Simple { line, assigns, args, redirs, resolved: Cell::new(0) }))
        }
        1 => {
            let line = r.u32()?;
            let kind = read_kind(r)?;
            Command::Compound(Box::new(Compound { line, kind, redirs: r.each(read_redir)? }))
        }
        2 => Command::Function(Rc::new(read_function(r)?)),
        3 => {
            let line = r.u32()?;
            let name = r.bytes()?.into();
            Command::Coproc(Box::new(Coproc { line, name, body: read_command(r)? }))
        }
        _ => return None,
    })
}

/// Reads a function definition.
pub fn read_function(r: R) -> Option<FuncDef> {
    let name = r.bytes()?.into();
    let line = r.u32()?;
    Some(FuncDef { name, line, body: Rc::new(read_command(r)?) })
}

fn read_kind(r: R) -> Option<Kind> {
    Some(match r.byte()? {
        0 => Kind::Brace(read_list(r)?),
        1 => Kind::Subshell(Rc::new(read_list(r)?)),
        2 => Kind::If { cond: read_list(r)?, then: read_list(r)?, otherwise: r.option(read_list)? },
        n @ (3 | 4) => {
            let name = r.bytes()?.into();
            let words = r.option(|r| r.each(read_word))?;
            let body = read_list(r)?;
            if n == 3 { Kind::For { name, words, body } } else { Kind::Select { name, words, body } }
        }
        5 => Kind::ArithFor { init: read_arith(r)?, cond: read_arith(r)?, step: read_arith(r)?, body: read_list(r)? },
        6 => Kind::Case {
            word: read_word(r)?,
            items: r.each(|r| {
                let patterns = r.each(read_word)?;
                let body = read_list(r)?;
                let end = match r.byte()? {
                    0 => CaseEnd::Break,
                    1 => CaseEnd::FallThrough,
                    _ => CaseEnd::Continue,
                };
                Some(CaseItem { patterns, body, end })
            })?,
        },
        7 => Kind::While { until: r.flag()?, cond: read_list(r)?, body: read_list(r)? },
        8 => Kind::Arith(read_arith(r)?),
        9 => Kind::Cond(read_cond(r)?),
        _ => return None,
    })
}

fn read_cond(r: R) -> Option<Cond> {
    Some(match r.byte()? {
        0 => Cond::And(Box::new(read_cond(r)?), Box::new(read_cond(r)?)),
        1 => Cond::Or(Box::new(read_cond(r)?), Box::new(read_cond(r)?)),
        2 => Cond::Not(Box::new(read_cond(r)?)),
        3 => Cond::Group(Box::new(read_cond(r)?)),
        4 => Cond::Unary(r.byte()?, read_word(r)?),
        5 => {
            let a = read_word(r)?;
            let op = r.bytes()?.into();
            Cond::Binary(a, op, read_word(r)?)
        }
        6 => Cond::Word(read_word(r)?),
        _ => return None,
    })
}

/// A parser for a piece of source.
fn parser(source: &[u8], line: u32) -> Parser {
    let settings = Settings { extglob: true, ..Settings::default() };
    Parser::new(Box::new(Lines::new(source.to_vec())), line, settings)
}

fn read_arith(r: R) -> Option<ArithText> {
    let source = r.bytes()?;
    parser(source, 0).arith_until(QuoteEnd::EofArith, 0).ok()
}

fn read_subscript(r: R) -> Option<Rc<Subscript>> {
    let source = r.bytes()?;
    let arith = parser(source, 0).arith_until(QuoteEnd::EofArith, 0).ok()?;
    Some(Rc::new(Subscript { arith, key: OnceCell::new() }))
}

fn read_assign(r: R) -> Option<Assign> {
    let name = Sym::new(r.bytes()?);
    let index = r.option(read_subscript)?;
    let append = r.flag()?;
    let value = match r.byte()? {
        0 => AssignValue::Scalar(read_word(r)?),
        _ => AssignValue::Array(r.each(|r| {
            let index = r.option(read_subscript)?;
            let append = r.flag()?;
            Some(Element { index, append, value: read_word(r)? })
        })?),
    };
    Some(Assign { name, index, append, value })
}

fn read_redir(r: R) -> Option<Redir> {
    const OPS: [RedirOp; 11] = [
        RedirOp::Read,
        RedirOp::Write,
        RedirOp::Append,
        RedirOp::Clobber,
        RedirOp::ReadWrite,
        RedirOp::DupIn,
        RedirOp::DupOut,
        RedirOp::Both,
        RedirOp::AppendBoth,
        RedirOp::HereDoc,
        RedirOp::HereString,
    ];
    let fd = match r.byte()? {
        0 => RedirFd::Default,
        1 => RedirFd::Number(r.i32()?),
        _ => RedirFd::Variable(r.bytes()?.into()),
    };
    let op = *OPS.get(usize::from(r.byte()?))?;
    let target = match r.byte()? {
        0 => Target::Word(read_word(r)?),
        flags => {
            let delimiter = r.bytes()?.into();
            let plain = r.bytes()?.into();
            let body = OnceCell::new();
            if let Some(w) = r.option(read_word)? {
                let _ = body.set(w);
            }
            Target::Here(Rc::new(HereDoc {
                delimiter,
                plain,
                quoted: flags & 2 != 0,
                strip_tabs: flags & 4 != 0,
                body,
            }))
        }
    };
    Some(Redir { fd, op, target })
}

fn read_word(r: R) -> Option<Word> {
    let brace = r.flag()?;
    Some(Word { brace, parts: r.each(read_part)?.into() })
}

fn read_part(r: R) -> Option<Part> {
    let plain = |name| Part::Param(Box::new(Param::plain(name)));
    Some(match r.byte()? {
        0 => Part::Lit(r.bytes()?.into()),
        1 => Part::Escaped(r.byte()?),
        2 => Part::Single(r.bytes()?.into()),
        3 => Part::Double(r.each(read_part)?.into()),
        4 => Part::Tilde(r.bytes()?.into()),
        5 => {
            let source = [b"${", r.bytes()?, b"}"].concat();
            let line = r.u32()?;
            let flags = r.byte()?;
            let mut parser = parser(&source, line);
            parser.braced_parameter(flags & 1 != 0).ok()?
        }
        6 => plain(ParamName::Var(Sym::new(r.bytes()?))),
        7 => plain(ParamName::Positional(r.u32()?)),
        8 => plain(ParamName::Special(r.byte()?)),
        9 => Part::Command(Rc::new(CmdSub { list: Rc::new(read_list(r)?) })),
        10 => {
            let source = r.bytes()?.into();
            let command = r.bytes()?.into();
            Part::Backquote(Rc::new(Backquote { source, command, list: OnceCell::new() }))
        }
        11 => {
            let bracket = r.flag()?;
            Part::Arith(Rc::new(ArithSub { bracket, text: read_arith(r)? }))
        }
        12 => {
            let read = r.flag()?;
            Part::Process(Rc::new(ProcSub { read, list: Rc::new(read_list(r)?) }))
        }
        _ => return None,
    })
}
