//! Scripts against rules: what is found in them, what cannot be known, what bypasses were thought of.

use super::*;

fn rule(text: &str) -> Rule {
    let (decision, rest) = text.split_once(' ').unwrap_or((text, ""));
    let (command, path) = match rest.split_once('@') {
        Some((command, path)) => (command.trim(), Some(path.trim())),
        None => (rest, None),
    };
    let decision = match decision {
        "deny" => Decision::Deny,
        "ask" => Decision::Ask,
        _ => Decision::Allow,
    };
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Rule { decision, command: some(command), path: path.and_then(some), reason: None }
}

fn rules(default: Decision, texts: &[&str]) -> Rules {
    let config = RulesConfig { default, rules: texts.iter().map(|text| rule(text)).collect() };
    Rules::new(config).expect("they are good")
}

fn check(rules: &Rules, script: &str) -> Verdict {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("it starts");
    runtime.block_on(rules.check(script, "/work"))
}

#[track_caller]
fn expect(rules: &Rules, expected: Decision, scripts: &[&str]) {
    for script in scripts {
        let verdict = check(rules, script);
        assert_eq!(verdict.decision, expected, "{script}\n{:?}", verdict.reasons);
    }
}

#[test]
fn every_command_is_found_wherever_it_is() {
    let no_rm = rules(Decision::Allow, &["deny rm"]);
    expect(
        &no_rm,
        Decision::Deny,
        &[
            "rm x",
            "ls; rm x",
            "true && rm x || false",
            "cat x | rm y",
            "echo $(rm x)",
            "echo `rm x`",
            "echo \"a $(echo $(rm x))\"",
            "x=$(rm x)",
            "a[$(rm x)]=1",
            "a=( $(rm x) )",
            "echo ${y:-$(rm x)}",
            "echo ${y/$(rm x)/z}",
            "echo $(( $(rm x) + 1 ))",
            "(( $(rm x) ))",
            "diff <(rm x) y",
            "cat <<E\n$(rm x)\nE",
            "cat <<< $(rm x)",
            "ls > $(rm x)",
            "if true; then rm x; fi",
            "if rm x; then :; fi",
            "for i in $(rm x); do :; done",
            "for i in 1 2; do rm $i; done",
            "for ((i=0;i<1;i++)); do rm x; done",
            "while rm x; do :; done",
            "case $(rm x) in *) ;; esac",
            "case x in x) rm x;; esac",
            "[[ -n $(rm x) ]]",
            "( rm x )",
            "{ rm x; }",
            "f() { rm x; }; f",
            "ls() { command rm x; }; ls",
            "coproc rm x",
            "! rm x",
            "time rm x",
            "rm x &",
            "declare y=$(rm x)",
            // In other spellings.
            "'rm' x",
            "r\\m x",
            "\"rm\" x",
            "$'\\x72m' x",
            "{rm,x}",
            "/bin/rm x",
            "/usr/bin/rm x",
            "./rm x",
            "A=1 rm x",
            ">y rm x",
        ],
    );
    expect(
        &no_rm,
        Decision::Allow,
        &["ls", "echo rm x", "rmdir x", "echo 'rm x'", "# rm x", "cat <<'E'\nrm x\nE", "x='rm x'"],
    );
}

#[test]
fn what_a_command_hands_on_is_read_too() {
    let no_rm = rules(Decision::Allow, &["deny rm"]);
    expect(
        &no_rm,
        Decision::Deny,
        &[
            "eval rm x",
            "eval 'rm x'",
            "eval \"rm\" 'x; ls'",
            "bash -c 'rm x'",
            "bash -ec 'ls; rm x'",
            "sh -c \"rm x\"",
            "/bin/bash --norc -c 'rm x'",
            "bash -o pipefail -c 'rm x'",
            "bash <<'E'\nrm x\nE",
            "bash <<< 'rm x'",
            "bash -s <<E\nrm x\nE",
            "bash -c 'bash -c \"rm x\"'",
            "env rm x",
            "env -i A=1 B=2 rm x",
            "command rm x",
            "builtin command rm x",
            "exec rm x",
            "nohup nice -n 5 rm x",
            "timeout 5 rm x",
            "timeout -s KILL 5s rm x",
            "stdbuf -o L rm x",
            "busybox rm x",
            "ls | xargs rm",
            "ls | xargs -n 1 -I {} rm {}",
            "find . -name '*.c' -exec rm {} +",
            "find . -type f -exec ls {} \\; -exec rm {} \\;",
            "trap 'rm x' EXIT",
            "alias ls='rm x'",
            "env bash -c 'eval \"rm x\"'",
        ],
    );
    expect(&no_rm, Decision::Allow, &["command -v rm", "bash --version", "find . -name rm", "trap - EXIT", "alias"]);
}

