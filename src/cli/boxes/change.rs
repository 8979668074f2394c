//! States compared, kept and changed: snapshot, fork, diff, merge, restore, proposals.

use anyhow::Result;
use serde_json::{Value, json};

use super::args::DiffArgs;
use super::{Boxes, list, settings};
use crate::cli::format::{self, Cell, Style, Table, paint, styled};
use crate::cli::{UsageError, output};
use crate::container::{Create, Difference, Origin, Ref, Retention};
use crate::storage::LogRecord;
use crate::vfs::{ChangeKind, Conflict, FileChange, FileState, Kind, TextDiff, TextLimits};

/// `box snapshot`.
pub fn snapshot(boxes: &Boxes, name: &str, snapshot: Option<&str>) -> Result<()> {
    let taken = boxes.wait(boxes.containers.snapshot(name, snapshot))?;
    boxes.answer(&taken, &taken.id)
}

/// `box fork`: with the settings of the box it is forked from.
pub fn fork(boxes: &Boxes, from: &Ref, name: Option<&str>) -> Result<()> {
    let settings = settings::of(boxes, from)?;
    let create =
        Create { name: name.map(Into::into), from: Origin::State(from.clone()), settings, ..Create::default() };
    let made = boxes.wait(boxes.containers.create(create))?;
    boxes.answer(&made, &made.id)
}

/// `box merge`.
pub fn merge(boxes: &Boxes, name: &str, from: &Ref) -> Result<()> {
    let entry = boxes.wait(boxes.containers.merge(name, from))?;
    landed(boxes, &entry)
}

/// `box restore`.
pub fn restore(boxes: &Boxes, name: &str, from: &Ref) -> Result<()> {
    let entry = boxes.wait(boxes.containers.restore(name, from))?;
    landed(boxes, &entry)
}

/// `box apply`.
pub fn apply(boxes: &Boxes, id: &str) -> Result<()> {
    let entry = boxes.wait(boxes.containers.apply(id))?;
    landed(boxes, &entry)
}

/// `box discard`.
pub fn discard(boxes: &Boxes, id: &str) -> Result<()> {
    let dropped = boxes.wait(boxes.containers.discard(id))?;
    boxes.answer(&dropped, &dropped.id)
}

/// Answers with the state that a log entry left: `NAME@SEQ`.
pub fn landed(boxes: &Boxes, entry: &LogRecord) -> Result<()> {
    let name = list::name_of(boxes, &entry.container);
    boxes.answer(entry, &Ref::At(name, entry.seq).to_string())
}

/// `box prune`.
pub fn prune(boxes: &Boxes, name: &str, keep: u64) -> Result<()> {
    let keep = Retention { entries: keep, age: None };
    let removed = boxes.wait(boxes.containers.prune(name, &keep))?;
    boxes.answer(&json!({ "removed": removed }), &format!("{removed} entries forgotten"))
}

/// Prints what differs at and below a path: a line each, then the texts' diffs.
pub fn review(difference: &Difference, dir: &[u8]) -> Result<Vec<FileChange>> {
    let mut changes = difference.changes()?;
    changes.retain(|change| is_below(&change.path, dir));
    output::table(table(&changes))?;
    changes.iter().try_for_each(|change| show_text(difference, change))?;
    Ok(changes)
}

/// `box diff`.
pub fn diff(boxes: &Boxes, args: &DiffArgs) -> Result<()> {
    let difference = match (&args.old, &args.new) {
        (old, Some(new)) => boxes.wait(boxes.containers.diff(old, new)),
        (Ref::Container(name), None) => boxes.wait(boxes.containers.diff(&Ref::At(name.clone(), 1), &args.old)),
        (Ref::At(name, seq @ 2..), None) => {
            boxes.wait(boxes.containers.diff(&Ref::At(name.clone(), seq - 1), &args.old))
        }
        (Ref::Proposal(id), None) => boxes.wait(boxes.containers.proposal_diff(id)),
        (alone, None) => {
            let why = format!("nothing to compare {alone} with: name a second state (see --help)");
            return Err(UsageError(why).into());
        }
    };
    show(boxes, &difference?, &args.paths, args.text)
}

