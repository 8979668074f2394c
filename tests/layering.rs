//! The house rules that a reader relies on: rooms use only lower rooms, few doors lead to the host, files can be held in the head,
//! and every file says at its top what it is.

use std::path::{Path, PathBuf};

/// The rooms, lowest first; each may use those before it.
const ROOMS: &[&str] = &["base", "storage", "vfs", "kernel", "wasi", "sandbox", "container", "agent", "api", "cli"];

/// Outside crates (and parts of std) that only some places may name: what, who, why.
const DOORS: &[(&str, &[&str], &str)] = &[
    ("wasmtime", &["wasi/", "sandbox/"], "the other rooms know no WebAssembly"),
    ("cap_std", &["vfs/host", "vfs/overlay", "sandbox/sandbox.rs"], "the one way to a host directory"),
    (
        "crate::storage",
        &["storage/", "container/", "agent/", "api/", "cli/"],
        "the file tree and the store meet in base::Blob, the kernel knows neither",
    ),
    ("sqlx", &["storage/"], "records have one room"),
    ("object_store", &["storage/"], "blobs have one room"),
    ("coquina_shell", &["agent/rules/"], "scripts are read in one place, and run nowhere on the host"),
    ("reqwest", &["agent/model/"], "models are the only services that are called"),
    ("opentelemetry", &["api/telemetry.rs", "cli/log.rs"], "spans are made in one place and sent from one"),
    ("opentelemetry_sdk", &["api/telemetry.rs", "cli/log.rs"], "spans are made in one place and sent from one"),
    ("opentelemetry_otlp", &["cli/log.rs"], "spans are sent from one place"),
    ("tracing_opentelemetry", &["api/telemetry.rs", "cli/log.rs"], "spans are made in one place and sent from one"),
    ("axum", &["api/"], "HTTP has one room"),
    ("hyper", &["api/"], "HTTP has one room"),
    (
        "tokio",
        &["storage/", "sandbox/", "wasi/", "container/", "agent/", "api/", "cli/"],
        "kernel and file tree are synchronous",
    ),
    ("anyhow", &["cli/"], "a room has its own error type"),
    ("clap", &["cli/"], "arguments are parsed in one place"),
    (
        "std::fs",
        &[
            "base/id.rs",
            "storage/",
            "sandbox/image",
            "sandbox/modules.rs",
            "cli/",
            "vfs/host",
            "vfs/overlay",
            "kernel/device.rs",
        ],
        "the host's files: the store, images, the module cache, scripts, the seed of random numbers",
    ),
    ("std::net", &["api/", "cli/"], "one room speaks to a network"),
    ("std::process::Command", &[], "the host never starts programs"),
    ("std::env", &["cli/"], "nothing else depends on the host's environment"),
    ("SystemTime::now", &["vfs/clock.rs", "kernel/", "base/", "wasi/"], "time comes through the clock"),
];

/// Lines of a file; longer ones are split.
const FILE_LINES: usize = 800;

/// A source file of the host crate: its path below `src/`, its text without its tests.
struct Source {
    path: String,
    code: String,
    lines: usize,
}

fn sources() -> Vec<Source> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    collect(&src, &mut found);
    let source = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("it is text");
        let path = path.strip_prefix(&src).expect("it is below src").display().to_string();
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned();
        Source { path, lines: text.lines().count(), code }
    };
    let mut sources: Vec<_> = found.into_iter().map(source).collect();
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(sources.len() > 20, "the sources are not where they were");
    sources
}

fn collect(dir: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).expect("it can be listed") {
        let path = entry.expect("it can be listed").path();
        match path.extension() {
            _ if path.is_dir() => collect(&path, into),
            Some(extension) if extension == "rs" => into.push(path),
            _ => {}
        }
    }
}

fn is_test(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("/tests.rs") || path.ends_with("_tests.rs")
}

/// Lines of code, without comments, with their numbers.
fn code_lines(source: &Source) -> impl Iterator<Item = (usize, &str)> {
    let lines = source.code.lines().enumerate().map(|(i, line)| (i + 1, line.trim()));
    lines.filter(|(_, line)| !line.starts_with("//")).map(|(i, line)| (i, line.split(" //").next().unwrap_or(line)))
}

#[test]
fn rooms_use_only_lower_rooms() {
    let mut wrong = Vec::new();
    for source in sources() {
        let Some((room, _)) = source.path.split_once('/') else { continue };
        let level = ROOMS.iter().position(|r| *r == room);
        let level = level.unwrap_or_else(|| panic!("{}: a room that docs/architecture.md does not name", source.path));
        for (number, line) in code_lines(&source) {
            for used in line
                .match_indices("crate::")
                .filter_map(|(at, found)| line[at + found.len()..].split([':', ';', ',', ' ', '}']).next())
            {
                if ROOMS.iter().position(|r| *r == used).is_some_and(|used| used > level) {
                    let may = ROOMS[..level].join(", ");
                    wrong.push(format!("src/{}:{number} uses {used}: {room} may use {may}", source.path));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "(docs/architecture.md)\n{}", wrong.join("\n"));
}

#[test]
fn doors_to_the_outside_are_few() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|s| !is_test(&s.path)) {
        for (what, who, why) in DOORS {
            if who.iter().any(|who| source.path.starts_with(who)) {
                continue;
            }
            for (number, line) in code_lines(source) {
                let named = line.match_indices(what).any(|(at, _)| {
                    let before = line[..at].chars().next_back();
                    let after = line[at + what.len()..].chars().next();
                    let word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
                    !word(before) && !word(after)
                });
                if named {
                    wrong.push(format!("src/{}:{number} names {what}: {why}", source.path));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_can_be_held_in_the_head() {
    let long: Vec<_> = sources()
        .iter()
        .filter(|s| s.lines > FILE_LINES)
        .map(|s| format!("src/{}: {} lines", s.path, s.lines))
        .collect();
    assert!(long.is_empty(), "over {FILE_LINES} lines:\n{}", long.join("\n"));
}

#[test]
fn every_file_says_what_it_is() {
    let silent: Vec<_> =
        sources().iter().filter(|s| !s.code.starts_with("//!")).map(|s| format!("src/{}", s.path)).collect();
    assert!(silent.is_empty(), "without a `//!` header:\n{}", silent.join("\n"));
}

#[test]
fn nothing_is_tied_to_one_processor() {
    let mut wrong = Vec::new();
    for source in sources() {
        for (number, line) in code_lines(&source) {
            if ["target_arch", "std::arch", "core::arch", "x86_64"].iter().any(|word| line.contains(word)) {
                wrong.push(format!("src/{}:{number}: {line}", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
