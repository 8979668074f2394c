//! An archive's members, read off a stream: ustar, pax and GNU headers made one, everything checked that can be without a tree.

use super::format::{BLOCK, USTAR, checksum, decimal, field, number, record, text, time};
use super::read::{ImportError, Problem};
use std::io::{BufRead as _, BufReader, Read};

/// Longest extended header, in bytes: names are far shorter, other records are of no interest.
const EXTENDED_MAX: u64 = 1 << 20;

/// Most pieces of a sparse file.
const PIECES_MAX: usize = 1 << 20;

/// Where a file has content: offsets and lengths.
pub(super) type Pieces = Vec<(u64, u64)>;

/// One member; its content, if it is a file, is still in the stream.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) path: Vec<u8>,
    pub(super) kind: MemberKind,
    pub(super) mode: u16,
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// Nanoseconds since 1970.
    pub(super) mtime: i64,
}

#[derive(Debug)]
pub(super) enum MemberKind {
    /// A file of `size` bytes; what is in none of the pieces, which are in order, is a hole.
    File {
        size: u64,
        pieces: Pieces,
    },
    Dir,
    Symlink(Vec<u8>),
    /// One more name for the member at this path.
    Link(Vec<u8>),
    Fifo,
}

/// What pax records and GNU's long names say of the next member.
#[derive(Clone, Default)]
struct Extended {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    uid: Option<u64>,
    gid: Option<u64>,
    mtime: Option<i64>,
    /// GNU's sparse format 1.0: the size with holes.
    sparse: Option<u64>,
    /// Its name: the other one is for programs that do not know the format.
    sparse_name: Option<Vec<u8>>,
    /// Another of GNU's sparse formats.
    is_other_sparse: bool,
}

/// The members of an archive.
pub(super) struct Members<'a> {
    input: BufReader<&'a mut dyn Read>,
    /// What holds for all members to come.
    global: Extended,
    /// Bytes of the last member's content that were not read, and of the padding after it.
    left: u64,
    padding: u64,
    /// The last member's path, for messages.
    last: Vec<u8>,
}

type Result<T> = std::result::Result<T, ImportError>;

impl<'a> Members<'a> {
    pub(super) fn new(input: &'a mut dyn Read) -> Members<'a> {
        let input = BufReader::with_capacity(64 * 1024, input);
        Members { input, global: Extended::default(), left: 0, padding: 0, last: Vec::new() }
    }

    /// The next member; the rest of the last one's content is skipped. `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Member>> {
        let mut extended = self.global.clone();
        loop {
            self.skip()?;
            let block = self.block()?;
            if block.iter().all(|byte| *byte == 0) {
                return Ok(None);
            }
            self.check(&block)?;
            let size = number(&block[field::SIZE]).and_then(|size| u64::try_from(size).ok());
            let size = size.ok_or_else(|| self.wrong(&block, Problem::Number("size")))?;
            match block[field::TYPE] {
                b'L' => extended.path = Some(self.long(&block, size)?),
                b'K' => extended.link = Some(self.long(&block, size)?),
                b'x' => self.pax(&block, size, &mut extended)?,
                b'g' => {
                    let mut global = std::mem::take(&mut self.global);
                    self.pax(&block, size, &mut global)?;
                    self.global = global.clone();
                    extended = global;
                }
                // A volume's label.
                b'V' => self.content(size),
                _ => return self.member(&block, size, extended).map(Some),
            }
        }
    }

    /// Reads all of `into` from the member's content.
    pub(super) fn read(&mut self, into: &mut [u8]) -> Result<()> {
        self.input.read_exact(into).map_err(|error| self.cut_off(error))?;
        self.left = self.left.saturating_sub(into.len() as u64);
        Ok(())
    }

    /// Reads what follows the end, so that who writes the archive into a pipe can.
    pub(super) fn finish(&mut self) {
        std::io::copy(&mut (&mut self.input).take(EXTENDED_MAX), &mut std::io::sink()).ok();
    }

    fn cut_off(&self, error: std::io::Error) -> ImportError {
        match error.kind() {
            std::io::ErrorKind::UnexpectedEof => ImportError::Truncated { after: self.last.clone() },
            _ => error.into(),
        }
    }

    fn block(&mut self) -> Result<[u8; BLOCK]> {
        let mut block = [0; BLOCK];
        self.input.read_exact(&mut block).map_err(|error| self.cut_off(error))?;
        Ok(block)
    }

    /// Notes that content of `size` bytes follows.
    fn content(&mut self, size: u64) {
        (self.left, self.padding) = (size, size.wrapping_neg() % BLOCK as u64);
    }

