//! Trees in a store: what is saved is what is loaded, a save costs what changed, what cannot be read never looks like what is not there.

use super::model::{self, Dump, Op, check_diff, dump, op};
use super::*;
use crate::base::{Blob, BlobError, BlobSource, Hash, StoreTag};
use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::HashMap;
use std::sync::Mutex;

/// A store in memory that counts what is read of it.
struct Store {
    tag: StoreTag,
    blobs: Mutex<HashMap<Hash, Blob>>,
    reads: AtomicU32,
}

impl BlobSource for Store {
    fn get(&self, id: &Hash) -> Result<Blob, BlobError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.blobs.lock().unwrap().get(id).cloned().ok_or(BlobError::Missing(*id))
    }
}

impl Store {
    fn new() -> Arc<Store> {
        Arc::new(Store { tag: StoreTag::new(), blobs: Mutex::default(), reads: AtomicU32::new(0) })
    }

    fn loader(self: &Arc<Self>) -> Arc<TreeLoader> {
        TreeLoader::new(self.clone(), self.tag)
    }

    /// Keeps what a tree lacks; the root, and how many blobs and bytes that were.
    fn save(&self, tree: &Tree) -> (Hash, usize, usize) {
        let save = tree.save(self.tag, false).unwrap();
        let (root, count, bytes) = (save.root, save.blobs.len(), bytes(&save));
        self.keep(&save);
        save.done();
        (root, count, bytes)
    }

    fn keep(&self, save: &Save) {
        let mut blobs = self.blobs.lock().unwrap();
        for (hash, blob) in &save.blobs {
            assert_eq!(blob.id(), *hash);
            let is_missing = |link: &&Hash| !blobs.contains_key(*link);
            assert_eq!(blob.links.iter().find(is_missing), None, "a link to what is not there yet");
            // Copied, as a disk would: what a tree lends it must not change in place.
            blobs.insert(*hash, Blob { links: blob.links.clone(), data: Bytes::copy_from_slice(&blob.data) });
        }
        assert!(blobs.contains_key(&save.root));
    }

    fn reads(&self) -> u32 {
        self.reads.swap(0, Ordering::Relaxed)
    }
}

/// What a store must keep for it.
fn bytes(save: &Save) -> usize {
    save.blobs.iter().map(|(_, blob)| blob.data.len() + 32 * blob.links.len()).sum()
}

fn vfs(tree: &Tree) -> Vfs {
    Vfs::new(tree.clone(), &Limits::default())
}

/// One of everything, and some of what is large.
fn rich_tree() -> Tree {
    let mut f = Fixture::new();
    f.as_user(0, 0);
    for dir in ["a", "a/b", "a/b/c", "empty"] {
        f.mkdir(dir).unwrap();
        f.clock.advance(7);
    }
    f.put("small", "text").unwrap();
    f.put("a/large", (0..200_000u32).map(|n| (n / 7) as u8).collect::<Vec<_>>()).unwrap();
    for link in ["a/link", "a/b/link", "link"] {
        f.link("a/large", link).unwrap();
    }
    let sparse = f.open("sparse", "wc", 0o600).unwrap();
    for (offset, text) in [(1 << 40, "far"), (70_000, "near")] {
        f.vfs.write_at(sparse, offset, text.as_bytes()).unwrap();
    }
    f.vfs.truncate(sparse, 1 << 41).unwrap();
    f.symlink(&"x/".repeat(400), "a/symlink").unwrap();
    f.chmod("a/b", 0o2751).unwrap();
    f.chown("small", 12, 3_000_000_000).unwrap();
    let times = SetAttr { atime: Some(SetTime::At(-5)), mtime: Some(SetTime::At(i64::MAX)), ..SetAttr::default() };
    f.set("a/b/c", times).unwrap();
    for n in 0..1_000 {
        f.put(&format!("empty/{n}"), vec![n as u8; n % 700]).unwrap();
    }
    let mut tree = f.vfs.snapshot();
    tree.put_device(b"/dev/null", 1, 3, 0o666).unwrap();
    let program = Bytes::from(vec![9; 100_000]);
    tree.put_file(b"/bin/program", program, 0o755, 0, 0, 5, Some(BlobId([8; 32]))).unwrap();
    tree.seal_base();
    tree.put_file(b"/after", Bytes::from(vec![1; 5000]), 0o644, 0, 0, 5, None).unwrap();
    let mut upper = TreeFs::new(tree, &Limits::default(), Arc::new(ManualClock::new(3)));
    let (dir, _) = upper.lookup(upper.root(), b"a").unwrap();
    upper.set_origin(dir, Some(b"below/a")).unwrap();
    let fifo = NewNode { kind: Kind::Fifo, mode: 0o600, uid: 1, gid: 2, target: b"" };
    upper.create(dir, b"fifo", fifo).unwrap();
    upper.into_tree()
}

