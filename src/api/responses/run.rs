//! Responses that are being made: what has happened so far, those who follow it, and how it is ended from elsewhere.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::sync::watch;

use crate::agent::event::What;
use crate::agent::response::{Failure, ResponseObject};
use crate::agent::{Canceller, Event, Events, ResponseHead};
use crate::api::error::ApiError;

/// Most bytes of events that a response may have: a longer one is ended.
const LOG_BYTES: usize = 64 << 20;

/// The responses that are being made, by id.
pub(in crate::api) struct Runs {
    runs: Mutex<HashMap<String, Arc<Run>>>,
    /// How many there are.
    count: watch::Sender<usize>,
    most: usize,
}

/// A response that is being made.
pub(in crate::api) struct Run {
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub owner: Option<String>,
    /// The conversation that it belongs to.
    pub conversation: Option<String>,
    /// Whether it goes on when nobody follows it.
    pub background: bool,
    /// Ends it.
    pub canceller: Canceller,
    /// Whether others than the client that waits may know of it.
    pub is_stored: bool,
    /// Whether its events are kept.
    is_followed: bool,
    log: Mutex<Log>,
    progress: watch::Sender<Progress>,
}

#[derive(Clone, Copy, Default)]
struct Progress {
    frames: usize,
    /// Nothing more happens to it.
    over: bool,
    /// It has been kept, if it is to be.
    ended: bool,
}

#[derive(Default)]
struct Log {
    /// Events as frames of a stream, by their numbers.
    frames: Vec<Bytes>,
    bytes: usize,
    /// How far the response has come.
    object: Option<ResponseObject>,
}

impl Runs {
    /// At most `most` at a time.
    pub fn new(most: usize) -> Runs {
        Runs { runs: Mutex::default(), count: watch::Sender::new(0), most }
    }

    /// Takes a place for a response.
    pub fn enter(self: &Arc<Self>, run: Run) -> Result<Place, ApiError> {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        if runs.len() >= self.most {
            return Err(ApiError::rate_limited("concurrent responses", 1));
        }
        let run = Arc::new(run);
        runs.insert(run.id.clone(), run.clone());
        self.count.send_replace(runs.len());
        Ok(Place { runs: self.clone(), run })
    }

    /// The response with this id, if it is being made here.
    pub fn get(&self, id: &str) -> Option<Arc<Run>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// Waits until those that are over and are such have been kept.
    pub async fn settle(&self, is_such: impl Fn(&Run) -> bool) {
        let over: Vec<_> = {
            let runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
            runs.values().filter(|run| run.progress.borrow().over && is_such(run)).cloned().collect()
        };
        for run in over {
            run.ended().await;
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        *self.count.borrow()
    }

    /// Ends all.
    pub fn cancel_all(&self) {
        for run in self.runs.lock().unwrap_or_else(PoisonError::into_inner).values() {
            run.canceller.cancel();
        }
    }

    /// Waits until there are none.
    pub async fn ended(&self) {
        // The sender lives as long as this does.
        let _ = self.count.subscribe().wait_for(|count| *count == 0).await;
    }
}

/// A response's place among those that are being made; when it is dropped, the response's events are over.
pub(in crate::api) struct Place {
    runs: Arc<Runs>,
    pub run: Arc<Run>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.run.progress.send_modify(|progress| (progress.over, progress.ended) = (true, true));
        let mut runs = self.runs.runs.lock().unwrap_or_else(PoisonError::into_inner);
        runs.remove(&self.run.id);
        self.runs.count.send_replace(runs.len());
    }
}

impl Run {
    /// A response of which nothing has been made; its events are kept if somebody follows it, or may later.
    pub fn new(head: &ResponseHead, owner: Option<String>, is_followed: bool, canceller: Canceller) -> Run {
        let (id, background, is_stored) = (head.id.clone(), head.background, head.store);
        let conversation = head.conversation.as_ref().and_then(|conversation| conversation["id"].as_str());
        let conversation = conversation.map(str::to_owned);
        let (log, progress) = (Mutex::default(), watch::Sender::default());
        Run { id, owner, conversation, background, canceller, is_stored, is_followed, log, progress }
    }

    /// Its events from the one with this number on.
    pub fn follow(self: &Arc<Self>, next: usize) -> Follower {
        Follower { progress: self.progress.subscribe(), run: self.clone(), next, cancels: false }
    }

    /// Waits until nothing more happens to it; the response, unless it was lost to a fault.
    pub async fn over(&self) -> Option<ResponseObject> {
        let _ = self.progress.subscribe().wait_for(|progress| progress.over).await;
        self.object().filter(|object| object.status.is_final())
    }

    /// Waits until it has ended and been kept.
    pub async fn ended(&self) {
        let _ = self.progress.subscribe().wait_for(|progress| progress.ended).await;
    }

