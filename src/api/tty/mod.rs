//! `GET /v1/containers/{id}/tty`: an interactive shell in a container, over a WebSocket.
//!
//! Binary frames are what is typed and what is printed; text frames are JSON ([`FromClient`], [`ToClient`]). Every command that is typed is an
//! exec of the container's session, with all that goes with it: its turn, quotas, a log record, the audit. What it reads is what is typed
//! while it runs. A client that goes away takes the command that runs along.

mod line;

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::RawQuery;
use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use axum::response::Response;
use bytes::Bytes;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, timeout};
use tracing::Instrument as _;

use crate::api::container_exec::Job;
use crate::api::containers;
use crate::api::error::ApiError;
use crate::api::exec;
use crate::api::fields::Fields;
use crate::api::gate::Caller;
use crate::api::json;
use crate::api::path::Within;
use crate::api::service::Service;
use crate::api::socket::{self, Seat};
use crate::api::telemetry;
use crate::api::wire::{Answer, FromClient, ToClient};
use crate::base::Limits;
use crate::container::{ExecOptions, RunningExec};
use crate::kernel::Signal;
use crate::sandbox::{Exec, InputStream, Output, OutputStream, Sandbox, SandboxConfig, Stdin, Streams, typed};
use line::{Terminal, TooMuch, Typed};

/// Largest message of a client, in bytes.
const MESSAGE_BYTES: usize = 64 << 10;

/// Largest command, over all its lines, in bytes.
const COMMAND_BYTES: usize = 1 << 20;

/// Columns or rows that a terminal may have.
const SIZES: std::ops::RangeInclusive<u32> = 1..=10_000;

/// Pings that a client may leave unanswered.
const PINGS: u32 = 3;

/// How long is waited for a client to say that it has seen the end.
const LEAVE: Duration = Duration::from_secs(1);

const PROMPT: &[u8] = b"$ ";
const MORE: &[u8] = b"> ";

/// Opens a terminal.
#[utoipa::path(get, path = "/v1/containers/{container_id}/tty", tag = "exec",
    params(("container_id" = String, Path), ("cols" = Option<u32>, Query, description = "80 if absent"), ("rows" = Option<u32>, Query, description = "24 if absent")),
    responses((status = 101, description = "A WebSocket. Binary frames: what is typed and printed. Text frames to the service: `{\"type\": \"resize\", \"cols\", \"rows\"}`, `{\"type\": \"signal\", \"signal\": \"INT\"}`; from it: `{\"type\": \"ready\"}`, `{\"type\": \"error\", \"message\"}`, `{\"type\": \"exit\", \"code\"}`")))]
pub(super) async fn open(
    Within { service, caller, container }: Within,
    RawQuery(query): RawQuery,
    asked: socket::Asked,
) -> Result<Response, ApiError> {
    let mut fields = Fields::query(query.as_deref())?;
    let size = (side(&mut fields, "cols", 80)?, side(&mut fields, "rows", 24)?);
    fields.finish()?;
    let container = container.id;
    let (upgrade, seat) = socket::accept(&service, &caller, asked, MESSAGE_BYTES)?;
    Ok(upgrade.on_upgrade(move |socket| {
        let pulse = pulse(service.0.config.keep_alive);
        let (terminal, now) = (Terminal::default(), Instant::now());
        attend(Tty { socket, service, caller, container, size, terminal, pulse, heard: now, active: now }, seat)
    }))
}

fn side(fields: &mut Fields, name: &str, otherwise: u32) -> Result<u32, ApiError> {
    let side = fields.number(name)?.unwrap_or(otherwise);
    let why = || format!("expected a number from {} to {}", SIZES.start(), SIZES.end());
    SIZES.contains(&side).then_some(side).ok_or_else(|| ApiError::invalid_value(name, why()))
}

fn pulse(every: Duration) -> Interval {
    let mut pulse = interval(every.max(Duration::from_millis(1)));
    pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pulse
}

async fn attend(mut tty: Tty, _seat: Seat) {
    let mut stopping = tty.service.0.stopping.subscribe();
    let end = tokio::select! {
        Err(end) = tty.converse() => end,
        _ = stopping.wait_for(|stopping| *stopping) => End::Refused(close_code::AWAY, "the service is stopping".into()),
    };
    tty.leave(end).await;
}

