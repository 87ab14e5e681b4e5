//! Every metadata engine against the plainest model of what a metadata store is: a sorted map. Random transactions, some
//! submitted together, with the store closed and opened between them; after each step everything is compared.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test reports by panicking")]

mod common;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use strongroom_store::engine::fjall::FjallStore;
use strongroom_store::engine::memory::MemoryStore;
use strongroom_store::engine::redb::RedbStore;
use strongroom_store::{Change, CommitError, Expectation, MetaStore, Table, Transaction};

type Model = BTreeMap<(Table, Vec<u8>), Vec<u8>>;

#[derive(Clone, Debug)]
enum Step {
    /// Transactions submitted before any of them is awaited.
    Together(Vec<Transaction>),
    Reopen,
}

fn table() -> impl Strategy<Value = Table> {
    prop_oneof![Just(Table::Current), Just(Table::Versions), Just(Table::Inline)]
}

/// Few keys, so that transactions meet; some of them prefixes of others, some at the end of the key space.
fn key() -> impl Strategy<Value = Bytes> {
    vec(prop_oneof![Just(0_u8), Just(b'a'), Just(b'b'), Just(0xff)], 1..4).prop_map(Bytes::from)
}

fn value() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        8 => (0..4_u8, 0..3_usize).prop_map(|(b, n)| Bytes::from(vec![b; n])),
        1 => any::<u8>().prop_map(|b| Bytes::from(vec![b; 5_000])),
    ]
}

fn expectation() -> impl Strategy<Value = Expectation> {
    prop_oneof![
        (table(), key()).prop_map(|(t, k)| Expectation::Absent(t, k)),
        (table(), key()).prop_map(|(t, k)| Expectation::Present(t, k)),
        (table(), key(), value()).prop_map(|(t, k, v)| Expectation::Equals(t, k, v)),
        (table(), key()).prop_map(|(t, k)| Expectation::EmptyPrefix(t, k)),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        3 => (table(), key(), value()).prop_map(|(t, k, v)| Change::Put(t, k, v)),
        2 => (table(), key()).prop_map(|(t, k)| Change::Delete(t, k)),
    ]
}

fn transaction() -> impl Strategy<Value = Transaction> {
    (vec(expectation(), 0..2), vec(change(), 0..6)).prop_map(|(expectations, changes)| Transaction {
        expectations,
        changes,
        frees_room: false,
    })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    vec(prop_oneof![9 => vec(transaction(), 1..6).prop_map(Step::Together), 1 => Just(Step::Reopen)], 1..40)
}

fn holds(model: &Model, expectation: &Expectation) -> bool {
    match expectation {
        Expectation::Absent(t, k) => !model.contains_key(&(*t, k.to_vec())),
        Expectation::Present(t, k) => model.contains_key(&(*t, k.to_vec())),
        Expectation::Equals(t, k, v) => model.get(&(*t, k.to_vec())).is_some_and(|found| found == v),
        Expectation::EmptyPrefix(t, p) => !model.keys().any(|(table, k)| table == t && k.starts_with(p)),
    }
}

fn apply(model: &mut Model, transaction: &Transaction) -> Result<(), CommitError> {
    if let Some(i) = transaction.expectations.iter().position(|e| !holds(model, e)) {
        return Err(CommitError::Conflict(i));
    }
    for change in &transaction.changes {
        match change {
            Change::Put(t, k, v) => model.insert((*t, k.to_vec()), v.to_vec()),
            Change::Delete(t, k) => model.remove(&(*t, k.to_vec())),
        };
    }
    Ok(())
}

fn compare(store: &dyn MetaStore, model: &Model) {
    let expected: Vec<_> = model.iter().map(|((t, k), v)| (*t, k.clone(), v.clone())).collect();
    assert_eq!(common::rows(store), expected);
    let snapshot = store.snapshot();
    for prefix in [&b"a"[..], b"ab", b"\xff", b"\xff\xff", b"\0"] {
        for from in [None, Some(&b"ab"[..]), Some(b"\xff"), Some(b"a\xff\xff\xff")] {
            let mut found = Vec::new();
            let visit = &mut |k: &[u8], _: &[u8]| {
                found.push(k.to_vec());
                true
            };
            snapshot.scan(Table::Current, prefix, from, visit).unwrap();
            let expected = model.keys().filter(|(t, k)| {
                *t == Table::Current && k.starts_with(prefix) && from.is_none_or(|from| &k[..] >= from)
            });
            assert_eq!(found, expected.map(|(_, k)| k.clone()).collect::<Vec<_>>(), "{prefix:?} from {from:?}");
        }
    }
    for ((table, key), value) in model {
        assert_eq!(snapshot.get(*table, key).unwrap().as_deref(), Some(&value[..]));
    }
}

/// Replays the steps. `reopen` gets the store to close, when there is one, and returns it opened.
fn run(steps: &[Step], reopen: &dyn Fn(Option<Arc<dyn MetaStore>>) -> Arc<dyn MetaStore>) {
    let mut model = Model::new();
    let mut store = reopen(None);
    for step in steps {
        match step {
            Step::Reopen => store = reopen(Some(store)),
            Step::Together(transactions) => {
                let futures: Vec<_> = transactions.iter().map(|t| store.commit(t.clone())).collect();
                let found: Vec<_> = futures.into_iter().map(testkit::block_on).collect();
                // One thread submits, so the order of submission is the order of commit.
                let expected: Vec<_> = transactions.iter().map(|t| apply(&mut model, t)).collect();
                assert_eq!(found, expected);
            }
        }
        compare(&*store, &model);
    }
    compare(&*reopen(Some(store)), &model);
}

fn from_dir(steps: &[Step], open: fn(&Path) -> Arc<dyn MetaStore>) {
    let dir = common::tempdir();
    run(steps, &|store| {
        drop(store);
        open(dir.path())
    });
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 48,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn memory(steps in steps()) {
        run(&steps, &|store| store.unwrap_or_else(MemoryStore::shared));
    }

    #[test]
    fn fjall(steps in steps()) {
        from_dir(&steps, |dir| Arc::new(FjallStore::open(dir).unwrap()));
    }

    #[test]
    fn redb(steps in steps()) {
        from_dir(&steps, |dir| Arc::new(RedbStore::open(&dir.join("meta.redb")).unwrap()));
    }
}
