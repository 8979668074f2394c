//! Records: found by id and name, listed page by page, changed and removed.

use super::*;

async fn put(store: &Store, changes: Vec<Change>) {
    let (_, blobs) = tree(0, 1, 10);
    store.commit(commit(store, blobs, changes)).await.unwrap();
}

async fn pages(store: &Store, query: &ContainerQuery) -> Vec<i64> {
    let (mut query, mut all) = (query.clone(), Vec::new());
    loop {
        let page = store.containers(&query).await.unwrap();
        let Some(last) = page.last() else { return all };
        assert!(page.len() <= query.limit as usize);
        query.after = Some(last.id.clone());
        all.extend(page.iter().map(|c| c.created_at_ms));
    }
}

#[tokio::test]
async fn containers_are_listed_page_by_page() {
    let store = Store::open(StoreConfig::memory()).unwrap();
    let (root, _) = tree(0, 1, 10);
    let record = |n: i64| ContainerRecord {
        owner: (n % 2 == 0).then(|| "me".into()),
        status: if n % 5 == 0 { ContainerStatus::Expired } else { ContainerStatus::Active },
        created_at_ms: n / 3 * 3,
        ..container(&if n % 2 == 0 { "shared".into() } else { format!("n{n}") }, root)
    };
    put(&store, (0..40).map(|n| Change::PutContainer(record(n))).collect()).await;
    let all: Vec<i64> = (0..40).map(|n| n / 3 * 3).collect();
    let descending = |list: &[i64]| list.iter().rev().copied().collect::<Vec<_>>();
    let query = ContainerQuery { limit: 7, ..ContainerQuery::default() };
    assert_eq!(pages(&store, &query).await, descending(&all));
    assert_eq!(pages(&store, &ContainerQuery { order: Order::Ascending, ..query.clone() }).await, all);
    let mine: Vec<i64> = (0..40).filter(|n| n % 2 == 0).map(|n| n / 3 * 3).collect();
    let owned = ContainerQuery { owner: Some("me".into()), ..query.clone() };
    assert_eq!(pages(&store, &owned).await, descending(&mine));
    assert_eq!(
        pages(&store, &ContainerQuery { name: Some("shared".into()), ..query.clone() }).await,
        descending(&mine)
    );
    let expired = ContainerQuery { status: Some(ContainerStatus::Expired), ..query.clone() };
    assert_eq!(pages(&store, &expired).await.len(), 8);
    assert_eq!(pages(&store, &ContainerQuery { after: Some("cntr_none".into()), ..query.clone() }).await, [0; 0]);
    assert_eq!(store.container("shared").await.unwrap(), None, "an owner's name is not a global one");
    assert!(store.container("n7").await.unwrap().is_some());
    for nonsense in ["", "cntr_", "'; DROP TABLE container; --", "\0", "%"] {
        assert_eq!(store.container(nonsense).await.unwrap(), None, "{nonsense:?}");
    }
}

#[tokio::test]
async fn containers_expire_by_their_last_use() {
    let store = Store::open(StoreConfig::memory()).unwrap();
    let (root, _) = tree(0, 1, 10);
    let mut record = ContainerRecord { expires_after_ms: Some(500), ..container("a", root) };
    let forever = ContainerRecord { expires_after_ms: Some(u64::MAX), ..container("b", root) };
    put(&store, vec![Change::PutContainer(record.clone()), Change::PutContainer(forever.clone())]).await;
    assert_eq!(store.expired(1499, 10).await.unwrap(), []);
    assert_eq!(store.expired(1500, 10).await.unwrap(), [record.clone()]);
    put(&store, vec![Change::Touch { container: record.id.clone(), last_active_at_ms: 2000 }]).await;
    assert_eq!(store.expired(2499, 10).await.unwrap(), []);
    record.last_active_at_ms = 2000;
    assert_eq!(store.expired(2500, 10).await.unwrap(), [record.clone()]);
    record.status = ContainerStatus::Expired;
    put(&store, vec![Change::PutContainer(record.clone())]).await;
    put(&store, vec![Change::Touch { container: record.id.clone(), last_active_at_ms: 3000 }]).await;
    assert_eq!(store.expired(i64::MAX - 1, 10).await.unwrap(), []);
    let kept = store.container("b").await.unwrap().unwrap();
    assert_eq!(kept.expires_after_ms, Some(i64::MAX as u64));
}

