//! What every [`BlobStore`] must do. An engine's test calls [`run`] with a way to open it.

use crate::SeededEntropy;
use model::{BlobId, Entropy};
use std::collections::BTreeMap;
use std::sync::Arc;
use store::{BlobStore, StoreFault};

/// Runs the suite; `fresh` opens a new, empty store at each call.
///
/// # Panics
///
/// When the engine does not keep a promise; the message names it.
pub fn run(fresh: &dyn Fn() -> Arc<dyn BlobStore>) {
    for (name, check) in CHECKS {
        println!("blob conformance: {name}");
        check(&*fresh());
    }
}

type Check = fn(&dyn BlobStore);

const CHECKS: &[(&str, Check)] = &[
    ("blobs of all sizes come back, pending and confirmed alike", sizes),
    ("pieces of all sizes join without a seam", pieces),
    ("a blob goes from open to pending to confirmed", life),
    ("an unfinished blob leaves nothing", unfinished),
    ("deleting is idempotent and does not disturb readers", deleting),
    ("reading past the end is refused", bounds),
    ("a piece that is too long is refused", piece_too_long),
    ("an id is used once", fresh_ids),
    ("many writers at once", writers_at_once),
];

/// The bytes of the test blob `seed`, `len` of them.
pub fn content(seed: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    SeededEntropy::new(seed).fill(&mut bytes);
    bytes
}

/// Writes `bytes` in pieces of `piece` bytes and finishes.
///
/// # Panics
///
/// When the store fails.
pub fn write(store: &dyn BlobStore, id: BlobId, bytes: &[u8], piece: usize) {
    let mut writer = store.create(id).expect("create");
    for part in bytes.chunks(piece.max(1)) {
        writer.append(part.len(), &mut |out| out.copy_from_slice(part)).expect("append");
    }
    assert_eq!(writer.finish().expect("finish"), bytes.len() as u64);
}

/// The whole content of a blob, or `None` when there is none.
///
/// # Panics
///
/// When the store fails.
pub fn read(store: &dyn BlobStore, id: BlobId) -> Option<Vec<u8>> {
    let reader = store.open(id).expect("open")?;
    let mut bytes = vec![0xa5; usize::try_from(reader.len()).expect("a length that fits memory")];
    assert_eq!(reader.is_empty(), bytes.is_empty());
    reader.read_at(0, &mut bytes).expect("read");
    Some(bytes)
}

fn id(n: u64) -> BlobId {
    BlobId::random(&SeededEntropy::new(n))
}

fn confirmed(store: &dyn BlobStore) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    store.each(&mut |id, len| assert_eq!(found.insert(id.to_hex(), len), None, "each blob once")).expect("each");
    found
}

fn sizes(store: &dyn BlobStore) {
    let block = 4096;
    let sizes =
        [0, 1, 511, 512, block - 1, block, block + 1, 65_552, 270_335, 270_336, 270_337, 1 << 20, (3 << 20) + 7];
    for (n, size) in sizes.into_iter().enumerate() {
        let (id, bytes) = (id(n as u64), content(n as u64, size));
        write(store, id, &bytes, 65_552);
        assert_eq!(read(store, id).as_deref(), Some(&bytes[..]), "{size} bytes, pending");
        store.confirm(id).expect("confirm");
        assert_eq!(read(store, id).as_deref(), Some(&bytes[..]), "{size} bytes, confirmed");
    }
    assert_eq!(confirmed(store).into_values().sum::<u64>(), sizes.iter().sum::<usize>() as u64);
}

fn pieces(store: &dyn BlobStore) {
    let bytes = content(7, 600_001);
    for (n, piece) in [1_000, 4096, 65_535, 65_552, 72 << 10].into_iter().enumerate() {
        let id = id(n as u64);
        assert!(store.create(id).expect("create").fill_len_max() >= 72 << 10);
        write(store, id, &bytes, piece);
        assert_eq!(read(store, id).as_deref(), Some(&bytes[..]), "pieces of {piece}");
    }
}

