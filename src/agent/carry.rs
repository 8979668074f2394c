//! Calls carried out: in which container, whether they may be, what became of them, and what a person is to be asked.

use super::artifacts::DATA;
use super::call::Meant;
use super::item::{
    ApplyPatchCall, ApplyPatchCallOutput, CallEnvironment, CommandOutput, Item, PatchOperation, ShellAction, ShellCall,
    ShellCallOutput, Status,
};
use super::judge::{Call, Question, Verdict};
use super::output::{End, named};
use super::request::Environment;
use super::response::Failure;
use super::run::{Go, Place, Run};
use super::shell::{self, Ended, Shell, Told};
use super::step::OwnCall;
use super::workplace::Ran;
use super::{attached, patch, prompt, retell};
use crate::container::{Access, ContainerError, ExecOptions, Landed, Profile, Ref, Together};
use crate::sandbox::{Exec, Outcome, Stdin};

/// Why a call is not run that needs nobody, but follows one that waits.
const HELD: &str = "It was not run: an earlier call of the same step waits for a person.";

/// Largest file that a diff is applied to, in bytes.
const PATCHED_BYTES: u64 = 16 << 20;

/// How a file is written as a command would: below directories that are made, with the rights that commands have.
const WRITE: &str = r#"mkdir -p -- "$(dirname -- "$1")" && cat > "$1""#;
const DELETE: &str = r#"rm -- "$1""#;

/// What a call did, for the books.
struct Did<'a> {
    tool: &'static str,
    commands: &'a [String],
    output: &'a [CommandOutput],
    /// What it was allowed to do.
    profile: &'a Profile,
    fuel: u64,
}

