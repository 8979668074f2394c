//! What these tests stand on: a store of their own, and `coquina` called over it.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::common::image_dir;

/// A store of its own, and a place on the host beside it.
pub struct Place(TempDir);

/// What a call said.
pub struct Said {
    pub stdout: String,
    pub stderr: String,
    pub status: i32,
}

impl Place {
    pub fn new() -> Place {
        Place(tempfile::tempdir().expect("a scratch directory"))
    }

    /// A path on the host.
    pub fn host(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_coquina"));
        command.args(words).env("COQUINA_IMAGE", image_dir()).env("COQUINA_STORE", self.host("store"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs `coquina` with some standard input.
    pub fn fed(&self, words: &[&str], stdin: &[u8]) -> Said {
        let mut child = self.command(words).spawn().expect("it starts");
        let mut input = child.stdin.take().expect("its input is a pipe");
        let bytes = stdin.to_vec();
        // What is not read stays in the pipe, which may close before all is written.
        let writer = std::thread::spawn(move || drop(input.write_all(&bytes)));
        let said = finished(child);
        writer.join().expect("no panic");
        said
    }

    pub fn said(&self, words: &[&str]) -> Said {
        self.fed(words, b"")
    }

    /// What a call prints that must succeed without a complaint.
    pub fn out(&self, words: &[&str]) -> String {
        let said = self.said(words);
        assert_eq!((said.stderr.as_str(), said.status), ("", 0), "{words:?} said {}", said.stdout);
        said.stdout
    }

    /// The JSON that `box …` answers with.
    pub fn json(&self, words: &[&str]) -> Value {
        let text = self.out(&[&["box"], words, &["--json"]].concat());
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{words:?}: {e}: {text}"))
    }

    pub fn create(&self, name: &str) {
        self.out(&["box", "create", name]);
    }

    /// Runs a script in a box that must succeed; what it printed.
    pub fn run(&self, name: &str, script: &str) -> String {
        self.out(&["box", "exec", name, "-c", script])
    }

    /// A call that must fail: its status and its complaint.
    pub fn refused(&self, words: &[&str]) -> (i32, String) {
        let said = self.said(words);
        assert_eq!(said.stdout, "", "{words:?}: {}", said.stderr);
        (said.status, said.stderr)
    }
}

pub fn finished(child: Child) -> Said {
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let status = output.status.code().expect("no signal ended it");
    Said { stdout: text(&output.stdout), stderr: text(&output.stderr), status }
}

pub fn text(path: impl AsRef<Path>) -> String {
    std::fs::read_to_string(path).expect("it can be read")
}

/// The paths and kinds of a list of changes.
pub fn changed(changes: &Value) -> Vec<(String, String)> {
    let word = |value: &Value| value.as_str().expect("text").to_owned();
    changes.as_array().expect("a list").iter().map(|c| (word(&c["change"]), word(&c["path"]))).collect()
}

pub fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}
