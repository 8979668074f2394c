//! Diffs of `apply_patch` applied to text. They have no line numbers: a hunk is found by its lines, after those that its `@@` lines name.

/// Fuel of a diff, so to speak: lines that are compared before it is given up.
const COMPARED_LINES: usize = 50_000_000;

/// A stretch of a diff.
#[derive(Debug, Default)]
struct Hunk<'a> {
    /// Lines to be found first, one after another.
    anchors: Vec<&'a str>,
    lines: Vec<(Mark, &'a str)>,
    /// Whether it ends where the file does.
    is_at_end: bool,
    /// Its first line in the diff, from 1.
    number: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    Keep,
    Remove,
    Add,
}

/// The content of a new file.
///
/// # Errors
/// A line does not begin with `+`; for the model.
pub(super) fn create(diff: &str) -> Result<String, String> {
    let mut text = String::with_capacity(diff.len());
    for (number, line) in diff.lines().enumerate().filter(|(_, line)| !is_envelope(line)) {
        match line.strip_prefix('+') {
            Some(line) => text.push_str(line),
            None if line.trim().is_empty() => {}
            None => {
                return Err(format!(
                    "line {} of the diff does not begin with '+', as all of a new file do",
                    number + 1
                ));
            }
        }
        text.push('\n');
    }
    Ok(text)
}

/// A file with a diff applied.
///
/// # Errors
/// The diff is none, or a hunk is not found; for the model.
pub(super) fn update(file: &str, diff: &str) -> Result<String, String> {
    let hunks = parse(diff)?;
    let return_at = if file.split('\n').next().is_some_and(|line| line.ends_with('\r')) { "\r" } else { "" };
    let mut lines: Vec<&str> = file.split('\n').collect();
    let ends_with_newline = lines.last() == Some(&"") && lines.pop().is_some();
    let (mut made, mut at, mut budget) = (Vec::<String>::new(), 0, COMPARED_LINES);
    for hunk in &hunks {
        let start = place(&lines, at, hunk, &mut budget)?;
        made.extend(lines[at..start].iter().map(|line| (*line).to_owned()));
        at = start;
        for (mark, line) in &hunk.lines {
            match mark {
                // As the file has it, should the diff be less exact about spaces.
                Mark::Keep => {
                    made.push(lines[at].to_owned());
                    at += 1;
                }
                Mark::Remove => at += 1,
                Mark::Add => made.push(format!("{line}{return_at}")),
            }
        }
    }
    made.extend(lines[at..].iter().map(|line| (*line).to_owned()));
    let mut text = made.join("\n");
    if (ends_with_newline || file.is_empty()) && !made.is_empty() {
        text.push('\n');
    }
    Ok(text)
}

/// Lines around diffs that some models write, and that say nothing here.
fn is_envelope(line: &str) -> bool {
    ["*** Begin Patch", "*** End Patch", "*** Update File:", "*** Add File:"].iter().any(|at| line.starts_with(at))
}

fn parse(diff: &str) -> Result<Vec<Hunk<'_>>, String> {
    let mut hunks: Vec<Hunk<'_>> = Vec::new();
    for (number, line) in diff.lines().enumerate().map(|(i, line)| (i + 1, line)) {
        let is_header = hunks.is_empty() && (line.starts_with("--- ") || line.starts_with("+++ "));
        if is_envelope(line) || is_header {
            continue;
        }
        if line.trim_end() == "*** End of File" {
            if let Some(hunk) = hunks.last_mut() {
                hunk.is_at_end = true;
            }
            continue;
        }
        if let Some(anchor) = line.strip_prefix("@@") {
            if hunks.last().is_none_or(|hunk| !hunk.lines.is_empty()) {
                hunks.push(Hunk { number, ..Hunk::default() });
            }
            let hunk = hunks.last_mut().expect("there is one now");
            hunk.anchors.extend(anchor_of(anchor));
            continue;
        }
        if hunks.is_empty() {
            hunks.push(Hunk { number, ..Hunk::default() });
        }
        let marked = match line.as_bytes().first() {
            None => (Mark::Keep, ""),
            Some(b' ') => (Mark::Keep, &line[1..]),
            Some(b'+') => (Mark::Add, &line[1..]),
            Some(b'-') => (Mark::Remove, &line[1..]),
            Some(_) => {
                return Err(format!("line {number} of the diff begins with none of ' ', '+', '-' and '@@': {line:?}"));
            }
        };
        hunks.last_mut().expect("there is one").lines.push(marked);
    }
    hunks.retain(|hunk| !hunk.lines.is_empty());
    if hunks.is_empty() { Err("the diff changes nothing".into()) } else { Ok(hunks) }
}

/// The line that an `@@` line names; those with line numbers name none.
fn anchor_of(text: &str) -> Option<&str> {
    let text = text.trim();
    let has_numbers = text.strip_prefix('-').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    Some(text).filter(|text| !text.is_empty() && !has_numbers)
}

