//! Cookies for a directory that has none to offer: the names met so far, numbered.
//!
//! Each reading from the start brings the numbers up to date: a name that stays keeps its number, a new one gets a higher
//! one. Reading goes downwards, so that readings of one directory disturb each other no more than its changes do.

use crate::vfs::types::{DirEntry, Kind, NodeId};
use std::collections::{BTreeMap, HashMap};

/// One name as the host lists it.
pub(super) struct Listed {
    pub(super) name: Vec<u8>,
    pub(super) ino: u64,
    pub(super) kind: Kind,
}

/// The numbered names of one directory.
#[derive(Default)]
pub(super) struct Listing {
    last: u64,
    entries: BTreeMap<u64, Listed>,
}

impl Listing {
    /// Takes over what the host lists now.
    pub(super) fn refresh(&mut self, mut listed: Vec<Listed>) {
        let mut numbers: HashMap<Vec<u8>, u64> =
            std::mem::take(&mut self.entries).into_iter().map(|(number, entry)| (entry.name, number)).collect();
        // Downwards in number is upwards in name.
        listed.sort_by(|a, b| b.name.cmp(&a.name));
        for entry in listed {
            let number = numbers.remove(&entry.name).unwrap_or_else(|| {
                self.last += 1;
                self.last
            });
            self.entries.insert(number, entry);
        }
    }

    /// Hands out the entries after `cookie`; 0 is the start.
    pub(super) fn read(&self, cookie: u64, sink: &mut dyn FnMut(DirEntry) -> bool) {
        let end = if cookie == 0 { u64::MAX } else { cookie };
        for (number, entry) in self.entries.range(..end).rev() {
            let Listed { name, ino, kind } = entry;
            if !sink(DirEntry { name: name.clone(), node: NodeId(0), ino: *ino, kind: *kind, next: *number }) {
                break;
            }
        }
    }
}
