//! Processes. A command is started by one `spawn` import, which gives the child this process's descriptors by the
//! close-on-exec rules and then moves the three standard streams into place. A command with `pre_exec` hooks needs to run
//! code in the child and uses `vfork` and `exec` instead.
use super::env::{CommandEnv, CommandEnvs};
pub use crate::ffi::OsString as EnvKey;
use crate::ffi::{OsStr, OsString};
use crate::num::NonZero;
use crate::os::fd::{AsRawFd, OwnedFd, RawFd};
use crate::os::wasi::coquina::{self, SEARCH, SpawnAttr, check, host};
use crate::path::Path;
use crate::process::StdioPipes;
use crate::sys::IntoInner;
use crate::sys::fd::FileDesc;
use crate::sys::fs::{File, OpenOptions};
use crate::sys::pipe::{Pipe, pipe};
use crate::{fmt, io, ptr};

pub type ChildPipe = Pipe;
type Hook = Box<dyn FnMut() -> io::Result<()> + Send + Sync>;

/// `SpawnAttr` flag: `pgroup` is set.
const SET_PGROUP: i32 = 2;

#[derive(Debug)]
pub enum Stdio {
    Inherit,
    Null,
    MakePipe,
    Fd(FileDesc),
    Standard(RawFd),
}

impl From<ChildPipe> for Stdio {
    fn from(pipe: ChildPipe) -> Stdio {
        Stdio::Fd(pipe)
    }
}
impl From<io::Stdout> for Stdio {
    fn from(_: io::Stdout) -> Stdio {
        Stdio::Standard(1)
    }
}
impl From<io::Stderr> for Stdio {
    fn from(_: io::Stderr) -> Stdio {
        Stdio::Standard(2)
    }
}
impl From<File> for Stdio {
    fn from(file: File) -> Stdio {
        Stdio::Fd(file.into_inner())
    }
}

pub struct Command {
    program: OsString,
    args: Vec<OsString>,
    env: CommandEnv,
    cwd: Option<OsString>,
    streams: [Option<Stdio>; 3],
    pgroup: Option<i32>,
    hooks: Vec<Hook>,
}

/// A command as the imports take it: byte ranges, lists with a NUL after each string.
struct Image {
    path: Vec<u8>,
    argv: Vec<u8>,
    env: Vec<u8>,
    flags: i32,
}

/// The child's standard streams: where each comes from, what this process keeps, what it holds only until the child has it.
struct Streams {
    sources: [RawFd; 3],
    ours: [Option<Pipe>; 3],
    _theirs: Vec<OwnedFd>,
}

