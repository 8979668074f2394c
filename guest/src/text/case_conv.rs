//! Case conversion of `${v^p}`, `${v^^p}`, `${v,p}`, `${v,,p}`, `${v~p}`, `${v@U}`, `${v@u}`, `${v@L}` and `declare -u -l -c`.

use super::utf8;
use crate::pattern::Pattern;

/// What to do with a character.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Case {
    /// To upper case.
    Upper,
    /// To lower case.
    Lower,
    /// To the other one.
    Toggle,
}

/// Converts the first character, or `all`, of those that match `only` (all of them when `None`).
pub fn convert(text: &[u8], case: Case, all: bool, only: Option<&Pattern>) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for (index, (c, bytes)) in utf8::chars(text).enumerate() {
        let wanted = (all || index == 0) && only.is_none_or(|pattern| pattern.matches(bytes));
        match c {
            Some(c) if wanted => push(convert_char(c, case), &mut out),
            _ => out.extend_from_slice(bytes),
        }
    }
    out
}

/// First character upper, the others lower (`declare -c`).
pub fn capitalize(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for (index, (c, bytes)) in utf8::chars(text).enumerate() {
        match c {
            Some(c) => push(convert_char(c, if index == 0 { Case::Upper } else { Case::Lower }), &mut out),
            None => out.extend_from_slice(bytes),
        }
    }
    out
}

fn convert_char(c: char, case: Case) -> char {
    match case {
        Case::Upper => utf8::upper(c),
        Case::Lower => utf8::lower(c),
        Case::Toggle if utf8::upper(c) != c => utf8::upper(c),
        Case::Toggle => utf8::lower(c),
    }
}

fn push(c: char, out: &mut Vec<u8>) {
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::Flags;

    #[test]
    fn conversions() {
        let text = "éa ßB".as_bytes();
        assert_eq!(convert(text, Case::Upper, false, None), "Éa ßB".as_bytes());
        assert_eq!(convert(text, Case::Upper, true, None), "ÉA ßB".as_bytes());
        assert_eq!(convert(text, Case::Toggle, true, None), "ÉA ßb".as_bytes());
        assert_eq!(capitalize(b"aBC d"), b"Abc d");
        assert_eq!(convert(b"a\xffb", Case::Upper, true, None), b"A\xffB");
        let vowels = Pattern::new(b"[aeiou]", Flags::default());
        assert_eq!(convert(b"banana", Case::Upper, true, Some(&vowels)), b"bAnAnA");
    }

    #[cfg(unix)]
    #[test]
    #[ignore = "needs native bash"]
    fn like_bash() {
        use crate::text::oracle::{self, Random};
        let mut random = Random::seeded();
        let tokens = ["a", "B", "é", "É", "ß", "ǆ", " ", "1", "Z", "z", "İ", "ı", "σ", "Σ", "ſ"];
        let patterns = ["[a-m]", "?", "*", "é", "[[:upper:]]", "ab", "", "[!a]"];
        let cases: Vec<(String, &str)> = (0..3000)
            .map(|_| ((0..random.below(6)).map(|_| *random.pick(&tokens)).collect(), *random.pick(&patterns)))
            .collect();
        let mut script = b"t() { local v=$1 p=$2; local -u u=$1; local -l l=$1; local -c c=$1
            printf '<%s>' \"${v^}\" \"${v^^}\" \"${v,}\" \"${v,,}\" \"${v~}\" \"${v~~}\" \"${v@U}\" \"${v@u}\" \"${v@L}\" \"${v^$p}\" \"${v^^$p}\" \"${v,,$p}\" \"$u\" \"$l\" \"$c\"
            printf '\\1\\2\\n'; }\n".to_vec();
        let mut ours = Vec::new();
        for (text, only) in &cases {
            let call = [b"t ", &oracle::word(text.as_bytes())[..], b" ", &oracle::word(only.as_bytes()), b"\n"];
            script.extend_from_slice(&call.concat());
            let text = text.as_bytes();
            let pattern = (!only.is_empty()).then(|| Pattern::new(only.as_bytes(), Flags::default()));
            let only = pattern.as_ref();
            let fields = [
                convert(text, Case::Upper, false, None),
                convert(text, Case::Upper, true, None),
                convert(text, Case::Lower, false, None),
                convert(text, Case::Lower, true, None),
                convert(text, Case::Toggle, false, None),
                convert(text, Case::Toggle, true, None),
                convert(text, Case::Upper, true, None),
                convert(text, Case::Upper, false, None),
                convert(text, Case::Lower, true, None),
                convert(text, Case::Upper, false, only),
                convert(text, Case::Upper, true, only),
                convert(text, Case::Lower, true, only),
                convert(text, Case::Upper, true, None),
                convert(text, Case::Lower, true, None),
                capitalize(text),
            ];
            ours.push(fields.iter().flat_map(|field| [b"<", &field[..], b">"].concat()).collect());
        }
        oracle::compare(&cases, &ours, &oracle::answers(&oracle::bash(&script)));
    }
}
