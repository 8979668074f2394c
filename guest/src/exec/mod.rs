//! Execution: lists, and-or lists and single commands; what each kind of command does is in the files beside this one.

mod arrays;
mod compound;
mod cond;
pub mod external;
pub mod function;
pub mod jobs;
mod pipeline;
pub mod redirect;
mod simple;
pub mod subshell;
mod timing;
pub mod traps;

use crate::options::Opt;
use crate::shell::{Run, Shell, Unwind};
use crate::syntax::ast::{AndOr, Chain, Command, Kind, List, Pipeline};

impl Shell {
    /// Runs commands one after the other.
    pub fn run_list(&mut self, list: &List) -> Run {
        for item in &list.items {
            if item.background {
                self.background(&item.chain)?;
            } else {
                self.and_or(&item.chain)?;
            }
        }
        Ok(())
    }

    /// Runs the last commands of this shell: the very last program may replace it.
    pub fn run_tail(&mut self, list: &List) -> Run {
        let Some((last, before)) = list.items.split_last() else { return Ok(()) };
        for item in before {
            if item.background {
                self.background(&item.chain)?;
            } else {
                self.and_or(&item.chain)?;
            }
        }
        if last.background {
            return self.background(&last.chain);
        }
        self.tail = last.chain.rest.is_empty() && self.is_plain(&last.chain.first);
        let result = self.and_or(&last.chain);
        self.tail = false;
        result
    }

    fn is_plain(&self, pipe: &Pipeline) -> bool {
        !pipe.negate && pipe.timed.is_none() && matches!(&pipe.stages[..], [Command::Simple(_)])
    }

    fn and_or(&mut self, chain: &AndOr) -> Run {
        if chain.rest.is_empty() {
            return self.pipeline(&chain.first);
        }
        self.tolerating(|shell| shell.pipeline(&chain.first))?;
        let last = chain.rest.len() - 1;
        for (i, (op, pipe)) in chain.rest.iter().enumerate() {
            if (self.status == 0) != (*op == Chain::And) {
                continue;
            }
            if i == last {
                self.pipeline(pipe)?;
            } else {
                self.tolerating(|shell| shell.pipeline(pipe))?;
            }
        }
        Ok(())
    }

    /// Runs something whose failure does not end the shell under `set -e`.
    pub(crate) fn tolerating(&mut self, inner: impl FnOnce(&mut Self) -> Run) -> Run {
        self.errexit_ignored += 1;
        let result = inner(self);
        self.errexit_ignored -= 1;
        result
    }

    fn pipeline(&mut self, pipe: &Pipeline) -> Run {
        if pipe.timed.is_none() && !pipe.negate {
            return self.stages(&pipe.stages);
        }
        self.decorated(pipe)
    }

    fn stages(&mut self, stages: &[Command]) -> Run {
        if let [single] = stages {
            self.command(single)?;
            return Ok(());
        }
        self.piped(stages)?;
        self.check_failure()
    }

    #[inline(never)]
    fn decorated(&mut self, pipe: &Pipeline) -> Run {
        let started = pipe.timed.map(|_| self.clock_start());
        let result = if pipe.stages.is_empty() {
            self.status = 0;
            Ok(())
        } else if pipe.negate {
            self.tolerating(|shell| shell.stages(&pipe.stages))
        } else {
            self.stages(&pipe.stages)
        };
        if let (Some(timed), Some(started)) = (pipe.timed, started) {
            self.report_time(&started, timed.posix);
        }
        result?;
        if pipe.negate {
            self.status = i32::from(self.status == 0);
        }
        Ok(())
    }

    /// Runs one command, with the checks that follow it.
    #[inline(never)]
    pub(crate) fn command(&mut self, c: &Command) -> Run {
        if self.traps.may_be_pending() {
            self.run_pending_traps()?;
        }
        if self.opt(Opt::NoExec) {
            return Ok(());
        }
        match c {
            Command::Simple(s) => {
                let result = self.simple(s);
                self.set_pipe_status();
                result?;
                self.check_failure()
            }
            Command::Compound(c) => {
                self.compound(c)?;
                match c.kind {
                    Kind::Subshell(_) | Kind::Arith(_) | Kind::Cond(_) => {
                        self.set_pipe_status();
                        self.check_failure()
                    }
                    _ => Ok(()),
                }
            }
            Command::Function(f) => {
                self.define_function(f);
                self.set_pipe_status();
                Ok(())
            }
            Command::Coproc(c) => {
                self.coproc(c)?;
                self.set_pipe_status();
                Ok(())
            }
        }
    }

    pub(crate) fn set_pipe_status(&mut self) {
        self.pipe_status.clear();
        self.pipe_status.push(self.status);
    }

    /// After a command: the ERR trap, and `set -e`.
    pub(crate) fn check_failure(&mut self) -> Run {
        if self.status == 0 || self.errexit_ignored > 0 {
            return Ok(());
        }
        self.run_err_trap()?;
        if self.opt(Opt::ErrExit) {
            return Err(Unwind::Exit);
        }
        Ok(())
    }
}
