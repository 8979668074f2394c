//! Who may run a command now: so many at a time in all, so many for each key, and turns between keys when there are more.
//!
//! Rates (requests, fuel) are buckets that fill as time goes; commands beyond a number wait in their key's queue, and whenever
//! one ends the keys with waiting commands take turns. What cannot wait any longer is told when to come again.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::error::ApiError;
use super::keys::Quotas;

/// Keys whose share is forgotten when they have not asked for so long and nothing of theirs runs.
const FORGET_AFTER: Duration = Duration::from_secs(3600);

/// The gate that commands wait at.
#[derive(Clone)]
pub(super) struct Admission(Arc<Inner>);

struct Inner {
    /// Commands at a time, of all keys.
    execs: usize,
    /// Waiting commands of one key.
    queue: usize,
    patience: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    running: usize,
    shares: HashMap<String, Share>,
    /// Keys with waiting commands, the next in turn first.
    turns: VecDeque<String>,
}

/// One key's part.
struct Share {
    running: u32,
    memory: u64,
    waiting: VecDeque<Waiting>,
    requests: Bucket,
    fuel: Bucket,
    seen: Instant,
    quotas: Quotas,
}

struct Waiting {
    memory: u64,
    turn: oneshot::Sender<Permit>,
}

/// What refills with time.
#[derive(Clone, Copy)]
struct Bucket {
    /// What is left, in units; below zero when more was used than there was.
    level: f64,
    at: Instant,
}

/// Leave to run one command; given back when dropped.
pub(super) struct Permit {
    gate: Admission,
    key: String,
    memory: u64,
}

impl Admission {
    /// At most `execs` commands at a time; `queue` waiting ones of each key, each for `patience`.
    pub fn new(execs: usize, queue: usize, patience: Duration) -> Admission {
        Admission(Arc::new(Inner { execs: execs.max(1), queue, patience, state: Mutex::default() }))
    }

    /// Counts a request of `key`.
    pub fn request(&self, key: &str, quotas: &Quotas) -> Result<(), ApiError> {
        let Some(rate) = quotas.requests_per_minute else { return Ok(()) };
        let mut state = self.state();
        let share = state.share(key, quotas);
        share.requests.take(f64::from(rate), 1.0).map_err(|wait| ApiError::rate_limited("requests per minute", wait))
    }

