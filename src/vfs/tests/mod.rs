//! Tests of the room as a whole.

mod archive;
mod bind;
mod host;
mod linux;
mod merge;
mod model;
mod overlay;
mod scale;
mod semantics;
mod stored;
mod text_diff;

use super::*;
use crate::base::{Errno, Limits, Sys};
use cap_std::ambient_authority;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// An ordinary user.
const USER: Cred = Cred { uid: 1000, gid: 1000 };
const ROOT: Cred = Cred::ROOT;

/// A file system under test, with the calls a test wants to make in one word.
struct Fixture {
    vfs: Vfs,
    clock: Arc<ManualClock>,
    cred: Cred,
    cwd: Loc,
}

impl Fixture {
    /// An empty tree whose root anybody may write to.
    fn new() -> Fixture {
        Fixture::with(Tree::new(), &Limits::default())
    }

    fn with(mut tree: Tree, limits: &Limits) -> Fixture {
        tree.put_dir(b"/", 0o777, 0, 0, 0).unwrap();
        let clock = Arc::new(ManualClock::new(1_000));
        let vfs = Vfs::with_clock(tree, limits, clock.clone());
        let cwd = vfs.root();
        Fixture { vfs, clock, cred: USER, cwd }
    }

    /// Mounts at `/m`, which must be there.
    fn mount(&mut self, fs: Box<dyn FileSystem>) {
        self.vfs.mount(b"/m", fs, Rights::READ_WRITE).unwrap();
    }

    fn as_user(&mut self, uid: u32, gid: u32) -> &mut Self {
        self.cred = Cred { uid, gid };
        self
    }

    fn stat(&mut self, path: &str) -> Sys<Attr> {
        Ok(self.vfs.stat(&self.cred, self.cwd, path.as_bytes(), Follow::Last)?.1)
    }

    fn lstat(&mut self, path: &str) -> Sys<Attr> {
        Ok(self.vfs.stat(&self.cred, self.cwd, path.as_bytes(), Follow::NoLast)?.1)
    }

    fn loc(&mut self, path: &str) -> Sys<Loc> {
        self.vfs.resolve(&self.cred, self.cwd, path.as_bytes(), Follow::Last)
    }

    fn open(&mut self, path: &str, flags: &str, mode: u16) -> Sys<Loc> {
        let has = |flag| flags.contains(flag);
        let flags = OpenFlags {
            read: has('r'),
            write: has('w'),
            create: has('c'),
            excl: has('x'),
            trunc: has('t'),
            directory: has('d'),
            nofollow: has('n'),
            append: false,
        };
        self.vfs.open(&self.cred, self.cwd, path.as_bytes(), flags, mode)
    }

    /// Writes a file as `cat >` does.
    fn put(&mut self, path: &str, content: impl AsRef<[u8]>) -> Sys<()> {
        let loc = self.open(path, "wct", 0o644)?;
        let content = content.as_ref();
        let mut done = 0;
        while done < content.len() {
            done += self.vfs.write_at(loc, done as u64, &content[done..])?;
        }
        Ok(())
    }

    fn get(&mut self, path: &str) -> Sys<Vec<u8>> {
        let loc = self.open(path, "r", 0)?;
        Ok(self.vfs.bytes(loc)?.to_vec())
    }

    fn text(&mut self, path: &str) -> String {
        String::from_utf8(self.get(path).unwrap()).unwrap()
    }

    fn mkdir(&mut self, path: &str) -> Sys<()> {
        self.vfs.mkdir(&self.cred, self.cwd, path.as_bytes(), 0o755)
    }

    fn rmdir(&mut self, path: &str) -> Sys<()> {
        self.vfs.rmdir(&self.cred, self.cwd, path.as_bytes())
    }

    fn unlink(&mut self, path: &str) -> Sys<()> {
        self.vfs.unlink(&self.cred, self.cwd, path.as_bytes())
    }

    fn symlink(&mut self, target: &str, path: &str) -> Sys<()> {
        self.vfs.symlink(&self.cred, target.as_bytes(), self.cwd, path.as_bytes())
    }

    fn link(&mut self, from: &str, to: &str) -> Sys<()> {
        self.vfs.link(&self.cred, self.cwd, from.as_bytes(), Follow::NoLast, self.cwd, to.as_bytes())
    }

    fn rename(&mut self, from: &str, to: &str) -> Sys<()> {
        self.vfs.rename(&self.cred, self.cwd, from.as_bytes(), self.cwd, to.as_bytes())
    }

    fn readlink(&mut self, path: &str) -> Sys<String> {
        let text = self.vfs.readlink(&self.cred, self.cwd, path.as_bytes())?;
        Ok(String::from_utf8(text).unwrap())
    }

    fn set(&mut self, path: &str, set: SetAttr) -> Sys<()> {
        let loc = self.loc(path)?;
        self.vfs.set_attr(&self.cred, loc, set)
    }

    fn chmod(&mut self, path: &str, mode: u16) -> Sys<()> {
        self.set(path, SetAttr { mode: Some(mode), ..SetAttr::default() })
    }

    fn chown(&mut self, path: &str, uid: u32, gid: u32) -> Sys<()> {
        self.set(path, SetAttr { uid: Some(uid), gid: Some(gid), ..SetAttr::default() })
    }

    /// Names in a directory as they come.
    fn ls(&mut self, path: &str) -> Vec<String> {
        let dir = self.open(path, "rd", 0).unwrap();
        let mut names = Vec::new();
        let sink = &mut |entry: DirEntry| {
            names.push(String::from_utf8(entry.name).unwrap());
            true
        };
        self.vfs.read_dir(dir, 0, sink).unwrap();
        names
    }

    /// Names in a directory, sorted, on one line.
    fn sorted(&mut self, path: &str) -> String {
        let mut names = self.ls(path);
        names.sort();
        names.join(" ")
    }

    fn path_of(&mut self, path: &str) -> Sys<String> {
        let loc = self.loc(path)?;
        Ok(String::from_utf8(self.vfs.path_of(loc)?).unwrap())
    }
}

/// An empty directory of its own in the host's temporary directory, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("coquina-{name}-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }

    /// The same with a directory made in it.
    fn with(self, dir: &str) -> Scratch {
        fs::create_dir_all(self.at(dir)).unwrap();
        self
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.join(path)
    }

    fn host_dir(&self) -> HostDir {
        let dir = cap_std::fs::Dir::open_ambient_dir(&self.0, ambient_authority()).unwrap();
        HostDir::new(dir, true).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}
