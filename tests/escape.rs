//! Ways out of a mounted host directory: `..`, symbolic links, absolute names, renames, links made by the guest. None may show a
//! byte of what lies outside, nor write there. The same ways into a directory that rules let only be read.

mod common;

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use common::{bash, output, sandbox_with};
use coquina::sandbox::{Access, Mount, Rule, Sandbox, SandboxConfig, SandboxError};
use coquina::vfs::Rights;

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

/// Scripts run as the user in `/home/user`, where `ro` may only be read: it has `file`, `sub/file` and `empty`, `out` has a link to each.
const AGAINST_RULES: &[&str] = &[
    "echo x > ro/file; echo x >> ro/file; echo x > ro/new; : > ro/sub/file; printf x 1<> ro/file",
    "cd ro && { echo x > new; mkdir d; touch file; rm file; mv file moved; ln file hard; ln -s x soft; mkfifo p; }",
    "cd ro/sub && { echo x > file; echo x > ../file; rm ../file; rmdir ../empty; touch ../../ro/new; cd ..; echo x > new; }",
    "chmod 777 ro ro/file ro/sub; touch -d yesterday ro ro/file; truncate -s 0 ro/file; dd if=/dev/zero of=ro/file count=1 2> /dev/null",
    "mv ro moved; mv ro/sub sub; mv ro/file file; mv out ro/; ln ro/file hard && echo x > hard; ln out/own ro/hard; cp out/own ro/",
    "rm -rf ro; rm -rf ro/*; rmdir ro/empty; find ro -delete; find ro -type f -exec sed -i s/a/b/ {} +",
    "echo x > out/tofile; echo x > out/todir/file; rm out/todir/file; mkdir out/todir/d; cd out/todir && echo x > file; echo x > ../file",
    "mv out/todir/file out/; (cd -P out/todir/.. && echo x > new && mv sub gone)",
    "exec 3< ro/file; echo x >&3; echo x > /proc/self/fd/3; exec 4< ro; cd /proc/self/fd/4 && echo x > new; echo x > /proc/self/cwd/new",
    "cd ro; cd /; echo x > ~-/new; mv /home/user /home/other; mkdir -p /home/user/ro && echo x > /home/user/ro/file",
    "mv ~ ~/../elsewhere; mv /home /tmp/home; for i in {1..200}; do ln -sfn ../ro out/race; echo x > out/race/file; ln -sfn . out/race; done",
    "tar -cf a.tar out 2> /dev/null; tar -C ro -xf a.tar 2> /dev/null; cp -r out ro/; install out/own ro/own; split -b 1 out/own ro/x",
];

#[test]
fn nothing_below_a_rule_is_changed() {
    let before = sandbox_with(SandboxConfig::default());
    let made = "mkdir -p ro/sub ro/empty out; echo a | tee ro/file ro/sub/file > out/own; ln -s ../ro/file out/tofile; ln -s ../ro/sub out/todir";
    bash(&before, made);
    let start = before.snapshot();
    for script in AGAINST_RULES {
        let rules = vec![Rule { path: "/home/user/ro".into(), rights: Rights::READ_ONLY }];
        let config = SandboxConfig { rules, ..SandboxConfig::default() };
        let sandbox = Sandbox::open(common::image(), &start, config).expect("the sandbox can be made");
        bash(&sandbox, script);
        let after = sandbox.snapshot();
        let changes = start.tree().diff(after.tree()).expect("all can be read");
        let below: Vec<_> = changes.iter().filter(|change| change.path.starts_with(b"/home/user/ro")).collect();
        assert!(below.is_empty(), "{script}:\n{below:?}");
        assert_eq!(output(&sandbox, "echo new > out/own; cat out/own /home/user/ro/file"), "new\na\n", "{script}");
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
