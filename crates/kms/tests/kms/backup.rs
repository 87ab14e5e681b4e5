//! A backup gives back every key, under its passphrase alone, and shows nothing without it.

use crate::root_change::Source;
use crate::setup::{Setup, me, new_key, region, root_key};
use crypto::Wrappable;
use model::BucketUid;
use std::sync::Arc;
use store::engine::memory::MemoryStore;
use store::{MetaStore, Table};
use strongroom_kms::{BackupError, EncryptionContext, KeyBackup, KeyService, KmsError, Source as Wrapped};
use zeroize::Zeroizing;

const PASSPHRASE: &[u8] = b"correct horse battery";
async fn backup(service: &Arc<KeyService>) -> Vec<u8> {
    service.set_root_keeper(Arc::<Source>::default());
    service.back_up(Zeroizing::new(PASSPHRASE.to_vec()), "0.1.0").await.unwrap()
}

fn wrong(file: &[u8], passphrase: &[u8]) -> BackupError {
    KeyBackup::open(file, passphrase).err().unwrap()
}

#[tokio::test]
async fn an_empty_node_opens_what_the_old_one_wrapped() {
    let setup = Setup::new();
    let service = setup.open().await;
    let cmk = service.create(&me(), new_key("kept")).await.unwrap().id;
    let sealed = service.encrypt(&me(), &cmk, b"plain", &EncryptionContext::new()).await.unwrap().ciphertext;
    let bucket = BucketUid::from_bytes([3; 16]);
    let sse_obs = service.sse_obs_key(bucket).await.unwrap();
    setup.put(Table::Users, b"user", b"a row of accounts").await;
    setup.put(Table::Buckets, b"bucket", b"no part of it").await;
    setup.put(Table::System, b"something else", b"no part of it").await;
    service.audit_key().await.unwrap();
    let file = backup(&service).await;

    let restored = KeyBackup::open(&file, PASSPHRASE).unwrap();
    assert_eq!((restored.info().program.as_str(), restored.info().region.as_str()), ("0.1.0", region().as_str()));
    assert_eq!(restored.check(), Ok(2), "material and SSE-OBS key");
    assert_eq!(restored.rows()["users"], 1);
    let empty = Setup::new();
    restored.write_into(&empty.store).await.unwrap();
    assert_eq!(empty.rows(Table::Users), setup.rows(Table::Users));
    assert!(empty.rows(Table::Buckets).is_empty());
    assert_eq!(empty.rows(Table::System).len(), 1);
    assert_eq!(empty.open_with_root(root_key(1)).await.map(drop), Err(KmsError::WrongRootKey));
    let root = crypto::RootKey::from_secret(crypto::SecretBytes::fill_with(|out| {
        out.copy_from_slice(restored.root().as_secret().expose());
    }));
    let again = empty.open_with_root(root).await.unwrap();
    let context = EncryptionContext::new();
    let source = Wrapped { ciphertext: &sealed, context: &context, cmk: None };
    let opened = again.decrypt(&me(), source).await.unwrap();
    assert_eq!(opened.plaintext[..], *b"plain");
    assert_eq!(again.sse_obs_key(bucket).await.unwrap().as_secret().expose(), sse_obs.as_secret().expose());

    assert!(matches!(restored.write_into(&empty.store).await, Err(BackupError::Store(_))), "not over what is there");
}

#[tokio::test]
async fn another_passphrase_and_every_change_are_refused() {
    let setup = Setup::new();
    let service = setup.open().await;
    service.create(&me(), new_key("")).await.unwrap();
    let file = backup(&service).await;
    assert!(KeyBackup::open(&file, PASSPHRASE).is_ok());
    assert_eq!(wrong(&file, b"correct horse batterx"), BackupError::WrongPassphraseOrDamaged);
    assert!(matches!(wrong(&file, b"short"), BackupError::Passphrase(_)));
    for at in 0..file.len() {
        // The cost is left alone: it would be paid.
        if (9..21).contains(&at) {
            continue;
        }
        let mut bad = file.clone();
        bad[at] ^= 1;
        let error = wrong(&bad, PASSPHRASE);
        let in_head = at < 9;
        assert_eq!(error == BackupError::WrongPassphraseOrDamaged, !in_head, "byte {at}: {error}");
    }
    for end in (0..file.len()).step_by(7).chain([file.len() - 1]) {
        assert!(KeyBackup::open(&file[..end], PASSPHRASE).is_err(), "cut at {end}");
    }
    assert!(KeyBackup::open(&[&file[..], &[0]].concat(), PASSPHRASE).is_err(), "one byte more");
    let mut greedy = file.clone();
    greedy[9] = 0xff;
    assert!(matches!(wrong(&greedy, PASSPHRASE), BackupError::Content(_)), "a cost that nobody can pay");
}

#[tokio::test]
async fn nothing_of_the_content_is_in_clear_in_the_file() {
    let setup = Setup::new();
    let service = setup.open().await;
    service.create(&me(), new_key("a description to look for")).await.unwrap();
    let file = backup(&service).await;
    let holds = |what: &[u8]| file.windows(what.len()).any(|window| window == what);
    assert!(!holds(&[0x42; 32]), "the root key");
    assert!(!holds(b"a description to look for"));
    for table in [Table::CmkVersions, Table::Cmks, Table::System] {
        for (key, value) in setup.rows(table) {
            assert!(!holds(&key) && !holds(&value), "a row of {}", table.name());
        }
    }
    for drawn in setup.entropy.drawn().iter().filter(|drawn| drawn.len() == 32) {
        // Salts are drawn too, and stand in the file; what was drawn as a key does not open as one, so look at keys alone.
        let salt = holds(drawn);
        assert!(!salt || file[21..53] == drawn[..] || file[53..85] == drawn[..], "a secret in clear");
    }
}

#[tokio::test]
async fn rows_that_do_not_fit_the_root_key_make_no_backup() {
    let setup = Setup::new();
    let service = setup.open().await;
    service.create(&me(), new_key("")).await.unwrap();
    let (key, mut row) = setup.rows(Table::CmkVersions).remove(0);
    let middle = row.len() / 2;
    row[middle] ^= 1;
    setup.put(Table::CmkVersions, &key, &row).await;
    let made = service.back_up(Zeroizing::new(PASSPHRASE.to_vec()), "0").await;
    assert!(matches!(made, Err(BackupError::Content(_))));
    let empty: Arc<dyn MetaStore> = MemoryStore::shared();
    let info = strongroom_kms::BackupInfo {
        created: model::Timestamp::from_millis(0),
        program: String::new(),
        region: String::new(),
    };
    assert!(KeyBackup::take(&*empty.snapshot(), root_key(1), info).is_err(), "nothing to back up");
}
