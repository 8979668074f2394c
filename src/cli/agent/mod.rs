//! `coquina agent`: an agent works on a copy of a folder while its person watches; what it changed is shown, and applied if they agree.
//!
//! `watch.rs` prints what happens, `folder.rs` brings the folder in and the changes out.

mod folder;
mod watch;

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use clap::Args;
use futures_util::future::BoxFuture;
use serde_json::Value;

use super::format::{Style, paint};
use super::{UsageError, approvals, config, models, output, policy, setup};
use crate::agent::approval::Approvals;
use crate::agent::item::{Item, McpApprovalResponse, Message};
use crate::agent::model::{Models, TextFormat, ToolChoice};
use crate::agent::response::{Failure, ResponseObject, Status};
use crate::agent::{
    Agent, AgentConfig, Cancelled, Environment, Governor, Permit, Policy, PolicyConfig, Prices, Ran, Request,
    ResponseHead, Sampling, Tool, Workplace, cancellation,
};
use crate::base::{Limits, id};
use crate::container::{Containers, ContainersConfig, Ref};
use crate::storage::{Store, StoreConfig};
use watch::Watch;

pub const AGENT_HELP: &str = "\
The model is one of the configuration's [models] (coquina config), or the one at $COQUINA_MODEL_URL.

Exit status:
  0 if the agent came to its end, also if what it changed was not applied; 1 if it did not; 125 for a fault
  on the host's side, 2 for wrong usage, 130 if a question was answered by Ctrl-C.

Examples:
  coquina agent 'tidy up these CSV files and summarise them in summary.md'
  coquina agent --dir reports --model gpt-5 --policy careful.toml 'translate notes.txt to French'
  COQUINA_MODEL_URL=http://127.0.0.1:11434/v1 COQUINA_MODEL=qwen3 coquina agent 'what is in here?'";

/// What the agent is told before everything else.
const INSTRUCTIONS: &str = "You work in a sandboxed Linux computer without network. The user's folder is /mnt/data, the working directory. \
Work on it with the shell tool until the task is done, then say in a few sentences what you did. \
What you change there is shown to the user, who decides whether it is kept.";

/// Exit status when the agent did not come to its end.
const EXIT_UNFINISHED: u8 = 1;

/// Exit status when a question was answered by Ctrl-C.
const EXIT_INTERRUPTED: i32 = 130;

/// Whether a person is being asked: then nothing is at work that could be cancelled.
static ASKING: AtomicBool = AtomicBool::new(false);

/// Responses of one task: each but the last ends with a question.
const RESPONSES: usize = 100;

/// `coquina agent`.
#[derive(Args)]
pub struct AgentArgs {
    /// What is to be done.
    pub task: String,
    /// The folder to work on.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,
    /// Which model; if not given, `default`, or the only one there is.
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
    /// What it may do and use: a TOML file as in docs/agent.md.
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Approve what waits for approval and apply what was changed, without asking.
    #[arg(long)]
    pub yes: bool,
    /// The root image's folder; else $COQUINA_IMAGE, else `image` beside this program.
    #[arg(long, value_name = "DIR")]
    pub image: Option<PathBuf>,
}

/// Lets an agent work.
pub fn run(args: &AgentArgs) -> Result<u8> {
    let policy = args.policy.as_deref().map(policy::read).transpose()?.unwrap_or_else(PolicyConfig::default);
    let policy = Policy::new(policy)?;
    let models = models::load(&config::without_flags()?)?;
    let model = choose(&models, args.model.as_deref())?;
    let image = setup::image(&setup::engine(&Limits::default())?, args.image.as_deref())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.context("the runtime cannot be started")?.block_on(async {
        // What is to stay is applied to the folder; the rest goes with the process.
        let containers = Containers::open(image, Store::open(StoreConfig::memory())?, ContainersConfig::default());
        let container = folder::bring_in(&containers, &args.dir).await?;
        let agent = Agent::open(models, containers.clone(), AgentConfig::default()).await?;
        let work =
            Work { agent, approvals: Approvals::new(containers.clone()), container, model, policy, yes: args.yes };
        let is_finished = work.to_the_end(&args.task).await?;
        let base = Ref::At(work.container.clone(), 1);
        let difference = containers.diff(&base, &Ref::Container(work.container.clone())).await?;
        folder::review(difference, &args.dir, args.yes)?;
        Ok(if is_finished { 0 } else { EXIT_UNFINISHED })
    })
}

/// The model to ask: as named, else `default`, else the only one.
fn choose(models: &Models, named: Option<&str>) -> Result<String> {
    let names: Vec<&str> = models.names().collect();
    let there = || if names.is_empty() { "there are none".into() } else { format!("there are {}", names.join(", ")) };
    match named {
        Some(name) if models.get(name).is_some() => Ok(name.into()),
        Some(name) => Err(UsageError(format!("--model {name}: there is no such model; {}", there())).into()),
        None if models.get("default").is_some() => Ok("default".into()),
        None => match names[..] {
            [only] => Ok(only.to_owned()),
            [] => bail!(UsageError(
                "there is no model: set COQUINA_MODEL_URL to an OpenAI-compatible service, or describe one under [models] in the configuration".into()
            )),
            _ => bail!(UsageError(format!("--model must say which model; {}", there()))),
        },
    }
}

/// An agent at work in a container.
struct Work {
    agent: Agent,
    approvals: Approvals,
    container: String,
    model: String,
    policy: Policy,
    yes: bool,
}

