//! How an import runs: entering the guest's memory, waiting, signals, charging, and saying the result.

use std::future::{Future, poll_fn, ready};
use std::task::{Poll, Waker};

use wasmtime::{AsContextMut as _, Caller};

use super::guest::{Guest, Killed};
use super::memory::GuestMemory;
use crate::base::{Errno, Sys};
use crate::kernel::{AT_FDCWD, Caught, Fd};

/// Fuel for a call, whatever it does.
const CALL_FUEL: u64 = 100;

/// Fuel of host work after which a process settles it and steps aside: the work of about a millisecond.
const HOST_SLICE: u64 = 4_000_000;

/// A call's result before it is said to the guest: a number that is >= 0, or an errno.
pub(super) type Answer = Sys<i32>;

/// The result that wasmtime takes back to the guest, or what ends the program.
pub(super) type Returned = wasmtime::Result<i32>;

/// How a result is said: preview 1 answers 0 or an errno, `coquina_v1` a value or minus an errno.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tongue {
    Preview1,
    Coquina,
}

/// What becomes of a wait once the program's hook has handled a caught signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AfterSignal {
    /// The wait goes on if all handlers say so.
    AsHandlersSay,
    /// The call is interrupted whatever they say, as Linux does it for sleeping, polling and `pause`.
    Interrupt,
}

/// What a call works with: its guest's memory and what else is known of it, borrowed apart.
pub(super) struct Call<'a> {
    pub(super) memory: GuestMemory<'a>,
    pub(super) guest: &'a mut Guest,
}

impl Call<'_> {
    /// Charges the handling of `bytes` bytes of data.
    pub(super) fn charge(&mut self, bytes: usize) {
        self.guest.host_fuel += bytes as u64 / 16;
    }

    /// For an attempt that is not done but has worked long enough: it is called again after the others on this thread had their turn.
    pub(super) fn let_others_go_first<T>(&self, waker: &Waker) -> Poll<T> {
        self.guest.pace.step_aside(0);
        waker.wake_by_ref();
        Poll::Pending
    }
}

impl Guest {
    /// The path of a call that starts at `dirfd`. Charges the walk.
    ///
    /// A legacy program has no working directory to start from; a confined one cannot leave the directory.
    pub(super) fn path<'m>(&mut self, memory: &'m GuestMemory<'_>, dirfd: Fd, ptr: u32, len: u32) -> Sys<&'m [u8]> {
        self.host_fuel += 8 * u64::from(len.min(4096));
        if self.legacy && dirfd == AT_FDCWD {
            return Err(Errno::BadF);
        }
        let path = memory.path(ptr, len)?;
        if self.confined() && escapes(path) { Err(Errno::Perm) } else { Ok(path) }
    }
}

/// Whether a path leaves the directory it starts at, going by its text.
///
/// A symlink can still lead out of it: not out of the sandbox, which holds nothing but what this program was given.
fn escapes(path: &[u8]) -> bool {
    let mut depth = 0_i32;
    path.starts_with(b"/")
        || path.split(|&b| b == b'/').any(|name| {
            depth += match name {
                b"" | b"." => 0,
                b".." => -1,
                _ => 1,
            };
            depth < 0
        })
}

fn enter<R>(caller: &mut Caller<'_, Guest>, body: impl FnOnce(&mut Call<'_>) -> R) -> R {
    if caller.data().memory.is_none() {
        // A call out of the module's start function, before `attach`; or a module without a memory, whose pointers all fault.
        let found = caller.get_export("memory").and_then(wasmtime::Extern::into_memory);
        caller.data_mut().memory = found;
    }
    match caller.data().memory {
        Some(memory) => {
            let (bytes, guest) = memory.data_and_store_mut(caller);
            body(&mut Call { memory: GuestMemory::new(bytes), guest })
        }
        None => body(&mut Call { memory: GuestMemory::new(&mut []), guest: caller.data_mut() }),
    }
}

