//! The `coquina` program as a person or a script uses it.

mod common;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use common::image_dir;
use serde_json::{Value, json};

/// Runs `coquina` with some words and standard input.
fn coquina(words: &[&str], stdin: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_coquina"))
        .args(words)
        .env("COQUINA_IMAGE", image_dir())
        .env("COQUINA_CANARY", "host variable")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut input = child.stdin.take().expect("its input is a pipe");
    let text = stdin.to_owned();
    // What the guest does not read stays in the pipe, which may close before all is written.
    let writer = std::thread::spawn(move || drop(input.write_all(text.as_bytes())));
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("no panic");
    output
}

/// Standard output, standard error and exit status.
fn said(words: &[&str], stdin: &str) -> (String, String, i32) {
    let output = coquina(words, stdin);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr), output.status.code().expect("no signal ended it"))
}

fn said_out(words: &[&str]) -> String {
    let (stdout, stderr, status) = said(words, "");
    assert_eq!((stderr.as_str(), status), ("", 0), "{words:?}");
    stdout
}

/// A scratch directory on the host.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        let dir = std::env::temp_dir().join(format!("coquina-cli-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("a scratch directory");
        std::fs::write(dir.join("in.txt"), "from the host\n").expect("a file");
        Scratch(dir)
    }

    fn at(&self, guest: &str) -> String {
        format!("{}::{guest}", self.0.display())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_command_line_runs_with_its_status_and_streams() {
    assert_eq!(said(&["exec", "-c", "echo out; echo err >&2; exit 3"], ""), ("out\n".into(), "err\n".into(), 3));
    assert_eq!(said(&["exec", "-c", "cat; read x; echo $?"], "a\nb"), ("a\nb1\n".into(), String::new(), 0));
    assert_eq!(said(&["exec", "-c", "echo $0 $# $2", "name", "one", "two 2"], "").0, "name 2 two 2\n");
    assert_eq!(said(&["exec", "-c", "nosuch"], "").2, 127);
    assert_eq!(said(&["exec", "-c", "if"], "").2, 2);
    assert_eq!(said(&["exec", "-c", "kill -TERM $$"], "").2, 143);
}

#[test]
fn the_surroundings_are_the_sandboxs_own() {
    let shown = said_out(&["exec", "-c", "env | sort | grep -vE '^(_|SHLVL|PWD|OLDPWD)='; hostname; id; pwd"]);
    assert_eq!(
        shown,
        "HOME=/home/user\nLANG=C.UTF-8\nPATH=/usr/local/bin:/usr/bin:/bin\nSHELL=/bin/bash\nTZ=UTC\nUSER=user\n\
         coquina\nuid=1000(user) gid=1000(user) groups=1000(user)\n/home/user\n"
    );
    assert_eq!(said_out(&["exec", "--env", "A=1 2", "--env", "HOME=/tmp", "-c", "echo $A $HOME"]), "1 2 /tmp\n");
    assert_eq!(said_out(&["exec", "--cwd", "/tmp", "-c", "pwd"]), "/tmp\n");
}

#[test]
fn a_shell_keeps_its_background_jobs() {
    let (stdout, _, status) = said(&["shell"], "sleep 1000 & x=5\njobs\nkill %1; wait %1; echo $? $x\n");
    assert!(stdout.contains("[1]+  Running                 sleep 1000 &\n") && stdout.contains("143 5\n"), "{stdout}");
    assert_eq!(status, 0);
}

#[test]
fn scripts_come_from_files_and_from_input() {
    let scratch = Scratch::new("script");
    let file = scratch.0.join("s.sh");
    std::fs::write(&file, "#!/bin/bash\necho \"$# $1\"\nread x; echo \"got $x\"\nexit 4\n").expect("a script");
    let file = file.display().to_string();
    assert_eq!(said(&["exec", &file, "one", "two"], "input\n"), ("2 one\ngot input\n".into(), String::new(), 4));
    let scripts: [(&[u8], &str, &str, i32); 3] = [
        (
            b"f() { caller; }\nf\necho ${BASH_SOURCE[0]}\nnosuch\n",
            "2 s.sh\ns.sh\n",
            "s.sh: line 4: nosuch: command not found\n",
            127,
        ),
        (b"echo one\nif\n", "one\n", "s.sh: line 3: syntax error: unexpected end of file\n", 2),
        (b"echo a\0\necho b\n", "", "coquina: s.sh: cannot execute binary file\n", 125),
    ];
    for (text, stdout, stderr, status) in scripts {
        std::fs::write(&file, text).expect("a script");
        let said = said(&["exec", &file], "");
        let called = |text: String| text.replace(&file, "s.sh");
        assert_eq!((called(said.0), called(said.1), said.2), (stdout.into(), stderr.into(), status));
    }
    let script = "echo first\nread x\nthe next line\necho \"read $x\"\n";
    assert_eq!(said(&["exec", "--stdin-script"], script).0, "first\nread the next line\n");
    assert_eq!(said(&["exec", "--stdin-script", "a", "b"], "echo $# $2").0, "2 b\n");
}

#[test]
fn host_directories_are_given_by_access() {
    let scratch = Scratch::new("dir");
    let made = scratch.0.join("made");
    let write = "cat in.txt; echo x > made && echo wrote";
    let run = |access: &str| {
        let dir = scratch.at(&format!("/mnt/data{access}"));
        said(&["exec", "--dir", &dir, "--cwd", "/mnt/data", "-c", write], "")
    };
    let (stdout, stderr, _) = run(":ro");
    assert_eq!(stdout, "from the host\n");
    assert!(stderr.contains("Read-only file system"), "{stderr}");
    assert_eq!(run(":cow").0, "from the host\nwrote\n");
    assert!(!made.exists());
    assert_eq!(run("").0, "from the host\nwrote\n");
    assert_eq!(std::fs::read(&made).expect("read-write is the default"), b"x\n");
    std::fs::remove_file(&made).expect("it goes");
    assert_eq!(run(":rw").0, "from the host\nwrote\n");
    assert!(made.exists());
}

#[test]
fn limits_have_statuses_and_say_what_tripped() {
    let (_, stderr, status) = said(&["exec", "--fuel", "500000000", "-c", "while :; do :; done"], "");
    assert_eq!(status, 137);
    assert!(
        stderr.starts_with("coquina: limit exceeded: fuel: used 5") && stderr.ends_with(" of 500000000\n"),
        "{stderr}"
    );
    let (stdout, stderr, status) = said(&["exec", "--timeout", "1.5", "-c", "echo before; sleep 1000"], "");
    assert_eq!((stdout.as_str(), status), ("before\n", 124));
    assert!(
        stderr.starts_with("coquina: limit exceeded: wall_time: used ") && stderr.ends_with(" of 1500\n"),
        "{stderr}"
    );
    let (_, stderr, status) = said(&["exec", "--memory", "67108864", "-c", "x=x; while :; do x=$x$x; done"], "");
    assert_eq!(status, 137);
    assert!(stderr.contains("coquina: limit exceeded: memory: used "), "{stderr}");
}

#[test]
fn faults_of_the_host_are_125_and_wrong_usage_is_2() {
    for words in [
        vec!["exec", "--dir", "/nosuch/dir::/mnt", "-c", "true"],
        vec!["exec", "--image", "/nosuch/image", "-c", "true"],
        vec!["exec", "/nosuch/script.sh"],
        vec!["exec", "--cwd", "/nosuch", "-c", "true"],
    ] {
        let (stdout, stderr, status) = said(&words, "");
        assert_eq!((stdout.as_str(), status), ("", 125), "{words:?}: {stderr}");
        assert!(stderr.contains("nosuch"), "{words:?}: {stderr}");
    }
    for words in [
        vec!["exec"],
        vec!["nosuchcommand"],
        vec!["exec", "--nosuch", "-c", "true"],
        vec!["exec", "--fuel", "lots", "-c", "true"],
        vec!["exec", "--dir", "no-colons", "-c", "true"],
        vec!["exec", "--dir", "/tmp::/mnt:sideways", "-c", "true"],
        vec!["exec", "--env", "NOEQUALS", "-c", "true"],
        vec!["exec", "--timeout", "-1", "-c", "true"],
    ] {
        let (stdout, stderr, status) = said(&words, "");
        assert_eq!((stdout.as_str(), status), ("", 2), "{words:?}: {stderr}");
        assert!(!stderr.is_empty(), "{words:?}");
    }
}

fn document(words: &[&str]) -> Value {
    let output = coquina(words, "");
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("one JSON document and nothing else")
}

#[test]
fn json_is_one_document() {
    let report =
        document(&["exec", "--json", "-c", "echo out; echo err >&2; printf 'b\\na\\n' | sort | head -n 1; exit 3"]);
    assert_eq!(report["outcome"], json!({"type": "exit", "exit_code": 3}));
    assert_eq!((&report["stdout"], &report["stderr"]), (&json!("out\na\n"), &json!("err\n")));
    assert_eq!(report["stdout_truncated_bytes"], json!(0));
    let metering = &report["metering"];
    for key in ["fuel", "memory_peak_bytes", "read_bytes", "written_bytes"] {
        assert!(metering[key].as_u64().is_some_and(|n| n > 0), "{key} in {metering}");
    }
    assert!(metering["wall_seconds"].as_f64().is_some_and(|s| s > 0.0), "{metering}");
    let processes = metering["processes"].as_array().expect("a list");
    let named = |name: &str| processes.iter().any(|p| p["argv0"] == json!(name) && p["fuel"].as_u64() > Some(0));
    assert!(named("sort") && named("head") && named("bash"), "{metering}");

    let limit = document(&["exec", "--json", "--fuel", "500000000", "-c", "while :; do :; done"]);
    assert_eq!(limit["outcome"]["type"], json!("limit"));
    assert_eq!(limit["outcome"]["limit"], json!("fuel"));
    assert_eq!(limit["outcome"]["value"], json!(500_000_000));
    assert!(limit["outcome"]["used"].as_u64() >= Some(500_000_000), "{limit}");
    let signal = document(&["exec", "--json", "-c", "kill -TERM $$"]);
    assert_eq!(signal["outcome"], json!({"type": "signal", "signal": "TERM"}));
    let binary = document(&["exec", "--json", "-c", "printf '\\377\\0'"]);
    assert_eq!((&binary["encoding"], &binary["stdout"]), (&json!("base64"), &json!("/wA=")));
    let flood = document(&["exec", "--json", "-c", "seq 3000000"]);
    assert_eq!(flood["stdout"].as_str().map(str::len), Some(8 << 20));
    assert_eq!(flood["stdout_truncated_bytes"], json!(22_888_896 - (8 << 20)));
}

#[test]
fn metering_is_for_people_and_on_standard_error() {
    let (stdout, stderr, status) = said(&["exec", "--metering", "-c", "echo hi | cat"], "");
    assert_eq!((stdout.as_str(), status), ("hi\n", 0));
    assert!(stderr.contains("cat") && stderr.contains("fuel") && stderr.contains("in all"), "{stderr}");
}

#[test]
fn help_and_limits_are_printed() {
    let limits = said_out(&["limits"]);
    for line in [
        "wall_time_ms",
        "2000000000000",
        "1073741824",
        "256",
        "1024",
        "4294967296",
        "1000000",
        "8388608",
        "4096",
        "255",
        "40",
    ] {
        assert!(limits.contains(line), "{line} in:\n{limits}");
    }
    let help = said_out(&["exec", "--help"]);
    for word in
        ["--dir", "--env", "--cwd", "--fuel", "--memory", "--timeout", "--json", "--metering", "--stdin-script", "124"]
    {
        assert!(help.contains(word), "{word} in:\n{help}");
    }
}

#[test]
fn output_streams_while_it_runs() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_coquina"))
        .args(["exec", "-c", "echo ready; read x; echo \"got $x\""])
        .env("COQUINA_IMAGE", image_dir())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().expect("a pipe")));
    assert_eq!(lines.next().expect("a line").expect("text"), "ready");
    child.stdin.take().expect("a pipe").write_all(b"answer\n").expect("it reads");
    assert_eq!(lines.next().expect("a line").expect("text"), "got answer");
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn interrupt_kills_the_guest() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_coquina"))
        .args(["exec", "-c", "echo ready; while :; do :; done"])
        .env("COQUINA_IMAGE", image_dir())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().expect("a pipe")));
    assert_eq!(lines.next().expect("a line").expect("text"), "ready");
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(killed.expect("kill runs").success());
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
}

