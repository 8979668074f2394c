use super::*;

const PLAIN: Flags = Flags { extglob: false, nocase: false };
const EXTENDED: Flags = Flags { extglob: true, nocase: false };

fn matches(pattern: &str, text: &str) -> bool {
    Pattern::new(pattern.as_bytes(), EXTENDED).matches(text.as_bytes())
}

#[test]
fn whole_texts() {
    for (pattern, yes, no) in [
        ("", "", "a"),
        ("a*b*c", "axbxc", "axbx"),
        ("*", "", "\u{1}"),
        ("?", "é", "éé"),
        ("[!a-c]x", "dx", "ax"),
        ("[]a]", "]", "b"),
        ("[[:digit:][:upper:]]", "É", "é"),
        ("\\*", "*", "a"),
        ("[a", "[a", "a"),
        ("@(foo|bar)baz", "barbaz", "baz"),
        ("+(ab|c)", "abcab", ""),
        ("*(a|ab)b", "aabab", "aba"),
        ("!(*.txt)", "a.tx", "a.txt"),
        ("?(x)y", "xy", "xxy"),
        ("@(a|[)]|\\))", ")", "("),
        ("!(!(a))", "a", "b"),
    ] {
        assert!(matches(pattern, yes), "{pattern} {yes}");
        if no != "\u{1}" {
            assert!(!matches(pattern, no), "{pattern} {no}");
        }
    }
}

#[test]
fn parts() {
    let pattern = |source: &str| Pattern::new(source.as_bytes(), EXTENDED);
    assert_eq!(pattern("*/").match_prefix(b"a/b/c", Extent::Shortest), Some(2));
    assert_eq!(pattern("*/").match_prefix(b"a/b/c", Extent::Longest), Some(4));
    assert_eq!(pattern(".*").match_suffix(b"a.b.c", Extent::Shortest), Some(3));
    assert_eq!(pattern(".*").match_suffix(b"a.b.c", Extent::Longest), Some(1));
    assert_eq!(pattern("+(b)").find(b"abbbc", 0), Some((1, 4)));
    assert_eq!(pattern("x").find(b"abc", 0), None);
    assert_eq!(pattern("?").find("é".as_bytes(), 0), Some((0, 2)));
}

#[test]
fn replacing() {
    let replace = |source: &str, text: &str, scope| {
        let pattern = Pattern::new(source.as_bytes(), EXTENDED);
        let out = pattern.replace(text.as_bytes(), scope, |found, out| {
            out.push(b'<');
            out.extend_from_slice(found);
            out.push(b'>');
        });
        String::from_utf8(out).unwrap_or_default()
    };
    assert_eq!(replace("b", "abab", Scope::First), "a<b>ab");
    assert_eq!(replace("b", "abab", Scope::All), "a<b>a<b>");
    assert_eq!(replace("a", "abab", Scope::Prefix), "<a>bab");
    assert_eq!(replace("b", "abab", Scope::Suffix), "aba<b>");
}

#[test]
fn case_does_not_matter() {
    let pattern = Pattern::new("ÉcOle*[A-C]".as_bytes(), Flags { nocase: true, ..PLAIN });
    assert!(pattern.matches("éCOLE b".as_bytes()));
    assert!(!pattern.matches("éCOLE d".as_bytes()));
}

#[test]
fn invalid_texts_are_bytes() {
    assert!(Pattern::new(b"??", PLAIN).matches(b"\xff\xfe"));
    assert!(Pattern::new("é?".as_bytes(), PLAIN).matches(b"\xc3\xa9\xff"));
    assert!(Pattern::new(b"*\xff", PLAIN).matches(b"a\xff"));
}

#[test]
fn hostile_patterns_end_soon() {
    let text = "a".repeat(1000);
    assert!(!matches(&("a*".repeat(200) + "b"), &text));
    assert!(!matches(&("*(".repeat(60) + "a" + &")".repeat(60) + "b"), &text));
    assert!(!matches("!(!(!(!(a*b))))c", &text[..120]));
    assert!(!matches(&"*(".repeat(100_000), "x"));
    assert!(!matches(&("@(".repeat(1000) + &")".repeat(1000)), "x"));
    assert!(!matches(&("[".repeat(4000)), "x"));
}

