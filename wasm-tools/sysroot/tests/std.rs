//! Rust's std: processes, pipes, descriptors, modes, the working directory. The same program runs natively.
#[cfg(target_os = "wasi")]
use std::os::wasi::mode::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt, mkfifo};
#[cfg(target_os = "wasi")]
use std::os::wasi::process::{CommandExt, ExitStatusExt};
#[cfg(unix)]
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
#[cfg(unix)]
use std::os::unix::process::{CommandExt, ExitStatusExt};

use std::env;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::process::{Command, Stdio};

#[cfg(unix)]
fn mkfifo(path: &str, permissions: Permissions) -> io::Result<()> {
    let status = Command::new("mkfifo").arg("-m").arg(format!("{:o}", permissions.mode())).arg(path).status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other("mkfifo")) }
}

fn me() -> Command {
    Command::new(env::args_os().next().unwrap())
}

/// The children: what the first argument says.
fn child(role: &str) -> i32 {
    let mut args = env::args().skip(2);
    match role {
        "echo" => println!("{}", args.collect::<Vec<_>>().join(" ")),
        "both" => {
            for i in 0..20000 {
                println!("out {i}");
                eprintln!("err {i}");
            }
        }
        "cat" => drop(io::copy(&mut io::stdin(), &mut io::stdout()).unwrap()),
        "exit" => return args.next().unwrap().parse().unwrap(),
        "env" => println!("{:?}", env::var(args.next().unwrap()).ok()),
        "pwd" => println!("{}", env::current_dir().unwrap().display()),
        "sleep" => std::thread::sleep(std::time::Duration::from_secs(60)),
        _ => return 99,
    }
    0
}

fn processes() -> io::Result<()> {
    let status = me().args(["exit", "5"]).status()?;
    println!("{status}, code {:?}, success {}", status.code(), status.success());
    let output = me().args(["echo", "a", "b c"]).output()?;
    println!("{:?} {:?}", String::from_utf8_lossy(&output.stdout), output.status.code());
    let output = me().arg("both").output()?;
    println!("flooded {} {}", output.stdout.len(), output.stderr.len());

    let mut cat = me().arg("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    cat.stdin.take().unwrap().write_all(b"through cat\n")?;
    let mut text = String::new();
    cat.stdout.take().unwrap().read_to_string(&mut text)?;
    println!("{text:?} {}", cat.wait()?);

    let mut sleeper = me().arg("sleep").spawn()?;
    println!("try_wait {:?}", sleeper.try_wait()?.is_some());
    sleeper.kill()?;
    let status = sleeper.wait()?;
    println!("{status}, signal {:?}", status.signal());

    println!("{:?}", me().args(["env", "FRUIT"]).env("FRUIT", "pear").output()?.stdout.len());
    println!("{:?}", me().args(["env", "FRUIT"]).env_clear().output()?.stdout);
    println!("{:?}", String::from_utf8(me().arg("pwd").current_dir("/").output()?.stdout).unwrap());
    println!("{:?}", Command::new("/does/not/exist").status().map_err(|error| error.kind()));
    println!("{:?}", Command::new("no-such-program").status().map_err(|error| error.kind()));
    println!("{:?}", me().arg("pwd").current_dir("/does/not/exist").status().map_err(|error| error.kind()));

    // A pipeline, and the same pipe for both of a child's streams.
    let (mut reader, writer) = io::pipe()?;
    let mut both = me().arg("both").stdout(writer.try_clone()?).stderr(writer).spawn()?;
    let mut all = Vec::new();
    reader.read_to_end(&mut all)?;
    println!("both {} {}", all.len(), both.wait()?);
    // stdout sent to where stderr goes, and the other way round
    let swapped = me().args(["echo", "swapped"]).stdout(io::stderr()).stderr(io::stdout()).status()?;
    println!("{swapped}");

    let output = unsafe { me().arg("pwd").pre_exec(|| env::set_current_dir("/tmp")).output()? };
    println!("hook {:?}, here {}", String::from_utf8_lossy(&output.stdout), env::current_dir()?.as_os_str() != "/tmp");
    let failed = unsafe { me().arg("pwd").pre_exec(|| Err(io::Error::from(io::ErrorKind::PermissionDenied))).status() };
    println!("failing hook {}", failed.is_err());
    Ok(())
}

fn files() -> io::Result<()> {
    let dir = env::temp_dir().join(format!("std-{}", std::process::id()));
    fs::create_dir(&dir)?;
    let there = env::current_dir()?;
    env::set_current_dir(&dir)?;
    println!("moved {}", env::current_dir()? == dir);

    let mut file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o640).open("file")?;
    file.write_all(b"0123456789")?;
    let mut copy = file.try_clone()?;
    copy.seek(SeekFrom::Start(3))?;
    let mut rest = String::new();
    file.read_to_string(&mut rest)?;
    println!("shared offset {rest:?}");
    let data = fs::metadata("file")?;
    println!("mode {:o}, {} bytes, {} links, owner {}", data.mode(), data.size(), data.nlink(), data.uid() == data.gid());
    fs::set_permissions("file", Permissions::from_mode(0o4711))?;
    println!("mode {:o}", fs::metadata("file")?.permissions().mode());
    fs::copy("file", "copy")?;
    println!("copy {:o}", fs::metadata("copy")?.permissions().mode() & 0o777);
    mkfifo("fifo", Permissions::from_mode(0o600))?;
    println!("fifo {}", fs::symlink_metadata("fifo")?.file_type().is_fifo());
    fs::create_dir_all("a/b/c")?;
    fs::write("a/b/f", "x")?;
    let mut names: Vec<_> = fs::read_dir("a/b")?.map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    println!("{names:?} {:?}", fs::canonicalize("a/../a/b/./f")?.strip_prefix(&dir).unwrap());
    println!("{:?}", File::open("nothing").map(drop).map_err(|error| error.kind()));
    println!("{:?}", fs::remove_dir("a").map_err(|error| error.kind()));

    env::set_current_dir(&there)?;
    fs::remove_dir_all(&dir)?;
    println!("gone {}", !dir.exists());
    println!("{:?}", env::split_paths("/a:/b").collect::<Vec<_>>());
    Ok(())
}

fn main() {
    if let Some(role) = env::args().nth(1) {
        std::process::exit(child(&role));
    }
    processes().unwrap();
    files().unwrap();
    let error = me().args(["echo", "exec'd"]).exec();
    println!("{error}");
}
