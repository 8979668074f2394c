//! The shell on the fake system: every path through the executor that needs no real files.

use crate::system::fake::{Fake, Outcome};

/// Runs `bash -c script`.
fn run(script: &str) -> Outcome {
    // Panics are how processes of the fake end; they are not to be printed.
    std::panic::set_hook(Box::new(|_| {}));
    Fake::new(&["bash", "-c", script], b"").run()
}

fn check(script: &str, stdout: &str) {
    let got = run(script);
    assert_eq!(got.stdout, stdout, "{script}\nstderr: {}", got.stderr);
}

fn check_error(script: &str, stderr: &str, status: i32) {
    let got = run(script);
    assert_eq!((got.stderr.as_str(), got.status), (stderr, status), "{script}\nstdout: {}", got.stdout);
}

#[test]
fn commands_and_lists() {
    check("echo hi; true && echo a || echo b; false || echo c; ! false && echo d", "hi\na\nc\nd\n");
    check("if false; then echo a; elif true; then echo b; fi; for i in 1 2; do echo $i; done", "b\n1\n2\n");
    check("i=0; while [ $i -lt 3 ]; do i=$((i+1)); done; echo $i; until true; do :; done", "3\n");
    check("case abc in x) echo 1;; a*) echo 2;& y) echo 3;; esac", "2\n3\n");
    check("for ((i=0;i<3;i++)); do [ $i = 1 ] && continue; echo $i; done", "0\n2\n");
    assert_eq!(run("exit 3").status, 3);
}

#[test]
fn expansions() {
    check("x='a  b'; echo $x \"$x\" ${#x} ${x/a/c} ${x%b} ${y:-d} $((1+2*3))", "a b a  b 4 c b a d 7\n");
    check("set -- 'a b' c; for i in \"$@\"; do echo \"<$i>\"; done; echo $# \"$*\"", "<a b>\n<c>\n2 a b c\n");
    check("a=(x y z); a[5]=w; echo ${a[@]} ${!a[@]} ${#a[@]} ${a[-1]}", "x y z w 0 1 2 5 4 w\n");
    check("declare -A m=([k]=v); m[j]=w; echo ${m[k]}${m[j]} ${#m[@]}", "vw 2\n");
    check("echo {a,b}{1..3} \"{a,b}\"", "a1 a2 a3 b1 b2 b3 {a,b}\n");
    check("IFS=:; x=a:b; set -- $x; echo $2; echo ~ '~'", "b\n/home ~\n");
    check("cd /bin; echo c*", "cat\n");
}

#[test]
fn functions_and_scopes() {
    check("x=1; f() { local x=2; g; echo $x; }; g() { x=3; }; f; echo $x", "3\n1\n");
    check("f() { return 4; }; f; echo $?; f() { echo $# $1 $FUNCNAME; }; f a b", "4\n2 a f\n");
    check("X=1 eval 'echo $X'; echo [$X]", "1\n[]\n");
}

#[test]
fn children() {
    check("echo hello | upper; x=$(echo a; echo b); echo \"$x\"; (y=1; echo $y); echo [$y]", "HELLO\na\nb\n1\n[]\n");
    check("f() { echo f$x; }; x=1; echo $(f); f | upper; { f; } | cat", "f1\nF1\nf1\n");
    check("true | fail | true; echo ${PIPESTATUS[@]}; set -o pipefail; fail | true; echo $?", "0 7 0\n7\n");
    check("fail & wait $!; echo $?; (exit 3) & wait; echo $?", "7\n0\n");
    check("a=(1 2); declare -A m=([k]=v); ( echo ${a[1]} ${m[k]} ); echo $(set -- p; echo $1)", "2 v\np\n");
    check("cat <(echo x) < <(echo y) | upper", "Y\n");
}

