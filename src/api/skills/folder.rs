//! A skill's folder: reading it from an upload, and what must be in it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;

use super::zip;
use crate::api::error::ApiError;
use crate::api::place;
use crate::base::Limits;
use crate::vfs::{Kind, Tree};

/// Largest upload, in bytes: an archive of the reference's largest size, and what is around it.
pub(super) const UPLOAD_BYTES: u64 = 52 << 20;

/// Files of a skill, the largest of them, and all together, in bytes.
const FILES: usize = 500;
const FILE_BYTES: usize = 25 << 20;
const BYTES: usize = 256 << 20;

/// Characters of a description, and of a name.
const DESCRIPTION_CHARS: usize = 1024;
const NAME_CHARS: usize = 64;

/// A skill that has been read and found good.
pub(super) struct Folder {
    /// As its front matter has it.
    pub name: String,
    /// As its front matter has it.
    pub description: String,
    /// Its one folder, in the root.
    pub tree: Tree,
}

impl Folder {
    /// From a ZIP archive.
    pub fn from_zip(param: &str, archive: &[u8]) -> Result<Folder, ApiError> {
        let limits = zip::Limits { members: FILES, member_bytes: FILE_BYTES, bytes: BYTES };
        let members = zip::read(archive, &limits).map_err(|why| ApiError::invalid_value(param, why))?;
        let files = members.into_iter().map(|member| (member.name, member.content.into()));
        // What some programs add beside the folder that was packed.
        Folder::from_files(param, files.filter(|(name, _)| !name.starts_with("__MACOSX/")).collect())
    }

    /// From a ZIP archive in base64.
    pub fn from_base64(param: &str, text: &str) -> Result<Folder, ApiError> {
        let archive =
            BASE64.decode(text).map_err(|why| ApiError::invalid_value(param, format!("it is not base64: {why}")))?;
        Folder::from_zip(param, &archive)
    }

    /// From files with their paths, all in one folder.
    pub fn from_files(param: &str, files: Vec<(String, Bytes)>) -> Result<Folder, ApiError> {
        let wrong = |why: &str| ApiError::invalid_value(param, why);
        if files.len() > FILES {
            return Err(wrong(&format!("a skill has at most {FILES} files")));
        }
        let (mut tree, mut top, mut manual) = (Tree::new(), None, None);
        for (name, content) in files {
            if name.starts_with('/') || name.contains('\\') || content.len() > FILE_BYTES {
                return Err(wrong("a file's path is absolute or has a backslash, or the file is too large"));
            }
            let path = place::resolve(param, b"", &name, &Limits::default())?;
            let parts: Vec<&[u8]> = path[1..].split(|b| *b == b'/').collect();
            let [folder, .., last] = parts[..] else {
                return Err(wrong("all files of a skill are in one folder"));
            };
            if *top.get_or_insert_with(|| folder.to_vec()) != *folder {
                return Err(wrong("a skill has exactly one folder at its top"));
            }
            if last.eq_ignore_ascii_case(b"skill.md") && manual.replace((parts.len(), content.clone())).is_some() {
                return Err(wrong("a skill has exactly one SKILL.md"));
            }
            place::put(&mut tree, &path, content).map_err(|errno| place::refused(param.into(), errno))?;
        }
        let Some((2, manual)) = manual else { return Err(wrong("a skill has a SKILL.md at the top of its folder")) };
        let (name, description) = front_matter(&manual).ok_or_else(|| {
            wrong("SKILL.md begins with a front matter between lines of '---' that has a name and a description")
        })?;
        check_words(param, &name, &description)?;
        Ok(Folder { name, description, tree })
    }
}

/// Whether a skill may be called so and described so.
pub(super) fn check_words(param: &str, name: &str, description: &str) -> Result<(), ApiError> {
    let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    let dashes = name.starts_with('-') || name.ends_with('-') || name.contains("--");
    if name.is_empty() || name.len() > NAME_CHARS || !plain || dashes {
        let why = "a skill's name has 1 to 64 lower-case letters, digits and single hyphens between them";
        return Err(ApiError::invalid_value(param, why));
    }
    if description.trim().is_empty() || description.chars().count() > DESCRIPTION_CHARS {
        return Err(ApiError::invalid_value(param, "a skill's description has 1 to 1024 characters"));
    }
    Ok(())
}

/// Name and description of a SKILL.md, from the lines of YAML at its top.
pub(super) fn front_matter(manual: &[u8]) -> Option<(String, String)> {
    let text = str::from_utf8(manual).ok()?;
    let mut lines = text.strip_prefix('\u{feff}').unwrap_or(text).lines();
    if lines.next()?.trim_end() != "---" {
        return None;
    }
    let head: Vec<&str> = lines.by_ref().take_while(|line| line.trim_end() != "---").collect();
    let value = |key: &str| {
        let at = head.iter().position(|line| line.split_once(':').is_some_and(|(name, _)| name == key))?;
        let value = head[at].split_once(':')?.1.trim();
        let below = head[at + 1..].iter().take_while(|line| line.starts_with([' ', '\t']) || line.trim().is_empty());
        let below: Vec<&str> = below.map(|line| line.trim()).collect();
        let folded = |first: &str| [&[first], &below[..]].concat().join(" ").trim().to_owned();
        Some(match value.as_bytes() {
            [b'|', ..] => below.join("\n").trim().to_owned(),
            [b'>', ..] => folded(""),
            [quote @ (b'"' | b'\''), .., last] if quote == last => unquoted(*quote, &value[1..value.len() - 1]),
            _ => folded(value.split(" #").next().unwrap_or_default()),
        })
    };
    Some((value("name")?, value("description")?))
}

