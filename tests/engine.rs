//! An engine set up otherwise than by default does the same work.

mod common;

use common::{block_on, image_dir};
use coquina::sandbox::{Engine, EngineConfig, Exec, Image, Outcome, Sandbox, SandboxConfig};

/// What processes do with their memory: fork by blob, pipelines, programs that grow, one slot after another used again.
const SCRIPTS: &[(&str, &str)] = &[
    ("echo hi", "hi\n"),
    ("printf 'b\\na\\n' | sort | head -n 1", "a\n"),
    ("x=$(echo deep; (echo deeper)); echo $x", "deep deeper\n"),
    ("head -c 30M /dev/zero | tr '\\0' x | awk '{ print length($0) }'", "31457280\n"),
    ("for i in 1 2 3 4 5 6 7 8 9 10; do /bin/echo $i; done | tail -n 1", "10\n"),
];

fn works(config: EngineConfig) {
    let engine = Engine::new(&config).expect("the engine starts");
    let image = Image::open(&engine, image_dir()).expect("the image opens");
    // Few slots and two rounds: each slot's memory is used again, and must be as new.
    for _ in 0..2 {
        for (script, want) in SCRIPTS {
            let sandbox = Sandbox::new(&image, SandboxConfig::default()).expect("the sandbox can be made");
            let done = block_on(sandbox.exec(Exec::bash(*script))).expect("the host runs it");
            assert_eq!(String::from_utf8_lossy(&done.stderr.bytes), "", "{script}");
            assert_eq!(String::from_utf8_lossy(&done.stdout.bytes), *want, "{script}");
            assert_eq!(done.outcome, Outcome::Exit { exit_code: 0 }, "{script}");
        }
    }
}

#[test]
fn without_pagemap_scan() {
    works(EngineConfig { pagemap_scan: false, processes: 8, ..EngineConfig::default() });
}

#[test]
fn with_one_worker() {
    works(EngineConfig { workers: 1, processes: 8, ..EngineConfig::default() });
}