    /// Skips to the next header.
    fn skip(&mut self) -> Result<()> {
        for mut left in [std::mem::take(&mut self.left), std::mem::take(&mut self.padding)] {
            while left > 0 {
                let there = self.input.fill_buf()?.len();
                if there == 0 {
                    return Err(ImportError::Truncated { after: self.last.clone() });
                }
                let count = left.min(there as u64);
                self.input.consume(count as usize);
                left -= count;
            }
        }
        Ok(())
    }

    /// Whether it is a header at all.
    fn check(&self, block: &[u8; BLOCK]) -> Result<()> {
        let told = number(&block[field::CHECKSUM]);
        let sum = i64::from(checksum(block));
        // Some old programs took bytes for signed.
        let signed = sum - 256 * block.iter().filter(|byte| **byte >= 0x80).count() as i64;
        match told {
            Some(told) if told == sum || told == signed => Ok(()),
            _ if self.last.is_empty() => Err(ImportError::NotTar),
            _ => Err(ImportError::Header { after: self.last.clone() }),
        }
    }

    /// An error about the member of a header.
    fn wrong(&self, block: &[u8; BLOCK], what: Problem) -> ImportError {
        ImportError::Member { member: text(&block[field::NAME]).to_vec(), what }
    }

    /// The content of an extended header.
    fn extended(&mut self, block: &[u8; BLOCK], size: u64) -> Result<Vec<u8>> {
        if size > EXTENDED_MAX {
            return Err(self.wrong(block, Problem::Header));
        }
        self.content(size);
        let mut data = vec![0; size as usize];
        self.read(&mut data)?;
        Ok(data)
    }

    /// A long name.
    fn long(&mut self, block: &[u8; BLOCK], size: u64) -> Result<Vec<u8>> {
        let data = self.extended(block, size)?;
        let name = data.strip_suffix(b"\0").unwrap_or(&data);
        Ok(name.to_vec())
    }

    fn pax(&mut self, block: &[u8; BLOCK], size: u64, into: &mut Extended) -> Result<()> {
        let data = self.extended(block, size)?;
        let mut rest = &data[..];
        while !rest.is_empty() {
            let (key, value, next) = record(rest).ok_or_else(|| self.wrong(block, Problem::Header))?;
            into.set(key, value).map_err(|what| self.wrong(block, what))?;
            rest = next;
        }
        Ok(())
    }

    fn member(&mut self, block: &[u8; BLOCK], size: u64, extended: Extended) -> Result<Member> {
        let path = extended.sparse_name.clone().or(extended.path.clone()).unwrap_or_else(|| name(block));
        self.last.clone_from(&path);
        let fail = |what| ImportError::Member { member: path.clone(), what };
        let size = extended.size.unwrap_or(size);
        let link = || extended.link.clone().unwrap_or_else(|| text(&block[field::LINK]).to_vec());
        let kind = match block[field::TYPE] {
            // Before there was a type for them, directories were files with a slash.
            0 | b'0' | b'7' if path.ends_with(b"/") => {
                self.content(size);
                MemberKind::Dir
            }
            0 | b'0' | b'7' => {
                self.content(size);
                if extended.is_other_sparse {
                    return Err(fail(Problem::Sparse));
                }
                match extended.sparse {
                    Some(whole) => sparse(whole, self.map()?, self.left).map_err(fail)?,
                    None => MemberKind::File { size, pieces: vec![(0, size)] },
                }
            }
            b'S' => {
                let (whole, map) = self.old_map(block)?;
                self.content(size);
                sparse(whole, map, size).map_err(fail)?
            }
            b'1' => MemberKind::Link(link()),
            b'2' => MemberKind::Symlink(link()),
            b'5' => MemberKind::Dir,
            b'6' => MemberKind::Fifo,
            b'3' | b'4' => return Err(fail(Problem::Device)),
            other => return Err(fail(Problem::Type(other))),
        };
        let id = |told: Option<u64>, field: &[u8], what| {
            let id = told.or_else(|| number(field).and_then(|id| u64::try_from(id).ok()));
            id.and_then(|id| u32::try_from(id).ok()).ok_or_else(|| fail(Problem::Number(what)))
        };
        let mode = number(&block[field::MODE]).ok_or_else(|| fail(Problem::Number("mode")))?;
        let seconds = || Some(number(&block[field::MTIME])?.saturating_mul(1_000_000_000));
        let mtime = extended.mtime.or_else(seconds).ok_or_else(|| fail(Problem::Number("mtime")))?;
        let uid = id(extended.uid, &block[field::UID], "uid")?;
        let gid = id(extended.gid, &block[field::GID], "gid")?;
        Ok(Member { mode: (mode & 0o7777) as u16, uid, gid, mtime, kind, path })
    }

