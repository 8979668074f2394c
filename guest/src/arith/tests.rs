use super::*;
use std::collections::HashMap;

/// Variables as texts; `name[key]` for elements.
#[derive(Default)]
struct Vars {
    scalars: HashMap<Vec<u8>, Vec<u8>>,
    complaints: Vec<u8>,
}

fn element_name(element: &Element<'_>) -> Vec<u8> {
    match element.key {
        Key::Index(index) => [element.name, b"[", index.to_string().as_bytes(), b"]"].concat(),
        Key::Name(key) => [element.name, b"[", key, b"]"].concat(),
    }
}

impl Vars {
    fn example() -> Vars {
        let list: [(&str, &str); 11] = [
            ("x", "5"),
            ("y", "-3"),
            ("z", "x+2"),
            ("e", ""),
            ("w", "1/0"),
            ("r", "r"),
            ("n", "  1 +"),
            ("a[0]", "3"),
            ("a[1]", "4"),
            ("a[2]", "x*2"),
            ("m[k]", "7"),
        ];
        let scalars = list.map(|(name, value)| (name.into(), value.into())).into();
        Vars { scalars, complaints: Vec::new() }
    }
    /// Counts a negative index from the end; -1 if that is too far.
    fn resolve<'a>(&self, element: Element<'a>) -> Element<'a> {
        let prefix = [element.name, b"["].concat();
        let indexes = self.scalars.keys().filter_map(|name| {
            let name = name.strip_prefix(&prefix[..])?.strip_suffix(b"]")?;
            std::str::from_utf8(name).ok()?.parse::<i64>().ok()
        });
        match element.key {
            Key::Index(index) if index < 0 => {
                let end = indexes.max().map_or(0, |max| max + 1);
                Element { key: Key::Index((end + index).max(-1)), ..element }
            }
            _ => element,
        }
    }
    fn value(&self, name: &[u8]) -> Value<'_> {
        self.scalars.get(name).map_or(Value::Unset, |text| Value::Text(text))
    }
}

impl ArithEnv for Vars {
    fn get(&mut self, name: &[u8]) -> Result<Value<'_>, ArithError> {
        if name == b"a" {
            return Ok(self.value(b"a[0]"));
        }
        Ok(self.value(name))
    }
    fn set(&mut self, name: &[u8], value: i64) -> Result<(), ArithError> {
        let name = if name == b"a" { b"a[0]" } else { name };
        self.scalars.insert(name.to_vec(), value.to_string().into_bytes());
        Ok(())
    }
    fn get_element(&mut self, element: Element<'_>) -> Result<Value<'_>, ArithError> {
        let element = self.resolve(element);
        if let Key::Index(index) = element.key
            && index < 0
        {
            self.complaints.extend_from_slice(&[element.name, b": bad array subscript\n"].concat());
            return Ok(Value::Unset);
        }
        if element.name == b"x" && element.key == Key::Index(0) {
            return Ok(self.value(b"x"));
        }
        Ok(self.value(&element_name(&element)))
    }
    fn set_element(&mut self, element: Element<'_>, value: i64) -> Result<(), ArithError> {
        let element = self.resolve(element);
        if element.key == Key::Index(-1) {
            let message = [element.name, b"[", element.subscript, b"]: bad array subscript\n"].concat();
            self.complaints.extend_from_slice(&message);
            return Ok(());
        }
        let name = element_name(&element);
        let name = if name == b"x[0]" { b"x".to_vec() } else { name };
        self.scalars.insert(name, value.to_string().into_bytes());
        Ok(())
    }
    fn is_assoc(&mut self, name: &[u8]) -> bool {
        name == b"m"
    }
    fn expand_subscript(&mut self, _: &[u8], subscript: &[u8]) -> Result<Vec<u8>, ArithError> {
        Ok(subscript.to_vec())
    }
    fn bad_subscript(&mut self, name: &[u8], subscript: &[u8], _: bool) -> Result<(), ArithError> {
        let message = [name, b"[", subscript, b"]: bad array subscript\n"].concat();
        self.complaints.extend_from_slice(&message);
        Ok(())
    }
}

fn text(result: Result<i64, ArithError>) -> String {
    match result {
        Ok(value) => value.to_string(),
        Err(ArithError::Expr(text) | ArithError::Subscript(text) | ArithError::Env(text)) => {
            String::from_utf8_lossy(&text).into_owned()
        }
    }
}

fn run(source: &str) -> String {
    text(eval(source.as_bytes(), &mut Vars::example()))
}

