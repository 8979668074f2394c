//! Redirections: applied to the shell itself and undone, or planned as actions for a child.

use crate::names::Sym;
use crate::options::{Opt, Shopt};
use crate::shell::{PRIVATE_FD, Run, Shell};
use crate::syntax::ast::{Redir, RedirFd, RedirOp, Target, Word};
use crate::syntax::print;
use crate::system::{Errno, Fd, FdAction, FileKind, OpenHow, Sys};

/// How to put a descriptor back.
#[derive(Debug, Clone, Copy)]
enum Undo {
    /// Close the first; the second is its copy.
    Restore(Fd, Fd),
    Close(Fd),
}

/// What was changed for one command.
#[derive(Debug, Default)]
pub struct Undos(Vec<Undo>);

/// A child's redirections.
#[derive(Debug, Default)]
pub struct Plan {
    pub actions: Vec<FdAction>,
    /// Descriptors opened for it, to be closed here once it runs.
    pub opened: Vec<Fd>,
}

impl Plan {
    /// The descriptor of this process that the child's `fd` will be, if it will be open.
    #[must_use]
    pub fn source_of(&self, fd: Fd) -> Option<Fd> {
        let mut want = fd;
        for action in self.actions.iter().rev() {
            match *action {
                FdAction::Dup { src, to } if to == want => want = src,
                FdAction::Close(closed) if closed == want => return None,
                _ => {}
            }
        }
        Some(want)
    }
}

/// One thing to do.
enum Step {
    /// Open descriptor `from`, made for this, becomes `to`.
    Install {
        from: Fd,
        to: Fd,
    },
    /// `from` also becomes `to`.
    Copy {
        from: Fd,
        to: Fd,
    },
    Close(Fd),
    /// A descriptor was stored in a variable; nothing more.
    Done,
}

/// The redirection failed; the message has been written.
struct Failed;

impl Shell {
    /// Redirects this shell. False if one of them failed (then the ones before it are undone).
    pub fn redirect(&mut self, redirs: &[Redir]) -> Run<Option<Undos>> {
        let mut undos = Undos::default();
        for r in redirs {
            if !self.redirect_one(r, Some(&mut undos))? {
                self.undo(undos);
                return Ok(None);
            }
        }
        Ok(Some(undos))
    }

