//! A client's files: put into a tree before a run, taken out of it afterwards.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::config::ApiConfig;
use super::error::ApiError;
use super::glob::{Pattern, Search};
use super::wire::Content;
use crate::base::{Errno, Limits};
use crate::vfs::{Clock as _, ImportOptions, SystemClock, Tree, import};

/// Who owns what clients put there: the sandbox's `user`.
const USER: u32 = 1000;

/// Patterns of a request.
const PATTERNS: usize = 1000;

/// Names that are looked at for a request's patterns.
const NAMES: usize = 200_000;

/// The absolute path that `path` means below `cwd`. Refuses what leads upwards or cannot be a path.
pub(super) fn resolve(param: &str, cwd: &[u8], path: &str, limits: &Limits) -> Result<Vec<u8>, ApiError> {
    let wrong = |why: &str| Err(ApiError::invalid_value(param, why));
    if path.contains('\0') {
        return wrong("a path has no NUL");
    }
    let mut absolute = if path.starts_with('/') { Vec::new() } else { cwd.to_vec() };
    while absolute.last() == Some(&b'/') {
        absolute.pop();
    }
    let names = path.split('/').filter(|name| !name.is_empty() && *name != ".");
    for name in names.clone() {
        if name == ".." {
            return wrong("a path has no part '..'");
        }
        if name.len() > limits.name_bytes as usize {
            return wrong("a name in the path is too long");
        }
        absolute.push(b'/');
        absolute.extend_from_slice(name.as_bytes());
    }
    if names.count() == 0 || path.ends_with('/') {
        return wrong("the path names no file");
    }
    if absolute.len() >= limits.path_bytes as usize {
        return wrong("the path is too long");
    }
    Ok(absolute)
}

/// Puts a file into a tree, with the directories it is in, all owned by `user`.
pub(super) fn put(tree: &mut Tree, path: &[u8], content: Bytes) -> Result<(), Errno> {
    let now = SystemClock.now();
    let slash = path.iter().rposition(|b| *b == b'/').unwrap_or(0);
    make_dirs(tree, &path[..slash], now)?;
    tree.put_file(path, content, 0o644, USER, USER, now, None)
}

/// Makes a directory and those it is in, where they are missing, owned by `user`.
pub(super) fn make_dirs(tree: &mut Tree, path: &[u8], now: i64) -> Result<(), Errno> {
    if path.is_empty() || tree.stat(path).is_ok() {
        return Ok(());
    }
    let ends = (1..=path.len()).filter(|&end| end == path.len() || path[end] == b'/');
    for end in ends {
        if tree.stat(&path[..end]).is_err() {
            tree.put_dir(&path[..end], 0o755, USER, USER, now)?;
        }
    }
    Ok(())
}

/// Unpacks a tar archive below `at`, all of it owned by `user`.
pub(super) fn unpack(tree: &mut Tree, at: &[u8], mut archive: &[u8], limits: &Limits) -> Result<(), ApiError> {
    let options = ImportOptions { limits: limits.clone(), owner: Some((USER, USER)), now: SystemClock.now() };
    let unpacked = import(tree, at, &mut archive, &options);
    unpacked.map(drop).map_err(|error| ApiError::bad_request(format!("The archive cannot be unpacked: {error}.")))
}

/// What a client is told of a file that could not be put where it should be.
pub(super) fn refused(param: String, errno: Errno) -> ApiError {
    ApiError::invalid_value(
        param,
        match errno {
            Errno::NotDir => "a part of the path is a file",
            Errno::IsDir => "it is a directory",
            Errno::Loop => "too many symbolic links",
            Errno::NameTooLong => "the path is too long",
            _ => "no file can be put there",
        },
    )
}

/// Which files a request wants back.
pub(super) struct Wanted {
    /// Where relative patterns begin.
    cwd: Vec<u8>,
    /// Patterns, and whether each was relative: what those find is named as they name it.
    patterns: Vec<(Pattern, bool)>,
}

/// Files by path, and the paths of those left out.
pub(super) type Taken = (BTreeMap<String, Content>, Vec<String>);

