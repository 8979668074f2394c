//! Memory of a sandbox: one budget shared by all its processes, charged when a linear memory or table grows.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::base::{Exceeded, Limit};

/// Largest table of one process, in elements. A table of functions is bounded by the module's size anyway.
const TABLE_ELEMENTS_MAX: usize = 20_000;

/// The linear memory that a sandbox's live processes use together, in bytes.
#[derive(Debug)]
pub struct MemoryBudget {
    limit: usize,
    used: AtomicUsize,
    peak: AtomicUsize,
}

impl MemoryBudget {
    /// A budget of `limit` bytes, all free.
    pub fn new(limit: u64) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        MemoryBudget { limit, used: AtomicUsize::new(0), peak: AtomicUsize::new(0) }
    }

    /// Highest use since the last [`MemoryBudget::reset_peak`], in bytes.
    pub fn peak(&self) -> u64 {
        self.peak.load(Ordering::Relaxed) as u64
    }

    /// Starts a new peak measurement from what is in use now.
    pub fn reset_peak(&self) {
        self.peak.store(self.used.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// In use now, in bytes.
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed) as u64
    }

    /// Takes memory that is not a guest's own (pipes), or with a negative number gives it back. `false`: there is not that much left.
    pub fn charge(&self, bytes: i64) -> bool {
        let size = usize::try_from(bytes.unsigned_abs()).unwrap_or(usize::MAX);
        if bytes < 0 {
            self.give(size);
            return true;
        }
        self.take(size).is_ok()
    }

    fn take(&self, bytes: usize) -> Result<(), Exceeded> {
        let before = self.used.fetch_add(bytes, Ordering::Relaxed);
        let after = before.saturating_add(bytes);
        if after > self.limit {
            self.give(bytes);
            return Err(Exceeded { limit: Limit::Memory, value: self.limit as u64, used: after as u64 });
        }
        self.peak.fetch_max(after, Ordering::Relaxed);
        Ok(())
    }

    fn give(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// One process's share of its sandbox's [`MemoryBudget`]; given back when dropped.
#[derive(Debug)]
pub struct MemoryLimiter {
    budget: Arc<MemoryBudget>,
    held: usize,
    refused: Option<Exceeded>,
}

impl MemoryLimiter {
    /// A process that holds nothing yet.
    pub fn new(budget: Arc<MemoryBudget>) -> Self {
        MemoryLimiter { budget, held: 0, refused: None }
    }

    /// Bytes of linear memory this process holds. Linear memory never shrinks, so this is its peak too.
    pub fn held(&self) -> u64 {
        self.held as u64
    }

    /// The growth that was refused, if one was. The heap of a program's exceptions cannot grow then without [`MemoryExceeded`] being
    /// raised: it traps otherwise.
    pub fn refused(&self) -> Option<Exceeded> {
        self.refused
    }
}

impl Drop for MemoryLimiter {
    fn drop(&mut self) {
        self.budget.give(self.held);
    }
}

/// Raised by a growth over the sandbox's budget: it ends the exec, with the limit named.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct MemoryExceeded(pub Exceeded);

impl wasmtime::ResourceLimiter for MemoryLimiter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|max| desired > max) {
            return Ok(false);
        }
        let more = desired.saturating_sub(current);
        if let Err(exceeded) = self.budget.take(more) {
            self.refused = Some(exceeded);
            return Err(wasmtime::Error::new(MemoryExceeded(exceeded)));
        }
        self.held += more;
        Ok(true)
    }

    fn table_growing(&mut self, _: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= maximum.unwrap_or(TABLE_ELEMENTS_MAX).min(TABLE_ELEMENTS_MAX))
    }

    fn instances(&self) -> usize {
        1
    }

    fn tables(&self) -> usize {
        1
    }

    fn memories(&self) -> usize {
        // One linear memory and, for modules that throw, the garbage-collected heap of their exceptions.
        2
    }
}
