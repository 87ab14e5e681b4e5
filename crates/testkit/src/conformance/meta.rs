//! What every [`MetaStore`] must do. An engine's test calls [`run`] with a way to open it.

use crate::block_on;
use bytes::Bytes;
use std::sync::Arc;
use store::{CommitError, Expectation, MetaStore, Snapshot, StoreFault, Table, Transaction};

/// An engine under test: opens a fresh, empty store at each call.
pub trait Factory {
    /// A new, empty store.
    fn fresh(&self) -> Arc<dyn MetaStore>;
}

impl<F: Fn() -> Arc<dyn MetaStore>> Factory for F {
    fn fresh(&self) -> Arc<dyn MetaStore> {
        self()
    }
}

/// Runs the suite.
///
/// # Panics
///
/// When the engine does not keep a promise; the message names it.
pub fn run(factory: &dyn Factory) {
    for (name, check) in CHECKS {
        println!("meta conformance: {name}");
        check(&*factory.fresh());
    }
}

type Check = fn(&dyn MetaStore);

const CHECKS: &[(&str, Check)] = &[
    ("what was put is got, in every table", put_and_get),
    ("tables do not mix", tables_are_apart),
    ("values of all sizes come back", value_sizes),
    ("a later change of the same row wins", changes_apply_in_order),
    ("scans are ordered, bounded by prefix and start, and can be stopped", scans),
    ("a prefix of 0xff bytes is a prefix", scan_at_the_end_of_the_key_space),
    ("a scan that starts past its prefix is empty", scan_from_past_the_prefix),
    ("expectations hold or name the first that does not", expectations),
    ("a refused transaction changes nothing", refused_changes_nothing),
    ("expectations see deletes, and prefixes emptied", expectations_after_delete),
    ("a snapshot does not move", snapshots_stand_still),
    ("a snapshot sees what was acknowledged before", snapshots_see_acknowledged),
    ("of rivals exactly one wins", one_winner),
    ("increments by many writers are not lost", no_lost_update),
    ("a dropped future commits all the same", dropped_future_commits),
    ("an empty transaction is acknowledged", empty_transaction),
    ("rows out of bounds are refused and harm nobody", out_of_bounds),
];

const T: Table = Table::Current;

fn tx(build: impl FnOnce(&mut Transaction) -> &mut Transaction) -> Transaction {
    let mut transaction = Transaction::new();
    let _ = build(&mut transaction);
    transaction
}

fn commit(store: &dyn MetaStore, build: impl FnOnce(&mut Transaction) -> &mut Transaction) -> Result<(), CommitError> {
    block_on(store.commit(tx(build)))
}

fn put(store: &dyn MetaStore, table: Table, key: &[u8], value: &[u8]) {
    commit(store, |t| t.put(table, key.to_vec(), value.to_vec())).expect("a plain put");
}

fn got(snapshot: &dyn Snapshot, table: Table, key: &[u8]) -> Option<Vec<u8>> {
    snapshot.get(table, key).expect("a read").map(|v| v.to_vec())
}

/// Keys of a scan, as text.
fn keys(snapshot: &dyn Snapshot, table: Table, prefix: &[u8], from: Option<&[u8]>) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let visited = snapshot.scan(table, prefix, from, &mut |key, _| {
        found.push(key.to_vec());
        true
    });
    visited.expect("a scan");
    found
}

fn put_and_get(store: &dyn MetaStore) {
    for table in Table::ALL {
        put(store, *table, b"key", table.name().as_bytes());
    }
    let snapshot = store.snapshot();
    for table in Table::ALL {
        assert_eq!(got(&*snapshot, *table, b"key").as_deref(), Some(table.name().as_bytes()));
        assert_eq!(got(&*snapshot, *table, b"other"), None);
    }
}

fn tables_are_apart(store: &dyn MetaStore) {
    put(store, Table::Current, b"k", b"current");
    commit(store, |t| t.delete(Table::Versions, &b"k"[..])).expect("a delete of nothing");
    let snapshot = store.snapshot();
    assert_eq!(got(&*snapshot, Table::Current, b"k").as_deref(), Some(&b"current"[..]));
    assert_eq!(got(&*snapshot, Table::Versions, b"k"), None);
    assert!(keys(&*snapshot, Table::Versions, b"", None).is_empty());
}

