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
        let name = entry.path_bytes().into_owned();
        if !name.starts_with(b"./") && name != b"." {
            entry.unpack(target)?;
        } else if name.len() <= b"./".len() {
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

    /// An archive of these members: kind, name, mode, target of a link or content.
    fn archive(members: &[(tar::EntryType, &str, u32, &str)]) -> Reader {
        let (reader, writer) = pipe();
        let mut tar = tar::Builder::new(writer);
        for (kind, name, mode, text) in members {
            let mut header = tar::Header::new_gnu();
            // Not by `set_path`, which would take the `./` away.
            header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
            header.set_entry_type(*kind);
            header.set_mode(*mode);
            header.set_mtime(1_000_000_000);
            let content = if kind.is_symlink() { "" } else { text };
            if kind.is_symlink() {
                header.set_link_name(text).expect("it is short");
            }
            header.set_size(content.len() as u64);
            header.set_cksum();
            tar.append(&header, content.as_bytes()).expect("the pipe holds it");
        }
        reader
    }

    #[test]
    fn a_directory_is_packed_under_its_new_name() {
        let scratch = scratch();
        let from = scratch.path().join("from");
        fs::create_dir(&from).expect("it is made");
        fs::write(from.join("n".repeat(200)), b"content").expect("it is written");
        std::os::unix::fs::symlink("../nowhere", from.join("link")).expect("it is made");
        let _socket = std::os::unix::net::UnixListener::bind(from.join("socket")).expect("it is made");
        let (reader, writer) = pipe();
        let skipped = pack(&from, "to", writer);
        assert_eq!(skipped, [from.join("socket")]);
        let mut tar = tar::Archive::new(reader);
        let names = tar.entries().expect("an archive").map(|entry| {
            let entry = entry.expect("a member");
            (entry.path().expect("a path").display().to_string(), entry.size())
        });
        let expected = [("to".into(), 0), ("to/link".into(), 0), (format!("to/{}", "n".repeat(200)), 7)];
        assert_eq!(names.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_directory_is_unpacked_as_it_was() {
        use tar::EntryType::{Directory, Regular, Symlink};
        let scratch = scratch();
        let to = scratch.path().join("to");
        let members = [
            (Directory, "./", 0o750, ""),
            (Directory, "./sub/", 0o500, ""),
            (Regular, "./sub/file", 0o4751, "content"),
            (Symlink, "./link", 0o777, "../nowhere"),
        ];
        unpack(archive(&members), &to).expect("it is unpacked");
        assert_eq!(fs::read(to.join("sub/file")).expect("it is there"), b"content");
        assert_eq!(fs::read_link(to.join("link")).expect("it is there"), Path::new("../nowhere"));
        let mode = |path: &str| fs::metadata(to.join(path)).expect("it is there").mode() & 0o7777;
        assert_eq!((mode("."), mode("sub"), mode("sub/file")), (0o750, 0o500, 0o751));
        assert_eq!(fs::metadata(to.join("sub/file")).expect("it is there").mtime(), 1_000_000_000);
    }

    #[test]
    fn a_file_goes_under_the_name_given() {
        let scratch = scratch();
        let to = scratch.path().join("b");
        for name in ["a", ".a"] {
            unpack(archive(&[(tar::EntryType::Regular, name, 0o644, name)]), &to).expect("it is unpacked");
            assert_eq!(fs::read(&to).expect("it is there"), name.as_bytes());
        }
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
        let link = (tar::EntryType::Symlink, "./out", 0o777, outside.to_str().expect("it is text"));
        let file = (tar::EntryType::Regular, "./out/evil", 0o644, "evil");
        let done = unpack(archive(&[(tar::EntryType::Directory, "./", 0o755, ""), link, file]), &target);
        assert!(done.is_err());
        assert_eq!(fs::read_dir(&outside).expect("it is there").count(), 0);
    }
}