/// `box proposal`.
pub fn proposal(boxes: &Boxes, id: &str, text: bool) -> Result<()> {
    let record = boxes.wait(boxes.containers.proposal(id))?;
    let difference = boxes.wait(boxes.containers.proposal_diff(id))?;
    if boxes.json {
        return output::json(&json!({ "proposal": record, "changes": json_changes(&difference.changes()?) }));
    }
    let command = format::printable(record.command.as_bytes());
    output::line(&format!("{} {command}", paint("ran", Style::Faint)))?;
    show(boxes, &difference, &[], text)
}

fn show(boxes: &Boxes, difference: &Difference, paths: &[String], text: bool) -> Result<()> {
    let mut changes = difference.changes()?;
    changes.retain(|change| paths.is_empty() || paths.iter().any(|path| is_below(&change.path, path.as_bytes())));
    if text {
        return changes.iter().try_for_each(|change| show_text(difference, change));
    }
    if boxes.json { output::json(&json_changes(&changes)) } else { output::table(table(&changes)) }
}

fn is_below(path: &[u8], dir: &[u8]) -> bool {
    let dir = dir.strip_suffix(b"/").unwrap_or(dir);
    path.strip_prefix(dir).is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
}

/// The changes for programs: what was and what is at each path. Bytes that are no text are replaced.
pub fn json_changes(changes: &[FileChange]) -> Vec<Value> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let state = |state: &FileState| {
        let mut told = json!({
            "type": kind_word(state.kind),
            "mode": format!("{:04o}", state.mode),
            "uid": state.uid,
            "gid": state.gid,
            "size": state.size,
            "modified_at_ms": state.mtime.div_euclid(1_000_000),
        });
        if let Some(target) = &state.target {
            told["target"] = text(target).into();
        }
        told
    };
    let told = |change: &FileChange| {
        json!({
            "path": text(&change.path),
            "change": change_word(change.kind),
            "before": change.before.as_ref().map(state),
            "after": change.after.as_ref().map(state),
        })
    };
    changes.iter().map(told).collect()
}

fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::File => "file",
        Kind::Dir => "directory",
        Kind::Symlink => "symlink",
        Kind::CharDevice { .. } => "device",
        Kind::Fifo => "fifo",
    }
}

fn change_word(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Added => "added",
        ChangeKind::Removed => "removed",
        ChangeKind::Modified => "modified",
        ChangeKind::Attributes => "attributes",
    }
}

/// The changes, a line each: what happened, modes and sizes before and after, the path.
pub fn table(changes: &[FileChange]) -> Table {
    let mut table = Table::new(&["", "MODE", ">SIZE", "PATH"]);
    for change in changes {
        let path = format::printable(&change.path);
        table.row([
            sign(change.kind),
            both(change, mode).into(),
            both(change, |state| if state.kind == Kind::Dir { String::new() } else { format::size(state.size) }).into(),
            match change.after.as_ref().and_then(|after| after.target.as_ref()) {
                Some(target) => format!("{path} -> {}", format::printable(target)).into(),
                None => path.into(),
            },
        ]);
    }
    table
}

fn sign(kind: ChangeKind) -> Cell {
    match kind {
        ChangeKind::Added => styled("A", Style::Good),
        ChangeKind::Removed => styled("D", Style::Bad),
        ChangeKind::Modified => styled("M", Style::Note),
        ChangeKind::Attributes => styled("a", Style::Note),
    }
}

/// What it was, an arrow and what it is; once, if that is the same.
fn both(change: &FileChange, text: impl Fn(&FileState) -> String) -> String {
    let (before, after) = (change.before.as_ref().map(&text), change.after.as_ref().map(&text));
    match (before, after) {
        (Some(before), Some(after)) if before != after => format!("{before} → {after}"),
        (before, after) => after.or(before).unwrap_or_default(),
    }
}

fn mode(state: &FileState) -> String {
    let kind = match state.kind {
        Kind::File => '-',
        Kind::Dir => 'd',
        Kind::Symlink => 'l',
        Kind::CharDevice { .. } => 'c',
        Kind::Fifo => 'p',
    };
    format!("{kind}{}", format::mode(state.mode))
}

