//! Programs that a guest brings along: they run if they are WASI commands, are refused if they are none, and whatever they do
//! ends them or their exec, never the host.

mod common;

use common::{bash, output, run, sandbox, sandbox_with};
use coquina::base::{Limit, Limits};
use coquina::sandbox::{Exec, Finished, Outcome, Sandbox, SandboxConfig, Stdin};

/// Puts a file into the sandbox and makes it executable.
fn upload(sandbox: &Sandbox, name: &str, content: &[u8]) {
    let mut exec = Exec::bash(format!("cat > {name} && chmod +x {name}"));
    exec.stdin = Stdin::Bytes(content.to_vec().into());
    assert_eq!(run(sandbox, exec).outcome, Outcome::Exit { exit_code: 0 });
}

fn text_of(done: &Finished) -> String {
    format!("{}{}", String::from_utf8_lossy(&done.stdout.bytes), String::from_utf8_lossy(&done.stderr.bytes))
}

#[test]
fn an_uploaded_program_runs() {
    let sandbox = sandbox();
    let hello = wat::parse_str(
        r#"(module
            (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
            (memory (export "memory") 1)
            (data (i32.const 16) "from wasm\n")
            (func (export "_start")
                (i32.store (i32.const 0) (i32.const 16)) (i32.store (i32.const 4) (i32.const 10))
                (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
                (call $exit (i32.const 5))))"#,
    )
    .expect("it is WebAssembly");
    upload(&sandbox, "hello", &hello);
    assert_eq!(
        text_of(&bash(
            &sandbox,
            "./hello; echo $?; ./hello | tr a-z A-Z; mkdir bin; mv hello bin; PATH=bin:$PATH; hello"
        )),
        "from wasm\n5\nFROM WASM\nfrom wasm\n"
    );
}

#[test]
fn programs_that_are_none_are_refused() {
    let sandbox = sandbox();
    let foreign = r#"(module (import "env" "launch" (func)) (memory (export "memory") 1) (func (export "_start")))"#;
    let table: [(&str, Vec<u8>); 6] = [
        ("truncated", b"\0asm\x01\0\0".to_vec()),
        ("garbage", [b"\0asm\x01\0\0\0".as_slice(), &[0xff; 64]].concat()),
        ("component", b"\0asm\x0d\0\x01\0".to_vec()),
        ("foreign", wat::parse_str(foreign).expect("it is WebAssembly")),
        ("nostart", wat::parse_str("(module (memory (export \"memory\") 1))").expect("it is WebAssembly")),
        ("nomemory", wat::parse_str("(module (func (export \"_start\")))").expect("it is WebAssembly")),
    ];
    for (name, content) in table {
        upload(&sandbox, name, &content);
        let done = bash(&sandbox, &format!("./{name}; echo $?"));
        let said = text_of(&done);
        assert!(said.starts_with("126\n"), "{name}: {said}");
        let whys = ["not a valid WebAssembly module", "not a WASI preview 1 command", "cannot execute binary file"];
        assert!(said.contains(&format!("./{name}: ")) && whys.iter().any(|why| said.contains(why)), "{name}: {said}");
    }
}

#[test]
fn a_program_that_traps_is_a_killed_process() {
    let sandbox = sandbox();
    let table = [
        ("unreachable", "(unreachable)"),
        ("divide", "(drop (i32.div_u (i32.const 1) (i32.const 0)))"),
        ("wild", "(i32.store (i32.const -4) (i32.const 1))"),
        ("deep", "(call $start)"),
    ];
    for (name, body) in table {
        let module = format!("(module (memory (export \"memory\") 1) (func $start (export \"_start\") {body}))");
        upload(&sandbox, name, &wat::parse_str(module).expect("it is WebAssembly"));
        let done = bash(&sandbox, &format!("./{name} 2> /dev/null; s=$?; [ $s -gt 128 ] && echo killed; echo on"));
        assert!(text_of(&done).contains("killed\non\n"), "{name}: {}", text_of(&done));
    }
}

/// A program, its name, its text, and the limit that is to end it.
type Bomb = (&'static str, &'static str, Limit);

const MEMORY: u64 = 64 << 20;
const FUEL: u64 = 2_000_000_000;

const BOMBS: &[Bomb] = &[
    ("spins", r#"(memory (export "memory") 1) (func (export "_start") (loop (br 0)))"#, Limit::Fuel),
    (
        "spins before it starts",
        r#"(memory (export "memory") 1) (func $f (loop (br 0))) (start $f) (func (export "_start"))"#,
        Limit::Fuel,
    ),
    (
        "spins in calls",
        r#"(import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
           (memory (export "memory") 1) (func (export "_start") (loop (drop (call $yield)) (br 0)))"#,
        Limit::Fuel,
    ),
    (
        "asks for random bytes",
        r#"(import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
           (memory (export "memory") 256)
           (func (export "_start") (loop (drop (call $random (i32.const 0) (i32.const 16000000))) (br 0)))"#,
        Limit::Fuel,
    ),
    ("is born large", r#"(memory (export "memory") 65536) (func (export "_start"))"#, Limit::Memory),
    (
        "grows",
        r#"(memory (export "memory") 1) (func (export "_start") (loop (drop (memory.grow (i32.const 16))) (br 0)))"#,
        Limit::Memory,
    ),
    (
        "throws and never drops",
        r#"(memory (export "memory") 1) (tag $t (param i64))
           (func (export "_start")
             (loop $again
               (block $caught (result i64) (try_table (catch $t $caught) (throw $t (i64.const 1))) (unreachable))
               (drop) (br $again)))"#,
        Limit::Memory,
    ),
];

#[test]
fn bombs_end_at_a_limit_and_harm_nobody() {
    let neighbour = sandbox();
    output(&neighbour, "echo kept > file");
    for (name, text, limit) in BOMBS {
        let limits = Limits { memory_bytes: MEMORY, fuel: FUEL, ..Limits::default() };
        let attacked = sandbox_with(SandboxConfig { limits, ..SandboxConfig::default() });
        upload(&attacked, "bomb", &wat::parse_str(format!("(module {text})")).expect("it is WebAssembly"));
        let done = bash(&attacked, "echo before; ./bomb; echo after");
        let value = if *limit == Limit::Memory { MEMORY } else { FUEL };
        match &done.outcome {
            Outcome::Limit(e) if (e.limit, e.value) == (*limit, value) && e.used >= value => {}
            other => panic!("{name}: {other:?}, {}", text_of(&done)),
        }
        assert_eq!(done.stdout.bytes, b"before\n", "{name}");
        assert_eq!(output(&attacked, "echo again"), "again\n", "{name}");
        assert_eq!(output(&neighbour, "cat file"), "kept\n", "{name}");
    }
}

#[test]
fn tables_are_bounded() {
    let sandbox = sandbox();
    let grows = r#"(module (memory (export "memory") 1) (table $t 1 funcref)
        (func (export "_start")
            (loop (br_if 0 (i32.ge_s (table.grow $t (ref.null func) (i32.const 1000)) (i32.const 0))))))"#;
    upload(&sandbox, "grows", &wat::parse_str(grows).expect("it is WebAssembly"));
    let large = r#"(module (memory (export "memory") 1) (table 100000000 funcref) (func (export "_start")))"#;
    upload(&sandbox, "large", &wat::parse_str(large).expect("it is WebAssembly"));
    // The first is told that there is no more and ends well; the second cannot be loaded.
    let done = bash(&sandbox, "./grows; echo $?; ./large 2> why; [ $? -gt 125 ] && [ -s why ] && echo refused");
    assert_eq!(text_of(&done), "0\nrefused\n");
}