#[test]
fn magic() {
    for (source, magic) in
        [("a", false), ("*", true), ("\\*", false), ("[a", false), ("[a]", true), ("+(a)", true), ("a?", true)]
    {
        assert_eq!(has_magic(source.as_bytes()), magic, "{source}");
    }
    let mut escaped = Vec::new();
    escape_into(b"a*[b]", &mut escaped);
    assert!(!has_magic(&escaped));
    assert_eq!(unescape(&escaped), b"a*[b]");
}

#[cfg(unix)]
mod differential {
    use super::*;
    use crate::text::oracle::{self, Random};

    fn random_pattern(random: &mut Random, depth: usize) -> Vec<u8> {
        let tokens: [&[u8]; 44] = [
            b"a",
            b"b",
            b"c",
            b"B",
            b".",
            b"-",
            "é".as_bytes(),
            "É".as_bytes(),
            b"*",
            b"*",
            b"?",
            b"[abc]",
            b"[!a]",
            b"[a-c]",
            b"[^b-]",
            b"[]a]",
            b"[[:alpha:]]",
            b"[[:upper:]x]",
            b"[[.a.]]",
            b"[[.a.]-c]",
            b"[\\]a]",
            b"[a",
            b"]",
            b"\\*",
            b"\\a",
            b"\\",
            b"[[:foo:]a]",
            "[é-ü]".as_bytes(),
            b"[!\xc3]",
            b"\xc3",
            b"\xff",
            b"[c-a]",
            b"a(",
            b"x)",
            b"|",
            b"[a\\",
            b"[[:alpha:]",
            b"[!-a]",
            b"[--a]",
            b"[a-]",
            b"[[:digit:]-a]",
            b"[A-c]",
            b"[[.hyphen.]a]",
            b"x",
        ];
        // Malformed parts inside groups, empty alternatives and stars before groups go wrong in bash itself.
        let clean = depth < 2 || random.below(2) == 0;
        let mut out = Vec::new();
        for _ in 0..1 + random.below(4) {
            if depth > 0 && random.below(3) == 0 && clean && out.last() != Some(&b'*') {
                out.push(*random.pick(b"?*+@!"));
                out.push(b'(');
                for index in 0..1 + random.below(3) {
                    if index > 0 {
                        out.push(b'|');
                    }
                    out.extend(random_pattern(random, depth - 1));
                }
                out.push(b')');
            } else {
                out.extend_from_slice(tokens[random.below(if clean { 16 } else { tokens.len() })]);
            }
        }
        out
    }

    fn random_text(random: &mut Random) -> Vec<u8> {
        let tokens: [&[u8]; 16] = [
            b"a",
            b"b",
            b"c",
            b"a",
            b"b",
            b"B",
            b".",
            b"-",
            "é".as_bytes(),
            "É".as_bytes(),
            b"*",
            b"]",
            b"[",
            b"\\",
            b"\xff",
            b"\xc3",
        ];
        // In invalid texts bash is not of one mind.
        let limit = if random.below(5) == 0 { 14 } else { 10 };
        let mut out = Vec::new();
        for _ in 0..random.below(7) {
            out.extend_from_slice(tokens[random.below(limit)]);
        }
        out
    }