impl Run<'_> {
    /// Carries out a call, unless it is the client's to do; returns what a person is to be asked about it. While one before it waits it is not run,
    /// `is_held`: it may well need what that does.
    pub async fn carry_out(&mut self, call: OwnCall, meant: Meant, is_held: bool) -> Go<Option<Question>> {
        let OwnCall { call_id, shown, .. } = call;
        let is_hosted = prompt::hosted(&self.request.tools).is_some();
        let place = if is_hosted { Some(self.place().await?) } else { None };
        let item = match meant {
            Meant::Shell(action) => self.add_shell_call(call_id, action, place.as_ref(), shown).await,
            Meant::Patch(operation) => {
                let status = Some(Status::Completed);
                let item = named(Item::ApplyPatchCall(ApplyPatchCall { id: None, call_id, status, operation }));
                self.out.put(item.clone()).await;
                item
            }
        };
        let Some(place) = place else { return Ok(None) };
        let call = Call { item: &item, container: &place.id };
        let profile = match self.request.judge.judge(&call).await {
            Verdict::Ask { reason } => {
                return Ok(Some(Question { item, container: place.id, reason, proposal: None, output: Vec::new() }));
            }
            Verdict::Deny { reason } => {
                self.refuse(&item, &reason).await;
                return Ok(None);
            }
            Verdict::Allow | Verdict::Within(_) if is_held => {
                self.refuse(&item, HELD).await;
                return Ok(None);
            }
            Verdict::Allow => Profile::default(),
            Verdict::Within(profile) => profile,
        };
        self.run_item(&item, &place, &profile).await
    }

    /// Adds the item of a shell call, or what clients have not seen of it yet.
    async fn add_shell_call(
        &mut self,
        call_id: String,
        action: ShellAction,
        place: Option<&Place>,
        shown: Option<usize>,
    ) -> Item {
        let environment = match place {
            Some(place) => CallEnvironment::ContainerReference { container_id: place.id.clone() },
            None => CallEnvironment::Local {},
        };
        let output_index = match shown {
            Some(index) => index,
            None => {
                let index = self.out.add(shell_call(call_id)).await;
                for what in retell::commands(index, &action.commands) {
                    self.out.send(what).await;
                }
                index
            }
        };
        let mut item = self.out.response.output[output_index].clone();
        if let Item::ShellCall(call) = &mut item {
            (call.status, call.action, call.environment) = (Some(Status::Completed), action, Some(environment));
        }
        self.out.call_done(output_index, item.clone()).await;
        item
    }

    /// The container of this response, with the request's files in it.
    pub async fn place(&mut self) -> Go<Place> {
        if let Some(place) = &self.container {
            return Ok(place.clone());
        }
        let workplace = self.request.workplace.clone();
        let id = match prompt::hosted(&self.request.tools) {
            Some(Environment::Reference { container_id, .. }) => container_id.clone(),
            _ => workplace.container(self.earlier.as_deref()).await.map_err(End::Failed)?,
        };
        let containers = self.agent.containers.clone();
        let container = containers.get(&id).await.map_err(|error| self.fault(&error))?;
        let cwd = if container.settings.cwd.is_none() { Some(DATA.into()) } else { None };
        let is_new = self.earlier.as_deref() != Some(id.as_str());
        let [earlier, ours] = std::mem::take(&mut self.attached);
        for file in earlier.into_iter().filter(|_| is_new).chain(ours) {
            let path = format!("{DATA}/{}", file.name);
            let Some((_, content)) = attached::read(&*workplace, &file.part).await.map_err(End::Failed)? else {
                continue;
            };
            let written = containers.write_file(&id, path.as_bytes(), content, 0o644).await;
            written.map_err(|error| self.fault(&error))?;
        }
        Ok(self.container.insert(Place { id, cwd }).clone())
    }

    /// How the response ends when a container cannot be used.
    fn fault(&self, error: &ContainerError) -> End {
        match error {
            ContainerError::NotFound { .. } | ContainerError::Expired { .. } => {
                End::Failed(Failure::prompt(error.to_string()))
            }
            error => End::Failed(Failure::server(error.to_string())),
        }
    }

    /// Runs the call of an item, and tells its output. Returns the question if somebody has to decide on what it did.
    pub async fn run_item(&mut self, item: &Item, place: &Place, profile: &Profile) -> Go<Option<Question>> {
        let workplace = self.request.workplace.clone();
        let admitted = self.cancelled.unless(workplace.admit(&place.id)).await;
        let _permit = admitted.ok_or(End::Cancelled)?.map_err(End::Failed)?;
        match item {
            Item::ShellCall(call) => self.run_shell(item, call, place, profile).await,
            Item::ApplyPatchCall(call) => self.run_patch(item, call, place, profile).await,
            _ => Ok(None),
        }
    }

    async fn run_shell(
        &mut self,
        item: &Item,
        call: &ShellCall,
        place: &Place,
        profile: &Profile,
    ) -> Go<Option<Question>> {
        let mut output = ShellCallOutput {
            id: None,
            call_id: call.call_id.clone(),
            status: Some(Status::InProgress),
            max_output_length: call.action.max_output_length,
            output: Vec::new(),
        };
        let begun = named(Item::ShellCallOutput(output.clone()));
        let item_id = begun.id().unwrap_or_default().to_owned();
        let output_index = self.out.add(begun).await;
        let containers = self.agent.containers.clone();
        let (fuel, wall_time_ms) = self.left(call.action.timeout_ms);
        let config = &self.agent.config;
        let shell = Shell {
            containers: &containers,
            container: &place.id,
            fuel,
            wall_time_ms,
            chars: call.action.max_output_length.map_or(config.output_chars, |most| most.min(config.most_output_chars)),
            options: options(place, profile, call.action.commands.join("\n")),
        };
        let told = Told { out: &mut self.out, item_id: item_id.clone(), output_index };
        let Ended { output: each, together, fuel } = shell::run(shell, &call.action, told, self.cancelled).await;
        self.spent.fuel = self.spent.fuel.saturating_add(fuel);
        output.id = Some(item_id);
        output.status = Some(if self.cancelled.is_set() { Status::Incomplete } else { Status::Completed });
        output.output.clone_from(&each);
        self.out.done(output_index, Item::ShellCallOutput(output)).await;
        let did = Did { tool: "shell", commands: &call.action.commands, output: &each, profile, fuel };
        let proposal = self.book(did, together, place).await;
        if self.cancelled.is_set() {
            return Err(End::Cancelled);
        }
        Ok(proposal.map(|proposal| about(item, place, proposal, each)))
    }

    /// Fuel and wall time (in milliseconds) that a command may use: what is left, and what its model allows.
    fn left(&self, timeout_ms: Option<u64>) -> (u64, u64) {
        let fuel = self.request.budget.fuel.map_or(u64::MAX, |fuel| fuel.saturating_sub(self.spent.fuel));
        let left = self.spent.time_left(&self.request.budget);
        let left = left.map_or(u64::MAX, |time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        (fuel, timeout_ms.filter(|timeout| *timeout > 0).unwrap_or(u64::MAX).min(left))
    }

    /// Notes what a call did: its files, the books. Returns the proposal that waits for a decision.
    async fn book(&mut self, did: Did<'_>, together: Option<Together>, place: &Place) -> Option<String> {
        let Did { tool, commands, output, profile, fuel } = did;
        let Some(together) = together else {
            let (container, root) = (place.id.as_str(), String::new());
            let ran = Ran { container, tool, commands, output, fuel, root, proposal: None };
            self.request.workplace.ran(&ran).await;
            return None;
        };
        let landed = together.landed.clone();
        let changes = match together.has_changed() {
            // That it cannot be told what it changed does not make it fail.
            true => tokio::task::spawn_blocking(move || together.changes()).await.ok().and_then(Result::ok),
            false => None,
        };
        let changes = changes.unwrap_or_default();
        let (root, mut proposal) = match landed {
            Landed::Committed(log) => (log.root.to_string(), None),
            Landed::Proposed(proposal) => (proposal.root.to_string(), Some(proposal.id)),
        };
        if changes.iter().all(|change| profile.access(&change.path) == Access::Full) {
            // There is nothing to decide on.
            if let Some(id) = proposal.take() {
                self.settle(&id, !changes.is_empty()).await;
            }
        }
        self.artifacts.note(&place.id, &changes);
        let (container, kept) = (place.id.as_str(), proposal.clone());
        let ran = Ran { container, tool, commands, output, fuel, root, proposal: kept };
        self.request.workplace.ran(&ran).await;
        proposal
    }

    /// Decides on a proposal that nobody needs to be asked about. If that fails it stays open, and nothing has changed.
    async fn settle(&self, proposal: &str, is_kept: bool) {
        let containers = &self.agent.containers;
        let settled = match is_kept {
            true => containers.apply(proposal).await.map(drop),
            false => containers.discard(proposal).await.map(drop),
        };
        if let Err(error) = settled {
            tracing::warn!(%error, proposal, "a proposal was not settled");
        }
    }

    /// Asks a person.
    pub async fn ask(&mut self, question: Question) -> Go<()> {
        let item = self.request.judge.ask(question).await.map_err(End::Failed)?;
        self.out.put(item).await;
        Ok(())
    }

    /// Answers a call that is not run.
    pub async fn refuse(&mut self, item: &Item, reason: &str) {
        match item {
            Item::ShellCall(call) => self.refuse_shell(call, reason).await,
            Item::ApplyPatchCall(call) => self.answer_patch(call, Err(reason.to_owned())).await,
            _ => {}
        }
    }

    async fn refuse_shell(&mut self, call: &ShellCall, reason: &str) {
        let mut output = ShellCallOutput {
            id: None,
            call_id: call.call_id.clone(),
            status: Some(Status::InProgress),
            max_output_length: call.action.max_output_length,
            output: Vec::new(),
        };
        let begun = named(Item::ShellCallOutput(output.clone()));
        let item_id = begun.id().unwrap_or_default().to_owned();
        let output_index = self.out.add(begun).await;
        output.id = Some(item_id.clone());
        output.status = Some(Status::Completed);
        output.output =
            Told { out: &mut self.out, item_id, output_index }.refuse(call.action.commands.len(), reason).await;
        self.out.done(output_index, Item::ShellCallOutput(output)).await;
    }

    async fn run_patch(
        &mut self,
        item: &Item,
        call: &ApplyPatchCall,
        place: &Place,
        profile: &Profile,
    ) -> Go<Option<Question>> {
        let (path, exec) = match self.patched(&call.operation, place).await {
            Ok(patched) => patched,
            Err(why) => {
                self.answer_patch(call, Err(why)).await;
                return Ok(None);
            }
        };
        let shown = format!("apply_patch {} {path}", verb(&call.operation));
        let execs = vec![Exec { limits: Some(self.narrow()), ..exec }];
        let containers = self.agent.containers.clone();
        let started = containers.start_together(&place.id, execs, options(place, profile, shown.clone())).await;
        let done = match started {
            Ok((_, running)) => running.finish().await,
            Err(error) => Err(error),
        };
        let (result, fuel) = match &done {
            Ok(together) => {
                let finished = &together.finished[0];
                let said = String::from_utf8_lossy(&finished.stderr.bytes).into_owned();
                let is_done = finished.outcome == Outcome::Exit { exit_code: 0 };
                (if is_done { Ok(format!("{path}: done")) } else { Err(said) }, finished.metering.fuel)
            }
            Err(error) => (Err(error.to_string()), 0),
        };
        self.spent.fuel = self.spent.fuel.saturating_add(fuel);
        self.answer_patch(call, result).await;
        let did = Did { tool: "apply_patch", commands: &[shown], output: &[], profile, fuel };
        let proposal = self.book(did, done.ok(), place).await;
        Ok(proposal.map(|proposal| about(item, place, proposal, Vec::new())))
    }

    fn narrow(&self) -> crate::base::Limits {
        let (fuel, wall_time_ms) = self.left(None);
        crate::base::Limits { fuel, wall_time_ms, ..Default::default() }
    }

    async fn answer_patch(&mut self, call: &ApplyPatchCall, result: Result<String, String>) {
        self.out.put(named(patch_output(call, result))).await;
    }

    /// The path that an operation changes, and what changes it.
    async fn patched(&self, operation: &PatchOperation, place: &Place) -> Result<(String, Exec), String> {
        let (PatchOperation::CreateFile { path, .. }
        | PatchOperation::UpdateFile { path, .. }
        | PatchOperation::DeleteFile { path }) = operation;
        let base = place.cwd.as_deref().map_or(DATA.into(), String::from_utf8_lossy);
        let path = if path.starts_with('/') { path.clone() } else { format!("{base}/{path}") };
        let (script, content) = match operation {
            PatchOperation::CreateFile { diff, .. } => (WRITE, patch::create(diff)?),
            PatchOperation::UpdateFile { diff, .. } => {
                let (text, diff) = (self.text_of(&path, place).await?, diff.clone());
                let patched = tokio::task::spawn_blocking(move || patch::update(&text, &diff)).await;
                (WRITE, patched.map_err(|_| "the diff could not be applied".to_owned())??)
            }
            PatchOperation::DeleteFile { .. } => (DELETE, String::new()),
        };
        let argv = ["bash", "-c", script, "apply_patch", &path].map(|arg| arg.as_bytes().to_vec());
        Ok((path, Exec { stdin: Stdin::Bytes(content.into()), ..Exec::program(argv) }))
    }

    /// A file's text.
    async fn text_of(&self, path: &str, place: &Place) -> Result<String, String> {
        let (containers, state) = (&self.agent.containers, Ref::Container(place.id.clone()));
        let attr = containers.stat(&state, path.as_bytes()).await.map_err(|error| error.to_string())?;
        if attr.size > PATCHED_BYTES {
            return Err(format!("{path} has {} bytes; diffs are applied to at most {PATCHED_BYTES}", attr.size));
        }
        let bytes = containers.read_file(&state, path.as_bytes()).await.map_err(|error| error.to_string())?;
        String::from_utf8(bytes.into()).map_err(|_| format!("{path} is not text in UTF-8"))
    }
}

