//! Other people's clients, pinned and from their registries: environments for Python and JavaScript, made once and kept in the build folder.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

/// Environments are made one at a time.
static MAKING: Mutex<()> = Mutex::new(());

/// Runs a program that must succeed; returns what it printed.
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e} (is it installed?)"));
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command:?}\n{}{}", said(&output.stdout), said(&output.stderr));
    said(&output.stdout)
}

/// The python of the environment `name` with these requirements.
pub fn python(name: &str, requirements: &Path) -> PathBuf {
    let home = environment(name, requirements, |home| {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(home));
        let install = ["-m", "pip", "install", "--quiet", "--requirement"];
        run(Command::new(home.join("bin/python")).args(install).arg(requirements));
    });
    home.join("bin/python")
}

/// Node, to run a script with the packages that the lock file in `folder` names.
pub fn node(name: &str, folder: &Path, script: &str) -> Command {
    let lock = folder.join("package-lock.json");
    let home = environment(name, &lock, |home| {
        std::fs::create_dir_all(home).expect("it can be made");
        for file in ["package.json", "package-lock.json"] {
            std::fs::copy(folder.join(file), home.join(file)).expect("it can be copied");
        }
        run(Command::new("npm").args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(home));
    });
    // Imports are looked up from where a script is.
    let script = folder.join(script);
    let copy = home.join(script.file_name().expect("it is a file"));
    std::fs::copy(&script, &copy).expect("it can be copied");
    let mut node = Command::new("node");
    node.arg(copy);
    node
}

/// The folder of an environment; made when what it is made from has changed.
fn environment(name: &str, made_from: &Path, make: impl FnOnce(&Path)) -> PathBuf {
    let _turn = MAKING.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let wanted = std::fs::read_to_string(made_from).expect("it is there");
    let made = home.join("made-from.txt");
    if std::fs::read_to_string(&made).is_ok_and(|made| made == wanted) {
        return home;
    }
    make(&home);
    std::fs::write(made, wanted).expect("it can be written");
    home
}
