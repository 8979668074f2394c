//! Processes: `spawn` to `usage`.

use std::task::{Poll, Waker};

use wasmtime::Caller;

use super::super::call::{Answer, Call, Returned, Tongue, may_end};
use super::super::guest::{ExecRequest, Guest};
use super::super::memory::{GuestMemory, Record};
use crate::base::{Errno, Sys};
use crate::kernel::{Execed, FileAction, Pid, Signal, SpawnRequest, WaitTarget};

/// What starting a process and taking it down costs the host, as fuel: some 15 µs.
const SPAWN_FUEL: u64 = 50_000;

/// Most file actions of one `spawn`.
const ACTIONS_MAX: u32 = 4096;

/// Most bytes a parent can give a child, or a shell can leave for the host.
const BLOB_BYTES_MAX: u32 = 64 << 20;

/// A spawn flag, and the only flag of `exec`.
const SEARCH_PATH: u32 = 1;
const SET_PGROUP: u32 = 2;
const SET_SIGDEFAULT: u32 = 4;

/// Arguments and environment, which together are bounded.
fn arguments<'m>(
    guest: &Guest,
    memory: &'m GuestMemory<'_>,
    argv: (u32, u32),
    env: (u32, u32),
) -> Sys<(&'m [u8], &'m [u8])> {
    let max = guest.lock().limits().argument_bytes;
    let argv = memory.strings(argv.0, argv.1, max)?;
    let env = memory.strings(env.0, env.1, max - argv.len() as u32)?;
    Ok((argv, env))
}

/// The `n` file actions, three `i32` each.
fn file_actions(memory: &GuestMemory<'_>, ptr: u32, n: u32) -> Sys<Vec<FileAction>> {
    if n > ACTIONS_MAX {
        return Err(Errno::TooBig);
    }
    let bytes = memory.bytes(ptr, n * 12)?;
    let action = |raw: &[u8]| {
        let raw = Record::<12>(raw.try_into().map_err(|_| Errno::Fault)?);
        let (fd, src) = (raw.u32_at(4) as i32, raw.u32_at(8) as i32);
        match raw.u32_at(0) {
            0 => Ok(FileAction::Dup2 { fd, src }),
            1 => Ok(FileAction::Close(fd)),
            _ => Err(Errno::Inval),
        }
    };
    bytes.chunks_exact(12).map(action).collect()
}

/// Fills in what `attr` points at: 48 bytes.
fn attributes<'m>(memory: &'m GuestMemory<'_>, attr: u32, request: &mut SpawnRequest<'m>) -> Sys<()> {
    let raw: Record<48> = memory.read_record(attr)?;
    let flags = raw.u32_at(0);
    if flags & !(SEARCH_PATH | SET_PGROUP | SET_SIGDEFAULT) != 0 {
        return Err(Errno::Inval);
    }
    request.search_path = flags & SEARCH_PATH != 0;
    if flags & SET_PGROUP != 0 {
        request.pgroup = Some(raw.u32_at(4) as i32);
    }
    if raw.u32_at(12) != 0 {
        request.cwd = Some(memory.path(raw.u32_at(8), raw.u32_at(12))?);
    }
    if raw.u32_at(20) != 0 {
        request.blob = Some(blob_bytes(memory, raw.u32_at(16), raw.u32_at(20))?);
    }
    if flags & SET_SIGDEFAULT != 0 {
        request.sigdefault = raw.u64_at(24);
    }
    request.sigignore = raw.u64_at(32);
    Ok(())
}

fn blob_bytes<'m>(memory: &'m GuestMemory<'_>, ptr: u32, len: u32) -> Sys<&'m [u8]> {
    if len > BLOB_BYTES_MAX {
        return Err(Errno::TooBig);
    }
    memory.bytes(ptr, len)
}

#[expect(clippy::too_many_arguments, reason = "they are the import's")]
pub(super) fn spawn(
    call: &mut Call<'_>,
    path: u32,
    len: u32,
    argv: u32,
    argv_len: u32,
    env: u32,
    env_len: u32,
    actions: u32,
    n: u32,
    attr: u32,
) -> Answer {
    let actions = file_actions(&call.memory, actions, n)?;
    let program = call.guest.path(&call.memory, 0, path, len)?;
    let (argv, env) = arguments(call.guest, &call.memory, (argv, argv_len), (env, env_len))?;
    let mut request = SpawnRequest { program, argv, env, actions: &actions, ..SpawnRequest::default() };
    if attr != 0 {
        attributes(&call.memory, attr, &mut request)?;
    }
    let copied = argv.len() + env.len() + request.blob.map_or(0, <[u8]>::len);
    let child = call.guest.lock().spawn(call.guest.pid, &request)?;
    call.charge(copied);
    call.guest.host_fuel += SPAWN_FUEL;
    Ok(child.0)
}

/// `exec`: ends this program, or, inside `vfork`, answers the child's pid as the parent.
#[expect(clippy::too_many_arguments, reason = "they are the import's")]
pub(super) fn exec(
    caller: Caller<'_, Guest>,
    path: u32,
    len: u32,
    argv: u32,
    argv_len: u32,
    env: u32,
    env_len: u32,
    flags: u32,
) -> Returned {
    let mut replaced = false;
    let answer = may_end(caller, Tongue::Coquina, |call| {
        if flags & !SEARCH_PATH != 0 {
            return Err(Errno::Inval);
        }
        let program = call.guest.path(&call.memory, 0, path, len)?;
        let (argv, env) = arguments(call.guest, &call.memory, (argv, argv_len), (env, env_len))?;
        let pid = call.guest.pid;
        let execed = call.guest.lock().exec(pid, program, flags & SEARCH_PATH != 0, argv, env)?;
        match execed {
            Execed::Replaced => replaced = true,
            Execed::Child { parent } => call.guest.pid = parent,
        }
        Ok(pid.0)
    });
    // Asked before whether it was killed: the pid belongs to the new program already.
    if replaced { Err(wasmtime::Error::new(ExecRequest)) } else { answer }
}

