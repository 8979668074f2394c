//! `coquina shell`: an interactive prompt over one sandbox; and the conversation that `coquina box shell` has, too.

use std::io::IsTerminal as _;

use anyhow::Result;
use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;
use tokio::runtime::Runtime;

use super::args::SandboxArgs;
use super::{exec, report, setup};
use crate::sandbox::{Exec, Outcome, Sandbox, Stdin};

/// What bash says of a script that goes on: asked for with `-n`, which runs nothing.
const UNFINISHED: [&str; 2] = ["unexpected end of file", "unexpected EOF while looking for matching"];

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
        let words: Vec<&str> = script.split_whitespace().collect();
        if words.first() == Some(&"exit") && words.len() <= 2 {
            return Ok(words.get(1).and_then(|w| w.parse::<i64>().ok()).map_or(status, |n| n as u8));
        }
        let outcome = run(script)?;
        status = exec::status(&outcome);
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
    while is_unfinished(&script, sandbox, runtime) {
        script.push('\n');
        match editor.readline("> ") {
            Ok(more) => script.push_str(&more),
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(script)
}

fn is_unfinished(script: &str, sandbox: &Sandbox, runtime: &Runtime) -> bool {
    if script.ends_with('\\') {
        return true;
    }
    let words = ["bash", "-n", "-c", script].map(|word| word.as_bytes().to_vec());
    let Ok(parsed) = runtime.block_on(sandbox.exec(Exec::program(words))) else { return false };
    let said = String::from_utf8_lossy(&parsed.stderr.bytes);
    parsed.outcome == Outcome::Exit { exit_code: 2 } && UNFINISHED.iter().any(|text| said.contains(text))
}
