use super::*;

/// The real files; variables `x` (set) and `nope`.
struct Native;

#[cfg(unix)]
impl TestEnv for Native {
    fn stat(&mut self, path: &[u8]) -> Option<Stat> {
        std::fs::metadata(native_path(path)).ok().map(|data| stat_of(&data))
    }
    fn lstat(&mut self, path: &[u8]) -> Option<Stat> {
        std::fs::symlink_metadata(native_path(path)).ok().map(|data| stat_of(&data))
    }
    fn access(&mut self, path: &[u8], access: Access) -> bool {
        // As root sees it.
        self.stat(path).is_some_and(|stat| access != Access::Exec || stat.mode & 0o111 != 0)
    }
    fn isatty(&mut self, _: i32) -> bool {
        false
    }
    fn var_is_set(&mut self, name: &[u8]) -> bool {
        name == b"x"
    }
    fn var_is_nameref(&mut self, _: &[u8]) -> bool {
        false
    }
    fn option_is_set(&mut self, name: &[u8]) -> bool {
        name == b"braceexpand"
    }
    fn ids(&mut self) -> (u32, u32) {
        (0, 0)
    }
}

#[cfg(unix)]
fn native_path(path: &[u8]) -> &std::path::Path {
    use std::os::unix::ffi::OsStrExt;
    std::path::Path::new(std::ffi::OsStr::from_bytes(path))
}

#[cfg(unix)]
fn stat_of(data: &std::fs::Metadata) -> Stat {
    use std::os::unix::fs::MetadataExt;
    Stat {
        mode: data.mode(),
        uid: data.uid(),
        gid: data.gid(),
        size: data.size(),
        dev: data.dev(),
        ino: data.ino(),
        atime: data.atime() * 1_000_000_000 + data.atime_nsec(),
        mtime: data.mtime() * 1_000_000_000 + data.mtime_nsec(),
    }
}

fn run(line: &str) -> String {
    let args: Vec<&str> = if line.is_empty() { Vec::new() } else { line.split(' ').collect() };
    match test(&args, &mut Native) {
        Ok(true) => "0".to_owned(),
        Ok(false) => "1".to_owned(),
        Err(TestError(text)) => format!("2 {}", String::from_utf8_lossy(&text)),
    }
}

#[test]
fn answers() {
    for (line, answer) in [
        ("", "1"),
        ("a", "0"),
        ("! a", "1"),
        ("-n a", "0"),
        ("-z a", "1"),
        ("1 -lt 2", "0"),
        ("-5 -gt 2", "1"),
        ("a = a", "0"),
        ("! = !", "0"),
        ("( a )", "0"),
        ("! a = b", "0"),
        ("( ! a )", "1"),
        ("a = a -a b = c -o d = d", "0"),
        ("! ( a = b -o c = c )", "1"),
        ("x -lt 2", "2 x: integer expression expected"),
        ("-q a", "2 -q: unary operator expected"),
        ("a b", "2 a: unary operator expected"),
        ("a b c", "2 b: binary operator expected"),
        ("a b c d", "2 too many arguments"),
        ("a = b -q", "2 syntax error: `-q' unexpected"),
        ("( a = b", "2 `)' expected"),
        ("a = b -a", "2 argument expected"),
        ("9223372036854775808 -eq 1", "2 9223372036854775808: integer expression expected"),
    ] {
        assert_eq!(run(line), answer, "test {line}");
    }
    assert_eq!(bracket(&["a"], &mut Native), Err(TestError(b"missing `]'".to_vec())));
    assert_eq!(bracket(&["a", "]"], &mut Native), Ok(true));
}

#[test]
fn nesting_is_bounded() {
    assert!(run(&"( ".repeat(5000)).starts_with('2'));
    assert!(run(&("! ".repeat(50_000) + "a = a")).starts_with('0'));
}

#[cfg(unix)]
#[test]
#[ignore = "needs native bash"]
fn like_bash() {
    use crate::text::oracle::{self, Random};
    let mut random = Random::seeded();
    let tokens = [
        "a",
        "b",
        "",
        "!",
        "!",
        "(",
        ")",
        "(",
        ")",
        "-a",
        "-o",
        "-a",
        "-o",
        "-n",
        "-z",
        "-f",
        "-d",
        "-e",
        "-t",
        "-v",
        "-q",
        "-L",
        "-s",
        "-x",
        "-eq",
        "-lt",
        "-nt",
        "-ef",
        "-ot",
        "=",
        "==",
        "!=",
        "<",
        ">",
        "1",
        "2",
        " 3 ",
        "+4",
        "-5",
        "/",
        "/etc/passwd",
        "/bin/sh",
        "x",
        "nope",
        "99999999999999999999",
        "0x1",
        "-",
        "--",
        "-aa",
        "]",
        "=~",
        "-h",
        "-r",
        "-O",
        "-k",
        "/tmp",
        "-u",
        "-c",
        "/dev/null",
        "-R",
        "\t7\t",
        "8\n",
    ];
    // `-v 2` is about the positional parameters.
    let positional = |case: &Vec<&str>| case.windows(2).any(|pair| pair[0] == "-v" && pair[1].parse::<i32>().is_ok());
    let cases: Vec<Vec<&str>> = (0..20_000)
        .map(|_| (0..random.below(9)).map(|_| *random.pick(&tokens)).collect())
        .filter(|case| !positional(case))
        .collect();
    let mut script = b"x=1; t() { test \"$@\" </dev/null; printf '%s\\1\\2\\n' $?; }\n".to_vec();
    for case in &cases {
        script.extend_from_slice(b"t");
        for arg in case {
            script.extend_from_slice(&[b" ", &oracle::word(arg.as_bytes())[..]].concat());
        }
        script.push(b'\n');
    }
    let ours: Vec<Vec<u8>> = cases
        .iter()
        .map(|case| match test(case, &mut Native) {
            Ok(value) => i32::from(!value).to_string().into_bytes(),
            Err(TestError(text)) => [b"/dev/stdin: line 1: test: ", &text[..], b"\n2"].concat(),
        })
        .collect();
    oracle::compare(&cases, &ours, &oracle::answers(&oracle::bash(&script)));
}