fn value_sizes(store: &dyn MetaStore) {
    let sizes = [0_usize, 1, 3, 4, 5, 255, 256, 1023, 1024, 4096, 33 << 10, 70_000, 1 << 20];
    let value = |size: usize| (0..size).map(|i| (i * 31 + size) as u8).collect::<Vec<_>>();
    for table in [Table::Current, Table::Inline] {
        commit(store, |t| {
            for size in sizes {
                t.put(table, (size as u32).to_be_bytes().to_vec(), value(size));
            }
            t
        })
        .expect("values of all sizes");
        let snapshot = store.snapshot();
        for size in sizes {
            assert_eq!(got(&*snapshot, table, &(size as u32).to_be_bytes()), Some(value(size)), "{size} bytes");
        }
    }
}

fn changes_apply_in_order(store: &dyn MetaStore) {
    commit(store, |t| {
        t.put(T, "a", "1").delete(T, "a").put(T, "a", "2");
        t.put(T, "b", "1").delete(T, "b")
    })
    .expect("changes of one row");
    assert_eq!(got(&*store.snapshot(), T, b"a").as_deref(), Some(&b"2"[..]));
    assert_eq!(got(&*store.snapshot(), T, b"b"), None);
}

fn scans(store: &dyn MetaStore) {
    for key in ["b/2", "a", "b/10", "b/1", "c", "b", "b0", "b/\u{0}"] {
        put(store, T, key.as_bytes(), key.as_bytes());
    }
    put(store, Table::Versions, b"b/3", b"another table");
    let s = store.snapshot();
    let s = &*s;
    assert_eq!(keys(s, T, b"b/", None), [&b"b/\0"[..], b"b/1", b"b/10", b"b/2"]);
    assert_eq!(keys(s, T, b"b/", Some(b"b/1")), [&b"b/1"[..], b"b/10", b"b/2"], "from is included");
    assert_eq!(keys(s, T, b"b/", Some(b"b/1\0")), [&b"b/10"[..], b"b/2"]);
    assert_eq!(keys(s, T, b"b/", Some(b"a")), keys(s, T, b"b/", None), "from before the prefix");
    assert_eq!(keys(s, T, b"", None), [&b"a"[..], b"b", b"b/\0", b"b/1", b"b/10", b"b/2", b"b0", b"c"]);
    assert_eq!(keys(s, T, b"", Some(b"b0")), [&b"b0"[..], b"c"]);
    assert!(keys(s, T, b"d", None).is_empty());

    let mut seen = Vec::new();
    s.scan(T, b"b", None, &mut |key, value| {
        assert_eq!(key, value);
        seen.push(key.to_vec());
        seen.len() < 2
    })
    .expect("a scan that is stopped");
    assert_eq!(seen, [&b"b"[..], b"b/\0"]);
}

fn scan_at_the_end_of_the_key_space(store: &dyn MetaStore) {
    for key in [&b"\xfe"[..], b"\xff", b"\xff\xff", b"\xff\xff\x01", b"\xff\x01"] {
        put(store, T, key, b"");
    }
    let snapshot = store.snapshot();
    assert_eq!(keys(&*snapshot, T, b"\xff\xff", None), [&b"\xff\xff"[..], b"\xff\xff\x01"]);
    assert_eq!(keys(&*snapshot, T, b"\xff", None).len(), 4);
}

fn scan_from_past_the_prefix(store: &dyn MetaStore) {
    put(store, T, b"a1", b"");
    put(store, T, b"b1", b"");
    assert!(keys(&*store.snapshot(), T, b"a", Some(b"b")).is_empty());
    assert!(keys(&*store.snapshot(), T, b"a", Some(b"a2")).is_empty());
}