    /// The map before the content of a sparse file, format 1.0: the count, then offsets and lengths, a line each, in whole blocks.
    fn map(&mut self) -> Result<Option<Pieces>> {
        let (mut numbers, mut digits, mut count) = (Vec::new(), Vec::new(), None);
        while self.left >= BLOCK as u64 && count.is_none_or(|count| numbers.len() < count) {
            let mut block = [0; BLOCK];
            self.read(&mut block)?;
            for byte in block {
                if count.is_some_and(|count| numbers.len() == count) {
                    break;
                }
                if byte != b'\n' {
                    digits.push(byte);
                    continue;
                }
                let Some(number) = decimal(&digits) else { return Ok(None) };
                digits.clear();
                match count {
                    None if number > PIECES_MAX as u64 => return Ok(None),
                    None => count = Some(number as usize * 2),
                    Some(_) => numbers.push(number),
                }
            }
            if digits.len() > 20 {
                return Ok(None);
            }
        }
        let is_whole = count == Some(numbers.len());
        Ok(is_whole.then(|| numbers.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()))
    }

    /// The map of a sparse file in GNU's old format: the size with holes, and offsets and lengths in the header and the blocks after it.
    fn old_map(&mut self, block: &[u8; BLOCK]) -> Result<(u64, Option<Pieces>)> {
        let positive = |field: &[u8]| number(field).and_then(|number| u64::try_from(number).ok());
        let pair = |pair: &[u8]| positive(&pair[..12]).zip(positive(&pair[12..]));
        let pairs = |field: &[u8]| field.chunks_exact(24).filter(|pair| pair[0] != 0).map(pair).collect::<Vec<_>>();
        let mut map = pairs(&block[field::SPARSE]);
        let mut is_more = block[field::SPARSE_MORE] != 0;
        while is_more && map.len() <= PIECES_MAX {
            let block = self.block()?;
            map.extend(pairs(&block[field::MORE]));
            is_more = block[field::MORE_MORE] != 0;
        }
        let whole = positive(&block[field::SPARSE_SIZE]).filter(|_| !is_more);
        Ok((whole.unwrap_or(0), whole.and_then(|_| map.into_iter().collect())))
    }
}

impl Extended {
    /// Takes in a record; an empty value takes back an earlier one.
    fn set(&mut self, key: &[u8], value: &[u8]) -> std::result::Result<(), Problem> {
        let bytes = || (!value.is_empty()).then(|| value.to_vec());
        let number = |what| match value {
            b"" => Ok(None),
            _ => decimal(value).map(Some).ok_or(Problem::Number(what)),
        };
        match key {
            b"path" => self.path = bytes(),
            b"GNU.sparse.name" => self.sparse_name = bytes(),
            b"linkpath" => self.link = bytes(),
            b"size" => self.size = number("size")?,
            b"uid" => self.uid = number("uid")?,
            b"gid" => self.gid = number("gid")?,
            b"mtime" if value.is_empty() => self.mtime = None,
            b"mtime" => self.mtime = Some(time(value).ok_or(Problem::Number("mtime"))?),
            b"GNU.sparse.major" => self.is_other_sparse |= value != b"1",
            b"GNU.sparse.minor" => self.is_other_sparse |= value != b"0",
            b"GNU.sparse.realsize" => self.sparse = number("GNU.sparse.realsize")?,
            b"GNU.sparse.map" | b"GNU.sparse.size" => self.is_other_sparse = true,
            _ => {}
        }
        Ok(())
    }
}

/// The name in a header.
fn name(block: &[u8; BLOCK]) -> Vec<u8> {
    let name = text(&block[field::NAME]);
    let prefix = text(&block[field::PREFIX]);
    if block[field::MAGIC][..6] == USTAR[..6] && !prefix.is_empty() {
        [prefix, b"/", name].concat()
    } else {
        name.to_vec()
    }
}

/// A sparse file, if its map is in order and takes exactly the `stored` bytes.
fn sparse(size: u64, map: Option<Pieces>, stored: u64) -> std::result::Result<MemberKind, Problem> {
    let pieces = map.ok_or(Problem::Sparse)?;
    let (mut end, mut sum) = (0, 0u64);
    for (offset, length) in &pieces {
        let piece_end = offset.checked_add(*length).ok_or(Problem::Sparse)?;
        if *offset < end || piece_end > size {
            return Err(Problem::Sparse);
        }
        (end, sum) = (piece_end, sum + length);
    }
    if sum == stored { Ok(MemberKind::File { size, pieces }) } else { Err(Problem::Sparse) }
}
