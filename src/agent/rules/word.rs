//! Words of a parsed script as far as they are known before it runs.

use coquina_shell::syntax::ast::{Op, Param, ParamName, Part, Word as Tree};
use coquina_shell::syntax::{Lines, Parser, Settings, print};
use coquina_shell::text::brace;

use super::glob::Piece;
use super::variables::Variables;

/// Longest word that is looked at to its end, in bytes: no path is longer. Of a longer one the rest counts as not known.
const WORD_BYTES: usize = 4096;

/// Most texts that a word with variables may be, and their longest, in bytes.
const TEXTS: usize = 64;
const TEXT_BYTES: usize = 512;

/// Most words that braces may make of one.
const BRACE_WORDS: usize = 1000;

/// A word of a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Word {
    pub pieces: Vec<Piece>,
    /// It may become several words, or none.
    pub is_many: bool,
    /// All that it may be, where that is known of its variables; else empty.
    texts: Vec<Vec<Piece>>,
}

impl Word {
    /// A word of this text.
    pub fn text(text: &[u8]) -> Word {
        let mut word = Word::default();
        word.bytes(text);
        word
    }

    /// A word of which nothing is known.
    pub fn unknown(is_many: bool) -> Word {
        Word { pieces: vec![Piece::Any], is_many, texts: Vec::new() }
    }

    /// A word of these pieces.
    pub fn of(pieces: Vec<Piece>) -> Word {
        Word { pieces, ..Word::default() }
    }

    /// What it may be: one, unless it has variables of which the values are known.
    pub fn alternatives(&self) -> impl Iterator<Item = &Vec<Piece>> {
        let alone = self.texts.is_empty().then_some(&self.pieces);
        alone.into_iter().chain(&self.texts)
    }

    /// Its text, if all of it is known.
    pub fn known(&self) -> Option<Vec<u8>> {
        let byte = |piece: &Piece| if let Piece::Byte(b) = piece { Some(*b) } else { None };
        if self.is_many { None } else { self.pieces.iter().map(byte).collect() }
    }

    /// Whether it begins with this text for sure.
    pub fn starts_with(&self, text: &[u8]) -> bool {
        self.pieces.len() >= text.len() && text.iter().zip(&self.pieces).all(|(b, piece)| *piece == Piece::Byte(*b))
    }

    fn push(&mut self, piece: Piece) {
        match self.pieces.len() {
            WORD_BYTES.. => {
                self.pieces.truncate(WORD_BYTES);
                self.pieces.push(Piece::Any);
            }
            _ => self.pieces.push(piece),
        }
    }

    fn bytes(&mut self, text: &[u8]) {
        text.iter().for_each(|b| self.push(Piece::Byte(*b)));
    }
}

/// Makes a word of its parts.
struct Builder<'a> {
    variables: &'a Variables,
    word: Word,
    /// All that it may be so far; `None`: there are too many, or something is not known.
    texts: Option<Vec<Vec<Piece>>>,
}