/// The line that a hunk begins at, at `from` or later.
fn place(lines: &[&str], from: usize, hunk: &Hunk<'_>, budget: &mut usize) -> Result<usize, String> {
    let number = hunk.number;
    let mut from = from;
    for anchor in &hunk.anchors {
        let found = find(lines, from, &[anchor], budget);
        let found = found
            .ok_or_else(|| format!("the line {anchor:?} of the hunk at line {number} of the diff is not there"))?;
        from = found + 1;
    }
    let old: Vec<&str> = hunk.lines.iter().filter(|(mark, _)| *mark != Mark::Add).map(|(_, line)| *line).collect();
    if old.is_empty() {
        return Ok(if hunk.anchors.is_empty() || hunk.is_at_end { lines.len() } else { from });
    }
    let is_at_end = hunk.is_at_end && lines.len() >= from + old.len();
    let last = is_at_end.then(|| lines.len() - old.len());
    let found = last.and_then(|last| find(lines, last, &old, budget)).or_else(|| find(lines, from, &old, budget));
    // An anchor may be repeated as the first line of its hunk.
    let again = || (!hunk.anchors.is_empty()).then(|| find(lines, from - 1, &old, budget)).flatten();
    found.or_else(again).ok_or_else(|| {
        let first = old.first().copied().unwrap_or_default();
        format!("the lines of the hunk at line {number} of the diff, from {first:?} on, are not in the file, or not behind the hunk before")
    })
}

/// Where `old` is: exactly, else but for spaces at the ends of lines, else but for those at their beginnings too.
fn find(lines: &[&str], from: usize, old: &[&str], budget: &mut usize) -> Option<usize> {
    let same: [fn(&str, &str) -> bool; 3] =
        [|a, b| a == b, |a, b| a.trim_end() == b.trim_end(), |a, b| a.trim() == b.trim()];
    let last = lines.len().checked_sub(old.len())?;
    same.iter().find_map(|same| {
        (from..=last).find(|&at| {
            old.iter().zip(&lines[at..]).all(|(a, b)| {
                *budget = budget.saturating_sub(1);
                *budget > 0 && same(a, b)
            })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "def a():\n    return 1\n\ndef b():\n    return 1\n";

    #[test]
    fn hunks_are_found_by_their_lines() {
        for (diff, expected) in [
            ("@@\n-def a():\n+def c():\n", FILE.replace("def a", "def c")),
            ("@@ def b():\n-    return 1\n+    return 2\n", FILE.replace("b():\n    return 1", "b():\n    return 2")),
            (" def b():\n-  return 1\n+    return 2", FILE.replace("b():\n    return 1", "b():\n    return 2")),
            ("@@ def b():\n def b():\n+    pass\n", FILE.replace("b():\n", "b():\n    pass\n")),
            (
                "@@ -1,2 +1,2 @@\n-def a():\n+def x():\n@@\n-def b():\n+def y():",
                FILE.replace("a()", "x()").replace("b()", "y()"),
            ),
            ("@@\n+# end\n*** End of File", format!("{FILE}# end\n")),
            (
                "@@\n-    return 1\n+    return 3\n*** End of File",
                FILE.replace("b():\n    return 1", "b():\n    return 3"),
            ),
            (
                "*** Begin Patch\n*** Update File: x\n@@\n-def a():\n+def c():\n*** End Patch",
                FILE.replace("def a", "def c"),
            ),
            ("@@\n     return 1\n\n-def b():\n+def q():\n", FILE.replace("b()", "q()")),
        ] {
            assert_eq!(update(FILE, diff).as_deref(), Ok(expected.as_str()), "{diff}");
        }
    }

    #[test]
    fn ends_of_lines_stay_as_they_are() {
        assert_eq!(update("a\r\nb\r\n", "-b\n+c").as_deref(), Ok("a\r\nc\r\n"));
        assert_eq!(update("a\nb", "-b\n+c").as_deref(), Ok("a\nc"));
        assert_eq!(update("", "+a\n+b").as_deref(), Ok("a\nb\n"));
        assert_eq!(update("a\n", "-a").as_deref(), Ok(""));
        assert_eq!(create("+a\n+\n+b").as_deref(), Ok("a\n\nb\n"));
        assert_eq!(create("").as_deref(), Ok(""));
    }

    #[test]
    fn what_does_not_fit_is_said() {
        for (diff, says) in [
            ("", "changes nothing"),
            ("@@\n", "changes nothing"),
            ("@@\n-def z():\n", "\"def z():\""),
            ("@@ class X\n-def a():\n", "\"class X\""),
            ("@@\n-def b():\n+x\n@@\n-def a():\n+y\n", "line 4"),
            ("@@\n?x\n", "line 2"),
        ] {
            let why = update(FILE, diff).expect_err(diff);
            assert!(why.contains(says), "{diff}: {why}");
        }
        assert!(create("x").expect_err("no plus").contains("line 1"));
    }
}
