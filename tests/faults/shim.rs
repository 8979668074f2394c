//! Starts child processes over the failing file system (`shim.c`): built here once, preloaded, and told by variables what to do.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// How a child ends that crashes on purpose.
pub const CRASHED: i32 = 99;

/// What goes wrong at the `at`th change (from 1) below the watched directory.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// The process is gone, as by SIGKILL: "before" the change, "after" it, or with "half" of a write done.
    Crash { at: usize, how: &'static str },
    /// The change fails with this error ("ENOSPC", "EIO", …), and, if it goes `on`, so do those after it.
    Fail { at: usize, errno: &'static str, on: bool },
}

/// Where a child works, what is recorded, and what goes wrong.
pub struct Watch<'a> {
    /// The directory that is watched; absolute, without links.
    pub dir: &'a Path,
    /// Where the child writes what it acknowledges.
    pub acks: &'a Path,
    /// Where the trace goes, if it is wanted.
    pub trace: Option<&'a Path>,
    pub fault: Option<Fault>,
    /// Count changes only after the child said "arm".
    pub arm: bool,
}

impl Watch<'_> {
    /// Puts the shim before a child that is about to be started.
    pub fn over(&self, command: &mut Command) {
        command.env("LD_PRELOAD", library()).env("FAULTS_DIR", self.dir).env("FAULTS_ACKS", self.acks);
        if let Some(trace) = self.trace {
            command.env("FAULTS_TRACE", trace);
        }
        if self.arm {
            command.env("FAULTS_ARM", "1");
        }
        match self.fault {
            None => command,
            Some(Fault::Crash { at, how }) => command.env("FAULTS_CRASH", format!("{at} {how}")),
            Some(Fault::Fail { at, errno, on }) => {
                command.env("FAULTS_FAIL", format!("{at} {errno} {}", if on { "on" } else { "once" }))
            }
        };
    }
}

/// The shim, compiled.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/shim.c");
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("faults-{}.so", std::process::id()));
        let mut cc = Command::new("cc");
        cc.args(["-O1", "-Wall", "-shared", "-fPIC", "-o"].map(OsStr::new))
            .arg(&library)
            .arg(&source)
            .args(["-ldl", "-lpthread"]);
        let done =
            cc.output().unwrap_or_else(|e| panic!("the fault tests need a C compiler called cc (`make setup`): {e}"));
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        library
    })
}