#[test]
fn everything_survives() {
    let (store, tree) = (Store::new(), rich_tree());
    let (root, ..) = store.save(&tree);
    let loaded = Tree::load(&store.loader(), root).unwrap();
    assert_eq!(store.reads(), 1, "only the root is read");
    loaded.check();
    assert_eq!(dump(&loaded), dump(&tree));
    assert_eq!(loaded.diff(&tree), Ok(vec![]));
    assert_eq!((loaded.usage(), loaded.total_usage()), (tree.usage(), tree.total_usage()));
    assert_eq!(loaded.blob(b"/bin/program"), Some(BlobId([8; 32])));
    assert_eq!(vfs(&loaded).bytes(loc(&loaded, "/after")).unwrap().len(), 5000);
    let mut upper = TreeFs::new(loaded.clone(), &Limits::default(), Arc::new(ManualClock::new(3)));
    let (dir, _) = upper.lookup(upper.root(), b"a").unwrap();
    assert_eq!(upper.origin(dir), Some(&b"below/a"[..]));
    // The same spelled again, from what was loaded and by another way of making it.
    assert_eq!(loaded.save(StoreTag::new(), false).unwrap().root, root);
    assert_eq!(rich_tree().save(StoreTag::new(), true).unwrap().root, root);
}

fn loc(tree: &Tree, path: &str) -> Loc {
    let mut vfs = vfs(tree);
    vfs.resolve(&ROOT, vfs.root(), path.as_bytes(), Follow::Last).unwrap()
}

#[test]
fn a_small_tree_is_one_blob() {
    let (store, mut tree) = (Store::new(), Tree::new());
    tree.put_file(b"/home/user/note", Bytes::from_static(b"text"), 0o644, 1, 1, 0, None).unwrap();
    let (_, count, bytes) = store.save(&tree);
    assert_eq!(count, 1);
    assert!(bytes < 150, "{bytes}");
}

/// A tree of 100,000 files in 100 directories, saved.
fn large(store: &Store) -> Tree {
    let mut tree = Tree::new();
    for dir in 0..100 {
        let mut vfs = Vfs::new(std::mem::take(&mut tree), &Limits { tree_files: u64::MAX, ..Limits::default() });
        let path = format!("/d{dir}");
        vfs.mkdir(&ROOT, vfs.root(), path.as_bytes(), 0o755).unwrap();
        let dir = vfs.resolve(&ROOT, vfs.root(), path.as_bytes(), Follow::Last).unwrap();
        for file in 0..1000 {
            let flags = OpenFlags { write: true, create: true, ..OpenFlags::default() };
            let file = vfs.open(&ROOT, dir, format!("file{file}").as_bytes(), flags, 0o644).unwrap();
            vfs.write_at(file, 0, path.as_bytes()).unwrap();
        }
        tree = vfs.into_tree();
    }
    store.save(&tree);
    tree
}

