//! Files into and out of boxes: `box cp`, `box export`, `box import`. All goes as tar, so that it arrives whole or not at all.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read, Write};
use std::path::Path;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use serde_json::{Value, json};

use super::args::{CopyArgs, ExportArgs, ImportArgs, Place};
use super::pipe::pipe;
use super::{Boxes, host};
use crate::base::Errno;
use crate::cli::{UsageError, format, output};
use crate::container::{ContainerError, Landed, Ref};
use crate::vfs::{Attr, Exported, Imported, Kind};

/// Whose files are that come from outside: those of `user`, as who everything in a box runs.
const OWNER: (u32, u32) = (1000, 1000);

/// Mode of a file that comes from standard input.
const STREAM_MODE: u16 = 0o644;

/// A tar to read: a file, or standard input.
pub fn archive(file: Option<&Path>) -> Result<Box<dyn Read + Send>> {
    match file.filter(|file| *file != Path::new("-")) {
        Some(file) => Ok(Box::new(File::open(file).with_context(|| format!("archive {}", file.display()))?)),
        None => Ok(Box::new(io::stdin())),
    }
}

/// `box export`.
pub fn export(boxes: &Boxes, args: &ExportArgs) -> Result<()> {
    let export = |to: Box<dyn Write + Send>| boxes.wait(boxes.containers.export(&args.from, args.path.as_bytes(), to));
    let Some(file) = args.output.as_deref().filter(|file| *file != Path::new("-")) else {
        if io::stdout().is_terminal() {
            return Err(UsageError("an archive is nothing for a terminal: redirect it, or give -o FILE".into()).into());
        }
        note_skipped(&export(Box::new(io::stdout()))?);
        return Ok(());
    };
    let to = File::create(file).with_context(|| format!("archive {}", file.display()))?;
    let exported = export(Box::new(io::BufWriter::new(to)));
    if exported.is_err() {
        let _ = std::fs::remove_file(file);
    }
    taken(boxes, &exported?)
}

/// `box import`.
pub fn import(boxes: &Boxes, args: &ImportArgs) -> Result<()> {
    let archive = archive(args.tar.as_deref())?;
    let (imported, landed) =
        boxes.wait(boxes.containers.import(&args.name, args.at.as_bytes(), archive, Some(OWNER)))?;
    brought(boxes, &imported, &landed)
}

/// `box cp`.
pub fn copy(boxes: &Boxes, args: &CopyArgs) -> Result<()> {
    match (&args.from, &args.to) {
        (Place::Host(_) | Place::Stream, Place::Host(_) | Place::Stream) => {
            Err(UsageError("one of the two has to be in a box, as NAME:/path (see --help)".into()).into())
        }
        (from, Place::Box(Ref::Container(name), path)) => match from {
            Place::Host(file) => put(boxes, file, name, path),
            Place::Stream => {
                let mut content = Vec::new();
                io::stdin().read_to_end(&mut content).context("standard input")?;
                write(boxes, name, path, content.into(), STREAM_MODE)
            }
            Place::Box(state, from) => across(boxes, state, from, name, path),
        },
        (_, Place::Box(state, _)) => {
            Err(UsageError(format!("{state} is not a box: only a box can be written to")).into())
        }
        (Place::Box(state, path), Place::Host(to)) => get(boxes, state, path, to),
        (Place::Box(state, path), Place::Stream) => {
            output::write(boxes.wait(boxes.containers.read_file(state, path.as_bytes()))?)
        }
    }
}

/// Copies what is on the host into a box.
fn put(boxes: &Boxes, from: &Path, name: &str, path: &str) -> Result<()> {
    // Said here, with the host's own words, rather than as a broken archive.
    let metadata = std::fs::symlink_metadata(from).with_context(|| format!("{}", from.display()))?;
    let own_name = from.file_name().filter(|_| !ends_in_dots(from)).and_then(|name| name.to_str());
    let (at, member) = destination(boxes, name, path, own_name, metadata.is_dir())?;
    let (reader, writer) = pipe();
    let from = from.to_owned();
    let packing = std::thread::spawn(move || host::pack(&from, &member, writer));
    let imported = boxes.wait(boxes.containers.import(name, at.as_bytes(), reader, Some(OWNER)));
    for skipped in packing.join().unwrap_or_default() {
        eprintln!("coquina: {}: neither a file nor a directory nor a link, not copied", skipped.display());
    }
    let (imported, landed) = imported?;
    brought(boxes, &imported, &landed)
}

/// Whether a path names its directory by `.` or `..`: then what is in it is copied, as `cp -a` does.
fn ends_in_dots(path: &Path) -> bool {
    let bytes = path.as_os_str().as_encoded_bytes();
    matches!(bytes.rsplit(|b| *b == b'/').find(|part| !part.is_empty()), None | Some(b"." | b".."))
}

