//! Finding what to run: `PATH`, permissions, `#!`.

use super::*;

/// A shell that also has files to run.
fn with_files(files: &[(&str, &str, u16)]) -> (Sandbox, Pid) {
    let mut b = Sandbox::new();
    let (_, sh, _) = b.exec();
    for (path, content, mode) in files {
        let fd = b.open(sh, path, OpenHow { mode: *mode, ..writing() }).unwrap();
        b.write(sh, fd, content.as_bytes()).is_ready();
        b.kernel.close(sh, fd).unwrap();
    }
    (b, sh)
}

fn run(b: &mut Sandbox, sh: Pid, program: &str, search_path: bool, env: &[u8]) -> Sys<LaunchRequest> {
    let argv = b"name\0one\0two\0";
    let request = SpawnRequest { program: program.as_bytes(), search_path, argv, env, ..SpawnRequest::default() };
    b.kernel.spawn(sh, &request)?;
    Ok(b.fake.launches.lock().unwrap().last().unwrap().clone())
}

fn argv(launch: &LaunchRequest) -> Vec<String> {
    let text = String::from_utf8(launch.argv.to_vec()).unwrap();
    text.split_terminator('\0').map(str::to_owned).collect()
}

#[test]
fn scripts_run_their_interpreter() {
    let (mut b, sh) = with_files(&[
        ("plain", "#!/bin/sh\necho\n", 0o755),
        ("arg", "#! /bin/sh  -e -u \necho\n", 0o755),
        ("nested", "#!/home/user/arg x\n", 0o755),
        ("relative", "#!plain\n", 0o755),
        ("bare", "#!/bin/sh", 0o755),
    ]);
    let plain = run(&mut b, sh, "./plain", false, ENV).unwrap();
    assert_eq!(plain.program, Program::OfImage(ProgramId([0; 32])));
    assert_eq!(argv(&plain), ["/bin/sh", "./plain", "one", "two"]);
    let arg = run(&mut b, sh, "./arg", false, ENV).unwrap();
    assert_eq!(argv(&arg), ["/bin/sh", "-e -u", "./arg", "one", "two"]);
    let nested = run(&mut b, sh, "./nested", false, ENV).unwrap();
    let expect = ["/bin/sh", "-e -u", "/home/user/arg", "x", "./nested", "one", "two"];
    assert_eq!(argv(&nested), expect);
    let relative = run(&mut b, sh, "./relative", false, ENV).unwrap();
    assert_eq!(argv(&relative), ["/bin/sh", "plain", "./relative", "one", "two"]);
    assert!(run(&mut b, sh, "./bare", false, ENV).is_ok());
}

#[test]
fn errors_are_linuxs() {
    let (mut b, sh) = with_files(&[
        ("missing", "#!/bin/none\n", 0o755),
        ("notx", "#!/bin/sh\n", 0o644),
        ("badinterp", "#!/home/user/notx\n", 0o755),
        ("text", "echo hi\n", 0o755),
        ("empty", "", 0o755),
        ("component", "\0asm\x0d\0\x01\0", 0o755),
        ("hashbang", "#!\n", 0o755),
    ]);
    let mut check = |path: &str, error| {
        assert_eq!(run(&mut b, sh, path, false, ENV).map(|_| ()), Err(error), "{path}");
    };
    check("./missing", Errno::NoEnt);
    check("./notx", Errno::Acces);
    check("./badinterp", Errno::Acces);
    check("./text", Errno::NoExec);
    check("./empty", Errno::NoExec);
    check("./component", Errno::NoExec);
    check("./hashbang", Errno::NoExec);
    check("/home", Errno::Acces);
    check("/bin/sh/x", Errno::NotDir);
    check("", Errno::NoEnt);
    check("/dev/null", Errno::Acces);
}

#[test]
fn a_module_that_is_no_blob_is_a_file() {
    let (mut b, sh) = with_files(&[]);
    let launch = run(&mut b, sh, "/bin/plain.wasm", false, ENV).unwrap();
    assert_eq!(launch.program, Program::File);
    let loc = launch.file;
    assert_eq!(b.kernel.vfs().bytes(loc).unwrap(), MODULE);
}

#[test]
fn interpreters_nest_as_deep_as_on_linux() {
    let mut files = vec![("s0".to_owned(), "#!/bin/sh\n".to_owned())];
    for n in 1..7 {
        files.push((format!("s{n}"), format!("#!/home/user/s{}\n", n - 1)));
    }
    let files: Vec<_> = files.iter().map(|(p, c)| (p.as_str(), c.as_str(), 0o755)).collect();
    let (mut b, sh) = with_files(&files);
    assert!(run(&mut b, sh, "./s4", false, ENV).is_ok());
    assert_eq!(run(&mut b, sh, "./s5", false, ENV).map(|_| ()), Err(Errno::Loop));
}

#[test]
fn path_is_searched() {
    let (mut b, sh) = with_files(&[("sh", "no", 0o644), ("mine", "#!/bin/sh\n", 0o755)]);
    let found = run(&mut b, sh, "env", true, ENV).unwrap();
    assert_eq!(found.program, Program::OfImage(ProgramId([2; 32])));
    assert_eq!(run(&mut b, sh, "env", false, ENV).map(|_| ()), Err(Errno::NoEnt));
    // Not executable in the first directory: the next one is tried.
    let env = b"PATH=/home/user:/bin\0";
    assert_eq!(run(&mut b, sh, "sh", true, env).unwrap().program, Program::OfImage(ProgramId([0; 32])));
    assert_eq!(run(&mut b, sh, "sh", true, b"PATH=/home/user\0").map(|_| ()), Err(Errno::Acces));
    assert_eq!(run(&mut b, sh, "none", true, b"PATH=/nowhere:/bin/sh:/home/user\0").map(|_| ()), Err(Errno::NoEnt));
    // An empty entry is the working directory.
    assert_eq!(argv(&run(&mut b, sh, "mine", true, b"PATH=/bin:\0").unwrap())[1], "mine");
    // No PATH: the usual places.
    assert!(run(&mut b, sh, "cat", true, b"A=1\0").is_ok());
    // A name with a slash is not searched.
    assert_eq!(run(&mut b, sh, "./cat", true, ENV).map(|_| ()), Err(Errno::NoEnt));
}