#[test]
fn a_save_costs_what_changed() {
    let store = Store::new();
    let tree = large(&store);
    assert_eq!(store.save(&tree).1, 0, "nothing changed");
    let edit = |tree: &Tree, change: &dyn Fn(&mut Vfs)| {
        let mut vfs = vfs(tree);
        change(&mut vfs);
        let edited = vfs.into_tree();
        let (root, count, bytes) = store.save(&edited);
        assert!(count < 20 && bytes < 64 << 10, "{count} blobs, {bytes} bytes");
        assert_eq!(store.save(&edited).1, 0);
        (edited, root)
    };
    let write = OpenFlags { write: true, create: true, ..OpenFlags::default() };
    let content = vec![7; 9000];
    let (edited, root) = edit(&tree, &|vfs| {
        let file = vfs.open(&ROOT, vfs.root(), b"/d57/file123", write, 0o644).unwrap();
        vfs.write_at(file, 0, &content).unwrap();
    });
    // The same in a tree that was just loaded.
    let loader = store.loader();
    let cold = Tree::load(&loader, root).unwrap();
    store.reads();
    edit(&cold, &|vfs| {
        let file = vfs.open(&ROOT, vfs.root(), b"/d99/new", write, 0o644).unwrap();
        vfs.write_at(file, 0, &content).unwrap();
        vfs.rename(&ROOT, vfs.root(), b"/d57/file123", vfs.root(), b"/d57/renamed").unwrap();
        vfs.unlink(&ROOT, vfs.root(), b"/d0/file0").unwrap();
    });
    assert!(store.reads() < 300, "three directories of a thousand files were searched");
    // And a diff of what is stored reads what differs.
    let (a, b) = (Tree::load(&loader, store.save(&tree).0).unwrap(), Tree::load(&store.loader(), root).unwrap());
    store.reads();
    let changed = Change { path: b"/d57/file123".to_vec(), kind: ChangeKind::Modified, is_dir: false };
    assert_eq!(a.diff(&b), Ok(vec![changed.clone()]));
    assert!(store.reads() < 30);
    assert_eq!(a.diff(&edited), Ok(vec![changed]));
}

#[test]
fn what_is_not_done_is_given_again() {
    let (store, tree) = (Store::new(), rich_tree());
    let first = tree.save(store.tag, false).unwrap();
    let count = first.blobs.len();
    let again = tree.save(store.tag, false).unwrap();
    assert_eq!(again.blobs, first.blobs);
    store.keep(&again);
    again.done();
    assert_eq!(tree.save(store.tag, false).unwrap().blobs, []);
    assert_eq!(tree.save(store.tag, true).unwrap().blobs.len(), count, "unless all is asked for");
    // Another store has nothing yet, also when the tree is still in the first.
    let other = Store::new();
    let loaded = Tree::load(&store.loader(), first.root).unwrap();
    assert_eq!(other.save(&loaded).1, count);
    assert_eq!(dump(&Tree::load(&other.loader(), first.root).unwrap()), dump(&tree));
}

#[test]
fn a_change_after_a_save_is_not_thought_stored() {
    let store = Store::new();
    let mut f = Fixture::new();
    f.put("big", vec![1; 100_000]).unwrap();
    let first = f.vfs.snapshot().save(store.tag, false).unwrap();
    // Between the save and its end: the same chunk, in place or not.
    let big = f.open("big", "w", 0).unwrap();
    f.vfs.write_at(big, 10, b"x").unwrap();
    store.keep(&first);
    let root = first.root;
    first.done();
    let (other, count, _) = store.save(&f.vfs.snapshot());
    assert!(other != root && count > 0);
    f.vfs.write_at(big, 10, b"y").unwrap();
    let (third, ..) = store.save(&f.vfs.snapshot());
    let read = |root| Tree::load(&store.loader(), root).unwrap().read_path(b"/big").unwrap()[10];
    assert_eq!([root, other, third].map(read), [1, b'x', b'y']);
}

