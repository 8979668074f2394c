//! Leases: one live holder, taken over from the dead and from those that show no sign of life.

use super::*;

const NOW: Duration = Duration::ZERO;
const SOON: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_lease_has_one_holder_and_its_fence_grows() {
    let home = Home::new();
    let (one, two) = (home.open(), home.open());
    let first = one.lease("cntr_a", NOW).await.unwrap();
    let other = two.lease("cntr_b", NOW).await.unwrap();
    for store in [&one, &two] {
        let error = store.lease("cntr_a", NOW).await.unwrap_err();
        assert!(matches!(error, StoreError::Held { container, .. } if container == "cntr_a"));
    }
    let fence = first.fence();
    assert!(fence.number > 0);
    first.wanted().await;
    first.release().await;
    let second = two.lease("cntr_a", NOW).await.unwrap();
    assert_eq!(second.fence().number, fence.number + 1);
    assert!(!second.is_wanted());
    drop((second, other));
    assert!(one.lease("cntr_a", SOON).await.unwrap().fence().number > fence.number + 1);
}

#[tokio::test]
async fn who_waits_gets_it_when_it_is_given_up() {
    let home = Home::new();
    let (one, two) = (home.open(), home.open());
    for other in [one.clone(), two] {
        let lease = one.lease("cntr_a", NOW).await.unwrap();
        let waiting = tokio::spawn(async move { other.lease("cntr_a", SOON).await });
        lease.wanted().await;
        assert!(lease.is_wanted());
        lease.release().await;
        waiting.await.unwrap().unwrap().release().await;
    }
}

#[tokio::test]
async fn many_ask_and_one_at_a_time_has_it() {
    let home = Home::new();
    let stores = [home.open(), home.open()];
    let inside = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..16 {
        let (store, inside) = (stores[n % 2].clone(), inside.clone());
        tasks.spawn(async move {
            let lease = store.lease("cntr_a", SOON).await.unwrap();
            assert_eq!(inside.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
            let (root, blobs) = tree(n as u64, 2, 100);
            let record = ContainerRecord { id: "cntr_a".into(), seq: n as u64, ..container("a", root) };
            let changes = vec![Change::PutContainer(record)];
            store.commit(Commit { fence: Some(lease.fence()), ..commit(&store, blobs, changes) }).await.unwrap();
            assert_eq!(inside.fetch_sub(1, std::sync::atomic::Ordering::SeqCst), 1);
            lease.release().await;
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
}

/// Makes a store's holder look as if its process had stopped: no sign of life, its file locked or not.
async fn stop(store: &Store, unlock: bool) {
    store.inner.holder.stop_for_tests(unlock).await;
}

#[tokio::test]
async fn the_dead_are_taken_over_from_and_cannot_commit() {
    for unlock in [true, false] {
        let home = Home::new();
        let (one, two) = (home.open(), home.open());
        let lease = one.lease("cntr_a", NOW).await.unwrap();
        stop(&one, unlock).await;
        let taken = two.lease("cntr_a", if unlock { NOW } else { SOON }).await.unwrap();
        let (root, blobs) = tree(1, 2, 100);
        let put = vec![Change::PutContainer(container("a", root))];
        let late = Commit { fence: Some(lease.fence()), ..commit(&one, blobs.clone(), put.clone()) };
        assert_eq!(one.commit(late).await, Err(StoreError::LeaseLost { container: "cntr_a".into() }));
        let good = Commit { fence: Some(taken.fence()), ..commit(&two, blobs, put) };
        two.commit(good).await.unwrap();
        drop(lease);
        assert!(!taken.is_lost());
        // The one that was stopped goes on under another name.
        taken.release().await;
        one.lease("cntr_a", SOON).await.unwrap();
    }
}

#[tokio::test]
async fn a_live_holder_is_not_taken_over_from() {
    let home = Home::new();
    let (one, two) = (home.open(), home.open());
    let lease = one.lease("cntr_a", NOW).await.unwrap();
    two.lease("cntr_a", home.config().lease_ttl * 2).await.unwrap_err();
    assert!(!lease.is_lost());
}

#[tokio::test]
async fn objects_of_a_holder_that_was_taken_for_dead_are_written_again() {
    let home = Home::new();
    let (one, two) = (home.open(), home.open());
    let lease = one.lease("cntr_a", NOW).await.unwrap();
    stop(&one, true).await;
    drop(two.lease("cntr_a", NOW).await.unwrap());
    let (root, blobs) = tree(1, 20, 10_000);
    one.commit(commit(&one, blobs, vec![])).await.unwrap();
    assert_eq!(walk(&two, root), Ok(21));
    assert!(lease.is_lost());
}

#[tokio::test]
async fn closing_gives_everything_up() {
    let home = Home::new();
    let (one, two) = (home.open(), home.open());
    let lease = one.lease("cntr_a", NOW).await.unwrap();
    one.close().await;
    assert!(lease.is_lost());
    two.lease("cntr_a", NOW).await.unwrap();
    assert_eq!(one.lease("cntr_b", NOW).await.err(), Some(StoreError::Closed));
}