fn life(store: &dyn BlobStore) {
    let (a, b) = (id(1), id(2));
    assert!(store.pending().expect("pending").is_empty());
    let writer = store.create(a).expect("create");
    assert!(store.open(a).expect("open").is_none(), "an open blob is not readable");
    assert!(store.pending().expect("pending").is_empty());
    writer.finish().expect("finish");
    write(store, b, b"b", 1);

    let mut pending = store.pending().expect("pending");
    pending.sort();
    let mut expected = [a, b];
    expected.sort();
    assert_eq!(pending, expected);
    assert!(confirmed(store).is_empty());

    store.confirm(a).expect("confirm");
    store.confirm(a).expect("confirming twice");
    assert_eq!(store.pending().expect("pending"), [b]);
    assert_eq!(confirmed(store), BTreeMap::from([(a.to_hex(), 0)]));
    assert!(matches!(store.confirm(id(3)), Err(StoreFault::Unavailable(_))), "confirming what does not exist");
}

fn unfinished(store: &dyn BlobStore) {
    let id = id(1);
    let mut writer = store.create(id).expect("create");
    for _ in 0..10 {
        writer.append(65_552, &mut |out| out.fill(1)).expect("append");
    }
    drop(writer);
    assert_eq!(read(store, id), None);
    assert!(store.pending().expect("pending").is_empty());
    assert!(confirmed(store).is_empty());
    write(store, id, b"again", 5);
    assert_eq!(read(store, id).as_deref(), Some(&b"again"[..]));
}

fn deleting(store: &dyn BlobStore) {
    let (pending, confirmed) = (id(1), id(2));
    let bytes = content(1, 100_000);
    write(store, pending, &bytes, 65_552);
    write(store, confirmed, &bytes, 65_552);
    store.confirm(confirmed).expect("confirm");
    for id in [pending, confirmed] {
        let reader = store.open(id).expect("open").expect("a blob");
        store.delete(id).expect("delete");
        store.delete(id).expect("deleting twice");
        assert_eq!(read(store, id), None);
        let mut out = vec![0; bytes.len()];
        reader.read_at(0, &mut out).expect("a reader opened before");
        assert!(out == bytes);
    }
    assert!(store.pending().expect("pending").is_empty());
}

fn bounds(store: &dyn BlobStore) {
    let id = id(1);
    let bytes = content(1, 10_000);
    write(store, id, &bytes, 10_000);
    let reader = store.open(id).expect("open").expect("a blob");
    let mut out = [0; 100];
    for offset in [0, 1, 4095, 4096, 9_900] {
        reader.read_at(offset, &mut out).expect("within the blob");
        let start = usize::try_from(offset).expect("small");
        assert_eq!(out[..], bytes[start..start + 100]);
    }
    for offset in [9_901, 10_000, 10_001, u64::MAX >> 1] {
        assert!(matches!(reader.read_at(offset, &mut out), Err(StoreFault::Corrupt(_))), "at {offset}");
    }
    reader.read_at(10_000, &mut []).expect("nothing, at the end");
}

fn piece_too_long(store: &dyn BlobStore) {
    let mut writer = store.create(id(1)).expect("create");
    let max = writer.fill_len_max();
    writer.append(10, &mut |out| out.fill(1)).expect("append");
    writer.append(max, &mut |out| assert_eq!(out.len(), max)).expect("the longest piece");
    assert!(writer.append(max + 1, &mut |_| panic!("called with a piece that is too long")).is_err());
}

fn fresh_ids(store: &dyn BlobStore) {
    let (a, b) = (id(1), id(2));
    write(store, a, b"first", 5);
    write(store, b, b"first", 5);
    store.confirm(b).expect("confirm");
    for id in [a, b] {
        assert!(store.create(id).is_err());
        assert_eq!(read(store, id).as_deref(), Some(&b"first"[..]));
    }
}

fn writers_at_once(store: &dyn BlobStore) {
    std::thread::scope(|scope| {
        for n in 0..16 {
            scope.spawn(move || {
                let bytes = content(n, 300_000 + usize::try_from(n).expect("small") * 1_234);
                write(store, id(n), &bytes, 65_552);
                if n % 2 == 0 {
                    store.confirm(id(n)).expect("confirm");
                }
                assert!(read(store, id(n)).is_some_and(|found| found == bytes), "blob {n}");
            });
        }
    });
    assert_eq!(store.pending().expect("pending").len(), 8);
    assert_eq!(confirmed(store).len(), 8);
}
