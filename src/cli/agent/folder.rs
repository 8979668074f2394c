//! A folder of the user's: brought into a container, and what was changed there brought back.
//!
//! Nothing is written outside of the folder or through a link in it, and nothing that the user has changed meanwhile is overwritten.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::ask;
use crate::cli::boxes;
use crate::cli::format::{Style, paint};
use crate::cli::output;
use crate::container::{Containers, Create, Difference, Origin, Settings};
use crate::vfs::{FileChange, FileState, Kind, Tree};

/// Where the folder is in the container.
const AT: &str = "/mnt/data";

/// A container with a copy of the folder.
pub async fn bring_in(containers: &Containers, dir: &Path) -> Result<String> {
    let from = fs::canonicalize(dir).with_context(|| dir.display().to_string())?;
    anyhow::ensure!(from.is_dir(), "{} is no directory", dir.display());
    let (reader, writer) = boxes::pipe();
    let packing = tokio::task::spawn_blocking(move || boxes::pack(&from, "", writer));
    let settings = Settings { cwd: Some(AT.into()), ..Settings::default() };
    let from = Origin::Tar { archive: Box::new(reader), at: AT.into() };
    let made = containers.create(Create { from, settings, ..Create::default() }).await?;
    for skipped in packing.await? {
        eprintln!("coquina: {} is neither file, directory nor link: the agent does not see it", skipped.display());
    }
    Ok(made.id)
}

/// Shows what was changed and applies it, if the user agrees.
pub fn review(difference: Difference, dir: &Path, yes: bool) -> Result<()> {
    let is_changed = |change: &FileChange| change.path != AT.as_bytes();
    if !difference.changes()?.iter().any(|change| is_changed(change) && change.path.starts_with(b"/mnt/data/")) {
        return output::line(&paint("\nNo file was changed.", Style::Faint));
    }
    output::line(&paint(&format!("\nWhat was changed, and is not yet in {}:", dir.display()), Style::Note))?;
    let changes = boxes::review(&difference, AT.as_bytes())?;
    if !yes && !ask("Apply it?")? {
        return output::line("Nothing was applied.");
    }
    // What is removed first, from the deepest up; then what is there now, from the top down.
    let (removed, rest): (Vec<_>, Vec<_>) =
        changes.iter().filter(|change| is_changed(change)).partition(|change| change.after.is_none());
    let in_order = removed.into_iter().rev().chain(rest);
    let applied: Vec<_> = in_order.map(|change| (change, apply(&difference, change, dir))).collect();
    for (change, result) in &applied {
        if let Err(why) = result {
            output::line(&paint(&format!("{}: {why}", shown(change)), Style::Bad))?;
        }
    }
    let failed = applied.iter().filter(|(_, result)| result.is_err()).count();
    output::line(&format!("{} of {} changes applied.", applied.len() - failed, applied.len()))?;
    anyhow::ensure!(failed == 0, "{failed} of {} changes could not be applied", applied.len());
    Ok(())
}

fn shown(change: &FileChange) -> String {
    String::from_utf8_lossy(below(change)).into_owned()
}

/// A change's path in the folder.
fn below(change: &FileChange) -> &[u8] {
    change.path.strip_prefix(AT.as_bytes()).map_or(&change.path, |path| path.strip_prefix(b"/").unwrap_or(path))
}

/// Does to the folder what was done to its copy.
fn apply(difference: &Difference, change: &FileChange, dir: &Path) -> io::Result<()> {
    let path = inside(dir, below(change))?;
    unchanged(&difference.old, change, &path)?;
    match (&change.before, &change.after) {
        (Some(FileState { kind: Kind::Dir, .. }), None) => fs::remove_dir(&path),
        (Some(_), None) => fs::remove_file(&path),
        (_, Some(after)) => put(&difference.new, change, after, &path),
        (None, None) => Ok(()),
    }
}

/// The path in the folder, if no link leads out of it on the way.
fn inside(dir: &Path, below: &[u8]) -> io::Result<PathBuf> {
    let mut path = fs::canonicalize(dir)?;
    let mut parts = Path::new(std::ffi::OsStr::from_bytes(below)).components().peekable();
    while let Some(part) = parts.next() {
        let std::path::Component::Normal(name) = part else {
            return Err(io::Error::other("the path leads out of the folder"));
        };
        path.push(name);
        let is_link = || fs::symlink_metadata(&path).is_ok_and(|metadata| !metadata.is_dir());
        if parts.peek().is_some() && is_link() {
            return Err(io::Error::other("what it is in is no directory of the folder's"));
        }
    }
    Ok(path)
}

