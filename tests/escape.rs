//! Ways out of a mounted host directory: `..`, symbolic links, absolute names, renames, links made by the guest. None may show a
//! byte of what lies outside, nor write there.

mod common;

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use common::{bash, output, sandbox_with};
use coquina::sandbox::{Access, Mount, Sandbox, SandboxConfig, SandboxError};

const SECRET: &str = "host secret";

/// A host directory with a secret beside it and every kind of link to that.
struct Host {
    top: PathBuf,
}

impl Host {
    fn new(name: &str) -> Host {
        let top = std::env::temp_dir().join(format!("coquina-escape-{}-{name}", std::process::id()));
        let inside = top.join("inside");
        std::fs::create_dir_all(inside.join("sub")).expect("a scratch directory");
        std::fs::create_dir_all(top.join("outside")).expect("a scratch directory");
        std::fs::write(top.join("outside/secret"), SECRET).expect("a file");
        std::fs::write(inside.join("file"), "inside").expect("a file");
        let outside = top.join("outside");
        for (target, link) in [
            (Path::new("../outside/secret"), "up"),
            (&outside.join("secret"), "absolute"),
            (Path::new("../outside"), "updir"),
            (&outside, "absolutedir"),
            (Path::new("sub/../../outside/secret"), "sub/crooked"),
            (Path::new(".."), "dotdot"),
            (Path::new("/"), "rootdir"),
        ] {
            symlink(target, inside.join(link)).expect("a link");
        }
        Host { top }
    }

    fn sandbox(&self, access: Access) -> Sandbox {
        let mount = Mount { host: self.top.join("inside"), guest: "/mnt/in".into(), access };
        sandbox_with(SandboxConfig { mounts: vec![mount], ..SandboxConfig::default() })
    }

    fn outside_is_untouched(&self) {
        let names: Vec<_> = std::fs::read_dir(self.top.join("outside")).expect("it is there").collect();
        assert_eq!(names.len(), 1, "something was made outside");
        assert_eq!(std::fs::read_to_string(self.top.join("outside/secret")).expect("it is there"), SECRET);
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.top);
    }
}

/// Scripts run in the mount; `OUT` stands for the host's path of the outside directory.
const READS: &[&str] = &[
    "cat up absolute sub/crooked",
    "cat updir/secret absolutedir/secret dotdot/outside/secret",
    "cat ../../outside/secret ../../../outside/secret /mnt/in/../../outside/secret",
    "cat OUT/secret rootdir/OUT/secret",
    "ls updir/ absolutedir/ dotdot/outside rootdir/OUT",
    "find -L . -name secret -exec cat {} +; grep -r secret . 2> /dev/null",
    "cd updir && cat secret; cd -P dotdot && cat outside/secret; pwd",
    "exec 3< .; cat /proc/self/fd/3/../outside/secret",
    "ln -s ../outside/secret mine; cat mine; ln -s OUT/secret mine2; cat mine2; ln up hard; cat hard",
    "mkdir d; ln -s ../.. d/l; cat d/l/outside/secret; mv up d/up; cat d/up",
    "for i in {1..300}; do ln -sfn updir race; cat race/secret; ln -sfn sub race; cat race/secret; done 2> /dev/null",
    "cp -rL . /tmp/copy; cat /tmp/copy/up /tmp/copy/updir/secret",
    "head -c 100 updir/../outside/secret; cat sub/../../outside/secret sub/../../../outside/secret",
];

const WRITES: &[&str] = &[
    "echo x > up; echo x >> absolute; echo x > updir/new; echo x > ../outside/new; echo x > dotdot/outside/new",
    "touch updir/new absolutedir/new OUT/new; mkdir updir/d absolutedir/d ../outside/d",
    "rm -f updir/secret absolutedir/secret; rm -rf updir/* absolutedir/* dotdot/outside",
    "mv file updir/; mv file ../outside/; cp file absolutedir/; ln file updir/file",
    "chmod 777 updir/secret up absolute; truncate -s 0 up absolute; dd if=file of=up 2> /dev/null; sed -i s/x/y/ up",
    "mv sub ../outside/sub; mv ../outside here; ln -s x updir/l; mkfifo updir/p",
];