#[tokio::test]
async fn logs_are_read_from_both_ends_and_pruned() {
    let store = Store::open(StoreConfig::memory()).unwrap();
    let (root, _) = tree(0, 1, 10);
    let (a, b) = (container("a", root), container("b", root));
    let both = |seq| [Change::AppendLog(log(&a, seq)), Change::AppendLog(log(&b, seq))];
    put(
        &store,
        [Change::PutContainer(a.clone()), Change::PutContainer(b.clone())]
            .into_iter()
            .chain((1..=9).flat_map(both))
            .collect(),
    )
    .await;
    let seqs = async |query: LogQuery| {
        store.log(&a.id, &query).await.unwrap().iter().map(|record| record.seq).collect::<Vec<_>>()
    };
    assert_eq!(seqs(LogQuery { limit: 3, ..LogQuery::default() }).await, [9, 8, 7]);
    assert_eq!(seqs(LogQuery { limit: 3, before_seq: Some(7), ..LogQuery::default() }).await, [6, 5, 4]);
    let ascending =
        LogQuery { after_seq: Some(4), before_seq: Some(8), order: Order::Ascending, ..LogQuery::default() };
    assert_eq!(seqs(ascending).await, [5, 6, 7]);
    put(&store, vec![Change::PruneLog { container: a.id.clone(), before_seq: 8 }]).await;
    assert_eq!(seqs(LogQuery::default()).await, [9, 8]);
    put(&store, vec![Change::RemoveContainer(a.id.clone())]).await;
    assert_eq!(seqs(LogQuery::default()).await, [0; 0]);
    assert_eq!(store.log(&b.id, &LogQuery::default()).await.unwrap().len(), 9);
}

#[tokio::test]
async fn snapshots_outlive_containers_and_proposals_do_not() {
    let store = Store::open(StoreConfig::memory()).unwrap();
    let (root, _) = tree(0, 1, 10);
    let a = container("a", root);
    let snapshot = |name: Option<&str>, made| SnapshotRecord {
        id: id::new(SNAPSHOT_PREFIX),
        name: name.map(str::to_owned),
        container: Some(a.id.clone()),
        owner: None,
        root,
        session: Some(root),
        created_at_ms: made,
        settings: json!(null),
    };
    let snapshots = [snapshot(Some("s"), 1), snapshot(None, 2), snapshot(None, 3)];
    let proposal = ProposalRecord {
        id: id::new(PROPOSAL_PREFIX),
        container: a.id.clone(),
        base: root,
        root,
        session: None,
        command: "rm -rf /".into(),
        outcome: json!({}),
        state: ProposalState::Open,
        created_at_ms: 1,
        decided_at_ms: None,
    };
    put(&store, vec![Change::PutContainer(a.clone()), Change::PutProposal(proposal.clone())]).await;
    put(&store, snapshots.iter().cloned().map(Change::PutSnapshot).collect()).await;
    assert_eq!(store.snapshot("s").await.unwrap().as_ref(), Some(&snapshots[0]));
    assert_eq!(store.snapshot(&snapshots[1].id).await.unwrap().as_ref(), Some(&snapshots[1]));
    let query = SnapshotQuery { container: Some(a.id.clone()), limit: 2, ..SnapshotQuery::default() };
    assert_eq!(store.snapshots(&query).await.unwrap(), [snapshots[2].clone(), snapshots[1].clone()]);
    let again = Commit { changes: vec![Change::PutSnapshot(snapshot(Some("s"), 9))], ..Commit::default() };
    assert_eq!(store.commit(again).await, Err(StoreError::Taken { what: "snapshot", name: "s".into() }));

    assert_eq!(store.proposals(&a.id).await.unwrap(), std::slice::from_ref(&proposal));
    let decided = ProposalRecord { state: ProposalState::Applied, decided_at_ms: Some(7), ..proposal };
    put(&store, vec![Change::PutProposal(decided.clone())]).await;
    assert_eq!(store.proposal(&decided.id).await.unwrap(), Some(decided.clone()));
    put(&store, vec![Change::RemoveContainer(a.id), Change::RemoveSnapshot(snapshots[2].id.clone())]).await;
    assert_eq!(store.proposal(&decided.id).await.unwrap(), None);
    assert_eq!(store.snapshots(&SnapshotQuery::default()).await.unwrap(), [snapshots[1].clone(), snapshots[0].clone()]);
}

