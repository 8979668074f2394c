//! What a session leaves running between its execs: what it is, what it has used, its end.

use std::sync::atomic::Ordering;

use super::exec::Metering;
use super::process::{Shared, lock};
use super::sandbox::Sandbox;
use crate::kernel;

impl Sandbox {
    /// Processes of the session that go on though their exec is over, with their first arguments.
    ///
    /// With [`SandboxConfig::background`](super::SandboxConfig::background), what the shell of a session exec leaves running when it exits goes
    /// on: with the fuel its exec had left, without a limit of wall time, under the sandbox's other limits. What it writes to its exec's streams
    /// is lost, and its standard input is at its end. The shell of the next session exec is its parent again. A limit it trips ends what that
    /// exec left, and nothing else.
    pub fn background(&self) -> Vec<(i32, String)> {
        let running = lock(&self.kernel).background();
        running.into_iter().map(|(pid, argv0)| (pid.0, String::from_utf8_lossy(&argv0).into_owned())).collect()
    }

    /// Kills what [`Sandbox::background`] lists, waits until it is gone, and tells what it was.
    pub async fn kill_background(&self) -> Vec<(i32, String)> {
        let killed = self.background();
        lock(&self.kernel).kill_background();
        loop {
            let ended = self.shared.ended.notified();
            if !lock(&self.shared.meters).values().any(|meter| meter.background.load(Ordering::Relaxed)) {
                return killed;
            }
            ended.await;
        }
    }

    /// What background processes have used since this was last asked: fuel up to now, the rest of those that have ended.
    pub fn background_metering(&self) -> Metering {
        let mut metering = std::mem::take(&mut *lock(&self.shared.background));
        for meter in lock(&self.shared.meters).values().filter(|meter| meter.background.load(Ordering::Relaxed)) {
            metering.fuel = metering.fuel.saturating_add(meter.take_unreported());
        }
        metering
    }
}

impl Shared {
    /// Books what the rest of an exec used in the background. `fuel`: what has not been reported of it.
    pub(super) fn add_background(&self, rest: kernel::Metering, fuel: u64) {
        let mut rest = Metering::from(rest);
        let mut all = lock(&self.background);
        all.fuel = all.fuel.saturating_add(fuel);
        all.memory_peak_bytes = all.memory_peak_bytes.max(rest.memory_peak_bytes);
        all.read_bytes += rest.read_bytes;
        all.written_bytes += rest.written_bytes;
        all.processes_total += rest.processes_total;
        all.wall_seconds = all.wall_seconds.max(rest.wall_seconds);
        let room = kernel::Metering::RECORDS_MAX.saturating_sub(all.processes.len());
        rest.processes.truncate(room);
        all.processes.append(&mut rest.processes);
    }
}