#[test]
fn trees_share_what_they_load() {
    let store = Store::new();
    let tree = large(&store);
    let root = store.save(&tree).0;
    let loader = store.loader();
    let a = Tree::load(&loader, root).unwrap();
    a.stat(b"/d57/file123").unwrap();
    let (known, _) = (loader.cells(), store.reads());
    let b = Tree::load(&loader, root).unwrap();
    b.stat(b"/d57/file123").unwrap();
    assert_eq!((loader.cells(), store.reads()), (known, 1), "the root was read");
    drop(a);
    b.stat(b"/d57/file123").unwrap();
    assert_eq!((loader.cells(), store.reads()), (known, 0));
    drop(b);
    assert_eq!(loader.cells(), 0, "nobody holds anything");
}

#[test]
fn what_cannot_be_read_is_not_absent() {
    let store = Store::new();
    let tree = large(&store);
    let root = store.save(&tree).0;
    let ids: Vec<Hash> = store.blobs.lock().unwrap().keys().copied().filter(|id| *id != root).collect();
    let mut broken = 0;
    for id in ids.iter().step_by(ids.len() / 100) {
        let blob = store.blobs.lock().unwrap().remove(id).unwrap();
        let loaded = Tree::load(&store.loader(), root).unwrap();
        let before = loaded.clone();
        let (mut f, path) = (vfs(&loaded), "/d57/file123");
        match f.stat(&ROOT, f.root(), path.as_bytes(), Follow::Last) {
            Ok(_) => {}
            Err(errno) => {
                broken += 1;
                assert_eq!(errno, Errno::Io);
                // Nothing else is answered either.
                let (root, flags) = (f.root(), OpenFlags { write: true, create: true, ..OpenFlags::default() });
                assert_eq!(f.stat(&ROOT, root, b"/", Follow::Last).unwrap_err(), Errno::Io);
                assert_eq!(f.open(&ROOT, root, b"/new", flags, 0o644).unwrap_err(), Errno::Io);
                assert_eq!(f.unlink(&ROOT, root, b"/d0/file0").unwrap_err(), Errno::Io);
                let faulty = f.into_tree();
                assert_eq!(faulty.fault(), Some(BlobError::Missing(*id)));
                assert_eq!(faulty.save(store.tag, false).err(), Some(BlobError::Missing(*id)));
                assert_eq!(faulty.clone().diff(&tree), Err(BlobError::Missing(*id)));
                assert_eq!(before.fault(), None, "a clone that did not need it");
            }
        }
        assert_eq!(Tree::new().diff(&before), Err(BlobError::Missing(*id)));
        assert_eq!(before.fault(), Some(BlobError::Missing(*id)));
        store.blobs.lock().unwrap().insert(*id, blob);
    }
    assert!(broken < 50, "most were not on the way");
    assert!(matches!(Tree::load(&store.loader(), Hash([0; 32])), Err(BlobError::Missing(_))));
}

/// Looks at everything in a tree that may be nonsense, within bounds.
fn look_at_all(tree: &Tree) {
    let mut vfs = vfs(tree);
    let (mut todo, mut left) = (vec![vfs.root()], 3000);
    while let Some(loc) = todo.pop() {
        left -= 1;
        if left == 0 {
            break;
        }
        vfs.attr(loc).ok();
        vfs.readlink(&ROOT, loc, b"").ok();
        vfs.read_at(loc, 0, &mut [0; 300]).ok();
        let data = vfs.seek_data(loc, 0).unwrap_or(0);
        let hole = vfs.seek_hole(loc, data).unwrap_or(0);
        vfs.read_at(loc, hole.saturating_sub(10), &mut [0; 300]).ok();
        vfs.read_dir(loc, 0, &mut |entry| {
            todo.push(Loc { node: entry.node, ..loc });
            todo.len() < 5000
        })
        .ok();
        vfs.write_at(loc, data, b"some").ok();
        vfs.truncate(loc, 3).ok();
        vfs.mkdir(&ROOT, loc, b"new", 0o755).ok();
        vfs.rename(&ROOT, loc, b"new", vfs.root(), b"new").ok();
    }
    let changed = vfs.into_tree();
    drop(tree.diff(&changed));
    drop(changed.save(StoreTag::new(), true));
}