#[tokio::test]
async fn documents_are_kept_by_kind() {
    let store = Store::open(StoreConfig::memory()).unwrap();
    let (root, _) = tree(0, 1, 10);
    let document = |kind: &str, id: &str, owner: Option<&str>, made| DocumentRecord {
        kind: kind.into(),
        id: id.into(),
        owner: owner.map(str::to_owned),
        created_at_ms: made,
        expires_at_ms: None,
        links: vec![root; made as usize],
        body: json!({ "id": id, "n": 1.1 }),
    };
    let all =
        [document("key", "a", None, 1), document("key", "b", Some("me"), 2), document("file", "a", Some("me"), 3)];
    put(&store, all.iter().cloned().map(Change::PutDocument).collect()).await;
    assert_eq!(store.document("key", "a").await.unwrap().as_ref(), Some(&all[0]));
    assert_eq!(store.document("none", "a").await.unwrap(), None);
    let list = async |query: DocumentQuery| store.documents(&query).await.unwrap();
    assert_eq!(list(DocumentQuery::of("key")).await, [all[1].clone(), all[0].clone()]);
    assert_eq!(list(DocumentQuery { owner: Some(None), ..DocumentQuery::of("key") }).await, [all[0].clone()]);
    let mine = DocumentQuery { owner: Some(Some("me".into())), ..DocumentQuery::of("key") };
    assert_eq!(list(mine).await, [all[1].clone()]);
    let behind = DocumentQuery { after: Some("b".into()), ..DocumentQuery::of("key") };
    assert_eq!(list(behind).await, [all[0].clone()]);
    put(&store, vec![Change::RemoveDocument { kind: "key".into(), id: "a".into() }]).await;
    assert_eq!(list(DocumentQuery::of("key")).await, [all[1].clone()]);
    assert_eq!(list(DocumentQuery::of("file")).await, [all[2].clone()]);
}

#[tokio::test]
async fn documents_are_found_beyond_a_page_and_no_further_than_wanted() {
    const ALL: i64 = LIST_LIMIT as i64 * 2 + 5;
    let store = Store::open(StoreConfig::memory()).unwrap();
    let document = |n: i64| DocumentRecord {
        kind: "file".into(),
        id: format!("{n}"),
        owner: None,
        created_at_ms: n,
        expires_at_ms: None,
        links: Vec::new(),
        body: json!({ "n": n }),
    };
    put(&store, (0..ALL).map(|n| Change::PutDocument(document(n))).collect()).await;
    let query = || DocumentQuery { order: Order::Ascending, ..DocumentQuery::of("file") };
    let found = store.find_documents(query(), usize::MAX, |_| true).await.unwrap();
    assert_eq!(found.len() as i64, ALL);
    let late = store.find_documents(query(), 3, |record| record.created_at_ms > ALL - 5).await.unwrap();
    assert_eq!(late, [document(ALL - 4), document(ALL - 3), document(ALL - 2)]);
    let query = DocumentQuery { after: Some("7".into()), ..query() };
    assert_eq!(store.find_documents(query, 1, |_| true).await.unwrap(), [document(8)]);
}