    /// Redirects this shell for good (`exec`).
    pub fn redirect_permanently(&mut self, redirs: &[Redir]) -> Run<bool> {
        for r in redirs {
            if !self.redirect_one(r, None)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Puts back what [`Shell::redirect`] changed.
    pub fn undo(&mut self, undos: Undos) {
        for undo in undos.0.into_iter().rev() {
            let _ = match undo {
                Undo::Restore(fd, copy) => self.sys.dup2(copy, fd, false).and_then(|()| self.sys.close(copy)),
                Undo::Close(fd) => self.sys.close(fd),
            };
        }
    }

    fn redirect_one(&mut self, r: &Redir, mut undos: Option<&mut Undos>) -> Run<bool> {
        let steps = match self.steps(r)? {
            Ok(steps) => steps,
            Err(Failed) => {
                self.status = 1;
                return Ok(false);
            }
        };
        for step in steps {
            let result = match step {
                Step::Done => Ok(()),
                Step::Install { from, to } => {
                    self.save(to, undos.as_deref_mut());
                    self.install(from, to)
                }
                Step::Copy { from, to } => {
                    self.save(to, undos.as_deref_mut());
                    self.sys.dup2(from, to, false)
                }
                Step::Close(fd) => {
                    self.save(fd, undos.as_deref_mut());
                    let _ = self.sys.close(fd);
                    Ok(())
                }
            };
            if let Err(e) = result {
                self.complain_errno(b"redirection error", e);
                self.status = 1;
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn install(&self, from: Fd, to: Fd) -> Sys<()> {
        self.sys.dup2(from, to, false)?;
        if from != to { self.sys.close(from) } else { Ok(()) }
    }

    fn save(&self, fd: Fd, undos: Option<&mut Undos>) {
        let Some(undos) = undos else { return };
        match self.sys.dup(fd, PRIVATE_FD, true) {
            Ok(copy) => undos.0.push(Undo::Restore(fd, copy)),
            Err(_) => undos.0.push(Undo::Close(fd)),
        }
    }

    /// Works out a child's redirections, opening what has to be opened. `None`: one failed, with its message written.
    pub fn plan(&mut self, redirs: &[Redir], plan: &mut Plan) -> Run<bool> {
        self.planning = true;
        let result = self.plan_all(redirs, plan);
        self.planning = false;
        result
    }

    fn plan_all(&mut self, redirs: &[Redir], plan: &mut Plan) -> Run<bool> {
        let many = redirs.len() > 1 || !plan.actions.is_empty();
        for r in redirs {
            let steps = match self.steps(r)? {
                Ok(steps) => steps,
                Err(Failed) => return Ok(false),
            };
            for step in steps {
                match step {
                    Step::Done => {}
                    Step::Install { mut from, to } => {
                        // Out of the way of what other redirections of this command name.
                        if many
                            && from < PRIVATE_FD
                            && let Ok(high) = self.sys.dup(from, PRIVATE_FD, true)
                        {
                            let _ = self.sys.close(from);
                            from = high;
                        }
                        let _ = self.sys.cloexec(from, Some(true));
                        plan.opened.push(from);
                        plan.actions.push(FdAction::Dup { src: from, to });
                    }
                    Step::Copy { from, to } => plan.actions.push(FdAction::Dup { src: from, to }),
                    Step::Close(fd) => plan.actions.push(FdAction::Close(fd)),
                }
            }
            if let Some(FdAction::Dup { src, .. }) = plan.actions.last().copied() {
                let mut before = Plan { actions: plan.actions.clone(), opened: Vec::new() };
                before.actions.pop();
                let open = before.source_of(src).is_some_and(|fd| self.sys.cloexec(fd, None).is_ok());
                if !open {
                    self.complain_errno(&self.shown_target(r), Errno::BADF);
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Closes what was opened for a child.
    pub fn close_plan(&self, plan: &Plan) {
        for fd in &plan.opened {
            let _ = self.sys.close(*fd);
        }
    }

    fn shown_target(&self, r: &Redir) -> Vec<u8> {
        match &r.target {
            Target::Word(w) => print::word(w),
            Target::Here(_) => b"here-document".to_vec(),
        }
    }

    /// What one redirection does. Files are open, on descriptors of our own, when this returns.
    fn steps(&mut self, r: &Redir) -> Run<Result<Vec<Step>, Failed>> {
        let default = match r.op {
            RedirOp::Read | RedirOp::ReadWrite | RedirOp::DupIn | RedirOp::HereDoc | RedirOp::HereString => 0,
            _ => 1,
        };
        match (&r.target, r.op) {
            (Target::Here(doc), _) => {
                let text = match doc.body.get() {
                    Some(body) => self.expand_string(body)?,
                    None => Vec::new(),
                };
                self.here(r, default, &text)
            }
            (Target::Word(w), RedirOp::HereString) => {
                let mut text = Vec::new();
                self.expand_assigned(w, &mut text)?;
                text.push(b'\n');
                self.here(r, default, &text)
            }
            (Target::Word(w), RedirOp::DupIn | RedirOp::DupOut) => self.duplicate(r, w, default),
            (Target::Word(w), op) => {
                let Ok(path) = self.file_name(w)? else { return Ok(Err(Failed)) };
                self.open_steps(r, &path, op, default)
            }
        }
    }

    /// The one name a redirection's word expands to.
    fn file_name(&mut self, w: &Word) -> Run<Result<Vec<u8>, Failed>> {
        let mut fields = Vec::new();
        self.expand_word(w, &mut fields)?;
        match fields.len() {
            1 => Ok(Ok(fields.remove(0))),
            _ => {
                self.complain_parts(&[&print::word(w), b": ambiguous redirect"]);
                Ok(Err(Failed))
            }
        }
    }

    fn open_steps(&mut self, r: &Redir, path: &[u8], op: RedirOp, default: Fd) -> Run<Result<Vec<Step>, Failed>> {
        let both = matches!(op, RedirOp::Both | RedirOp::AppendBoth);
        let from = match self.open_target(path, op) {
            Ok(fd) => fd,
            Err(None) => return Ok(Err(Failed)),
            Err(Some(e)) => {
                let e = if e == Errno::EXIST { Errno::NOENT } else { e };
                self.complain_errno(path, e);
                return Ok(Err(Failed));
            }
        };
        let mut steps = self.put_in_place(r, from, default)?;
        if both && let Ok(steps) = &mut steps {
            steps.push(Step::Copy { from: 1, to: 2 });
        }
        Ok(steps)
    }

    /// Opens a file as the operator says. `Err(None)`: the message has been written.
    fn open_target(&mut self, path: &[u8], op: RedirOp) -> Result<Fd, Option<Errno>> {
        let mut how = OpenHow { cloexec: true, ..OpenHow::default() };
        match op {
            RedirOp::Read => how.read = true,
            RedirOp::ReadWrite => (how.read, how.write, how.create) = (true, true, true),
            RedirOp::Append | RedirOp::AppendBoth => (how.write, how.create, how.append) = (true, true, true),
            _ => (how.write, how.create, how.truncate) = (true, true, true),
        }
        if matches!(op, RedirOp::Write | RedirOp::Both) && self.opt(Opt::NoClobber) {
            match self.sys.stat(path, true) {
                Ok(st) if st.kind == FileKind::File => {
                    self.complain_parts(&[path, b": cannot overwrite existing file"]);
                    return Err(None);
                }
                Ok(_) => {}
                Err(_) => {
                    how.truncate = false;
                    how.exclusive = true;
                }
            }
        }
        loop {
            match self.sys.open(path, how, 0o666) {
                Err(Errno::INTR) => self.run_pending_traps_quietly(),
                result => return result.map_err(Some),
            }
        }
    }

    /// Where an open descriptor goes.
    fn put_in_place(&mut self, r: &Redir, from: Fd, default: Fd) -> Run<Result<Vec<Step>, Failed>> {
        match &r.fd {
            RedirFd::Default => Ok(Ok(vec![Step::Install { from, to: default }])),
            RedirFd::Number(to) => Ok(Ok(vec![Step::Install { from, to: *to }])),
            RedirFd::Variable(name) => {
                let fd = match self.sys.dup(from, PRIVATE_FD, false) {
                    Ok(fd) => fd,
                    Err(e) => {
                        self.complain_errno(b"cannot duplicate fd", e);
                        return Ok(Err(Failed));
                    }
                };
                let _ = self.sys.close(from);
                self.store_fd(name, fd)
            }
        }
    }

    fn store_fd(&mut self, name: &[u8], fd: Fd) -> Run<Result<Vec<Step>, Failed>> {
        let ok = match self.place_from_text(name)? {
            Some(place) => self.assign_place(&place, fd.to_string().into_bytes(), false).is_ok(),
            None => false,
        };
        if !ok {
            let _ = self.sys.close(fd);
            return Ok(Err(Failed));
        }
        if self.shopt(Shopt::VarRedirClose) {
            self.variable_fds.push(fd);
        }
        Ok(Ok(vec![Step::Done]))
    }

    /// `<&` and `>&`.
    fn duplicate(&mut self, r: &Redir, w: &Word, default: Fd) -> Run<Result<Vec<Step>, Failed>> {
        let Ok(text) = self.file_name(w)? else { return Ok(Err(Failed)) };
        if text == b"-" {
            return self.close_steps(r, default);
        }
        let (digits, moved) = match text.strip_suffix(b"-") {
            Some(digits) => (digits, true),
            None => (&text[..], false),
        };
        let number = if digits.iter().all(u8::is_ascii_digit) { crate::expand::to_int(digits) } else { None };
        let Some(from) = number.and_then(|n| Fd::try_from(n).ok()) else {
            if r.op == RedirOp::DupOut && matches!(r.fd, RedirFd::Default | RedirFd::Number(1)) {
                return self.open_steps(r, &text, RedirOp::Both, default);
            }
            self.complain_parts(&[&print::word(w), b": ambiguous redirect"]);
            return Ok(Err(Failed));
        };
        if !self.planning && self.sys.cloexec(from, None).is_err() {
            self.complain_errno(digits, Errno::BADF);
            return Ok(Err(Failed));
        }
        let to = match &r.fd {
            RedirFd::Default => default,
            RedirFd::Number(n) => *n,
            RedirFd::Variable(name) => {
                let copy = match self.sys.dup(from, PRIVATE_FD, false) {
                    Ok(copy) => copy,
                    Err(e) => {
                        self.complain_errno(digits, e);
                        return Ok(Err(Failed));
                    }
                };
                let result = self.store_fd(name, copy)?;
                return Ok(result.map(|mut steps| {
                    if moved {
                        steps.push(Step::Close(from));
                    }
                    steps
                }));
            }
        };
        let mut steps = vec![Step::Copy { from, to }];
        if moved && from != to {
            steps.push(Step::Close(from));
        }
        Ok(Ok(steps))
    }

    fn close_steps(&mut self, r: &Redir, default: Fd) -> Run<Result<Vec<Step>, Failed>> {
        let fd = match &r.fd {
            RedirFd::Default => default,
            RedirFd::Number(n) => *n,
            RedirFd::Variable(name) => {
                let place = self.place_from_text(name)?;
                let text = place.and_then(|p| self.read_place(&p)).unwrap_or_default();
                match crate::expand::to_int(&text).and_then(|n| Fd::try_from(n).ok()) {
                    // Closed for good, as bash does with descriptors it chose.
                    Some(fd) => {
                        let _ = self.sys.close(fd);
                        return Ok(Ok(vec![Step::Done]));
                    }
                    None => {
                        self.complain_parts(&[name, b": ambiguous redirect"]);
                        return Ok(Err(Failed));
                    }
                }
            }
        };
        Ok(Ok(vec![Step::Close(fd)]))
    }

    /// A descriptor from which `text` is read.
    fn here(&mut self, r: &Redir, default: Fd, text: &[u8]) -> Run<Result<Vec<Step>, Failed>> {
        match self.text_source(text) {
            Ok(fd) => self.put_in_place(r, fd, default),
            Err(e) => {
                self.complain_errno(b"cannot create temp file for here-document", e);
                Ok(Err(Failed))
            }
        }
    }

    /// A pipe if the text is sure to fit into one, else a file that has no name any more.
    fn text_source(&mut self, text: &[u8]) -> Sys<Fd> {
        const FITS_A_PIPE: usize = 4096;
        if text.len() <= FITS_A_PIPE {
            let (read, write) = self.sys.pipe()?;
            let result = self.sys.write_all(write, text);
            let _ = self.sys.close(write);
            return result.map(|()| read);
        }
        let dir = self.text(Sym::new(b"TMPDIR")).filter(|d| !d.is_empty()).unwrap_or_else(|| b"/tmp".to_vec());
        let mut random = [0; 8];
        self.sys.random(&mut random);
        let name = format!("/sh-thd.{:x}", u64::from_le_bytes(random));
        let path = [&dir[..], name.as_bytes()].concat();
        let how = OpenHow { write: true, create: true, exclusive: true, cloexec: true, ..OpenHow::default() };
        let write = self.sys.open(&path, how, 0o600)?;
        let result = self.sys.write_all(write, text);
        let _ = self.sys.close(write);
        let read = self.sys.open(&path, OpenHow { read: true, cloexec: true, ..OpenHow::default() }, 0);
        let _ = self.sys.unlink(&path);
        result?;
        read
    }
}
