//! What a sandbox promises to those who keep states of it: rules hold, programs of other images run, damage is never an outcome.

mod common;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use common::{block_on, image, output, run, sandbox_with};
use coquina::base::{Blob, BlobError, BlobSource, Hash, StoreTag};
use coquina::sandbox::{Exec, ExecError, Outcome, Rule, Sandbox, SandboxConfig, SandboxError, Snapshot};
use coquina::vfs::{ProgramId, Rights, Tree, TreeLoader};

fn rules(rules: &[(&str, Rights)]) -> SandboxConfig {
    let rules = rules.iter().map(|&(path, rights)| Rule { path: path.into(), rights }).collect();
    SandboxConfig { rules, ..SandboxConfig::default() }
}

#[test]
fn rules_hold_and_the_innermost_counts() {
    const NONE: Rights = Rights { read: false, write: false };
    let all = [("/", Rights::READ_ONLY), ("/home/user", Rights::READ_WRITE), ("/home/user/none", NONE)];
    let before = sandbox_with(SandboxConfig::default());
    output(&before, "mkdir none; echo secret > none/file; echo old > file");
    let start = before.snapshot();
    let box_ = Sandbox::open(image(), &start, rules(&all)).expect("the sandbox can be made");
    let tried = "echo x > /tmp/file; echo x > new; cat new; cat none/file; ls /proc/self/fd | wc -l; echo x > /dev/null; echo $?";
    let done = run(&box_, Exec::bash(tried));
    assert_eq!(String::from_utf8_lossy(&done.stdout.bytes), "x\n4\n0\n");
    let errors = String::from_utf8_lossy(&done.stderr.bytes).into_owned();
    let wanted = ["bash: line 1: /tmp/file: Read-only file system", "cat: none/file: Permission denied"];
    assert_eq!(errors.lines().collect::<Vec<_>>(), wanted);
    assert_eq!(
        output(&box_.fork().expect("it can be forked"), "(echo > /tmp/x) 2> err; cut -d: -f4 err"),
        " Read-only file system\n"
    );
    box_.replace_tree(start.tree().clone()).expect("nothing runs");
    assert_eq!(output(&box_, "(echo > /tmp/x) 2> err; cut -d: -f4 err; cat file"), " Read-only file system\nold\n");
    let nowhere = Sandbox::open(image(), &start, rules(&[("/nowhere", NONE), ("/home/user/file", NONE)]));
    assert_eq!(output(&nowhere.expect("what is not there does not matter"), "cat file"), "old\n");
}

#[test]
fn a_program_of_another_image_is_compiled_from_its_file() {
    let wasm = wat::parse_str(
        r#"(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32))) (memory (export "memory") 1)
            (func (export "_start") (call $exit (i32.const 42))))"#,
    );
    let mut tree = image().tree().clone();
    let content = Bytes::from(wasm.expect("it is WebAssembly"));
    tree.put_file(b"/usr/bin/old", content, 0o755, 0, 0, 0, Some(ProgramId([7; 32]))).expect("it fits");
    let box_ =
        Sandbox::open(image(), &Snapshot::new(tree, None), SandboxConfig::default()).expect("the sandbox can be made");
    assert_eq!(output(&box_, "old; echo $?; cp /usr/bin/old mine; ./mine; echo $?"), "42\n42\n");
}

#[test]
fn strings_with_nul_bytes_are_the_callers_mistake() {
    let box_ = sandbox_with(SandboxConfig::default());
    let bad =
        [Exec::bash("echo a\0b"), Exec::bash("true").with_env("A", "x\0y"), Exec::bash("true").with_env("A\0", "x")];
    for exec in bad {
        let error = block_on(box_.exec(exec)).expect_err("it cannot be started");
        assert!(error.to_string().ends_with("an argument or a variable has a NUL byte in it"), "{error}");
    }
    let script = Exec::script("name", "echo \"a\0b $0 $1\"", [b"x".to_vec()]);
    assert_eq!(run(&box_, script).stdout.bytes, b"ab name x\n");
}

/// Blobs, some of which are lost.
#[derive(Default)]
struct Blobs(Mutex<HashMap<Hash, Blob>>);

impl BlobSource for Blobs {
    fn get(&self, id: &Hash) -> Result<Blob, BlobError> {
        self.0.lock().expect("nobody panicked").get(id).cloned().ok_or(BlobError::Missing(*id))
    }
}

#[test]
fn damage_is_an_error_and_never_an_outcome() {
    let blobs = Arc::new(Blobs::default());
    let tag = StoreTag::new();
    let save = |tree: &Tree| {
        let save = tree.save(tag, false).expect("it can be read");
        let new: Vec<Hash> = save.blobs.iter().map(|(id, _)| *id).collect();
        blobs.0.lock().expect("nobody panicked").extend(save.blobs.iter().cloned());
        let root = save.root;
        save.done();
        (root, new)
    };
    let mut tree = image().tree().clone();
    save(&tree);
    let content = Bytes::from(vec![7; 300_000]);
    tree.put_file(b"/home/user/data", content.clone(), 0o644, 1000, 1000, 0, None).expect("it fits");
    let (root, new) = save(&tree);
    let open = |root| {
        let tree = Tree::load(&TreeLoader::new(blobs.clone(), tag), root)?;
        Ok::<_, BlobError>(Sandbox::open(image(), &Snapshot::new(tree, None), SandboxConfig::default()))
    };
    let whole = open(root).expect("the root is there").expect("the sandbox can be made");
    assert_eq!(output(&whole, "wc -c < data"), "300000\n");
    // Whichever of the blobs of that change is lost: an exec that comes across it fails, and none goes on as if the file were not there.
    for lost in new {
        let blob = blobs.0.lock().expect("nobody panicked").remove(&lost).expect("it was there");
        match open(root) {
            Err(BlobError::Missing(id)) => assert_eq!(id, lost),
            Err(other) => panic!("{other}"),
            Ok(Err(SandboxError::Damaged(BlobError::Missing(id)))) => assert_eq!(id, lost),
            Ok(Err(other)) => panic!("{other}"),
            Ok(Ok(box_)) => {
                for script in
                    ["cat data > copy 2> /dev/null; exit 0", "[ -e data ] || echo not there > proof; exit 3", "true"]
                {
                    match block_on(box_.exec(Exec::bash(script))) {
                        Err(ExecError::Damaged(BlobError::Missing(id))) => assert_eq!(id, lost),
                        Err(other) => panic!("{other}"),
                        Ok(done) => {
                            assert_eq!(done.outcome, Outcome::Exit { exit_code: 3 }, "{script}");
                        }
                    }
                }
                assert!(box_.snapshot().tree().save(tag, false).is_err());
            }
        }
        blobs.0.lock().expect("nobody panicked").insert(lost, blob);
    }
}
