//! A disk that loses power: it takes a trace one operation after another and knows what is durable (a file's contents once the file was
//! synced, a name once its directory was) and what is only on its way; from that it makes the directories a power cut may leave.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use super::random::Random;
use super::trace::Op;

const SECTOR: usize = 512;

/// A directory's whole contents: what a machine finds when it comes back.
#[derive(Clone, Default)]
pub struct Image {
    dirs: BTreeSet<String>,
    names: BTreeMap<String, u64>,
    files: BTreeMap<u64, Arc<Vec<u8>>>,
}

/// Changes on their way, in order. A file is known by a number that is never used again (inode numbers are).
#[derive(Clone, Debug)]
enum Pending {
    Write {
        file: u64,
        offset: u64,
        data: Arc<Vec<u8>>,
    },
    Truncate {
        file: u64,
        len: u64,
    },
    /// In directory `dir`: these names go, then this one comes.
    Names {
        dir: String,
        gone: Vec<String>,
        new: Option<(String, u64)>,
    },
    MakeDir {
        dir: String,
        path: String,
    },
    RemoveDir {
        dir: String,
        path: String,
    },
}

/// What a power cut keeps of the changes that were on their way.
#[derive(Clone, Copy, Debug)]
pub enum Cut {
    /// Nothing: only what was synced.
    Synced,
    /// All: no more than a killed process.
    Everything,
    /// Names and lengths, but no contents: new parts of files are zeros.
    Names,
    /// Contents, but no names.
    Contents,
    /// Names up to some point, in order (as journals do); of contents each sector or not, in any order.
    Torn(u64),
    /// Of names and sectors any.
    Any(u64),
}

#[derive(Default)]
pub struct Disk {
    durable: Image,
    /// All changes applied: what the running program sees.
    live: Image,
    pending: Vec<Pending>,
    /// Inode numbers as they are now, and the files they mean.
    inodes: BTreeMap<u64, u64>,
    files: u64,
}

fn parent(path: &str) -> String {
    path.rsplit_once('/').map_or("", |(dir, _)| dir).to_owned()
}

impl Disk {
    /// A disk on which everything below `dir` has been durable for long.
    pub fn holding(dir: &Path) -> Disk {
        let mut disk = Disk::default();
        disk.durable.load(dir, "", &mut disk.files);
        disk.live = disk.durable.clone();
        disk
    }

    pub fn apply(&mut self, op: &Op) {
        match op {
            Op::Ack(_) => {}
            Op::Open { path, inode } => {
                let file = *self.live.names.get(path).unwrap_or_else(|| panic!("the trace opens {path}, which is not there"));
                self.inodes.insert(*inode, file);
            }
            Op::Create { path, inode } => {
                self.files += 1;
                self.inodes.insert(*inode, self.files);
                for image in [&mut self.durable, &mut self.live] {
                    image.files.insert(self.files, Arc::default());
                }
                self.push(Pending::Names { dir: parent(path), gone: vec![], new: Some((path.clone(), self.files)) });
            }
            Op::Truncate { inode, len } => self.push(Pending::Truncate { file: self.inodes[inode], len: *len }),
            Op::Write { inode, offset, data } => {
                self.push(Pending::Write { file: self.inodes[inode], offset: *offset, data: Arc::new(data.clone()) });
            }
            Op::Rename { from, to } => {
                assert_eq!(parent(from), parent(to), "a rename between directories: teach the disk");
                let file = *self.live.names.get(from).unwrap_or_else(|| panic!("{from} is renamed and is no file"));
                self.push(Pending::Names { dir: parent(to), gone: vec![from.clone()], new: Some((to.clone(), file)) });
            }
            Op::Link { from, to } => {
                let file = self.live.names[from];
                self.push(Pending::Names { dir: parent(to), gone: vec![], new: Some((to.clone(), file)) });
            }
            Op::Unlink { path } => self.push(Pending::Names { dir: parent(path), gone: vec![path.clone()], new: None }),
            Op::MakeDir { path } => self.push(Pending::MakeDir { dir: parent(path), path: path.clone() }),
            Op::RemoveDir { path } => self.push(Pending::RemoveDir { dir: parent(path), path: path.clone() }),
            Op::Sync { inode } => {
                let synced = self.inodes[inode];
                self.settle(|p| matches!(p, Pending::Write { file, .. } | Pending::Truncate { file, .. } if *file == synced));
            }
            Op::SyncDir { path } => self.settle(|p| {
                matches!(p, Pending::Names { dir, .. } | Pending::MakeDir { dir, .. } | Pending::RemoveDir { dir, .. } if dir == path)
            }),
        }
    }

    /// The directory after a power cut now.
    pub fn cut(&self, cut: Cut) -> Image {
        let mut image = self.durable.clone();
        let mut random = Random::new(match cut {
            Cut::Torn(seed) | Cut::Any(seed) => seed,
            _ => 0,
        });
        let mut names_until = match cut {
            Cut::Torn(_) => random.below(self.pending.len() as u64 + 1) as usize,
            _ => usize::MAX,
        };
        for change in &self.pending {
            let is_name = !matches!(change, Pending::Write { .. } | Pending::Truncate { .. });
            match (cut, is_name) {
                (Cut::Synced, _) | (Cut::Contents, true) => {}
                (Cut::Everything, _) | (Cut::Names, true) | (Cut::Contents, false) => image.apply(change),
                (Cut::Names, false) => image.apply_length(change),
                (Cut::Torn(_), true) if names_until == 0 => {}
                (Cut::Torn(_), true) => {
                    names_until -= 1;
                    image.apply(change);
                }
                (Cut::Any(_), true) if random.below(2) == 0 => {}
                (Cut::Any(_), true) => image.apply(change),
                (Cut::Torn(_) | Cut::Any(_), false) => image.apply_torn(change, &mut random),
            }
        }
        image
    }

