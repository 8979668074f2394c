//! A truncated, altered or missing image is refused with a message that names the file; it never runs as something else. A program
//! that has its image at its end needs nothing beside it.

mod common;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::{block_on, engine, image_dir};
use coquina::sandbox::{Exec, Image, ImageError, Outcome, Sandbox, SandboxConfig};

/// A folder that links to every file of the image but one.
struct Copy(PathBuf);

impl Copy {
    fn new(name: &str) -> Copy {
        let dir = std::env::temp_dir().join(format!("coquina-image-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).expect("a scratch directory");
        for entry in std::fs::read_dir(image_dir()).expect("`make image` has built it") {
            let entry = entry.expect("it can be listed");
            std::os::unix::fs::symlink(entry.path(), dir.join(entry.file_name())).expect("a link");
        }
        Copy(dir)
    }

    /// Replaces a file by what `change` makes of it.
    fn change(&self, file: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let path = self.0.join(file);
        let mut content = std::fs::read(&path).expect("it can be read");
        change(&mut content);
        std::fs::remove_file(&path).expect("the link goes");
        std::fs::write(&path, content).expect("it can be written");
    }

    fn open(&self) -> Result<Image, ImageError> {
        Image::open(engine(), &self.0)
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn flip_middle(content: &mut [u8]) {
    let middle = content.len() / 2;
    content[middle] ^= 0x40;
}

fn files(ending: &str) -> Vec<String> {
    let names = std::fs::read_dir(image_dir()).expect("`make image` has built it");
    let names = names.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter(|name| name.ends_with(ending)).collect()
}

/// The image is refused when opened, or else when its programs are checked or run, and the message says what is wrong.
fn refused(copy: &Copy, what: &str) {
    let image = match copy.open() {
        Err(error) => return says(&error.to_string(), copy, what),
        Ok(image) => image,
    };
    says(&image.verify().expect_err(what).to_string(), copy, what);
}

fn says(message: &str, copy: &Copy, what: &str) {
    assert!(message.contains(&*copy.0.to_string_lossy()), "{what}: {message}");
}

#[test]
fn an_untouched_copy_works() {
    let copy = Copy::new("whole");
    let image = copy.open().expect("it opens");
    image.verify().expect("it is whole");
    let sandbox = Sandbox::new(&image, SandboxConfig::default()).expect("the sandbox can be made");
    let done = block_on(sandbox.exec(Exec::bash("echo hi"))).expect("the host runs it");
    assert_eq!(done.outcome, Outcome::Exit { exit_code: 0 });
}

#[test]
fn truncated_altered_and_missing_files_are_found() {
    let small: Vec<String> = ["image.json", "image.b3", "files.bin"].map(String::from).into();
    for file in small.iter().chain(&files(".cwasm")).chain(&files(".wasm")) {
        let copy = Copy::new("truncated");
        copy.change(file, |content| content.truncate(content.len() / 2));
        refused(&copy, &format!("truncated {file}"));
        let copy = Copy::new("altered");
        copy.change(file, |content| flip_middle(content));
        refused(&copy, &format!("altered {file}"));
        let copy = Copy::new("missing");
        std::fs::remove_file(copy.0.join(file)).expect("the link goes");
        refused(&copy, &format!("missing {file}"));
    }
}

#[test]
fn an_altered_program_is_not_run() {
    let copy = Copy::new("program");
    let bash = files(".cwasm").into_iter().find(|name| name.contains("bash")).expect("bash is in the image");
    copy.change(&bash, |content| flip_middle(content));
    let image = copy.open().expect("sizes are right");
    let sandbox = Sandbox::new(&image, SandboxConfig::default()).expect("the sandbox can be made");
    let error = block_on(sandbox.exec(Exec::bash("echo hi"))).expect_err("it must not run");
    assert!(error.to_string().contains(&bash), "{error}");
}

#[test]
fn an_altered_tool_fails_the_exec_that_wants_it() {
    let copy = Copy::new("tool");
    let tool = files(".cwasm").into_iter().find(|name| name.contains("coreutils")).expect("it is in the image");
    copy.change(&tool, |content| flip_middle(content));
    let image = copy.open().expect("sizes are right");
    let sandbox = Sandbox::new(&image, SandboxConfig::default()).expect("the sandbox can be made");
    let error = block_on(sandbox.exec(Exec::bash("/bin/true; while :; do :; done"))).expect_err("it must not run");
    assert!(error.to_string().contains(&tool), "{error}");
    let done = block_on(sandbox.exec(Exec::bash("echo on"))).expect("the host runs it");
    assert_eq!((&done.stdout.bytes[..], done.outcome), (&b"on\n"[..], Outcome::Exit { exit_code: 0 }));
}

#[test]
fn another_format_or_engine_is_refused() {
    let reseal = |copy: &Copy, from: &str, to: &str| {
        copy.change("image.json", |content| {
            let text = String::from_utf8(std::mem::take(content)).expect("it is text");
            assert!(text.contains(from), "{from} is not in the manifest");
            *content = text.replacen(from, to, 1).into_bytes();
        });
        let hash = blake3::hash(&std::fs::read(copy.0.join("image.json")).expect("it can be read"));
        copy.change("image.b3", |content| *content = hash.to_hex().as_bytes().to_vec());
    };
    let copy = Copy::new("format");
    reseal(&copy, "\"format\":1", "\"format\":99");
    assert!(matches!(copy.open(), Err(ImageError::Format { found: 99, .. })));
    let copy = Copy::new("engine");
    reseal(&copy, "\"compatibility\":\"", "\"compatibility\":\"0");
    assert!(matches!(copy.open(), Err(ImageError::Incompatible { .. })));
    assert!(matches!(Image::open(engine(), Path::new("/nosuch")), Err(ImageError::Io { .. })));
}

/// A program with the image at its end, alone in a folder.
struct Whole(tempfile::TempDir);

impl Whole {
    fn of(program: &Path) -> Whole {
        let whole = Whole(tempfile::tempdir().expect("a scratch directory"));
        Image::embed(&image_dir(), program, &whole.path()).expect("it can be written");
        whole
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("coquina")
    }

    /// It, with nothing in its environment.
    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(self.path());
        command.args(words).env_clear().current_dir(self.0.path());
        command
    }
}

#[test]
fn a_program_with_its_image_needs_nothing_beside_it() {
    let whole = Whole::of(Path::new(env!("CARGO_BIN_EXE_coquina")));
    let done = whole.command(&["exec", "-c", "echo hi | tr a-z A-Z"]).output().expect("it starts");
    assert_eq!(done.stdout, b"HI\n", "{}", String::from_utf8_lossy(&done.stderr));
    assert!(whole.command(&["image", "verify"]).status().expect("it starts").success());

    let mut serving = whole.command(&["serve", "--in-memory", "--listen", "127.0.0.1:0"]);
    let mut serving = serving.stdout(Stdio::piped()).spawn().expect("it starts");
    let mut line = String::new();
    BufReader::new(serving.stdout.take().expect("a pipe")).read_line(&mut line).expect("it says where");
    let address = line.trim().strip_prefix("http://").expect("a URL");
    let (body, mut answer) = (r#"{"script": "echo hi"}"#, String::new());
    let asked = TcpStream::connect(address).and_then(|mut stream| {
        let head = "POST /v1/run HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close";
        write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len())?;
        stream.read_to_string(&mut answer)
    });
    serving.kill().and_then(|()| serving.wait()).expect("it is stopped");
    assert!(asked.is_ok() && answer.contains(r#""stdout":"hi\n""#), "{asked:?}: {answer}");
}

#[test]
fn an_image_at_a_program_s_end_is_checked_like_a_folder() {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let program = scratch.path().join("program");
    std::fs::write(&program, [b'p'; 12_345]).expect("it can be written");
    assert!(!Image::is_in(&program));
    let whole = Whole::of(&program);
    let image = Image::open(engine(), whole.path()).expect("it opens");
    image.verify().expect("it is whole");
    assert_eq!(image.id(), Image::open(engine(), image_dir()).expect("it opens").id());

    let good = std::fs::read(whole.path()).expect("it can be read");
    assert!(good.starts_with(&[b'p'; 12_345]) && Image::is_in(&whole.path()));
    let again = Whole::of(&whole.path());
    assert!(
        std::fs::read(again.path()).expect("it can be read") == good,
        "the image takes the place of the one before"
    );

    let changed = scratch.path().join("changed");
    let refused = |what: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let mut content = good.clone();
        change(&mut content);
        std::fs::write(&changed, content).expect("it can be written");
        let error = Image::open(engine(), &changed).and_then(|image| image.verify());
        let error = error.expect_err(what).to_string();
        assert!(error.contains(&*changed.to_string_lossy()), "{what}: {error}");
    };
    refused("cut", &|content| content.truncate(content.len() - 1));
    refused("shorter", &|content| {
        content.remove(20_000);
    });
    refused("longer", &|content| content.insert(20_000, 0));
    refused("another manifest", &|content| content[12_345 + 100] ^= 1);
    refused("another hash", &|content| *content.last_mut().expect("it is long") ^= 1);
    refused("another program", &|content| flip_middle(content));
    let end = good.len() - 64;
    refused("a beginning that is none", &|content| content[end + 16..end + 24].fill(0xff));
    refused("a length that is none", &|content| content[end + 24..end + 32].fill(0xff));
}
