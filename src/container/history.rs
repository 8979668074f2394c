//! A container's past and its relatives: snapshots, restoring, comparing, merging, archives.

use std::io::{Read, Write};
use std::sync::Arc;

use serde_json::{Value, json};

use super::error::ContainerError;
use super::exec::Landed;
use super::land::{Entry, judge};
use super::live::{Live, Slot};
use super::reference::{Ref, check_new_name};
use super::service::{Containers, Result, blocking, not_found, sandbox_config};
use super::settings::Access;
use super::state::State;
use crate::base::{Hash, id};
use crate::sandbox::{Sandbox, Snapshot};
use crate::storage::{Change, LogQuery, LogRecord, Order, SNAPSHOT_PREFIX, SnapshotQuery, SnapshotRecord, StoreError};
use crate::vfs::{
    Exported, FileChange, ImportOptions, Imported, MergeError, TextDiff, TextLimits, Tree, Vfs, export, import, merge,
    unified,
};

/// Two states, to be compared. Kept from the collector while this lives.
pub struct Difference {
    /// The older state's files.
    pub old: Tree,
    /// The newer state's files.
    pub new: Tree,
    _kept: [State; 2],
}

impl Difference {
    pub(super) fn new(old: State, new: State) -> Difference {
        Difference { old: old.tree.clone(), new: new.tree.clone(), _kept: [old, new] }
    }

    /// The paths that differ, sorted, with what was and what is there.
    ///
    /// # Errors
    /// A stored file cannot be read.
    pub fn changes(&self) -> Result<Vec<FileChange>> {
        Ok(self.old.describe(&self.new)?)
    }

    /// How the text at a path differs.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn text(&self, path: &[u8], limits: &TextLimits) -> Result<TextDiff> {
        Ok(unified(&self.old, &self.new, path, limits)?)
    }
}

impl Containers {
    /// Keeps a container's state as it is now, under a name if one is given. It outlives the container.
    ///
    /// # Errors
    /// The name cannot be given or is taken, there is no such container, or the store failed.
    pub async fn snapshot(&self, id_or_name: &str, name: Option<&str>) -> Result<SnapshotRecord> {
        if let Some(name) = name {
            check_new_name(name).map_err(|why| ContainerError::Name { name: name.into(), why })?;
        }
        let record = self.find(id_or_name).await?;
        let state = self.state(&Ref::Container(record.id.clone())).await?;
        let mut snapshot = SnapshotRecord {
            id: id::new(SNAPSHOT_PREFIX),
            name: name.map(str::to_owned),
            container: Some(record.id),
            owner: record.owner,
            root: Hash([0; 32]),
            session: None,
            created_at_ms: self.now_ms(),
            settings: json!({ "image": record.image }),
        };
        let this = self.clone();
        self.see_through(async move {
            this.commit_states(&[&state], None, |roots| {
                (snapshot.root, snapshot.session) = roots[0];
                vec![Change::PutSnapshot(snapshot.clone())]
            })
            .await
            .map_err(name_taken)?;
            Ok(snapshot)
        })
        .await
    }

    /// A page of the snapshots.
    ///
    /// # Errors
    /// The store failed.
    pub async fn snapshots(&self, query: &SnapshotQuery) -> Result<Vec<SnapshotRecord>> {
        Ok(self.store().snapshots(query).await?)
    }

    /// Forgets a snapshot.
    ///
    /// # Errors
    /// There is none, or the store failed.
    pub async fn remove_snapshot(&self, id_or_name: &str) -> Result<()> {
        let found = self.store().snapshot(id_or_name).await?;
        let snapshot = found.ok_or_else(|| not_found("snapshot", id_or_name))?;
        self.commit(Vec::new(), &[], vec![Change::RemoveSnapshot(snapshot.id)], None, self.store().epoch()).await?;
        Ok(())
    }

    /// Makes a container as one of its earlier states or snapshots was, or as the image is. Waits for what runs; ends what its session left running.
    ///
    /// # Errors
    /// The state is not there or another container's, or as for [`Containers::start`].
    pub async fn restore(&self, id_or_name: &str, to: &Ref) -> Result<LogRecord> {
        let id = self.resolve(id_or_name).await?;
        let state = self.state(to).await?;
        if state.container.as_ref().is_some_and(|of| *of != id) {
            return Err(ContainerError::NotItsOwn { state: to.to_string(), container: id });
        }
        let (this, to) = (self.clone(), to.to_string());
        self.see_through(async move {
            let slot = this.slot(&id);
            let restored = this.restore_in(&slot, state, to).await;
            this.leave(slot);
            restored
        })
        .await
    }

    async fn restore_in(&self, slot: &Arc<Slot>, state: State, to: String) -> Result<LogRecord> {
        let alone = self.alone(slot).await?;
        let ended = self.put(&alone.live, state).await?;
        self.land(slot, &alone.live, entry("restore", to, json!({ "ended": ended }), self), Vec::new()).await
    }