    /// Waits for leave to run a command of `key` whose memory limit is `memory`.
    pub async fn admit(&self, key: &str, quotas: &Quotas, memory: u64) -> Result<Permit, ApiError> {
        let turn = self.line_up(key, quotas, memory, self.0.queue)?;
        match tokio::time::timeout(self.0.patience, turn).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(ApiError::rate_limited("concurrent commands", 1)),
        }
    }

    /// The same for a command that is a step of something longer, whose number is limited: it waits behind however many, as long as it takes. To be
    /// told to come again, what was done so far would be lost.
    pub async fn admit_step(&self, key: &str, quotas: &Quotas, memory: u64) -> Result<Permit, ApiError> {
        self.line_up(key, quotas, memory, usize::MAX)?.await.map_err(|_| ApiError::internal())
    }

    /// Takes a place in the queue of `key`, if no more than `most` are there. One that need not wait has its turn at once.
    fn line_up(
        &self,
        key: &str,
        quotas: &Quotas,
        memory: u64,
        most: usize,
    ) -> Result<oneshot::Receiver<Permit>, ApiError> {
        let mut state = self.state();
        let running = state.running;
        let share = state.share(key, quotas);
        share.waiting.retain(|waiting| !waiting.turn.is_closed());
        if let Some(rate) = quotas.fuel_per_minute {
            let wait = share.fuel.take(rate as f64, 0.0);
            wait.map_err(|wait| ApiError::rate_limited("fuel per minute", wait))?;
        }
        let (send, turn) = oneshot::channel();
        if running < self.0.execs && share.waiting.is_empty() && share.fits(memory) {
            // The other end is here.
            let _ = send.send(self.take(&mut state, key, memory));
            return Ok(turn);
        }
        if share.waiting.len() >= most {
            return Err(ApiError::rate_limited("concurrent commands", 1));
        }
        share.waiting.push_back(Waiting { memory, turn: send });
        if !state.turns.iter().any(|turn| turn == key) {
            state.turns.push_back(key.to_owned());
        }
        Ok(turn)
    }

    /// Books what a command of `key` used.
    pub fn used(&self, key: &str, quotas: &Quotas, fuel: u64) {
        if let Some(rate) = quotas.fuel_per_minute {
            let mut state = self.state();
            let share = state.share(key, quotas);
            share.fuel.fill(rate as f64);
            share.fuel.level -= fuel as f64;
        }
    }

    /// Commands that run, and commands that wait.
    pub fn counts(&self) -> (usize, usize) {
        let state = self.state();
        (state.running, state.shares.values().map(|share| share.waiting.len()).sum())
    }

    fn take(&self, state: &mut State, key: &str, memory: u64) -> Permit {
        state.running += 1;
        if let Some(share) = state.shares.get_mut(key) {
            share.running += 1;
            share.memory += memory;
        }
        Permit { gate: self.clone(), key: key.to_owned(), memory }
    }

    /// Gives free places to waiting commands, a key at a time.
    fn dispatch(&self, state: &mut State) -> Vec<Permit> {
        let mut unwanted = Vec::new();
        let mut passed = 0;
        while state.running < self.0.execs && passed < state.turns.len() {
            let Some(key) = state.turns.pop_front() else { break };
            let Some(share) = state.shares.get_mut(&key) else { continue };
            share.waiting.retain(|waiting| !waiting.turn.is_closed());
            let fits = share.waiting.front().is_some_and(|waiting| share.fits(waiting.memory));
            let next = if fits { share.waiting.pop_front() } else { None };
            if !share.waiting.is_empty() {
                state.turns.push_back(key.clone());
            }
            match next {
                Some(waiting) => {
                    passed = 0;
                    let permit = self.take(state, &key, waiting.memory);
                    unwanted.extend(waiting.turn.send(permit).err());
                }
                None => passed += 1,
            }
        }
        unwanted
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn share(&mut self, key: &str, quotas: &Quotas) -> &mut Share {
        let now = Instant::now();
        if !self.shares.contains_key(key) {
            let idle = |share: &Share| share.running == 0 && share.waiting.is_empty();
            self.shares.retain(|_, share| !(idle(share) && share.seen.elapsed() > FORGET_AFTER));
            let bucket = |rate: Option<f64>| Bucket { level: rate.unwrap_or_default(), at: now };
            let share = Share {
                running: 0,
                memory: 0,
                waiting: VecDeque::new(),
                requests: bucket(quotas.requests_per_minute.map(f64::from)),
                fuel: bucket(quotas.fuel_per_minute.map(|rate| rate as f64)),
                seen: now,
                quotas: quotas.clone(),
            };
            self.shares.insert(key.to_owned(), share);
        }
        let share = self.shares.get_mut(key).expect("it was there or has just been made");
        share.seen = now;
        if share.quotas != *quotas {
            share.quotas = quotas.clone();
        }
        share
    }
}

impl Share {
    /// Whether one more command may run; one alone always may.
    fn fits(&self, memory: u64) -> bool {
        let within = self.quotas.memory_bytes.is_none_or(|most| self.memory.saturating_add(memory) <= most);
        self.running == 0 || (self.quotas.concurrent_execs.is_none_or(|most| self.running < most) && within)
    }
}

impl Bucket {
    /// Fills up at `rate` a minute, to a minute's worth at most.
    fn fill(&mut self, rate: f64) {
        let now = Instant::now();
        let gained = rate * now.duration_since(self.at).as_secs_f64() / 60.0;
        (self.level, self.at) = ((self.level + gained).min(rate), now);
    }