#[test]
fn nothing_outside_is_read() {
    for access in [Access::ReadOnly, Access::ReadWrite, Access::CopyOnWrite] {
        for script in READS {
            let host = Host::new("read");
            let sandbox = host.sandbox(access);
            let outside = host.top.join("outside").display().to_string();
            let done = bash(&sandbox, &format!("cd /mnt/in && {{ {}; }} 2>&1", script.replace("OUT", &outside)));
            let shown = String::from_utf8_lossy(&done.stdout.bytes);
            assert!(!shown.contains(SECRET), "{access:?}: {script}:\n{shown}");
            assert_eq!(output(&sandbox, "cat /mnt/in/file"), "inside");
        }
    }
}

#[test]
fn nothing_outside_is_written() {
    for access in [Access::ReadOnly, Access::ReadWrite, Access::CopyOnWrite] {
        for script in WRITES {
            let host = Host::new("write");
            let outside = host.top.join("outside").display().to_string();
            bash(&host.sandbox(access), &format!("cd /mnt/in && {{ {}; }}", script.replace("OUT", &outside)));
            host.outside_is_untouched();
        }
    }
}

#[test]
fn each_access_writes_where_it_says() {
    let script = "cd /mnt/in; echo new > made; echo more >> file; mv sub moved; rm up; cat made file; ls -d moved";
    for access in [Access::ReadOnly, Access::ReadWrite, Access::CopyOnWrite] {
        let host = Host::new("mode");
        let sandbox = host.sandbox(access);
        let shown = String::from_utf8_lossy(&bash(&sandbox, script).stdout.bytes).into_owned();
        let inside = host.top.join("inside");
        let written = inside.join("made").exists();
        let changed = std::fs::read_to_string(inside.join("file")).expect("it is there") != "inside";
        let moved = inside.join("moved").exists() || !inside.join("sub").exists() || !inside.join("up").is_symlink();
        let host_saw = (written, changed, moved);
        match access {
            Access::ReadOnly => assert_eq!((shown.as_str(), host_saw), ("inside", (false, false, false))),
            Access::ReadWrite => {
                assert_eq!((shown.as_str(), host_saw), ("new\ninsidemore\nmoved\n", (true, true, true)))
            }
            Access::CopyOnWrite => {
                assert_eq!((shown.as_str(), host_saw), ("new\ninsidemore\nmoved\n", (false, false, false)))
            }
        }
    }
}

#[test]
fn a_missing_host_directory_is_the_callers_fault() {
    let mount = Mount { host: "/nosuch/directory".into(), guest: "/mnt".into(), access: Access::ReadOnly };
    let config = SandboxConfig { mounts: vec![mount], ..SandboxConfig::default() };
    match Sandbox::new(common::image(), config) {
        Err(SandboxError::HostDirectory { path, .. }) => assert_eq!(path, Path::new("/nosuch/directory")),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was made"),
    }
}

#[test]
fn nothing_of_the_host_shows_without_a_mount() {
    let sandbox = sandbox_with(SandboxConfig::default());
    let host = Host::new("none");
    let path = host.top.join("outside/secret");
    let done = bash(
        &sandbox,
        &format!("cat {0} ..{0} ../../..{0} 2>&1; env; cat /proc/self/environ /proc/*/environ 2>&1", path.display()),
    );
    let shown = String::from_utf8_lossy(&done.stdout.bytes);
    assert!(!shown.contains(SECRET), "{shown}");
    for (name, value) in std::env::vars() {
        let ours = matches!(
            name.as_str(),
            "HOME" | "USER" | "SHELL" | "PATH" | "LANG" | "TZ" | "PWD" | "SHLVL" | "_" | "OLDPWD"
        );
        assert!(ours || !shown.contains(&format!("{name}={value}")), "the host's {name} shows");
    }
}
