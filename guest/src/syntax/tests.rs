//! The parser against scripts: what it accepts, and that printing and sending keep the meaning.

use super::ast::List;
use super::*;
use crate::wire::{Reader, Writer};

fn parse(text: &str) -> Result<Vec<List>, SyntaxError> {
    let settings = Settings { extglob: true, ..Settings::default() };
    let mut parser = Parser::new(Box::new(Lines::new(text.as_bytes().to_vec())), 1, settings);
    let mut out = Vec::new();
    while let Some(list) = parser.next_command()? {
        out.push(list);
    }
    Ok(out)
}

fn printed(text: &str) -> String {
    let lists = parse(text).unwrap_or_else(|e| panic!("{text:?}: {e:?}"));
    lists.iter().map(|l| String::from_utf8_lossy(&print::list(l)).into_owned()).collect::<Vec<_>>().join("\n")
}

#[test]
fn prints_like_bash() {
    for (text, expect) in [
        ("echo   a  'b c'  \"$x\"", "echo a 'b c' \"$x\""),
        ("a && b || c", "a && b || c"),
        ("a | b |& c", "a | b 2>&1 | c"),
        ("! a; time -p b", "! a; time -p b"),
        ("( a; b )", "( a; b )"),
        ("{ a; b & }", "{ a; b & }"),
        ("x=1 y[2]+=3 z=(a [1]=b) cmd", "x=1 y[2]+=3 z=(a [1]=b) cmd"),
        ("[[ a == b* && ! -n c ]]", "[[ a == b* && ! -n c ]]"),
        ("((a+1))", "((a+1))"),
        ("ls >a 2>&1 3<&- <>b &>c", "ls > a 2>&1 3>&- 0<> b &> c"),
        ("echo $(echo  a;echo b) ${x:-a  b} $((1 + 2)) `q`", "echo $(echo a; echo b) ${x:-a  b} $((1 + 2)) `q`"),
        ("while a; do b; done", "while a; do\n    b;\ndone"),
        ("if a; then b; else c; fi", "if a; then\n    b;\nelse\n    c;\nfi"),
        ("for x in 1 2; do :; done", "for x in 1 2;\ndo\n    :;\ndone"),
        ("cat <<E\nhi $x\nE\n", "cat <<E\nhi $x\nE\n"),
    ] {
        assert_eq!(printed(text), expect, "{text:?}");
    }
}

#[test]
fn accepts_what_bash_accepts() {
    for text in [
        "select x in a b; do echo $x; done",
        "for x in a b; { echo $x; }",
        "for ((;;)) do break; done",
        "for ((i=0;i<3;i++)) { echo $i; }",
        "f() [[ a == a ]]",
        "f() ((1))",
        "function f () (echo)",
        "x=$(case a in a) echo 1;; esac)",
        "echo ${x:-a'}'b} \"${x:-'}'}\"",
        "[[ $a =~ ^[0-9]+(\\.[0-9]*)?$ ]]",
        "[[ a =~ (b|c)+ && ( x || y ) ]]",
        "echo $(echo ')' # c)\n)",
        "echo $(cat <<E\n)\nE\n)",
        "case in in in) echo in;; esac",
        "if cat <<E; then\nx\nE\necho; fi",
        "echo $((echo a); echo b)",
        "((echo a); (echo b))",
        "coproc X { cat; }",
        "declare -A m=([a]=b [\"c d\"]=e)",
        "ls !(a|b) +([0-9])",
        "{fd}>x exec {fd}<&-",
        "cat <<A <<B\na\nA\nb\nB",
        "echo ${a[@]:1:2} ${!a[@]} ${!x} ${!p*} ${#a[@]} ${x//a/b} ${x@Q} ${#} ${##} ${#-} ${!} ${x:$((1?2:3)):4}",
    ] {
        assert!(parse(text).is_ok(), "{text:?}: {:?}", parse(text));
    }
}

