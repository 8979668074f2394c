use super::*;

fn groups(source: &str, text: &str) -> String {
    let Ok(regex) = Regex::new(source.as_bytes(), false) else {
        return "error".to_owned();
    };
    let Some(captures) = regex.captures(text.as_bytes()) else {
        return "no".to_owned();
    };
    let parts = captures.iter().map(|span| span.map_or("", |(start, end)| &text[start..end]));
    parts.collect::<Vec<_>>().join(",")
}

#[test]
fn matches() {
    for (source, text, expected) in [
        ("a(b*)c", "xabbc", "abbc,bb"),
        ("^([0-9]+)-([0-9]+)$", "12-345", "12-345,12,345"),
        ("a|ab", "ab", "ab"),
        ("x*", "aaa", ""),
        ("[[:alpha:]_][[:alnum:]_]*", "9a_1", "a_1"),
        ("(a|b)*c", "abac", "abac,a"),
        ("a{2,3}", "aaaa", "aaa"),
        ("(.)(.)", "é€", "é€,é,€"),
        ("(a)(b)?", "a", "a,a,"),
        ("\\.", "a.b", "."),
        ("[\\]]", "\\]", "\\]"),
        ("(.)\\1", "abba", "bb,b"),
        ("^$", "", ""),
        (")", ")", ")"),
        ("*a", "a", "error"),
        ("(a", "a", "error"),
        ("[a", "a", "error"),
        ("a{1", "a", "error"),
        ("[b-a]", "a", "error"),
        ("\\bfoo\\b", "a foo b", "foo"),
    ] {
        assert_eq!(groups(source, text), expected, "{source}");
    }
}

#[test]
fn case_may_not_matter() {
    let regex = Regex::new("ÉcO[l-n]".as_bytes(), true).expect("valid");
    assert!(regex.captures("éCOL".as_bytes()).is_some());
}

#[test]
fn quoted_text_matches_itself() {
    let mut source = b"^[".to_vec();
    escape_into(b".$", &mut source);
    source.extend_from_slice(b"]");
    escape_into(b"a.b[c", &mut source);
    assert_eq!(source, b"^[.$]a\\.b\\[c");
}

#[test]
fn hostile_expressions_end_soon() {
    let text = "a".repeat(2000);
    assert_eq!(groups("(a*)*b", &text), "no");
    assert_eq!(groups("(a|aa)*(a|aaa)*b", &text), "no");
    assert_eq!(groups(&"(".repeat(100_000), "x"), "error");
    assert_eq!(groups(&("a".to_owned() + &"{2}".repeat(30)), "x"), "error");
    assert_eq!(groups(&("a".to_owned() + &"?".repeat(50_000)), "x"), "error");
    assert_eq!(groups("a{32767}{32767}", "x"), "error");
    assert_eq!(groups("(a*)*(b*)*\\1c", &text), "no");
}

#[cfg(unix)]
mod differential {
    use super::*;
    use crate::text::oracle::{self, Random};

    fn random_source(random: &mut Random) -> String {
        let tokens = [
            "a",
            "b",
            "c",
            "a",
            "b",
            "c",
            ".",
            "(",
            "(",
            ")",
            ")",
            "|",
            "*",
            "*",
            "+",
            "?",
            "{2}",
            "{1,2}",
            "{0,}",
            "{,2}",
            "^",
            "$",
            "[ab]",
            "[^a]",
            "[a-c]",
            "é",
            "É",
            "(a|b)",
            "(ab|a)",
            "(a*)",
            "(b|)",
            "\\.",
            "\\(",
            "[[:upper:]]",
            "[[:alpha:]]+",
            "\\w",
            "\\b",
            "[]a]",
            "{",
            "}",
            "]",
            "[a",
            "\\",
            "\\1",
            "{x}",
            "{1",
            "[c-a]",
            "[[:foo:]]",
            "[[=a=]]",
            "[[.b.]-c]",
            "[a\\]",
            "\\<",
            "\\>",
            "\\B",
            "(a)\\1",
            "\\W",
            "\\s",
            "{3,1}",
            "()",
            "[[.space.]]",
            "[[:alpha:]-z]",
            "[--a]",
            "[a-]",
        ];
        let limit = if random.below(4) == 0 { tokens.len() } else { 32 };
        (0..1 + random.below(8)).map(|_| tokens[random.below(limit)]).collect()
    }

    fn answer(source: &str, text: &str, nocase: bool) -> Vec<u8> {
        let Ok(regex) = Regex::new(source.as_bytes(), nocase) else {
            return b"2".to_vec();
        };
        let Some(captures) = regex.captures(text.as_bytes()) else {
            return b"1".to_vec();
        };
        let mut out = b"0".to_vec();
        for span in captures {
            let part = span.map_or(&b""[..], |(start, end)| &text.as_bytes()[start..end]);
            out.extend_from_slice(&[b"<", part, b">"].concat());
        }
        out
    }

    #[test]
    #[ignore = "needs native bash"]
    fn like_bash() {
        let mut random = Random::seeded();
        let letters = ["a", "b", "c", "a", "b", "c", "A", "é", "É", ".", " ", "x", "(", "1"];
        let mut cases: Vec<(String, String, bool)> = Vec::new();
        // Of groups that are repeated and may be empty glibc keeps sometimes the last content, sometimes the one before.
        let repeated = ["){", ")+*", ")*+", ")?+", "\\a", ")*{", ")+{", ")+**", "(\\.^"];
        while cases.len() < 20_000 {
            let limit = if random.below(3) == 0 { 14 } else { 6 };
            let text = (0..random.below(8)).map(|_| letters[random.below(limit)]).collect();
            let source = random_source(&mut random);
            if !repeated.iter().any(|part| source.contains(part)) {
                cases.push((source, text, random.below(8) == 0));
            }
        }
        let mut script =
            b"t() { if $3; then shopt -s nocasematch; else shopt -u nocasematch; fi; local r=$1; [[ $2 =~ $r ]]; local s=$?; printf $s
            if [ $s = 0 ]; then printf '<%s>' \"${BASH_REMATCH[@]}\"; fi; printf '\\1\\2\\n'; }\n".to_vec();
        for (source, text, nocase) in &cases {
            let (source, text) = (oracle::word(source.as_bytes()), oracle::word(text.as_bytes()));
            let flag: &[u8] = if *nocase { b" true\n" } else { b" false\n" };
            let call = [&b"t "[..], &source, b" ", &text, flag];
            script.extend_from_slice(&call.concat());
        }
        let ours: Vec<Vec<u8>> = cases.iter().map(|(source, text, nocase)| answer(source, text, *nocase)).collect();
        oracle::compare(&cases, &ours, &oracle::answers(&oracle::bash(&script)));
    }
}