impl Wanted {
    /// The files that `outputs` asks for.
    pub fn new(cwd: &[u8], outputs: &[String]) -> Result<Wanted, ApiError> {
        if outputs.len() > PATTERNS {
            return Err(ApiError::invalid_value("outputs", format!("expected at most {PATTERNS} patterns")));
        }
        let pattern = |(index, text): (usize, &String)| {
            let relative = !text.starts_with('/');
            let absolute = if relative { [cwd, b"/", text.as_bytes()].concat() } else { text.clone().into() };
            let pattern = Pattern::new(&absolute).filter(|_| !text.is_empty() && !text.contains('\0'));
            let why = "a pattern is not empty and has no NUL and no part '..'";
            pattern.map(|p| (p, relative)).ok_or_else(|| ApiError::invalid_value(format!("outputs[{index}]"), why))
        };
        let patterns = outputs.iter().enumerate().map(pattern).collect::<Result<_, _>>()?;
        Ok(Wanted { cwd: cwd.into(), patterns })
    }

    /// Whether nothing is wanted.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// The files that match, as far as they are within the service's limits.
    pub fn take(&self, tree: &Tree, config: &ApiConfig) -> Taken {
        let (mut found, mut left) = (BTreeMap::new(), NAMES);
        let mut complete = true;
        for (pattern, relative) in &self.patterns {
            let mut search = Search::new(tree, left);
            complete &= search.add(pattern);
            left = search.left();
            for path in search.found() {
                let below = path.strip_prefix(&self.cwd[..]).and_then(|rest| rest.strip_prefix(b"/"));
                let name = below.filter(|_| *relative).unwrap_or(&path);
                found.insert(String::from_utf8_lossy(name).into_owned(), path);
            }
        }
        let (mut files, mut omitted, mut left) = (BTreeMap::new(), Vec::new(), config.outputs_bytes);
        for (name, path) in found {
            let size = tree.stat(&path).map_or(u64::MAX, |attr| attr.size);
            let fits = size <= left && files.len() < config.outputs_files;
            match fits.then(|| tree.read_path(&path).ok()).flatten() {
                Some(content) => {
                    left -= size;
                    files.insert(name, Content(content));
                }
                None if omitted.len() < config.outputs_files => omitted.push(name),
                None => {}
            }
        }
        if !complete {
            omitted.push("…".into());
        }
        (files, omitted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_below() {
        let limits = Limits::default();
        let of = |path: &str| resolve("files", b"/home/user", path, &limits);
        assert_eq!(of("a/./b//c").expect("a path"), b"/home/user/a/b/c");
        assert_eq!(of("/etc/x").expect("a path"), b"/etc/x");
        let long = "x".repeat(256);
        let deep = "x/".repeat(2048);
        for path in ["", "/", ".", "a/", "..", "a/../b", "/../x", "a\0b", &long, &deep] {
            assert!(of(path).is_err(), "{path:.20}");
        }
    }

    #[test]
    fn files_and_their_directories_belong_to_the_user() {
        let mut tree = Tree::new();
        put(&mut tree, b"/x/y/z", Bytes::from_static(b"1")).expect("it can be put");
        assert_eq!(tree.stat(b"/x").map(|a| (a.uid, a.mode)), Ok((1000, 0o755)));
        assert_eq!(tree.stat(b"/x/y/z").map(|a| (a.uid, a.mode)), Ok((1000, 0o644)));
        assert_eq!(put(&mut tree, b"/x/y/z/w", Bytes::new()), Err(Errno::NotDir));
        assert_eq!(put(&mut tree, b"/x/y", Bytes::new()), Err(Errno::IsDir));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let mut tree = Tree::new();
        for name in ["a", "b", "c"] {
            put(&mut tree, format!("/{name}").as_bytes(), Bytes::from(vec![b'x'; 10])).expect("it can be put");
        }
        let config = ApiConfig { outputs_bytes: 25, ..ApiConfig::default() };
        let take = |outputs: &[&str]| {
            let outputs: Vec<String> = outputs.iter().map(|o| (*o).to_owned()).collect();
            Wanted::new(b"", &outputs).expect("good patterns").take(&tree, &config)
        };
        let (files, omitted) = take(&["/*"]);
        assert_eq!((files.len(), omitted), (2, vec!["/c".to_owned()]));
        let (files, _) = take(&["./a", "/a"]);
        assert_eq!(files.keys().collect::<Vec<_>>(), ["/a", "a"]);
    }
}
