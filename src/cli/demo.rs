//! The second half of `make demo`: a sandbox, a fork of it, and the difference between them.

use std::os::unix::ffi::OsStrExt as _;

use anyhow::{Context as _, Result, bail};

use super::args::DemoArgs;
use super::{exec, report, setup};
use crate::sandbox::{Exec, Finished, Outcome, Sandbox, Snapshot};
use crate::vfs::ChangeKind;

/// What the demo does to the fork: the kind of mistake an agent makes.
const BREAKAGE: &str = "cd /home/user && rm -rf out/report.md && echo broken > out/summary.csv && ls -l out";

/// Runs the script, shows its output and metering, then breaks a fork of the sandbox and shows the original untouched.
pub fn demo(args: &DemoArgs) -> Result<u8> {
    let script = std::fs::read(&args.script).with_context(|| format!("script {}", args.script.display()))?;
    let mut argv = vec![b"bash".to_vec(), b"-c".to_vec(), script, b"report.sh".to_vec()];
    argv.extend(args.args.iter().map(|a| a.as_bytes().to_vec()));
    let sandbox = setup::sandbox(&args.sandbox)?;
    let runtime = exec::runtime()?;
    let run = |sandbox: &Sandbox, exec: Exec| runtime.block_on(sandbox.exec(exec));

    let finished = run(&sandbox, setup::apply(&args.sandbox, Exec::program(argv))?)?;
    show(&finished)?;
    println!("\n--- what each process used");
    print!("{}", report::table(&finished.metering));

    println!("\n--- a fork of the sandbox, broken: {BREAKAGE}");
    let before = sandbox.snapshot();
    let fork = sandbox.fork()?;
    show(&run(&fork, Exec::bash(BREAKAGE))?)?;
    println!("\n--- the fork against the original");
    print_diff(&before, &fork.snapshot())?;
    println!("\n--- the original against itself before the fork");
    print_diff(&before, &sandbox.snapshot())?;
    Ok(0)
}

fn show(finished: &Finished) -> Result<()> {
    print!("{}", String::from_utf8_lossy(&finished.stdout.bytes));
    eprint!("{}", String::from_utf8_lossy(&finished.stderr.bytes));
    match &finished.outcome {
        Outcome::Exit { exit_code: 0 } => Ok(()),
        outcome => bail!("the demo's script failed: {outcome:?}"),
    }
}

fn print_diff(old: &Snapshot, new: &Snapshot) -> Result<()> {
    let changes = old.tree().diff(new.tree())?;
    if changes.is_empty() {
        println!("(no difference)");
    }
    for change in changes {
        let sign = match change.kind {
            ChangeKind::Added => 'A',
            ChangeKind::Removed => 'D',
            ChangeKind::Modified => 'M',
            ChangeKind::Attributes => 'a',
        };
        println!("{sign} {}", String::from_utf8_lossy(&change.path));
    }
    Ok(())
}
