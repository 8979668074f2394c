//! Making, finding, changing and removing containers, and their logs.

use std::io::Read;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};

use super::error::ContainerError;
use super::history::{name_taken, unpack};
use super::land::Parcel;
use super::live::{Slot, is_due, read_settings};
use super::reference::{Ref, check_new_name};
use super::service::{Containers, Result, Retention, sandbox_config};
use super::settings::Settings;
use super::state::State;
use crate::base::{Hash, id};
use crate::sandbox::Sandbox;
use crate::storage::{
    CONTAINER_PREFIX, Change, ContainerQuery, ContainerRecord, ContainerStatus, LogQuery, LogRecord, Order,
};
use crate::vfs::{ImportOptions, Save};

/// Digits of its id that a container without a name is called by.
const NAME_DIGITS: usize = 12;

/// User and group of what is unpacked into a new container.
pub(super) const USER: (u32, u32) = (1000, 1000);

/// A container, as a value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Container {
    /// `cntr_` and 48 hexadecimal digits.
    pub id: String,
    /// What people call it: unique among containers without an owner. If none was given, the last 12 digits of the id.
    pub name: String,
    /// Whose it is: the service does not look at it.
    pub owner: Option<String>,
    /// The root image it was made over.
    pub image: String,
    /// Whether it still has files.
    pub status: ContainerStatus,
    /// When it was made, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// When it was last used.
    pub last_active_at_ms: i64,
    /// Number of its last log record.
    pub seq: u64,
    /// Its last committed state.
    pub root: Hash,
    /// As it was set up.
    pub settings: Settings,
}

/// What a container is to be made of.
#[derive(Default)]
pub struct Create {
    /// See [`Container::name`].
    pub name: Option<String>,
    /// See [`Container::owner`].
    pub owner: Option<String>,
    /// The files it starts with.
    pub from: Origin,
    /// How it is set up.
    pub settings: Settings,
}

/// The files that a container starts with.
#[derive(Default)]
pub enum Origin {
    /// The root image's.
    #[default]
    Image,
    /// Those of another state, and its shell session: a fork.
    State(Ref),
    /// The root image's with a tar archive unpacked in the directory `at`, owned by `user`.
    Tar {
        /// The archive: ustar, pax or GNU, not compressed. It is read on a thread that may block.
        archive: Box<dyn Read + Send>,
        /// Absolute path of a directory.
        at: Vec<u8>,
    },
}

/// What of a container is to be changed; `None` leaves it.
#[derive(Clone, Debug, Default)]
pub struct Update {
    /// See [`Container::name`].
    pub name: Option<String>,
    /// All settings. If limits or profile change, what the session left running ends.
    pub settings: Option<Settings>,
}

/// The first state of a new container.
struct Start {
    root: Hash,
    session: Option<Hash>,
    /// What of it is not stored yet.
    save: Option<(Save, State)>,
    epoch: u64,
    /// What the log says it was made from.
    command: String,
    outcome: Value,
}

impl Containers {
    /// Makes a container. Its first log record says what from.
    ///
    /// # Errors
    /// The name cannot be given or is taken, the settings or the archive are wrong, the state is not there, or the store failed.
    pub async fn create(&self, create: Create) -> Result<Container> {
        self.check_open()?;
        if let Some(name) = &create.name {
            check_name(name)?;
        }
        create.settings.check().map_err(ContainerError::Settings)?;
        let this = self.clone();
        self.see_through(async move {
            let start = this.first_state(create.from, &create.settings).await?;
            this.make(create.name, create.owner, &create.settings, start).await
        })
        .await
    }

    async fn first_state(&self, from: Origin, settings: &Settings) -> Result<Start> {
        let epoch = self.store().epoch();
        let image = self.image_root().await?.1;
        match from {
            Origin::Image => {
                let (command, outcome) = ("image".into(), json!({}));
                Ok(Start { root: image, session: None, save: None, epoch, command, outcome })
            }
            Origin::State(reference) => {
                let state = self.state(&reference).await?;
                let outcome = json!({ "from": state.container });
                self.start_of(state, reference.to_string(), outcome).await
            }
            Origin::Tar { archive, at } => {
                let state = self.stored(image, None, epoch)?;
                let now = self.0.config.clock.now();
                let options = ImportOptions { limits: settings.limits.clone(), owner: Some(USER), now };
                let (tree, imported) = unpack(state.tree, &at, archive, options).await?;
                let outcome = json!({ "members": imported.members, "bytes": imported.bytes });
                let state = State { tree, session: None, epoch, container: None, pin: None };
                self.start_of(state, "tar".into(), outcome).await
            }
        }
    }

