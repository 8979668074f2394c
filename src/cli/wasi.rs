//! `coquina wasi run`: one WASI preview 1 command by itself, without a root image.

use std::os::unix::ffi::OsStrExt as _;

use anyhow::{Context as _, Result, anyhow};
use bytes::Bytes;

use super::args::WasiRunArgs;
use super::{UsageError, exec, report, setup};
use crate::base::Limits;
use crate::sandbox::{Exec, Image, Mount, Sandbox, SandboxConfig};
use crate::vfs::Tree;
use crate::wasi::Preopen;

/// The working directory. A directory goes here whose guest name is relative, or that of the root.
const WORK: &str = "/work";

/// Exit status for a file that is no program.
const EXIT_NO_PROGRAM: u8 = 126;

/// Runs the program and returns its exit status: 134 for a trap, 126 if the file is no such program.
pub fn run(args: &WasiRunArgs) -> Result<u8> {
    let wasm = std::fs::read(&args.file).with_context(|| format!("program {}", args.file.display()))?;
    if !wasm.starts_with(b"\0asm") {
        eprintln!("coquina: {}: not a WebAssembly module", args.file.display());
        return Ok(EXIT_NO_PROGRAM);
    }
    let name = args.file.file_name().unwrap_or(args.file.as_os_str());
    let program = [b"/bin/", name.as_bytes()].concat();
    let (mounts, preopens) = directories(&args.dirs)?;

    let limits = boundless();
    let image = Image::from_tree(&setup::engine(&limits)?, tree(&program, wasm.into(), &mounts)?);
    let sandbox = Sandbox::new(&image, SandboxConfig { limits, mounts, ..SandboxConfig::default() })?;
    let argv = std::iter::once(program).chain(args.args.iter().map(|a| a.as_bytes().to_vec()));
    let mut exec = setup::environment(&args.env, Exec { env: Vec::new(), ..Exec::program(argv) })?;
    exec.cwd = WORK.into();
    exec::pass_through(&mut exec);
    exec.preopens = Some(preopens);

    let finished = exec::runtime()?.block_on(async {
        let (streams, running) = sandbox.start(exec).await?;
        anyhow::Ok(exec::attend(streams, running.canceller(), running.finish()).await?)
    })?;
    report::limit(&finished.outcome);
    Ok(finished.outcome.status())
}

/// A program run by hand is bounded by the person's patience, and its memory by what 32 bits can address.
fn boundless() -> Limits {
    Limits { fuel: u64::MAX / 4, wall_time_ms: u64::MAX / (1 << 20), memory_bytes: 4 << 30, ..Limits::default() }
}

/// The directories given: where each is mounted, and the very name the program is told.
fn directories(texts: &[String]) -> Result<(Vec<Mount>, Vec<Preopen>)> {
    let mut mounts: Vec<Mount> = Vec::new();
    let mut preopens = Vec::new();
    for text in texts {
        let mut mount = setup::mount(text)?;
        let name = std::mem::take(&mut mount.guest);
        mount.guest = place(&name);
        if mounts.iter().any(|other| other.guest == mount.guest) {
            return Err(UsageError(format!("--dir {text}: another directory is at {} already", mount.guest)).into());
        }
        preopens.push(Preopen { path: mount.guest.clone().into_bytes(), name: name.into_bytes() });
        mounts.push(mount);
    }
    Ok((mounts, preopens))
}

/// Where in the sandbox a directory goes that a program knows by `name`.
fn place(name: &str) -> String {
    let names: Vec<&str> = name.split('/').filter(|n| !matches!(*n, "" | ".")).collect();
    match (names.is_empty(), name.starts_with('/')) {
        (true, _) => WORK.into(),
        (false, true) => format!("/{}", names.join("/")),
        (false, false) => format!("{WORK}/{}", names.join("/")),
    }
}

/// The program, what programs expect to be there, and the directories to mount over.
fn tree(program: &[u8], wasm: Bytes, mounts: &[Mount]) -> Result<Tree> {
    let mut tree = Tree::new();
    let made = (|| {
        for (dir, mode, user) in [("/", 0o755, 0), (WORK, 0o755, 1000), ("/tmp", 0o1777, 0)] {
            tree.put_dir(dir.as_bytes(), mode, user, user, 0)?;
        }
        for mount in mounts {
            tree.put_dir(mount.guest.as_bytes(), 0o755, 1000, 1000, 0)?;
        }
        tree.put_device(b"/dev/null", 1, 3, 0o666)?;
        tree.put_file(program, wasm, 0o755, 0, 0, 0, None)
    })();
    made.map_err(|errno| anyhow!("the file tree cannot be made: {errno:?}"))?;
    Ok(tree)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_keep_their_names() {
        for (name, at) in [("/", WORK), (".", WORK), ("/a//b/", "/a/b"), ("a/./b", "/work/a/b"), ("./a", "/work/a")] {
            assert_eq!(place(name), at);
        }
        let (mounts, preopens) = directories(&["x::/data:ro".into(), "y::sub".into()]).unwrap();
        assert_eq!((&mounts[0].guest[..], &mounts[1].guest[..]), ("/data", "/work/sub"));
        assert_eq!((&preopens[0].name[..], &preopens[1].name[..]), (&b"/data"[..], &b"sub"[..]));
        assert!(directories(&["x::/".into(), "y::.".into()]).is_err());
    }
}
