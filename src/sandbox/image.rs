//! The root image: the read-only file tree every sandbox starts as, with its programs compiled ahead of time.
//!
//! A folder:
//!
//! ```text
//! image.json      the manifest below: what is in the tree, and size and BLAKE3 hash of the other files
//! image.b3        the BLAKE3 hash of image.json, in hexadecimal
//! files.bin       contents of the small files, one after the other
//! NAME.wasm       a program, as the file that the guest sees
//! NAME.cwasm      the same compiled for one wasmtime, its settings and one processor family
//! ```
//!
//! Opening checks the manifest and `files.bin` whole and the other files' sizes; a program's compiled form is checked against its
//! hash before it is first run, because it is machine code.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use wasmtime::Module;

use super::engine::{Engine, EngineInner};
use super::modules::{self, Program};
use super::process::lock;
use crate::vfs::{ProgramId, Tree};

/// Version of the format above. Another one is refused.
pub(super) const FORMAT: u32 = 1;

/// Why an image cannot be used.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum ImageError {
    #[error("image {path}: {source}", path = path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("image {path} is truncated or altered: {what}; build it again", path = path.display())]
    Damaged { path: PathBuf, what: String },
    #[error("image {path} has format {found}, this program reads format {FORMAT}; build it again", path = path.display())]
    Format { path: PathBuf, found: u32 },
    #[error("image {path} was compiled for another engine or processor; build it again", path = path.display())]
    Incompatible { path: PathBuf },
}

/// An opened image. `clone` is a reference.
#[derive(Clone)]
pub struct Image(pub(super) Arc<ImageInner>);

pub(super) struct ImageInner {
    engine: Engine,
    dir: PathBuf,
    /// BLAKE3 of the manifest, in hexadecimal.
    id: Option<String>,
    pub tree: Tree,
    programs: HashMap<ProgramId, ImageProgram>,
}

struct ImageProgram {
    manifest: ProgramFiles,
    loaded: OnceLock<Arc<Program>>,
    /// The thread that loads it already.
    loading: Mutex<Option<Loading>>,
}

type Loading = JoinHandle<Result<Arc<Program>, ImageError>>;

#[derive(Serialize, Deserialize)]
pub(super) struct Manifest {
    pub format: u32,
    /// See [`modules::compatibility`], in hexadecimal.
    pub compatibility: String,
    pub files: Checked,
    pub programs: Vec<ProgramFiles>,
    pub entries: Vec<Entry>,
}

/// A file of the image's folder, with what it must be.
#[derive(Serialize, Deserialize, Clone)]
pub(super) struct Checked {
    pub file: String,
    pub bytes: u64,
    pub blake3: String,
}

#[derive(Serialize, Deserialize, Clone)]
pub(super) struct ProgramFiles {
    pub wasm: Checked,
    pub compiled: Checked,
}

/// One name in the tree, parents first. Modes are permission bits; times are seconds.
#[derive(Serialize, Deserialize)]
pub(super) struct Entry {
    pub path: String,
    pub kind: EntryKind,
    #[serde(default)]
    pub mode: u16,
    #[serde(default)]
    pub uid: u32,
    #[serde(default)]
    pub gid: u32,
    #[serde(default)]
    pub mtime: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum EntryKind {
    Dir,
    /// A range of `files.bin`.
    File {
        start: usize,
        len: usize,
    },
    /// A program's wasm, by index.
    Program(u32),
    /// A further name of an earlier entry.
    Link(String),
    Symlink(String),
    Device {
        major: u32,
        minor: u32,
    },
}

impl Manifest {
    /// The program that is `/usr/bin/bash`.
    fn shell(&self) -> Option<&ProgramFiles> {
        let shell = self.entries.iter().find(|entry| entry.path == "/usr/bin/bash")?;
        match shell.kind {
            EntryKind::Program(id) => self.programs.get(id as usize),
            _ => None,
        }
    }
}

impl Image {
    /// Opens the image in the folder `dir` for `engine`.
    ///
    /// # Errors
    /// A file missing, truncated or altered, or compiled for another engine.
    pub fn open(engine: &Engine, dir: impl AsRef<Path>) -> Result<Image, ImageError> {
        let dir = dir.as_ref().to_path_buf();
        let text = read(&dir.join("image.json"))?;
        let expected = read(&dir.join("image.b3"))?;
        let id = blake3::hash(&text).to_hex().to_string();
        if expected.trim_ascii() != id.as_bytes() {
            return Err(damaged(&dir.join("image.json"), "its hash is not the one in image.b3"));
        }
        let manifest: Manifest =
            serde_json::from_slice(&text).map_err(|e| damaged(&dir.join("image.json"), &e.to_string()))?;
        if manifest.format != FORMAT {
            return Err(ImageError::Format { path: dir, found: manifest.format });
        }
        if manifest.compatibility != compatibility(&engine.0) {
            return Err(ImageError::Incompatible { path: dir });
        }
        let shell = manifest.shell().map(|files| (files.wasm.file.clone(), preload(engine, &dir, files)));
        let files = map(&dir, &manifest.files)?;
        check(&dir, &manifest.files, &files)?;
        let tree = build_tree(&dir, &manifest, &files)?;
        let mut programs = HashMap::new();
        for manifest in manifest.programs {
            check_size(&dir, &manifest.compiled)?;
            let id = program_id(&dir, &manifest.wasm)?;
            programs.insert(id, ImageProgram { manifest, loaded: OnceLock::new(), loading: Mutex::default() });
        }
        if let Some((file, thread)) = shell {
            let shell = programs.values_mut().find(|p| p.manifest.wasm.file == file);
            if let Some(shell) = shell {
                shell.loading = Mutex::new(Some(thread));
            }
        }
        Ok(Image(Arc::new(ImageInner { engine: engine.clone(), dir, id: Some(id), tree, programs })))
    }

