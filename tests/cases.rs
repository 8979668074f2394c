//! Holds bash and the tools, in sandboxes, against what the native ones printed: `tests/cases/*.txt`, byte for byte.
//!
//! One test a topic. A case that is known to fail stands in `tests/cases/known_failures.txt`; one that starts to pass must be
//! taken off. `COQUINA_CASE=part-of-a-name` runs only those cases and shows every difference in full; `COQUINA_CASE_REPORT=DIR` writes
//! what fails, known or not, to a file a topic there.

mod common;

use std::collections::HashSet;
use std::fmt::Write as _;
use std::sync::OnceLock;

use common::casefile::{Case, CaseFile, File, parse};
use common::{block_on, image, root, sandbox, status};
use coquina::base::Limits;
use coquina::sandbox::{Exec, Sandbox, SandboxConfig, Snapshot, Stdin};

/// Time of every file a case is given: 2024-01-02 03:04:05 UTC.
const FILE_TIME: &str = "@1704164645";

/// Wall-clock time one case may take, in milliseconds; natively none takes two seconds.
const CASE_TIME_MS: u64 = 60_000;

/// Lines of a difference that are shown.
const DIFF_LINES: usize = 12;

macro_rules! topics {
    ($($topic:ident)*) => {
        $(#[test] fn $topic() { hold(stringify!($topic)); })*
        const TOPICS: &[&str] = &[$(stringify!($topic)),*];
    };
}

topics! {
    smoke agent_scripts
    sh_arithmetic sh_arrays sh_builtins sh_control sh_corners sh_declare sh_errors sh_globs sh_jobs sh_options sh_parameters
    sh_pipelines sh_quoting sh_read_printf sh_redirections sh_substitution sh_test
    tool_awk tool_basics tool_files tool_find_xargs tool_grep tool_jq tool_misc tool_oneliners tool_sed tool_sort tool_text
}

#[test]
fn every_file_of_cases_is_a_topic() {
    let mut missing: Vec<String> = std::fs::read_dir(root().join("tests/cases"))
        .expect("the cases are there")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_suffix(".txt").map(str::to_owned))
        .filter(|name| name != "known_failures" && !TOPICS.contains(&name.as_str()))
        .collect();
    missing.sort();
    assert!(missing.is_empty(), "not run by tests/cases.rs: {missing:?}");
}

#[test]
fn known_failures_name_cases() {
    let all: HashSet<String> = TOPICS
        .iter()
        .flat_map(|topic| read(topic).cases.into_iter().map(move |case| format!("{topic}: {}", case.name)))
        .collect();
    let unknown: Vec<_> = known_failures().iter().filter(|line| !all.contains(*line)).collect();
    assert!(unknown.is_empty(), "no such cases: {unknown:?}");
}

fn read(topic: &str) -> CaseFile {
    let path = root().join(format!("tests/cases/{topic}.txt"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    parse(&text)
}

fn known_failures() -> &'static HashSet<String> {
    static KNOWN: OnceLock<HashSet<String>> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let text = std::fs::read_to_string(root().join("tests/cases/known_failures.txt")).unwrap_or_default();
        let names = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim().to_owned());
        names.filter(|name| !name.is_empty()).collect()
    })
}

/// Runs a topic's cases and fails when one does what `known_failures.txt` does not say.
fn hold(topic: &str) {
    let only = std::env::var("COQUINA_CASE").ok();
    let file = read(topic);
    let home = staged(None, &file.files);
    let (mut passed, mut known, mut report, mut failing) = (0, 0, String::new(), String::new());
    for case in &file.cases {
        if only.as_ref().is_some_and(|part| !case.name.contains(part)) {
            continue;
        }
        let name = format!("{topic}: {}", case.name);
        let difference = difference(case, &home, only.is_some());
        if let Some(difference) = &difference {
            _ = write!(failing, "\n--- {name}\n{difference}");
        }
        match (difference, known_failures().contains(&name)) {
            (None, false) => passed += 1,
            (Some(_), true) => known += 1,
            (Some(difference), false) => _ = write!(report, "\n--- {name}\n{difference}"),
            (None, true) => _ = write!(report, "\n--- {name}\npasses now: take it off known_failures.txt\n"),
        }
    }
    println!("{topic}: {passed} cases passed, {known} known failures");
    if let Some(dir) = std::env::var_os("COQUINA_CASE_REPORT") {
        std::fs::write(std::path::Path::new(&dir).join(topic), failing).expect("the report can be written");
    }
    assert!(report.is_empty(), "{report}");
}