/// A terminal that is connected.
struct Tty {
    socket: WebSocket,
    service: Service,
    caller: Caller,
    container: String,
    size: (u32, u32),
    terminal: Terminal,
    pulse: Interval,
    /// When the client was last heard of.
    heard: Instant,
    /// When something was last typed or printed.
    active: Instant,
}

/// Why a terminal ends.
enum End {
    /// The shell has ended, with this status.
    Exit(u8),
    /// The service has had enough: a WebSocket's close code, and the reason.
    Refused(u16, String),
    /// Nobody is there any more.
    Gone,
}

/// What a terminal waits for besides its command.
enum Heard {
    Message(Option<Result<Message, axum::Error>>),
    Pulse,
}

impl Tty {
    /// Reads commands and runs them, until there is an end.
    async fn converse(&mut self) -> Result<Infallible, End> {
        let parser = Sandbox::new(self.service.image(), SandboxConfig::default()).map_err(|error| {
            tracing::error!(%error, "a terminal's parser cannot be made");
            End::Refused(close_code::ERROR, "the server had an error".into())
        })?;
        let container = self.container.clone();
        self.tell(&ToClient::Ready { container_id: &container }).await?;
        let mut status = 0;
        loop {
            let script = self.read_command(&parser, status).await?;
            if let Some(status) = typed::leaves(&script, status) {
                return Err(End::Exit(status));
            }
            if !script.trim_ascii().is_empty() {
                status = self.run(script).await?;
            }
        }
    }

    /// Reads lines until they are a whole command.
    async fn read_command(&mut self, parser: &Sandbox, status: u8) -> Result<Vec<u8>, End> {
        let mut script = Vec::new();
        self.show(PROMPT).await?;
        loop {
            match self.typed().await? {
                Typed::Line(line) if script.len() + line.len() > COMMAND_BYTES => {
                    drop(line);
                    script.clear();
                    self.say(&format!("a command has at most {COMMAND_BYTES} bytes")).await?;
                    self.show(PROMPT).await?;
                }
                Typed::Line(line) => {
                    // Bash leaves NUL bytes out.
                    script.extend(line.strip_suffix(b"\n").unwrap_or(&line).iter().filter(|byte| **byte != 0));
                    if !typed::is_unfinished(parser, &script).await {
                        return Ok(script);
                    }
                    script.push(b'\n');
                    self.show(MORE).await?;
                }
                Typed::End if script.is_empty() => {
                    self.print(b"exit\n").await?;
                    return Err(End::Exit(status));
                }
                Typed::End => return Ok(script),
                Typed::Signal(_) => {
                    script.clear();
                    self.print(b"\n").await?;
                    self.show(PROMPT).await?;
                }
            }
        }
    }

    /// What was typed next.
    async fn typed(&mut self) -> Result<Typed, End> {
        loop {
            if let Some(typed) = self.terminal.next() {
                return Ok(typed);
            }
            let heard = self.hear().await;
            self.take(heard).await?;
        }
    }

    /// Runs a command; returns its status.
    async fn run(&mut self, script: Vec<u8>) -> Result<u8, End> {
        if !self.caller.is_current(&self.service.0.keys) {
            return Err(End::Refused(close_code::POLICY, "the key has been revoked".into()));
        }
        let starting = start(self.service.clone(), self.caller.clone(), self.container.clone(), script, self.size);
        let mut starting = std::pin::pin!(starting);
        let started = loop {
            tokio::select! {
                started = &mut starting => break started,
                heard = self.hear() => drop(self.take(heard).await?),
            }
            if self.terminal.signal().is_some() {
                self.print(b"\n").await?;
                return Ok(130);
            }
        };
        let ended = match started {
            Ok((streams, running, job)) => self.see_out(streams, running, job).await?,
            Err(error) => Err(error),
        };
        match ended {
            Ok(answer) => self.account(&answer).await,
            Err(error) => {
                self.say(error.told().1).await?;
                Ok(1)
            }
        }
    }

