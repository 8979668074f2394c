//! Collections: what is in use stays, what is not goes, whatever is committed meanwhile.

use super::*;

async fn put(store: &Store, blobs: Vec<(Hash, Blob)>, changes: Vec<Change>) {
    store.commit(commit(store, blobs, changes)).await.unwrap();
}

fn objects(home: &Home) -> usize {
    std::fs::read_dir(home.path().join("packs")).unwrap().count()
}

#[tokio::test]
async fn what_nothing_leads_to_goes_and_the_rest_stays() {
    let home = Home::new();
    for store in [Store::open(StoreConfig::memory()).unwrap(), home.open()] {
        // One pack that goes, one that stays, one with little left, and blobs inside the records.
        let (gone, blobs) = tree(1, 20, 10_000);
        put(&store, blobs, vec![]).await;
        let (kept, blobs) = tree(2, 20, 10_000);
        put(&store, blobs.clone(), vec![Change::PutContainer(container("kept", kept))]).await;
        let (sparse, many) = tree(3, 20, 10_000);
        let few = Blob { links: many[..3].iter().map(|(id, _)| *id).collect(), data: "few".into() };
        put(
            &store,
            [many, vec![(few.id(), few.clone())]].concat(),
            vec![Change::PutImage { id: "i".into(), root: few.id() }],
        )
        .await;
        let (small, blobs) = tree(4, 3, 100);
        put(&store, blobs, vec![]).await;
        let before = store.stats().await.unwrap();
        let epoch = store.epoch();

        let collected = store.collect().await.unwrap();
        let after = store.stats().await.unwrap();
        assert_eq!(collected.live_blobs, 21 + 4);
        assert_eq!(collected.removed_blobs, 21 + 18 + 4);
        assert_eq!(collected.freed_bytes, before.stored_bytes - after.stored_bytes);
        assert_eq!(after.blobs, 25);
        assert!(after.stored_bytes < 240_000 && after.packs == 2, "{after:?}");
        assert_eq!(store.epoch(), epoch + 1);
        assert_eq!((walk(&store, kept), walk(&store, few.id())), (Ok(21), Ok(4)));
        for root in [gone, sparse, small] {
            assert_eq!(walk(&store, root), Err(BlobError::Missing(root)));
        }
        let again = store.collect().await.unwrap();
        assert_eq!((again.removed_blobs, again.removed_packs, again.freed_bytes), (0, 0, 0));
        assert_eq!(store.epoch(), epoch + 1);
        assert!(store.check(false).await.unwrap().problems.is_empty());
    }
    assert_eq!(objects(&home), 2);
}

#[tokio::test]
async fn everything_a_record_names_stays() {
    let store = Store::open(StoreConfig::memory()).unwrap();
    let roots: Vec<_> = (0..12).map(|n| tree(n, 2, 10)).collect();
    let root = |n: usize| roots[n].0;
    let a = ContainerRecord { session: Some(root(1)), ..container("a", root(0)) };
    let entry = LogRecord { root: root(2), session: Some(root(3)), ..log(&a, 1) };
    let snapshot = SnapshotRecord {
        id: id::new(SNAPSHOT_PREFIX),
        name: None,
        container: None,
        owner: None,
        root: root(4),
        session: Some(root(5)),
        created_at_ms: 0,
        settings: json!(null),
    };
    let proposal = ProposalRecord {
        id: id::new(PROPOSAL_PREFIX),
        container: a.id.clone(),
        base: root(6),
        root: root(7),
        session: Some(root(8)),
        command: String::new(),
        outcome: json!(null),
        state: ProposalState::Open,
        created_at_ms: 0,
        decided_at_ms: None,
    };
    let document = DocumentRecord {
        kind: "k".into(),
        id: "i".into(),
        owner: None,
        created_at_ms: 0,
        expires_at_ms: None,
        links: vec![root(9), root(10)],
        body: json!(null),
    };
    let blobs = roots.iter().flat_map(|(_, blobs)| blobs.clone()).collect();
    put(
        &store,
        blobs,
        vec![
            Change::PutContainer(a.clone()),
            Change::AppendLog(entry),
            Change::PutSnapshot(snapshot),
            Change::PutProposal(proposal),
            Change::PutDocument(document),
        ],
    )
    .await;
    let pin = store.pin(root(11)).await.unwrap();
    assert_eq!(pin.root(), root(11));
    assert_eq!(store.collect().await.unwrap().removed_blobs, 0);
    drop(pin);
    put(&store, vec![], vec![Change::RemoveContainer(a.id)]).await;
    store.collect().await.unwrap();
    let stays: Vec<_> = (0..12).filter(|n| walk(&store, root(*n)).is_ok()).collect();
    assert_eq!(stays, [4, 5, 9, 10]);
    assert_eq!(store.pin(root(11)).await.err(), Some(BlobError::Missing(root(11)).into()));
}