/// Where in a box something goes that is copied to `path`: the directory, and its name there; an empty name stands for the directory.
fn destination(
    boxes: &Boxes,
    name: &str,
    path: &str,
    own_name: Option<&str>,
    is_dir: bool,
) -> Result<(String, String)> {
    let whole = path.trim_end_matches('/');
    match (stat(boxes, &Ref::Container(name.into()), path)?, whole.rsplit_once('/')) {
        (Some(attr), _) if attr.kind == Kind::Dir => Ok((format!("{whole}/"), own_name.unwrap_or("").into())),
        (None, Some(_)) if path.ends_with('/') && !is_dir => Err(no_directory(name, path)),
        (_, None) => Ok(("/".into(), String::new())),
        (_, Some((parent, last))) => match stat(boxes, &Ref::Container(name.into()), &format!("{parent}/"))? {
            Some(_) => Ok((format!("{parent}/"), last.into())),
            None => Err(no_directory(name, &format!("{parent}/"))),
        },
    }
}

fn no_directory(name: &str, path: &str) -> anyhow::Error {
    anyhow::anyhow!("{name}:{}: there is no such directory", format::printable(path.as_bytes()))
}

/// What is at a path of a state, if anything is.
fn stat(boxes: &Boxes, state: &Ref, path: &str) -> Result<Option<Attr>> {
    match boxes.wait(boxes.containers.stat(state, path.as_bytes())) {
        Ok(attr) => Ok(Some(attr)),
        Err(ContainerError::Path { errno: Errno::NoEnt, .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Copies out of a state to the host.
fn get(boxes: &Boxes, state: &Ref, path: &str, to: &Path) -> Result<()> {
    let target = match Path::new(path).file_name() {
        Some(own_name) if to.is_dir() => to.join(own_name),
        _ => to.to_owned(),
    };
    let (reader, writer) = pipe();
    let unpacking = std::thread::spawn(move || host::unpack(reader, &target));
    let exported = boxes.wait(boxes.containers.export(state, path.as_bytes(), writer));
    let unpacked = unpacking.join().unwrap_or_else(|_| Err(io::Error::other("unpacking stopped")));
    // Where unpacking failed the export has failed, too, and the cause is the former; else it is the other way round.
    match (exported, unpacked) {
        (Ok(exported), Ok(())) => taken(boxes, &exported),
        (Err(ContainerError::Export(crate::vfs::ExportError::Write(_))) | Ok(_), Err(error)) => {
            Err(error).with_context(|| format!("{}", to.display()))
        }
        (Err(error), _) => Err(error.into()),
    }
}

/// Copies from a state into a box.
fn across(boxes: &Boxes, state: &Ref, from: &str, name: &str, to: &str) -> Result<()> {
    let attr = boxes.wait(boxes.containers.stat(state, from.as_bytes()))?;
    let own_name = Path::new(from).file_name().and_then(|name| name.to_str());
    let (at, member) = destination(boxes, name, to, own_name, attr.kind == Kind::Dir)?;
    let target = at + &member;
    if attr.kind != Kind::Dir {
        let content = boxes.wait(boxes.containers.read_file(state, from.as_bytes()))?;
        return write(boxes, name, &target, content, attr.mode);
    }
    if !member.is_empty() {
        boxes.wait(boxes.containers.make_dir(name, target.as_bytes()))?;
    }
    let (reader, writer) = pipe();
    let (exported, imported) = boxes.wait(async {
        tokio::join!(
            boxes.containers.export(state, from.as_bytes(), writer),
            boxes.containers.import(name, target.as_bytes(), reader, None),
        )
    });
    let (imported, landed) = imported?;
    note_skipped(&exported?);
    brought(boxes, &imported, &landed)
}

/// Writes one file.
fn write(boxes: &Boxes, name: &str, path: &str, content: Bytes, mode: u16) -> Result<()> {
    let imported = Imported { members: 1, bytes: content.len() as u64 };
    let landed = boxes.wait(boxes.containers.write_file(name, path.as_bytes(), content, mode))?;
    brought(boxes, &imported, &landed)
}

/// Says what came into a box.
fn brought(boxes: &Boxes, imported: &Imported, landed: &Landed) -> Result<()> {
    let mut answer = json!({ "members": imported.members, "bytes": imported.bytes });
    match landed {
        Landed::Committed(log) => answer["log"] = json!(log),
        Landed::Proposed(proposal) => {
            answer["proposal"] = json!(proposal);
            let id = &proposal.id;
            eprintln!(
                "coquina: nothing has changed yet; `coquina box apply {id}` does that, `coquina box discard {id}` drops it"
            );
        }
    }
    if boxes.json { output::json(&answer) } else { Ok(()) }
}

/// Says what came out of a state.
fn taken(boxes: &Boxes, exported: &Exported) -> Result<()> {
    note_skipped(exported);
    let skipped: Vec<Value> = exported.skipped.iter().map(|path| String::from_utf8_lossy(path).into()).collect();
    let answer = json!({ "members": exported.members, "bytes": exported.bytes, "skipped": skipped });
    if boxes.json { output::json(&answer) } else { Ok(()) }
}

fn note_skipped(exported: &Exported) {
    for path in &exported.skipped {
        eprintln!("coquina: {}: a device, left out", format::printable(path));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_stand_for_what_is_in_a_directory() {
        for (path, dots) in [
            ("a/.", true),
            (".", true),
            ("..", true),
            ("a/../", true),
            ("/", true),
            ("a", false),
            ("a/", false),
            (".a", false),
        ] {
            assert_eq!(ends_in_dots(Path::new(path)), dots, "{path}");
        }
    }
}
