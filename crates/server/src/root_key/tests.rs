//! Both sources, and what a start makes of what a change left.

use super::*;
use crate::private_file::write_private;
use crypto::{SecretBytes, SystemEntropy, Wrappable};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use store::engine::memory::MemoryStore;
use zeroize::Zeroizing;

const CHEAP: PassphraseCost = PassphraseCost { memory_kib: 64, passes: 1, lanes: 1 };

fn given(text: &str) -> GivenPassphrase {
    GivenPassphrase::new(Zeroizing::new(text.as_bytes().to_vec()))
}

fn key(byte: u8) -> RootKey {
    RootKey::from_secret(SecretBytes::fill_with(|bytes| bytes.fill(byte)))
}

fn bytes(key: &RootKey) -> Vec<u8> {
    key.as_secret().expose().to_vec()
}

fn sources(dir: &Path) -> [Arc<dyn RootSource>; 2] {
    [Arc::new(FileSource::new(&dir.join("root.key"))), Arc::new(PassphraseSource::new(&dir.join("root.sealed"), CHEAP))]
}

/// A store made with a root key.
async fn store_of(byte: u8) -> Arc<dyn MetaStore> {
    let store = MemoryStore::shared();
    let parts = kms::Parts::new(
        Arc::clone(&store),
        key(byte),
        Arc::new(policy::Evaluator),
        model::RegionName::parse("local-1").unwrap(),
        Arc::new(crate::clock::SystemClock),
        Arc::new(SystemEntropy),
    );
    kms::KeyService::open(parts).await.unwrap();
    store
}

#[test]
fn made_once_with_mode_0600_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    for (source, name) in sources(dir.path()).iter().zip(["root.key", "root.sealed"]) {
        let path = dir.path().join(name);
        let secret = given("a passphrase that lasts");
        let first = find(&**source, Some(&secret), true, &SystemEntropy).unwrap().present.unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        let again = find(&**source, Some(&secret), true, &SystemEntropy).unwrap().present.unwrap();
        assert_eq!(bytes(&again), bytes(&first));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let complaint = Failure::from(find(&**source, Some(&secret), true, &SystemEntropy).unwrap_err()).to_string();
        assert!(complaint.contains("chmod 600"), "{complaint}");
    }
    assert_eq!(fs::read_to_string(dir.path().join("root.key")).unwrap().len(), 65);
    assert_eq!(fs::read(dir.path().join("root.sealed")).unwrap().len(), 170);
}

#[test]
fn a_missing_key_beside_data_is_not_replaced() {
    let dir = tempfile::tempdir().unwrap();
    for source in sources(dir.path()) {
        let fault = find(&*source, Some(&given("a passphrase that lasts")), false, &SystemEntropy).unwrap_err();
        assert!(matches!(fault, SourceFault::Locked(_)));
        assert!(Failure::from(fault).to_string().contains("is missing"));
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn what_is_not_a_key_is_refused_without_showing_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("root.key");
    let source = FileSource::new(&path);
    for wrong in ["", "00", &"0".repeat(63), &"0".repeat(65), &"0".repeat(66), &format!("{}zz", "c0ffee".repeat(11))] {
        write_private(&path, wrong.as_bytes()).unwrap();
        let complaint = Failure::from(find(&source, None, true, &SystemEntropy).unwrap_err()).to_string();
        assert!(complaint.contains("64 hexadecimal digits"), "{complaint}");
        assert!(!complaint.contains("c0ffee"));
    }
    write_private(&path, format!("{}\n", "0A".repeat(32)).as_bytes()).unwrap();
    assert!(find(&source, None, false, &SystemEntropy).is_ok());
}

#[test]
fn a_sealed_key_opens_under_its_passphrase_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("root.sealed");
    let source = PassphraseSource::new(&path, CHEAP);
    source.write(Which::Present, &key(7), Some(&given("a passphrase that lasts"))).unwrap();
    let read = |secret: Option<&GivenPassphrase>| source.read(Which::Present, secret);
    assert_eq!(bytes(&read(Some(&given("a passphrase that lasts\n"))).unwrap().unwrap()), [7; 32]);
    for wrong in [None, Some(given("another passphrase")), Some(given("short"))] {
        assert!(matches!(read(wrong.as_ref()), Err(SourceFault::Locked(_))));
    }
    let good = fs::read(&path).unwrap();
    assert!(!good.windows(32).any(|window| window == [7; 32]));
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        write_private(&path, &bad).unwrap();
        let fault = read(Some(&given("a passphrase that lasts"))).err().unwrap();
        assert!(matches!(fault, SourceFault::Broken(_)), "byte {at}: damage is not taken for a wrong passphrase");
    }
    for end in [0, 1, 169] {
        write_private(&path, &good[..end]).unwrap();
        assert!(matches!(read(Some(&given("a passphrase that lasts"))), Err(SourceFault::Broken(_))));
    }
    assert!(source.write(Which::Present, &key(7), None).is_err(), "no passphrase, no seal");
}

#[tokio::test]
async fn a_start_takes_the_key_that_fits_and_drops_the_other() {
    for (present, staged, expected) in
        [(1, None, Some(1)), (1, Some(2), Some(1)), (2, Some(1), Some(1)), (2, None, None), (2, Some(3), None)]
    {
        let dir = tempfile::tempdir().unwrap();
        for source in sources(dir.path()) {
            let store = store_of(1).await;
            let secret = given("a passphrase that lasts");
            source.write(Which::Present, &key(present), Some(&secret)).unwrap();
            if let Some(staged) = staged {
                source.write(Which::Staged, &key(staged), Some(&secret)).unwrap();
            }
            let found = find(&*source, Some(&secret), false, &SystemEntropy).unwrap();
            let chosen = found.choose(&source, &store).await;
            let case = format!("{} {present} {staged:?}", source.name());
            match expected {
                Some(byte) => {
                    assert_eq!(bytes(&chosen.unwrap()), [byte; 32], "{case}");
                    assert_eq!(
                        bytes(&source.read(Which::Present, Some(&secret)).unwrap().unwrap()),
                        [byte; 32],
                        "{case}"
                    );
                    assert!(source.read(Which::Staged, Some(&secret)).unwrap().is_none(), "{case}");
                }
                None => {
                    assert!(chosen.err().unwrap().to_string().contains("does not match"), "{case}");
                    assert_eq!(
                        source.read(Which::Staged, Some(&secret)).unwrap().is_some(),
                        staged.is_some(),
                        "{case}"
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn a_passphrase_that_changed_with_the_key_is_asked_for_as_the_store_has_it() {
    let (before, after) = (given("the passphrase before"), given("the passphrase after"));
    for (fits, secret, starts) in [(1, &before, true), (1, &after, false), (2, &before, false), (2, &after, true)] {
        let dir = tempfile::tempdir().unwrap();
        let [_, source] = sources(dir.path());
        source.write(Which::Present, &key(1), Some(&before)).unwrap();
        source.write(Which::Staged, &key(2), Some(&after)).unwrap();
        let store = store_of(fits).await;
        let chosen = match find(&*source, Some(secret), false, &SystemEntropy) {
            Ok(found) => found.choose(&source, &store).await.ok(),
            Err(_) => None,
        };
        assert_eq!(chosen.map(|key| bytes(&key)), starts.then(|| vec![fits; 32]), "{fits} {starts}");
    }
}
