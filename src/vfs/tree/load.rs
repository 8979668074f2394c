//! Trees out of blobs: only what is looked at is read, and what is read is shared.

use super::Tree;
use crate::base::{BlobError, BlobSource, Hash, StoreTag};
use std::sync::Arc;

/// Where stored trees come from. All trees loaded through one loader share what they have in common.
pub struct TreeLoader {
    _source: Arc<dyn BlobSource>,
    _tag: StoreTag,
}

impl TreeLoader {
    /// A loader of what `source`, the store with this tag, has.
    pub fn new(source: Arc<dyn BlobSource>, tag: StoreTag) -> Arc<TreeLoader> {
        Arc::new(TreeLoader { _source: source, _tag: tag })
    }
}

impl Tree {
    /// The tree stored as `root`. Reads that one blob; the others when they are first used.
    ///
    /// # Errors
    /// The root blob cannot be read or is not a tree's.
    pub fn load(_loader: &Arc<TreeLoader>, root: Hash) -> Result<Tree, BlobError> {
        Err(BlobError::Missing(root))
    }

    /// Why a stored part of this tree could not be read, if so: everything in it answers `EIO` since, and [`Tree::save`] refuses.
    pub fn fault(&self) -> Option<BlobError> {
        None
    }
}
