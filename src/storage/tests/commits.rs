//! Commits: durable, all or nothing, together, within quotas.

use super::*;

async fn both(test: impl AsyncFn(Store, Option<&Home>)) {
    test(Store::open(StoreConfig::memory()).unwrap(), None).await;
    let home = Home::new();
    test(home.open(), Some(&home)).await;
}

#[tokio::test]
async fn what_is_committed_is_there_after_opening_again() {
    both(async |mut store, home| {
        // Inside the records, in one object, in several.
        for (n, files, bytes) in [(1, 3, 100), (2, 50, 5000), (3, 40, 1 << 20)] {
            let (root, blobs) = tree(n, files, bytes);
            let record = container(&format!("box{n}"), root);
            let changes = vec![Change::PutContainer(record.clone()), Change::AppendLog(log(&record, 1))];
            store.commit(commit(&store, blobs, changes)).await.unwrap();
            if let Some(home) = home {
                store = home.open();
            }
            assert_eq!(store.container(&record.id).await.unwrap().as_ref(), Some(&record));
            assert_eq!(store.container(&record.name).await.unwrap().as_ref(), Some(&record));
            assert_eq!(store.log(&record.id, &LogQuery::default()).await.unwrap(), [log(&record, 1)]);
            assert_eq!(walk(&store, root), Ok(files as usize + 1));
        }
    })
    .await;
}

#[tokio::test]
async fn a_blob_is_stored_once() {
    both(async |store, _| {
        let (root, blobs) = tree(1, 20, 10_000);
        store.commit(commit(&store, blobs.clone(), vec![])).await.unwrap();
        let before = store.stats().await.unwrap();
        assert_eq!(before.blobs, 21);
        let twice = [&blobs[..], &blobs[..], &[leaf(77, 50)]].concat();
        store.commit(commit(&store, twice, vec![Change::PutImage { id: "i".into(), root }])).await.unwrap();
        let after = store.stats().await.unwrap();
        assert_eq!(after.blobs, 22);
        assert!(after.stored_bytes - before.stored_bytes < 200, "{before:?} {after:?}");
        assert_eq!(store.image_root("i").await.unwrap(), Some(root));
    })
    .await;
}

#[tokio::test]
async fn concurrent_commits_do_not_fail_each_other() {
    both(async |store, _| {
        let (root, blobs) = tree(1, 3, 10);
        let taken = container("taken", root);
        store.commit(commit(&store, blobs.clone(), vec![Change::PutContainer(taken.clone())])).await.unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        for n in 0..60u64 {
            let store = store.clone();
            let (root, mut blobs) = tree(n / 2, 3, 500);
            tasks.spawn(async move {
                let mut record = container(&format!("box{n}"), root);
                let mut commit = commit(&store, std::mem::take(&mut blobs), vec![]);
                match n % 10 {
                    3 => record.name = "taken".into(),
                    4 => commit.epoch += 1,
                    5 => commit.fence = Some(Fence { container: record.id.clone(), number: 1 }),
                    6 => record.session = Some(leaf(99_999, 1).0),
                    _ => {}
                }
                commit.changes = vec![Change::PutContainer(record.clone())];
                (n, record, store.commit(commit).await)
            });
        }
        while let Some(done) = tasks.join_next().await {
            let (n, record, result) = done.unwrap();
            let found = store.container(&record.id).await.unwrap();
            match (n % 10, result) {
                (3, Err(StoreError::Taken { what: "container", name })) => assert_eq!(name, "taken"),
                (4, Err(StoreError::Epoch(epoch))) => assert_eq!(epoch, store.epoch()),
                (5, Err(StoreError::LeaseLost { container })) => assert_eq!(container, record.id),
                (6, Err(StoreError::Dangling(root))) => assert_eq!(Some(root), record.session),
                (0..3 | 7.., Ok(())) => {
                    assert_eq!(walk(&store, record.root), Ok(4));
                    assert_eq!(found, Some(record));
                    continue;
                }
                (_, result) => panic!("{n}: {result:?}"),
            }
            assert_eq!(found, None);
        }
        assert_eq!(store.containers(&ContainerQuery::default()).await.unwrap().len(), 1 + 36);
    })
    .await;
}

