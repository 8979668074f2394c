//! `coquina wasi run`: programs written here as text, with what they are given and how they end.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder of its own for one test, removed in the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("coquina-wasi-run-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder can be made");
        Folder(path)
    }

    /// A program in the folder; `body` is its `_start`, with `$scratch` memory from 1024 on.
    fn program(&self, data: &str, body: &str) -> PathBuf {
        let wat = format!(
            r#"(module
                (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
                (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
                (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
                (import "wasi_snapshot_preview1" "path_open"
                    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
                (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
                (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes (param i32 i32) (result i32)))
                (import "wasi_snapshot_preview1" "environ_get" (func $environ (param i32 i32) (result i32)))
                (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ_sizes (param i32 i32) (result i32)))
                (memory (export "memory") 1)
                (data (i32.const 256) "{data}")
                ;; Writes `len` bytes at `ptr` to descriptor `fd`.
                (func $put (param $fd i32) (param $ptr i32) (param $len i32)
                    (i32.store (i32.const 0) (local.get $ptr))
                    (i32.store (i32.const 4) (local.get $len))
                    (call $must (call $write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))
                ;; Ends the program with an errno as its status, unless it is 0.
                (func $must (param $errno i32)
                    (if (local.get $errno) (then (call $exit (local.get $errno)))))
                (func (export "_start") {body}))"#
        );
        let path = self.0.join("program.wasm");
        std::fs::write(&path, wat::parse_str(wat).expect("it is a module")).expect("it can be written");
        path
    }

    fn dir(&self, guest: &str) -> String {
        format!("{}::{guest}", self.0.display())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn run(program: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_coquina"));
    command.args(["wasi", "run"]).arg(program).args(words).stdin(std::process::Stdio::null());
    command.output().expect("it starts")
}

fn status(output: &Output) -> i32 {
    output.status.code().expect("no signal ended it")
}

/// Opens the path of `len` bytes at 256 below descriptor 3: `oflags`, then rights; the descriptor is at 16.
fn open(len: usize, oflags: u32, rights: u64) -> String {
    format!(
        "(call $must (call $open (i32.const 3) (i32.const 1) (i32.const 256) (i32.const {len}) (i32.const {oflags})
            (i64.const {rights}) (i64.const 0) (i32.const 0) (i32.const 16)))"
    )
}

const READ: u64 = 2;
const WRITE: u64 = 64;

#[test]
fn the_exit_status_is_the_program_s() {
    let folder = Folder::new("status");
    for wanted in [0, 1, 33, 126, 255] {
        let program = folder.program("", &format!("(call $exit (i32.const {wanted}))"));
        assert_eq!(status(&run(&program, &[])), wanted);
    }
    assert_eq!(status(&run(&folder.program("", ""), &[])), 0);
}

#[test]
fn a_trap_is_134() {
    let folder = Folder::new("trap");
    assert_eq!(status(&run(&folder.program("", "unreachable"), &[])), 134);
    let divided = run(&folder.program("", "(drop (i32.div_s (i32.const 1) (i32.const 0)))"), &[]);
    assert_eq!(status(&divided), 134);
    assert!(String::from_utf8_lossy(&divided.stderr).contains("divide by zero"));
}

#[test]
fn arguments_and_environment_are_what_is_given() {
    let folder = Folder::new("args");
    let show = |what: &str| {
        format!(
            "(call $must (call ${what}_sizes (i32.const 16) (i32.const 20)))
             (call $must (call ${what} (i32.const 512) (i32.const 1024)))
             (call $put (i32.const 1) (i32.const 1024) (i32.load (i32.const 20)))"
        )
    };
    let shown = run(&folder.program("", &show("args")), &["--", "one", "two words", "--env"]);
    assert_eq!(shown.stdout, b"/bin/program.wasm\0one\0two words\0--env\0");
    let shown =
        run(&folder.program("", &show("environ")), &["--env", "A=b=c", "--env", "EMPTY=", "--env", "L=new\nline"]);
    assert_eq!(shown.stdout, b"A=b=c\0EMPTY=\0L=new\nline\0");
    let shown = run(&folder.program("", &show("environ")), &[]);
    assert_eq!(shown.stdout, b"");
}

#[test]
fn a_directory_is_read_and_written() {
    let folder = Folder::new("dir");
    std::fs::write(folder.0.join("in.txt"), "from the host").unwrap();
    let read = format!(
        "{} (i32.store (i32.const 0) (i32.const 1024)) (i32.store (i32.const 4) (i32.const 100))
         (call $must (call $read (i32.load (i32.const 16)) (i32.const 0) (i32.const 1) (i32.const 8)))
         (call $put (i32.const 1) (i32.const 1024) (i32.load (i32.const 8)))",
        open(6, 0, READ)
    );
    for guest in ["/", ".", "data", "/deep/data:ro", "/x:cow"] {
        let shown = run(&folder.program("in.txt", &read), &["--dir", &folder.dir(guest)]);
        assert_eq!((&shown.stdout[..], status(&shown)), (&b"from the host"[..], 0), "{guest}");
    }
    // Nothing is opened that was not given: `badf`. And none of it leads out: `perm`.
    assert_eq!(status(&run(&folder.program("in.txt", &read), &[])), 8);
    let out = folder.program("../in.txt", &open(9, 0, READ));
    assert_eq!(status(&run(&out, &["--dir", &folder.dir("/")])), 63);

    let write = format!("{} (call $put (i32.load (i32.const 16)) (i32.const 256) (i32.const 7))", open(7, 1, WRITE));
    let program = folder.program("out.txt", &write);
    assert_eq!(status(&run(&program, &["--dir", &folder.dir("/:ro")])), 69);
    assert_eq!(status(&run(&program, &["--dir", &folder.dir("/:cow")])), 0);
    assert!(!folder.0.join("out.txt").exists());
    assert_eq!(status(&run(&program, &["--dir", &folder.dir("/")])), 0);
    assert_eq!(std::fs::read(folder.0.join("out.txt")).unwrap(), b"out.txt");
}

#[test]
fn what_is_no_program_is_said() {
    let folder = Folder::new("junk");
    let junk = folder.0.join("junk.wasm");
    for (content, why) in [
        (&b"not a program"[..], "not a WebAssembly module"),
        (b"\0asm\x01\0\0\0", "no function `_start`"),
        (b"\0asm\x01\0\0\0\xff\xff\xff", "not a valid WebAssembly module"),
    ] {
        std::fs::write(&junk, content).unwrap();
        let said = run(&junk, &[]);
        assert_eq!(status(&said), 126);
        assert!(String::from_utf8_lossy(&said.stderr).contains(why), "{said:?}");
    }
    assert_eq!(status(&run(&folder.0.join("missing.wasm"), &[])), 125);
    let program = folder.program("", "");
    assert_eq!(status(&run(&program, &["--dir", "/no/such/folder::/"])), 125);
    assert_eq!(status(&run(&program, &["--dir", "wrong"])), 2);
    assert_eq!(status(&run(&program, &["--env", "wrong"])), 2);
}
