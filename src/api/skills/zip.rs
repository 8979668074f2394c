//! ZIP archives, as skills come and go in: read within limits, and written.

use std::io::{self, Read, Write as _};

use flate2::Compression;
use flate2::bufread::DeflateDecoder;
use flate2::write::DeflateEncoder;
use rawzip::{CompressionMethod, ZipArchive, ZipArchiveWriter, ZipSliceEntry};

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
    let archive = ZipArchive::from_slice(archive).map_err(|why| format!("it is not a ZIP archive: {why}"))?;
    let (mut entries, mut count, mut members, mut left) = (archive.entries(), 0, Vec::new(), limits.bytes);
    while let Some(entry) = entries.next_entry().map_err(|why| format!("its directory is damaged: {why}"))? {
        count += 1;
        if entry.is_dir() {
            continue;
        }
        let name = str::from_utf8(entry.file_path().as_bytes()).map_err(|_| "a file name is not UTF-8")?.to_owned();
        let wrong = |why: &str| format!("{} {why}", name.chars().take(100).collect::<String>());
        if members.len() >= limits.members {
            return Err(format!("it has more than {} files", limits.members));
        }
        if entry.mode().is_symlink() {
            return Err(wrong("is a symbolic link"));
        }
        if entry.flags().is_encrypted() {
            return Err(wrong("is encrypted"));
        }
        let packed = archive.get_entry(entry.wayfinder()).map_err(|why| wrong(&format!("is damaged: {why}")))?;
        // What the directory says of sizes is not believed: as much is unpacked as there may be, and one byte to tell by.
        let most = limits.member_bytes.min(left);
        let content =
            unpack(&packed, entry.compression_method(), most).map_err(|why| wrong(&format!("is damaged: {why}")))?;
        let content = content.ok_or_else(|| wrong("is packed in an unsupported way"))?;
        if content.len() > limits.member_bytes {
            return Err(wrong(&format!("has more than {} bytes", limits.member_bytes)));
        }
        left = left
            .checked_sub(content.len())
            .ok_or_else(|| format!("its files have more than {} bytes together", limits.bytes))?;
        members.push(Member { name, content });
    }
    match count == archive.entries_hint() {
        true => Ok(members),
        false => Err("its directory is damaged".into()),
    }
}

/// A member's content, or as much of a longer one as is more than `most`; `None` if it is packed in another way than ours.
fn unpack(packed: &ZipSliceEntry<'_>, method: CompressionMethod, most: usize) -> io::Result<Option<Vec<u8>>> {
    let mut content = Vec::new();
    let most = most as u64 + 1;
    match method {
        CompressionMethod::STORE => packed.verifying_reader(packed.data()).take(most).read_to_end(&mut content)?,
        CompressionMethod::DEFLATE => {
            packed.verifying_reader(DeflateDecoder::new(packed.data())).take(most).read_to_end(&mut content)?
        }
        _ => return Ok(None),
    };
    Ok(Some(content))
}

/// An archive of files, the same for the same files.
///
/// # Errors
/// A name is longer than archives can hold.
pub(super) fn write<'a>(members: impl Iterator<Item = (&'a str, &'a [u8])>) -> Result<Vec<u8>, rawzip::Error> {
    let mut bytes = Vec::new();
    let mut archive = ZipArchiveWriter::new(&mut bytes);
    for (name, content) in members {
        let file = archive.new_file(name).compression_method(CompressionMethod::DEFLATE).unix_permissions(0o644);
        let (mut entry, config) = file.start()?;
        let mut writer = config.wrap(DeflateEncoder::new(&mut entry, Compression::default()));
        writer.write_all(content)?;
        let (encoder, descriptor) = writer.finish()?;
        encoder.finish()?;
        entry.finish(descriptor)?;
    }
    archive.finish()?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { members: 3, member_bytes: 1000, bytes: 1500 };

    fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
        write(members.iter().copied()).expect("names are short")
    }

    #[test]
    fn what_is_written_is_read() {
        let members: [(&str, &[u8]); 3] = [("a/b.txt", b"hello"), ("a/\u{e9}", b""), ("c", &[7; 1000])];
        let read = read(&archive(&members), &LIMITS).expect("it is good");
        let read: Vec<_> = read.iter().map(|m| (m.name.as_str(), &m.content[..])).collect();
        assert_eq!(read, members);
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
