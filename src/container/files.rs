//! Single files of containers: reading them in any state, and changing them from outside.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::json;

use super::error::ContainerError;
use super::exec::Landed;
use super::history::entry;
use super::land::judge;
use super::live::{Shared, Slot};
use super::records::USER;
use super::reference::Ref;
use super::service::{Containers, Result, blocking};
use super::settings::Access;
use crate::base::{Errno, Sys};
use crate::sandbox::Snapshot;
use crate::vfs::{Attr, Cred, Follow, Kind, OpenFlags, SetAttr, Tree, Vfs};

/// The id that clients know a file of a container by: the same for a path as long as there is a file.
pub fn file_id(container: &str, path: &[u8]) -> String {
    let hash = blake3::Hasher::new().update(container.as_bytes()).update(b"\0").update(path).finalize().to_hex();
    format!("cfile_{}", &hash[..crate::base::id::ID_DIGITS])
}

impl Containers {
    /// Content of a file of a state, at most 1 GiB; symlinks are followed, here and below.
    ///
    /// # Errors
    /// The state or the file is not there.
    pub async fn read_file(&self, state: &Ref, path: &[u8]) -> Result<Bytes> {
        let (state, at) = (self.state(state).await?, path.to_vec());
        blocking(move || state.tree.read_path(&at)).await?.map_err(|errno| at_path(path, errno))
    }

    /// Attributes of what is at a path of a state.
    ///
    /// # Errors
    /// The state or the path is not there.
    pub async fn stat(&self, state: &Ref, path: &[u8]) -> Result<Attr> {
        self.state(state).await?.tree.stat(path).map_err(|errno| at_path(path, errno))
    }

    /// Names and attributes in a directory of a state, sorted by name.
    ///
    /// # Errors
    /// The state or the directory is not there.
    pub async fn list_dir(&self, state: &Ref, path: &[u8]) -> Result<Vec<(Vec<u8>, Attr)>> {
        let (state, at) = (self.state(state).await?, path.to_vec());
        blocking(move || state.tree.list(&at)).await?.map_err(|errno| at_path(path, errno))
    }

    /// All that is below a directory of a state, with whole paths, a directory before what is in it, at most `most`. Symlinks are not followed.
    ///
    /// # Errors
    /// The state or the directory is not there.
    pub async fn walk(&self, state: &Ref, path: &[u8], most: usize) -> Result<Vec<(Vec<u8>, Attr)>> {
        let (state, at) = (self.state(state).await?, path.to_vec());
        blocking(move || walk(&state.tree, &at, most)).await?.map_err(|errno| at_path(path, errno))
    }

    /// Makes or replaces a file; missing directories are made. New ones belong to `user`; `mode` is a new file's. Does not wait for what runs.
    ///
    /// # Errors
    /// What is at the path cannot be written, the file is beyond the container's limits, or as for [`Containers::start`].
    pub async fn write_file(&self, id_or_name: &str, path: &[u8], content: Bytes, mode: u16) -> Result<Landed> {
        let at = path.to_vec();
        self.edit(id_or_name, "write", path, move |vfs| {
            make_dirs(vfs, parent(&at))?;
            let is_new = matches!(vfs.resolve(&Cred::ROOT, vfs.root(), &at, Follow::Last), Err(Errno::NoEnt));
            let flags = OpenFlags { write: true, create: true, trunc: true, ..OpenFlags::default() };
            let loc = vfs.open(&Cred::ROOT, vfs.root(), &at, flags, mode & 0o7777)?;
            if is_new {
                give_to_user(vfs, loc)?;
            }
            let mut done = 0;
            while done < content.len() {
                match vfs.write_at(loc, done as u64, &content[done..])? {
                    0 => return Err(Errno::NoSpc),
                    count => done += count,
                }
            }
            Ok(())
        })
        .await
    }

    /// Makes a directory and those it is in, where they are missing.
    ///
    /// # Errors
    /// As for [`Containers::write_file`].
    pub async fn make_dir(&self, id_or_name: &str, path: &[u8]) -> Result<Landed> {
        let at = path.to_vec();
        self.edit(id_or_name, "mkdir", path, move |vfs| {
            make_dirs(vfs, &at)?;
            let kind = vfs.stat(&Cred::ROOT, vfs.root(), &at, Follow::Last)?.1.kind;
            if kind == Kind::Dir { Ok(()) } else { Err(Errno::NotDir) }
        })
        .await
    }

    /// Removes a file, or a directory with all in it.
    ///
    /// # Errors
    /// Nothing is there, or as for [`Containers::write_file`].
    pub async fn remove_file(&self, id_or_name: &str, path: &[u8]) -> Result<Landed> {
        let at = path.to_vec();
        self.edit(id_or_name, "remove", path, move |vfs| remove_all(vfs, &at)).await
    }