pub(super) fn vfork(call: &mut Call<'_>) -> Answer {
    let child = call.guest.lock().vfork(call.guest.pid)?;
    call.guest.pid = child;
    Ok(child.0)
}

pub(super) fn vfork_exit(call: &mut Call<'_>, status: i32) -> Answer {
    let parent = call.guest.lock().vfork_exit(call.guest.pid, status as u8)?;
    call.guest.pid = parent;
    Ok(0)
}

pub(super) fn wait(pid: i32, flags: u32, status: u32) -> impl FnMut(&mut Call<'_>, &Waker) -> Poll<Answer> + Send {
    const NOHANG: u32 = 1;
    move |call, waker| {
        let target = wait_target(pid)?;
        if flags & !NOHANG != 0 {
            return Poll::Ready(Err(Errno::Inval));
        }
        if status != 0 {
            call.memory.check(status, 4)?;
        }
        let polled = call.guest.lock().poll_wait(call.guest.pid, target, flags & NOHANG != 0, waker);
        polled.map_ok(|ended| ended).map(|waited| {
            let Some(waited) = waited? else { return Ok(0) };
            if status != 0 {
                call.memory.write_u32(status, waited.status.to_wait_status() as u32)?;
            }
            Ok(waited.pid.0)
        })
    }
}

fn wait_target(pid: i32) -> Sys<WaitTarget> {
    match pid {
        -1 => Ok(WaitTarget::Any),
        1.. => Ok(WaitTarget::Pid(Pid(pid))),
        _ => pid.checked_neg().map(WaitTarget::Group).ok_or(Errno::Srch),
    }
}

pub(super) fn kill(call: &mut Call<'_>, target: i32, sig: i32) -> Answer {
    let signal = match sig {
        0 => None,
        sig => Some(Signal::from_raw(sig).ok_or(Errno::Inval)?),
    };
    if target == i32::MIN {
        return Err(Errno::Srch);
    }
    call.guest.lock().kill(call.guest.pid, target, signal)?;
    Ok(0)
}

pub(super) fn getpid(call: &mut Call<'_>) -> Answer {
    Ok(call.guest.pid.0)
}

pub(super) fn getppid(call: &mut Call<'_>) -> Answer {
    Ok(call.guest.lock().getppid(call.guest.pid).0)
}

pub(super) fn getpgid(call: &mut Call<'_>, pid: i32) -> Answer {
    call.guest.lock().getpgid(call.guest.pid, pid).map(|pgid| pgid.0)
}

pub(super) fn setpgid(call: &mut Call<'_>, pid: i32, pgid: i32) -> Answer {
    call.guest.lock().setpgid(call.guest.pid, pid, pgid)?;
    Ok(0)
}

pub(super) fn setsid(call: &mut Call<'_>) -> Answer {
    call.guest.lock().setsid(call.guest.pid).map(|sid| sid.0)
}

pub(super) fn getids(call: &mut Call<'_>, out: u32) -> Answer {
    let cred = call.guest.lock().cred(call.guest.pid);
    let ids = [cred.uid, cred.uid, cred.gid, cred.gid];
    let record = ids.iter().enumerate().fold(Record::<16>::zeroed(), |r, (n, id)| r.with(n * 4, id.to_le_bytes()));
    call.memory.write(out, &record.0)?;
    Ok(0)
}

/// Copies as much of `bytes` as fits and answers how much there is.
fn copy_out(memory: &mut GuestMemory<'_>, bytes: &[u8], buf: u32, len: u32) -> Answer {
    let fits = &bytes[..bytes.len().min(len as usize)];
    memory.write(buf, fits)?;
    i32::try_from(bytes.len()).map_err(|_| Errno::Overflow)
}

pub(super) fn hostname(call: &mut Call<'_>, buf: u32, len: u32) -> Answer {
    let kernel = call.guest.lock();
    copy_out(&mut call.memory, kernel.hostname().as_bytes(), buf, len)
}

pub(super) fn blob(call: &mut Call<'_>, buf: u32, len: u32) -> Answer {
    let total = {
        let kernel = call.guest.lock();
        copy_out(&mut call.memory, kernel.blob(call.guest.pid), buf, len)?
    };
    call.charge(total.min(len as i32).unsigned_abs() as usize);
    Ok(total)
}

pub(super) fn keep(call: &mut Call<'_>, ptr: u32, len: u32) -> Answer {
    let bytes = blob_bytes(&call.memory, ptr, len)?;
    call.guest.lock().keep(call.guest.pid, bytes)?;
    call.charge(len as usize);
    Ok(0)
}

pub(super) fn limit(call: &mut Call<'_>, which: i32, used: u64) -> Answer {
    call.guest.lock().limit(call.guest.pid, which, used)?;
    Ok(0)
}

pub(super) fn usage(call: &mut Call<'_>, who: i32, out: u32) -> Answer {
    let (user_ns, peak) = match who {
        0 => (call.guest.pace.cpu_ns(), call.guest.limiter.held()),
        -1 => {
            let children = call.guest.lock().usage_children(call.guest.pid);
            (children.cpu_ns, children.memory_peak_bytes)
        }
        _ => return Err(Errno::Inval),
    };
    // No system time: calls are the program's own.
    let record = Record::<24>::zeroed().with(0, user_ns.to_le_bytes()).with(16, peak.to_le_bytes());
    call.memory.write(out, &record.0)?;
    Ok(0)
}