/// Whether a proposal is to be kept.
fn about(item: &Item, place: &Place, proposal: String, output: Vec<CommandOutput>) -> Question {
    let (item, container, reason) = (item.clone(), place.id.clone(), "It changes files.".to_owned());
    Question { item, container, reason, proposal: Some(proposal), output }
}

/// A shell call of which nothing is told yet: where it runs is, when it does.
pub(super) fn shell_call(call_id: String) -> Item {
    let (status, action) = (Some(Status::InProgress), ShellAction::default());
    named(Item::ShellCall(ShellCall { id: None, call_id, status, action, environment: None }))
}

/// How commands of a call are run: in a fork, unless they may do everything.
fn options(place: &Place, profile: &Profile, command: String) -> ExecOptions {
    let (cwd, command, propose) = (place.cwd.clone(), Some(command), !profile.is_full());
    ExecOptions { parallel: true, propose, profile: profile.clone(), cwd, command, ..ExecOptions::default() }
}

fn verb(operation: &PatchOperation) -> &'static str {
    match operation {
        PatchOperation::CreateFile { .. } => "create",
        PatchOperation::UpdateFile { .. } => "update",
        PatchOperation::DeleteFile { .. } => "delete",
    }
}

fn patch_output(call: &ApplyPatchCall, result: Result<String, String>) -> Item {
    let (status, output) = match result {
        Ok(text) => (Status::Completed, text),
        Err(text) => (Status::Failed, text),
    };
    Item::ApplyPatchCallOutput(ApplyPatchCallOutput {
        id: None,
        call_id: call.call_id.clone(),
        status,
        output: Some(output),
    })
}