#[tokio::test]
async fn who_counts_on_what_was_collected_is_told() {
    let home = Home::new();
    let (one, two) = (home.open(), home.open());
    let (root, blobs) = tree(1, 5, 100);
    put(&one, blobs.clone(), vec![]).await;
    assert_eq!(two.collect().await.unwrap().removed_blobs, 6);
    // It believes the leaves to be there and brings only a new root.
    let links = blobs[..5].iter().map(|(id, _)| *id).collect();
    let next = Blob { links, data: "next".into() };
    let change = Change::PutContainer(container("a", next.id()));
    let trusting =
        Commit { blobs: vec![(next.id(), next.clone())], changes: vec![change.clone()], fence: None, epoch: 1 };
    assert_eq!(one.commit(trusting).await, Err(StoreError::Epoch(2)));
    let all = Commit {
        blobs: [blobs, vec![(next.id(), next.clone())]].concat(),
        changes: vec![change],
        fence: None,
        epoch: 2,
    };
    one.commit(all).await.unwrap();
    assert_eq!(walk(&two, next.id()), Ok(6));
    assert_eq!(walk(&two, root), Ok(6));
}

#[tokio::test]
async fn collections_and_commits_side_by_side_lose_nothing() {
    let home = Home::new();
    let stores = [home.open(), home.open()];
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..6u64 {
        let store = stores[n as usize % 2].clone();
        tasks.spawn(async move {
            let record = container(&format!("box{n}"), Hash([0; 32]));
            for step in 0..15u64 {
                let bytes = if step % 5 == 0 { 20_000 } else { 200 };
                // Every second state has been there before, in part.
                let (root, blobs) = tree(n * 100 + step / 2, 5 + step % 2, bytes);
                let record = ContainerRecord { root, ..record.clone() };
                let mut epoch = store.epoch();
                loop {
                    let changes = vec![Change::PutContainer(record.clone())];
                    match store.commit(Commit { blobs: blobs.clone(), changes, fence: None, epoch }).await {
                        Ok(()) => break,
                        Err(StoreError::Epoch(now)) => epoch = now,
                        Err(error) => panic!("{error}"),
                    }
                }
                assert_eq!(walk(&store, root), Ok(6 + step as usize % 2));
            }
        });
    }
    for store in stores.clone() {
        tasks.spawn(async move {
            for _ in 0..8 {
                store.collect().await.unwrap();
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    let fresh = home.open();
    fresh.collect().await.unwrap();
    let stats = fresh.stats().await.unwrap();
    assert_eq!(stats.blobs, 6 * 6);
    for record in fresh.containers(&ContainerQuery::default()).await.unwrap() {
        assert_eq!(walk(&fresh, record.root), Ok(6));
    }
    let report = fresh.check(false).await.unwrap();
    assert_eq!(report.problems, []);
}

#[tokio::test]
async fn packs_inside_the_records_move_out_when_they_are_many() {
    let home = Home::new();
    let store = home.open();
    let mut roots = Vec::new();
    for n in 0..40 {
        let (root, blobs) = tree(n, 5, 8000);
        put(&store, blobs, vec![Change::PutContainer(container(&format!("box{n}"), root))]).await;
        roots.push(root);
    }
    assert_eq!(objects(&home), 0);
    let inline = store.stats().await.unwrap().inline_bytes;
    assert!(inline > 1 << 20, "{inline}");
    store.collect().await.unwrap();
    let stats = store.stats().await.unwrap();
    assert_eq!((stats.inline_bytes, stats.packs, objects(&home)), (0, 1, 1));
    let fresh = home.open();
    for root in roots {
        assert_eq!((walk(&fresh, root), walk(&store, root)), (Ok(6), Ok(6)));
    }
}

#[tokio::test]
async fn objects_nobody_speaks_of_go_with_their_writers() {
    let home = Home::new();
    let store = home.open();
    let packs = home.path().join("packs");
    let gone = "0".repeat(48);
    for name in [format!("{gone}-00000001"), format!("{gone}-00000002#1")] {
        std::fs::write(packs.join(name), "left over").unwrap();
    }
    std::fs::write(home.path().join("holders").join(&gone), "").unwrap();
    let (_, blobs) = tree(1, 20, 10_000);
    put(&store, blobs, vec![]).await;
    let lease = store.lease("cntr_a", Duration::ZERO).await.unwrap();
    let mine = store.inner.holder.signed_on().await.unwrap();
    std::fs::write(packs.join(format!("{mine}-0000ffff")), "being written").unwrap();
    store.collect().await.unwrap();
    let left: Vec<_> = std::fs::read_dir(&packs).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, [format!("{mine}-0000ffff").as_str()]);
    assert_eq!(std::fs::read_dir(home.path().join("holders")).unwrap().count(), 1);
    drop(lease);
}

#[tokio::test]
async fn one_collects_at_a_time() {
    let home = Home::new();
    let (one, two) = (home.open(), home.open());
    let lease = one.lease(super::super::collect::COLLECTOR, Duration::ZERO).await.unwrap();
    assert!(two.collect().await.unwrap().skipped);
    lease.release().await;
    assert!(!two.collect().await.unwrap().skipped);
}
