//! Execs in containers: waiting for their turn, running, and what becomes of what they did.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::error::ContainerError;
use super::land::{Entry, judge};
use super::live::{Cancel, Shared, Slot, Turn, read_settings};
use super::reference::Ref;
use super::service::{Containers, Result, sandbox_config};
use super::settings::{Access, Profile, Settings};
use super::state::State;
use crate::kernel::Signal;
use crate::sandbox::{Exec, ExecError, Finished, Outcome, Running, Sandbox, Streams};
use crate::storage::{LogRecord, ProposalRecord};
use crate::vfs::{FileChange, Tree};

/// Longest command kept in the log, in bytes; of a longer one its beginning.
const COMMAND_BYTES: usize = 64 << 10;

/// How an exec is to be run in a container.
#[derive(Clone, Debug, Default)]
pub struct ExecOptions {
    /// Run beside others, as a shell of its own, instead of after those that were asked for before. Where the container's profile may turn execs
    /// into proposals they run one after another all the same.
    pub parallel: bool,
    /// Run in a fork; what it does becomes a proposal.
    pub propose: bool,
    /// What it may change in that fork, beside what the container's profile allows: what either forbids is forbidden.
    pub profile: Profile,
    /// Environment variables, over the container's, which are over the exec's.
    pub env: Vec<(Vec<u8>, Vec<u8>)>,
    /// Working directory, before the container's, which is before the exec's.
    pub cwd: Option<Vec<u8>>,
    /// What the log says was run; `None`: the script or the arguments.
    pub command: Option<String>,
}

/// An exec in a container. Dropping it lets the exec run on, and what it does is committed; [`RunningExec::cancel`] ends it.
pub struct RunningExec(RunningTogether);

impl RunningExec {
    /// Kills every process of the exec. What it did so far is kept, and the log says that it was cancelled.
    pub fn cancel(&self) {
        self.0.cancel();
    }

    /// Something that cancels it from elsewhere.
    pub fn canceller(&self) -> impl Fn() + Send + Sync + use<> {
        self.0.canceller()
    }

    /// Something that sends a signal to the group of its first process, as a terminal does for Ctrl-C.
    pub fn signaller(&self) -> impl Fn(Signal) + Send + Sync + use<> {
        let signal = self.0.signal.clone();
        move |number| signal(number)
    }

    /// Waits until it has ended and what it did is committed, as the container's durability asks.
    ///
    /// # Errors
    /// The host failed it, or what it did cannot be kept ([`ContainerError::NotKept`]).
    pub async fn finish(self) -> Result<Done> {
        let Together { mut finished, landed, before, after } = self.0.finish().await?;
        let finished = finished.pop().expect("one was started");
        Ok(Done { finished, landed, before, after })
    }
}

/// Execs that run side by side and land as one change: one log record, one state. For the rest as [`RunningExec`].
pub struct RunningTogether {
    cancel: Cancel,
    signal: Arc<dyn Fn(Signal) + Send + Sync>,
    done: oneshot::Receiver<Result<Together>>,
}

impl RunningTogether {
    /// Kills every process of all of them. What they did so far is kept.
    pub fn cancel(&self) {
        (self.cancel)();
    }

    /// Something that cancels them from elsewhere.
    pub fn canceller(&self) -> impl Fn() + Send + Sync + use<> {
        let cancel = self.cancel.clone();
        move || cancel()
    }

    /// Waits until all have ended and what they did is committed, as the container's durability asks.
    ///
    /// # Errors
    /// As for [`RunningExec::finish`].
    pub async fn finish(self) -> Result<Together> {
        self.done.await.map_err(|_| ContainerError::Abandoned)?
    }
}

/// An exec that has ended.
#[derive(Debug)]
pub struct Done {
    /// How it ended, what it printed and used.
    pub finished: Finished,
    /// What became of what it did.
    pub landed: Landed,
    before: Tree,
    after: Tree,
}

impl Done {
    /// What is otherwise now than when it began, sorted by path; computed when asked for, at the cost of what has changed.
    ///
    /// # Errors
    /// A stored file cannot be read.
    pub fn changes(&self) -> Result<Vec<FileChange>> {
        Ok(self.before.describe(&self.after)?)
    }
}

