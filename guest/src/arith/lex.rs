//! The tokens of an arithmetic expression.

use super::program::{Binary, Fault, Span};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Token {
    End,
    Number(i64),
    Name(Span),
    /// Name, subscript.
    Element(Span, Span),
    Binary(Binary),
    AndAnd,
    OrOr,
    Assign,
    OpAssign(Binary),
    /// `++` or `--` (the number is 1 or -1) before and after a name.
    PreStep(i64),
    PostStep(i64),
    Not,
    Complement,
    Question,
    Colon,
    Comma,
    Open,
    Close,
    /// A character that begins no token; `]`, `@` and the like.
    Other,
}

/// What the token before was, as far as reading the next one depends on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Before {
    /// The beginning or an operator.
    Operator,
    Number,
    /// A name that has been stepped: `++x`.
    PreStepped,
    Name,
}

#[derive(Clone, Debug)]
pub(super) struct Lexer<'a> {
    source: &'a [u8],
    pos: usize,
    /// Where the last token (not the end) began.
    pub token: usize,
    pub before: Before,
}

pub(super) fn is_name_start(c: u8) -> bool {
    c.is_ascii_alphabetic() || c == b'_'
}

fn is_name_char(c: u8) -> bool {
    c.is_ascii_alphanumeric() || c == b'_'
}

fn is_blank(c: u8) -> bool {
    matches!(c, b' ' | b'\t' | b'\n')
}

