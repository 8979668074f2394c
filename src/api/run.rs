//! `POST /v1/run`: one command in a fresh sandbox, files in, files out, nothing left behind.

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;
use tokio::task::spawn_blocking;
use tracing::Instrument as _;

use super::admission::Permit;
use super::audit::Record;
use super::body::Reader;
use super::error::ApiError;
use super::exec::{self, Ended};
use super::fields::Fields;
use super::form::Form;
use super::gate::Caller;
use super::json;
use super::place::{self, Wanted};
use super::service::Service;
use super::wire::{self, Answer, Content, LimitsParam, RunRequest};
use super::{sse, telemetry};
use crate::base::Limits;
use crate::sandbox::{Exec, Finished, Output, Running, Sandbox, SandboxConfig, Snapshot, Stdin};
use crate::vfs::{Clock as _, SystemClock, Tree};

/// Bodies up to this size are unpacked where they are read, longer ones on a thread that may take its time.
const INLINE_BYTES: usize = 256 << 10;

/// Where a run starts if it does not say.
const HOME: &str = "/home/user";

/// One command in a sandbox of its own.
#[utoipa::path(post, path = "/v1/run", tag = "run", request_body = RunRequest,
    responses((status = 200, description = "The command ended, in whatever way; as it goes on, if streamed", content((Answer = "application/json"), (wire::ServerSentEvent = "text/event-stream")))))]
pub(super) async fn run(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, ApiError> {
    let work = read(&service, request).await?;
    let streamed = work.streamed;
    let permit = service.0.admission.admit(caller.share(), caller.quotas(), work.limits.memory_bytes).await?;
    let sandbox = Snapshot::new(work.tree, None);
    let config = SandboxConfig { limits: work.limits, ..SandboxConfig::default() };
    let sandbox = Sandbox::open(service.image(), &sandbox, config).map_err(|error| {
        tracing::error!(%error, "no sandbox");
        ApiError::internal()
    })?;
    let (streams, running) = sandbox.start(work.exec).await.map_err(|error| exec::failed(&error))?;
    let job = Job { service, caller, sandbox, script: work.script, wanted: work.wanted, streamed, _permit: permit };
    let (cancel, events) = (running.canceller(), streamed.then(|| sse::channel(job.service.0.config.keep_alive)));
    let finish = job.finish(running).instrument(telemetry::exec(None));
    let Some((events, response)) = events else {
        return Ok(exec::answered(exec::attended(cancel, finish).await?));
    };
    tokio::spawn(exec::stream(events, streams, cancel, finish).in_current_span());
    Ok(response)
}

/// A command that runs.
struct Job {
    service: Service,
    caller: Caller,
    sandbox: Sandbox,
    script: String,
    wanted: Wanted,
    streamed: bool,
    _permit: Permit,
}

impl Job {
    async fn finish(self, running: Running) -> Result<(Answer, Record), ApiError> {
        let finished = running.finish().await.map_err(|error| exec::failed(&error))?;
        let (outcome, metering) = (&finished.outcome, &finished.metering);
        let ended = Ended { container: None, command: &self.script, root: None, outcome, metering };
        let record = exec::book(&self.service, &self.caller, ended);
        let mut answer = answer(finished, self.streamed);
        if !self.wanted.is_empty() {
            let tree = self.sandbox.snapshot().tree().clone();
            let taken = spawn_blocking(move || self.wanted.take(&tree, &self.service.0.config));
            let (files, omitted) = taken.await.map_err(|_| ApiError::internal().not_again())?;
            (answer.files, answer.files_omitted) = (Some(files), omitted);
        }
        Ok((answer, record))
    }
}

fn answer(finished: Finished, streamed: bool) -> Answer {
    if streamed { Answer::streamed(finished.outcome, finished.metering) } else { Answer::captured(finished) }
}

/// A request, understood.
struct Work {
    exec: Exec,
    script: String,
    limits: Limits,
    tree: Tree,
    wanted: Wanted,
    streamed: bool,
}

/// Reads a request: JSON, a form, or a tar archive with the rest in the query.
async fn read(service: &Service, request: Request) -> Result<Work, ApiError> {
    let (parts, body) = request.into_parts();
    let config = &service.0.config;
    let reader = Reader::new(&parts.headers, body, config.body_bytes, config)?;
    let media_type = json::media_type(&parts.headers);
    let (run, archive) = match media_type.as_deref() {
        Some("multipart/form-data") => (from_form(Form::read(&parts.headers, reader).await?)?, None),
        Some("application/x-tar" | "application/tar") => {
            let mut fields = Fields::query(parts.uri.query())?;
            let run = from_fields(&mut fields)?;
            fields.finish()?;
            (run, Some(reader.all().await?))
        }
        _ if json::is_json(&parts.headers) => {
            Fields::query(parts.uri.query())?.finish()?;
            let bytes = reader.all().await?;
            (offload(bytes.len(), move || json::parse::<RunRequest>(&bytes)).await?, None)
        }
        _ => return Err(ApiError::media_type("application/json, multipart/form-data or application/x-tar")),
    };
    let size =
        archive.as_ref().map_or(0, bytes::Bytes::len) + run.files.iter().flatten().map(|f| f.1.0.len()).sum::<usize>();
    let (limits, tree) = (config.limits.clone(), service.image().tree().clone());
    offload(size, move || understand(run, archive.as_deref(), &limits, tree)).await
}

/// Runs `work` here if it is about few bytes, else elsewhere.
async fn offload<T: Send + 'static>(
    size: usize,
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    if size <= INLINE_BYTES { work() } else { spawn_blocking(work).await.map_err(|_| ApiError::internal())? }
}