fn unquoted(quote: u8, text: &str) -> String {
    match quote {
        b'\'' => text.replace("''", "'"),
        _ => text.replace("\\\"", "\"").replace("\\n", "\n").replace("\\\\", "\\"),
    }
}

/// The folder as a ZIP archive.
pub(super) fn zip(tree: &Tree) -> Result<Vec<u8>, ApiError> {
    let files = files(tree)?;
    let named = files.iter().map(|(path, content)| (path.trim_start_matches('/'), &content[..]));
    zip::write(named).map_err(|_| ApiError::internal())
}

/// Puts the files of a skill's one folder into another tree, in a folder of that name.
pub(super) fn copy(from: &Tree, to: &mut Tree, name: &str) -> Result<(), ApiError> {
    for (path, content) in files(from)? {
        let below = path.splitn(3, '/').nth(2).unwrap_or_default();
        place::put(to, format!("/{name}/{below}").as_bytes(), content).map_err(|_| ApiError::internal())?;
    }
    Ok(())
}

fn files(tree: &Tree) -> Result<Vec<(String, Bytes)>, ApiError> {
    let (mut found, mut dirs) = (Vec::new(), vec![Vec::new()]);
    while let Some(dir) = dirs.pop() {
        let listed = if dir.is_empty() { &b"/"[..] } else { &dir };
        for (name, attr) in tree.list(listed).map_err(|_| ApiError::internal())? {
            let path = [&dir[..], b"/", &name].concat();
            if attr.kind == Kind::Dir {
                dirs.push(path);
            } else {
                let content = tree.read_path(&path).map_err(|_| ApiError::internal())?;
                found.push((String::from_utf8_lossy(&path).into_owned(), content));
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> Result<Folder, ApiError> {
        let files = files.iter().map(|(name, text)| ((*name).to_owned(), Bytes::copy_from_slice(text.as_bytes())));
        Folder::from_files("files", files.collect())
    }

    const GOOD: &str = "---\nname: basic-math\ndescription: Add numbers.\n---\n\nUse it.\n";

    #[test]
    fn a_good_skill_is_read_and_packed_again() {
        let good = folder(&[("m/SKILL.md", GOOD), ("m/lib/add.py", "print(1)")]).expect("it is good");
        assert_eq!((good.name.as_str(), good.description.as_str()), ("basic-math", "Add numbers."));
        let zipped = zip(&good.tree).expect("it can be packed");
        let again = Folder::from_zip("files", &zipped).expect("it is good");
        assert_eq!(zip(&again.tree).expect("it can be packed"), zipped);
        let mut all = Tree::new();
        copy(&good.tree, &mut all, "basic-math").expect("it can be copied");
        assert_eq!(all.read_path(b"/basic-math/lib/add.py").as_deref(), Ok(&b"print(1)"[..]));
    }

    #[test]
    fn front_matter_is_yaml_enough() {
        let of = |text: &str| front_matter(text.as_bytes());
        let good = [
            ("---\nname: a\ndescription: b c\n---\n", "b c"),
            ("---\r\nname: a\r\ndescription: \"b: \\\"c\\\"\"\r\n---\r\n", "b: \"c\""),
            ("---\nname: 'a'\nlicense: x\ndescription: 'it''s'\n---", "it's"),
            ("---\nname: a\ndescription: >\n  b\n  c\nother: x\n---", "b c"),
            ("---\nname: a\ndescription: |-\n  b\n  c\n---", "b\nc"),
            ("---\nname: a # the name\ndescription: b\n  c\n---", "b c"),
        ];
        for (text, description) in good {
            assert_eq!(of(text), Some(("a".into(), description.into())), "{text}");
        }
        for text in ["", "name: a\ndescription: b", "---\nname: a\n---", "# x\n---\nname: a\ndescription: b\n---"] {
            assert_eq!(of(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_skill_is_refused() {
        let bad: [&[(&str, &str)]; 9] = [
            &[],
            &[("SKILL.md", GOOD)],
            &[("a/SKILL.md", GOOD), ("b/x", "")],
            &[("a/SKILL.md", GOOD), ("a/b/skill.md", GOOD)],
            &[("a/b/SKILL.md", GOOD)],
            &[("a/x", "")],
            &[("a/SKILL.md", GOOD), ("a/../../x", "")],
            &[("/a/SKILL.md", GOOD)],
            &[("a/SKILL.md", "---\nname: Bad Name\ndescription: x\n---")],
        ];
        for files in bad {
            assert!(folder(files).is_err(), "{files:?}");
        }
    }
}
