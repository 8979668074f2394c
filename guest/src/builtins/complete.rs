//! `compgen`, and the builtins of line editing, which scripts only mention.

use crate::names::Sym;
use crate::shell::{Run, Shell};

pub fn complete(_sh: &mut Shell, _args: &[Vec<u8>]) -> Run<i32> {
    Ok(0)
}

pub fn bind(sh: &mut Shell, _args: &[Vec<u8>]) -> Run<i32> {
    sh.complain(b"bind: warning: line editing not enabled");
    Ok(0)
}

pub fn history(_sh: &mut Shell, _args: &[Vec<u8>]) -> Run<i32> {
    Ok(0)
}

/// `compgen` for the lists that scripts ask for.
pub fn compgen(sh: &mut Shell, args: &[Vec<u8>]) -> Run<i32> {
    let mut parser = super::OptionParser::new(args, b"abcdefgjksuvo:A:G:W:F:C:X:P:S:");
    let mut found: Vec<Vec<u8>> = Vec::new();
    let (mut prefix, mut suffix) = (Vec::new(), Vec::new());
    let mut kinds: Vec<Vec<u8>> = Vec::new();
    let mut words = None;
    while let Some(option) = parser.next() {
        match option {
            Ok((b'W', Some(list))) => words = Some(list.to_vec()),
            Ok((b'P', Some(text))) => prefix = text.to_vec(),
            Ok((b'S', Some(text))) => suffix = text.to_vec(),
            Ok((b'A', Some(name))) => kinds.push(name.to_vec()),
            Ok((b'G', Some(pattern))) => found.extend(sh.glob(pattern)),
            Ok((letter, None)) => kinds.push(vec![letter]),
            Ok(_) => {}
            Err(bad) => return Ok(sh.bad_option(bad)),
        }
    }
    let word = parser.rest().first().cloned().unwrap_or_default();
    if let Some(words) = words {
        let text = sh.expand_prompt_text(&words);
        let ifs = sh.ifs();
        found.extend(ifs.read_fields(&text, usize::MAX, true));
    }
    for kind in kinds {
        found.extend(names(sh, &kind, &word));
    }
    found.retain(|f| f.starts_with(&word));
    let mut out = Vec::new();
    for f in &found {
        out.extend_from_slice(&prefix);
        out.extend_from_slice(f);
        out.extend_from_slice(&suffix);
        out.push(b'\n');
    }
    sh.out(&out);
    Ok(i32::from(found.is_empty()))
}

fn names(sh: &mut Shell, kind: &[u8], word: &[u8]) -> Vec<Vec<u8>> {
    let builtins = || super::all().map(|b| b.name.as_bytes().to_vec());
    let functions = |sh: &Shell| {
        let mut names: Vec<Vec<u8>> = sh.funcs.keys().cloned().collect();
        names.sort();
        names
    };
    match kind {
        b"a" | b"alias" => {
            let mut names: Vec<Vec<u8>> = sh.aliases.keys().cloned().collect();
            names.sort();
            names
        }
        b"b" | b"builtin" => builtins().collect(),
        b"c" | b"command" => {
            let mut all = functions(sh);
            all.extend(builtins());
            let path = sh.text(Sym::PATH).unwrap_or_default();
            for dir in path.split(|b| *b == b':') {
                if let Ok(entries) = sh.sys.read_dir(dir) {
                    all.extend(entries.into_iter().map(|e| e.name));
                }
            }
            all
        }
        b"function" => functions(sh),
        b"f" | b"file" | b"d" | b"directory" => {
            let mut pattern = Vec::new();
            crate::pattern::escape_into(word, &mut pattern);
            pattern.push(b'*');
            let found = sh.glob(&pattern);
            if kind.starts_with(b"f") {
                return found;
            }
            found
                .into_iter()
                .filter(|p| sh.sys.stat(p, true).is_ok_and(|s| s.kind == crate::system::FileKind::Dir))
                .collect()
        }
        b"v" | b"variable" | b"e" | b"export" => {
            sh.refresh_all();
            let exported = kind.starts_with(b"e");
            let list = sh.vars.sorted().into_iter();
            list.filter(|(_, v)| !exported || v.attrs.has(crate::vars::Attrs::EXPORT))
                .map(|(n, _)| n.name().to_vec())
                .collect()
        }
        b"k" | b"keyword" => super::r#type::RESERVED.iter().map(|w| w.to_vec()).collect(),
        b"shopt" => crate::options::SHOPTS.iter().map(|(_, n, ..)| n.as_bytes().to_vec()).collect(),
        b"setopt" => crate::options::OPTS.iter().map(|(_, n, ..)| n.as_bytes().to_vec()).collect(),
        b"signal" => (0..65).filter_map(crate::system::signal::name).map(|n| format!("SIG{n}").into_bytes()).collect(),
        _ => Vec::new(),
    }
}
