//! Reads the case format (`tests/cases/README.md`); `tests/casefile.py` is its writer.

/// One case: what to run and what came out of it natively.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Case {
    pub name: String,
    pub flags: Vec<String>,
    pub script: String,
    pub args: Vec<String>,
    pub stdin: Vec<u8>,
    /// Files of this case only; those of all cases are [`CaseFile::files`].
    pub files: Vec<File>,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    pub exit: i32,
}

/// A file in the home directory before the script starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    pub name: String,
    pub mode: String,
    pub data: Vec<u8>,
}

/// The cases of one topic.
#[derive(Clone, Debug, Default)]
pub struct CaseFile {
    pub files: Vec<File>,
    pub cases: Vec<Case>,
}

const MARK: &str = "%% ";

/// Parses a file of cases. Panics on a malformed one: it is part of the repository.
pub fn parse(text: &str) -> CaseFile {
    let mut parsed = CaseFile::default();
    for (head, body) in sections(text) {
        let (kind, rest) = head.split_once(' ').unwrap_or((head, ""));
        if kind == "case" {
            let (name, flags) = rest.split_once(" | ").unwrap_or((rest, ""));
            let flags = flags.split_whitespace().map(str::to_owned).collect();
            let script = body.trim_end_matches('\n').to_owned();
            parsed.cases.push(Case { name: name.trim().to_owned(), flags, script, ..Case::default() });
            continue;
        }
        if kind == "file" {
            let file = file(rest, body);
            parsed.cases.last_mut().map_or(&mut parsed.files, |case| &mut case.files).push(file);
            continue;
        }
        let case = parsed.cases.last_mut().unwrap_or_else(|| panic!("`{MARK}{head}` before the first case"));
        let flags: Vec<&str> = rest.split_whitespace().collect();
        match kind {
            "args" => case.args = words(rest),
            "stdin" => case.stdin = input(&flags, body),
            "stdout" => case.stdout = recorded(&flags, body),
            "stderr" => case.stderr = recorded(&flags, body),
            "exit" => case.exit = rest.trim().parse().expect("a status is a number"),
            _ => panic!("unknown section `{MARK}{head}`"),
        }
    }
    parsed
}

fn sections(text: &str) -> Vec<(&str, &str)> {
    let mut starts: Vec<usize> = text.match_indices(MARK).map(|(at, _)| at).collect();
    starts.retain(|at| *at == 0 || text.as_bytes()[at - 1] == b'\n');
    let ends = starts.iter().copied().skip(1).chain([text.len()]);
    let section = |(start, end): (usize, usize)| {
        let whole = &text[start + MARK.len()..end];
        let (head, body) = whole.split_once('\n').unwrap_or((whole, ""));
        (head.trim(), body)
    };
    starts.iter().copied().zip(ends).map(section).collect()
}

fn file(head: &str, body: &str) -> File {
    let words = words(head);
    let mode = words[1..].iter().find(|w| w.bytes().all(|b| b.is_ascii_digit()));
    let mode = mode.map_or("644", String::as_str).to_owned();
    let flags: Vec<&str> = words[1..].iter().map(String::as_str).collect();
    File { name: words[0].clone(), mode, data: input(&flags, body) }
}

/// Text that a person wrote: blank lines at its end are not part of it.
fn input(flags: &[&str], body: &str) -> Vec<u8> {
    if flags.contains(&"esc") {
        return unescape(body);
    }
    let text = body.trim_end_matches('\n');
    if text.is_empty() { Vec::new() } else { format!("{text}\n").into_bytes() }
}

fn recorded(flags: &[&str], body: &str) -> Vec<u8> {
    if flags.contains(&"esc") {
        return unescape(body);
    }
    let text = if flags.contains(&"nonl") { body.strip_suffix('\n').unwrap_or(body) } else { body };
    text.as_bytes().to_vec()
}

/// Undoes `\n \t \\ \xHH`; a line break in the text means nothing.
fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut bytes = text.bytes().filter(|b| *b != b'\n');
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        match bytes.next() {
            Some(b'n') => out.push(b'\n'),
            Some(b't') => out.push(b'\t'),
            Some(b'x') => {
                let hex: String = [bytes.next(), bytes.next()].into_iter().flatten().map(char::from).collect();
                out.push(u8::from_str_radix(&hex, 16).expect("two hexadecimal digits"));
            }
            Some(other) => out.push(other),
            None => out.push(b'\\'),
        }
    }
    out
}

/// Words separated by blanks, with single or double quotes around those that hold blanks.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in text.chars() {
        match (quote, c) {
            (Some(q), _) if c == q => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, ' ' | '\t') => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}
