//! `coquina shell`: an interactive prompt over one sandbox.

use std::io::IsTerminal as _;

use anyhow::Result;
use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;

use super::args::SandboxArgs;
use super::{exec, setup};
use crate::sandbox::{Exec, Outcome, Output, Stdin};

/// Reads lines and runs each in the sandbox's shell session until `exit` or end of file.
pub fn shell(args: &SandboxArgs) -> Result<u8> {
    let sandbox = setup::sandbox(args)?;
    let runtime = exec::runtime()?;
    let mut editor = DefaultEditor::new()?;
    let terminal = std::io::stdin().is_terminal();
    let mut first = setup::apply(args, Exec::program([]))?;
    first.session = true;
    first.output = Output::Stream;
    let mut status = 0;
    loop {
        let line = match editor.readline("coquina$ ") {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => return Ok(status),
            Err(error) => return Err(error.into()),
        };
        let _ = editor.add_history_entry(&line);
        let script = complete(&mut editor, line)?;
        let words: Vec<&str> = script.split_whitespace().collect();
        if words.first() == Some(&"exit") && words.len() <= 2 {
            return Ok(words.get(1).and_then(|w| w.parse::<i64>().ok()).map_or(status, |n| n as u8));
        }
        let mut next = first.clone();
        next.argv = vec![b"bash".to_vec(), b"-c".to_vec(), script.into_bytes()];
        // The terminal is the editor's between commands, so a command gets its input only where that is no terminal's.
        next.stdin = if terminal { Stdin::Stream { terminal } } else { Stdin::Empty };
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

/// Asks for further lines while one ends in a backslash.
fn complete(editor: &mut DefaultEditor, mut script: String) -> Result<String> {
    while script.ends_with('\\') {
        match editor.readline("> ") {
            Ok(more) => {
                script.push('\n');
                script.push_str(&more);
            }
            Err(ReadlineError::Interrupted | ReadlineError::Eof) => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(script)
}
