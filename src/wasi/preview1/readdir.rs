//! Listing a directory into a guest's buffer.

use super::super::abi;
use super::super::call::{Answer, Call};
use crate::vfs::DirEntry;

/// Fills a buffer with `dirent` headers and names, as much as fits.
///
/// An entry that does not fit is cut off, so a full buffer tells the guest that there is more; it asks again with the last whole
/// entry's cookie.
struct Filler<'a> {
    buffer: &'a mut [u8],
    used: usize,
}

impl Filler<'_> {
    fn put(&mut self, bytes: &[u8]) {
        let room = self.buffer.get_mut(self.used..).unwrap_or_default();
        let fits = room.len().min(bytes.len());
        let (room, _) = room.split_at_mut(fits);
        room.copy_from_slice(bytes.get(..fits).unwrap_or_default());
        self.used += fits;
    }

    fn entry(&mut self, entry: &DirEntry) -> bool {
        self.put(&abi::dirent(entry.next, entry.ino, entry.name.len(), entry.kind).0);
        self.put(&entry.name);
        self.used < self.buffer.len()
    }
}

pub(super) fn readdir(call: &mut Call<'_>, fd: i32, ptr: u32, len: u32, cookie: u64, out: u32) -> Answer {
    call.memory.check(out, 4)?;
    let pid = call.guest.pid;
    let mut filler = Filler { buffer: call.memory.bytes_mut(ptr, len)?, used: 0 };
    call.guest.lock().readdir(pid, fd, cookie, &mut |entry| filler.entry(&entry))?;
    let used = filler.used;
    // An entry costs far more than copying it does.
    call.charge(used * 64);
    call.memory.write_u32(out, used as u32)?;
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vfs::{Kind, NodeId};

    fn entry(name: &str) -> DirEntry {
        DirEntry { name: name.into(), node: NodeId(1), ino: 7, kind: Kind::File, next: 9 }
    }

    #[test]
    fn a_buffer_is_filled_to_its_end() {
        for len in 0..64 {
            let mut buffer = vec![0xff; len];
            let mut filler = Filler { buffer: &mut buffer, used: 0 };
            let more = filler.entry(&entry("name"));
            assert_eq!(filler.used, len.min(28));
            assert_eq!(more, len > 28, "{len}");
            assert!(buffer.iter().skip(28).all(|&b| b == 0xff));
        }
    }

    #[test]
    fn an_entry_has_header_and_name() {
        let mut buffer = [0; 64];
        let mut filler = Filler { buffer: &mut buffer, used: 0 };
        filler.entry(&entry("name"));
        assert_eq!(buffer[0], 9);
        assert_eq!(buffer[8], 7);
        assert_eq!((buffer[16], buffer[20]), (4, 4));
        assert_eq!(&buffer[24..28], b"name");
    }
}