#[test]
fn values() {
    for (source, value) in [
        ("", "0"),
        (" \n", "0"),
        ("1+2*3", "7"),
        ("-2**2", "4"),
        ("2**3**2", "512"),
        ("x++ + ++x", "12"),
        ("z*2", "14"),
        ("0x1F + 010 + 2#101 + 64#@_", "4075"),
        ("36#Zz", "1295"),
        ("1?2:3?4:5", "2"),
        ("0?2:0?4:5", "5"),
        ("x=3,y=x+1,y*x", "12"),
        ("a[2]", "10"),
        ("a[x-4] += 2", "6"),
        ("m[k]--", "7"),
        ("nope", "0"),
        ("x&&0||1", "1"),
        ("!x", "0"),
        ("~0 ^ 5", "-6"),
        ("1<<65", "2"),
        ("9223372036854775808", "-9223372036854775808"),
        ("(-9223372036854775807-1)/-1", "-9223372036854775808"),
        ("(-9223372036854775807-1)%-1", "0"),
        ("x<<=2", "20"),
        ("+ +3 - - 2", "5"),
        ("0 && 1/0", "0"),
        ("1 || 1/0", "1"),
        ("1 ? 2 : 1/0", "2"),
    ] {
        assert_eq!(run(source), value, "{source}");
    }
}