    /// Passes on what a command prints and what is typed for it, until it has ended.
    async fn see_out(
        &mut self,
        streams: Streams,
        running: RunningExec,
        job: Job,
    ) -> Result<Result<Answer, ApiError>, End> {
        let (cancel, signal) = (running.canceller(), running.signaller());
        let span = telemetry::exec(Some(&job.container));
        let mut finish = std::pin::pin!(exec::attended(cancel, job.finish(running).instrument(span)));
        let (mut stdin, mut stdout) = (streams.stdin, streams.stdout);
        loop {
            tokio::select! {
                chunk = printed(&mut stdout), if stdout.is_some() => match chunk {
                    Some(chunk) => self.print(&chunk).await?,
                    None => stdout = None,
                },
                is_read = wanted(&mut stdin), if stdin.is_some() && self.terminal.is_waiting() => match is_read {
                    true => self.feed(&mut stdin).await,
                    false => stdin = None,
                },
                ended = &mut finish, if stdout.is_none() => {
                    return Ok(ended.map(|(answer, _)| answer));
                }
                heard = self.hear() => {
                    let size = self.size;
                    let sent = self.take(heard).await?;
                    if size != self.size && let Some(stdout) = &stdout {
                        stdout.resize(self.size.0, self.size.1);
                        signal(Signal::WINCH);
                    }
                    sent.into_iter().chain(self.terminal.signal()).for_each(&signal);
                }
            }
        }
    }

    /// Gives a command the next line that was typed.
    async fn feed(&mut self, stdin: &mut Option<InputStream>) {
        let Some(stdin) = stdin else { return };
        match self.terminal.next() {
            Some(Typed::Line(line)) => drop(stdin.send(line.into()).await),
            Some(Typed::End) => stdin.end_once(),
            Some(Typed::Signal(_)) | None => {}
        }
    }

    /// Says of a command that has ended what its output did not.
    async fn account(&mut self, answer: &Answer) -> Result<u8, End> {
        let Some(outcome) = &answer.outcome else { return Ok(1) };
        match outcome {
            crate::sandbox::Outcome::Signal { .. } => self.print(b"\n").await?,
            crate::sandbox::Outcome::Limit(exceeded) => self.say(&exceeded.to_string()).await?,
            _ => {}
        }
        if let Some(proposal) = answer.landed.as_ref().and_then(|landed| landed.proposal_id()) {
            self.say(&format!("nothing has changed yet; the proposal {proposal} waits to be applied")).await?;
        }
        Ok(outcome.status())
    }

    /// Waits for the client, or until it is time to look after it. Nothing is lost when it is dropped.
    async fn hear(&mut self) -> Heard {
        tokio::select! {
            message = self.socket.recv() => Heard::Message(message),
            _ = self.pulse.tick() => Heard::Pulse,
        }
    }

    /// Acts on what was heard. Returns a signal that is to be sent to the command.
    async fn take(&mut self, heard: Heard) -> Result<Option<Signal>, End> {
        let message = match heard {
            Heard::Pulse => return self.look_after().await.map(|()| None),
            Heard::Message(None) | Heard::Message(Some(Ok(Message::Close(_)))) => return Err(End::Gone),
            Heard::Message(Some(Err(error))) => {
                tracing::debug!(%error, "a terminal's client sent what is no message");
                return Err(End::Refused(close_code::PROTOCOL, format!("no frame, or over {MESSAGE_BYTES} bytes")));
            }
            Heard::Message(Some(Ok(message))) => message,
        };
        self.heard = Instant::now();
        match message {
            Message::Binary(bytes) => self.type_in(&bytes).await.map(|()| None),
            Message::Text(text) => self.control(text.as_str()).await,
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => Ok(None),
        }
    }

    /// Asks whether the client is still there; ends the terminal if it has not been for long, or nothing happens.
    async fn look_after(&mut self) -> Result<(), End> {
        let config = &self.service.0.config;
        if self.active.elapsed() > config.terminal_idle {
            let seconds = config.terminal_idle.as_secs();
            return Err(End::Refused(close_code::POLICY, format!("nothing happened for {seconds} s")));
        }
        if self.heard.elapsed() > config.keep_alive * PINGS {
            return Err(End::Gone);
        }
        self.send(Message::Ping(Bytes::new())).await
    }

    async fn type_in(&mut self, bytes: &[u8]) -> Result<(), End> {
        self.active = Instant::now();
        let shown = self
            .terminal
            .take(bytes)
            .map_err(|TooMuch| End::Refused(close_code::POLICY, "too much was typed ahead of what is read".into()))?;
        self.show(&shown).await
    }