    /// An image that is only a file tree: a program in it is compiled when it is first run.
    pub fn from_tree(engine: &Engine, tree: Tree) -> Image {
        let (engine, dir, programs) = (engine.clone(), PathBuf::new(), HashMap::new());
        Image(Arc::new(ImageInner { engine, dir, id: None, tree, programs }))
    }

    /// The engine the image was opened for.
    pub fn engine(&self) -> &Engine {
        &self.0.engine
    }

    /// What tells it from every other image; `None` if it was made from a tree.
    pub fn id(&self) -> Option<&str> {
        self.0.id.as_deref()
    }

    /// The file tree.
    pub fn tree(&self) -> &Tree {
        &self.0.tree
    }

    /// Checks every file against its hash.
    ///
    /// # Errors
    /// The first file that is missing, truncated or altered.
    pub fn verify(&self) -> Result<(), ImageError> {
        for program in self.0.programs.values() {
            for file in [&program.manifest.wasm, &program.manifest.compiled] {
                check(&self.0.dir, file, &map(&self.0.dir, file)?)?;
            }
        }
        Ok(())
    }
}

impl ImageInner {
    /// The program `id`, loaded and checked the first time; `None` if this image has no such.
    pub fn program(&self, id: ProgramId) -> Option<Result<Arc<Program>, ImageError>> {
        self.programs.get(&id).map(|program| self.loaded(program))
    }