/// Damages a tree's blobs, then looks at all of it.
fn damage(mut edit: impl FnMut(&mut Blob)) {
    let (store, tree) = (Store::new(), rich_tree());
    let (root, ..) = store.save(&tree);
    store.blobs.lock().unwrap().values_mut().for_each(&mut edit);
    if let Ok(tree) = Tree::load(&store.loader(), root) {
        look_at_all(&tree);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, max_shrink_iters: 2000, ..ProptestConfig::default() })]

    /// Trees go to the store and come back at any moment, and are as if they had stayed.
    #[test]
    fn what_is_saved_is_loaded(ops in vec((op(), 0..8u8), 1..120)) {
        let (store, mut f) = (Store::new(), Fixture::new());
        let loader = store.loader();
        let mut saved: Vec<(Tree, Dump, Hash)> = Vec::new();
        for (op, then) in &ops {
            match op {
                Op::Snapshot => {}
                Op::Fork(n) if !saved.is_empty() => {
                    let (tree, ..) = &saved[n % saved.len()];
                    let clock = f.clock.now();
                    f = Fixture::with(tree.clone(), &Limits::default());
                    f.clock.advance(clock);
                }
                op => drop(model::run(&mut f, &mut Vec::new(), op)),
            }
            if *then > 1 {
                continue;
            }
            let tree = f.vfs.snapshot();
            let (root, ..) = store.save(&tree);
            prop_assert_eq!(store.save(&tree), (root, 0, 0));
            let loaded = Tree::load(&loader, root).unwrap();
            if *then == 1 {
                let clock = f.clock.now();
                f = Fixture::with(loaded.clone(), &Limits::default());
                f.clock.advance(clock);
            }
            let content = dump(&tree);
            saved.push((if *then == 1 { loaded } else { tree }, content, root));
        }
        let now = (f.vfs.snapshot(), dump(&f.vfs.snapshot()));
        now.0.check();
        let cold = store.loader();
        for (tree, content, root) in saved {
            let loaded = Tree::load(&cold, root).unwrap();
            loaded.check();
            prop_assert_eq!(&dump(&loaded), &content);
            prop_assert_eq!(loaded.usage(), tree.usage());
            prop_assert_eq!(tree.diff(&loaded), Ok(vec![]));
            prop_assert_eq!(store.save(&loaded), (root, 0, 0));
            prop_assert_eq!(loaded.save(StoreTag::new(), false).unwrap().root, root);
            for tree in [tree, loaded] {
                let old = (tree, content.clone());
                check_diff(&old, &now);
                check_diff(&now, &old);
            }
        }
    }

    /// Bytes that are no tree are an error, never a panic.
    #[test]
    fn damage_is_an_error(at: Vec<(u16, u8)>, cut: Option<u16>, which: u8, swap: bool) {
        let mut count = 0u8;
        damage(|blob| {
            count = count.wrapping_add(1);
            if count % 16 != which % 16 {
                return;
            }
            let mut data = blob.data.to_vec();
            for (at, byte) in &at {
                let length = data.len().max(1);
                if let Some(place) = data.get_mut(usize::from(*at) % length) {
                    *place = *byte;
                }
            }
            if let Some(cut) = cut {
                data.truncate(usize::from(cut) % (data.len() + 1));
            }
            if swap {
                blob.links.reverse();
            }
            blob.data = data.into();
        });
    }

    #[test]
    fn noise_is_an_error(data: Vec<u8>, links in vec(any::<[u8; 32]>(), 0..3)) {
        let store = Store::new();
        let data = [&[1], &data[..]].concat();
        let blob = Blob { links: links.into_iter().map(Hash).collect(), data: data.into() };
        let root = blob.id();
        store.blobs.lock().unwrap().insert(root, blob);
        if let Ok(tree) = Tree::load(&store.loader(), root) {
            look_at_all(&tree);
        }
    }
}
