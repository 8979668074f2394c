//! ZIP archives, as far as skills need them: reading stored and deflated members within limits, writing stored ones.

use super::inflate::inflate;

const END: u32 = 0x0605_4b50;
const ENTRY: u32 = 0x0201_4b50;
const LOCAL: u32 = 0x0403_4b50;

/// Bytes of the three headers without names and comments.
const END_BYTES: usize = 22;
const ENTRY_BYTES: usize = 46;
const LOCAL_BYTES: usize = 30;

/// What an archive may hold.
pub(super) struct Limits {
    pub members: usize,
    /// Of each member, unpacked.
    pub member_bytes: usize,
    /// Of all together, unpacked.
    pub bytes: usize,
}

/// A file of an archive.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Member {
    /// Its name as it is in the archive: never to be used unchecked.
    pub name: String,
    pub content: Vec<u8>,
}

/// Reads the files of an archive; directories are left out. Says what is wrong with it.
pub(super) fn read(archive: &[u8], limits: &Limits) -> Result<Vec<Member>, String> {
    let end = find_end(archive).ok_or("it is not a ZIP archive")?;
    let (count, start) = (u16_at(archive, end + 10)?, u32_at(archive, end + 16)? as usize);
    let (mut at, mut members, mut left) = (start, Vec::new(), limits.bytes);
    for _ in 0..count {
        if u32_at(archive, at)? != ENTRY {
            return Err("its directory is damaged".into());
        }
        let entry = Entry::read(archive, at)?;
        at += ENTRY_BYTES + entry.header_bytes;
        if entry.name.ends_with('/') {
            continue;
        }
        if members.len() >= limits.members {
            return Err(format!("it has more than {} files", limits.members));
        }
        if entry.is_link {
            return Err(format!("{} is a symbolic link", shown(&entry.name)));
        }
        if entry.size > limits.member_bytes {
            return Err(format!("{} has more than {} bytes", shown(&entry.name), limits.member_bytes));
        }
        left = left
            .checked_sub(entry.size)
            .ok_or_else(|| format!("its files have more than {} bytes together", limits.bytes))?;
        let content = entry.content(archive)?;
        members.push(Member { name: entry.name, content });
    }
    Ok(members)
}

/// Where the end record is: the last place that looks like one and whose comment reaches just to the end.
fn find_end(archive: &[u8]) -> Option<usize> {
    let last = archive.len().checked_sub(END_BYTES)?;
    let first = last.saturating_sub(usize::from(u16::MAX));
    (first..=last).rev().find(|&at| {
        let comment = u16_at(archive, at + 20).map_or(usize::MAX, usize::from);
        u32_at(archive, at) == Ok(END) && at + END_BYTES + comment == archive.len()
    })
}

/// What the directory says of a member.
struct Entry {
    name: String,
    /// Bytes of name, extra fields and comment in the directory.
    header_bytes: usize,
    method: u16,
    crc: u32,
    packed: usize,
    size: usize,
    local: usize,
    is_link: bool,
}

impl Entry {
    fn read(archive: &[u8], at: usize) -> Result<Entry, String> {
        let half = |offset| u16_at(archive, at + offset);
        let word = |offset| u32_at(archive, at + offset);
        let name_bytes = usize::from(half(28)?);
        let name = slice(archive, at + ENTRY_BYTES, name_bytes)?;
        if half(8)? & 1 != 0 {
            return Err("it is encrypted".into());
        }
        let (packed, size, local) = (word(20)?, word(24)?, word(42)?);
        if [packed, size, local].contains(&u32::MAX) {
            return Err("it is a ZIP64 archive, which is not supported".into());
        }
        Ok(Entry {
            name: String::from_utf8(name.to_vec()).map_err(|_| "a file name is not UTF-8")?,
            header_bytes: name_bytes + usize::from(half(30)?) + usize::from(half(32)?),
            method: half(10)?,
            crc: word(16)?,
            packed: packed as usize,
            size: size as usize,
            local: local as usize,
            // Made on Unix, and its mode says so.
            is_link: half(4)? >> 8 == 3 && (word(38)? >> 16) & 0o170_000 == 0o120_000,
        })
    }

    fn content(&self, archive: &[u8]) -> Result<Vec<u8>, String> {
        let wrong = |why: &str| format!("{} {why}", shown(&self.name));
        if u32_at(archive, self.local)? != LOCAL {
            return Err(wrong("is damaged"));
        }
        let names = usize::from(u16_at(archive, self.local + 26)?) + usize::from(u16_at(archive, self.local + 28)?);
        let packed = slice(archive, self.local + LOCAL_BYTES + names, self.packed)?;
        let content = match self.method {
            0 => packed.to_vec(),
            8 => inflate(packed, self.size).ok_or_else(|| wrong("is damaged"))?,
            _ => return Err(wrong("is packed in an unsupported way")),
        };
        if content.len() != self.size || crc32(&content) != self.crc {
            return Err(wrong("is damaged"));
        }
        Ok(content)
    }
}