fn expectations(store: &dyn MetaStore) {
    put(store, T, b"here", b"value");
    let key = |k: &'static str| Bytes::from(k);
    let refused = |e: Expectation| {
        let absent = Expectation::Absent(T, key("nowhere"));
        commit(store, |t| t.expect(absent).expect(e))
    };
    assert_eq!(refused(Expectation::Absent(T, key("here"))), Err(CommitError::Conflict(1)));
    assert_eq!(refused(Expectation::Present(T, key("gone"))), Err(CommitError::Conflict(1)));
    assert_eq!(refused(Expectation::Present(Table::Versions, key("here"))), Err(CommitError::Conflict(1)));
    assert_eq!(refused(Expectation::Equals(T, key("here"), key("valuf"))), Err(CommitError::Conflict(1)));
    assert_eq!(refused(Expectation::Equals(T, key("here"), key("valu"))), Err(CommitError::Conflict(1)));
    assert_eq!(refused(Expectation::Equals(T, key("gone"), key("value"))), Err(CommitError::Conflict(1)));
    assert_eq!(refused(Expectation::EmptyPrefix(T, key("he"))), Err(CommitError::Conflict(1)));
    assert_eq!(refused(Expectation::EmptyPrefix(T, key("here"))), Err(CommitError::Conflict(1)));
    assert_eq!(refused(Expectation::EmptyPrefix(T, key(""))), Err(CommitError::Conflict(1)));

    assert_eq!(refused(Expectation::Present(T, key("here"))), Ok(()));
    assert_eq!(refused(Expectation::Equals(T, key("here"), key("value"))), Ok(()));
    assert_eq!(refused(Expectation::EmptyPrefix(T, key("here/"))), Ok(()));
    assert_eq!(refused(Expectation::EmptyPrefix(Table::Versions, key(""))), Ok(()));
}

fn refused_changes_nothing(store: &dyn MetaStore) {
    put(store, T, b"a", b"1");
    let refused = commit(store, |t| {
        t.expect(Expectation::Present(T, Bytes::from_static(b"missing")));
        t.put(T, "a", "2").put(T, "b", "2").delete(T, "a")
    });
    assert_eq!(refused, Err(CommitError::Conflict(0)));
    let snapshot = store.snapshot();
    assert_eq!(got(&*snapshot, T, b"a").as_deref(), Some(&b"1"[..]));
    assert_eq!(got(&*snapshot, T, b"b"), None);
}

fn expectations_after_delete(store: &dyn MetaStore) {
    put(store, T, b"p/1", b"");
    put(store, T, b"p/2", b"");
    commit(store, |t| t.delete(T, "p/1").delete(T, "p/2")).expect("deletes");
    let prefix = Bytes::from_static(b"p/");
    commit(store, |t| t.expect(Expectation::EmptyPrefix(T, prefix.clone())).put(T, "p/3", "")).expect("empty");
    let refused = commit(store, |t| t.expect(Expectation::EmptyPrefix(T, prefix)));
    assert_eq!(refused, Err(CommitError::Conflict(0)));
}

fn snapshots_stand_still(store: &dyn MetaStore) {
    put(store, T, b"a", b"old");
    put(store, T, b"b", b"old");
    let before = store.snapshot();
    commit(store, |t| t.put(T, "a", "new").delete(T, "b").put(T, "c", "new")).expect("changes");
    assert_eq!(got(&*before, T, b"a").as_deref(), Some(&b"old"[..]));
    assert_eq!(got(&*before, T, b"b").as_deref(), Some(&b"old"[..]));
    assert_eq!(keys(&*before, T, b"", None), [b"a", b"b"]);
    assert_eq!(keys(&*store.snapshot(), T, b"", None), [b"a", b"c"]);
}

fn snapshots_see_acknowledged(store: &dyn MetaStore) {
    for i in 0..200_u32 {
        put(store, T, &i.to_be_bytes(), &i.to_le_bytes());
        assert_eq!(got(&*store.snapshot(), T, &i.to_be_bytes()).as_deref(), Some(&i.to_le_bytes()[..]));
    }
}