#[tokio::test]
async fn the_audit_trail_is_a_chain() {
    let home = Home::new();
    let store = home.open();
    let entry = |n: i64| AuditEntry {
        at_ms: n,
        container: (n % 2 == 0).then(|| "cntr_a".into()),
        body: json!({ "n": n, "f": 0.1 + n as f64 / 3.0, "z": 1, "a": "ü" }),
    };
    put(&store, (0..50).map(|n| Change::AppendAudit(entry(n))).collect()).await;
    let chain = store.audit_verify().await.unwrap();
    assert_eq!((chain.checkpoint.seq, chain.records, chain.broken_at), (0, 50, None));
    let query = AuditQuery { container: Some("cntr_a".into()), from_ms: 10, to_ms: 20, after_seq: 13, limit: 10 };
    let found: Vec<_> = store.audit(&query).await.unwrap().iter().map(|r| (r.seq, r.entry.at_ms)).collect();
    assert_eq!(found, [(15, 14), (17, 16), (19, 18)]);
    for (sql, at) in [("UPDATE audit SET at = 7 WHERE seq = 31", 31), ("DELETE FROM audit WHERE seq = 20", 21)] {
        sqlx::query(sql).execute(store.inner.database.bare()).await.unwrap();
        assert_eq!(store.audit_verify().await.unwrap().broken_at, Some(at));
    }
}

#[tokio::test]
async fn the_audit_trail_is_dropped_behind_a_checkpoint() {
    let store = Store::open(StoreConfig::memory()).unwrap();
    let entry = |n: i64| AuditEntry { at_ms: n, container: None, body: json!("x".repeat(902)) };
    let prune = |bytes, before_ms| vec![Change::PruneAudit { bytes, before_ms }];
    put(&store, prune(Some(0), Some(i64::MAX))).await;
    put(&store, (1..=50).map(|n| Change::AppendAudit(entry(n))).collect()).await;
    let whole = store.audit_verify().await.unwrap();
    let twentieth = store.audit(&AuditQuery { after_seq: 19, limit: 1, ..AuditQuery::default() }).await.unwrap();
    let begins_at = async || store.audit(&AuditQuery { limit: 1, ..AuditQuery::default() }).await.unwrap()[0].seq;

    // Each takes 1,000 bytes: 902, two quotes, and 96 for the rest.
    for (bytes, before_ms, first) in
        [(Some(50_000), Some(1), 1), (None, None, 1), (Some(30_000), None, 21), (Some(30_000), Some(11), 21)]
    {
        put(&store, prune(bytes, before_ms)).await;
        let chain = store.audit_verify().await.unwrap();
        assert_eq!((begins_at().await, chain.checkpoint.seq, chain.records), (first, first - 1, 51 - first));
        assert_eq!((chain.broken_at, chain.last), (None, whole.last), "what is kept is the chain it was");
    }
    let checkpoint = store.audit_checkpoint().await.unwrap();
    assert_eq!((checkpoint.seq, checkpoint.hash), (20, twentieth[0].hash));

    put(&store, [vec![Change::AppendAudit(entry(51))], prune(None, Some(41))].concat()).await;
    assert_eq!((begins_at().await, store.audit_verify().await.unwrap().records), (41, 11));
    put(&store, prune(Some(0), Some(i64::MAX))).await;
    put(&store, vec![Change::AppendAudit(entry(52))]).await;
    let chain = store.audit_verify().await.unwrap();
    assert_eq!((chain.checkpoint.seq, chain.records, chain.broken_at), (50, 2, None), "the newest stayed");

    sqlx::query("DELETE FROM audit WHERE seq = 51").execute(store.inner.database.bare()).await.unwrap();
    assert_eq!(store.audit_verify().await.unwrap().broken_at, Some(52));
}
