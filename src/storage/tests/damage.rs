//! Damage: found, named, repaired where there is another copy, never taken for content.

use super::*;
use std::fs;

struct Damaged {
    home: Home,
    root: Hash,
    blobs: Vec<(Hash, Blob)>,
    record: ContainerRecord,
}

impl Damaged {
    /// A store with a container whose blobs are in one object.
    async fn new() -> Damaged {
        let home = Home::new();
        let store = home.open();
        let (root, blobs) = tree(1, 20, 10_000);
        let record = container("a", root);
        let changes = vec![Change::PutContainer(record.clone())];
        store.commit(commit(&store, blobs.clone(), changes)).await.unwrap();
        store.close().await;
        Damaged { home, root, blobs, record }
    }

    fn object(&self) -> PathBuf {
        fs::read_dir(self.home.path().join("packs")).unwrap().next().unwrap().unwrap().path()
    }

    fn damage(&self, how: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = fs::read(self.object()).unwrap();
        how(&mut bytes);
        fs::write(self.object(), bytes).unwrap();
    }
}

async fn sql(home: &Home, sql: &'static str) {
    let database = Database::new(&Place::Directory(home.path())).unwrap();
    sqlx::query(sql).execute(database.bare()).await.unwrap();
    database.close().await;
}

#[tokio::test]
async fn a_changed_byte_is_found_wherever_it_is() {
    for at in (0..100).map(|n| n * 1999) {
        let damaged = Damaged::new().await;
        damaged.damage(|bytes| {
            let at = at % bytes.len();
            bytes[at] ^= 0x20;
        });
        let store = damaged.home.open();
        let report = store.check(false).await.unwrap();
        match walk(&store, damaged.root) {
            // Not even the magic matters to who knows where to look.
            Ok(count) => assert!(count == 21 && at < 8, "{at}"),
            Err(BlobError::Damaged { .. }) => {
                assert!(!report.is_clean());
                assert_eq!(report.problems[0].loses, [damaged.record.id.as_str()], "{report:?}");
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn cut_and_missing_packs_are_errors() {
    for (cut, lost) in [(0, 21), (1000, 21), (100_000, 11)] {
        let damaged = Damaged::new().await;
        damaged.damage(|bytes| bytes.truncate(cut));
        let store = damaged.home.open();
        assert!(matches!(walk(&store, damaged.root), Err(BlobError::Damaged { .. })));
        let report = store.check(false).await.unwrap();
        let losses = report.problems.iter().filter(|problem| problem.loses == [damaged.record.id.as_str()]).count();
        assert!(losses > 0 && losses <= lost, "{report:?}");
    }
    let damaged = Damaged::new().await;
    fs::remove_file(damaged.object()).unwrap();
    let store = damaged.home.open();
    let error = walk(&store, damaged.root).unwrap_err().to_string();
    assert!(error.contains("is missing"), "{error}");
    assert!(!store.check(false).await.unwrap().is_clean());
}

#[tokio::test]
async fn repair_makes_room_for_the_lost_to_be_brought_again() {
    let damaged = Damaged::new().await;
    damaged.damage(|bytes| bytes[50_000] ^= 1);
    let store = damaged.home.open();
    let report = store.check(true).await.unwrap();
    assert!(!report.is_clean());
    assert!(matches!(walk(&store, damaged.root), Err(BlobError::Missing(_))));
    let again = store.check(true).await.unwrap();
    assert_eq!(again.problems.len(), 1);
    assert!(again.problems[0].what.contains("missing"), "{again:?}");
    store.collect().await.unwrap();
    store.commit(commit(&store, damaged.blobs.clone(), vec![])).await.unwrap();
    assert_eq!(walk(&store, damaged.root), Ok(21));
    assert_eq!(store.check(true).await.unwrap().problems, []);
}

#[tokio::test]
async fn another_copy_takes_the_place_of_a_damaged_blob() {
    let damaged = Damaged::new().await;
    // The same blobs once more, in a pack of their own, as when two processes commit the same at the same time.
    sql(&damaged.home, "UPDATE blob SET id = substr(id, 2) || substr(id, 1, 1)").await;
    let first = damaged.object();
    let store = damaged.home.open();
    store.commit(commit(&store, damaged.blobs.clone(), vec![])).await.unwrap();
    store.close().await;
    let both: Vec<_> = fs::read_dir(damaged.home.path().join("packs")).unwrap().map(|e| e.unwrap().path()).collect();
    let second = both.iter().find(|path| **path != first).unwrap();
    let mut bytes = fs::read(second).unwrap();
    bytes[100_000] ^= 1;
    fs::write(second, bytes).unwrap();
    sql(&damaged.home, "DELETE FROM blob WHERE pack = 1").await;

    let store = damaged.home.open();
    assert!(walk(&store, damaged.root).is_err());
    let report = store.check(true).await.unwrap();
    assert!(report.is_clean() && report.problems.iter().any(|p| p.what.contains("another copy")), "{report:?}");
    assert_eq!(walk(&store, damaged.root), Ok(21));
    assert_eq!(store.check(false).await.unwrap().problems, []);
}

#[tokio::test]
async fn the_index_is_rebuilt_from_packs() {
    for lost in ["DELETE FROM blob", "DELETE FROM pack"] {
        let damaged = Damaged::new().await;
        sql(&damaged.home, lost).await;
        let store = damaged.home.open();
        assert!(walk(&store, damaged.root).is_err());
        assert!(!store.check(false).await.unwrap().is_clean());
        let report = store.check(true).await.unwrap();
        assert!(report.is_clean(), "{report:?}");
        assert_eq!(walk(&store, damaged.root), Ok(21));
        assert_eq!(store.check(false).await.unwrap().problems, []);
        assert_eq!(store.stats().await.unwrap().blobs, 21);
        store.collect().await.unwrap();
        assert_eq!(walk(&store, damaged.root), Ok(21));
    }
}

#[tokio::test]
async fn a_collection_does_not_take_what_is_below_damage() {
    let damaged = Damaged::new().await;
    // The root is the first entry of the pack.
    damaged.damage(|bytes| bytes[8 + 45 + 5] ^= 1);
    let store = damaged.home.open();
    assert!(matches!(store.collect().await, Err(StoreError::Blob(BlobError::Damaged { .. }))));
    assert_eq!(store.stats().await.unwrap().blobs, 21);
    drop(store.pin(damaged.blobs[0].0).await.unwrap());
}

#[tokio::test]
async fn a_backup_is_a_store() {
    let home = Home::new();
    let store = home.open();
    let (root, blobs) = tree(1, 20, 10_000);
    let (small, more) = tree(2, 3, 100);
    let (a, b) = (container("a", root), container("b", small));
    store.commit(commit(&store, blobs, vec![Change::PutContainer(a.clone())])).await.unwrap();
    store.commit(commit(&store, more, vec![Change::PutContainer(b)])).await.unwrap();
    let lease = store.lease(&a.id, Duration::ZERO).await.unwrap();
    let to = Home::new();
    store.backup(&to.path()).await.unwrap();
    let (later, blobs) = tree(3, 20, 10_000);
    store.commit(commit(&store, blobs, vec![Change::PutContainer(container("c", later))])).await.unwrap();

    let copy = to.open();
    assert_eq!((walk(&copy, root), walk(&copy, small)), (Ok(21), Ok(4)));
    assert_eq!(copy.container("c").await.unwrap(), None);
    assert_eq!(copy.check(false).await.unwrap().problems, []);
    assert!(copy.lease(&a.id, Duration::ZERO).await.unwrap().fence().number > lease.fence().number);
    let error = store.backup(&to.path()).await.unwrap_err().to_string();
    assert!(error.contains("not empty"), "{error}");
    let memory = Store::open(StoreConfig::memory()).unwrap();
    assert_eq!(memory.backup(&Home::new().path()).await, Err(StoreError::InMemory));
}

#[tokio::test]
async fn a_record_that_is_not_what_was_written_is_not_believed() {
    let damaged = Damaged::new().await;
    let store = damaged.home.open();
    let record = &damaged.record;
    let touch = Change::Touch { container: record.id.clone(), last_active_at_ms: 77 };
    store.commit(commit(&store, vec![], vec![touch, Change::AppendLog(log(record, 1))])).await.unwrap();
    assert_eq!(store.container("a").await.unwrap().unwrap().last_active_at_ms, 77);
    assert_eq!(store.check(false).await.unwrap().problems, []);
    for change in [
        "UPDATE container SET seq = 1",
        "UPDATE container SET seq = 0, owner = 'me'",
        "UPDATE log SET command = 'echo 3'",
        "UPDATE log SET command = 'echo 1', outcome = '{\"exit\":1}'",
    ] {
        sqlx::query(change).execute(store.inner.database.bare()).await.unwrap();
        let read = match change.contains("log") {
            true => store.log(&record.id, &LogQuery::default()).await.map(drop),
            false => store.container(&record.id).await.map(drop),
        };
        assert!(matches!(read, Err(StoreError::Record { what, .. }) if what == record.id), "{change}");
        assert_eq!(store.check(false).await.unwrap().problems[0].loses, [record.id.as_str()]);
    }
}