#[test]
fn output_to_a_closed_pipe_ends_it() {
    let program = env!("CARGO_BIN_EXE_coquina");
    let line = format!("'{program}' exec -c 'yes' | head -n 1; echo ${{PIPESTATUS[0]}}");
    let done =
        Command::new("bash").args(["-c", &line]).env("COQUINA_IMAGE", image_dir()).output().expect("bash starts");
    assert_eq!(String::from_utf8_lossy(&done.stdout), "y\n141\n");
}

#[test]
fn settings_come_from_flags_variables_and_one_file() {
    let scratch = Scratch::new("config");
    let path = scratch.0.join("c.toml");
    let write = |text: &str| std::fs::write(&path, text).expect("it can be written");
    let config = |words: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_coquina"))
            .args(["config", "--config", path.to_str().expect("it is text")])
            .args(words)
            .env("COQUINA_LIMITS_MEMORY", "2M")
            .output()
            .expect("it starts");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it is text");
        (text(output.stdout), text(output.stderr), output.status.code())
    };
    write("[limits]\nfuel = 7\nmemory = \"1M\"\ntimeout = 3\n[models.m]\nkind = \"chat\"\n");
    let (out, err, status) = config(&["--json", "--timeout", "5m"]);
    assert_eq!((err.as_str(), status), ("", Some(0)));
    let document: Value = serde_json::from_str(&out).expect("it is JSON");
    let all = document["settings"].as_array().expect("they are listed");
    let is = |key: &str, value: Value, source: &str| {
        let row = all.iter().find(|row| row["key"] == key).expect("it is listed");
        assert_eq!((&row["value"], &row["source"]), (&value, &json!(source)), "{key}");
    };
    is("limits.fuel", json!(7), path.to_str().expect("it is text"));
    is("limits.memory", json!("2M"), "$COQUINA_LIMITS_MEMORY");
    is("limits.timeout", json!("5m"), "--timeout");
    is("listen", json!("127.0.0.1:8320"), "default");
    assert_eq!(document["models"], json!({ "m": { "kind": "chat" } }));

    let (out, ..) = config(&["--host", "a", "--host", "b", "--in-memory"]);
    assert!(out.contains("hosts = [\"a\", \"b\"]") && out.contains("in_memory = true"), "{out}");

    write("[limits]\nfeul = 7\n");
    let (_, err, status) = config(&[]);
    assert_eq!(status, Some(2));
    assert!(err.contains("c.toml: there is no setting limits.feul; in [limits] there may be fuel"), "{err}");
}