    fn loaded(&self, program: &ImageProgram) -> Result<Arc<Program>, ImageError> {
        if let Some(loaded) = program.loaded.get() {
            return Ok(loaded.clone());
        }
        let loading = lock(&program.loading).take();
        let loaded = match loading.and_then(|thread| thread.join().ok()) {
            Some(loaded) => loaded?,
            None => load(&self.engine.0, &self.dir, &program.manifest.compiled)?,
        };
        Ok(program.loaded.get_or_init(|| loaded).clone())
    }
}

/// Loads a program's compiled form after checking it.
fn load(engine: &EngineInner, dir: &Path, file: &Checked) -> Result<Arc<Program>, ImageError> {
    let path = dir.join(&file.file);
    check(dir, file, &map(dir, file)?)?;
    // SAFETY: the file's hash was just compared with the one the builder wrote into the manifest.
    let module =
        unsafe { Module::deserialize_file(&engine.wasm, &path) }.map_err(|e| damaged(&path, &format!("{e:#}")))?;
    Ok(Arc::new(Program::new(engine, &module).map_err(|e| damaged(&path, &e.to_string()))?))
}

/// Loads a program beside what else there is to do: the shell, with which every exec starts.
fn preload(engine: &Engine, dir: &Path, files: &ProgramFiles) -> Loading {
    let (engine, dir, file) = (engine.clone(), dir.to_path_buf(), files.compiled.clone());
    std::thread::spawn(move || load(&engine.0, &dir, &file))
}

/// [`modules::compatibility`] as the manifest writes it.
pub(super) fn compatibility(engine: &EngineInner) -> String {
    format!("{:016x}", modules::compatibility(engine))
}

fn build_tree(dir: &Path, manifest: &Manifest, files: &Bytes) -> Result<Tree, ImageError> {
    let mut tree = Tree::new();
    let mut wasm = Vec::new();
    for program in &manifest.programs {
        wasm.push((program_id(dir, &program.wasm)?, map(dir, &program.wasm)?));
    }
    for entry in &manifest.entries {
        let Entry { path, mode, uid, gid, mtime, .. } = entry;
        let mtime = mtime * 1_000_000_000;
        let put = match &entry.kind {
            EntryKind::Dir => tree.put_dir(path.as_bytes(), *mode, *uid, *gid, mtime),
            EntryKind::File { start, len } => {
                let end = start.checked_add(*len).filter(|end| *end <= files.len());
                let end = end.ok_or_else(|| damaged(dir, &format!("{path} ends beyond files.bin")))?;
                tree.put_file(path.as_bytes(), files.slice(*start..end), *mode, *uid, *gid, mtime, None)
            }
            EntryKind::Program(index) => {
                let missing = || damaged(dir, &format!("{path} names program {index}, which is not there"));
                let (id, bytes) = wasm.get(*index as usize).ok_or_else(missing)?.clone();
                tree.put_file(path.as_bytes(), bytes, *mode, *uid, *gid, mtime, Some(id))
            }
            EntryKind::Link(to) => tree.put_link(to.as_bytes(), path.as_bytes()),
            EntryKind::Symlink(target) => tree.put_symlink(path.as_bytes(), target.as_bytes(), mtime),
            EntryKind::Device { major, minor } => tree.put_device(path.as_bytes(), *major, *minor, *mode),
        };
        put.map_err(|e| damaged(dir, &format!("{path} cannot be put into the tree: {e:?}")))?;
    }
    // Once more: what was put into a directory changed its time.
    for Entry { path, kind, mode, uid, gid, mtime } in &manifest.entries {
        if matches!(kind, EntryKind::Dir) {
            let put = tree.put_dir(path.as_bytes(), *mode, *uid, *gid, mtime * 1_000_000_000);
            put.map_err(|e| damaged(dir, &format!("{path}: {e:?}")))?;
        }
    }
    tree.seal_base();
    Ok(tree)
}

/// The identity of a program: its wasm's hash.
fn program_id(dir: &Path, wasm: &Checked) -> Result<ProgramId, ImageError> {
    let hash = blake3::Hash::from_hex(&wasm.blake3).map_err(|e| damaged(dir, &format!("{}: {e}", wasm.file)))?;
    Ok(ProgramId(*hash.as_bytes()))
}

fn read(path: &Path) -> Result<Vec<u8>, ImageError> {
    std::fs::read(path).map_err(|source| ImageError::Io { path: path.to_path_buf(), source })
}

/// Maps a file of the image after checking its size.
fn map(dir: &Path, file: &Checked) -> Result<Bytes, ImageError> {
    check_size(dir, file)?;
    if file.bytes == 0 {
        return Ok(Bytes::new());
    }
    let path = dir.join(&file.file);
    let io = |source| ImageError::Io { path: path.clone(), source };
    let opened = File::open(&path).map_err(io)?;
    // SAFETY: an image's files are not written after they are built; whoever could, could replace the program itself.
    let mapped = unsafe { memmap2::Mmap::map(&opened) }.map_err(io)?;
    Ok(Bytes::from_owner(mapped))
}

fn check_size(dir: &Path, file: &Checked) -> Result<(), ImageError> {
    let path = dir.join(&file.file);
    let found = std::fs::metadata(&path).map_err(|source| ImageError::Io { path: path.clone(), source })?.len();
    if found == file.bytes {
        return Ok(());
    }
    Err(damaged(&path, &format!("it has {found} bytes instead of {}", file.bytes)))
}

fn check(dir: &Path, file: &Checked, contents: &[u8]) -> Result<(), ImageError> {
    if blake3::hash(contents).to_hex().as_str() == file.blake3 {
        return Ok(());
    }
    Err(damaged(&dir.join(&file.file), "its hash is not the one in image.json"))
}

fn damaged(path: &Path, what: &str) -> ImageError {
    ImageError::Damaged { path: path.to_path_buf(), what: what.into() }
}