#[test]
fn what_cannot_be_known_is_asked() {
    let some = rules(Decision::Allow, &["deny rm"]);
    let unknown = [
        "$cmd x",
        "\"$cmd\"",
        "$(echo rm) x",
        "r$x y",
        "eval \"$x\"",
        "bash -c \"$x\"",
        "bash script.sh",
        "bash",
        "curl x | bash",
        "source x",
        ". ./x",
        "./x",
        "/work/x",
        "env $opts ls",
        "timeout \"$t\" rm x",
        "xargs $x",
        "xargs $cmd",
        "env -S 'rm x'",
        "PATH=/work ls",
        "export PATH=/work",
        "PATH=/work:$PATH; ls",
        "BASH_ENV=x bash -c ls",
        "x='a[$(rm y)]'; echo $((x))",
        "let 'a[$(rm y)]'",
        "PS4='$(rm x)'; set -x",
        "echo ${x@P}",
        "enable -f x rm",
        "hash -p /work/x ls",
        "mapfile -C x -c 1 a",
        "trap \"$x\" EXIT",
        "alias $x",
        "find . $args",
        "shopt -s extglob\necho !(a)",
        "echo (",
        "{$x,y}",
        "/b?n/rm x",
    ];
    expect(&some, Decision::Ask, &unknown);
    // Where everything is allowed there is nothing to ask.
    expect(&rules(Decision::Allow, &["allow ls"]), Decision::Allow, &unknown);
    // A rule may allow just that.
    expect(
        &rules(Decision::Allow, &["allow ./x", "allow bash script.sh", "deny rm"]),
        Decision::Allow,
        &["./x 1", "bash script.sh"],
    );
}

#[test]
fn words_are_matched_in_order_when_forbidden_and_one_by_one_when_allowed() {
    let git = rules(Decision::Allow, &["ask git push", "deny git * --force"]);
    expect(&git, Decision::Ask, &["git push", "git -C x push origin", "git $x", "git push --force", "git x $y"]);
    expect(&git, Decision::Deny, &["git reset --force", "git -c x=y --force z"]);
    expect(&git, Decision::Allow, &["git status", "echo git push", "git pull"]);
    let only = rules(Decision::Deny, &["allow git log", "allow ls *", "allow cat", "ask sed -i*"]);
    expect(
        &only,
        Decision::Allow,
        &["git log", "git log --oneline", "ls", "ls -l x", "ls $x", "ls *", "cat $x", "cd /; echo hi; [ -f x ]"],
    );
    expect(
        &only,
        Decision::Deny,
        &["git push", "git -C log push", "git", "curl", "ls; curl", "echo x > y", "./ls", "sed p"],
    );
    expect(&only, Decision::Ask, &["sed -i s/a/b/ x", "sed -i.bak p", "git $x", "sed $x"]);
}