/// An archive of stored files, the same for the same files.
pub(super) fn write<'a>(members: impl Iterator<Item = (&'a str, &'a [u8])>) -> Vec<u8> {
    /// 1980-01-01, the first day there is.
    const DAY: u16 = 0x21;
    let (mut archive, mut directory, mut count) = (Vec::new(), Vec::new(), 0u16);
    for (name, content) in members {
        let local = archive.len() as u32;
        let mut header = Vec::with_capacity(26);
        // Version 2.0; names are UTF-8; stored.
        for half in [20, 1 << 11, 0, 0, DAY] {
            header.extend(u16::to_le_bytes(half));
        }
        let size = content.len() as u32;
        for word in [crc32(content), size, size] {
            header.extend(word.to_le_bytes());
        }
        header.extend((name.len() as u16).to_le_bytes());
        header.extend([0; 2]);
        archive.extend(LOCAL.to_le_bytes());
        archive.extend(&header);
        archive.extend(name.bytes());
        archive.extend(content);
        directory.extend(ENTRY.to_le_bytes());
        directory.extend([20, 3]);
        directory.extend(&header);
        directory.extend([0; 6]);
        directory.extend((0o100_644u32 << 16).to_le_bytes());
        directory.extend(local.to_le_bytes());
        directory.extend(name.bytes());
        count += 1;
    }
    let start = archive.len() as u32;
    archive.extend(&directory);
    archive.extend(END.to_le_bytes());
    archive.extend([0; 4]);
    archive.extend([count.to_le_bytes(), count.to_le_bytes()].concat());
    archive.extend((directory.len() as u32).to_le_bytes());
    archive.extend(start.to_le_bytes());
    archive.extend([0; 2]);
    archive
}

fn slice(bytes: &[u8], at: usize, length: usize) -> Result<&[u8], String> {
    let end = at.checked_add(length);
    end.and_then(|end| bytes.get(at..end)).ok_or_else(|| "it ends early".to_owned())
}

fn u16_at(bytes: &[u8], at: usize) -> Result<u16, String> {
    slice(bytes, at, 2).map(|b| u16::from_le_bytes([b[0], b[1]]))
}

fn u32_at(bytes: &[u8], at: usize) -> Result<u32, String> {
    slice(bytes, at, 4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
}

fn shown(name: &str) -> String {
    name.chars().take(100).collect()
}

/// The checksum of ZIP.
fn crc32(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut n = 0;
        while n < 256 {
            let (mut value, mut bit) = (n as u32, 0);
            while bit < 8 {
                value = if value & 1 == 1 { 0xedb8_8320 ^ (value >> 1) } else { value >> 1 };
                bit += 1;
            }
            table[n] = value;
            n += 1;
        }
        table
    };
    !bytes.iter().fold(!0, |crc, byte| TABLE[((crc ^ u32::from(*byte)) & 0xff) as usize] ^ (crc >> 8))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { members: 3, member_bytes: 1000, bytes: 1500 };

    fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
        write(members.iter().copied())
    }

    #[test]
    fn what_is_written_is_read() {
        let members: [(&str, &[u8]); 3] = [("a/b.txt", b"hello"), ("a/\u{e9}", b""), ("c", &[7; 1000])];
        let read = read(&archive(&members), &LIMITS).expect("it is good");
        let read: Vec<_> = read.iter().map(|m| (m.name.as_str(), &m.content[..])).collect();
        assert_eq!(read, members);
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn deflated_members_are_read() {
        // Made by Python's zipfile.
        let deflated: [u8; 111] = [
            80, 75, 3, 4, 20, 0, 0, 0, 8, 0, 0, 0, 33, 0, 0, 136, 89, 11, 11, 0, 0, 0, 24, 0, 0, 0, 1, 0, 0, 0, 120,
            203, 72, 205, 201, 201, 87, 200, 64, 39, 185, 0, 80, 75, 1, 2, 20, 3, 20, 0, 0, 0, 8, 0, 0, 0, 33, 0, 0,
            136, 89, 11, 11, 0, 0, 0, 24, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 164, 129, 0, 0, 0, 0, 120, 80,
            75, 5, 6, 0, 0, 0, 0, 1, 0, 1, 0, 47, 0, 0, 0, 42, 0, 0, 0, 0, 0,
        ];
        let expected = Member { name: "x".into(), content: b"hello hello hello hello\n".to_vec() };
        assert_eq!(read(&deflated, &LIMITS), Ok(vec![expected]));
    }

    #[test]
    fn what_is_too_much_or_damaged_is_refused() {
        let many = [("a", &b""[..]), ("b", b""), ("c", b""), ("d", b"")];
        assert!(read(&archive(&many), &LIMITS).expect_err("four").contains("more than 3"));
        assert!(read(&archive(&[("a", &[0; 1001])]), &LIMITS).is_err());
        assert!(read(&archive(&[("a", &[0; 900]), ("b", &[0; 900])]), &LIMITS).is_err());
        assert!(read(b"", &LIMITS).is_err());
        assert!(read(b"PK", &LIMITS).is_err());
        let good = archive(&[("a", b"hello"), ("b", b"world")]);
        for at in 0..good.len() {
            for flip in [1, 0x80, 0xff] {
                let mut bad = good.clone();
                bad[at] ^= flip;
                // Whatever it says, it is said in bounded time and memory, and contents that are not whole are not given.
                if let Ok(members) = read(&bad, &LIMITS) {
                    assert!(members.iter().all(|m| [&b"hello"[..], b"world"].contains(&&m.content[..])));
                }
            }
            assert!(read(&good[..at], &LIMITS).is_err());
        }
    }
}