fn one_winner(store: &dyn MetaStore) {
    // All are submitted before any is awaited, so that they meet in one batch and are judged against each other there.
    let rivals: Vec<_> = (0..64_u8)
        .map(|i| {
            let key = Bytes::from_static(b"prize");
            store.commit(tx(|t| t.expect(Expectation::Absent(T, key.clone())).put(T, key, vec![i])))
        })
        .collect();
    let others: Vec<_> = (0..64_u8).map(|i| store.commit(tx(|t| t.put(T, vec![b'o', i], vec![i])))).collect();
    let results: Vec<_> = rivals.into_iter().map(block_on).collect();
    let winners: Vec<_> = (0..64_u8).filter(|i| results[usize::from(*i)].is_ok()).collect();
    assert_eq!(winners.len(), 1, "{results:?}");
    assert!(results.iter().filter(|r| r.is_err()).all(|r| *r == Err(CommitError::Conflict(0))));
    assert_eq!(got(&*store.snapshot(), T, b"prize"), Some(winners));
    for (i, other) in others.into_iter().enumerate() {
        assert_eq!(block_on(other), Ok(()), "bystander {i}");
    }
    assert_eq!(keys(&*store.snapshot(), T, b"o", None).len(), 64);
}

fn no_lost_update(store: &dyn MetaStore) {
    const WRITERS: u64 = 8;
    const INCREMENTS: u64 = 25;
    let key = || Bytes::from_static(b"counter");
    put(store, T, &key(), &0_u64.to_be_bytes());
    std::thread::scope(|scope| {
        for _ in 0..WRITERS {
            scope.spawn(|| {
                for _ in 0..INCREMENTS {
                    loop {
                        let old = store.snapshot().get(T, &key()).expect("a read").expect("the counter");
                        let value = u64::from_be_bytes(old[..].try_into().expect("eight bytes"));
                        let next = Bytes::copy_from_slice(&(value + 1).to_be_bytes());
                        let change = tx(|t| t.expect(Expectation::Equals(T, key(), old)).put(T, key(), next));
                        match block_on(store.commit(change)) {
                            Ok(()) => break,
                            Err(CommitError::Conflict(0)) => {}
                            Err(e) => panic!("{e}"),
                        }
                    }
                }
            });
        }
    });
    let end = got(&*store.snapshot(), T, &key()).expect("the counter");
    assert_eq!(end, (WRITERS * INCREMENTS).to_be_bytes());
}

fn dropped_future_commits(store: &dyn MetaStore) {
    // More than the queue holds, none of them ever polled.
    for i in 0..2_000_u32 {
        drop(store.commit(tx(|t| t.put(T, i.to_be_bytes().to_vec(), ""))));
    }
    // Whatever was handed over before this is committed before this is.
    put(store, T, b"last", b"");
    assert_eq!(keys(&*store.snapshot(), T, b"\0", None).len(), 2_000);
}

fn empty_transaction(store: &dyn MetaStore) {
    assert_eq!(commit(store, |t| t), Ok(()));
}

fn out_of_bounds(store: &dyn MetaStore) {
    let too_long = vec![b'k'; store::engine::KEY_BYTES_MAX + 1];
    for key in [Vec::new(), too_long.clone()] {
        let put = store.commit(tx(|t| t.put(T, "innocent", "").put(T, key.clone(), "")));
        let delete = store.commit(tx(|t| t.delete(T, key)));
        let bystander = store.commit(tx(|t| t.put(T, "bystander", "")));
        assert!(matches!(block_on(put), Err(CommitError::Fault(StoreFault::Unavailable(_)))));
        assert!(matches!(block_on(delete), Err(CommitError::Fault(StoreFault::Unavailable(_)))));
        assert_eq!(block_on(bystander), Ok(()));
    }
    assert_eq!(keys(&*store.snapshot(), T, b"", None), [b"bystander"]);
    let longest = vec![b'k'; store::engine::KEY_BYTES_MAX];
    put(store, T, &longest, b"v");
    assert_eq!(got(&*store.snapshot(), T, &longest).as_deref(), Some(&b"v"[..]));
    let snapshot = store.snapshot();
    assert_eq!(got(&*snapshot, T, &too_long), None, "reading such a key finds nothing");
    assert!(keys(&*snapshot, T, &too_long, None).is_empty());
    assert!(keys(&*snapshot, T, b"k", Some(&too_long)).is_empty());
    assert_eq!(keys(&*snapshot, T, b"k", Some(&longest)).len(), 1);
    let absent = Expectation::Absent(T, Bytes::from(too_long.clone()));
    let empty = Expectation::EmptyPrefix(T, Bytes::from(too_long));
    assert_eq!(commit(store, |t| t.expect(absent).expect(empty)), Ok(()));
}