    /// What the running program sees.
    pub fn live(&self) -> &Image {
        &self.live
    }

    fn push(&mut self, change: Pending) {
        self.live.apply(&change);
        self.pending.push(change);
    }

    fn settle(&mut self, is_settled: impl Fn(&Pending) -> bool) {
        let (settled, pending) = std::mem::take(&mut self.pending).into_iter().partition(|p| is_settled(p));
        self.pending = pending;
        let settled: Vec<Pending> = settled;
        settled.iter().for_each(|change| self.durable.apply(change));
    }
}

impl Image {
    /// Writes the directory to `to`, which must not exist.
    pub fn write(&self, to: &Path) {
        std::fs::create_dir_all(to).expect("a scratch directory");
        for dir in self.dirs.iter().filter(|dir| self.reachable(dir)) {
            std::fs::create_dir(to.join(dir)).expect("its parent is there");
        }
        for (path, file) in self.names.iter().filter(|(path, _)| self.reachable(path)) {
            std::fs::write(to.join(path), self.files[file].as_slice()).expect("its parent is there");
        }
    }

    /// The same number for the same contents, to check each only once.
    pub fn digest(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        for dir in self.dirs.iter().filter(|dir| self.reachable(dir)) {
            hasher.update(dir.as_bytes()).update(b"/\0");
        }
        for (path, file) in self.names.iter().filter(|(path, _)| self.reachable(path)) {
            let content = &self.files[file];
            hasher.update(path.as_bytes()).update(&[0]).update(&content.len().to_le_bytes()).update(content);
        }
        *hasher.finalize().as_bytes()
    }

    /// Where two directories differ, by name.
    pub fn difference(&self, other: &Image) -> Vec<String> {
        let of = |image: &Image, path: &String| image.names.get(path).map(|file| image.files[file].clone());
        let all: BTreeSet<&String> = self.names.keys().chain(other.names.keys()).collect();
        all.into_iter().filter(|path| of(self, path) != of(other, path)).cloned().collect()
    }

    /// Reads a directory, except what the shim does not watch.
    pub fn read(dir: &Path) -> Image {
        let mut image = Image::default();
        image.load(dir, "", &mut 0);
        image
    }

    fn load(&mut self, dir: &Path, at: &str, files: &mut u64) {
        for entry in std::fs::read_dir(dir).expect("it can be listed") {
            let entry = entry.expect("it can be listed");
            let name = entry.file_name().into_string().expect("names of a store are text");
            let path = if at.is_empty() { name } else { format!("{at}/{name}") };
            if entry.path().is_dir() {
                self.dirs.insert(path.clone());
                self.load(&entry.path(), &path, files);
            } else if !path.ends_with("-shm") {
                *files += 1;
                self.names.insert(path, *files);
                self.files.insert(*files, Arc::new(std::fs::read(entry.path()).expect("it can be read")));
            }
        }
    }

    /// Whether all directories on the way to `path` are there.
    fn reachable(&self, path: &str) -> bool {
        let mut above = parent(path);
        while !above.is_empty() {
            if !self.dirs.contains(&above) {
                return false;
            }
            above = parent(&above);
        }
        true
    }

    fn apply(&mut self, change: &Pending) {
        match change {
            Pending::Write { file, offset, data } => self.put(*file, *offset as usize, data),
            Pending::Truncate { file, len } => self.content(*file).resize(*len as usize, 0),
            Pending::Names { gone, new, .. } => {
                self.names.retain(|path, _| !gone.contains(path));
                self.names.extend(new.clone());
            }
            Pending::MakeDir { path, .. } => self.dirs.extend([path.clone()]),
            Pending::RemoveDir { path, .. } => self.dirs.retain(|dir| dir != path),
        }
    }

    fn apply_length(&mut self, change: &Pending) {
        match change {
            Pending::Write { file, offset, data } => self.grow(*file, *offset as usize + data.len()),
            other => self.apply(other),
        }
    }

    fn apply_torn(&mut self, change: &Pending, random: &mut Random) {
        let Pending::Write { file, offset, data } = change else {
            if random.below(2) == 0 {
                self.apply(change);
            }
            return;
        };
        let start = *offset as usize;
        let mut at = start;
        while at < start + data.len() {
            let end = ((at / SECTOR + 1) * SECTOR).min(start + data.len());
            match random.below(3) {
                0 => {}
                1 => self.grow(*file, end),
                _ => self.put(*file, at, &data[at - start..end - start]),
            }
            at = end;
        }
    }

    fn content(&mut self, file: u64) -> &mut Vec<u8> {
        Arc::make_mut(self.files.get_mut(&file).expect("files stay while their names may come back"))
    }

    fn grow(&mut self, file: u64, len: usize) {
        let content = self.content(file);
        content.resize(content.len().max(len), 0);
    }

    fn put(&mut self, file: u64, offset: usize, data: &[u8]) {
        self.grow(file, offset + data.len());
        self.content(file)[offset..offset + data.len()].copy_from_slice(data);
    }
}