impl Command {
    pub fn new(program: &OsStr) -> Command {
        Command {
            program: program.to_owned(),
            args: vec![program.to_owned()],
            env: Default::default(),
            cwd: None,
            streams: [None, None, None],
            pgroup: None,
            hooks: Vec::new(),
        }
    }
    pub fn arg(&mut self, arg: &OsStr) {
        self.args.push(arg.to_owned())
    }
    pub fn set_arg_0(&mut self, arg: &OsStr) {
        self.args[0] = arg.to_owned()
    }
    pub fn env_mut(&mut self) -> &mut CommandEnv {
        &mut self.env
    }
    pub fn cwd(&mut self, dir: &OsStr) {
        self.cwd = Some(dir.to_owned())
    }
    pub fn pgroup(&mut self, pgroup: i32) {
        self.pgroup = Some(pgroup)
    }
    pub fn pre_exec(&mut self, hook: Hook) {
        self.hooks.push(hook)
    }
    pub fn stdin(&mut self, stdin: Stdio) {
        self.streams[0] = Some(stdin)
    }
    pub fn stdout(&mut self, stdout: Stdio) {
        self.streams[1] = Some(stdout)
    }
    pub fn stderr(&mut self, stderr: Stdio) {
        self.streams[2] = Some(stderr)
    }
    pub fn get_program(&self) -> &OsStr {
        &self.program
    }
    pub fn get_args(&self) -> CommandArgs<'_> {
        CommandArgs { iter: self.args[1..].iter() }
    }
    pub fn get_envs(&self) -> CommandEnvs<'_> {
        self.env.iter()
    }
    pub fn get_env_clear(&self) -> bool {
        self.env.does_clear()
    }
    pub fn get_current_dir(&self) -> Option<&Path> {
        self.cwd.as_deref().map(Path::new)
    }

    pub fn spawn(
        &mut self,
        default: Stdio,
        needs_stdin: bool,
    ) -> io::Result<(Process, StdioPipes)> {
        let image = self.image()?;
        let streams = self.open_streams(&default, needs_stdin)?;
        let pid = if self.hooks.is_empty() {
            self.spawn_at_once(&image, &streams)?
        } else {
            self.spawn_by_vfork(&image, &streams)?
        };
        let [stdin, stdout, stderr] = streams.ours;
        Ok((Process { pid, status: None }, StdioPipes { stdin, stdout, stderr }))
    }

    /// Replaces this program; returns only on error.
    pub fn exec(&mut self) -> io::Error {
        let become_it = |command: &mut Command| {
            let image = command.image()?;
            let streams = command.open_streams(&Stdio::Inherit, true)?;
            command.exec_here(&image, &streams)
        };
        match become_it(self) {
            Ok(_) => unreachable!("exec returned outside of vfork"),
            Err(error) => error,
        }
    }

    fn image(&self) -> io::Result<Image> {
        fn put(bytes: &[u8], to: &mut Vec<u8>) -> io::Result<()> {
            if bytes.contains(&0) {
                return Err(io::const_error!(
                    io::ErrorKind::InvalidInput,
                    "nul byte found in provided data",
                ));
            }
            to.extend_from_slice(bytes);
            Ok(())
        }
        let (mut path, mut argv, mut env) = (Vec::new(), Vec::new(), Vec::new());
        put(self.program.as_encoded_bytes(), &mut path)?;
        for arg in &self.args {
            put(arg.as_encoded_bytes(), &mut argv)?;
            argv.push(0);
        }
        for (key, value) in self.env.capture() {
            put(key.as_encoded_bytes(), &mut env)?;
            env.push(b'=');
            put(value.as_encoded_bytes(), &mut env)?;
            env.push(0);
        }
        let flags = if path.contains(&b'/') { 0 } else { SEARCH };
        Ok(Image { path, argv, env, flags })
    }

    fn open_streams(&self, default: &Stdio, needs_stdin: bool) -> io::Result<Streams> {
        let mut streams =
            Streams { sources: [0, 1, 2], ours: [None, None, None], _theirs: Vec::new() };
        let null = Stdio::Null;
        for i in 0..3 {
            let how = match &self.streams[i] {
                Some(how) => how,
                None if i == 0 && !needs_stdin => &null,
                None => default,
            };
            let theirs = match how {
                Stdio::Inherit => continue,
                // A standard stream's place may be taken by the time it is its turn: move it out of the way.
                Stdio::Standard(fd) if *fd == i as RawFd => continue,
                Stdio::Standard(fd) => coquina::dup(*fd)?,
                Stdio::Fd(fd) if fd.as_raw_fd() < 3 => coquina::dup(fd.as_raw_fd())?,
                Stdio::Fd(fd) => {
                    streams.sources[i] = fd.as_raw_fd();
                    continue;
                }
                Stdio::Null => {
                    let mut options = OpenOptions::new();
                    options.read(i == 0);
                    options.write(i != 0);
                    File::open(Path::new("/dev/null"), &options)?.into_inner().into_inner()
                }
                Stdio::MakePipe => {
                    let (read, write) = pipe()?;
                    let (mine, theirs) = if i == 0 { (write, read) } else { (read, write) };
                    streams.ours[i] = Some(mine);
                    theirs.into_inner()
                }
            };
            streams.sources[i] = theirs.as_raw_fd();
            streams._theirs.push(theirs);
        }
        Ok(streams)
    }

    fn spawn_at_once(&self, image: &Image, streams: &Streams) -> io::Result<i32> {
        let mut actions = Vec::with_capacity(3);
        for (to, &from) in streams.sources.iter().enumerate() {
            if to as RawFd != from {
                actions.push([0, to as i32, from]);
            }
        }
        let cwd = self.cwd.as_deref().map_or(&[][..], OsStr::as_encoded_bytes);
        let attr = SpawnAttr {
            flags: image.flags | if self.pgroup.is_some() { SET_PGROUP } else { 0 },
            pgroup: self.pgroup.unwrap_or(0),
            cwd: cwd.as_ptr(),
            cwd_len: cwd.len(),
            blob: ptr::null(),
            blob_len: 0,
            sigdefault: 0,
            sigignore: 0,
            reserved: 0,
        };
        check(unsafe {
            host::spawn(
                image.path.as_ptr(),
                image.path.len(),
                image.argv.as_ptr(),
                image.argv.len(),
                image.env.as_ptr(),
                image.env.len(),
                actions.as_ptr(),
                actions.len(),
                &attr,
            )
        })
    }

    fn spawn_by_vfork(&mut self, image: &Image, streams: &Streams) -> io::Result<i32> {
        let pid = check(unsafe { host::vfork() })?;
        // The child, in this memory, until exec or vfork_exit.
        self.exec_here(image, streams).inspect_err(|_| {
            unsafe { host::vfork_exit(127) };
            // The parent again.
            unsafe { host::wait(pid, 0, ptr::null_mut()) };
        })
    }

    /// Makes the calling process the command. In a `vfork` child the result is its pid, in the parent.
    fn exec_here(&mut self, image: &Image, streams: &Streams) -> io::Result<i32> {
        for (to, &from) in streams.sources.iter().enumerate() {
            if to as RawFd != from {
                check(unsafe { host::dup2(from, to as i32, 0) })?;
            }
        }
        if let Some(pgroup) = self.pgroup {
            check(unsafe { host::setpgid(0, pgroup) })?;
        }
        if let Some(cwd) = &self.cwd {
            let cwd = cwd.as_encoded_bytes();
            check(unsafe { host::chdir(cwd.as_ptr(), cwd.len()) })?;
        }
        for hook in &mut self.hooks {
            hook()?;
        }
        check(unsafe {
            host::exec(
                image.path.as_ptr(),
                image.path.len(),
                image.argv.as_ptr(),
                image.argv.len(),
                image.env.as_ptr(),
                image.env.len(),
                image.flags,
            )
        })
    }
}

