//! Where an image's files are: in a folder, or behind one another at the end of a program.
//!
//! ```text
//! the program itself, as it was built
//! image.json, files.bin, then each program's .wasm and .cwasm, in the manifest's order and without gaps
//! 64 bytes: MAGIC, where image.json begins and how long it is (8 bytes each, lowest first), and its BLAKE3 hash
//! ```
//!
//! What is appended is mapped where it is. Only compiled programs are copied into memory, each when it is first run: wasmtime can map
//! whole files only.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use memmap2::MmapOptions;
use wasmtime::Module;

use super::engine::EngineInner;
use super::image::{Checked, ImageError, Manifest};

/// What the end of a program with an image begins with.
const MAGIC: &[u8; 16] = b"coquina image 1\n";

/// Bytes of that end.
const END: usize = 64;

/// Where an image is.
pub(super) struct Place {
    /// The folder or the program.
    path: PathBuf,
    /// The program and its parts; `None` is a folder.
    appended: Option<Appended>,
}

struct Appended {
    program: File,
    manifest: Part,
    /// The manifest's hash, in hexadecimal.
    hash: String,
    /// Where the image ends.
    end: u64,
    /// The other files, by name.
    parts: HashMap<String, Part>,
}

/// Some bytes of a program.
#[derive(Clone, Copy)]
struct Part {
    start: u64,
    bytes: u64,
}

impl Place {
    /// The image in a folder or at the end of a program.
    pub fn open(path: &Path) -> Result<Place, ImageError> {
        if !fs::metadata(path).map_err(io_error(path))?.is_file() {
            return Ok(Place { path: path.into(), appended: None });
        }
        let program = File::open(path).map_err(io_error(path))?;
        let appended = Appended::find(program).map_err(io_error(path))?;
        let appended = appended.ok_or_else(|| damaged(path, "it is a file without an image at its end"))?;
        Ok(Place { path: path.into(), appended: Some(appended) })
    }

