//! The commands in a shell call's arguments, read while the model still writes them. Whether the arguments are right is seen when they are whole.

use super::shell::COMMANDS;

/// Characters of a key that are kept: those that are looked for are shorter.
const KEY: usize = 16;

/// What has come of a command.
#[derive(Debug, PartialEq)]
pub(super) enum Piece {
    /// It begins: the one before it is whole.
    Begun,
    /// More of the one that began last.
    Text(String),
}

/// Reads arguments piece by piece. What is not as expected ends the reading: nothing more is told.
#[derive(Default)]
pub(super) struct Partial {
    /// Brackets that are open.
    depth: usize,
    /// Whether a string would be a key of the outermost object.
    before_key: bool,
    /// The latest of these keys.
    key: String,
    /// The string that is open.
    string: Option<Of>,
    escape: Escape,
    /// The first half of a character that takes two escapes.
    half: Option<u16>,
    /// Whether the list of commands is open.
    in_list: bool,
    begun: usize,
    is_over: bool,
}

/// What a string is.
#[derive(Clone, Copy, PartialEq)]
enum Of {
    Key,
    Command,
    Else,
}

#[derive(Default)]
enum Escape {
    #[default]
    None,
    Begun,
    /// Digits that are missing, and the value of those before.
    Code(u32, u16),
}

impl Partial {
    /// What the next piece of the arguments tells of commands.
    pub fn push(&mut self, text: &str) -> Vec<Piece> {
        let mut told = Vec::new();
        for c in text.chars() {
            if self.is_over {
                break;
            }
            match self.string {
                Some(of) => self.inside(of, c, &mut told),
                None => self.between(c, &mut told),
            }
        }
        told
    }

    /// A character that is in no string.
    fn between(&mut self, c: char, told: &mut Vec<Piece>) {
        let is_value =
            self.depth == 1 && !self.before_key && matches!(self.key.as_str(), "commands" | "command" | "cmd");
        match c {
            '"' => self.open(is_value, told),
            '{' | '[' => {
                self.is_over = self.in_list || (self.depth == 0 && c == '[') || (is_value && c == '{');
                self.in_list = is_value;
                self.before_key = self.depth == 0;
                self.depth += 1;
            }
            '}' | ']' => {
                self.depth = self.depth.saturating_sub(1);
                self.is_over = self.in_list || self.depth == 0;
            }
            ',' => self.before_key = self.depth == 1,
            ':' => self.before_key = false,
            c => self.is_over = (self.in_list || is_value) && !c.is_ascii_whitespace(),
        }
    }

    fn open(&mut self, is_value: bool, told: &mut Vec<Piece>) {
        let of = match () {
            () if self.depth == 1 && self.before_key => Of::Key,
            () if is_value || self.in_list => Of::Command,
            () => Of::Else,
        };
        match of {
            Of::Key => self.key.clear(),
            Of::Command if self.begun == COMMANDS => self.is_over = true,
            Of::Command => {
                self.begun += 1;
                told.push(Piece::Begun);
            }
            Of::Else => {}
        }
        self.string = Some(of);
    }

    /// A character that is in a string.
    fn inside(&mut self, of: Of, c: char, told: &mut Vec<Piece>) {
        let c = match self.escape {
            Escape::None if c == '\\' => return self.escape = Escape::Begun,
            Escape::None if c == '"' => return self.close(of),
            Escape::None => Some(c),
            Escape::Begun => {
                self.escape = Escape::None;
                match c {
                    'u' => return self.escape = Escape::Code(4, 0),
                    'n' => Some('\n'),
                    't' => Some('\t'),
                    'r' => Some('\r'),
                    'b' => Some('\u{8}'),
                    'f' => Some('\u{c}'),
                    '"' | '\\' | '/' => Some(c),
                    _ => None,
                }
            }
            Escape::Code(missing, value) => {
                let Some(digit) = c.to_digit(16) else { return self.is_over = true };
                let value = value << 4 | digit as u16;
                if missing > 1 {
                    return self.escape = Escape::Code(missing - 1, value);
                }
                self.escape = Escape::None;
                if (0xd800..0xdc00).contains(&value) && self.half.is_none() {
                    return self.half = Some(value);
                }
                let units = self.half.take().into_iter().chain([value]);
                char::decode_utf16(units).next().and_then(Result::ok)
            }
        };
        // Half a character that nothing follows is no text.
        match c.filter(|_| self.half.is_none()) {
            Some(c) => self.take(of, c, told),
            None => self.is_over = true,
        }
    }

