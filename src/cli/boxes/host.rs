//! The host's files as tar: packed for a box, unpacked from one.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::pipe::{Reader, Writer};

/// Writes `from`, a directory with all below it, as an archive in which it is called `name`; with an empty name only what is below it.
/// Answers with what could not be told in an archive. A failure goes through the pipe: what is half is not unpacked.
pub fn pack(from: &Path, name: &str, to: Writer) -> Vec<PathBuf> {
    let mut tar = tar::Builder::new(to);
    let mut skipped = Vec::new();
    if let Err(error) = pack_one(&mut tar, from, Path::new(name), &mut skipped) {
        tar.get_mut().fail(error);
    }
    skipped
}

fn pack_one(tar: &mut tar::Builder<Writer>, from: &Path, name: &Path, skipped: &mut Vec<PathBuf>) -> io::Result<()> {
    let metadata = fs::symlink_metadata(from).map_err(|e| at(from, &e))?;
    let kind = metadata.file_type();
    if kind.is_dir() {
        if !name.as_os_str().is_empty() {
            append(tar, &metadata, name, io::empty())?;
        }
        let entries = fs::read_dir(from).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let mut entries = entries.map_err(|e| at(from, &e))?;
        entries.sort_by_key(fs::DirEntry::file_name);
        entries.iter().try_for_each(|entry| pack_one(tar, &entry.path(), &name.join(entry.file_name()), skipped))
    } else if kind.is_symlink() {
        let target = fs::read_link(from).map_err(|e| at(from, &e))?;
        let mut header = header(&metadata);
        tar.append_link(&mut header, name, target)
    } else if kind.is_file() {
        let content = File::open(from).map_err(|e| at(from, &e))?;
        append(tar, &metadata, name, Whole { content, left: metadata.len(), path: from })
    } else {
        skipped.push(from.to_owned());
        Ok(())
    }
}

fn append(tar: &mut tar::Builder<Writer>, metadata: &Metadata, name: &Path, content: impl Read) -> io::Result<()> {
    if metadata.mtime_nsec() != 0 {
        let mtime = format!("{}.{:09}", metadata.mtime(), metadata.mtime_nsec());
        tar.append_pax_extensions([("mtime", mtime.as_bytes())])?;
    }
    tar.append_data(&mut header(metadata), name, content)
}

fn header(metadata: &Metadata) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_metadata(metadata);
    header
}

fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// A file as long as its member's header says: one that became shorter must not shift what comes after it.
struct Whole<'a> {
    content: File,
    left: u64,
    path: &'a Path,
}

impl Read for Whole<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = (&mut self.content).take(self.left).read(into).map_err(|e| at(self.path, &e))?;
        if n == 0 && self.left > 0 && !into.is_empty() {
            return Err(io::Error::other(format!("{}: became shorter while it was copied", self.path.display())));
        }
        self.left -= n as u64;
        Ok(n)
    }
}

/// Makes `target` of an archive as boxes export it: of one file, or of a directory whose members begin with `./`.
///
/// Set-user-id and the like are dropped. Nothing is written outside of `target`, whatever links a box holds.
pub fn unpack(from: Reader, target: &Path) -> io::Result<()> {
    let mut archive = tar::Archive::new(from);
    let mut directories = Vec::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        let Some(below) = entry.path_bytes().strip_prefix(b".").map(|rest| rest.iter().any(|b| *b != b'/')) else {
            entry.unpack(target)?;
            continue;
        };
        if !below {
            make_top(target, entry.header().mode()?)?;
        } else if entry.header().entry_type().is_dir() {
            // Last, from the deepest up: what is unpacked into them needs their permission and changes their time.
            directories.push(entry);
        } else {
            entry.unpack_in(target)?;
        }
    }
    directories.sort_by(|a, b| b.path_bytes().cmp(&a.path_bytes()));
    directories.iter_mut().try_for_each(|directory| directory.unpack_in(target).map(drop))
}