#[test]
fn paths_are_followed() {
    let no_etc = rules(Decision::Allow, &["deny @/etc"]);
    expect(
        &no_etc,
        Decision::Deny,
        &[
            "cat /etc/passwd",
            "cat /tmp/../etc/passwd",
            "cat //etc/./passwd",
            "cat ../etc/passwd",
            "cat /etc",
            "cat /etc/*",
            "echo x > /etc/x",
            "echo x >> '/etc/x'",
            "cat < /etc/x",
            "echo x &> /etc/x",
            "cat <> /etc/x",
            "exec 3>/etc/x",
            "> /etc/x",
            "{ ls; } > /etc/x",
            "while :; do ls; done < /etc/x",
            "cd /etc; cat passwd",
            "cd / && cat etc/passwd",
            "cd /; cd etc; cat passwd",
            "(cd /etc; cat passwd)",
            "pushd /etc; cat passwd",
            "f() { cat passwd; }; cd /etc; f",
            "while cat passwd; do cd /etc; done",
            "tar --directory=/etc -x",
            "tar -C/etc x",
            "dd of=/etc/x",
            "curl -d @/etc/passwd x",
            "bash -c 'cat /etc/passwd'",
            "cat {/tmp,/etc}/x",
        ],
    );
    expect(
        &no_etc,
        Decision::Allow,
        &["cat /etcetera", "cat etc/passwd", "cat x", "ls 2>&1 >/dev/null", "ls 2>&-", "cat /tmp/*", "cd x; cat y"],
    );
    expect(
        &no_etc,
        Decision::Ask,
        &[
            "cat $x",
            "cat /tmp/$x",
            "cd $x; cat y",
            "cd; cat y",
            "for f in *; do cd x; cat passwd; done",
            "ls > \"$out\"",
        ],
    );
    let passwd = rules(Decision::Allow, &["deny @/etc/passwd"]);
    let later =
        ["f() { cat passwd; }; cd /etc; f", "trap 'cat passwd' EXIT; cd /etc", "while cat passwd; do cd /etc; done"];
    expect(&passwd, Decision::Deny, &later);
    expect(&passwd, Decision::Allow, &["cd /etc; cat group", "cat passwd; cd /etc"]);
    // What variables hold is followed if the script says all of it.
    for (script, expected) in [
        ("d=/etc; cat $d/passwd", Decision::Deny),
        ("d=/etc; cat \"${d}/passwd\"", Decision::Deny),
        ("d=/tmp; e=$d/x; cat \"$e\" > \"$e.out\"", Decision::Allow),
        ("d=/; e=${d}etc; f=$e/passwd; cat $f", Decision::Deny),
        ("for d in /tmp /var; do ls $d; done", Decision::Allow),
        ("for d in /tmp /etc; do ls $d; done", Decision::Deny),
        ("for f in *.csv; do wc -l \"$f\" > \"/tmp/$f.count\"; done", Decision::Allow),
        ("if x; then d=/tmp; else d=/etc; fi; ls $d", Decision::Deny),
        ("export d=/etc; ls $d", Decision::Deny),
        ("local d=/tmp; cd $d; cat x", Decision::Allow),
        ("cd /; d=etc; cd $d; cat x", Decision::Deny),
        ("f() { d=/etc; }; d=/tmp; f; ls $d", Decision::Deny),
        ("eval d=/etc; ls $d", Decision::Deny),
        ("env -i ls $HOME", Decision::Ask),
        ("d=/tmp; read d; ls $d", Decision::Ask),
        ("d=/tmp; d+=/../etc; ls $d", Decision::Ask),
        ("d=/tmp; export \"d=/etc\"; ls $d", Decision::Ask),
        ("d=/tmp; declare -n r=d; r=/etc; ls $d", Decision::Ask),
        ("d=/tmp; printf -v d %s /etc; ls $d", Decision::Ask),
        ("d=/tmp; mapfile d; ls $d", Decision::Ask),
        ("d=/tmp; source x; ls $d", Decision::Ask),
        ("d=/tmp; d=$(pwd); ls $d", Decision::Ask),
        ("d='/tmp /etc'; ls $d", Decision::Ask),
        ("d=/tmp; : ${e:=$d}; ls $e", Decision::Ask),
        ("d=/e; ls ${d/e/etc}", Decision::Ask),
        ("x=d; d=/tmp; eval \"$x=/etc\"; ls $d", Decision::Ask),
        ("d=/tmp; for ((d=0;;)); do ls $d; done", Decision::Ask),
    ] {
        expect(&no_etc, expected, &[script]);
    }
    let only = rules(Decision::Ask, &["allow rm @/work/out", "allow cat"]);
    expect(
        &only,
        Decision::Allow,
        &["rm out/x", "rm /work/out/a /work/out/b", "rm -r out", "cat /etc/x", "cd out; cat x"],
    );
    expect(&only, Decision::Ask, &["rm out/x /etc/y", "rm", "rm out/../x", "rm $x", "cd out; rm x"]);
    expect(&rules(Decision::Allow, &["ask @**/.env"]), Decision::Ask, &["cat .env", "cat a/b/.env", "cat /.env"]);
}

