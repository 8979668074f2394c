//! `coquina exec`.

use std::io::{self, IsTerminal as _, Read as _};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt as _;

use anyhow::{Context as _, Result};
use bytes::Bytes;

use super::args::{ExecArgs, ScriptArgs};
use super::{UsageError, report, setup};
use crate::sandbox::{Exec, InputStream, Output, OutputStream, Stdin, Streams};

/// Bytes read from the host's standard input at a time.
const INPUT_BYTES: usize = 64 << 10;

/// Runs one command and returns its exit status.
pub fn exec(args: &ExecArgs) -> Result<u8> {
    let mut exec = setup::apply(&args.sandbox, command(&args.what)?)?;
    if args.json {
        exec.stdin = Stdin::Stream { terminal: io::stdin().is_terminal() };
    } else {
        pass_through(&mut exec);
    }
    let sandbox = setup::sandbox(&args.sandbox)?;
    let finished = runtime()?.block_on(async {
        let (streams, running) = sandbox.start(exec).await?;
        anyhow::Ok(attend(streams, running.canceller(), running.finish()).await?)
    })?;
    if args.json {
        report::json(&finished, &())?;
    } else {
        report::limit(&finished.outcome);
        if args.metering {
            eprint!("{}", report::table(&finished.metering));
        }
    }
    Ok(finished.outcome.status())
}

/// Gives an exec this program's own standard streams, as terminals where they are.
pub fn pass_through(exec: &mut Exec) {
    exec.stdin = Stdin::Stream { terminal: io::stdin().is_terminal() };
    exec.output = Output::Stream;
    exec.stdout_terminal = terminal_size(io::stdout());
    exec.stderr_terminal = terminal_size(io::stderr());
}

fn terminal_size(stream: impl AsFd) -> Option<(u32, u32)> {
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    Some((size.ws_col.into(), size.ws_row.into()))
}

/// The runtime that attends to an exec's streams; its processes run on the engine's.
pub fn runtime() -> Result<tokio::runtime::Runtime> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("the runtime cannot be started")
}

/// What bash is to be started with.
pub fn command(args: &ScriptArgs) -> Result<Exec> {
    let mut argv = vec![b"bash".to_vec()];
    if let Some(script) = &args.script {
        argv.extend([b"-c".to_vec(), script.as_bytes().to_vec()]);
        argv.extend(args.args.iter().map(|a| a.as_bytes().to_vec()));
    } else if args.stdin_script {
        argv.push(b"-s".to_vec());
        argv.extend(args.args.iter().map(|a| a.as_bytes().to_vec()));
    } else {
        let (file, rest) = args.args.split_first().ok_or_else(|| {
            UsageError("nothing to run: give -c SCRIPT, a script FILE, or --stdin-script (see --help)".into())
        })?;
        if file.as_bytes().starts_with(b"-") {
            return Err(UsageError(format!("unknown option {} (see --help)", file.display())).into());
        }
        let script = std::fs::read(file).with_context(|| format!("script {}", file.display()))?;
        if script.split(|b| *b == b'\n').next().is_some_and(|line| line[..line.len().min(80)].contains(&0)) {
            anyhow::bail!("{}: cannot execute binary file", file.display());
        }
        return Ok(Exec::script(file.as_bytes(), script, rest.iter().map(|a| a.as_bytes().to_vec())));
    }
    Ok(Exec::program(argv))
}

/// Passes the streams on until an exec has finished; Ctrl-C cancels it.
pub async fn attend<T>(streams: Streams, cancel: impl Fn() + Send + 'static, finish: impl Future<Output = T>) -> T {
    if let Some(stdin) = streams.stdin {
        std::thread::spawn(move || feed(stdin));
    }
    let interrupt = tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            cancel();
        }
    });
    let stdout = streams.stdout.map(|s| tokio::task::spawn_blocking(|| drain(s, io::stdout())));
    let stderr = streams.stderr.map(|s| tokio::task::spawn_blocking(|| drain(s, io::stderr())));
    let finished = finish.await;
    for writer in [stdout, stderr].into_iter().flatten() {
        // It does not panic, and nobody aborts it.
        let _ = writer.await;
    }
    interrupt.abort();
    finished
}

/// Reads the host's standard input, no sooner than the guest wants it, for as long as it does.
fn feed(mut stdin: InputStream) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().build() else { return };
    let mut buffer = vec![0; INPUT_BYTES];
    while runtime.block_on(stdin.wanted()) {
        match io::stdin().read(&mut buffer) {
            Ok(0) | Err(_) => return,
            Ok(n) => runtime.block_on(stdin.send(Bytes::copy_from_slice(&buffer[..n]))),
        };
    }
}

/// Writes out what the guest writes; a host stream that is closed closes the guest's.
fn drain(mut from: OutputStream, mut to: impl io::Write) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().build() else { return };
    while let Some(chunk) = runtime.block_on(from.next()) {
        if to.write_all(&chunk).and_then(|()| to.flush()).is_err() {
            return;
        }
    }
}