/// A call that cannot wait and whose work is small, whatever the guest says.
pub(super) fn at_once(
    mut caller: Caller<'_, Guest>,
    tongue: Tongue,
    body: impl FnOnce(&mut Call<'_>) -> Answer,
) -> Returned {
    caller.data_mut().host_fuel += CALL_FUEL;
    let answer = enter(&mut caller, body);
    say(&caller, tongue, answer)
}

/// A call that may wait.
///
/// `attempt` is called until it is ready: first at once with a waker that does nothing, then with the task's. Kernel calls in it keep the
/// waker. It answers `Intr` when a caught signal is pending and it would have to wait.
///
/// Where a program has a hook, signals that are pending already are handled first, as if they had come just after the call began: had
/// it to wait, it is interrupted. A program that looks for its handler's mark and then waits would else miss it and wait for ever.
pub(super) fn may_wait<'a, F>(
    caller: Caller<'a, Guest>,
    tongue: Tongue,
    after: AfterSignal,
    mut attempt: F,
) -> Box<dyn Future<Output = Returned> + Send + 'a>
where
    F: FnMut(&mut Call<'_>, &Waker) -> Poll<Answer> + Send + 'a,
{
    let caught = caller.data().signal_hook.as_ref().and_then(|_| take_caught(caller.data()));
    let Some(caught) = caught else {
        return large(caller, tongue, after, attempt);
    };
    let mut caller = caller;
    Box::new(async move {
        let handled = run_hook(&mut caller, after, Some(caught)).await?;
        let mut first = enter(&mut caller, |call| attempt(call, Waker::noop()));
        if matches!((&first, handled), (Poll::Pending, Handled::Interrupt)) {
            first = Poll::Ready(Err(Errno::Intr));
        }
        conclude(caller, tongue, after, first, attempt).await
    })
}

/// A call whose work may be large.
///
/// As [`may_wait`], but signals have to wait for another call.
pub(super) fn large<'a, F>(
    mut caller: Caller<'a, Guest>,
    tongue: Tongue,
    after: AfterSignal,
    mut attempt: F,
) -> Box<dyn Future<Output = Returned> + Send + 'a>
where
    F: FnMut(&mut Call<'_>, &Waker) -> Poll<Answer> + Send + 'a,
{
    caller.data_mut().host_fuel += CALL_FUEL;
    match enter(&mut caller, |call| attempt(call, Waker::noop())) {
        Poll::Ready(Ok(value)) if caller.data().host_fuel < HOST_SLICE => {
            Box::new(ready(Ok(if tongue == Tongue::Preview1 { 0 } else { value })))
        }
        first => Box::new(conclude(caller, tongue, after, first, attempt)),
    }
}

/// Whatever is left of a call after its first attempt.
async fn conclude<F>(
    mut caller: Caller<'_, Guest>,
    tongue: Tongue,
    after: AfterSignal,
    first: Poll<Answer>,
    attempt: F,
) -> Returned
where
    F: FnMut(&mut Call<'_>, &Waker) -> Poll<Answer> + Send,
{
    let answer = finish(&mut caller, after, first, attempt).await?;
    if caller.data().host_fuel >= HOST_SLICE {
        settle(&mut caller).await;
    }
    say(&caller, tongue, answer)
}

/// Waits until `attempt` is ready. A caught signal is handled by the program's hook, after which the call goes on or is interrupted.
async fn finish<F>(
    caller: &mut Caller<'_, Guest>,
    after: AfterSignal,
    mut polled: Poll<Answer>,
    mut attempt: F,
) -> wasmtime::Result<Answer>
where
    F: FnMut(&mut Call<'_>, &Waker) -> Poll<Answer> + Send,
{
    loop {
        match polled {
            Poll::Pending => {
                let waited = poll_fn(|cx| enter(caller, |call| attempt(call, cx.waker()))).await;
                polled = Poll::Ready(waited);
            }
            Poll::Ready(Err(Errno::Intr)) => match handle_signals(caller, after).await? {
                Handled::Restart => polled = Poll::Pending,
                Handled::Interrupt => return Ok(Err(Errno::Intr)),
            },
            Poll::Ready(Err(Errno::Pipe)) => {
                // The write that fails is what sent SIGPIPE: its handler has run before the program hears of it.
                handle_signals(caller, after).await?;
                return Ok(Err(Errno::Pipe));
            }
            Poll::Ready(answer) => return Ok(answer),
        }
        if caller.data().host_fuel >= HOST_SLICE {
            settle(caller).await;
        }
    }
}

enum Handled {
    Restart,
    Interrupt,
}

/// Lets the program's hook handle the caught signals that are pending. Without a hook, or with none pending, the call is interrupted.
async fn handle_signals(caller: &mut Caller<'_, Guest>, after: AfterSignal) -> wasmtime::Result<Handled> {
    if caller.data().signal_hook.is_none() {
        return Ok(Handled::Interrupt);
    }
    let first = take_caught(caller.data());
    run_hook(caller, after, first).await
}

/// Calls the program's hook for `next` and every other caught signal that is pending.
async fn run_hook(
    caller: &mut Caller<'_, Guest>,
    after: AfterSignal,
    mut next: Option<Caught>,
) -> wasmtime::Result<Handled> {
    let mut handled = match (after, next.is_some()) {
        (AfterSignal::AsHandlersSay, true) => Handled::Restart,
        _ => Handled::Interrupt,
    };
    let Some(hook) = caller.data().signal_hook.clone() else {
        return Ok(Handled::Interrupt);
    };
    while let Some(Caught { signal, restart }) = next {
        if !restart {
            handled = Handled::Interrupt;
        }
        hook.call_async(caller.as_context_mut(), signal.raw()).await?;
        next = take_caught(caller.data());
    }
    Ok(handled)
}

fn take_caught(guest: &Guest) -> Option<Caught> {
    guest.lock().take_caught(guest.pid)
}

/// Takes what calls have used from the store's fuel and lets the other processes of this thread go first.
///
/// At zero fuel the program ends at its next instruction.
async fn settle(caller: &mut Caller<'_, Guest>) {
    let owed = std::mem::take(&mut caller.data_mut().host_fuel);
    if let Ok(fuel) = caller.get_fuel() {
        // Cannot fail where `get_fuel` did not: both do only in a store without fuel.
        let _ = caller.set_fuel(fuel.saturating_sub(owed));
    }
    caller.data().pace.step_aside(owed);
    step_aside().await;
}

/// Ready at the second asking: whoever else is ready goes first.
async fn step_aside() {
    let mut asked = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut asked, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Says the answer, unless the process was killed meanwhile.
fn say(caller: &Caller<'_, Guest>, tongue: Tongue, answer: Answer) -> Returned {
    match (answer, tongue) {
        (Ok(_), Tongue::Preview1) => Ok(0),
        (Ok(value), Tongue::Coquina) => Ok(value),
        (Err(errno), _) => {
            still_alive(caller.data())?;
            let errno = i32::from(errno.raw());
            Ok(if tongue == Tongue::Preview1 { errno } else { -errno })
        }
    }
}

/// Raises [`Killed`] if a signal has killed the caller: asked after an error and after what may be suicide.
pub(super) fn still_alive(guest: &Guest) -> wasmtime::Result<()> {
    match guest.lock().killed(guest.pid) {
        Some(_) => Err(wasmtime::Error::new(Killed)),
        None => Ok(()),
    }
}

/// A call that may be the caller's own end: as [`at_once`], and a process that was killed in it ends here.
pub(super) fn may_end(
    mut caller: Caller<'_, Guest>,
    tongue: Tongue,
    body: impl FnOnce(&mut Call<'_>) -> Answer,
) -> Returned {
    caller.data_mut().host_fuel += CALL_FUEL;
    let answer = enter(&mut caller, body);
    still_alive(caller.data())?;
    say(&caller, tongue, answer)
}

/// Defines imports. Each line is `name(argument: type, …) => how function`, where `how` is
///
/// * `at_once`: `function(&mut Call, argument, …) -> Answer`, small and never waiting;
/// * `may_end`: the same, after which the caller may have been killed;
/// * `large`: the same, but its work may be large;
/// * `may_wait`: `function(argument, …)` makes the attempt for [`may_wait`];
/// * `may_sleep`: the same, but no wait outlives a caught signal;
/// * `may_pause`: as `may_sleep`, but signals that are pending already are the attempt's affair.
macro_rules! imports {
    ($linker:ident, $module:expr, $tongue:expr, $($name:ident($($arg:ident: $ty:ty),*) => $how:ident $function:path;)*) => {
        $(imports!(@ $how, $linker, $module, $tongue, $name, $function, $($arg: $ty),*);)*
    };
    (@ at_once, $linker:ident, $module:expr, $tongue:expr, $name:ident, $function:path, $($arg:ident: $ty:ty),*) => {
        $linker.func_wrap($module, stringify!($name), |caller: wasmtime::Caller<'_, Guest>, $($arg: $ty),*| {
            at_once(caller, $tongue, |call| $function(call, $($arg),*))
        })?;
    };
    (@ may_end, $linker:ident, $module:expr, $tongue:expr, $name:ident, $function:path, $($arg:ident: $ty:ty),*) => {
        $linker.func_wrap($module, stringify!($name), |caller: wasmtime::Caller<'_, Guest>, $($arg: $ty),*| {
            may_end(caller, $tongue, |call| $function(call, $($arg),*))
        })?;
    };
    (@ large, $linker:ident, $module:expr, $tongue:expr, $name:ident, $function:path, $($arg:ident: $ty:ty),*) => {
        $linker.func_wrap_async($module, stringify!($name),
            |caller: wasmtime::Caller<'_, Guest>, ($($arg,)*): ($($ty,)*)| {
                large(caller, $tongue, AfterSignal::AsHandlersSay, move |call, _| std::task::Poll::Ready($function(call, $($arg),*)))
            })?;
    };
    (@ may_wait, $linker:ident, $module:expr, $tongue:expr, $name:ident, $function:path, $($arg:ident: $ty:ty),*) => {
        $linker.func_wrap_async($module, stringify!($name),
            |caller: wasmtime::Caller<'_, Guest>, ($($arg,)*): ($($ty,)*)| {
                may_wait(caller, $tongue, AfterSignal::AsHandlersSay, $function($($arg),*))
            })?;
    };
    (@ may_sleep, $linker:ident, $module:expr, $tongue:expr, $name:ident, $function:path, $($arg:ident: $ty:ty),*) => {
        $linker.func_wrap_async($module, stringify!($name),
            |caller: wasmtime::Caller<'_, Guest>, ($($arg,)*): ($($ty,)*)| {
                may_wait(caller, $tongue, AfterSignal::Interrupt, $function($($arg),*))
            })?;
    };
    (@ may_pause, $linker:ident, $module:expr, $tongue:expr, $name:ident, $function:path, $($arg:ident: $ty:ty),*) => {
        $linker.func_wrap_async($module, stringify!($name),
            |caller: wasmtime::Caller<'_, Guest>, ($($arg,)*): ($($ty,)*)| {
                large(caller, $tongue, AfterSignal::Interrupt, $function($($arg),*))
            })?;
    };
}
pub(super) use imports;

#[cfg(test)]
mod tests {
    use super::escapes;

    #[test]
    fn paths_that_leave_are_told_by_their_text() {
        for inside in ["", ".", "a/..", "a/../b", "./a/.//b/../..", "a/b/../../c/", "..a"] {
            assert!(!escapes(inside.as_bytes()), "{inside}");
        }
        for outside in ["/", "/a", "..", "../a", "a/../..", "a/.//../../b", "a/../../a"] {
            assert!(escapes(outside.as_bytes()), "{outside}");
        }
    }
}