    fn take(&mut self, of: Of, c: char, told: &mut Vec<Piece>) {
        match (of, told.last_mut()) {
            (Of::Key, _) if self.key.len() < KEY => self.key.push(c),
            (Of::Command, Some(Piece::Text(text))) => text.push(c),
            (Of::Command, _) => told.push(Piece::Text(c.into())),
            _ => {}
        }
    }

    fn close(&mut self, of: Of) {
        self.string = None;
        self.is_over = self.half.is_some() || of == Of::Command && !self.in_list;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The commands that arguments told in pieces of so many characters hold.
    fn read(arguments: &str, size: usize) -> Vec<String> {
        let (mut partial, mut commands) = (Partial::default(), Vec::<String>::new());
        let all: Vec<char> = arguments.chars().collect();
        for piece in all.chunks(size) {
            for piece in partial.push(&piece.iter().collect::<String>()) {
                match piece {
                    Piece::Begun => commands.push(String::new()),
                    Piece::Text(text) => commands.last_mut().expect("it has begun").push_str(&text),
                }
            }
        }
        commands
    }

    #[test]
    fn commands_are_read_wherever_they_are_cut() {
        let commands = ["echo \"a\\b\" → \u{1f41a} é\n\t", "", "ls {[,]}:"];
        let plain =
            serde_json::json!({"timeout_ms": 5, "more": {"commands": ["no", [1]]}, "commands": commands, "x": "y"});
        let escaped = r#" { "commands" : [ "echo \"a\\b\" \u2192 \ud83d\udc1a \u00E9\n\t" , "", "ls {[,]}:" ] } "#;
        for arguments in [plain.to_string(), escaped.to_owned()] {
            let value: serde_json::Value = serde_json::from_str(&arguments).expect("it is JSON");
            assert_eq!(value["commands"], serde_json::json!(commands));
            for size in 1..arguments.len() {
                assert_eq!(read(&arguments, size), commands, "in pieces of {size}");
            }
        }
        assert_eq!(read(r#"{"command":"a","commands":["b"]}"#, 3), ["a"]);
    }

    #[test]
    fn what_is_not_expected_ends_the_reading() {
        let cases: [(&str, &[&str]); _] = [
            (r#"["commands", "a"]"#, &[]),
            (r#"{"commands": {"commands": "a"}}"#, &[]),
            (r#"{"commands": ["a", 1, "b"]}"#, &["a"]),
            (r#"{"commands": ["a", ["b"]]}"#, &["a"]),
            (r#"{"commands": null, "x": "y"}"#, &[]),
            (r#"{"commands": ["a\ud83d!", "b"]}"#, &["a"]),
            (r#"{"commands": ["a\q", "b"]}"#, &["a"]),
            (r#"{"commands": ["a"#, &["a"]),
            (r#"{"commands": ["a"], "commands": ["b"]}"#, &["a"]),
            ("ls -l \"a\"", &[]),
        ];
        for (arguments, commands) in cases {
            assert_eq!(read(arguments, 1), commands, "{arguments}");
        }
        let many = format!(r#"{{"commands":[{}"x"]}}"#, r#""x","#.repeat(COMMANDS));
        assert_eq!(read(&many, 7).len(), COMMANDS);
    }
}
