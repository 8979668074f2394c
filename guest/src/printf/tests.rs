use super::*;

/// Messages go into the output, after its complete lines, as on a terminal.
#[derive(Default)]
struct Host {
    shown: Vec<u8>,
}

impl PrintfHost for Host {
    fn warn(&mut self, out: &mut Vec<u8>, message: &[u8]) {
        let lines = out.iter().rposition(|&c| c == b'\n').map_or(0, |at| at + 1);
        self.shown.extend(out.drain(..lines));
        self.shown.extend_from_slice(&[b"printf: ", message, b"\n"].concat());
    }
    fn now(&mut self) -> i64 {
        86_400
    }
    fn shell_start(&mut self) -> i64 {
        0
    }
    fn tz(&mut self) -> Option<Vec<u8>> {
        None
    }
    fn assign(&mut self, name: &[u8], value: i64) -> bool {
        self.shown.extend_from_slice(format!("[{value}]").as_bytes());
        name.first().is_some_and(u8::is_ascii_alphabetic)
    }
}

fn run(format: &str, args: &[&str]) -> String {
    let mut host = Host::default();
    let mut out = Vec::new();
    let status = Format::parse(format.as_bytes()).run(args, &mut host, &mut out);
    let mut shown = host.shown;
    shown.append(&mut out);
    let text = String::from_utf8_lossy(&shown).into_owned();
    if status == 0 { text } else { format!("{text}|{status}") }
}

#[test]
fn conversions() {
    for (format, args, expected) in [
        ("%s-%d\n", &["a", "1", "b", "2"][..], "a-1\nb-2\n"),
        ("x\\n", &["a", "b"], "x\n"),
        ("%5s|%-5s|%.2s|", &["a", "b", "cde"], "    a|b    |cd|"),
        ("%05d|%+d|% d|%x|%#o|%X", &["42", "5", "5", "255", "8", "-1"], "00042|+5| 5|ff|010|FFFFFFFFFFFFFFFF"),
        ("%.3d|%8.3d|%-8d|", &["5", "5", "5"], "005|     005|5       |"),
        ("%*d|%-*d|%.*f", &["5", "1", "5", "1", "2", "3.14159"], "    1|1    |3.14"),
        ("%c%c", &["ab", ""], "a\0"),
        ("%b|", &["a\\tb\\cd"], "a\tb"),
        ("%q %q", &["a b", ""], "a\\ b ''"),
        ("%d %d", &["'a", "\"é"], "97 233"),
        ("%d|", &["08"], "printf: 08: invalid octal number\n0||1"),
        (
            "%d",
            &["99999999999999999999"],
            "printf: warning: 99999999999999999999: Numerical result out of range\n9223372036854775807",
        ),
        ("%d %u", &[], "0 0"),
        ("abc%nd", &["v"], "[3]abcd"),
        ("%(%Y)T %()T", &["0", "-1"], "1970 00:00:00"),
        ("a%yb", &[], "printf: `y': invalid format character\na|1"),
        ("%5", &[], "printf: `%5': missing format character\n|1"),
        ("%%%s%%", &["a"], "%a%"),
    ] {
        assert_eq!(run(format, args), expected, "{format} {args:?}");
    }
}

#[test]
fn floats() {
    for (format, number, expected) in [
        ("%f", "0.1", "0.100000"),
        ("%.20f", "0.1", "0.10000000000000000000"),
        ("%.30g", "0.1", "0.100000000000000000001355252716"),
        ("%e", "12345.678", "1.234568e+04"),
        ("%g", "1e10", "1e+10"),
        ("%g", "100000", "100000"),
        ("%#g", "3", "3.00000"),
        ("%a", "0.1", "0xc.ccccccccccccccdp-7"),
        ("%A", "255", "0XF.FP+4"),
        ("%.0f", "2.5", "2"),
        ("%010.3f", "-3.14159", "-00003.142"),
        ("%5.1f|", "inf", "  inf|"),
        ("%05f|", "-nan", " -nan|"),
        ("%f", "0x1.8p3", "12.000000"),
        ("%.0f", "123456789012345678901234567890", "123456789012345678899921813504"),
        ("%g", "1e-4950", "1.09356e-4950"),
    ] {
        assert_eq!(run(format, &[number]).lines().last(), Some(expected), "{format} {number}");
    }
}

#[test]
fn hostile_arguments_end_soon() {
    assert_eq!(run("%.3e", &[&("1".repeat(1_000_000) + "e-999990")]), "1.111e+09");
    assert_eq!(run("%.3e", &["1e99999999999999999999"]).lines().last(), Some("inf"));
    assert_eq!(run("%s%99999999999d", &["a", "1"]), "a");
    assert_eq!(run("%.100000f", &["1e-4900"]).len(), 100_002);
}

#[cfg(unix)]
mod differential {
    use super::*;
    use crate::text::oracle::{self, Random};

