//! Trees out of blobs: only what is looked at is read, and what is read is shared.

use super::Tree;
use super::code::{Damage, Decoder};
use super::dir::Entry;
use super::file::Chunk;
use super::format::{self, Value};
use super::inode::Inode;
use super::save::SavedRoot;
use crate::base::{BlobError, BlobSource, Hash, StoreTag};
use crate::vfs::map::{Lazy, Node, NodeSource, Read, Span};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Where stored trees come from. All trees loaded through one loader share in memory what they have in common.
pub struct TreeLoader {
    pub(super) source: Arc<dyn BlobSource>,
    pub(super) tag: StoreTag,
    pub(super) inodes: Cells<Arc<Inode>>,
    pub(super) entries: Cells<Entry>,
    pub(super) chunks: Cells<Chunk>,
}

/// The cells that somebody has, by what they stand for.
pub(super) struct Cells<V>(Mutex<HashMap<Hash, Weak<Lazy<V>>>>);

impl<V> Cells<V> {
    fn new() -> Cells<V> {
        Cells(Mutex::new(HashMap::new()))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Hash, Weak<Lazy<V>>>> {
        // Nothing is left half done where this could be poisoned.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for TreeLoader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TreeLoader").field("tag", &self.tag).field("cells", &self.cells()).finish_non_exhaustive()
    }
}

impl TreeLoader {
    /// A loader of what `source`, the store with this tag, has.
    pub fn new(source: Arc<dyn BlobSource>, tag: StoreTag) -> Arc<TreeLoader> {
        Arc::new(TreeLoader { source, tag, inodes: Cells::new(), entries: Cells::new(), chunks: Cells::new() })
    }

    /// How many nodes of trees, read or not, are known at present: none once all trees are gone.
    pub fn cells(&self) -> usize {
        self.inodes.lock().len() + self.entries.lock().len() + self.chunks.lock().len()
    }

    /// The cell for the node with this hash: the one that others have, if there is one.
    pub(super) fn cell<V: Value>(self: &Arc<Self>, hash: Hash, span: Span) -> Result<Arc<Lazy<V>>, Damage> {
        let mut cells = V::cells(self).lock();
        let cell = match cells.get(&hash).and_then(Weak::upgrade) {
            Some(cell) => cell,
            None => {
                let cell = Arc::new(Lazy::new(hash, span, self.clone()));
                cells.insert(hash, Arc::downgrade(&cell));
                cell
            }
        };
        // Before the cell may be dropped, which takes the lock again.
        drop(cells);
        if cell.span == span { Ok(cell) } else { Err("a node in it is not where it belongs") }
    }
}

impl<V: Value> NodeSource<V> for TreeLoader {
    fn load(self: Arc<Self>, lazy: &Lazy<V>) -> Read<Node<V>> {
        let blob = self.source.get(&lazy.hash)?;
        let mut from = Decoder::new(&blob);
        let node = format::take_node(&mut from, &self).and_then(|node: Node<V>| {
            from.end()?;
            if node.span() == lazy.span { Ok(node) } else { Err("it is not where it belongs") }
        });
        node.map_err(|what| Box::new(BlobError::Damaged { id: lazy.hash, what: what.into() }))
    }

    fn tag(&self) -> StoreTag {
        self.tag
    }

    fn forget(&self, hash: &Hash) {
        let mut cells = V::cells(self).lock();
        // Another cell may have been made in the meantime.
        if cells.get(hash).is_some_and(|cell| cell.strong_count() == 0) {
            cells.remove(hash);
        }
        if cells.len() < cells.capacity() / 8 {
            cells.shrink_to_fit();
        }
    }
}

impl Tree {
    /// The tree stored as `root`. Reads that one blob; the others when they are first used.
    ///
    /// # Errors
    /// The root blob cannot be read or is not a tree's.
    pub fn load(loader: &Arc<TreeLoader>, root: Hash) -> Result<Tree, BlobError> {
        let blob = loader.source.get(&root)?;
        let tree = format::take_tree(&mut Decoder::new(&blob), loader);
        let tree = tree.map_err(|what| BlobError::Damaged { id: root, what: what.into() })?;
        Ok(Tree { saved: SavedRoot::of(loader.tag, root), ..tree })
    }
}