impl Builder<'_> {
    fn push(&mut self, piece: Piece) {
        self.word.push(piece);
        match &mut self.texts {
            Some(texts) if piece != Piece::Any && texts.iter().all(|text| text.len() < TEXT_BYTES) => {
                texts.iter_mut().for_each(|text| text.push(piece));
            }
            texts => *texts = None,
        }
    }

    fn bytes(&mut self, text: &[u8]) {
        text.iter().for_each(|b| self.push(Piece::Byte(*b)));
    }

    /// Unquoted text, in which patterns stand for names of files.
    fn unquoted(&mut self, text: &[u8]) {
        let mut rest = text;
        while let [first, after @ ..] = rest {
            rest = after;
            match first {
                b'*' | b'?' => self.name(),
                b'[' if after.contains(&b']') => {
                    let end = after.iter().skip(1).position(|b| *b == b']').map_or(0, |at| at + 2);
                    match end {
                        0 => self.push(Piece::Byte(b'[')),
                        end => {
                            self.name();
                            rest = &after[end..];
                        }
                    }
                }
                // Of an extended pattern.
                b'(' | b')' => self.any(true),
                b => self.push(Piece::Byte(*b)),
            }
        }
    }

    fn name(&mut self) {
        self.word.is_many = true;
        self.push(Piece::Name);
    }

    fn any(&mut self, is_many: bool) {
        self.word.is_many |= is_many;
        self.push(Piece::Any);
    }

    /// A variable's value.
    fn variable(&mut self, param: &Param, is_quoted: bool) {
        let values = match (&param.name, &param.op, &param.index) {
            (ParamName::Var(name), Op::None, None) if !param.indirect => self.variables.values(name.name()),
            _ => None,
        };
        // Without quotes it is cut at blanks, and patterns in it stand for names.
        let is_one = |value: &Vec<Piece>| !value.iter().any(|p| matches!(p, Piece::Byte(b) if b" \t\n*?[".contains(b)));
        let texts = self.texts.take();
        self.any(!is_quoted || is_list(param));
        if let (Some(texts), Some(values)) = (texts, values.filter(|values| is_quoted || values.iter().all(is_one)))
            && texts.len() * values.len() <= TEXTS
        {
            let joined = |text: &Vec<Piece>| values.iter().map(|value| [&text[..], value].concat()).collect::<Vec<_>>();
            self.texts = Some(texts.iter().flat_map(joined).collect());
        }
    }

    fn parts(&mut self, parts: &[Part], is_quoted: bool) {
        for part in parts {
            match part {
                Part::Lit(text) if is_quoted => self.bytes(text),
                Part::Lit(text) => self.unquoted(text),
                Part::Escaped(b) => self.push(Piece::Byte(*b)),
                Part::Single(text) => self.bytes(text),
                Part::Double(parts) => self.parts(parts, true),
                Part::Tilde(_) => self.any(false),
                Part::Param(param) if is_number(param) => self.push(Piece::Name),
                Part::Param(param) => self.variable(param, is_quoted),
                Part::Command(_) | Part::Backquote(_) => self.any(!is_quoted),
                Part::Arith(_) => self.push(Piece::Name),
                // Whatever its number is, it is a pipe.
                Part::Process(_) => self.bytes(b"/dev/fd/63"),
            }
        }
    }
}

/// Whether what it stands for has only digits.
fn is_number(param: &Param) -> bool {
    matches!((&param.name, &param.op), (_, Op::Length) | (ParamName::Special(b'#' | b'?' | b'$' | b'!'), Op::None))
        && !param.indirect
}

/// Whether it can be several words even in quotes.
fn is_list(param: &Param) -> bool {
    param.index.is_some()
        || param.indirect
        || matches!(param.name, ParamName::Special(b'@'))
        || matches!(param.op, Op::Keys { .. } | Op::Names { .. })
}

/// What a word of the tree becomes: several where it has braces.
pub fn words(tree: &Tree, variables: &Variables) -> Vec<Word> {
    if !tree.brace {
        return vec![word(tree, variables)];
    }
    let Ok(expanded) = brace::expand(&print::word(tree), BRACE_WORDS) else {
        return vec![Word::unknown(true)];
    };
    let Some(expanded) = expanded else { return vec![word(tree, variables)] };
    let parser = |text| Parser::new(Box::new(Lines::new(text)), 1, Settings::default());
    let parsed = expanded.into_iter().map(|text| parser(text).whole_word());
    parsed.map(|tree| tree.map_or_else(|_| Word::unknown(true), |tree| word(&tree, variables))).collect()
}

/// The same where braces mean nothing.
pub fn word(tree: &Tree, variables: &Variables) -> Word {
    let mut builder = Builder { variables, word: Word::default(), texts: Some(vec![Vec::new()]) };
    builder.parts(&tree.parts, false);
    let Builder { mut word, texts, .. } = builder;
    if word.pieces.contains(&Piece::Any) {
        word.texts = texts.unwrap_or_default();
    }
    word
}
