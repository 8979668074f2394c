//! Trees in a store: what is saved is what is loaded, a save costs what changed, what cannot be read never looks like what is not there.

use super::model::{self, Dump, Op, check_diff, dump, op};
use super::*;
use crate::base::{Blob, BlobError, BlobSource, Hash, StoreTag};
use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::HashMap;
use std::sync::Mutex;

/// A store in memory that remembers what was read of it.
pub(super) struct Store {
    tag: StoreTag,
    pub(super) blobs: Mutex<HashMap<Hash, Blob>>,
    read: Mutex<Vec<Hash>>,
}

impl BlobSource for Store {
    fn get(&self, id: &Hash) -> Result<Blob, BlobError> {
        self.read.lock().unwrap().push(*id);
        self.blobs.lock().unwrap().get(id).cloned().ok_or(BlobError::Missing(*id))
    }
}

impl Store {
    pub(super) fn new() -> Arc<Store> {
        Arc::new(Store { tag: StoreTag::new(), blobs: Mutex::default(), read: Mutex::default() })
    }

    pub(super) fn loader(self: &Arc<Self>) -> Arc<TreeLoader> {
        TreeLoader::new(self.clone(), self.tag)
    }

    /// Keeps what a tree lacks; the root, and how many blobs and bytes that were.
    pub(super) fn save(&self, tree: &Tree) -> (Hash, usize, usize) {
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

    /// Adds a blob as it is.
    fn put(&self, links: &[Hash], data: &[u8]) -> Hash {
        let blob = Blob { links: links.to_vec(), data: Bytes::copy_from_slice(data) };
        let id = blob.id();
        self.blobs.lock().unwrap().insert(id, blob);
        id
    }

    /// What was read since it was last asked.
    fn read(&self) -> Vec<Hash> {
        std::mem::take(&mut self.read.lock().unwrap())
    }

    fn reads(&self) -> usize {
        self.read().len()
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
    for copy in ["copy", "a/copy", "a/b/copy"] {
        f.put(copy, (0..1_300_000u32).map(|n| (n >> 8) as u8 ^ n as u8).collect::<Vec<_>>()).unwrap();
    }
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
    tree.put_file(b"/bin/program", program, 0o755, 0, 0, 5, Some(ProgramId([8; 32]))).unwrap();
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
    assert_eq!(loaded.program(b"/bin/program"), Some(ProgramId([8; 32])));
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
fn a_change_in_place_is_saved() {
    let (store, mut f) = (Store::new(), Fixture::new());
    for n in 0..300 {
        f.put(&n.to_string(), vec![n as u8; 100]).unwrap();
    }
    let mut roots = Vec::new();
    for n in 0..300 {
        // Nobody holds a snapshot, so nothing is copied to be changed.
        roots.push(store.save(&f.vfs.snapshot()).0);
        f.clock.advance(1);
        match n % 3 {
            0 => f.chmod(&n.to_string(), 0o600).unwrap(),
            1 => f.rename(&n.to_string(), &format!("new{n}")).unwrap(),
            _ => f.unlink(&n.to_string()).unwrap(),
        }
        let (root, ..) = store.save(&f.vfs.snapshot());
        assert_eq!(dump(&Tree::load(&store.loader(), root).unwrap()), dump(&f.vfs.snapshot()));
    }
    roots.sort();
    roots.dedup();
    assert_eq!(roots.len(), 300);
}

#[test]
fn forks_that_differ_in_a_name_only() {
    let store = Store::new();
    let fork = |name: &str| {
        let mut f = Fixture::new();
        f.put(name, "the same inode, cookie, time and content").unwrap();
        f.put("other", "").unwrap();
        Tree::load(&store.loader(), store.save(&f.vfs.snapshot()).0).unwrap()
    };
    let change = |path: &[u8], kind| Change { path: path.to_vec(), kind, is_dir: false };
    let expected = vec![change(b"/x", ChangeKind::Removed), change(b"/y", ChangeKind::Added)];
    assert_eq!(fork("x").diff(&fork("y")), Ok(expected));
}

#[test]
fn what_cannot_be_read_is_not_absent() {
    let store = Store::new();
    let tree = large(&store);
    let root = store.save(&tree).0;
    let stat = |vfs: &mut Vfs, path: &[u8]| vfs.stat(&ROOT, vfs.root(), path, Follow::Last).map(drop);
    let loaded = Tree::load(&store.loader(), root).unwrap();
    store.read();
    stat(&mut vfs(&loaded), b"/d57/file123").unwrap();
    let on_the_way = store.read();
    assert!(on_the_way.len() > 5);
    for id in on_the_way {
        let blob = store.blobs.lock().unwrap().remove(&id).unwrap();
        let missing = BlobError::Missing(id);
        let loaded = Tree::load(&store.loader(), root).unwrap();
        let mut vfs = vfs(&loaded);
        assert_eq!(stat(&mut vfs, b"/d57/file123"), Err(Errno::Io));
        // It is there again: nothing is answered all the same, for what was answered before may be wrong.
        store.blobs.lock().unwrap().insert(id, blob);
        assert_eq!(stat(&mut vfs, b"/"), Err(Errno::Io));
        let (at, flags) = (vfs.root(), OpenFlags { write: true, create: true, ..OpenFlags::default() });
        assert_eq!(vfs.open(&ROOT, at, b"/new", flags, 0o644), Err(Errno::Io));
        assert_eq!(vfs.unlink(&ROOT, at, b"/d0/file0"), Err(Errno::Io));
        assert_eq!(vfs.read_dir(at, 0, &mut |_| true), Err(Errno::Io));
        let faulty = vfs.into_tree();
        assert_eq!(faulty.fault(), Some(missing.clone()));
        assert_eq!(faulty.clone().fault(), Some(missing.clone()));
        assert_eq!(faulty.save(store.tag, false).err(), Some(missing.clone()));
        assert_eq!(faulty.diff(&tree), Err(missing.clone()));
        assert_eq!(faulty.stat(b"/"), Err(Errno::Io));
        // A clone that did not need it knows nothing of it.
        assert_eq!(loaded.fault(), None);
        assert_eq!(stat(&mut self::vfs(&loaded), b"/d57/file123"), Ok(()));
    }
    assert!(matches!(Tree::load(&store.loader(), Hash([0; 32])), Err(BlobError::Missing(_))));
}

#[test]
fn what_reads_a_tree_by_path_notices_too() {
    let store = Store::new();
    let tree = large(&store);
    let root = store.save(&tree).0;
    let loaded = Tree::load(&store.loader(), root).unwrap();
    let kept = std::mem::take(&mut *store.blobs.lock().unwrap());
    assert_eq!(loaded.list(b"/d1"), Err(Errno::Io));
    let fault = loaded.fault().unwrap();
    assert!(matches!(fault, BlobError::Missing(id) if kept.contains_key(&id)));
    let loaded = {
        *store.blobs.lock().unwrap() = kept;
        Tree::load(&store.loader(), root).unwrap()
    };
    store.blobs.lock().unwrap().clear();
    assert!(loaded.diff(&Tree::new()).is_err() && loaded.fault().is_some());
}

#[test]
fn a_node_elsewhere_is_no_node() {
    let store = Store::new();
    // Two FIFOs, numbers 1 and 2: a node of the smallest span at 0.
    let fifo = |key: u8| [&[0, key, 4, 0, 0, 0][..], &[0; 8], &[0, 0, 0]].concat();
    let slots = [&[2][..], &fifo(1), &fifo(2)].concat();
    let node = store.put(&[], &[&[0, 0][..], &slots].concat());
    let root = |map: &[u8], links: &[Hash]| store.put(links, &[&[1, 9, 0, 0, 0, 0][..], map].concat());
    let load = |root| Tree::load(&store.loader(), root).map(|tree| (tree.stat(b"/").is_ok(), tree.fault()));
    let damaged = |id: Hash, what: &str| BlobError::Damaged { id, what: what.into() };
    // Written inline, linked at its place, linked at another.
    assert_eq!(load(root(&[&[1, 0, 0][..], &slots].concat(), &[])), Ok((true, None)));
    assert_eq!(load(root(&[2, 0, 0], &[node])), Ok((true, None)));
    let fault = damaged(node, "it is not where it belongs");
    assert_eq!(load(root(&[2, 5, 0], &[node])), Ok((false, Some(fault))));
    // The same node at two places.
    let twice = root(&[1, 5, 0, 2, 2, 0, 0, 2, 0, 1], &[node, node]);
    assert_eq!(load(twice), Err(damaged(twice, "a node in it is not where it belongs")));
    // Slots out of order, and nodes in a smaller one: all that `Map` relies on is checked.
    for map in [
        &[&[1, 0, 0, 2][..], &fifo(2), &fifo(1)].concat(),
        &[&[1, 0, 0, 2][..], &fifo(2), &fifo(2)].concat(),
        &[&[1, 0, 0, 1][..], &fifo(2)].concat(),
        &[&[1, 0, 0, 2][..], &fifo(2), &fifo(40)].concat(),
        &[&[1, 0, 0, 2][..], &fifo(0), &fifo(1)].concat(),
        &[&[1, 0, 0, 2, 1, 5, 0][..], &slots, &fifo(9)].concat(),
        &[&[1, 4, 0][..], &slots].concat(),
        &[&[1, 65, 0][..], &slots].concat(),
        &vec![1, 5, 0, 2, 1, 5, 0, 2],
        &vec![3, 0],
        &vec![4],
        &vec![],
    ] {
        assert!(matches!(load(root(map, &[])), Err(BlobError::Damaged { .. })), "{map:?}");
    }
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
        let mut forgotten: Vec<(Dump, Hash)> = Vec::new();
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
            if *then > 2 {
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
            if *then == 2 {
                // What nobody holds is changed in place.
                forgotten.push((content, root));
                continue;
            }
            saved.push((if *then == 1 { loaded } else { tree }, content, root));
        }
        let now = (f.vfs.snapshot(), dump(&f.vfs.snapshot()));
        now.0.check();
        let cold = store.loader();
        for (content, root) in forgotten {
            prop_assert_eq!(dump(&Tree::load(&cold, root).unwrap()), content);
        }
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