fn show_text(difference: &Difference, change: &FileChange) -> Result<()> {
    let path = format::printable(&change.path);
    match difference.text(&change.path, &TextLimits::default())? {
        // Its mode, its owner or its time: as text, the first is of interest.
        TextDiff::Text(text) if text.is_empty() => match both(change, mode) {
            modes if modes.contains('→') => output::line(&format!("Mode of {path}: {modes}")),
            _ => Ok(()),
        },
        TextDiff::Text(text) if format::colour() => output::write(coloured(&text)),
        TextDiff::Text(text) => output::write(text),
        TextDiff::Binary => output::line(&format!("Binary files a{path} and b{path} differ")),
        TextDiff::TooLarge => output::line(&format!("Files a{path} and b{path} differ, and are too large to compare")),
    }
}

/// A unified diff for a terminal.
pub fn coloured(diff: &[u8]) -> String {
    let line = |line: &[u8]| {
        // Tabs are what they look like; all else that moves the cursor is shown.
        let text = line.split(|b| *b == b'\t').map(format::printable).collect::<Vec<_>>().join("\t");
        let style = match line.first() {
            _ if line.starts_with(b"+++") || line.starts_with(b"---") => Style::Strong,
            Some(b'+') => Style::Good,
            Some(b'-') => Style::Bad,
            Some(b'@') => Style::Note,
            _ => Style::Plain,
        };
        paint(&text, style) + "\n"
    };
    diff.strip_suffix(b"\n").unwrap_or(diff).split(|b| *b == b'\n').map(line).collect()
}

/// The conflicts of a merge for programs, in the words of [`json_changes`].
pub fn json_conflicts(conflicts: &[Conflict]) -> Vec<Value> {
    let told = |conflict: &Conflict| {
        json!({
            "path": String::from_utf8_lossy(&conflict.path),
            "here": change_word(conflict.ours),
            "there": change_word(conflict.theirs),
        })
    };
    conflicts.iter().map(told).collect()
}

/// The conflicts of a merge, a line each: what either side did to the path.
pub fn conflict_lines(conflicts: &[Conflict]) -> String {
    let did = |kind: ChangeKind| match kind {
        ChangeKind::Added => "added",
        ChangeKind::Removed => "removed",
        ChangeKind::Modified => "modified",
        ChangeKind::Attributes => "changed mode or owner",
    };
    let mut table = Table::new(&["HERE", "THERE", "PATH"]);
    for conflict in conflicts {
        table.row([did(conflict.ours).into(), did(conflict.theirs).into(), format::printable(&conflict.path).into()]);
    }
    table.plain()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(mode: u16, size: u64) -> FileState {
        FileState { kind: Kind::File, mode, uid: 1000, gid: 1000, size, mtime: 0, target: None }
    }

    #[test]
    fn a_change_is_a_line() {
        let change = |kind, before, after, path: &str| FileChange { path: path.into(), kind, before, after };
        let link = FileState { kind: Kind::Symlink, target: Some(b"a\nb".to_vec()), ..file(0o777, 3) };
        let changes = [
            change(ChangeKind::Added, None, Some(file(0o644, 2048)), "/a"),
            change(ChangeKind::Modified, Some(file(0o644, 1)), Some(file(0o644, 2)), "/b"),
            change(ChangeKind::Attributes, Some(file(0o644, 1)), Some(file(0o755, 1)), "/c"),
            change(ChangeKind::Removed, Some(FileState { kind: Kind::Dir, ..file(0o755, 0) }), None, "/d"),
            change(ChangeKind::Added, None, Some(link), "/l"),
        ];
        let expected = [
            "   MODE                      SIZE  PATH",
            "A  -rw-r--r--                2.0K  /a",
            "M  -rw-r--r--               1 → 2  /b",
            "a  -rw-r--r-- → -rwxr-xr-x      1  /c",
            "D  drwxr-xr-x                      /d",
            "A  lrwxrwxrwx                   3  /l -> a\\nb",
            "",
        ];
        assert_eq!(table(&changes).plain(), expected.join("\n"));
    }

    #[test]
    fn paths_are_below_directories() {
        for (path, dir, below) in [("/a/b", "/a", true), ("/a", "/a/", true), ("/ab", "/a", false), ("/a", "/", true)] {
            assert_eq!(is_below(path.as_bytes(), dir.as_bytes()), below, "{path} {dir}");
        }
    }
}
