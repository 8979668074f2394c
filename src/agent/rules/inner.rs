//! What a command runs in turn: `env` and its kin, `find -exec`, strings for a shell.

use super::word::Word;

/// What a command runs in turn.
#[derive(Debug)]
pub enum Inner {
    /// Nothing, or it is a program of its own.
    Nothing,
    /// This command.
    Command(Vec<Word>),
    /// These.
    Commands(Vec<Vec<Word>>),
    /// This text, as a script.
    Script(Vec<u8>),
    /// The same later, maybe often.
    Repeated(Vec<u8>),
    /// Something that cannot be known before it runs: why.
    Unknown(&'static str),
    /// Nothing; the shell goes there.
    Directory(Word),
}

/// A command that runs the one in its arguments.
struct Wrapper {
    name: &'static str,
    /// Short and long options that take a value as the next word.
    valued: &'static [&'static str],
    /// Words between options and command.
    skip: usize,
    /// Whether assignments may stand before the command.
    assigns: bool,
}

const fn wrapper(name: &'static str, valued: &'static [&'static str], skip: usize, assigns: bool) -> Wrapper {
    Wrapper { name, valued, skip, assigns }
}

const WRAPPERS: [Wrapper; 18] = [
    wrapper("builtin", &[], 0, false),
    wrapper("busybox", &[], 0, false),
    wrapper("chronic", &[], 0, false),
    wrapper("command", &[], 0, false),
    wrapper("coreutils", &[], 0, false),
    wrapper("doas", &["-u", "-C"], 0, false),
    wrapper("env", &["-u", "--unset"], 0, true),
    wrapper("exec", &["-a"], 0, false),
    wrapper("flock", &["-w", "-E"], 1, false),
    wrapper("ionice", &["-c", "-n", "-p"], 0, false),
    wrapper("nice", &["-n", "--adjustment"], 0, false),
    wrapper("nohup", &[], 0, false),
    wrapper("setsid", &[], 0, false),
    wrapper("stdbuf", &["-i", "-o", "-e", "--input", "--output", "--error"], 0, false),
    wrapper("sudo", &["-u", "-g", "-h", "-p", "-C", "-T", "-r", "-t"], 0, true),
    wrapper("time", &["-f", "-o", "--format", "--output"], 0, false),
    wrapper("timeout", &["-s", "-k", "--signal", "--kill-after"], 1, false),
    wrapper(
        "xargs",
        &["-I", "-n", "-P", "-L", "-d", "-E", "-s", "-a", "--max-args", "--max-procs", "--delimiter", "--arg-file"],
        0,
        false,
    ),
];

/// Options with which such a command does something else with its words than run them, or runs them elsewhere.
const ELSEWHERE: [&str; 6] = ["-S", "--split-string", "-C", "--chdir", "-c", "-D"];

const SHELLS: [&[u8]; 7] = [b"bash", b"sh", b"dash", b"rbash", b"ash", b"ksh", b"zsh"];

/// Where the system's programs are.
const SYSTEM: [&[u8]; 6] = [b"/bin/", b"/usr/bin/", b"/usr/local/bin/", b"/sbin/", b"/usr/sbin/", b"/usr/local/sbin/"];

/// The name of a program without its directory, if it is one of the system's.
pub fn system_name(name: &[u8]) -> Option<&[u8]> {
    if !name.contains(&b'/') {
        return Some(name);
    }
    let rest = SYSTEM.iter().find_map(|dir| name.strip_prefix(*dir))?;
    (!rest.contains(&b'/')).then_some(rest)
}

/// What a command runs in turn; `input` is what it is given to read, as far as the script says it.
pub fn inner(words: &[Word], input: Option<&[u8]>) -> Inner {
    let Some((first, arguments)) = words.split_first() else { return Inner::Nothing };
    let Some(name) = first.known() else { return Inner::Unknown("its name is known only when it runs") };
    let Some(name) = system_name(&name) else { return Inner::Unknown("it is a file whose content is not known") };
    if let Some(wrapper) = WRAPPERS.iter().find(|w| w.name.as_bytes() == name) {
        return wrapper.inner(arguments);
    }
    match name {
        _ if SHELLS.contains(&name) => shell(arguments, input),
        b"eval" => match texts(arguments) {
            Some(texts) => Inner::Script(texts.join(&b' ')),
            None => Inner::Unknown("what it evaluates is known only when it runs"),
        },
        b"source" | b"." => Inner::Unknown("it runs a file whose content is not known"),
        b"trap" => trap(arguments),
        b"alias" => alias(arguments),
        b"cd" | b"pushd" => directory(arguments),
        b"find" => find(arguments),
        b"enable" | b"hash" | b"mapfile" | b"readarray" | b"compgen" | b"complete" | b"bind"
            if arguments
                .iter()
                .any(|word| [&b"-f"[..], b"-p", b"-C", b"-F", b"-x"].iter().any(|o| word.starts_with(o))) =>
        {
            Inner::Unknown("it runs, or puts in a command's place, something that is not known")
        }
        _ => Inner::Nothing,
    }
}

impl Wrapper {
    fn inner(&self, arguments: &[Word]) -> Inner {
        const UNKNOWN: Inner = Inner::Unknown("which command it runs is known only then");
        let (mut rest, mut skip, mut is_over, mut replaced) = (arguments, self.skip, false, None);
        while let [word, after @ ..] = rest {
            // It might be an option.
            let Some(text) = word.known() else { return UNKNOWN };
            let text = String::from_utf8_lossy(&text);
            let is_option = !is_over && text.len() > 1 && text.starts_with('-');
            if is_option && text == "--" {
                (rest, is_over) = (after, true);
            } else if is_option {
                match (self.name, &*text) {
                    // It only tells about the command.
                    ("command", "-v" | "-V") => return Inner::Nothing,
                    ("xargs", "-I") => replaced = after.first().and_then(Word::known),
                    ("env" | "flock" | "sudo", option) if ELSEWHERE.iter().any(|e| option.starts_with(e)) => {
                        return UNKNOWN;
                    }
                    _ => {}
                }
                let takes = self.valued.contains(&&*text);
                rest = after.get(usize::from(takes)..).unwrap_or_default();
            } else if self.assigns && text.contains('=') {
                rest = after;
            } else if skip > 0 {
                (rest, skip, is_over) = (after, skip - 1, true);
            } else {
                break;
            }
        }
        match (self.name, rest) {
            (_, []) => Inner::Nothing,
            ("xargs", rest) => Inner::Command(filled(rest, replaced.as_deref())),
            (_, rest) => Inner::Command(rest.to_vec()),
        }
    }
}

/// What `xargs` makes of its words.
fn filled(words: &[Word], replaced: Option<&[u8]>) -> Vec<Word> {
    match replaced {
        None => words.iter().cloned().chain([Word::unknown(true)]).collect(),
        Some(mark) => {
            words.iter().map(|word| if has(word, mark) { Word::unknown(false) } else { word.clone() }).collect()
        }
    }
}

fn has(word: &Word, mark: &[u8]) -> bool {
    let known = word.known().unwrap_or_default();
    !mark.is_empty() && known.windows(mark.len()).any(|part| part == mark)
}

fn texts(words: &[Word]) -> Option<Vec<Vec<u8>>> {
    words.iter().map(Word::known).collect()
}

/// `bash -c SCRIPT`, `bash FILE`, `bash <<E`.
fn shell(arguments: &[Word], input: Option<&[u8]>) -> Inner {
    let mut is_command = false;
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let Some(text) = word.known() else { return Inner::Unknown("the script is known only when it runs") };
        match &*text {
            b"--version" | b"--help" => return Inner::Nothing,
            b"--rcfile" | b"--init-file" | b"-o" | b"+o" | b"-O" | b"+O" => drop(words.next()),
            b"-s" | b"-" | b"--" => {}
            [b'-', b'-', ..] | [b'+', ..] => {}
            [b'-', flags @ ..] => is_command |= flags.contains(&b'c'),
            script if is_command => return Inner::Script(script.to_vec()),
            _ => return Inner::Unknown("it runs a file whose content is not known"),
        }
    }
    match input {
        Some(script) => Inner::Script(script.to_vec()),
        None => Inner::Unknown("it runs what it reads"),
    }
}