/// Execs that ran side by side and have ended.
#[derive(Debug)]
pub struct Together {
    /// How each ended, in the order they were given.
    pub finished: Vec<Finished>,
    /// What became of what they did.
    pub landed: Landed,
    before: Tree,
    after: Tree,
}

impl Together {
    /// Whether anything may be otherwise now; costs next to nothing.
    pub fn has_changed(&self) -> bool {
        !self.before.is_unchanged(&self.after)
    }

    /// As [`Done::changes`].
    ///
    /// # Errors
    /// A stored file cannot be read.
    pub fn changes(&self) -> Result<Vec<FileChange>> {
        Ok(self.before.describe(&self.after)?)
    }
}

/// What became of a change.
#[derive(Clone, Debug)]
pub enum Landed {
    /// It was committed, and this log record says so.
    Committed(LogRecord),
    /// It awaits a decision; the container is as it was.
    Proposed(ProposalRecord),
}

/// Where an exec runs, and what it holds while it does.
enum Place {
    /// In the container.
    Container { slot: Arc<Slot>, live: Shared, _turn: Option<Turn> },
    /// In a fork of it that takes its place if the profile lets everything it did be.
    Judged { slot: Arc<Slot>, live: Shared, base: State, _turn: Turn },
    /// In a fork of it.
    Fork { id: String, base: State, profile: Profile },
}

impl Containers {
    /// Starts an exec. Unless it is parallel it first waits for those that were asked for before it.
    ///
    /// # Errors
    /// There is no such container, it has expired, another process has it in use, or the program cannot be started.
    pub async fn start(&self, id_or_name: &str, exec: Exec, options: ExecOptions) -> Result<(Streams, RunningExec)> {
        let (mut streams, running) = self.start_together(id_or_name, vec![exec], options).await?;
        Ok((streams.pop().expect("one was started"), RunningExec(running)))
    }

    /// Starts execs side by side in one tree; what they do lands together when the last has ended. For the rest as [`Containers::start`].
    ///
    /// # Errors
    /// As for [`Containers::start`]. If one cannot be started, those that were are cancelled.
    pub async fn start_together(
        &self,
        id_or_name: &str,
        execs: Vec<Exec>,
        options: ExecOptions,
    ) -> Result<(Vec<Streams>, RunningTogether)> {
        if execs.is_empty() {
            return Err(ContainerError::Settings("there is nothing to run".into()));
        }
        let id = self.resolve(id_or_name).await?;
        if options.propose {
            return self.start_fork(id, execs, &options).await;
        }
        let slot = self.slot(&id);
        let started = self.start_in(&slot, execs, &options).await;
        self.leave(slot);
        started
    }

    /// Runs an exec to its end.
    ///
    /// # Errors
    /// As for [`Containers::start`] and [`RunningExec::finish`].
    pub async fn exec(&self, id_or_name: &str, exec: Exec, options: ExecOptions) -> Result<Done> {
        let (_streams, running) = self.start(id_or_name, exec, options).await?;
        running.finish().await
    }

    /// Processes that a container's session left running, with their first arguments.
    ///
    /// # Errors
    /// There is no such container.
    pub async fn background(&self, id_or_name: &str) -> Result<Vec<(i32, String)>> {
        let id = self.find(id_or_name).await?.id;
        let Some(slot) = self.slot_in_use(&id) else { return Ok(Vec::new()) };
        let running = slot.peek().await.map(|live| live.sandbox().background());
        self.leave(slot);
        Ok(running.unwrap_or_default())
    }

    async fn start_in(
        &self,
        slot: &Arc<Slot>,
        execs: Vec<Exec>,
        options: &ExecOptions,
    ) -> Result<(Vec<Streams>, RunningTogether)> {
        let mut turn = if options.parallel { None } else { Some(slot.turn().await) };
        let mut live = self.shared(slot).await?;
        if live.settings.profile.proposes() && turn.is_none() {
            // The turn is taken before the container.
            drop(live);
            turn = Some(slot.turn().await);
            live = self.shared(slot).await?;
        }
        let execs: Vec<_> = execs.into_iter().map(|exec| dressed(exec, &live.settings, options)).collect();
        let command = command(&execs, options);
        let (sandbox, place) = match turn {
            Some(turn) if live.settings.profile.proposes() => {
                let base = live.state(&slot.id);
                let fork = self.fork_of(&base, &live.settings)?;
                (fork, Place::Judged { slot: slot.clone(), live, base, _turn: turn })
            }
            turn => (live.sandbox(), Place::Container { slot: slot.clone(), live, _turn: turn }),
        };
        self.run(sandbox, place, execs, command).await
    }