    /// Two states, to be compared.
    ///
    /// # Errors
    /// One is not there.
    pub async fn diff(&self, old: &Ref, new: &Ref) -> Result<Difference> {
        Ok(Difference::new(self.held(old).await?, self.held(new).await?))
    }

    /// Brings into a container what `from` changed since both were one: a fork of it, what it was forked from, or a proposal for it. Waits for
    /// what runs, but not for what its session left running, which goes on.
    ///
    /// # Errors
    /// [`ContainerError::Conflicts`] names every path that both changed differently; then nothing is merged.
    pub async fn merge(&self, id_or_name: &str, from: &Ref) -> Result<LogRecord> {
        let id = self.resolve(id_or_name).await?;
        let theirs = self.held(from).await?;
        let base = self.common(&id, from, &theirs).await?;
        let (this, from) = (self.clone(), from.to_string());
        self.see_through(async move {
            let slot = this.slot(&id);
            let merged = this.merge_in(&slot, base, theirs, from).await;
            this.leave(slot);
            merged
        })
        .await
    }

    async fn merge_in(&self, slot: &Arc<Slot>, base: State, theirs: State, from: String) -> Result<LogRecord> {
        // What is merged is stored with the log record: the next merge starts from it.
        let root = self.save_large(&theirs.tree, false).await?.root;
        let alone = self.alone(slot).await?;
        let live = &*alone.live;
        let now = live.state(&slot.id);
        let epoch = base.epoch.min(theirs.epoch).min(now.epoch);
        let tree = self.merged(base.tree.clone(), now.tree.clone(), theirs.tree.clone(), &live.settings.limits).await?;
        let next = State { tree, session: now.session.clone(), epoch, container: None, pin: None };
        self.advance(live, now.tree, next).await?;
        let outcome = json!({ "from": theirs.container, "root": root });
        self.land(slot, live, entry("merge", from, outcome, self), Vec::new()).await
    }

    /// The newest state that container `id` and what is to be merged into it had in common.
    async fn common(&self, id: &str, from: &Ref, theirs: &State) -> Result<State> {
        if let Ref::Proposal(proposal) = from {
            let proposal = self.proposal(proposal).await?;
            if proposal.container == id {
                return self.pinned(proposal.base, None, None).await;
            }
        }
        let nothing = || ContainerError::NothingInCommon { from: from.to_string(), container: id.to_owned() };
        let other = theirs.container.as_deref().filter(|other| *other != id).ok_or_else(nothing)?;
        let (ours_first, theirs_first) = (self.first(id).await?, self.first(other).await?);
        let is_from =
            |first: &LogRecord, parent: &str| first.outcome.get("from").and_then(Value::as_str) == Some(parent);
        let forked = match (ours_first, theirs_first) {
            (_, Some(fork)) if is_from(&fork, id) => fork.root,
            (Some(fork), _) if is_from(&fork, other) => fork.root,
            _ => return Err(nothing()),
        };
        // What either had of the other when it last merged it, both have.
        let mut merges: Vec<_> = self.last_merge(id, other).await?.into_iter().collect();
        merges.extend(self.last_merge(other, id).await?);
        let newest = merges.into_iter().max_by_key(|merge| merge.ended_at_ms);
        let merged = newest.and_then(|merge| merge.outcome.get("root")?.as_str()?.parse().ok());
        if let Some(merged) = merged
            // It may have been forgotten since: then what was forked has to do.
            && let Ok(state) = self.pinned(merged, None, None).await
        {
            return Ok(state);
        }
        self.pinned(forked, None, None).await
    }

    /// A container's first log record.
    async fn first(&self, id: &str) -> Result<Option<LogRecord>> {
        let first = LogQuery { order: Order::Ascending, limit: 1, ..LogQuery::default() };
        Ok(self.store().log(id, &first).await?.into_iter().next())
    }

    /// The log record of the last merge into container `id` from `other`.
    async fn last_merge(&self, id: &str, other: &str) -> Result<Option<LogRecord>> {
        self.settle(id).await?;
        let of = |r: &LogRecord| r.kind == "merge" && r.outcome.get("from").and_then(Value::as_str) == Some(other);
        let mut query = LogQuery::default();
        loop {
            let page = self.store().log(id, &query).await?;
            let oldest = page.last().map_or(1, |record| record.seq);
            match page.into_iter().find(of) {
                None if oldest > 1 => query.before_seq = Some(oldest),
                merge => return Ok(merge),
            }
        }
    }

    /// Puts a state in the place of what a container, held alone, has; says what its session had left running, which is ended.
    pub(super) async fn put(&self, live: &Live, state: State) -> Result<Vec<String>> {
        let ended = live.sandbox().kill_background().await.into_iter().map(|(_, name)| name).collect();
        let snapshot = Snapshot::new(state.tree, state.session);
        live.set_sandbox(Arc::new(Sandbox::open(
            self.image(),
            &snapshot,
            sandbox_config(&live.settings, snapshot.tree()),
        )?));
        live.lower_epoch(state.epoch);
        Ok(ended)
    }