#[test]
fn errors() {
    for (source, message) in [
        ("  1 + ", r#"1 + : syntax error: operand expected (error token is "+ ")"#),
        ("x y", r#"x y: syntax error in expression (error token is "y")"#),
        ("5=3", r#"5=3: attempted assignment to non-variable (error token is "=3")"#),
        ("1/0+2", r#"1/0+2: division by 0 (error token is "0+2")"#),
        ("w+2", r#"1/0: division by 0 (error token is "0")"#),
        ("(1", r#"(1: missing `)' (error token is "1")"#),
        ("1?2", r#"1?2: `:' expected for conditional expression (error token is "2")"#),
        ("1?2:", r#"1?2:: expression expected (error token is ":")"#),
        ("1?:2", r#"1?:2: expression expected (error token is ":2")"#),
        ("3 + 08 + 1", r#"3 + 08: value too great for base (error token is "08")"#),
        ("16#", r#"16#: invalid integer constant (error token is "16#")"#),
        ("65#1", r#"65#1: invalid arithmetic base (error token is "65#1")"#),
        ("2**-1 + 3", r#"2**-1 + 3: exponent less than 0 (error token is "+ 3")"#),
        ("0 && 2**-1", r#"0 && 2**-1: exponent less than 0 (error token is "1")"#),
        ("1 ? 2 : 2**(x-1)", r#"1 ? 2 : 2**(x-1): exponent less than 0 (error token is ")")"#),
        ("1.5", r#"1.5: syntax error: invalid arithmetic operator (error token is ".5")"#),
        ("--x++", r#"--x++: ++: assignment requires lvalue (error token is "++")"#),
        ("a[1", r#"a[1: bad array subscript (error token is "a[1")"#),
        ("r", r#"r: expression recursion level exceeded (error token is "r")"#),
        ("0 && (1 +", r#"0 && (1 +: syntax error: operand expected (error token is "+")"#),
    ] {
        assert_eq!(run(source), message, "{source}");
    }
}

#[test]
fn what_was_assigned_before_an_error_stays() {
    let mut vars = Vars::example();
    assert!(eval(b"x=7, ", &mut vars).is_err());
    assert_eq!(vars.scalars[&b"x"[..]], b"7");
}

#[test]
fn an_error_in_a_subscript_is_marked() {
    let error = eval(b"a[1+]", &mut Vars::example());
    let text = br#"1+: syntax error: operand expected (error token is "+")"#;
    assert_eq!(error, Err(ArithError::Subscript(text.to_vec())));
}

#[test]
fn nesting_costs_no_stack() {
    for source in
        ["(".repeat(100_000), "-".repeat(100_000), "1?".repeat(100_000), "a[".repeat(5_000), "x=".repeat(9_999)]
    {
        assert!(eval(source.as_bytes(), &mut Vars::example()).is_err());
    }
    let deep = format!("{}1{}", "(".repeat(50_000), ")".repeat(50_000));
    assert_eq!(run(&deep), "1");
    let deep = format!("{}0{}", "a[".repeat(3_000), "]".repeat(3_000));
    assert_eq!(run(&deep), "0");
    assert_eq!(run(&("1+".repeat(100_000) + "1")), "100001");
}

#[cfg(unix)]
mod differential {
    use super::*;
    use crate::text::oracle::{self, Random};

    fn random_expression(random: &mut Random) -> String {
        let tokens = [
            "1",
            "2",
            "0",
            "3",
            "x",
            "y",
            "z",
            "e",
            "w",
            "n",
            "q",
            "a[1]",
            "a[x-4]",
            "a[y]",
            "m[k]",
            "m[new]",
            "08",
            "0x1f",
            "2#2",
            "1",
            "2",
            "x",
            "y",
            "z",
            "(",
            ")",
            "(",
            ")",
            "[",
            "?",
            ":",
            ",",
            "=",
            "+=",
            "-=",
            "*=",
            "/=",
            "%=",
            "<<=",
            "|=",
            "+",
            "-",
            "*",
            "/",
            "%",
            "**",
            "++",
            "--",
            "!",
            "~",
            "<",
            ">",
            "<=",
            ">=",
            "==",
            "!=",
            "&",
            "|",
            "^",
            "&&",
            "||",
            "<<",
            ">>",
            "@",
            ".",
            "#",
            "&&=",
            "a[",
            "a[1+]",
            "a[a[0]-2]",
            "x[0]",
            "a[w]",
        ];
        let operators = ["+", "-", "*", "/", "%", "<", "&&", "||", "?", ":", ",", "=", "+=", "==", "**"];
        let operands = ["1", "2", "x", "y", "a[1]", "z", "m[k]", "(1", "2)", "x++", "--y", "-3", "a[x++]"];
        let structured = random.below(2) == 0;
        let mut out = String::new();
        for index in 0..1 + random.below(9) {
            let token = match (structured, index % 2) {
                (true, 0) => random.pick(&operands),
                (true, _) => random.pick(&operators),
                _ => random.pick(&tokens),
            };
            out.push_str(token);
            if random.below(3) == 0 {
                out.push(' ');
            }
        }
        out
    }

    #[test]
    #[ignore = "needs native bash"]
    fn like_bash() {
        let mut random = Random::seeded();
        let cases = std::iter::repeat_with(|| random_expression(&mut random));
        let cases: Vec<String> = cases.filter(|case| case != "--").take(6000).collect();
        let mut script = b"x=5 y=-3 z=x+2 e= w=1/0 r=r n='  1 +' a=(3 4 'x*2'); declare -A m=([k]=7)
            t() { (let \"$1\" 2>&1; echo $? $x $y $z \"${a[*]}\" ${m[k]}); printf '\\1\\2\\n'; }\n"
            .to_vec();
        for case in &cases {
            script.extend_from_slice(&[b"t ", &oracle::word(case.as_bytes())[..], b"\n"].concat());
        }
        let theirs = oracle::answers(&oracle::bash(&script));
        let theirs: Vec<Vec<u8>> = theirs.iter().map(|answer| normal(answer)).collect();
        let ours: Vec<Vec<u8>> = cases.iter().map(|case| answer(case)).collect();
        oracle::compare(&cases, &ours, &theirs);
    }

    /// Removes `…: line N: ` and the command's name.
    fn normal(answer: &[u8]) -> Vec<u8> {
        let text = String::from_utf8_lossy(answer);
        let lines = text.lines().map(|line| match line.find(": line ") {
            Some(at) => {
                let rest = &line[at + 7..];
                let rest = &rest[rest.find(": ").map_or(0, |at| at + 2)..];
                rest.strip_prefix("let: ").unwrap_or(rest)
            }
            None => line,
        });
        lines.collect::<Vec<_>>().join("\n").into_bytes()
    }

    fn answer(case: &str) -> Vec<u8> {
        let mut vars = Vars::example();
        let result = eval(case.as_bytes(), &mut vars);
        let mut out = String::from_utf8_lossy(&vars.complaints).into_owned();
        let status = i32::from(!matches!(result, Ok(value) if value != 0));
        if result.is_err() {
            out.push_str(&text(result.clone()));
            out.push('\n');
        }
        if !matches!(result, Err(ArithError::Subscript(_))) {
            out.push_str(&status.to_string());
            let elements = (0..100).map(|index| format!("a[{index}]"));
            let names = ["x", "y", "z"].map(String::from).into_iter().chain(elements).chain(["m[k]".into()]);
            for value in names.filter_map(|name| vars.scalars.get(name.as_bytes())) {
                out.push(' ');
                out.push_str(&String::from_utf8_lossy(value));
            }
        }
        out.trim_end().as_bytes().to_vec()
    }
}
