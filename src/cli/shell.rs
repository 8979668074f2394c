//! `coquina shell`: an interactive prompt over one sandbox; and the conversation that `coquina box shell` has, too.

use std::io::IsTerminal as _;

use anyhow::Result;
use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;
use tokio::runtime::Runtime;

use super::args::SandboxArgs;
use super::{exec, report, setup};
use crate::sandbox::{Exec, Outcome, Sandbox, Stdin, typed};

/// Runs the commands read in a fresh sandbox's shell session.
pub fn shell(args: &SandboxArgs) -> Result<u8> {
    let sandbox = setup::sandbox(args)?;
    let runtime = exec::runtime()?;
    let first = session(setup::apply(args, Exec::program([]))?);
    converse("coquina$ ", &sandbox, &runtime, |script| {
        let next = command(&first, script);
        let finished = runtime.block_on(async {
            let (streams, running) = sandbox.start(next).await?;
            anyhow::Ok(exec::attend(streams, running.canceller(), running.finish()).await?)
        })?;
        Ok(finished.outcome)
    })
}

/// What the commands of a session have in common: streams and terminals as this program has them.
pub fn session(mut exec: Exec) -> Exec {
    exec::pass_through(&mut exec);
    if !std::io::stdin().is_terminal() {
        // The commands come from there: none of it is theirs to read.
        exec.stdin = Stdin::Empty;
    }
    exec.session = true;
    exec
}

/// The session's next command.
pub fn command(session: &Exec, script: String) -> Exec {
    Exec { argv: vec![b"bash".to_vec(), b"-c".to_vec(), script.into_bytes()], ..session.clone() }
}

/// Reads commands and runs each until `exit` or end of file; returns the status to exit with. In `parser` each is
/// only parsed, to tell whether it is whole.
pub fn converse(
    prompt: &str,
    parser: &Sandbox,
    runtime: &Runtime,
    mut run: impl FnMut(String) -> Result<Outcome>,
) -> Result<u8> {
    let mut editor = DefaultEditor::new()?;
    let mut status = 0;
    loop {
        let script = match read_command(&mut editor, prompt, parser, runtime) {
            Ok(script) => script,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => return Ok(status),
            Err(error) => return Err(error.into()),
        };
        if script.trim().is_empty() {
            continue;
        }
        let _ = editor.add_history_entry(&script);
        if let Some(status) = typed::leaves(script.as_bytes(), status) {
            return Ok(status);
        }
        let outcome = run(script)?;
        status = outcome.status();
        report::limit(&outcome);
    }
}

/// Reads lines until they are whole commands.
fn read_command(
    editor: &mut DefaultEditor,
    prompt: &str,
    sandbox: &Sandbox,
    runtime: &Runtime,
) -> rustyline::Result<String> {
    let mut script = editor.readline(prompt)?;
    while runtime.block_on(typed::is_unfinished(sandbox, script.as_bytes())) {
        script.push('\n');
        match editor.readline("> ") {
            Ok(more) => script.push_str(&more),
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(script)
}