    /// How far it has come; `None` if nothing has happened yet.
    pub fn object(&self) -> Option<ResponseObject> {
        self.log().object.clone()
    }

    /// All events, with the one that says how it ended, one after another; nothing if they are not kept.
    pub fn frames_until(&self, object: &ResponseObject) -> Bytes {
        if !self.is_followed {
            return Bytes::new();
        }
        let last = self.last(object).map(|event| frame(&event));
        let mut frames = self.log().frames.clone();
        frames.extend(last);
        frames.concat().into()
    }

    /// Says how it ended.
    pub fn end(&self, object: &ResponseObject) {
        if let Some(event) = self.last(object).filter(|_| self.is_followed) {
            self.push(&event);
        }
        self.log().object = Some(object.clone());
        self.progress.send_modify(|progress| progress.over = true);
    }

    /// The event that says how it ended. A cancelled response's events just stop.
    fn last(&self, object: &ResponseObject) -> Option<Event> {
        let sequence_number = self.log().frames.len() as u64;
        Some(Event { sequence_number, what: object.ending()? })
    }

    /// Why it failed for having said too much, if it has.
    pub fn overflow(&self) -> Option<Failure> {
        let bytes = self.log().bytes;
        (bytes > LOG_BYTES).then(|| {
            Failure::used_up(format!(
                "The response's events have {bytes} bytes, more than the limit of {LOG_BYTES}. Let commands write to files, or set max_output_length."
            ))
        })
    }

    fn push(&self, event: &Event) {
        let frame = frame(event);
        let mut log = self.log();
        log.bytes += frame.len();
        log.frames.push(frame);
        let frames = log.frames.len();
        drop(log);
        self.progress.send_modify(|progress| progress.frames = frames);
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Events for Run {
    fn send(&self, event: Event) -> BoxFuture<'_, ()> {
        // How it ended is said when that has been kept.
        if !self.is_followed || event.what.is_last() {
            return Box::pin(std::future::ready(()));
        }
        if self.log().bytes > LOG_BYTES {
            self.canceller.cancel();
            return Box::pin(std::future::ready(()));
        }
        self.push(&event);
        match event.what {
            What::Created { response } | What::Queued { response } | What::InProgress { response } => {
                self.log().object = Some(*response);
            }
            What::ItemAdded { item, .. } => {
                if let Some(object) = &mut self.log().object {
                    object.output.push(item);
                }
            }
            What::ItemDone { output_index, item } => {
                let mut log = self.log();
                let place = log.object.as_mut().and_then(|object| object.output.get_mut(output_index));
                place.into_iter().for_each(|place| *place = item.clone());
            }
            _ => {}
        }
        Box::pin(std::future::ready(()))
    }
}

/// Somebody who follows a response.
pub(in crate::api) struct Follower {
    run: Arc<Run>,
    next: usize,
    progress: watch::Receiver<Progress>,
    /// Whether the response ends when this is dropped.
    cancels: bool,
}

impl Follower {
    /// The same, for whom alone the response is made.
    pub fn cancelling(mut self) -> Follower {
        self.cancels = true;
        self
    }

    /// The next event, as a frame; `None` when there will be no more.
    pub async fn next(&mut self) -> Option<Bytes> {
        let next = self.next;
        let _ = self.progress.wait_for(|progress| progress.frames > next || progress.over).await;
        let frame = self.run.log().frames.get(next).cloned()?;
        self.next += 1;
        Some(frame)
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        if self.cancels {
            self.run.canceller.cancel();
        }
    }
}

/// Events of a response whose own were not kept, from the one behind number `after` on.
///
/// What was lost when a service died had other numbers: whoever goes on from there learns how it ended and nothing else.
pub(in crate::api) fn retold(object: &ResponseObject, after: Option<u64>) -> Vec<Bytes> {
    let next = after.map_or(0, |after| after.saturating_add(1));
    if after.is_some() && object.head.background {
        return object.ending().map(|what| frame(&Event { sequence_number: next, what })).into_iter().collect();
    }
    let events = (0_u64..).zip(object.retell()).filter(|(number, _)| *number >= next);
    events.map(|(sequence_number, what)| frame(&Event { sequence_number, what })).collect()
}

/// An event as it is in a stream.
pub(in crate::api) fn frame(event: &Event) -> Bytes {
    let mut frame = format!("event: {}\ndata: ", event.what.name()).into_bytes();
    if let Err(error) = serde_json::to_writer(&mut frame, event) {
        tracing::error!(%error, "an event is not JSON");
    }
    frame.extend_from_slice(b"\n\n");
    frame.into()
}

/// The JSON in a frame.
pub(in crate::api) fn json_of(frame: &Bytes) -> Bytes {
    const DATA: &[u8] = b"\ndata: ";
    let at = frame.windows(DATA.len()).position(|window| window == DATA).map_or(0, |at| at + DATA.len());
    frame.slice(at..frame.len().saturating_sub(2).max(at))
}