    /// Takes `amount`, of which there must be so much, and at least something; else tells after how many seconds there is.
    fn take(&mut self, rate: f64, amount: f64) -> Result<(), u64> {
        self.fill(rate);
        if rate > 0.0 && self.level >= amount && self.level > 0.0 {
            self.level -= amount;
            return Ok(());
        }
        let missing = (amount - self.level).max(f64::MIN_POSITIVE);
        Err(if rate > 0.0 { (missing / rate * 60.0).ceil().clamp(1.0, 86_400.0) as u64 } else { 86_400 })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let gate = self.gate.clone();
        let unwanted = {
            let mut state = gate.state();
            state.running -= 1;
            if let Some(share) = state.shares.get_mut(&self.key) {
                share.running -= 1;
                share.memory -= self.memory;
            }
            gate.dispatch(&mut state)
        };
        // Dropped without the lock: each comes back here.
        drop(unwanted);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::ZERO;

    fn wait<F: Future>(future: F) -> F::Output {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime starts").block_on(future)
    }

    fn quotas(concurrent: u32) -> Quotas {
        Quotas { concurrent_execs: Some(concurrent), ..Quotas::default() }
    }

    #[test]
    fn a_key_has_so_many_at_a_time_and_others_are_not_held_up() {
        wait(async {
            let gate = Admission::new(3, 10, NOW);
            let first = gate.admit("a", &quotas(1), 0).await.expect("there is room");
            assert!(gate.admit("a", &quotas(1), 0).await.is_err(), "its second has to wait, and nobody waits here");
            let _other = gate.admit("b", &quotas(1), 0).await.expect("there is room for another key");
            drop(first);
            let _second = gate.admit("a", &quotas(1), 0).await.expect("there is room again");
            assert_eq!(gate.counts().0, 2);
        });
    }

    #[test]
    fn keys_take_turns() {
        wait(async {
            let gate = Admission::new(1, 100, Duration::from_secs(3600));
            let running = gate.admit("greedy", &Quotas::default(), 0).await.expect("there is room");
            let order = Arc::new(Mutex::new(Vec::new()));
            let mut tasks = Vec::new();
            for key in ["greedy", "greedy", "greedy", "modest"] {
                let (gate, order) = (gate.clone(), order.clone());
                tasks.push(tokio::spawn(async move {
                    let permit = gate.admit(key, &Quotas::default(), 0).await.expect("its turn comes");
                    order.lock().expect("no panic").push(key);
                    drop(permit);
                }));
                tokio::task::yield_now().await;
            }
            drop(running);
            for task in tasks {
                task.await.expect("no panic");
            }
            assert_eq!(*order.lock().expect("no panic"), ["greedy", "modest", "greedy", "greedy"]);
            assert_eq!(gate.counts(), (0, 0));
        });
    }

    #[test]
    fn who_gave_up_waiting_takes_no_place() {
        wait(async {
            let gate = Admission::new(1, 2, NOW);
            let running = gate.admit("a", &Quotas::default(), 0).await.expect("there is room");
            for _ in 0..5 {
                assert!(gate.admit("b", &Quotas::default(), 0).await.is_err());
            }
            drop(running);
            drop(gate.admit("a", &Quotas::default(), 0).await.expect("the place is free"));
            drop(gate.admit("b", &Quotas::default(), 0).await.expect("the place is free"));
            assert_eq!(gate.counts(), (0, 0));
        });
    }

    #[test]
    fn a_step_waits_however_many_there_are() {
        wait(async {
            let gate = Admission::new(1, 0, NOW);
            let running = gate.admit("a", &Quotas::default(), 0).await.expect("there is room");
            assert!(gate.admit("a", &Quotas::default(), 0).await.is_err(), "nobody else waits here");
            let (none, begun) = (Quotas::default(), gate.counts());
            let steps = futures_util::future::join_all(
                (0..600).map(|_| async { drop(gate.admit_step("a", &none, 0).await.expect("its turn comes")) }),
            );
            let (all, ()) = tokio::join!(steps, async { drop(running) });
            assert_eq!((all.len(), begun, gate.counts()), (600, (1, 0), (0, 0)));
        });
    }

    #[test]
    fn memory_limits_count_together() {
        wait(async {
            let gate = Admission::new(10, 10, NOW);
            let quotas = Quotas { memory_bytes: Some(100), ..Quotas::default() };
            let one = gate.admit("a", &quotas, 60).await.expect("there is room");
            assert!(gate.admit("a", &quotas, 60).await.is_err());
            let _small = gate.admit("a", &quotas, 40).await.expect("there is just room");
            drop(one);
            gate.admit("a", &quotas, 60).await.expect("there is room again");
        });
    }

    #[test]
    fn rates_are_met_on_average() {
        let gate = Admission::new(10, 10, NOW);
        let quotas = Quotas { requests_per_minute: Some(2), fuel_per_minute: Some(1000), ..Quotas::default() };
        assert!(gate.request("a", &quotas).is_ok());
        assert!(gate.request("a", &quotas).is_ok());
        assert!(gate.request("a", &quotas).is_err());
        wait(async {
            drop(gate.admit("a", &quotas, 0).await.expect("there is fuel"));
            gate.used("a", &quotas, 1_000_000);
            assert!(gate.admit("a", &quotas, 0).await.is_err(), "it is deep in debt");
        });
    }
}
