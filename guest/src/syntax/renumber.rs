//! Line numbers inside `$( … )` and `<( … )`.
//!
//! Bash prints a substituted command when it parses it and parses that text again when it runs it, so the lines it reports
//! are those of the printed form, counted from the line of the command around it. Here the tree stays, and only its
//! lines are changed to those, counted from 0; whoever runs it adds the line of the command around.

use super::ast::{Command, Kind, List};
use super::print;
use std::rc::Rc;

/// Gives every command of a substituted list the line it has in the printed form.
pub(super) fn renumber(list: &mut List) {
    let mut lines = print::lines(list).into_iter();
    walk_list(list, &mut || lines.next().unwrap_or(0));
}

fn walk_list(list: &mut List, next: &mut dyn FnMut() -> u32) {
    for item in &mut list.items {
        let pipes = std::iter::once(&mut item.chain.first).chain(item.chain.rest.iter_mut().map(|(_, p)| p));
        for pipe in pipes {
            for stage in &mut pipe.stages {
                walk_command(stage, next);
            }
        }
    }
}

/// In the order in which the printer meets the commands.
fn walk_command(command: &mut Command, next: &mut dyn FnMut() -> u32) {
    match command {
        Command::Simple(s) => s.line = next(),
        Command::Compound(c) => {
            c.line = next();
            match &mut c.kind {
                Kind::Brace(l) => walk_list(l, next),
                Kind::Subshell(l) => {
                    if let Some(l) = Rc::get_mut(l) {
                        walk_list(l, next);
                    }
                }
                Kind::If { cond, then, otherwise } => {
                    walk_list(cond, next);
                    walk_list(then, next);
                    if let Some(l) = otherwise {
                        walk_list(l, next);
                    }
                }
                Kind::For { body, .. } | Kind::Select { body, .. } | Kind::ArithFor { body, .. } => {
                    walk_list(body, next)
                }
                Kind::Case { items, .. } => {
                    for item in items {
                        walk_list(&mut item.body, next);
                    }
                }
                Kind::While { cond, body, .. } => {
                    walk_list(cond, next);
                    walk_list(body, next);
                }
                Kind::Arith(_) | Kind::Cond(_) => {}
            }
        }
        Command::Function(f) => {
            let line = next();
            if let Some(f) = Rc::get_mut(f) {
                f.line = line;
                if let Some(body) = Rc::get_mut(&mut f.body) {
                    walk_command(body, next);
                }
            }
        }
        Command::Coproc(c) => {
            c.line = next();
            walk_command(&mut c.body, next);
        }
    }
}