    /// Nowhere, for an image without files.
    pub fn none() -> Place {
        Place { path: PathBuf::new(), appended: None }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The manifest's text and the hash it must have.
    pub fn manifest(&self) -> Result<(Vec<u8>, String), ImageError> {
        let Some(Appended { program, manifest, hash, .. }) = &self.appended else {
            let read = |name: &str| fs::read(self.path.join(name)).map_err(io_error(&self.path.join(name)));
            let hash = String::from_utf8_lossy(read("image.b3")?.trim_ascii()).into_owned();
            return Ok((read("image.json")?, hash));
        };
        let mut text = vec![0; usize::try_from(manifest.bytes).unwrap_or(0)];
        program.read_exact_at(&mut text, manifest.start).map_err(io_error(&self.path))?;
        Ok((text, hash.clone()))
    }

    /// Finds the files that the manifest names.
    pub fn locate(&mut self, manifest: &Manifest) -> Result<(), ImageError> {
        let Some(appended) = &mut self.appended else { return Ok(()) };
        let mut start = appended.manifest.start + appended.manifest.bytes;
        for file in manifest.checked() {
            appended.parts.insert(file.file.clone(), Part { start, bytes: file.bytes });
            start = start.saturating_add(file.bytes);
        }
        if start == appended.end {
            return Ok(());
        }
        Err(damaged(&self.path, &format!("its files end at byte {start} instead of {}", appended.end)))
    }

    /// Maps a file after checking its size.
    pub fn map(&self, file: &Checked) -> Result<Bytes, ImageError> {
        self.check_size(file)?;
        if file.bytes == 0 {
            return Ok(Bytes::new());
        }
        let (path, mut options) = (self.path.join(&file.file), MmapOptions::new());
        // SAFETY: an image's files are not written after they are built; whoever could, could replace the program itself.
        let mapped = match &self.appended {
            None => File::open(&path).and_then(|opened| unsafe { options.map(&opened) }),
            Some(appended) => {
                let start = appended.parts.get(&file.file).map_or(0, |part| part.start);
                unsafe { options.offset(start).len(file.bytes as usize).map(&appended.program) }
            }
        };
        Ok(Bytes::from_owner(mapped.map_err(io_error(&path))?))
    }

    /// Fails unless a file has the size it must have.
    pub fn check_size(&self, file: &Checked) -> Result<(), ImageError> {
        let path = self.path.join(&file.file);
        let found = match &self.appended {
            None => fs::metadata(&path).map_err(io_error(&path))?.len(),
            Some(appended) => appended.parts.get(&file.file).map_or(0, |part| part.bytes),
        };
        if found == file.bytes {
            return Ok(());
        }
        Err(damaged(&path, &format!("it has {found} bytes instead of {}", file.bytes)))
    }

    /// Maps a file after checking its size and its hash.
    pub fn checked(&self, file: &Checked) -> Result<Bytes, ImageError> {
        let contents = self.map(file)?;
        if blake3::hash(&contents).to_hex().as_str() == file.blake3 {
            return Ok(contents);
        }
        Err(damaged(&self.path.join(&file.file), "its hash is not the one in image.json"))
    }

    /// Loads a compiled program after checking it.
    pub fn module(&self, engine: &EngineInner, file: &Checked) -> Result<Module, ImageError> {
        let (path, contents) = (self.path.join(&file.file), self.checked(file)?);
        // SAFETY: the contents' hash was just compared with the one the builder wrote into the manifest.
        let module = match &self.appended {
            None => unsafe { Module::deserialize_file(&engine.wasm, &path) },
            Some(_) => unsafe { Module::deserialize(&engine.wasm, &contents) },
        };
        module.map_err(|e| damaged(&path, &format!("{e:#}")))
    }
}

impl Appended {
    /// The image at the end of a program, if there is one.
    fn find(program: File) -> io::Result<Option<Appended>> {
        let Some(end) = program.metadata()?.len().checked_sub(END as u64) else { return Ok(None) };
        let mut last = [0; END];
        program.read_exact_at(&mut last, end)?;
        let (magic, rest) = last.split_at(MAGIC.len());
        let (start, rest) = rest.split_at(8);
        let (bytes, hash) = rest.split_at(8);
        let number = |bytes: &[u8]| bytes.iter().rev().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
        let manifest = Part { start: number(start), bytes: number(bytes) };
        let is_within = manifest.start.checked_add(manifest.bytes).is_some_and(|until| until <= end);
        let hash = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        let appended = Appended { program, manifest, hash, end, parts: HashMap::new() };
        Ok((magic == MAGIC && is_within).then_some(appended))
    }
}

/// Whether there is an image at the end of this program.
pub(super) fn is_in(program: &Path) -> bool {
    File::open(program).and_then(Appended::find).is_ok_and(|found| found.is_some())
}

/// Writes `out`: the program without its image, if it has one, and `manifest`'s files from `place`, each after checking it.
pub(super) fn append(program: &Path, place: &Place, manifest: &Manifest, out: &Path) -> Result<(), ImageError> {
    let (text, hash) = place.manifest()?;
    let hash = blake3::Hash::from_hex(hash).map_err(|e| damaged(place.path(), &e.to_string()))?;
    let opened = File::open(program).map_err(io_error(program))?;
    let length = opened.metadata().map_err(io_error(program))?.len();
    let own = opened.try_clone().and_then(Appended::find).map_err(io_error(program))?;
    let start = own.map_or(length, |image| image.manifest.start);
    let partial = out.with_extension(format!("{}.part", std::process::id()));
    let write = |bytes: &[u8], mut to: &File| to.write_all(bytes).map_err(io_error(&partial));
    fs::create_dir_all(out.parent().unwrap_or(Path::new("."))).map_err(io_error(out))?;
    let to = File::create(&partial).map_err(io_error(&partial))?;
    io::copy(&mut io::Read::take(&opened, start), &mut &to).map_err(io_error(&partial))?;
    write(&text, &to)?;
    for file in manifest.checked() {
        write(&place.checked(file)?, &to)?;
    }
    for part in [MAGIC, &start.to_le_bytes()[..], &(text.len() as u64).to_le_bytes(), hash.as_bytes()] {
        write(part, &to)?;
    }
    to.set_permissions(fs::Permissions::from_mode(0o755)).map_err(io_error(&partial))?;
    fs::rename(&partial, out).map_err(io_error(out))
}

fn io_error(path: &Path) -> impl Fn(io::Error) -> ImageError {
    move |source| ImageError::Io { path: path.to_path_buf(), source }
}

pub(super) fn damaged(path: &Path, what: &str) -> ImageError {
    ImageError::Damaged { path: path.to_path_buf(), what: what.into() }
}
