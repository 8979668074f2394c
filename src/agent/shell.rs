//! Shell calls carried out: commands side by side in a container, their output told while they run.

use futures_util::StreamExt as _;
use futures_util::stream::{BoxStream, SelectAll, unfold};

use super::cancel::Cancelled;
use super::clip::{Clip, Stream};
use super::event::What;
use super::item::{CommandOutcome, CommandOutput, ShellAction};
use super::output::Output;
use crate::base::{Limit, Limits};
use crate::container::{ContainerError, Containers, ExecOptions, Together};
use crate::sandbox::{self, Characters, Exec, Outcome};

/// Commands of one call.
pub(super) const COMMANDS: usize = 16;

/// Longest command, in bytes.
pub(super) const COMMAND_BYTES: usize = 1 << 20;

/// Bytes of output that are told at once.
const TOLD_BYTES: usize = 64 << 10;

/// Where commands run and what they may use.
pub(super) struct Shell<'a> {
    pub containers: &'a Containers,
    pub container: &'a str,
    /// Fuel of each command, and its wall time in milliseconds.
    pub fuel: u64,
    pub wall_time_ms: u64,
    /// Characters of output that are kept of each command.
    pub chars: u64,
    pub options: ExecOptions,
}

/// The item that output is told of.
pub(super) struct Told<'a, 'e> {
    pub out: &'a mut Output<'e>,
    pub item_id: String,
    pub output_index: usize,
}

/// Commands that have ended.
pub(super) struct Ended {
    /// One for each command.
    pub output: Vec<CommandOutput>,
    /// What became of what they did; `None` if nothing is kept.
    pub together: Option<Together>,
    pub fuel: u64,
}

/// Kills commands if whoever waits for them goes away.
struct Killer<F: Fn()>(F);

impl<F: Fn()> Drop for Killer<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

impl Told<'_, '_> {
    async fn tell(&mut self, command_index: usize, delta: super::event::Written) {
        let (item_id, output_index) = (self.item_id.clone(), self.output_index);
        self.out.send(What::OutputDelta { item_id, output_index, command_index, delta }).await;
    }

    async fn done(&mut self, command_index: usize, output: CommandOutput) {
        let (item_id, output_index) = (self.item_id.clone(), self.output_index);
        self.out.send(What::OutputDone { item_id, output_index, command_index, output: vec![output] }).await;
    }
}

impl Told<'_, '_> {
    /// Says of each of so many commands that it was not run.
    pub async fn refuse(&mut self, commands: usize, reason: &str) -> Vec<CommandOutput> {
        let stderr = format!("coquina: {reason}\n");
        let refused = CommandOutput { stdout: String::new(), stderr, outcome: exit(126) };
        for index in 0..commands {
            self.tell(index, Stream::Stderr.wrote(refused.stderr.clone())).await;
            self.done(index, refused.clone()).await;
        }
        vec![refused; commands]
    }
}

/// Runs the commands of a call. If it is cancelled they are killed, and what they did and printed so far is kept.
pub(super) async fn run(
    shell: Shell<'_>,
    action: &ShellAction,
    mut told: Told<'_, '_>,
    cancelled: &Cancelled,
) -> Ended {
    let execs = action.commands.iter().map(|command| exec(&shell, command));
    let mut clips: Vec<Clip> = action.commands.iter().map(|_| Clip::new(shell.chars)).collect();
    let finished = match shell.containers.start_together(shell.container, execs.collect(), shell.options.clone()).await
    {
        Ok((streams, running)) => {
            let killer = Killer(running.canceller());
            let mut output = all(streams);
            let mut is_cancelled = false;
            loop {
                let next = tokio::select! {
                    next = output.next() => next,
                    () = cancelled.wait(), if !is_cancelled => {
                        running.cancel();
                        is_cancelled = true;
                        continue;
                    }
                };
                let Some((index, stream, text)) = next else { break };
                if let Some(delta) = clips[index].take(stream, &text) {
                    told.tell(index, delta).await;
                }
            }
            let finishing = running.finish();
            tokio::pin!(finishing);
            let finished = loop {
                tokio::select! {
                    finished = &mut finishing => break finished,
                    // What has closed its output may run on.
                    () = cancelled.wait(), if !is_cancelled => {
                        (killer.0)();
                        is_cancelled = true;
                    }
                }
            };
            drop(killer);
            finished
        }
        Err(error) => Err(error),
    };
    report(finished, clips, told).await
}

/// Tells how commands ended.
async fn report(finished: Result<Together, ContainerError>, clips: Vec<Clip>, mut told: Told<'_, '_>) -> Ended {
    let (mut output, mut fuel) = (Vec::with_capacity(clips.len()), 0);
    for (index, mut clip) in clips.into_iter().enumerate() {
        let (outcome, note) = match &finished {
            Ok(together) => {
                let finished = &together.finished[index];
                fuel += finished.metering.fuel;
                outcome_of(&finished.outcome)
            }
            // Nothing of what it did is there any more, whatever it was.
            Err(error @ ContainerError::NotKept { .. }) => (exit(1), Some(error.to_string())),
            Err(error) => (exit(126), Some(error.to_string())),
        };
        let mut deltas = Vec::new();
        if let Some(note) = note {
            deltas.extend(clip.take(Stream::Stderr, &format!("coquina: {note}\n")));
        }
        let (rest, stdout, stderr) = clip.finish();
        deltas.extend(rest);
        for delta in deltas {
            told.tell(index, delta).await;
        }
        let ended = CommandOutput { stdout, stderr, outcome };
        told.done(index, ended.clone()).await;
        output.push(ended);
    }
    if let Err(ContainerError::NotKept { finished, .. }) = &finished {
        fuel = finished.metering.fuel;
    }
    Ended { output, together: finished.ok(), fuel }
}

/// One command, as the container runs it.
fn exec(shell: &Shell<'_>, command: &str) -> Exec {
    let limits = Limits { fuel: shell.fuel, wall_time_ms: shell.wall_time_ms, ..Limits::default() };
    Exec { output: sandbox::Output::Stream, limits: Some(limits), ..Exec::bash(command) }
}

/// What all commands print, as it comes.
fn all(streams: Vec<sandbox::Streams>) -> SelectAll<BoxStream<'static, (usize, Stream, String)>> {
    let mut all = SelectAll::new();
    for (index, streams) in streams.into_iter().enumerate() {
        for (of, stream) in [(Stream::Stdout, streams.stdout), (Stream::Stderr, streams.stderr)] {
            let Some(stream) = stream else { continue };
            let pieces = unfold(Characters::new(stream), |mut text| async move {
                let bytes = text.next(TOLD_BYTES).await?;
                Some((String::from_utf8_lossy(&bytes).into_owned(), text))
            });
            all.push(pieces.map(move |piece| (index, of, piece)).boxed());
        }
    }
    all
}

fn exit(exit_code: i64) -> CommandOutcome {
    CommandOutcome::Exit { exit_code }
}

/// How a command ended, and what there is to say to it.
fn outcome_of(outcome: &Outcome) -> (CommandOutcome, Option<String>) {
    match outcome {
        Outcome::Exit { exit_code } => (exit(i64::from(*exit_code)), None),
        Outcome::Signal { number, .. } => (exit(128 + i64::from(*number)), None),
        Outcome::Limit(exceeded) if exceeded.limit == Limit::WallTime => (CommandOutcome::Timeout, None),
        Outcome::Limit(exceeded) => (exit(137), Some(exceeded.to_string())),
        Outcome::Cancelled => (exit(130), None),
    }
}
