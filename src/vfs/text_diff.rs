//! The unified text diff of one path between two trees, bounded in size and time.

use super::{FileSystem as _, Kind, Tree, TreeFs};
use crate::base::{BlobError, Errno, Sys};
use std::io::{self, Write};

/// How much [`unified`] looks at and answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TextLimits {
    /// Largest file compared, in bytes.
    pub file_bytes: u64,
    /// Most lines of a file compared.
    pub lines: usize,
    /// Largest diff, in bytes.
    pub output_bytes: usize,
    /// Unchanged lines shown around a change.
    pub context: usize,
}

impl Default for TextLimits {
    fn default() -> Self {
        TextLimits { file_bytes: 1 << 20, lines: 20_000, output_bytes: 1 << 20, context: 3 }
    }
}

/// How the text at a path differs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TextDiff {
    /// A unified diff with git's headers; empty if the text is the same, or neither tree has a file or symlink there.
    Text(Vec<u8>),
    /// One of the files is not text.
    Binary,
    /// A file, or the diff, is beyond [`TextLimits`].
    TooLarge,
}

/// How the file at `path` differs between two trees. A symlink's text is its target; it is not followed.
///
/// # Errors
/// A stored part of a tree cannot be read.
pub fn unified(old: &Tree, new: &Tree, path: &[u8], limits: &TextLimits) -> Result<TextDiff, BlobError> {
    let (mut a, mut b) = (TreeFs::unbounded(old), TreeFs::unbounded(new));
    let texts = (text(&mut a, path, limits), text(&mut b, path, limits));
    if let Some(fault) = a.fault().or_else(|| b.fault()) {
        return Err(fault);
    }
    Ok(match texts {
        (Ok(a), Ok(b)) => compare(path, a.as_deref(), b.as_deref(), limits),
        _ => TextDiff::TooLarge,
    })
}

/// What is at a path as text; `FBig` if that is too much.
fn text(tree: &mut TreeFs, path: &[u8], limits: &TextLimits) -> Sys<Option<Vec<u8>>> {
    match tree.at(path)? {
        Some((node, attr)) if attr.kind == Kind::File => {
            if attr.size > limits.file_bytes {
                return Err(Errno::FBig);
            }
            let mut content = vec![0; attr.size as usize];
            tree.read_at(node, 0, &mut content)?;
            Ok(Some(content))
        }
        Some((node, attr)) if attr.kind == Kind::Symlink => tree.readlink(node).map(Some),
        _ => Ok(None),
    }
}

fn compare(path: &[u8], old: Option<&[u8]>, new: Option<&[u8]>, limits: &TextLimits) -> TextDiff {
    let (a, b) = (old.unwrap_or_default(), new.unwrap_or_default());
    if old == new {
        return TextDiff::Text(Vec::new());
    }
    if a.contains(&0) || b.contains(&0) {
        return TextDiff::Binary;
    }
    let lines = |text: &[u8]| text.iter().filter(|byte| **byte == b'\n').count();
    if lines(a).max(lines(b)) > limits.lines {
        return TextDiff::TooLarge;
    }
    let mut into = Bounded { text: Vec::new(), room: limits.output_bytes };
    let written = header(&mut into, path, old.is_some(), new.is_some()).and_then(|()| {
        let diff = similar::TextDiff::configure().diff_lines(a, b);
        diff.unified_diff().context_radius(limits.context).to_writer(&mut into)
    });
    if written.is_ok() { TextDiff::Text(into.text) } else { TextDiff::TooLarge }
}

/// The two lines that name the file, as git writes them.
fn header(into: &mut Bounded, path: &[u8], was: bool, is: bool) -> io::Result<()> {
    for (mark, side, is_there) in [("---", b'a', was), ("+++", b'b', is)] {
        let name = if is_there { quoted(&[&[side], path].concat()) } else { b"/dev/null".to_vec() };
        into.write_all(&[mark.as_bytes(), b" ", &name, b"\n"].concat())?;
    }
    Ok(())
}

/// A name as git writes it: in quotes, with octal escapes, if it could be taken for something else.
fn quoted(name: &[u8]) -> Vec<u8> {
    let is_plain = |byte: &u8| *byte >= b' ' && !matches!(byte, b'"' | b'\\' | 0x7f);
    if name.iter().all(is_plain) {
        return name.to_vec();
    }
    let mut text = vec![b'"'];
    for byte in name {
        match byte {
            b'"' | b'\\' => text.extend([b'\\', *byte]),
            byte if is_plain(byte) => text.push(*byte),
            byte => text.extend(format!("\\{byte:03o}").bytes()),
        }
    }
    text.push(b'"');
    text
}

/// Text that must not grow beyond a bound.
struct Bounded {
    text: Vec<u8>,
    room: usize,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.room = self.room.checked_sub(bytes.len()).ok_or(io::ErrorKind::FileTooLarge)?;
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
