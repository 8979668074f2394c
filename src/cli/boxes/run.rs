//! `box exec` and `box shell`.

use std::io::IsTerminal as _;

use anyhow::Result;
use serde::Serialize;
use serde_json::Value;

use super::args::{ExecArgs, ExecSettings, ShellArgs};
use super::{Boxes, change};
use crate::base::Limits;
use crate::cli::args::ScriptArgs;
use crate::cli::{exec, format, report, setup, shell};
use crate::container::{ContainerError, Done, ExecOptions, Landed};
use crate::sandbox::{Exec, Sandbox, SandboxConfig, Stdin};
use crate::storage::{LogRecord, ProposalRecord};

/// What `box exec --json` says beyond `exec --json`.
#[derive(Default, Serialize)]
struct Kept<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<&'a LogRecord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proposal: Option<&'a ProposalRecord>,
    changes: Vec<Value>,
    /// Why nothing was kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Runs one command in a box and returns its exit status.
pub fn exec(boxes: &Boxes, args: &ExecArgs) -> Result<u8> {
    let mut exec = limited(&args.settings, exec::command(&args.what)?);
    exec.session = args.session;
    if boxes.json {
        exec.stdin = Stdin::Stream { terminal: std::io::stdin().is_terminal() };
    } else {
        exec::pass_through(&mut exec);
    }
    let mut options = options(&args.settings)?;
    (options.parallel, options.propose) = (args.parallel, args.propose);
    options.command = command_text(&args.what);
    let done = match attend(boxes, &args.name, exec, options) {
        Err(ContainerError::NotKept { finished, why }) if boxes.json => {
            report::json(&finished, &Kept { error: Some(why.to_string()), ..Kept::default() })?;
            return Err(ContainerError::NotKept { finished, why }.into());
        }
        done => done?,
    };
    if boxes.json {
        report::json(&done.finished, &kept(&done)?)?;
    } else {
        report::limit(&done.finished.outcome);
        if args.metering {
            eprint!("{}", report::table(&done.finished.metering));
        }
        announce(&done)?;
    }
    Ok(done.finished.outcome.status())
}

/// Runs an exec while its streams are this program's.
fn attend(boxes: &Boxes, name: &str, exec: Exec, options: ExecOptions) -> Result<Done, ContainerError> {
    boxes.wait(async {
        let (streams, running) = boxes.containers.start(name, exec, options).await?;
        exec::attend(streams, running.canceller(), running.finish()).await
    })
}

fn kept(done: &Done) -> Result<Kept<'_>> {
    let kept = Kept { changes: change::json_changes(&done.changes()?), ..Kept::default() };
    Ok(match &done.landed {
        Landed::Committed(log) => Kept { log: Some(log), ..kept },
        Landed::Proposed(proposal) => Kept { proposal: Some(proposal), ..kept },
    })
}

/// Tells people that a proposal waits for them.
fn announce(done: &Done) -> Result<()> {
    if let Landed::Proposed(proposal) = &done.landed {
        let id = &proposal.id;
        eprint!("{}", change::table(&done.changes()?).plain());
        eprintln!(
            "coquina: nothing has changed yet; `coquina box apply {id}` does that, `coquina box discard {id}` drops it"
        );
    }
    Ok(())
}

/// A prompt in a box's session until `exit` or end of file.
pub fn shell(boxes: &Boxes, args: &ShellArgs) -> Result<u8> {
    let options = options(&args.settings)?;
    let first = shell::session(limited(&args.settings, Exec::program([])));
    let called = boxes.wait(boxes.containers.get(&args.name))?.name;
    let parser = Sandbox::new(boxes.containers.image(), SandboxConfig::default())?;
    let status = shell::converse(&format!("{called}$ "), &parser, &boxes.runtime, |script| {
        let done = attend(boxes, &args.name, shell::command(&first, script), options.clone())?;
        announce(&done)?;
        Ok(done.finished.outcome)
    })?;
    for (pid, program) in boxes.wait(boxes.containers.background(&args.name))? {
        eprintln!("coquina: ending background process {pid} ({})", format::printable(program.as_bytes()));
    }
    Ok(status)
}

/// The exec with the limits that the arguments narrow.
fn limited(args: &ExecSettings, mut exec: Exec) -> Exec {
    let wide = Limits {
        fuel: u64::MAX,
        wall_time_ms: u64::MAX,
        output_bytes: u64::MAX,
        shell_recursion: u32::MAX,
        ..Limits::default()
    };
    exec.limits = Some(Limits {
        fuel: args.fuel.unwrap_or(wide.fuel),
        wall_time_ms: args.timeout.unwrap_or(wide.wall_time_ms),
        ..wide
    });
    exec
}

fn options(args: &ExecSettings) -> Result<ExecOptions> {
    let cwd = args.cwd.clone().map(String::into_bytes);
    Ok(ExecOptions { env: setup::pairs(&args.env)?, cwd, ..ExecOptions::default() })
}

/// What the log says was run: a script's name rather than its text.
fn command_text(what: &ScriptArgs) -> Option<String> {
    let from_file = what.script.is_none() && !what.stdin_script;
    let words = what.args.iter().map(|word| word.to_string_lossy());
    from_file.then(|| words.collect::<Vec<_>>().join(" "))
}