pub fn output(command: &mut Command) -> io::Result<(ExitStatus, Vec<u8>, Vec<u8>)> {
    let (mut process, mut pipes) = command.spawn(Stdio::MakePipe, false)?;
    drop(pipes.stdin.take());
    let (mut out, mut err) = (Vec::new(), Vec::new());
    match (pipes.stdout.take(), pipes.stderr.take()) {
        (None, None) => {}
        (Some(stdout), None) => drop(stdout.read_to_end(&mut out)?),
        (None, Some(stderr)) => drop(stderr.read_to_end(&mut err)?),
        (Some(stdout), Some(stderr)) => read_output(stdout, &mut out, stderr, &mut err)?,
    }
    Ok((process.wait()?, out, err))
}

/// Reads two pipes to their ends. A read of a pipe that `poll` reports never blocks.
pub fn read_output(
    stdout: ChildPipe,
    out: &mut Vec<u8>,
    stderr: ChildPipe,
    err: &mut Vec<u8>,
) -> io::Result<()> {
    let mut buf = [0; 8192];
    let ready = |pipe: &ChildPipe| libc::pollfd {
        fd: pipe.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    loop {
        let mut polled = [ready(&stdout), ready(&stderr)];
        if unsafe { libc::poll(polled.as_mut_ptr(), 2, -1) } < 0 {
            let error = io::Error::last_os_error();
            if error.is_interrupted() {
                continue;
            }
            return Err(error);
        }
        if polled[0].revents != 0 {
            match stdout.read(&mut buf)? {
                0 => return stderr.read_to_end(err).map(drop),
                n => out.extend_from_slice(&buf[..n]),
            }
        }
        if polled[1].revents != 0 {
            match stderr.read(&mut buf)? {
                0 => return stdout.read_to_end(out).map(drop),
                n => err.extend_from_slice(&buf[..n]),
            }
        }
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(cwd) = &self.cwd {
            write!(f, "cd {cwd:?} && ")?;
        }
        if self.env.does_clear() {
            f.write_str("env -i ")?;
        } else {
            let mut first = true;
            for (key, _) in self.get_envs().filter(|(_, value)| value.is_none()) {
                let env = if first { "env " } else { "" };
                write!(f, "{env}-u {} ", key.to_string_lossy())?;
                first = false;
            }
        }
        for (key, value) in self.get_envs() {
            if let Some(value) = value {
                write!(f, "{}={value:?} ", key.to_string_lossy())?;
            }
        }
        if self.program != self.args[0] {
            write!(f, "[{:?}] ", self.program)?;
        }
        write!(f, "{:?}", self.args[0])?;
        self.args[1..].iter().try_for_each(|arg| write!(f, " {arg:?}"))
    }
}

/// A wait status as on Linux: the low 7 bits are the signal, the next byte is the exit code.
#[derive(PartialEq, Eq, Clone, Copy, Debug, Default)]
pub struct ExitStatus(i32);

impl ExitStatus {
    pub fn exit_ok(&self) -> Result<(), ExitStatusError> {
        NonZero::new(self.0).map_or(Ok(()), |status| Err(ExitStatusError(status)))
    }
    pub fn code(&self) -> Option<i32> {
        (self.0 & 0x7f == 0).then_some((self.0 >> 8) & 0xff)
    }
    pub fn signal(&self) -> Option<i32> {
        (self.0 & 0x7f != 0).then_some(self.0 & 0x7f)
    }
    pub fn into_raw(&self) -> i32 {
        self.0
    }
}
impl From<i32> for ExitStatus {
    fn from(status: i32) -> Self {
        ExitStatus(status)
    }
}

const SIGNALS: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
    "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
    "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
];

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(code) = self.code() {
            return write!(f, "exit status: {code}");
        }
        let signal = self.0 & 0x7f;
        match SIGNALS.get(signal as usize - 1) {
            Some(name) => write!(f, "signal: {signal} (SIG{name})"),
            None => write!(f, "signal: {signal}"),
        }
    }
}