    async fn start_of(&self, state: State, command: String, outcome: Value) -> Result<Start> {
        let save = self.save_large(&state.tree, false).await?;
        let (root, session, epoch) = (save.root, Parcel::of(&state).session_id(), state.epoch);
        Ok(Start { root, session, save: Some((save, state)), epoch, command, outcome })
    }

    async fn make(
        &self,
        name: Option<String>,
        owner: Option<String>,
        settings: &Settings,
        start: Start,
    ) -> Result<Container> {
        let id = id::new(CONTAINER_PREFIX);
        let now_ms = self.now_ms();
        let record = ContainerRecord {
            name: name.unwrap_or_else(|| id[id.len() - NAME_DIGITS..].to_owned()),
            owner,
            root: start.root,
            session: start.session,
            image: self.image_root().await?.0.clone(),
            status: ContainerStatus::Active,
            created_at_ms: now_ms,
            last_active_at_ms: now_ms,
            expires_after_ms: settings.expires_after_ms,
            seq: 1,
            settings: write_settings(settings)?,
            id,
        };
        let logged = LogRecord {
            container: record.id.clone(),
            seq: record.seq,
            kind: "create".into(),
            command: start.command,
            root: record.root,
            session: record.session,
            outcome: start.outcome,
            started_at_ms: now_ms,
            ended_at_ms: now_ms,
        };
        let (saves, parcels) = match start.save {
            Some((save, state)) => (vec![save], vec![Parcel::of(&state)]),
            None => (Vec::new(), Vec::new()),
        };
        let changes = vec![Change::PutContainer(record.clone()), Change::AppendLog(logged)];
        let stored = self.commit(saves, &parcels, changes, None, start.epoch).await;
        stored.map_err(|error| name_taken(error.into()))?;
        view(record)
    }

    /// The container with this id or name, also when it has expired. One whose time is over expires now: upkeep comes round every few seconds only.
    ///
    /// # Errors
    /// There is none, or the store failed.
    pub async fn get(&self, id_or_name: &str) -> Result<Container> {
        let record = self.find(id_or_name).await?;
        let is_over = record.status == ContainerStatus::Active && is_due(&record, self.now_ms());
        match is_over && self.expire(record.clone()).await? {
            true => view(self.find(&record.id).await?),
            false => view(record),
        }
    }

    /// A page of the containers.
    ///
    /// # Errors
    /// The store failed.
    pub async fn list(&self, query: &ContainerQuery) -> Result<Vec<Container>> {
        self.store().containers(query).await?.into_iter().map(view).collect()
    }

    /// Renames a container or gives it other settings, after what runs in it.
    ///
    /// # Errors
    /// As for [`Containers::create`].
    pub async fn update(&self, id_or_name: &str, update: Update) -> Result<Container> {
        if let Some(name) = &update.name {
            check_name(name)?;
        }
        if let Some(settings) = &update.settings {
            settings.check().map_err(ContainerError::Settings)?;
        }
        let id = self.resolve(id_or_name).await?;
        let this = self.clone();
        self.see_through(async move {
            let slot = this.slot(&id);
            let updated = this.update_in(&slot, update).await;
            this.leave(slot);
            updated
        })
        .await
    }

    async fn update_in(&self, slot: &Arc<Slot>, update: Update) -> Result<Container> {
        let mut alone = self.alone(slot).await?;
        self.flush(slot, &alone.live).await;
        if alone.live.has_failed() {
            return Err(ContainerError::Undone { id: slot.id.clone() });
        }
        let mut record = alone.live.record();
        if let Some(name) = update.name {
            record.name = name;
        }
        if let Some(settings) = &update.settings {
            record.settings = write_settings(settings)?;
            record.expires_after_ms = settings.expires_after_ms;
        }
        let put = vec![Change::PutContainer(record.clone())];
        let stored = self.commit(Vec::new(), &[], put, Some(alone.live.lease.fence()), self.store().epoch()).await;
        stored.map_err(|error| name_taken(error.into()))?;
        alone.live.set_record(record.clone());
        let Some(settings) = update.settings else { return view(record) };
        let has = &alone.live.settings;
        if (&has.limits, &has.profile) != (&settings.limits, &settings.profile) {
            let sandbox = alone.live.sandbox();
            sandbox.kill_background().await;
            let snapshot = sandbox.snapshot();
            let sandbox = Sandbox::open(self.image(), &snapshot, sandbox_config(&settings, snapshot.tree()))?;
            alone.live.set_sandbox(Arc::new(sandbox));
        }
        alone.live.settings = settings;
        view(record)
    }