    /// Puts what `now`, a container's files, were changed to in their place. What its session left running goes on; what that changed since `now`
    /// is merged. If nothing runs, the session becomes `next`'s.
    pub(super) async fn advance(&self, live: &Live, now: Tree, next: State) -> Result<()> {
        let sandbox = live.sandbox();
        if sandbox.is_idle() {
            return self.put(live, next).await.map(drop);
        }
        let later = next.tree;
        let advance = move |vfs: &mut Vfs| {
            let current = vfs.snapshot();
            let later = if current.is_unchanged(&now) { later } else { merge(&now, &current, &later)? };
            vfs.advance(later);
            Ok::<_, MergeError>(())
        };
        blocking(move || sandbox.edit(advance)).await??;
        live.lower_epoch(next.epoch);
        Ok(())
    }

    /// Writes what is at `path` in a state as a tar archive, on a thread that may block.
    ///
    /// # Errors
    /// The state or the path is not there, or the writer failed.
    pub async fn export(&self, state: &Ref, path: &[u8], to: impl Write + Send + 'static) -> Result<Exported> {
        let (state, path, mut to) = (self.held(state).await?, path.to_vec(), to);
        Ok(blocking(move || export(&state.tree, &path, &mut to)).await??)
    }

    /// Unpacks a tar archive in the directory `at`: all or nothing. `owner`: whose it then is; `None`: as the archive says. Reads it on a
    /// thread that may block; meanwhile execs go on, and what they and the archive changed is merged.
    ///
    /// # Errors
    /// What is wrong with the archive, [`ContainerError::Conflicts`], or as for [`Containers::start`].
    pub async fn import(
        &self,
        id_or_name: &str,
        at: &[u8],
        archive: impl Read + Send + 'static,
        owner: Option<(u32, u32)>,
    ) -> Result<(Imported, Landed)> {
        let id = self.resolve(id_or_name).await?;
        let (this, at) = (self.clone(), at.to_vec());
        self.see_through(async move {
            let slot = this.slot(&id);
            let imported = this.import_in(&slot, &at, Box::new(archive), owner).await;
            this.leave(slot);
            imported
        })
        .await
    }

    async fn import_in(
        &self,
        slot: &Arc<Slot>,
        at: &[u8],
        archive: Box<dyn Read + Send>,
        owner: Option<(u32, u32)>,
    ) -> Result<(Imported, Landed)> {
        let live = self.shared(slot).await?;
        let (base, settings) = (live.state(&slot.id), live.settings.clone());
        drop(live);
        let options = ImportOptions { limits: settings.limits.clone(), owner, now: self.0.config.clock.now() };
        let (tree, imported) = unpack(base.tree.clone(), at, archive, options).await?;
        let outcome = json!({ "members": imported.members, "bytes": imported.bytes });
        let entry = entry("import", String::from_utf8_lossy(at).into_owned(), outcome, self);
        if judge(&settings.profile, &base.tree, &tree)? == Access::ProposeWrites {
            let after = Snapshot::new(tree, base.session.clone());
            return Ok((imported, Landed::Proposed(self.propose(&slot.id, &base, after, entry).await?)));
        }
        let alone = self.alone(slot).await?;
        let now = alone.live.state(&slot.id);
        let tree = if base.tree.is_unchanged(&now.tree) {
            tree
        } else {
            self.merged(base.tree, now.tree.clone(), tree, &settings.limits).await?
        };
        let epoch = base.epoch.min(now.epoch);
        let next = State { tree, session: now.session, epoch, container: None, pin: None };
        self.advance(&alone.live, now.tree, next).await?;
        Ok((imported, Landed::Committed(self.land(slot, &alone.live, entry, Vec::new()).await?)))
    }
}

/// A tree with an archive unpacked in it.
pub(super) async fn unpack(
    mut tree: Tree,
    at: &[u8],
    mut archive: Box<dyn Read + Send>,
    options: ImportOptions,
) -> Result<(Tree, Imported)> {
    let at = at.to_vec();
    let unpacked = blocking(move || import(&mut tree, &at, &mut archive, &options).map(|imported| (tree, imported)));
    Ok(unpacked.await??)
}

pub(super) fn entry(kind: &'static str, command: String, outcome: Value, of: &Containers) -> Entry {
    Entry { kind, command, outcome, started_at_ms: of.now_ms(), is_judged: false, is_use: true }
}

/// A name that is taken, as this room says it.
pub(super) fn name_taken(error: ContainerError) -> ContainerError {
    match error {
        ContainerError::Store(StoreError::Taken { name, .. }) => ContainerError::NameTaken { name },
        other => other,
    }
}