#[test]
fn redirections() {
    check(
        "echo a > /tmp/f; echo b >> /tmp/f; cat < /tmp/f; while read l; do echo \"<$l>\"; done < /tmp/f",
        "a\nb\n<a>\n<b>\n",
    );
    check("cat <<E\nx $((1+1))\nE\ncat <<< 'y z'", "x 2\ny z\n");
    check("exec 3>/tmp/f; echo x >&3; exec 3>&-; cat < /tmp/f; echo $(</tmp/f)", "x\nx\n");
    check("{ echo a; echo b >&2; } 2>/tmp/e; cat < /tmp/e", "a\nb\n");
    check_error("echo x > /no/f; exit $?", "bash: line 1: /no/f: No such file or directory\n", 1);
}

#[test]
fn errors_have_bashs_words_and_status() {
    check_error("nosuch", "bash: line 1: nosuch: command not found\n", 127);
    check_error("/tmp", "bash: line 1: /tmp: Is a directory\n", 126);
    check_error("echo )", "bash: -c: line 1: syntax error near unexpected token `)'\nbash: -c: line 1: `echo )'\n", 2);
    check_error("set -u; echo $x", "bash: line 1: x: unbound variable\n", 127);
    check_error("echo ${x?gone}", "bash: line 1: x: gone\n", 127);
    check_error("readonly r=1; r=2", "bash: line 1: r: readonly variable\n", 1);
    check_error("echo $((1/0))", "bash: line 1: 1/0: division by 0 (error token is \"0\")\n", 1);
}

#[test]
fn errexit_and_traps() {
    check("set -e; false || echo a; if false; then :; fi; echo b; false; echo no", "a\nb\n");
    check("trap 'echo bye $?' EXIT; (trap 'echo sub' EXIT); exit 2", "sub\nbye 2\n");
    check("trap 'echo usr' USR1; kill -USR1 $$; echo after", "usr\nafter\n");
    check("trap 'echo err' ERR; false; true; fail", "err\nerr\n");
    assert_eq!(run("(kill -TERM $BASHPID); exit $?").status, 143);
}

#[test]
fn the_state_of_a_session_is_a_value() {
    use crate::shell::Shell;
    use crate::system::{WaitStatus, signal};
    use std::rc::Rc;
    let start = || Shell::new(Rc::new(Fake::new(&["bash"], b"")), b"bash");
    let mut first = start();
    let text = b"x=1; declare -i n=5; a=(p q); declare -A m=([k]=v); f() { echo in f; }; set -f; alias q=w; cd /tmp";
    let _ = first.run_text(text, 1, crate::exec::function::Origin::Command);
    first.jobs.add(vec![4000], b"lost".to_vec());
    let state = first.encode_session();
    let mut second = start();
    assert!(second.restore_session(&state).is_some());
    let job = &second.jobs.list[0];
    assert_eq!((job.id, &job.text[..], job.status()), (1, &b"lost"[..], Some(WaitStatus::Signaled(signal::HUP))));
    let check = b"[ \"$x$n${a[1]}${m[k]}$PWD\" = '15qv/tmp' ] && type f >/dev/null && [[ $- == *f* ]]; n+=1; st=$?";
    let _ = second.run_text(check, 1, crate::exec::function::Origin::Command);
    assert_eq!(second.vars.text(crate::names::Sym::new(b"st")), Some(&b"0"[..]));
    for end in 0..state.len() {
        let _ = start().restore_session(&state[..end]);
    }
}

#[test]
fn scripts_from_standard_input_share_it() {
    std::panic::set_hook(Box::new(|_| {}));
    let got = Fake::new(&["bash", "-s", "p"], b"read x\nline\necho \"$x $1\"\ncat\nrest\n").run();
    assert_eq!(got.stdout, "line p\nrest\n");
}

#[test]
fn any_bytes_survive() {
    let script = b"x='\xff\xfe'; echo \"$x\" ${#x}; echo $(echo \"$x\")";
    std::panic::set_hook(Box::new(|_| {}));
    let mut fake = Fake::new(&["bash", "-c"], b"");
    fake.push_arg(script);
    let got = fake.run_bytes();
    assert_eq!(got, b"\xff\xfe 2\n\xff\xfe\n");
}