    async fn control(&mut self, text: &str) -> Result<Option<Signal>, End> {
        let wrong = match json::parse(text.as_bytes()) {
            Ok(FromClient::Resize { cols, rows }) if SIZES.contains(&cols) && SIZES.contains(&rows) => {
                self.size = (cols, rows);
                return Ok(None);
            }
            Ok(FromClient::Resize { .. }) => format!("cols and rows are from {} to {}", SIZES.start(), SIZES.end()),
            Ok(FromClient::Signal { signal }) => match Signal::from_name(&signal) {
                Some(signal) => return Ok(Some(signal)),
                None => "there is no such signal; names are as in `kill -l`, without SIG".into(),
            },
            Err(error) => error.told().1.to_owned(),
        };
        self.tell(&ToClient::Error { message: wrong.into() }).await?;
        Ok(None)
    }

    /// Prints what a command wrote: as on every terminal, a new line begins on the left.
    async fn print(&mut self, bytes: &[u8]) -> Result<(), End> {
        let mut shown = Vec::with_capacity(bytes.len() + bytes.len() / 16);
        for &byte in bytes {
            if byte == b'\n' {
                shown.push(b'\r');
            }
            shown.push(byte);
        }
        self.active = Instant::now();
        self.show(&shown).await
    }

    /// Prints something of the service's own.
    async fn say(&mut self, text: &str) -> Result<(), End> {
        self.print(format!("coquina: {text}\n").as_bytes()).await
    }

    async fn show(&mut self, bytes: &[u8]) -> Result<(), End> {
        if bytes.is_empty() { Ok(()) } else { self.send(Message::Binary(Bytes::copy_from_slice(bytes))).await }
    }

    async fn tell(&mut self, what: &ToClient<'_>) -> Result<(), End> {
        let text = serde_json::to_string(what).map_err(|_| End::Gone)?;
        self.send(Message::Text(text.into())).await
    }

    /// Sends a message; waits while the client does not keep up, but not for ever.
    async fn send(&mut self, message: Message) -> Result<(), End> {
        let sent = timeout(self.service.0.config.terminal_idle, self.socket.send(message)).await;
        sent.map_err(|_| End::Gone)?.map_err(|_| End::Gone)
    }

    /// Says why it ends, and waits a little for the client to have heard it.
    async fn leave(mut self, end: End) {
        let (code, reason) = match end {
            End::Gone => return,
            End::Exit(code) => {
                let _ = timeout(LEAVE, self.tell(&ToClient::Exit { code })).await;
                (close_code::NORMAL, String::new())
            }
            End::Refused(code, reason) => (code, reason),
        };
        let told = async {
            let frame = CloseFrame { code, reason: reason.into() };
            if self.socket.send(Message::Close(Some(frame))).await.is_ok() {
                while let Some(Ok(_)) = self.socket.recv().await {}
            }
        };
        let _ = timeout(LEAVE, told).await;
    }
}

/// Starts a command, when it may run.
async fn start(
    service: Service,
    caller: Caller,
    container: String,
    script: Vec<u8>,
    size: (u32, u32),
) -> Result<(Streams, RunningExec, Job), ApiError> {
    service.0.admission.request(caller.share(), caller.quotas())?;
    let found = containers::find(&service, &caller, &container).await?;
    service.make_room(&caller, 0).await?;
    let memory = found.settings.limits.memory_bytes;
    let permit = service.0.admission.admit(caller.share(), caller.quotas(), memory).await?;
    let command = String::from_utf8_lossy(&script).into_owned();
    let mut exec = Exec::bash(script);
    exec.limits = Some(Limits { output_bytes: u64::MAX, ..found.settings.limits });
    exec.session = true;
    exec.stdin = Stdin::Stream { terminal: true };
    exec.output = Output::Together;
    exec.stdout_terminal = Some(size);
    let options = ExecOptions { command: Some(command.clone()), ..ExecOptions::default() };
    let (streams, running) = service.0.containers.start(&container, exec, options).await?;
    Ok((streams, running, Job { service, caller, container, command, streamed: true, permit }))
}

/// What a command prints next.
async fn printed(stdout: &mut Option<OutputStream>) -> Option<Bytes> {
    match stdout {
        Some(stdout) => stdout.next().await,
        None => None,
    }
}

/// Waits until a command wants to read; false when it never will.
async fn wanted(stdin: &mut Option<InputStream>) -> bool {
    match stdin {
        Some(stdin) => stdin.wanted().await,
        None => false,
    }
}
