//! Leases and pins: who may change a container, and what must not be collected.

use super::Fence;
use crate::base::Hash;

/// The right to change a container, given up when dropped.
#[derive(Debug)]
pub struct Lease {
    fence: Fence,
}

impl Lease {
    /// What commits made under it carry.
    pub fn fence(&self) -> Fence {
        self.fence.clone()
    }

    /// Whether somebody else asks for it.
    pub fn is_wanted(&self) -> bool {
        false
    }

    /// Waits until somebody else asks for it.
    pub async fn wanted(&self) {}

    /// Whether it is known to have been taken over. (A commit finds out in any case.)
    pub fn is_lost(&self) -> bool {
        false
    }

    /// Gives it up and waits until that is known to others. Dropping it does the same without waiting.
    pub async fn release(self) {}
}

/// Keeps a root and all it leads to from the collector while it lives.
#[derive(Debug)]
pub struct Pin {
    root: Hash,
}

impl Pin {
    /// What it keeps.
    pub fn root(&self) -> Hash {
        self.root
    }
}