/// Makes the directory that a whole archive goes into, unless it is there.
fn make_top(target: &Path, mode: u32) -> io::Result<()> {
    if target.is_dir() {
        return Ok(());
    }
    fs::create_dir(target)?;
    fs::set_permissions(target, fs::Permissions::from_mode(mode & 0o777 | 0o700))
}

#[cfg(test)]
mod tests {
    use super::super::pipe::pipe;
    use super::*;

    fn scratch() -> tempfile::TempDir {
        tempfile::tempdir().expect("a scratch directory")
    }

    fn copy(from: &Path, name: &str, to: &Path) -> io::Result<()> {
        let (reader, writer) = pipe();
        let (from, name) = (from.to_owned(), name.to_owned());
        let packing = std::thread::spawn(move || pack(&from, &name, writer));
        let done = unpack(reader, to);
        packing.join().expect("no panic");
        done
    }

    #[test]
    fn a_tree_survives_the_way() {
        let scratch = scratch();
        let from = scratch.path().join("from");
        fs::create_dir_all(from.join("sub/empty")).expect("it is made");
        let long = "n".repeat(200);
        fs::write(from.join("sub").join(&long), b"content").expect("it is written");
        fs::write(from.join("big"), vec![7; 300_000]).expect("it is written");
        fs::set_permissions(from.join("big"), fs::Permissions::from_mode(0o4751)).expect("it is set");
        std::os::unix::fs::symlink("../nowhere", from.join("link")).expect("it is made");
        fs::set_permissions(from.join("sub"), fs::Permissions::from_mode(0o500)).expect("it is set");

        let to = scratch.path().join("to");
        copy(&from, "./", &to).expect("it is copied");
        assert_eq!(fs::read(to.join("sub").join(&long)).expect("it is there"), b"content");
        assert_eq!(fs::read(to.join("big")).expect("it is there"), vec![7; 300_000]);
        assert_eq!(fs::read_link(to.join("link")).expect("it is there"), Path::new("../nowhere"));
        assert!(to.join("sub/empty").is_dir());
        let mode = |path: &str| fs::metadata(to.join(path)).expect("it is there").mode() & 0o7777;
        assert_eq!((mode("big"), mode("sub")), (0o751, 0o500));
        let mtime = |dir: &Path| fs::metadata(dir.join("big")).expect("it is there").mtime();
        assert_eq!(mtime(&to), mtime(&from));
    }

    #[test]
    fn a_file_goes_under_the_name_given() {
        let scratch = scratch();
        fs::write(scratch.path().join("a"), b"x").expect("it is written");
        let to = scratch.path().join("b");
        copy(&scratch.path().join("a"), "a", &to).expect("it is copied");
        assert_eq!(fs::read(to).expect("it is there"), b"x");
    }

    #[test]
    fn what_cannot_be_read_fails_the_reader() {
        let scratch = scratch();
        let (mut reader, writer) = pipe();
        pack(&scratch.path().join("nosuch"), "x", writer);
        let error = reader.read_to_end(&mut Vec::new()).expect_err("it was not there");
        assert!(error.to_string().contains("nosuch"), "{error}");
    }

    #[test]
    fn links_lead_nothing_outside() {
        let scratch = scratch();
        let (outside, target) = (scratch.path().join("outside"), scratch.path().join("target"));
        fs::create_dir(&outside).expect("it is made");
        let (reader, writer) = pipe();
        let mut tar = tar::Builder::new(writer);
        let mut member = |kind, name: &str, link: &str| {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(kind);
            header.set_mode(0o755);
            header.set_size(0);
            let _ = if link.is_empty() {
                tar.append_data(&mut header, name, io::empty())
            } else {
                tar.append_link(&mut header, name, link)
            };
        };
        member(tar::EntryType::Symlink, "./out", outside.to_str().expect("it is text"));
        member(tar::EntryType::Regular, "./out/evil", "");
        drop(tar);
        assert!(unpack(reader, &target).is_err());
        assert_eq!(fs::read_dir(&outside).expect("it is there").count(), 0);
    }
}