/// A form: texts as fields, files under their names; `script` and `stdin` may be files too.
fn from_form(form: Form) -> Result<RunRequest, ApiError> {
    let mut fields = form.fields;
    let mut run = RunRequest::default();
    let mut files = std::collections::BTreeMap::new();
    for upload in form.uploads {
        match upload.field.as_str() {
            "script" => {
                let text = String::from_utf8(upload.content.into());
                fields
                    .push("script".into(), text.map_err(|_| ApiError::invalid_value("script", "expected UTF-8 text"))?);
            }
            "stdin" => run.stdin = Some(Content(upload.content)),
            "file" | "file[]" | "files" | "files[]" => drop(files.insert(upload.filename, Content(upload.content))),
            other => return Err(ApiError::unknown_parameter(other)),
        }
    }
    let stdin = run.stdin.take();
    run = from_fields(&mut fields)?;
    fields.finish()?;
    run.stdin = run.stdin.or(stdin);
    run.files = Some(files);
    Ok(run)
}

/// The fields of a form or a query.
fn from_fields(fields: &mut Fields) -> Result<RunRequest, ApiError> {
    let limits = LimitsParam {
        fuel: fields.number("limits[fuel]")?,
        memory_bytes: fields.number("limits[memory_bytes]")?,
        processes: fields.number("limits[processes]")?,
        open_files: fields.number("limits[open_files]")?,
        tree_bytes: fields.number("limits[tree_bytes]")?,
        tree_files: fields.number("limits[tree_files]")?,
        output_bytes: fields.number("limits[output_bytes]")?,
    };
    Ok(RunRequest {
        script: fields.text("script")?.ok_or_else(|| ApiError::missing_parameter("script"))?,
        files: None,
        outputs: Some(fields.list("outputs")),
        stdin: fields.text("stdin")?.map(|text| Content(text.into())),
        env: Some(fields.map("env").into_iter().collect()),
        cwd: fields.text("cwd")?,
        timeout_ms: fields.number("timeout_ms")?,
        limits: Some(limits),
        stream: fields.boolean("stream")?,
    })
}

/// Checks a request and puts its files into a tree.
fn understand(run: RunRequest, archive: Option<&[u8]>, most: &Limits, mut tree: Tree) -> Result<Work, ApiError> {
    if run.script.contains('\0') {
        return Err(ApiError::invalid_value("script", "a script has no NUL"));
    }
    let limits = run.limits.unwrap_or_default().narrow(most, run.timeout_ms)?;
    let cwd = wire::absolute("cwd", run.cwd.as_deref().unwrap_or(HOME))?;
    let wanted = Wanted::new(&cwd, &run.outputs.unwrap_or_default())?;
    let mut exec = Exec::bash(run.script.clone());
    for (name, value) in run.env.unwrap_or_default() {
        let (name, value) = wire::variable(&name, &value)?;
        exec = exec.with_env(name, value);
    }
    exec.cwd.clone_from(&cwd);
    exec.stdin = run.stdin.map_or(Stdin::Empty, |content| Stdin::Bytes(content.0));
    let streamed = run.stream.unwrap_or(false);
    exec.output = if streamed { Output::Stream } else { Output::Capture };
    if run.cwd.is_some() {
        let made = place::make_dirs(&mut tree, &cwd, SystemClock.now());
        made.map_err(|errno| place::refused("cwd".into(), errno))?;
    }
    if let Some(archive) = archive {
        place::unpack(&mut tree, &cwd, archive, &limits)?;
    }
    for (path, content) in run.files.unwrap_or_default() {
        let param = format!("files.{}", path.chars().take(200).collect::<String>());
        let absolute = place::resolve(&param, &cwd, &path, &limits)?;
        place::put(&mut tree, &absolute, content.0).map_err(|errno| place::refused(param, errno))?;
    }
    let used = tree.usage();
    if used.bytes > limits.tree_bytes || used.files > limits.tree_files {
        return Err(ApiError::invalid_value("files", "they are more than the limits tree_bytes and tree_files allow"));
    }
    Ok(Work { exec, script: run.script, limits, tree, wanted, streamed })
}