    /// Changes a container's files: first those of a copy, to see whether it can be done and may be.
    async fn edit(
        &self,
        id_or_name: &str,
        kind: &'static str,
        path: &[u8],
        change: impl Fn(&mut Vfs) -> Sys<()> + Send + 'static,
    ) -> Result<Landed> {
        let id = self.resolve(id_or_name).await?;
        let (this, path) = (self.clone(), path.to_vec());
        self.see_through(async move {
            let slot = this.slot(&id);
            let edited = this.edit_in(&slot, kind, &path, change).await;
            this.leave(slot);
            edited
        })
        .await
    }

    async fn edit_in(
        &self,
        slot: &Arc<Slot>,
        kind: &'static str,
        path: &[u8],
        change: impl Fn(&mut Vfs) -> Sys<()>,
    ) -> Result<Landed> {
        if !path.starts_with(b"/") {
            return Err(at_path(path, Errno::Inval));
        }
        // What may become a proposal waits for its turn, as such execs do: their forks take the container's place.
        let mut live: Shared = self.shared(slot).await?;
        let _turn = if live.settings.profile.proposes() {
            drop(live);
            let turn = slot.turn().await;
            live = self.shared(slot).await?;
            Some(turn)
        } else {
            None
        };
        let base = live.state(&slot.id);
        let mut copy = Vfs::with_clock(base.tree.clone(), &live.settings.limits, self.0.config.clock.clone());
        change(&mut copy).map_err(|errno| at_path(path, errno))?;
        let after = copy.into_tree();
        let entry = entry(kind, String::from_utf8_lossy(path).into_owned(), json!({}), self);
        if judge(&live.settings.profile, &base.tree, &after)? == Access::ProposeWrites {
            let after = Snapshot::new(after, base.session.clone());
            return Ok(Landed::Proposed(self.propose(&slot.id, &base, after, entry).await?));
        }
        live.sandbox().edit(|vfs| change(vfs)).map_err(|errno| at_path(path, errno))?;
        Ok(Landed::Committed(self.land(slot, &live, entry, Vec::new()).await?))
    }
}

fn walk(tree: &Tree, path: &[u8], most: usize) -> Sys<Vec<(Vec<u8>, Attr)>> {
    let below = |dir: &[u8]| -> Sys<Vec<(Vec<u8>, Attr)>> {
        let dir = dir.strip_suffix(b"/").unwrap_or(dir);
        let listed = tree.list(if dir.is_empty() { b"/" } else { dir })?;
        Ok(listed.into_iter().rev().map(|(name, attr)| ([dir, b"/", &name].concat(), attr)).collect())
    };
    let (mut found, mut todo) = (Vec::new(), below(path)?);
    while found.len() < most
        && let Some((path, attr)) = todo.pop()
    {
        if attr.kind == Kind::Dir {
            todo.extend(below(&path)?);
        }
        found.push((path, attr));
    }
    Ok(found)
}

/// The directory that the last name of an absolute path is in.
fn parent(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
    &path[..end]
}

/// Makes the directory `path` and those it is in, where they are missing.
fn make_dirs(vfs: &mut Vfs, path: &[u8]) -> Sys<()> {
    let ends = (1..=path.len()).filter(|&end| (end == path.len() || path[end] == b'/') && path[end - 1] != b'/');
    for end in ends {
        match vfs.mkdir(&Cred::ROOT, vfs.root(), &path[..end], 0o755) {
            Ok(()) => {
                let made = vfs.resolve(&Cred::ROOT, vfs.root(), &path[..end], Follow::NoLast)?;
                give_to_user(vfs, made)?;
            }
            Err(Errno::Exist) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

fn give_to_user(vfs: &mut Vfs, loc: crate::vfs::Loc) -> Sys<()> {
    vfs.set_attr(&Cred::ROOT, loc, SetAttr { uid: Some(USER.0), gid: Some(USER.1), ..SetAttr::default() })
}

/// Removes what is at a path and all below it, without recursion: a tree can be deep.
fn remove_all(vfs: &mut Vfs, path: &[u8]) -> Sys<()> {
    let mut todo = vec![path.to_vec()];
    while let Some(path) = todo.last() {
        let (root, path) = (vfs.root(), path.clone());
        let (loc, attr) = vfs.stat(&Cred::ROOT, root, &path, Follow::NoLast)?;
        if attr.kind != Kind::Dir {
            vfs.unlink(&Cred::ROOT, root, &path)?;
            todo.pop();
            continue;
        }
        match vfs.rmdir(&Cred::ROOT, root, &path) {
            Ok(()) => drop(todo.pop()),
            Err(Errno::NotEmpty) => vfs.read_dir(loc, 0, &mut |entry| {
                todo.push([&path, b"/".as_slice(), &entry.name].concat());
                true
            })?,
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

fn at_path(path: &[u8], errno: Errno) -> ContainerError {
    ContainerError::Path { path: path.to_vec(), errno }
}