#[tokio::test]
async fn a_commit_that_fails_leaves_nothing() {
    let home = Home::new();
    let store = home.open();
    let (root, blobs) = tree(1, 10, 20_000);
    let record = container("a", root);
    let changes = vec![
        Change::PutContainer(record.clone()),
        Change::AppendLog(log(&record, 1)),
        Change::AppendLog(log(&record, 1)),
    ];
    let error = store.commit(commit(&store, blobs.clone(), changes)).await.unwrap_err();
    assert_eq!(error, StoreError::LogTaken { container: record.id.clone(), seq: 1 });
    assert_eq!(store.container("a").await.unwrap(), None);
    assert_eq!(walk(&store, root), Err(BlobError::Missing(root)));
    assert_eq!(std::fs::read_dir(home.path().join("packs")).unwrap().count(), 0);
    store.commit(commit(&store, blobs, vec![Change::PutContainer(record)])).await.unwrap();
    assert_eq!(walk(&store, root), Ok(11));
}

#[tokio::test]
async fn a_quota_refuses_blobs_and_allows_removal() {
    let home = Home::new();
    let store = Store::open(StoreConfig { quota_bytes: 100_000, ..home.config() }).unwrap();
    let (root, blobs) = tree(1, 8, 10_000);
    store.commit(commit(&store, blobs, vec![Change::PutContainer(container("a", root))])).await.unwrap();
    let used = store.stats().await.unwrap().stored_bytes;
    let (_, blobs) = tree(2, 8, 10_000);
    let error = store.commit(commit(&store, blobs, vec![])).await.unwrap_err();
    assert_eq!(error, StoreError::Quota { limit: 100_000, used });
    let (_, blobs) = tree(3, 1, 100);
    store.commit(commit(&store, blobs, vec![])).await.unwrap();
    let a = store.container("a").await.unwrap().unwrap();
    store.commit(commit(&store, vec![], vec![Change::RemoveContainer(a.id)])).await.unwrap();
    assert_eq!(store.container("a").await.unwrap(), None);
}

#[tokio::test]
async fn a_store_can_be_used_without_a_runtime_and_is_closed_once() {
    let home = Home::new();
    let store = home.open();
    let (root, blobs) = tree(1, 3, 100);
    store.commit(commit(&store, blobs, vec![])).await.unwrap();
    let source = home.open().source();
    std::thread::spawn(move || assert_eq!(source.get(&root).unwrap().id(), root)).join().unwrap();
    store.close().await;
    assert_eq!(store.container("a").await, Err(StoreError::Closed));
    assert_eq!(store.commit(Commit::default()).await, Err(StoreError::Closed));
    assert!(matches!(store.source().get(&leaf(1, 1).0), Err(BlobError::Io { .. })));
}

#[tokio::test]
async fn directories_that_cannot_be_stores_are_refused() {
    let home = Home::new();
    std::fs::write(home.path(), "a file").unwrap();
    assert!(matches!(Store::open(home.config()).err(), Some(StoreError::Place { .. })));
    let odd = home.dir.path().join("a b/ü?%#");
    let (root, blobs) = tree(1, 3, 100_000);
    let store = Store::open(StoreConfig::directory(&odd)).unwrap();
    store.commit(commit(&store, blobs, vec![])).await.unwrap();
    assert_eq!(walk(&Store::open(StoreConfig::directory(&odd)).unwrap(), root), Ok(4));
    std::fs::create_dir(home.dir.path().join("noise")).unwrap();
    std::fs::write(home.dir.path().join("noise/records.db"), vec![7; 10_000]).unwrap();
    let error = Store::open(StoreConfig::directory(home.dir.path().join("noise"))).err().unwrap();
    assert!(error.to_string().contains("damaged"), "{error}");
}