/// Checks that there is still what the agent was given.
fn unchanged(old: &Tree, change: &FileChange, path: &Path) -> io::Result<()> {
    let changed = || Err(io::Error::other("it was changed meanwhile; left as it is"));
    let now = match fs::symlink_metadata(path) {
        Ok(metadata) => Some(metadata),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    match (&change.before, now) {
        (None, None) => Ok(()),
        (None, Some(now)) => match &change.after {
            Some(FileState { kind: Kind::Dir, .. }) if now.is_dir() => Ok(()),
            _ => changed(),
        },
        (Some(before), Some(now)) => match before.kind {
            Kind::File if now.is_file() && now.len() == before.size && fs::read(path)? == content(old, change)? => {
                Ok(())
            }
            Kind::Dir if now.is_dir() => Ok(()),
            Kind::Symlink if now.is_symlink() => {
                let target = fs::read_link(path)?;
                if Some(target.as_os_str().as_bytes()) == before.target.as_deref() { Ok(()) } else { changed() }
            }
            _ => changed(),
        },
        (Some(_), None) if change.after.is_none() => Err(io::Error::other("it is gone already")),
        (Some(_), None) => changed(),
    }
}

/// A file's bytes in a tree.
fn content(tree: &Tree, change: &FileChange) -> io::Result<Vec<u8>> {
    tree.read_path(&change.path)
        .map(|bytes| bytes.to_vec())
        .map_err(|errno| io::Error::other(format!("its content cannot be read: {errno}")))
}

/// Puts what is there now; a file whole or not at all.
fn put(new: &Tree, change: &FileChange, after: &FileState, path: &Path) -> io::Result<()> {
    let mode = fs::Permissions::from_mode(u32::from(after.mode & 0o777));
    let was_dir = change.before.as_ref().is_some_and(|before| before.kind == Kind::Dir);
    if was_dir && after.kind != Kind::Dir {
        fs::remove_dir(path)?;
    }
    match after.kind {
        Kind::Dir => {
            match change.before.as_ref().map(|before| before.kind) {
                Some(Kind::Dir) => {}
                Some(_) => fs::remove_file(path).and_then(|()| fs::create_dir(path))?,
                None if path.is_dir() => {}
                None => fs::create_dir(path)?,
            }
            fs::set_permissions(path, mode)
        }
        Kind::File => {
            let parent = path.parent().ok_or_else(|| io::Error::other("it has no directory"))?;
            let name = format!(".coquina-{}", crate::base::id::new("tmp"));
            let scratch = parent.join(name);
            let written = fs::OpenOptions::new().write(true).create_new(true).open(&scratch).and_then(|mut file| {
                file.write_all(&content(new, change)?)?;
                file.set_permissions(mode)?;
                fs::rename(&scratch, path)
            });
            written.inspect_err(|_| drop(fs::remove_file(&scratch)))
        }
        Kind::Symlink => {
            if change.before.is_some() && !was_dir {
                fs::remove_file(path)?;
            }
            let target = after.target.as_deref().unwrap_or_default();
            std::os::unix::fs::symlink(std::ffi::OsStr::from_bytes(target), path)
        }
        Kind::CharDevice { .. } | Kind::Fifo => Err(io::Error::other("it is neither file, directory nor link")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vfs::ChangeKind;

    fn file(size: u64) -> FileState {
        FileState { kind: Kind::File, mode: 0o644, uid: 0, gid: 0, size, mtime: 0, target: None }
    }

    #[test]
    fn what_the_user_changed_meanwhile_is_left_alone() {
        let scratch = tempfile::tempdir().expect("a scratch directory");
        let path = scratch.path().join("a");
        let mut old = Tree::new();
        old.put_file(b"/mnt/data/a", b"one".to_vec().into(), 0o644, 0, 0, 0, None).expect("it is put");
        let change =
            |before, after| FileChange { path: b"/mnt/data/a".to_vec(), kind: ChangeKind::Modified, before, after };
        let modified = change(Some(file(3)), Some(file(4)));
        let added = change(None, Some(file(4)));
        let removed = change(Some(file(3)), None);
        fs::write(&path, "one").expect("it is written");
        for (change, is_fine) in [(&modified, true), (&removed, true), (&added, false)] {
            assert_eq!(unchanged(&old, change, &path).is_ok(), is_fine);
        }
        fs::write(&path, "two").expect("it is written");
        assert!([&modified, &removed, &added].iter().all(|change| unchanged(&old, change, &path).is_err()));
        fs::remove_file(&path).expect("it is removed");
        assert!([&modified, &removed].iter().all(|change| unchanged(&old, change, &path).is_err()));
        assert!(unchanged(&old, &added, &path).is_ok());
    }

    #[test]
    fn no_path_leads_out() {
        let scratch = tempfile::tempdir().expect("a scratch directory");
        std::os::unix::fs::symlink("/", scratch.path().join("link")).expect("it is made");
        assert!(inside(scratch.path(), b"a/b").is_ok() && inside(scratch.path(), b"link").is_ok());
        for path in [&b"link/etc"[..], b"../x", b"a/../../x", b"/etc"] {
            assert!(inside(scratch.path(), path).is_err(), "{}", String::from_utf8_lossy(path));
        }
    }
}