    fn answer(pattern: &[u8], text: &[u8], nocase: bool) -> Vec<u8> {
        let pattern = Pattern::new(pattern, Flags { extglob: true, nocase });
        let mut out = vec![if pattern.matches(text) { b'1' } else { b'0' }];
        let mut field = |value: &[u8]| {
            out.push(b'<');
            out.extend_from_slice(value);
            out.push(b'>');
        };
        // Case bears on matching and replacing only.
        let exact = Pattern::new(pattern.source(), EXTENDED);
        field(&text[exact.match_prefix(text, Extent::Shortest).unwrap_or(0)..]);
        field(&text[exact.match_prefix(text, Extent::Longest).unwrap_or(0)..]);
        field(&text[..exact.match_suffix(text, Extent::Shortest).unwrap_or(text.len())]);
        field(&text[..exact.match_suffix(text, Extent::Longest).unwrap_or(text.len())]);
        if !pattern.matches(b"") {
            for scope in [Scope::First, Scope::All, Scope::Prefix, Scope::Suffix] {
                field(&pattern.replace(text, scope, |_, out| out.push(b'X')));
            }
        }
        out
    }

    fn compare(nocase: bool) {
        let mut random = Random::seeded();
        // A last backslash, `*?` before a group and the longest patterns go wrong in bash itself.
        let sound = |p: &[u8]| {
            let groups = ["*?!(", "*?@(", "*?*(", "*?+(", "*??("].map(str::as_bytes);
            p.last() != Some(&b'\\') && p.len() < 60 && !groups.iter().any(|g| p.windows(4).any(|w| w == *g))
        };
        let pairs = std::iter::repeat_with(|| (random_pattern(&mut random, 2), random_text(&mut random)));
        let cases: Vec<(Vec<u8>, Vec<u8>)> = pairs.filter(|(pattern, _)| sound(pattern)).take(8000).collect();
        let mut script = b"shopt -s extglob; t() { local p=$1 v=$2 q; case $v in $p) q=1;; *) q=0;; esac
            printf '%s<%s><%s><%s><%s>' $q \"${v#$p}\" \"${v##$p}\" \"${v%$p}\" \"${v%%$p}\"
            [[ '' == $p ]] || printf '<%s><%s><%s><%s>' \"${v/$p/X}\" \"${v//$p/X}\" \"${v/#$p/X}\" \"${v/%$p/X}\"
            printf '\\1\\2\\n'; }\n"
            .to_vec();
        if nocase {
            script.extend_from_slice(b"shopt -s nocasematch\n");
        }
        for (pattern, text) in &cases {
            let call = [b"t ", &oracle::word(pattern)[..], b" ", &oracle::word(text), b"\n"];
            script.extend_from_slice(&call.concat());
        }
        let theirs = oracle::answers(&oracle::bash(&script));
        let ours: Vec<Vec<u8>> = cases.iter().map(|(pattern, text)| answer(pattern, text, nocase)).collect();
        let shown: Vec<_> =
            cases.iter().map(|(p, t)| format!("{} on {}", p.escape_ascii(), t.escape_ascii())).collect();
        oracle::compare(&shown, &ours, &theirs);
    }

    #[test]
    #[ignore = "needs native bash"]
    fn like_bash() {
        compare(false);
    }

    #[test]
    #[ignore = "needs native bash"]
    fn like_bash_without_case() {
        compare(true);
    }

    /// The real files, below a directory.
    struct Native(std::path::PathBuf);

    impl Native {
        fn path(&self, path: &[u8]) -> std::path::PathBuf {
            use std::os::unix::ffi::OsStrExt;
            self.0.join(std::ffi::OsStr::from_bytes(path))
        }
    }

    impl DirReader for Native {
        fn read_dir(&mut self, path: &[u8]) -> Option<Vec<DirEntry>> {
            use std::os::unix::ffi::OsStrExt;
            let entries = std::fs::read_dir(self.path(path)).ok()?.flatten().map(|entry| {
                let kind =
                    entry.file_type().map_or(EntryKind::Unknown, |kind| match (kind.is_dir(), kind.is_symlink()) {
                        (true, _) => EntryKind::Dir,
                        (_, true) => EntryKind::Symlink,
                        _ => EntryKind::Other,
                    });
                DirEntry { name: entry.file_name().as_bytes().to_vec(), kind }
            });
            Some(entries.collect())
        }
        fn exists(&mut self, path: &[u8]) -> bool {
            self.path(path).symlink_metadata().is_ok()
        }
        fn is_dir(&mut self, path: &[u8]) -> bool {
            self.path(path).is_dir()
        }
    }

    fn example_tree() -> std::path::PathBuf {
        let root = std::env::temp_dir().join(format!("glob-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&root);
        let root = root.join("x/y/z/in");
        for dir in ["a/b/c", "a/.h", "d/.x", "sp ace", "é", "e"] {
            std::fs::create_dir_all(root.join(dir)).expect("dir");
        }
        let files = [
            "a/f1", "a/f2", "a/b/f3", "a/b/c/f4", "a/.h/f5", ".hid", "d/.x/f6", "sp ace/z", "B", "b1", "x*y", "x[y",
            "x\\y", "f.txt", "g.txt", "é/u",
        ];
        for file in files {
            std::fs::write(root.join(file), "").expect("file");
        }
        for (target, link) in [("a", "la"), ("nowhere", "dang"), ("../a", "e/loop")] {
            std::os::unix::fs::symlink(target, root.join(link)).expect("link");
        }
        root
    }

    fn random_path(random: &mut Random) -> Vec<u8> {
        let parts = [
            "a", "*", "**", "**", "b", "f*", "?", "[a-d]", ".*", "*.txt", "x\\**", "..", ".", "d", "sp\\ ace", "la",
            "@(a|.h*)", "!(a|b1)", "é", "e", "loop", "dang*", "B*", "[b]*", ".h", "\\.h*", "nope", "*c", "a/b", "x[y",
            "x[[]y", "***", "?(.)h*",
        ];
        let mut out = Vec::new();
        for index in 0..1 + random.below(4) {
            if index > 0 {
                out.extend_from_slice(random.pick(&["/", "/", "/", "//"]).as_bytes());
            }
            out.extend_from_slice(random.pick(&parts).as_bytes());
        }
        if random.below(5) == 0 {
            out.push(b'/');
        }
        out
    }

    #[test]
    #[ignore = "needs native bash"]
    fn globs_like_bash() {
        let root = example_tree();
        let mut random = Random::seeded();
        let cases: Vec<(Vec<u8>, usize)> = (0..6000)
            .map(|_| (random_path(&mut random), random.below(16)))
            .filter(|(p, _)| has_magic(p) && !(p.windows(2).any(|w| w == b"**") && p.windows(2).any(|w| w == b"//")))
            .collect();
        let mut script = format!("cd {}; shopt -s nullglob; IFS=,\n", root.display()).into_bytes();
        script.extend_from_slice(
            b"t() { shopt -s extglob; shopt $2 dotglob; shopt $3 globstar; shopt $4 nocaseglob; shopt $5 globskipdots
            set -- $1; printf '%s\n' \"$@\"; printf '\\1\\2\\n'; }\n",
        );
        for (pattern, options) in &cases {
            script.extend_from_slice(&[b"t ", &oracle::word(pattern)[..]].concat());
            for bit in 0..4 {
                script.extend_from_slice(if options >> bit & 1 == 1 { b" -s" } else { b" -u" });
            }
            script.push(b'\n');
        }
        let theirs = oracle::answers(&oracle::bash(&script));
        let ours: Vec<Vec<u8>> = cases
            .iter()
            .map(|(pattern, bits)| {
                let on = |bit: usize| bits >> bit & 1 == 1;
                let options =
                    GlobOptions { dotglob: on(0), globstar: on(1), nocaseglob: on(2), skipdots: on(3), extglob: true };
                let mut paths = glob(pattern, options, &mut Native(root.clone())).join(&b'\n');
                paths.push(b'\n');
                paths
            })
            .collect();
        let shown: Vec<_> = cases.iter().map(|(p, o)| format!("{} {o:04b}", p.escape_ascii())).collect();
        oracle::compare(&shown, &ours, &theirs);
        let _ = std::fs::remove_dir_all(root.join("../../../.."));
    }
}