#[test]
fn the_strictest_decides_and_says_why() {
    let config = r#"{"rules":[
        {"decision":"deny","command":"shutdown"},
        {"decision":"ask","command":"curl","reason":"the network is watched"}]}"#;
    let rules = Rules::new(serde_json::from_str(config).expect("it is JSON")).expect("they are good");
    let verdict = check(&rules, "curl x\nshutdown now; ls");
    assert_eq!(verdict.decision, Decision::Deny);
    assert_eq!(
        verdict.reasons,
        ["`curl x`: rule 2 command `curl`: the network is watched", "`shutdown now`: rule 1 command `shutdown`"]
    );
}

#[test]
fn nonsense_is_refused() {
    for text in ["deny @etc", "deny @/a/../b", "deny @", "deny"] {
        let config = RulesConfig { rules: vec![rule(text)], ..RulesConfig::default() };
        assert_eq!(Rules::new(config).is_ok(), matches!(text, "deny" | "deny @"), "{text}");
    }
    let long = Rule { command: Some("x".repeat(201)), ..rule("deny") };
    assert!(Rules::new(RulesConfig { rules: vec![long], ..RulesConfig::default() }).is_err());
    assert!(Rules::new(RulesConfig { rules: vec![rule("deny"); 101], ..RulesConfig::default() }).is_err());
    assert!(serde_json::from_str::<RulesConfig>(r#"{"rules":[{"decision":"deny","comand":"rm"}]}"#).is_err());
}

#[test]
fn hostile_scripts_end() {
    let some = rules(Decision::Allow, &["deny rm", "deny @/etc/**/x*y*z", "ask * * * *a*b*c*"]);
    let nested = |open: &str, close: &str, n: usize| format!("{}rm x{}", open.repeat(n), close.repeat(n));
    let evals = (0..40).fold("rm x".to_owned(), |script, _| {
        format!("eval {}", script.replace('\\', "\\\\").replace(' ', "\\ ").replace('\'', "\\'"))
            .chars()
            .take(100_000)
            .collect()
    });
    for script in [
        nested("$(", ")", 100_000),
        nested("$(", ")", 200),
        nested("(", ")", 240),
        nested("{ ", "; }", 240),
        nested("\"$(", ")\"", 100),
        nested("env ", "", 10_000),
        nested("if ", "; then :; fi", 200),
        format!("echo {}", "{a,b}".repeat(30)),
        format!("echo {}", "{1..1000}{1..1000} ".repeat(1000)),
        "cat x ".repeat(40_000),
        "cd x;".repeat(10_000),
        format!("f() {{ {} }}", "cd /a; cd b; ".repeat(1000)),
        (0..20).map(|n| format!("v{}=$v{n}$v{n}; ", n + 1)).collect::<String>() + "v0=/tmp; cat $v20",
        "v=a; v=b; cat ".to_owned() + &"$v".repeat(1000),
        "v=a; v=b; v=c; ".to_owned() + &"cat $v$v$v\n".repeat(4000),
        "echo '".to_owned() + &"x".repeat(200_000) + "'",
        "x".repeat(300_000),
        "\u{0}\u{1}\\".repeat(1000),
        "$((".repeat(10_000),
        "`".repeat(9_999),
        evals,
    ] {
        let verdict = check(&some, &script);
        assert!(verdict.decision >= Decision::Allow, "{}", script.len());
    }
    assert_eq!(check(&some, &nested("$(", ")", 100)).decision, Decision::Deny);
    assert_ne!(check(&some, &nested("env ", "", 10_000)).decision, Decision::Allow);
}