impl<'a> Lexer<'a> {
    pub fn new(source: &'a [u8]) -> Lexer<'a> {
        Lexer { source, pos: 0, token: 0, before: Before::Operator }
    }

    /// The position after the last token.
    pub fn pos(&self) -> usize {
        self.pos
    }

    /// The position of the next thing that is no blank (but a newline), from `at`.
    pub fn skip_blanks(&self, at: usize) -> usize {
        at + self.source[at..].iter().take_while(|&&c| matches!(c, b' ' | b'\t')).count()
    }

    /// An error at the current token.
    pub fn fault(&self, message: &'static str) -> Fault {
        Fault { message, token: self.token as u32, shown: self.source.len() as u32 }
    }

    fn byte(&self, at: usize) -> u8 {
        self.source.get(at).copied().unwrap_or(0)
    }

    /// Reads the next token.
    pub fn next(&mut self) -> Result<Token, Fault> {
        while is_blank(self.byte(self.pos)) {
            self.pos += 1;
        }
        let c = self.byte(self.pos);
        if c == 0 {
            return Ok(Token::End);
        }
        self.token = self.pos;
        let token = match c {
            c if is_name_start(c) => self.name()?,
            b'0'..=b'9' => self.number()?,
            _ => self.operator(c)?,
        };
        self.before = match token {
            Token::Number(_) | Token::PostStep(_) => Before::Number,
            Token::Name(_) | Token::Element(..) => Before::Name,
            Token::Other => self.before,
            _ => Before::Operator,
        };
        Ok(token)
    }

    fn name(&mut self) -> Result<Token, Fault> {
        let start = self.pos;
        while is_name_char(self.byte(self.pos)) {
            self.pos += 1;
        }
        let name = Span::new(start..self.pos);
        if self.byte(self.pos) != b'[' {
            return Ok(Token::Name(name));
        }
        let open = self.pos + 1;
        let Some(close) = skip_subscript(self.source, open) else {
            return Err(self.fault("bad array subscript"));
        };
        self.pos = close + 1;
        Ok(Token::Element(name, Span::new(open..close)))
    }

    fn number(&mut self) -> Result<Token, Fault> {
        let start = self.pos;
        while matches!(self.byte(self.pos), c if is_name_char(c) || c == b'#' || c == b'@') {
            self.pos += 1;
        }
        let shown = self.pos as u32;
        parse_number(&self.source[start..self.pos]).map(Token::Number).map_err(|message| Fault {
            message,
            token: start as u32,
            shown,
        })
    }

    fn operator(&mut self, c: u8) -> Result<Token, Fault> {
        let d = self.byte(self.pos + 1);
        let (token, length) = match (c, d) {
            (b'=', b'=') => (Token::Binary(Binary::Eq), 2),
            (b'!', b'=') => (Token::Binary(Binary::Ne), 2),
            (b'>', b'=') => (Token::Binary(Binary::Ge), 2),
            (b'<', b'=') => (Token::Binary(Binary::Le), 2),
            (b'>', b'>') => self.shift(Binary::Shr),
            (b'<', b'<') => self.shift(Binary::Shl),
            (b'&', b'&') => (Token::AndAnd, 2),
            (b'|', b'|') => (Token::OrOr, 2),
            (b'*', b'*') => (Token::Binary(Binary::Pow), 2),
            (b'+' | b'-', d) if d == c => return self.step(c),
            (c, d) => match (single(c), d) {
                (Token::Other, _) => {
                    self.pos += 1;
                    return Err(self.fault(match self.before {
                        Before::Operator => "syntax error: operand expected",
                        _ => "syntax error: invalid arithmetic operator",
                    }));
                }
                (Token::Binary(op), b'=') if !matches!(op, Binary::Lt | Binary::Gt) => (Token::OpAssign(op), 2),
                (token, _) => (token, 1),
            },
        };
        self.pos += length;
        Ok(token)
    }

    fn shift(&self, op: Binary) -> (Token, usize) {
        if self.byte(self.pos + 2) == b'=' { (Token::OpAssign(op), 3) } else { (Token::Binary(op), 2) }
    }

    /// `++` or `--`: a step of a name, or else the first of two signs.
    fn step(&mut self, c: u8) -> Result<Token, Fault> {
        let step = if c == b'+' { 1 } else { -1 };
        match self.before {
            Before::Name => {
                self.pos += 2;
                return Ok(Token::PostStep(step));
            }
            Before::PreStepped => {
                return Err(self.fault(if step == 1 {
                    "++: assignment requires lvalue"
                } else {
                    "--: assignment requires lvalue"
                }));
            }
            _ => {}
        }
        let mut at = self.pos + 2;
        while is_blank(self.byte(at)) {
            at += 1;
        }
        if is_name_start(self.byte(at)) {
            self.pos += 2;
            return Ok(Token::PreStep(step));
        }
        self.pos += 1;
        Ok(single(c))
    }
}

fn single(c: u8) -> Token {
    match c {
        b'+' => Token::Binary(Binary::Add),
        b'-' => Token::Binary(Binary::Sub),
        b'*' => Token::Binary(Binary::Mul),
        b'/' => Token::Binary(Binary::Div),
        b'%' => Token::Binary(Binary::Rem),
        b'<' => Token::Binary(Binary::Lt),
        b'>' => Token::Binary(Binary::Gt),
        b'&' => Token::Binary(Binary::And),
        b'^' => Token::Binary(Binary::Xor),
        b'|' => Token::Binary(Binary::Or),
        b'=' => Token::Assign,
        b'!' => Token::Not,
        b'~' => Token::Complement,
        b'?' => Token::Question,
        b':' => Token::Colon,
        b',' => Token::Comma,
        b'(' => Token::Open,
        b')' => Token::Close,
        _ => Token::Other,
    }
}

/// The position of the `]` that ends a subscript which begins at `at`, past quotes and nested brackets.
fn skip_subscript(source: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0usize;
    let mut quote = None;
    while let Some(&c) = source.get(at) {
        match (quote, c) {
            (None | Some(b'"'), b'\\') => at += 1,
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, b'\'' | b'"' | b'`') => quote = Some(c),
            (None, b'[') => depth += 1,
            (None, b']') if depth == 0 => return Some(at),
            (None, b']') => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    None
}

/// The value of a number token: decimal, octal, hexadecimal or `base#digits`. It wraps around.
fn parse_number(text: &[u8]) -> Result<i64, &'static str> {
    let (mut base, mut based, mut digits) = match text {
        [b'0'] => return Ok(0),
        [b'0', b'x' | b'X', rest @ ..] => (16, true, rest),
        [b'0', rest @ ..] => (8, true, rest),
        _ => (10, false, text),
    };
    let mut value = 0i64;
    while let [c, rest @ ..] = digits {
        digits = rest;
        if *c == b'#' {
            if based {
                return Err("invalid number");
            }
            if !(2..=64).contains(&value) {
                return Err("invalid arithmetic base");
            }
            (base, based, value) = (value, true, 0);
            if rest.first().is_none_or(|&c| digit(c, base).is_none()) {
                return Err("invalid integer constant");
            }
            continue;
        }
        match digit(*c, base) {
            Some(digit) if digit < base => value = value.wrapping_mul(base).wrapping_add(digit),
            _ => return Err("value too great for base"),
        }
    }
    Ok(value)
}

fn digit(c: u8, base: i64) -> Option<i64> {
    Some(i64::from(match c {
        b'0'..=b'9' => c - b'0',
        b'a'..=b'z' => c - b'a' + 10,
        b'A'..=b'Z' if base <= 36 => c - b'A' + 10,
        b'A'..=b'Z' => c - b'A' + 36,
        b'@' => 62,
        b'_' => 63,
        _ => return None,
    }))
}