    fn random_number(random: &mut Random) -> String {
        let mut out = String::new();
        if random.below(3) == 0 {
            out.push(*random.pick(b"+-") as char);
        }
        for _ in 0..random.below_one_of(&[3, 6, 20, 30]) {
            out.push(*random.pick(b"0123456789") as char);
        }
        if random.below(2) == 0 {
            out.push('.');
            for _ in 0..random.below_one_of(&[3, 6, 30]) {
                out.push(*random.pick(b"0123456789059") as char);
            }
        }
        match random.below(6) {
            0 => out.push_str(&format!("e{}", random.below(40) as i64 - 20)),
            1 => out.push_str(&format!("e{}", random.below(10_000) as i64 - 5000)),
            _ => {}
        }
        out
    }

    fn compare(cases: Vec<(String, Vec<String>)>) {
        let mut script = b"t() { printf \"$@\" 2>&1; printf '|%s\\1\\2\\n' $?; }\n".to_vec();
        for (format, args) in &cases {
            script.extend_from_slice(&[b"t ", &oracle::word(format.as_bytes())[..]].concat());
            for arg in args {
                script.extend_from_slice(&[b" ", &oracle::word(arg.as_bytes())[..]].concat());
            }
            script.push(b'\n');
        }
        let answers = oracle::answers(&oracle::bash(&script));
        let theirs: Vec<Vec<u8>> = answers
            .iter()
            .map(|answer| {
                let text = answer.split(|&c| c == b'\n').map(|line| {
                    let prefix = b"/dev/stdin: line 1: ";
                    line.strip_prefix(prefix).unwrap_or(line)
                });
                text.collect::<Vec<_>>().join(&b'\n')
            })
            .collect();
        let ours: Vec<Vec<u8>> = cases
            .iter()
            .map(|(format, args)| {
                let (mut host, mut out) = (Host::default(), Vec::new());
                let status = Format::parse(format.as_bytes()).run(args, &mut host, &mut out);
                host.shown.append(&mut out);
                host.shown.extend_from_slice(format!("|{status}").as_bytes());
                host.shown
            })
            .collect();
        oracle::compare(&cases, &ours, &theirs);
    }

    #[test]
    #[ignore = "needs native bash"]
    fn floats_like_bash() {
        let mut random = Random::seeded();
        let cases = (0..12_000).map(|_| {
            let mut format = String::from("%");
            for _ in 0..random.below(3) {
                format.push(*random.pick(b"#-+ 0") as char);
            }
            if random.below(3) == 0 {
                format.push_str(&random.below(30).to_string());
            }
            if random.below(2) == 0 {
                format.push_str(&format!(".{}", random.below_one_of(&[3, 8, 25, 60])));
            }
            format.push(*random.pick(b"eEfFgGaA") as char);
            let number = match random.below(20) {
                0 => random
                    .pick(&[
                        "inf",
                        "nan",
                        "-inf",
                        "0",
                        "-0",
                        "0x1p-16445",
                        "0x1.fffffffffffffffp16383",
                        "1e4932",
                        "0x.8p1",
                        "1e-4951",
                    ])
                    .to_string(),
                1 => format!(
                    "0x{:x}.{:x}p{}",
                    random.below(100_000),
                    random.below(1 << 30),
                    random.below(60) as i64 - 30
                ),
                2 => format!("{}.5", random.below(20)),
                _ => random_number(&mut random),
            };
            (format, vec![number])
        });
        compare(cases.collect());
    }

    #[test]
    #[ignore = "needs native bash"]
    fn like_bash() {
        let mut random = Random::seeded();
        let values = [
            "",
            "a",
            "abc",
            "a b",
            "5",
            "-5",
            "08",
            "0x1f",
            "0x",
            "'a",
            "\"é",
            "é",
            "1.5",
            "12345678901234567890",
            "99999999999999999999",
            "\\tx",
            "a\\cb",
            "\\0101",
            "\\x",
            "-",
            " 7",
            "7 ",
            "+3",
            "$x",
            "it's",
            "0",
            "1e3",
            "abcdefghij",
            "\n",
            "-9223372036854775808",
            "%d",
            "0xZ",
            "-0x10",
            "\\u20ac",
            "'",
            "007",
            "2147483648",
        ];
        let pieces = ["x", "\\n", "%%", " ", "\\t", "\\x41", "\\q", "é", "\\x", "|", "\\0101", "\\e", "\\\"", "\\'"];
        let cases = (0..12_000).map(|_| {
            let mut format = String::new();
            for _ in 0..1 + random.below(4) {
                if random.below(3) == 0 {
                    let piece = *random.pick(&pieces);
                    format.push_str(piece);
                    continue;
                }
                format.push('%');
                for _ in 0..random.below(3) {
                    format.push(*random.pick(b"#-+ 0") as char);
                }
                if random.below(6) == 0 {
                    format.push_str(&(1 + random.below(12)).to_string());
                }
                match random.below(6) {
                    0 => format.push_str(&format!(".{}", random.below(6))),
                    1 if random.below(3) == 0 => format.push('.'),
                    _ => {}
                }
                if random.below(12) == 0 {
                    let modifier = *random.pick(&["l", "h", "ll", "j", "z", "t", "L"]);
                    format.push_str(modifier);
                }
                let letters = if random.below(10) == 0 { &b"yC%kSr"[..] } else { &b"sssdddiouxXcbqQ"[..] };
                format.push(*random.pick(letters) as char);
            }
            (format, (0..random.below(5)).map(|_| random.pick(&values).to_string()).collect())
        });
        compare(cases.collect());
    }
}