fn trap(arguments: &[Word]) -> Inner {
    let operands = arguments
        .iter()
        .skip_while(|word| word.known().is_some_and(|text| text == b"--" || text == b"-p" || text == b"-l"));
    match operands.collect::<Vec<_>>()[..] {
        [] | [_] => Inner::Nothing,
        [action, ..] => match action.known() {
            Some(script) => Inner::Repeated(script),
            None => Inner::Unknown("what it runs is known only then"),
        },
    }
}

fn alias(arguments: &[Word]) -> Inner {
    const UNKNOWN: Inner = Inner::Unknown("what it stands for is known only when it is used");
    let Some(texts) = texts(arguments) else { return UNKNOWN };
    let value = |text: &Vec<u8>| text.iter().position(|b| *b == b'=').map(|at| text[at + 1..].to_vec());
    let values: Vec<_> = texts.iter().filter_map(value).collect();
    if values.is_empty() { Inner::Nothing } else { Inner::Repeated(values.join(&b'\n')) }
}

fn directory(arguments: &[Word]) -> Inner {
    let operand = arguments.iter().find(|word| !word.known().is_some_and(|text| is_no_directory(&text)));
    match operand {
        Some(to) => Inner::Directory(to.clone()),
        // `cd -` and `popd` lead where the script has been, `cd` alone home.
        None if arguments.is_empty() => Inner::Directory(Word::unknown(false)),
        None => Inner::Nothing,
    }
}

fn is_no_directory(text: &[u8]) -> bool {
    text.starts_with(b"-") || text.starts_with(b"+")
}

/// The commands of `-exec` and its kin.
fn find(arguments: &[Word]) -> Inner {
    let known: Vec<Option<Vec<u8>>> = arguments.iter().map(Word::known).collect();
    let mut commands = Vec::new();
    let mut at = 0;
    while at < known.len() {
        if matches!(known[at].as_deref(), Some(b"-exec" | b"-execdir" | b"-ok" | b"-okdir")) {
            let is_end = |text: &Option<Vec<u8>>| matches!(text.as_deref(), Some(b";" | b"+"));
            let length = known[at + 1..].iter().position(is_end).unwrap_or(known.len() - at - 1);
            commands.push(filled(&arguments[at + 1..at + 1 + length], Some(b"{}")));
            at += length;
        } else if arguments[at].is_many
            && known[at].is_none()
            && arguments[at].pieces.contains(&super::glob::Piece::Any)
        {
            return Inner::Unknown("what it looks for, or runs, is known only then");
        }
        at += 1;
    }
    if commands.is_empty() { Inner::Nothing } else { Inner::Commands(commands) }
}