/// A snapshot of `base` (or a fresh sandbox) with files put into its home directory.
fn staged(base: Option<&Snapshot>, files: &[File]) -> Snapshot {
    let fresh = match base {
        Some(snapshot) => open(snapshot),
        None => sandbox(),
    };
    if files.is_empty() {
        return fresh.snapshot();
    }
    let quote = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
    let mut script = String::from("set -e\n");
    let mut touched = Vec::new();
    for file in files {
        let octal: String = file.data.iter().map(|b| format!(r"\{b:03o}")).collect();
        let (name, mode) = (quote(&file.name), &file.mode);
        if let Some((dir, _)) = file.name.rsplit_once('/') {
            let parts = dir.split('/').scan(String::new(), |path, part| {
                *path = if path.is_empty() { part.into() } else { format!("{path}/{part}") };
                Some(quote(path))
            });
            touched.extend(parts);
            _ = writeln!(script, "mkdir -p {}", quote(dir));
        }
        _ = writeln!(script, "printf {} > {name}\nchmod {mode} {name}", quote(&octal));
        touched.push(name);
    }
    _ = writeln!(script, "touch -d {FILE_TIME} {}", touched.join(" "));
    common::output(&fresh, &script);
    fresh.snapshot()
}

fn open(snapshot: &Snapshot) -> Sandbox {
    let limits = Limits { wall_time_ms: CASE_TIME_MS, ..Limits::default() };
    Sandbox::open(image(), snapshot, SandboxConfig { limits, ..SandboxConfig::default() })
        .expect("the sandbox can be made")
}

/// How a case's output differs from what was recorded, for people; `None` when it does not.
fn difference(case: &Case, home: &Snapshot, whole: bool) -> Option<String> {
    let sandbox = if case.files.is_empty() { open(home) } else { open(&staged(Some(home), &case.files)) };
    let mut exec = Exec::bash(case.script.as_str());
    exec.argv.extend(case.args.iter().map(|a| a.clone().into_bytes()));
    if !case.stdin.is_empty() {
        exec.stdin = Stdin::Bytes(case.stdin.clone().into());
    }
    let done = match block_on(sandbox.exec(exec)) {
        Ok(done) => done,
        Err(error) => return Some(format!("the host failed it: {error}\n")),
    };
    let mut text = String::new();
    compare(&mut text, "stdout", &case.stdout, &done.stdout.bytes, whole);
    compare(&mut text, "stderr", &case.stderr, &done.stderr.bytes, whole);
    if status(&done.outcome) != case.exit {
        _ = writeln!(text, "exit: want {}, got {} ({:?})", case.exit, status(&done.outcome), done.outcome);
    }
    (!text.is_empty()).then(|| format!("{}\n{text}", case.script))
}

/// Writes the lines by which two outputs differ.
fn compare(text: &mut String, stream: &str, want: &[u8], got: &[u8], whole: bool) {
    if want == got {
        return;
    }
    let (want, got) = (want.escape_ascii().to_string(), got.escape_ascii().to_string());
    let (want, got): (Vec<_>, Vec<_>) = (want.split(r"\n").collect(), got.split(r"\n").collect());
    let same = want.iter().zip(&got).take_while(|(w, g)| w == g).count();
    let limit = if whole { usize::MAX } else { DIFF_LINES };
    _ = writeln!(text, "{stream}, from line {}:", same + 1);
    for (sign, lines) in [('-', &want), ('+', &got)] {
        for line in lines[same..].iter().take(limit) {
            _ = writeln!(text, "  {sign} {line}");
        }
    }
}

#[test]
fn the_format_is_read_as_it_is_written() {
    let file = parse(
        "Comment.\n\n%% file a 600\nx\n\n%% case one | disk\necho 'a'\n\n%% args n 'b c' \"d\"\n%% stdin\nin\n\n\
         %% stdout nonl\nout\n%% stderr esc\n\\x00a\\\\\\n\nb\n%% exit 3\n\n%% case two\ntrue\n%% exit 0\n",
    );
    assert_eq!(file.files, [File { name: "a".into(), mode: "600".into(), data: b"x\n".into() }]);
    let one = &file.cases[0];
    assert_eq!((one.name.as_str(), one.script.as_str(), one.exit), ("one", "echo 'a'", 3));
    assert_eq!(
        (one.args.clone(), one.flags.clone()),
        (vec!["n".into(), "b c".into(), "d".into()], vec!["disk".into()])
    );
    assert_eq!((one.stdin.as_slice(), one.stdout.as_slice()), (&b"in\n"[..], &b"out"[..]));
    assert_eq!(one.stderr, b"\0a\\\nb");
    assert_eq!(file.cases[1], Case { name: "two".into(), script: "true".into(), ..Case::default() });
}