    /// Ends what runs in a container and removes it with its log and its proposals. Its snapshots and forks stay.
    ///
    /// # Errors
    /// There is none, another process has it in use, or the store failed.
    pub async fn remove(&self, id_or_name: &str) -> Result<()> {
        self.check_open()?;
        let id = self.find(id_or_name).await?.id;
        let this = self.clone();
        self.see_through(async move {
            let slot = this.slot(&id);
            slot.cancel_all();
            let removed = this.remove_in(&slot).await;
            this.leave(slot);
            removed
        })
        .await
    }

    async fn remove_in(&self, slot: &Arc<Slot>) -> Result<()> {
        let (_turn, mut live) = slot.alone().await;
        let lease = match live.take() {
            Some(live) if live.is_usable() => live.lease.clone(),
            _ => Arc::new(self.store().lease(&slot.id, self.0.config.lease_wait).await?),
        };
        let remove = vec![Change::RemoveContainer(slot.id.clone())];
        self.commit(Vec::new(), &[], remove, Some(lease.fence()), self.store().epoch()).await?;
        Ok(())
    }

    /// A page of a container's log.
    ///
    /// # Errors
    /// There is no such container, or the store failed.
    pub async fn log(&self, id_or_name: &str, query: &LogQuery) -> Result<Vec<LogRecord>> {
        let record = self.find(id_or_name).await?;
        self.settle(&record.id).await?;
        Ok(self.store().log(&record.id, query).await?)
    }

    /// Forgets log records that `keep` does not keep, and says how many. Their states can no longer be restored.
    ///
    /// # Errors
    /// There is no such container, or the store failed.
    pub async fn prune(&self, id_or_name: &str, keep: &Retention) -> Result<u64> {
        let record = self.find(id_or_name).await?;
        self.settle(&record.id).await?;
        let record = self.find(&record.id).await?;
        let by_count = (record.seq + 1).saturating_sub(keep.entries.max(1));
        let by_age = match keep.age {
            Some(age) => {
                let oldest = self.now_ms().saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
                self.first_since(&record, oldest).await?
            }
            None => 0,
        };
        let before_seq = by_count.max(by_age);
        let before = LogQuery { before_seq: Some(before_seq), order: Order::Ascending, ..LogQuery::default() };
        let forgotten = self.store().log(&record.id, &LogQuery { limit: 2, ..before.clone() }).await?;
        let Some(oldest) = forgotten.get(1) else { return Ok(0) };
        let count = before_seq - oldest.seq;
        let changes = self.forget_before(&record.id, before_seq).await?;
        self.commit(Vec::new(), &[], changes, None, self.store().epoch()).await?;
        Ok(count)
    }

    /// The first log record that ended at `since_ms` or later; the last if there is none.
    async fn first_since(&self, record: &ContainerRecord, since_ms: i64) -> Result<u64> {
        let (mut low, mut high) = (1, record.seq);
        while low < high {
            let middle = low + (high - low) / 2;
            let query = LogQuery { after_seq: Some(middle - 1), order: Order::Ascending, limit: 1, before_seq: None };
            match self.store().log(&record.id, &query).await?.first() {
                Some(found) if found.ended_at_ms >= since_ms => high = middle,
                Some(found) => low = found.seq + 1,
                None => high = middle,
            }
        }
        Ok(low)
    }
}

fn check_name(name: &str) -> Result<()> {
    check_new_name(name).map_err(|why| ContainerError::Name { name: name.into(), why })
}

/// Settings as a record has them: without the expiry, which has a field of its own.
fn write_settings(settings: &Settings) -> Result<Value> {
    let settings = Settings { expires_after_ms: None, ..settings.clone() };
    serde_json::to_value(settings).map_err(|e| ContainerError::Settings(e.to_string()))
}

fn view(record: ContainerRecord) -> Result<Container> {
    let settings = read_settings(&record)?;
    let ContainerRecord { id, name, owner, root, image, status, created_at_ms, last_active_at_ms, seq, .. } = record;
    Ok(Container { id, name, owner, image, status, created_at_ms, last_active_at_ms, seq, root, settings })
}