    async fn start_fork(
        &self,
        id: String,
        execs: Vec<Exec>,
        options: &ExecOptions,
    ) -> Result<(Vec<Streams>, RunningTogether)> {
        let mut settings = read_settings(&self.find(&id).await?)?;
        settings.profile = settings.profile.and(&options.profile);
        let base = self.held(&Ref::Container(id.clone())).await?;
        let fork = self.fork_of(&base, &settings)?;
        let execs: Vec<_> = execs.into_iter().map(|exec| dressed(exec, &settings, options)).collect();
        let command = command(&execs, options);
        self.run(fork, Place::Fork { id, base, profile: settings.profile }, execs, command).await
    }

    /// A sandbox of its own that starts from `state`. It ends with its exec, and so does what that leaves running.
    fn fork_of(&self, state: &State, settings: &Settings) -> Result<Arc<Sandbox>> {
        let config = crate::sandbox::SandboxConfig { background: false, ..sandbox_config(settings, &state.tree) };
        Ok(Arc::new(Sandbox::open(self.image(), &state.snapshot(), config)?))
    }

    async fn run(
        &self,
        sandbox: Arc<Sandbox>,
        place: Place,
        execs: Vec<Exec>,
        command: String,
    ) -> Result<(Vec<Streams>, RunningTogether)> {
        let before = sandbox.snapshot().tree().clone();
        let started_at_ms = self.now_ms();
        let (streams, running) = start_all(&sandbox, execs).await?;
        let cancel: Cancel = {
            let cancellers: Vec<_> = running.iter().map(Running::canceller).collect();
            Arc::new(move || cancellers.iter().for_each(|cancel| cancel()))
        };
        let signallers: Vec<_> = running.iter().map(Running::signaller).collect();
        let signal = Arc::new(move |number| signallers.iter().for_each(|signal| signal(number)));
        let slot = match &place {
            Place::Container { slot, .. } | Place::Judged { slot, .. } => Some(slot.clone()),
            Place::Fork { .. } => None,
        };
        let number = slot.as_ref().map(|slot| slot.runs(cancel.clone()));
        let (send, done) = oneshot::channel();
        let this = self.clone();
        tokio::spawn(async move {
            let ended = this.see_out(sandbox, place, running, before, command, started_at_ms).await;
            if let (Some(slot), Some(number)) = (slot, number) {
                slot.ended(number);
                this.leave(slot);
            }
            let _ = send.send(ended);
        });
        Ok((streams, RunningTogether { cancel, signal, done }))
    }

    /// Waits until all have ended and lands what they did.
    async fn see_out(
        &self,
        sandbox: Arc<Sandbox>,
        place: Place,
        running: Vec<Running>,
        before: Tree,
        command: String,
        started_at_ms: i64,
    ) -> Result<Together> {
        let mut finished = match finish_all(running).await {
            Ok(finished) => finished,
            Err(error) => {
                // The files may be half of what was being read: back to what is stored.
                if let Place::Container { slot, live, .. } = &place {
                    slot.fail(live, None);
                }
                return Err(error.into());
            }
        };
        let entry =
            Entry { kind: "exec", command, outcome: outcome(&finished), started_at_ms, is_judged: true, is_use: true };
        let after = sandbox.snapshot().tree().clone();
        let landed = match place {
            Place::Container { slot, live, .. } => {
                self.land(&slot, &live, entry, Vec::new()).await.map(Landed::Committed)
            }
            Place::Judged { slot, live, base, _turn } => self.land_judged(&slot, &live, sandbox, &base, entry).await,
            Place::Fork { id, base, profile } => match judge(&profile, &before, &after) {
                Ok(_) => self.propose(&id, &base, sandbox.snapshot(), entry).await.map(Landed::Proposed),
                Err(forbidden) => Err(forbidden),
            },
        };
        match landed {
            Ok(landed) => Ok(Together { finished, landed, before, after }),
            Err(why) => {
                let finished = Box::new(finished.swap_remove(0));
                Err(ContainerError::NotKept { finished, why: Box::new(why) })
            }
        }
    }