#[test]
fn errors_read_as_in_bash() {
    for (text, expect) in [
        ("echo )", "line 1: syntax error near unexpected token `)'\nline 1: `echo )'\n"),
        ("if true", "line 2: syntax error: unexpected end of file\n"),
        ("echo \"a\nb", "line 1: unexpected EOF while looking for matching `\"'\n"),
        ("a &&\n&& b", "line 2: syntax error near unexpected token `&&'\nline 2: `&& b'\n"),
        ("for", "line 1: syntax error near unexpected token `newline'\nline 1: `for'\n"),
        ("echo $(echo", "line 2: unexpected EOF while looking for matching `)'\n"),
        ("[[ a b ]]", "line 1: conditional binary operator expected\n"),
        ("[[ -f ]]", "line 1: unexpected argument `]]' to conditional unary operator\n"),
        ("echo a; fi", "line 1: syntax error near unexpected token `fi'\nline 1: `echo a; fi'\n"),
        ("x[1", "line 1: unexpected EOF while looking for matching `]'\n"),
    ] {
        let error = parse(text).expect_err(text);
        assert_eq!(String::from_utf8_lossy(&error.render(b"")), expect, "{text:?}");
    }
}

#[test]
fn deep_nesting_is_an_error() {
    let run = std::thread::Builder::new().stack_size(64 << 20).spawn(deep_nesting);
    assert!(run.is_ok_and(|t| t.join().is_ok()));
}

fn deep_nesting() {
    for (open, close) in [
        ("( ", ")"),
        ("$(", ")"),
        ("${x:-", "}"),
        ("if ", ""),
        ("{ ", ""),
        ("[[ ! ", ""),
        ("\"$(", ""),
        ("$((", ""),
        ("${a[", "]}"),
        ("$[", "]"),
        ("coproc ", ""),
    ] {
        let text = format!("echo {}\n", [open.repeat(20_000), close.repeat(20_000)].concat());
        let text = if open.starts_with(['$', '"']) { text } else { text.trim_start_matches("echo ").to_string() };
        assert!(parse(&text).is_err(), "{open:?}");
    }
}

#[test]
fn commands_are_given_one_at_a_time() {
    let mut parser = Parser::new(Box::new(Lines::new(b"echo a\necho )\necho b\n".to_vec())), 1, Settings::default());
    assert!(matches!(parser.next_command(), Ok(Some(_))));
    assert!(parser.next_command().is_err());
    assert!(matches!(parser.next_command(), Ok(Some(_))));
    assert!(matches!(parser.next_command(), Ok(None)));
}

#[test]
fn aliases_are_text() {
    let aliases = [("ll", "ls -l "), ("d", "dir"), ("ls", "ls -F"), ("loop", "while true; do")];
    let aliases = aliases.iter().map(|(a, b)| (a.as_bytes().to_vec(), b.as_bytes().to_vec())).collect();
    let settings = Settings { aliases: Some(std::rc::Rc::new(aliases)), ..Settings::default() };
    let text = b"ll d; loop break; done; echo ll; 'll'\n".to_vec();
    let mut parser = Parser::new(Box::new(Lines::new(text)), 1, settings);
    let list = parser.next_command().ok().flatten().map(|l| print::list(&l)).unwrap_or_default();
    let expect = "ls -F -l dir; while true; do\n    break;\ndone; echo ll; 'll'";
    assert_eq!(String::from_utf8_lossy(&list), expect);
}

#[test]
fn a_tree_survives_the_wire() {
    for text in [
        "echo a 'b' \"c $x ${y:-d}\" $(ls | wc) `pwd` $((1+$z)) <(a) ~/x {a,b}",
        "for i in 1 2; do x[$i]=3; done >f 2>&1",
        "case $x in a|b) c;; *) d;& e) ;;& esac",
        "f() { local -a q=(1 [2]=3); }; coproc X { cat; }",
        "if a; then b; elif c; then d; else e; fi | while read x; do :; done &",
        "[[ -f a && ( b == c || ! d =~ e ) ]]; ((a++)); for ((i=0;i<3;i++)); do :; done; select a; do b; done",
        "cat <<-A 3<<'B' <<<c {fd}>&-\n\tx $y\n\tA\nz\nB\n",
    ] {
        let lists = parse(text).unwrap_or_else(|e| panic!("{text:?}: {e:?}"));
        for list in lists {
            let mut w = Writer::default();
            codec::list(&mut w, &list);
            let back = codec::read_list(&mut Reader::new(&w.buf)).unwrap_or_else(|| panic!("{text:?}"));
            assert_eq!(print::list(&list), print::list(&back), "{text:?}");
            let mut again = Writer::default();
            codec::list(&mut again, &back);
            assert_eq!(w.buf, again.buf);
            for end in 0..w.buf.len() {
                let _ = codec::read_list(&mut Reader::new(&w.buf[..end]));
            }
        }
    }
}
