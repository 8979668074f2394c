//! Builds a root image from a recipe: which programs under which names, which directories, files, links and devices.
//!
//! The recipe is TOML; `wasm-tools/image.toml` is the product's and shows every kind of entry.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use super::engine::Engine;
use super::image::{Checked, Entry, EntryKind, FORMAT, Image, ImageError, Manifest, ProgramFiles, compatibility};
use super::modules::{ModuleError, Program, write_whole};

/// Modification time of everything in an image, in seconds: a fixed one, so that the same inputs give the same image.
const MTIME: i64 = 1_700_000_000;

/// Why an image cannot be built.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum BuildError {
    #[error("{path}: {source}")]
    Io { path: String, source: std::io::Error },
    #[error("recipe {path}: {source}")]
    Recipe { path: String, source: Box<toml::de::Error> },
    #[error("program {name}: {source}")]
    Program { name: String, source: ModuleError },
    #[error("program {name} cannot be serialised: {what}")]
    Serialise { name: String, what: String },
    #[error("the image built cannot be opened: {0}")]
    Opened(#[from] ImageError),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Recipe {
    #[serde(default)]
    dir: Vec<Node>,
    #[serde(default)]
    program: Vec<ProgramEntry>,
    #[serde(default)]
    file: Vec<FileEntry>,
    #[serde(default)]
    symlink: Vec<SymlinkEntry>,
    #[serde(default)]
    device: Vec<DeviceEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Node {
    path: String,
    mode: u16,
    #[serde(default)]
    uid: u32,
    #[serde(default)]
    gid: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProgramEntry {
    wasm: String,
    path: String,
    #[serde(default)]
    links: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileEntry {
    path: String,
    mode: u16,
    source: Option<String>,
    #[serde(default)]
    uid: u32,
    #[serde(default)]
    gid: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SymlinkEntry {
    path: String,
    target: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeviceEntry {
    path: String,
    major: u32,
    minor: u32,
    mode: u16,
}

/// Builds the image of `recipe` with the programs' `.wasm` files in `wasm` into the folder `out`. Compiled programs that are
/// there already and belong to the same wasm are kept. `progress` is told each long step.
///
/// # Errors
/// A missing input, an invalid program, or an output that cannot be written.
pub fn build_image(
    engine: &Engine,
    recipe: &Path,
    wasm: &Path,
    out: &Path,
    progress: &mut dyn FnMut(&str),
) -> Result<Image, BuildError> {
    let text = fs::read_to_string(recipe).map_err(|e| io(recipe, e))?;
    let parsed: Recipe = toml::from_str(&text)
        .map_err(|e| BuildError::Recipe { path: recipe.display().to_string(), source: Box::new(e) })?;
    fs::create_dir_all(out).map_err(|e| io(out, e))?;
    let rootfs = recipe.parent().unwrap_or(Path::new(".")).join("rootfs");
    let mut builder = Builder { engine, out, entries: Vec::new(), files: Vec::new(), programs: Vec::new() };
    for dir in &parsed.dir {
        builder.entry(&dir.path, EntryKind::Dir, dir.mode, dir.uid, dir.gid);
    }
    for program in &parsed.program {
        builder.program(program, wasm, progress)?;
    }
    for file in &parsed.file {
        builder.file(file, &rootfs)?;
    }
    for symlink in &parsed.symlink {
        builder.entry(&symlink.path, EntryKind::Symlink(symlink.target.clone()), 0o777, 0, 0);
    }
    for device in &parsed.device {
        let kind = EntryKind::Device { major: device.major, minor: device.minor };
        builder.entry(&device.path, kind, device.mode, 0, 0);
    }
    builder.finish()?;
    Ok(Image::open(engine, out)?)
}

struct Builder<'a> {
    engine: &'a Engine,
    out: &'a Path,
    entries: Vec<Entry>,
    files: Vec<u8>,
    programs: Vec<ProgramFiles>,
}

impl Builder<'_> {
    fn entry(&mut self, path: &str, kind: EntryKind, mode: u16, uid: u32, gid: u32) {
        self.entries.push(Entry { path: path.into(), kind, mode, uid, gid, mtime: MTIME });
    }

    fn file(&mut self, file: &FileEntry, rootfs: &Path) -> Result<(), BuildError> {
        let source = rootfs.join(file.source.as_deref().unwrap_or(&file.path).trim_start_matches('/'));
        let contents = fs::read(&source).map_err(|e| io(&source, e))?;
        let kind = EntryKind::File { start: self.files.len(), len: contents.len() };
        self.files.extend(contents);
        self.entry(&file.path, kind, file.mode, file.uid, file.gid);
        Ok(())
    }

    fn program(
        &mut self,
        program: &ProgramEntry,
        wasm: &Path,
        progress: &mut dyn FnMut(&str),
    ) -> Result<(), BuildError> {
        let name = &program.wasm;
        let source = wasm.join(format!("{name}.wasm"));
        let bytes = fs::read(&source).map_err(|e| io(&source, e))?;
        let wasm = self.put(&format!("{name}.wasm"), &bytes)?;
        let compiled = self.compiled(name, &bytes, &wasm.blake3, progress)?;
        let id = self.programs.len() as u32;
        self.programs.push(ProgramFiles { wasm, compiled });
        self.entry(&program.path, EntryKind::Program(id), 0o755, 0, 0);
        for link in &program.links {
            self.entry(link, EntryKind::Link(program.path.clone()), 0o755, 0, 0);
        }
        Ok(())
    }

    /// The program compiled: the one a build before left, if it is of the same wasm and engine, else a new one.
    fn compiled(
        &self,
        name: &str,
        wasm: &[u8],
        hash: &str,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Checked, BuildError> {
        let file = format!("{name}.cwasm");
        let stamp_file = self.out.join(format!("{name}.stamp"));
        let stamp = format!("{hash} {}", compatibility(&self.engine.0));
        if fs::read_to_string(&stamp_file).is_ok_and(|found| found == stamp)
            && let Ok(bytes) = fs::read(self.out.join(&file))
        {
            return Ok(checked(&file, &bytes));
        }
        progress(&format!("compiling {name} ({} KiB)", wasm.len() / 1024));
        let of = |source| BuildError::Program { name: name.into(), source };
        let wasm_engine = &self.engine.0.wasm;
        let module =
            wasmtime::Module::from_binary(wasm_engine, wasm).map_err(|e| of(ModuleError::Invalid(format!("{e:#}"))))?;
        Program::new(&self.engine.0, &module).map_err(of)?;
        let bytes =
            module.serialize().map_err(|e| BuildError::Serialise { name: name.into(), what: format!("{e:#}") })?;
        let checked = self.put(&file, &bytes)?;
        write_whole(&stamp_file, stamp.as_bytes()).map_err(|e| io(&stamp_file, e))?;
        Ok(checked)
    }

    fn put(&self, file: &str, bytes: &[u8]) -> Result<Checked, BuildError> {
        let path = self.out.join(file);
        write_whole(&path, bytes).map_err(|e| io(&path, e))?;
        Ok(checked(file, bytes))
    }

    fn finish(self) -> Result<(), BuildError> {
        let files = self.put("files.bin", &self.files)?;
        let compatibility = compatibility(&self.engine.0);
        let manifest =
            Manifest { format: FORMAT, compatibility, files, programs: self.programs, entries: self.entries };
        let text = serde_json::to_vec(&manifest).unwrap_or_default();
        let (json, hash) = (self.out.join("image.json"), self.out.join("image.b3"));
        write_whole(&json, &text).map_err(|e| io(&json, e))?;
        write_whole(&hash, blake3::hash(&text).to_hex().as_bytes()).map_err(|e| io(&hash, e))
    }
}

fn checked(file: &str, bytes: &[u8]) -> Checked {
    Checked { file: file.into(), bytes: bytes.len() as u64, blake3: blake3::hash(bytes).to_hex().to_string() }
}

fn io(path: &Path, source: std::io::Error) -> BuildError {
    BuildError::Io { path: path.display().to_string(), source }
}
