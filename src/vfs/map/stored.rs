//! What ties a map's nodes in memory to blobs in a store: marks on what was saved, cells for what was not yet read.

use super::{Node, Span};
use crate::base::{BlobError, Hash, StoreTag};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

/// The result of what may have to read a blob. The error is boxed because it is rare and results are many.
pub(crate) type Read<T> = Result<T, Box<BlobError>>;

/// What is known of a piece of memory as a blob: its hash, and which store has it. A copy starts without: it is made to be changed.
#[derive(Default)]
pub(crate) struct Mark {
    hash: OnceLock<Hash>,
    /// A [`StoreTag`]'s number; 0 is none. A second store's replaces the first's, which then only costs.
    stored: AtomicU32,
}

impl Clone for Mark {
    fn clone(&self) -> Mark {
        Mark::default()
    }
}

impl Mark {
    /// To be called before every change in place.
    pub(crate) fn clear(&mut self) {
        if self.hash.get().is_some() {
            *self = Mark::default();
        }
    }

    /// The hash, if it was ever computed.
    pub(crate) fn hash(&self) -> Option<Hash> {
        self.hash.get().copied()
    }

    /// The hash, computed the first time.
    pub(crate) fn hash_or(&self, compute: impl FnOnce() -> Hash) -> Hash {
        *self.hash.get_or_init(compute)
    }

    /// The hash, if this store has the blob.
    pub(crate) fn stored_in(&self, tag: StoreTag) -> Option<Hash> {
        let is_there = self.stored.load(Ordering::Acquire) == tag.number();
        if is_there { self.hash() } else { None }
    }

    /// Notes that this store has the blob.
    pub(crate) fn set_stored_in(&self, tag: StoreTag) {
        self.stored.store(tag.number(), Ordering::Release);
    }
}

/// Reads the nodes of maps of `V`.
pub(crate) trait NodeSource<V>: Send + Sync {
    /// The node that `lazy` stands for, from the store.
    fn load(self: Arc<Self>, lazy: &Lazy<V>) -> Read<Node<V>>;
    /// Which store that is.
    fn tag(&self) -> StoreTag;
    /// The last reference to the cell of this blob has gone.
    fn forget(&self, hash: &Hash);
}

/// A node that is in a store, and in memory from its first use on.
pub(crate) struct Lazy<V> {
    pub(crate) hash: Hash,
    /// The node's, known without reading it.
    pub(crate) span: Span,
    source: Arc<dyn NodeSource<V>>,
    node: OnceLock<Arc<Node<V>>>,
}

impl<V> Lazy<V> {
    pub(crate) fn new(hash: Hash, span: Span, source: Arc<dyn NodeSource<V>>) -> Lazy<V> {
        Lazy { hash, span, source, node: OnceLock::new() }
    }

    /// The node, read the first time.
    pub(crate) fn node(&self) -> Read<&Arc<Node<V>>> {
        if let Some(node) = self.node.get() {
            return Ok(node);
        }
        let node = Arc::new(self.source.clone().load(self)?);
        // Another thread may have been faster; then its node is everybody's.
        Ok(self.node.get_or_init(|| node))
    }

    /// The node, if it was read.
    pub(crate) fn loaded(&self) -> Option<&Arc<Node<V>>> {
        self.node.get()
    }

    /// The store that has it.
    pub(crate) fn tag(&self) -> StoreTag {
        self.source.tag()
    }
}

impl<V> Drop for Lazy<V> {
    fn drop(&mut self) {
        self.source.forget(&self.hash);
    }
}
