//! Pipelines and background commands.

use super::external::Start;
use super::subshell::{Spawned, Task};
use crate::options::{Opt, Shopt};
use crate::shell::{Run, Shell};
use crate::syntax::ast::{AndOr, Command};
use crate::syntax::print;
use crate::system::{Fd, FdAction, OpenHow, Pid, WaitStatus};

impl Shell {
    /// Runs a pipeline of several stages and waits for all of them.
    #[inline(never)]
    pub(super) fn piped(&mut self, stages: &[Command]) -> Run {
        let here = self.shopt(Shopt::LastPipe) && !self.opt(Opt::Monitor);
        let (spawned, input) = self.start_stages(stages, here, None)?;
        let mut last = None;
        if let (Some(input), Some(stage)) = (input, stages.last()) {
            last = Some(self.stage_here(stage, input));
        }
        if self.traps.has_debug()
            && let Some(stage) = stages.last()
        {
            self.current_command = print::command(stage);
        }
        let process_fds = self.process_fds.len();
        let mut statuses = Vec::with_capacity(stages.len());
        let mut ends = Vec::with_capacity(stages.len());
        for s in &spawned {
            match *s {
                Spawned::Status(status) => statuses.push(status),
                Spawned::Pid(pid) => {
                    let status = self.wait_child(pid);
                    ends.push((pid, status));
                    statuses.push(status.code());
                }
            }
        }
        if let Some(result) = last {
            statuses.push(self.status);
            result?;
        }
        if let Some(line) = stages.last().and_then(line_of) {
            self.line = line + self.line_base;
        }
        let last_ended = matches!(spawned.last(), Some(Spawned::Pid(_)));
        if last_ended && spawned.len() == stages.len() && matches!(ends.last(), Some((_, WaitStatus::Signaled(_)))) {
            let texts: Vec<_> = stages.iter().map(print::command).collect();
            self.report_pipeline(&ends, &texts);
        }
        self.notify_jobs();
        self.close_process_fds(process_fds);
        let final_status = statuses.last().copied().unwrap_or(0);
        self.status = if self.opt(Opt::PipeFail) {
            statuses.iter().rev().copied().find(|s| *s != 0).unwrap_or(0)
        } else {
            final_status
        };
        self.pipe_status = statuses;
        Ok(())
    }

    /// `lastpipe`: the last stage in this shell, reading from `input`.
    fn stage_here(&mut self, stage: &Command, input: Fd) -> Run {
        let saved = self.sys.dup(0, crate::shell::PRIVATE_FD, true);
        let _ = self.sys.dup2(input, 0, false);
        let _ = self.sys.close(input);
        let result = self.command(stage);
        match saved {
            Ok(copy) => {
                let _ = self.sys.dup2(copy, 0, false);
                let _ = self.sys.close(copy);
            }
            Err(_) => {
                let _ = self.sys.close(0);
            }
        }
        result
    }

    /// Starts all stages (but the last one, if that one runs here; then its input is returned).
    fn start_stages(
        &mut self,
        stages: &[Command],
        last_here: bool,
        background: Option<u64>,
    ) -> Run<(Vec<Spawned>, Option<Fd>)> {
        let mut spawned = Vec::with_capacity(stages.len());
        let mut input: Option<Fd> = None;
        for (i, stage) in stages.iter().enumerate() {
            let last = i + 1 == stages.len();
            if last && last_here {
                return Ok((spawned, input));
            }
            let output = if last {
                None
            } else {
                match self.sys.pipe() {
                    Ok(ends) => Some(ends),
                    Err(e) => {
                        self.complain_errno(b"pipe error", e);
                        self.close_all(input);
                        return Err(self.discard(1));
                    }
                }
            };
            if self.traps.has_debug()
                && let Command::Simple(s) = stage
            {
                let _ = self.before_simple(s)?;
            }
            let mut start = Start { sig_ignore: background.unwrap_or(0), ..Start::default() };
            if let Some(fd) = input {
                start.plan.actions.push(FdAction::Dup { src: fd, to: 0 });
            } else if background.is_some() {
                self.input_from_null(&mut start);
            }
            if let Some((_, write)) = output {
                start.plan.actions.push(FdAction::Dup { src: write, to: 1 });
            }
            let result = self.spawn_command(stage, start);
            self.close_all(input);
            if let Some((_, write)) = output {
                let _ = self.sys.close(write);
            }
            input = output.map(|(read, _)| read);
            match result {
                Ok(s) => spawned.push(s),
                Err(unwind) => {
                    self.close_all(input);
                    return Err(unwind);
                }
            }
        }
        Ok((spawned, None))
    }

    fn close_all(&self, fd: Option<Fd>) {
        if let Some(fd) = fd {
            let _ = self.sys.close(fd);
        }
    }

    /// A background command reads nothing unless it says so.
    fn input_from_null(&mut self, start: &mut Start) {
        if (self.opt(Opt::Monitor) && self.subshell == 0) || self.input_redirected {
            return;
        }
        let how = OpenHow { read: true, cloexec: true, ..OpenHow::default() };
        if let Ok(fd) = self.sys.open(b"/dev/null", how, 0) {
            start.plan.opened.push(fd);
            start.plan.actions.push(FdAction::Dup { src: fd, to: 0 });
        }
    }

    /// `command &`.
    #[inline(never)]
    pub(super) fn background(&mut self, chain: &AndOr) -> Run {
        if self.traps.may_be_pending() {
            self.run_pending_traps()?;
        }
        let text = print::and_or(chain);
        // Interrupts from the terminal are not for background commands.
        let ignore = 1 << (crate::system::signal::INT - 1) | 1 << (crate::system::signal::QUIT - 1);
        let plain = chain.rest.is_empty() && !chain.first.negate && chain.first.timed.is_none();
        let spawned = if plain && !chain.first.stages.is_empty() {
            self.start_stages(&chain.first.stages, false, Some(ignore))?.0
        } else {
            let mut start = Start { sig_ignore: ignore, ..Start::default() };
            self.input_from_null(&mut start);
            vec![Spawned::Pid(self.spawn_task(Task::Chain(chain), &start)?)]
        };
        let pids: Vec<Pid> = spawned.iter().filter_map(Spawned::pid).collect();
        self.status = 0;
        self.set_pipe_status();
        match (spawned.last(), pids.last()) {
            (Some(Spawned::Pid(last)), _) => {
                self.last_background = Some(*last);
                self.jobs.add(pids, text);
            }
            (Some(Spawned::Status(status)), _) => {
                // It could not even be started: what `wait $!` says is its status.
                let pid = self.jobs.add_failed(*status, text);
                self.last_background = Some(pid);
            }
            _ => {}
        }
        Ok(())
    }
}

/// The line a command is on.
fn line_of(c: &Command) -> Option<u32> {
    match c {
        Command::Simple(s) => Some(s.line),
        Command::Compound(c) => Some(c.line),
        Command::Function(_) | Command::Coproc(_) => None,
    }
}