#[derive(PartialEq, Eq, Clone, Copy, Debug)]
pub struct ExitStatusError(NonZero<i32>);

impl Into<ExitStatus> for ExitStatusError {
    fn into(self) -> ExitStatus {
        ExitStatus(self.0.get())
    }
}
impl ExitStatusError {
    pub fn code(self) -> Option<NonZero<i32>> {
        ExitStatus(self.0.get()).code().and_then(NonZero::new)
    }
}

#[derive(PartialEq, Eq, Clone, Copy, Debug)]
pub struct ExitCode(u8);

impl ExitCode {
    pub const SUCCESS: ExitCode = ExitCode(0);
    pub const FAILURE: ExitCode = ExitCode(1);

    pub fn as_i32(&self) -> i32 {
        self.0 as i32
    }
}
impl From<u8> for ExitCode {
    fn from(code: u8) -> Self {
        ExitCode(code)
    }
}

pub struct Process {
    pid: i32,
    status: Option<ExitStatus>,
}

impl Process {
    pub fn id(&self) -> u32 {
        self.pid as u32
    }
    /// Does nothing once the child was waited for: its pid may be another's.
    pub fn send_signal(&self, signal: i32) -> io::Result<()> {
        if self.status.is_some() {
            return Ok(());
        }
        check(unsafe { host::kill(self.pid, signal) }).map(drop)
    }
    pub fn kill(&mut self) -> io::Result<()> {
        self.send_signal(9)
    }
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        loop {
            match self.wait_with(0) {
                Ok(Some(status)) => return Ok(status),
                Ok(None) => {}
                Err(error) if error.is_interrupted() => {}
                Err(error) => return Err(error),
            }
        }
    }
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        const NO_HANG: i32 = 1;
        self.wait_with(NO_HANG)
    }
    fn wait_with(&mut self, flags: i32) -> io::Result<Option<ExitStatus>> {
        if self.status.is_none() {
            let mut status = 0;
            if check(unsafe { host::wait(self.pid, flags, &mut status) })? != 0 {
                self.status = Some(ExitStatus(status));
            }
        }
        Ok(self.status)
    }
}

pub struct CommandArgs<'a> {
    iter: crate::slice::Iter<'a, OsString>,
}

impl<'a> Iterator for CommandArgs<'a> {
    type Item = &'a OsStr;
    fn next(&mut self) -> Option<&'a OsStr> {
        self.iter.next().map(|arg| &**arg)
    }
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.iter.size_hint()
    }
}
impl<'a> ExactSizeIterator for CommandArgs<'a> {
    fn len(&self) -> usize {
        self.iter.len()
    }
    fn is_empty(&self) -> bool {
        self.iter.len() == 0
    }
}
impl<'a> fmt::Debug for CommandArgs<'a> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter.clone()).finish()
    }
}

pub fn getpid() -> u32 {
    unsafe { host::getpid() as u32 }
}