    /// Lands what a fork did in the container it was forked from, or as a proposal.
    async fn land_judged(
        &self,
        slot: &Arc<Slot>,
        live: &Shared,
        fork: Arc<Sandbox>,
        base: &State,
        entry: Entry,
    ) -> Result<Landed> {
        let after = fork.snapshot();
        if judge(&live.settings.profile, &base.tree, after.tree())? == Access::ProposeWrites {
            return Ok(Landed::Proposed(self.propose(&slot.id, base, after, entry).await?));
        }
        live.set_sandbox(fork);
        let entry = Entry { is_judged: false, ..entry };
        Ok(Landed::Committed(self.land(slot, live, entry, Vec::new()).await?))
    }
}

/// An exec with the container's environment and working directory, and those it was asked to have.
fn dressed(mut exec: Exec, settings: &Settings, options: &ExecOptions) -> Exec {
    for (name, value) in &settings.env {
        exec = exec.with_env(name.as_bytes(), value.as_bytes());
    }
    for (name, value) in &options.env {
        exec = exec.with_env(name.as_slice(), value.as_slice());
    }
    if let Some(cwd) = options.cwd.clone().or_else(|| settings.cwd.clone().map(String::into_bytes)) {
        exec.cwd = cwd;
    }
    exec
}

/// Starts execs side by side. Those that were started before one that cannot be are cancelled.
async fn start_all(sandbox: &Sandbox, execs: Vec<Exec>) -> Result<(Vec<Streams>, Vec<Running>)> {
    let (mut streams, mut running) = (Vec::with_capacity(execs.len()), Vec::with_capacity(execs.len()));
    for exec in execs {
        match sandbox.start(exec).await {
            Ok((stream, run)) => {
                streams.push(stream);
                running.push(run);
            }
            Err(error) => {
                running.iter().for_each(Running::cancel);
                drop(streams);
                let _ = finish_all(running).await;
                return Err(error.into());
            }
        }
    }
    Ok((streams, running))
}

/// Waits until all have ended; the first that the host failed says why.
async fn finish_all(running: Vec<Running>) -> std::result::Result<Vec<Finished>, ExecError> {
    let mut ended = Vec::with_capacity(running.len());
    for run in running {
        ended.push(run.finish().await);
    }
    ended.into_iter().collect()
}

/// What the log says was run; of several each on a line.
fn command(execs: &[Exec], options: &ExecOptions) -> String {
    let text = options.command.clone().map(String::into_bytes);
    let text = text.unwrap_or_else(|| execs.iter().map(script).collect::<Vec<_>>().join(&b'\n'));
    String::from_utf8_lossy(&text[..text.len().min(COMMAND_BYTES)]).into_owned()
}

fn script(exec: &Exec) -> Vec<u8> {
    match exec.argv.as_slice() {
        [bash, c, script] if bash == b"bash" && c == b"-c" => script.clone(),
        argv => argv.join(&b' '),
    }
}

/// What the log says of how execs ended: of several their sums, the highest peak, and as `outcome` the first that is no success.
fn outcome(finished: &[Finished]) -> Value {
    let is_success = |outcome: &&Outcome| matches!(outcome, Outcome::Exit { exit_code: 0 });
    let outcomes = || finished.iter().map(|f| &f.outcome);
    let shown = outcomes().find(|outcome| !is_success(outcome)).or_else(|| outcomes().next());
    let metering = || finished.iter().map(|f| &f.metering);
    json!({
        "outcome": shown,
        "fuel": metering().map(|m| m.fuel).sum::<u64>(),
        "memory_peak_bytes": metering().map(|m| m.memory_peak_bytes).max(),
        "processes": metering().map(|m| m.processes_total).sum::<u64>(),
        "wall_seconds": metering().map(|m| m.wall_seconds).fold(0.0, f64::max),
    })
}
