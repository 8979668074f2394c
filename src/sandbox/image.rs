//! The root image: the read-only file tree every sandbox starts as, with its programs compiled ahead of time.
//!
//! A folder, or what `image_place.rs` makes of it at the end of a program:
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
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::engine::{Engine, EngineInner};
use super::image_place::{self, Place, damaged};
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
    place: Arc<Place>,
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
    /// The other files, in the order in which they are appended to a program.
    pub fn checked(&self) -> impl Iterator<Item = &Checked> {
        let programs = self.programs.iter().flat_map(|program| [&program.wasm, &program.compiled]);
        std::iter::once(&self.files).chain(programs)
    }

    /// Reads the manifest after checking its hash; answers its text's hash too.
    fn read(place: &Place) -> Result<(Manifest, String), ImageError> {
        let (text, expected) = place.manifest()?;
        let (path, id) = (place.path().join("image.json"), blake3::hash(&text).to_hex().to_string());
        if expected != id {
            return Err(damaged(&path, "its hash is not the one it must have"));
        }
        let manifest: Manifest = serde_json::from_slice(&text).map_err(|e| damaged(&path, &e.to_string()))?;
        match manifest.format {
            FORMAT => Ok((manifest, id)),
            found => Err(ImageError::Format { path: place.path().into(), found }),
        }
    }

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
    /// Opens the image in the folder `path`, or at the end of the program `path`, for `engine`.
    ///
    /// # Errors
    /// A file missing, truncated or altered, or compiled for another engine.
    pub fn open(engine: &Engine, path: impl AsRef<Path>) -> Result<Image, ImageError> {
        let mut place = Place::open(path.as_ref())?;
        let (manifest, id) = Manifest::read(&place)?;
        if manifest.compatibility != compatibility(&engine.0) {
            return Err(ImageError::Incompatible { path: place.path().into() });
        }
        place.locate(&manifest)?;
        let place = Arc::new(place);
        let shell = manifest.shell().map(|files| (files.wasm.file.clone(), preload(engine, &place, files)));
        let files = place.checked(&manifest.files)?;
        let tree = build_tree(&place, &manifest, &files)?;
        let mut programs = HashMap::new();
        for manifest in manifest.programs {
            place.check_size(&manifest.compiled)?;
            let id = program_id(place.path(), &manifest.wasm)?;
            programs.insert(id, ImageProgram { manifest, loaded: OnceLock::new(), loading: Mutex::default() });
        }
        if let Some((file, thread)) = shell {
            let shell = programs.values_mut().find(|p| p.manifest.wasm.file == file);
            if let Some(shell) = shell {
                shell.loading = Mutex::new(Some(thread));
            }
        }
        Ok(Image(Arc::new(ImageInner { engine: engine.clone(), place, id: Some(id), tree, programs })))
    }

    /// An image that is only a file tree: a program in it is compiled when it is first run.
    pub fn from_tree(engine: &Engine, tree: Tree) -> Image {
        let (engine, place, programs) = (engine.clone(), Arc::new(Place::none()), HashMap::new());
        Image(Arc::new(ImageInner { engine, place, id: None, tree, programs }))
    }

    /// Whether there is an image at the end of the file `program`.
    pub fn is_in(program: &Path) -> bool {
        image_place::is_in(program)
    }

    /// Writes `out`: a copy of `program` with the image at `path` at its end, in the place of the one it may have.
    ///
    /// # Errors
    /// A file of the image missing, truncated or altered; a file that cannot be read or written.
    pub fn embed(path: &Path, program: &Path, out: &Path) -> Result<(), ImageError> {
        let mut place = Place::open(path)?;
        let (manifest, _) = Manifest::read(&place)?;
        place.locate(&manifest)?;
        image_place::append(program, &place, &manifest, out)
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
                self.0.place.checked(file)?;
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
            None => load(&self.engine.0, &self.place, &program.manifest.compiled)?,
        };
        Ok(program.loaded.get_or_init(|| loaded).clone())
    }
}

/// Loads a program's compiled form after checking it.
fn load(engine: &EngineInner, place: &Place, file: &Checked) -> Result<Arc<Program>, ImageError> {
    let module = place.module(engine, file)?;
    let program = Program::new(engine, &module);
    Ok(Arc::new(program.map_err(|e| damaged(&place.path().join(&file.file), &e.to_string()))?))
}

/// Loads a program beside what else there is to do: the shell, with which every exec starts.
fn preload(engine: &Engine, place: &Arc<Place>, files: &ProgramFiles) -> Loading {
    let (engine, place, file) = (engine.clone(), place.clone(), files.compiled.clone());
    std::thread::spawn(move || load(&engine.0, &place, &file))
}

/// [`modules::compatibility`] as the manifest writes it.
pub(super) fn compatibility(engine: &EngineInner) -> String {
    format!("{:016x}", modules::compatibility(engine))
}

fn build_tree(place: &Place, manifest: &Manifest, files: &Bytes) -> Result<Tree, ImageError> {
    let (dir, mut tree) = (place.path(), Tree::new());
    let mut wasm = Vec::new();
    for program in &manifest.programs {
        wasm.push((program_id(dir, &program.wasm)?, place.map(&program.wasm)?));
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
