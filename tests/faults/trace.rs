//! What the shim saw: the changes a child process made below the watched directory, in order, with what it acknowledged in between.

use std::path::Path;

/// One record of the trace (`shim.c` says what each is). Paths are relative to the watched directory, which itself is "".
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    Create {
        path: String,
        inode: u64,
    },
    Open {
        path: String,
        inode: u64,
    },
    Truncate {
        inode: u64,
        len: u64,
    },
    Write {
        inode: u64,
        offset: u64,
        data: Vec<u8>,
    },
    Sync {
        inode: u64,
    },
    SyncDir {
        path: String,
    },
    Rename {
        from: String,
        to: String,
    },
    Link {
        from: String,
        to: String,
    },
    Unlink {
        path: String,
    },
    MakeDir {
        path: String,
    },
    RemoveDir {
        path: String,
    },
    /// What the program said: it knows that everything before is to stay.
    Ack(String),
}

impl Op {
    /// What it does, without all its data.
    pub fn brief(&self) -> String {
        match self {
            Op::Write { inode, offset, data } => format!("Write of {} bytes at {offset} of inode {inode}", data.len()),
            other => format!("{other:?}"),
        }
    }
}

/// Reads a trace.
pub fn read(path: &Path) -> Vec<Op> {
    let bytes = std::fs::read(path).expect("the shim wrote a trace");
    let mut rest = bytes.as_slice();
    let mut ops = Vec::new();
    while let Some((op, left)) = record(rest) {
        ops.push(op);
        rest = left;
    }
    assert!(rest.is_empty(), "the last record of the trace is cut off");
    ops
}

fn record(bytes: &[u8]) -> Option<(Op, &[u8])> {
    const HEAD: usize = 40;
    let number = |at: usize, len: usize| {
        let mut le = [0; 8];
        le[..len].copy_from_slice(bytes.get(at..at + len)?);
        Some(u64::from_le_bytes(le))
    };
    let (path, path2, data) = (number(4, 4)? as usize, number(8, 4)? as usize, number(32, 8)? as usize);
    let (inode, offset) = (number(16, 8)?, number(24, 8)?);
    let body = bytes.get(HEAD..HEAD + path + path2 + data)?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (path, path2, data) = (text(&body[..path]), text(&body[path..path + path2]), &body[path + path2..]);
    let op = match bytes[0] {
        b'C' => Op::Create { path, inode },
        b'O' => Op::Open { path, inode },
        b'T' => Op::Truncate { inode, len: offset },
        b'W' => Op::Write { inode, offset, data: data.to_vec() },
        b'S' => Op::Sync { inode },
        b'D' => Op::SyncDir { path },
        b'R' => Op::Rename { from: path, to: path2 },
        b'L' => Op::Link { from: path, to: path2 },
        b'U' => Op::Unlink { path },
        b'M' => Op::MakeDir { path },
        b'X' => Op::RemoveDir { path },
        b'A' => Op::Ack(text(data)),
        other => panic!("the trace is damaged: operation {other}"),
    };
    Some((op, &bytes[HEAD + body.len()..]))
}
