//! Bit rot: one byte of a fjall directory changed, wherever it lies. Each read gives the right value or an error, or the
//! store does not open; a wrong value, or a row that is quietly missing, never.
//!
//! `STRONGROOM_FLIPS=n` changes at most `n` bytes per file instead of the default; a number beyond the largest file
//! changes every byte.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test reports by panicking")]

mod common;

use common::{Image, put, rows};
use model::Entropy;
use std::path::Path;
use std::process::Command;
use strongroom_store::engine::fjall::FjallStore;
use strongroom_store::{MetaStore, StoreFault, Table, Transaction};
use testkit::SeededEntropy;

type Rows = Vec<(Table, Vec<u8>, Vec<u8>)>;

/// A store with rows in tables on disk, in the value log and in the journal; with overwritten and removed ones.
fn build(dir: &Path) -> Rows {
    let store = FjallStore::open(dir).unwrap();
    let entropy = SeededEntropy::new(1);
    let mut value = vec![0; 1_500];
    for round in 0..3 {
        for i in 0..20_u32 {
            entropy.fill(&mut value);
            let mut transaction = Transaction::new();
            transaction.put(Table::Inline, i.to_be_bytes().to_vec(), value.clone());
            transaction.put(Table::Current, i.to_be_bytes().to_vec(), format!("value {i} of round {round}"));
            transaction.delete(Table::Inline, (i / 2).to_be_bytes().to_vec());
            transaction.delete(Table::Current, (i / 3).to_be_bytes().to_vec());
            testkit::block_on(store.commit(transaction)).unwrap();
        }
        if round < 2 {
            store.write_out().unwrap();
        }
    }
    put(&store, Table::System, "last", "row");
    rows(&store)
}

/// How a store that was tampered with answered.
#[derive(Debug, PartialEq)]
enum Answer {
    /// It did not open.
    Refused,
    /// It opened; what it gave was right, what it did not give it refused with an error.
    Right,
    Wrong(String),
}

/// Reads everything, by scan and by key, and compares what is not refused with the truth.
fn check(dir: &Path, truth: &Rows) -> Answer {
    let store = match FjallStore::open(dir) {
        Ok(store) => store,
        Err(StoreFault::Full) => return Answer::Wrong("taken for a full disk".to_owned()),
        Err(_) => return Answer::Refused,
    };
    let snapshot = store.snapshot();
    for table in Table::ALL {
        let mut found = Vec::new();
        let scanned = snapshot.scan(*table, b"", None, &mut |key, value| {
            found.push((*table, key.to_vec(), value.to_vec()));
            true
        });
        let expected: Vec<_> = truth.iter().filter(|(t, _, _)| t == table).cloned().collect();
        let right = match scanned {
            Ok(()) => found == expected,
            Err(_) => expected.starts_with(&found),
        };
        if !right {
            return Answer::Wrong(format!("a scan of {table:?}: {} rows of {}", found.len(), expected.len()));
        }
    }
    for (table, key, value) in truth {
        if let Ok(found) = snapshot.get(*table, key)
            && found.as_deref() != Some(&value[..])
        {
            return Answer::Wrong(format!("row {key:?} of {table:?}"));
        }
    }
    Answer::Right
}

const CHILD_DIR: &str = "STRONGROOM_FLIPS_CHILD_DIR";
const EXIT_REFUSED: i32 = 10;
const EXIT_RIGHT: i32 = 11;
const EXIT_WRONG: i32 = 12;

/// The check in a process of its own: fjall asserts what it reads, and may abort while it unwinds.
#[test]
fn child() {
    let Some(dir) = std::env::var_os(CHILD_DIR) else { return };
    let dir = Path::new(&dir);
    let truth: Rows = read_rows(&dir.join("truth"));
    let answer = check(&dir.join("meta"), &truth);
    println!("{answer:?}");
    // Without unwinding or destructors: what they do must not cover the answer up.
    std::process::exit(match answer {
        Answer::Refused => EXIT_REFUSED,
        Answer::Right => EXIT_RIGHT,
        Answer::Wrong(_) => EXIT_WRONG,
    });
}

fn check_in_child(root: &Path) -> (Option<i32>, String) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child", "--nocapture"]).env(CHILD_DIR, root).env("RUST_BACKTRACE", "0");
    let output = command.output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code(), text)
}

#[test]
fn no_changed_byte_becomes_a_wrong_value() {
    let per_file: u64 = std::env::var("STRONGROOM_FLIPS").ok().and_then(|n| n.parse().ok()).unwrap_or(4);
    let root = common::tempdir();
    let dir = root.path().join("meta");
    let truth = build(&dir);
    write_rows(&root.path().join("truth"), &truth);
    let image = Image::of(&dir);
    assert_eq!(check(&dir, &truth), Answer::Right, "unharmed");
    assert_eq!(check_in_child(root.path()).0, Some(EXIT_RIGHT), "unharmed");

    let entropy = SeededEntropy::new(2);
    let (mut refused, mut right, mut aborted) = (0, 0, 0);
    for (n, file) in image.files.iter().enumerate() {
        let len = file.bytes.len() as u64;
        let places: Vec<u64> =
            if len <= per_file { (0..len).collect() } else { (0..per_file).map(|_| entropy.below(len)).collect() };
        for at in places {
            let flip = 1_u8 << entropy.below(8);
            let mut damaged = image.clone();
            damaged.files[n].bytes[usize::try_from(at).unwrap()] ^= flip;
            damaged.restore(&dir);
            match check_in_child(root.path()) {
                (Some(EXIT_REFUSED), _) => refused += 1,
                (Some(EXIT_RIGHT), _) => right += 1,
                // Killed by its own abort: no answer is no wrong answer.
                (None, _) => aborted += 1,
                (code, text) => panic!("{} byte {at} of {len} xor {flip:#04x}: {code:?}\n{text}", file.path.display()),
            }
        }
    }
    println!("{} files: {refused} refused at opening, {right} right or an error, {aborted} aborted", image.files.len());
    assert!(refused > 0 && right > 0, "both ways of noticing were exercised");
}

/// Hands the truth to the child: `table ‖ key length ‖ value length ‖ key ‖ value` for each row.
fn write_rows(path: &Path, rows: &Rows) {
    let mut bytes = Vec::new();
    for (table, key, value) in rows {
        bytes.push(table.id());
        bytes.extend((key.len() as u32).to_be_bytes());
        bytes.extend((value.len() as u32).to_be_bytes());
        bytes.extend(key);
        bytes.extend(value);
    }
    std::fs::write(path, bytes).unwrap();
}

fn read_rows(path: &Path) -> Rows {
    let bytes = std::fs::read(path).unwrap();
    let mut rest = &bytes[..];
    let mut rows = Vec::new();
    let len = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().unwrap()) as usize;
    while !rest.is_empty() {
        let table = Table::ALL[usize::from(rest[0])];
        let (key_len, value_len) = (len(&rest[1..5]), len(&rest[5..9]));
        let (key, after) = rest[9..].split_at(key_len);
        let (value, after) = after.split_at(value_len);
        rows.push((table, key.to_vec(), value.to_vec()));
        rest = after;
    }
    rows
}
