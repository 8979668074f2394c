//! Trees into blobs: only what a store does not have yet.

use super::Tree;
use super::code::Encoder;
use super::file::{Data, StoredChunk};
use super::format::{self, Value};
use crate::base::{Blob, BlobError, Hash, StoreTag};
use crate::vfs::map::{Lazy, Mark, Node, Read};
use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// What a store must be given to have a tree.
#[must_use]
pub struct Save {
    /// The tree's root blob: what to load it by.
    pub root: Hash,
    /// The blobs the store lacks, each once, those led to first: the chunks of files, then the nodes. Backwards it is the order of a walk, so a store
    /// that keeps them so reads on in one direction.
    pub blobs: Vec<(Hash, Blob)>,
    tag: StoreTag,
    marked: Vec<Arc<dyn Marked>>,
    saved: SavedRoot,
}

/// What is told when it is stored.
trait Marked: Send + Sync {
    fn mark(&self) -> &Mark;
}

impl<V: Send + Sync> Marked for Node<V> {
    fn mark(&self) -> &Mark {
        &self.mark
    }
}

impl Marked for Data {
    fn mark(&self) -> &Mark {
        &self.mark
    }
}

/// The root blob of a tree that a store has, as far as known; shared by clones of the tree, for what a hash says stays true.
#[derive(Clone, Default)]
pub(super) struct SavedRoot(OnceLock<Arc<Known>>);

type Known = Mutex<Option<(StoreTag, Hash)>>;

impl SavedRoot {
    pub(super) fn of(tag: StoreTag, root: Hash) -> SavedRoot {
        let saved = SavedRoot::default();
        saved.set(tag, root);
        saved
    }

    fn set(&self, tag: StoreTag, root: Hash) {
        *self.cell().lock().unwrap_or_else(PoisonError::into_inner) = Some((tag, root));
    }

    fn is(&self, tag: StoreTag, root: Hash) -> bool {
        *self.cell().lock().unwrap_or_else(PoisonError::into_inner) == Some((tag, root))
    }

    fn cell(&self) -> &Known {
        self.0.get_or_init(Arc::default)
    }
}

/// A save in the making.
pub(super) struct Saver {
    tag: StoreTag,
    all: bool,
    chunks: Vec<(Hash, Blob)>,
    chunks_given: HashSet<Hash>,
    /// With the time at which a walk last came to each.
    nodes: HashMap<Hash, (usize, Blob)>,
    now: usize,
    marked: Vec<Arc<dyn Marked>>,
}

impl Saver {
    fn new(tag: StoreTag, all: bool) -> Saver {
        let (chunks, chunks_given) = (Vec::new(), HashSet::new());
        Saver { tag, all, chunks, chunks_given, nodes: HashMap::new(), now: 0, marked: Vec::new() }
    }

    /// The time at which the walk comes to the next node.
    pub(super) fn arrive(&mut self) -> usize {
        self.now += 1;
        self.now
    }

    /// The hash of what bears this mark, if the store has it and it need not be given again.
    pub(super) fn known(&self, mark: &Mark) -> Option<Hash> {
        if self.all { None } else { mark.stored_in(self.tag) }
    }

    /// Whether this is the store that is saved to.
    pub(super) fn is_from(&self, tag: StoreTag) -> bool {
        self.tag == tag
    }

    /// Whether the store has this node and it need not be given again.
    pub(super) fn has<V>(&self, lazy: &Lazy<V>) -> bool {
        self.is_from(lazy.tag()) && !(self.all && lazy.loaded().is_some())
    }

    /// Gives the store a map's node, to which the walk came at `arrived`; its hash.
    pub(super) fn give_node<V: Value>(&mut self, blob: Blob, node: &Arc<Node<V>>, arrived: usize) -> Hash {
        let hash = node.mark.hash_or(|| blob.id());
        self.marked.push(node.clone());
        // Of one that several lead to, the last time counts: then it is before all of them.
        self.nodes.insert(hash, (arrived, blob));
        hash
    }

    /// Gives the store a chunk; its hash.
    pub(super) fn give_chunk(&mut self, data: &Arc<Data>) -> Hash {
        let blob = data.blob();
        let hash = data.mark.hash_or(|| blob.id());
        self.marked.push(data.clone());
        if self.chunks_given.insert(hash) {
            self.chunks.push((hash, blob));
        }
        hash
    }

    /// Gives the store a chunk that another has.
    pub(super) fn give_stored(&mut self, chunk: &StoredChunk) -> Read<()> {
        if self.chunks_given.insert(chunk.hash) {
            self.chunks.push((chunk.hash, Blob { links: Vec::new(), data: chunk.read()? }));
        }
        Ok(())
    }

    /// All that was given, in the order that [`Save::blobs`] promises.
    fn finish(self, root: Hash, saved: SavedRoot) -> Save {
        let mut nodes: Vec<_> = self.nodes.into_iter().collect();
        nodes.sort_unstable_by_key(|(_, (arrived, _))| Reverse(*arrived));
        let mut blobs = self.chunks;
        blobs.reverse();
        blobs.extend(nodes.into_iter().map(|(hash, (_, blob))| (hash, blob)));
        Save { root, blobs, tag: self.tag, marked: self.marked, saved }
    }
}

impl Tree {
    /// What the store `tag` does not have of this tree yet, at a cost proportional to that. `all` ignores what is known to be stored: whatever is in
    /// memory is given again.
    ///
    /// # Errors
    /// The tree has a [`Tree::fault`], or a part of it that is in another store cannot be read.
    pub fn save(&self, tag: StoreTag, all: bool) -> Result<Save, BlobError> {
        if let Some(fault) = self.fault() {
            return Err(fault);
        }
        let mut saver = Saver::new(tag, all);
        let mut root = Encoder::default();
        format::put_tree(self, &mut root, &mut saver).map_err(|error| *error)?;
        let blob = root.into_blob();
        let root = blob.id();
        if !self.saved.is(tag, root) || all {
            saver.nodes.insert(root, (0, blob));
        }
        Ok(saver.finish(root, self.saved.clone()))
    }
}

impl Save {
    /// To be called when the blobs are durable: from now on they are not given to this store again. (`blobs` may have been taken out.)
    pub fn done(self) {
        for marked in &self.marked {
            marked.mark().set_stored_in(self.tag);
        }
        self.saved.set(self.tag, self.root);
    }
}
