//! `coquina shell`: an interactive prompt over one sandbox.

use std::io::IsTerminal as _;

use anyhow::Result;
use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;
use tokio::runtime::Runtime;

use super::args::SandboxArgs;
use super::{exec, setup};
use crate::sandbox::{Exec, Outcome, Sandbox, Stdin};

/// What bash says of a script that goes on: asked for with `-n`, which runs nothing.
const UNFINISHED: [&str; 2] = ["unexpected end of file", "unexpected EOF while looking for matching"];

/// Reads commands and runs each in the sandbox's shell session until `exit` or end of file.
pub fn shell(args: &SandboxArgs) -> Result<u8> {
    let sandbox = setup::sandbox(args)?;
    let runtime = exec::runtime()?;
    let mut editor = DefaultEditor::new()?;
    let mut first = setup::apply(args, Exec::program([]))?;
    exec::pass_through(&mut first);
    if !std::io::stdin().is_terminal() {
        // The commands come from there: none of it is theirs to read.
        first.stdin = Stdin::Empty;
    }
    first.session = true;
    let mut status = 0;
    loop {
        let script = match read_command(&mut editor, &sandbox, &runtime) {
            Ok(script) => script,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => return Ok(status),
            Err(error) => return Err(error.into()),
        };
        let _ = editor.add_history_entry(&script);
        let words: Vec<&str> = script.split_whitespace().collect();
        if words.first() == Some(&"exit") && words.len() <= 2 {
            return Ok(words.get(1).and_then(|w| w.parse::<i64>().ok()).map_or(status, |n| n as u8));
        }
        let mut next = first.clone();
        next.argv = vec![b"bash".to_vec(), b"-c".to_vec(), script.into_bytes()];
        let finished = runtime.block_on(async {
            let (streams, running) = sandbox.start(next).await?;
            exec::attend(streams, running).await
        })?;
        status = exec::status(&finished.outcome);
        if let Outcome::Limit(exceeded) = finished.outcome {
            eprintln!("coquina: {exceeded}");
        }
    }
}

/// Reads lines until they are whole commands.
fn read_command(editor: &mut DefaultEditor, sandbox: &Sandbox, runtime: &Runtime) -> rustyline::Result<String> {
    let mut script = editor.readline("coquina$ ")?;
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