impl Work {
    /// Works until the task is done; asks the person whatever waits for them. Says whether the agent came to its end.
    async fn to_the_end(&self, task: &str) -> Result<bool> {
        let (canceller, cancelled) = cancellation();
        tokio::spawn(async move {
            while tokio::signal::ctrl_c().await.is_ok() {
                if ASKING.load(Ordering::SeqCst) {
                    eprintln!("\nNothing was applied.");
                    std::process::exit(EXIT_INTERRUPTED);
                }
                canceller.cancel();
            }
        });
        let mut context = Vec::new();
        let mut input = vec![Item::Message(Message::user(task))];
        for _ in 0..RESPONSES {
            let response = self.respond(context.clone(), input.clone(), &cancelled).await?;
            context.append(&mut input);
            context.extend(response.output.iter().cloned());
            for item in &response.output {
                let Item::McpApprovalRequest(request) = item else { continue };
                let shown = serde_json::from_str(&request.arguments).unwrap_or(Value::Null);
                let (approve, id) = (self.decide(&shown)?, request.id.clone());
                let answer = McpApprovalResponse { id: None, approval_request_id: id, approve, reason: None };
                input.push(Item::McpApprovalResponse(answer));
            }
            match response.status {
                Status::Completed if !input.is_empty() => {}
                Status::Completed => return Ok(true),
                status => {
                    let why = response.error.map(|error| error.message);
                    let why =
                        why.or_else(|| response.incomplete_details.map(|details| format!("{:?}", details.reason)));
                    let status = serde_json::to_value(status)?.as_str().unwrap_or_default().replace('_', " ");
                    let told = format!(
                        "the agent did not come to its end: {status}{}",
                        why.map_or_else(String::new, |why| format!(": {why}"))
                    );
                    eprintln!("{}", paint(&approvals::lines(&told), Style::Bad));
                    return Ok(false);
                }
            }
        }
        let told = format!("the agent did not come to its end: it asked {RESPONSES} times");
        eprintln!("{}", paint(&told, Style::Bad));
        Ok(false)
    }

    async fn respond(&self, context: Vec<Item>, input: Vec<Item>, cancelled: &Cancelled) -> Result<ResponseObject> {
        let head = head(&self.model)?;
        let governor = Governor {
            policy: self.policy.clone(),
            approvals: self.approvals.clone(),
            owner: None,
            response_id: head.id.clone(),
            by: "cli".into(),
        };
        let shell = Environment::Reference { container_id: self.container.clone(), skills: Vec::new() };
        let request = Request {
            head,
            instructions: INSTRUCTIONS.into(),
            context,
            input,
            owner: None,
            tools: vec![Tool::Shell(shell), Tool::ApplyPatch],
            choice: ToolChoice::Auto,
            allowed: None,
            format: TextFormat::Text,
            sampling: Sampling::default(),
            // When the model's window is full.
            compact_threshold: Some(u64::MAX),
            seal_reasoning: false,
            generate: true,
            budget: self.policy.budget(self.agent.models().price(&self.model).map(Prices::from).unwrap_or_default()),
            workplace: Arc::new(Here),
            judge: Arc::new(governor),
        };
        self.agent.check(&request)?;
        let watch = Watch::default();
        let response = self.agent.run(request, &watch, cancelled).await;
        watch.end();
        Ok(response)
    }

    /// Shows what waits, and asks.
    fn decide(&self, shown: &Value) -> Result<bool> {
        output::line(&paint("\nThis waits for you:", Style::Note))?;
        let mut shown = shown.clone();
        if shown["proposal_id"].is_string() {
            // They have just been seen.
            shown["commands"].take();
        }
        output::write(approvals::shown(&shown))?;
        if self.yes {
            output::line(&paint("(approved: --yes)", Style::Faint))?;
            return Ok(true);
        }
        ask("Approve?")
    }
}

/// Asks a person; where there is none the answer is no.
fn ask(question: &str) -> Result<bool> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        output::line(&format!("{question} No: nobody is at the terminal (--yes says yes)."))?;
        return Ok(false);
    }
    print!("{} [y/N] ", paint(question, Style::Strong));
    std::io::stdout().flush()?;
    let mut line = String::new();
    ASKING.store(true, Ordering::SeqCst);
    let read = stdin.read_line(&mut line);
    ASKING.store(false, Ordering::SeqCst);
    read?;
    Ok(matches!(line.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// A machine of one's own: nobody to wait for, no books.
struct Here;

impl Workplace for Here {
    fn container<'a>(&'a self, _: Option<&'a str>) -> BoxFuture<'a, Result<String, Failure>> {
        Box::pin(std::future::ready(Err(Failure::server("the container is there"))))
    }

    fn file<'a>(&'a self, file_id: &'a str) -> BoxFuture<'a, Result<(String, Bytes), Failure>> {
        Box::pin(std::future::ready(Err(Failure::prompt(format!("there is no file {file_id}")))))
    }

    fn admit<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Permit, Failure>> {
        Box::pin(std::future::ready(Ok(Box::new(()) as Permit)))
    }

    fn ran<'a>(&'a self, _: &'a Ran<'a>) -> BoxFuture<'a, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// A response's fields that nobody has asked for.
fn head(model: &str) -> Result<ResponseHead> {
    let head = serde_json::json!({
        "id": id::new("resp_"), "created_at": output::now_ms() / 1000, "background": false, "model": model,
        "parallel_tool_calls": true, "reasoning": {}, "service_tier": "default", "store": false, "temperature": 1.0, "top_p": 1.0,
        "top_logprobs": 0, "presence_penalty": 0.0, "frequency_penalty": 0.0, "text": {}, "tool_choice": "auto", "tools": [],
        "truncation": "auto", "metadata": {},
    });
    Ok(serde_json::from_value(head)?)
}
