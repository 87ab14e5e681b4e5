//! Opening the directory: first start, restart, given credentials, damage.

#![expect(clippy::unwrap_used, reason = "helpers of tests report by panicking")]

use model::AccessKeyId;
use std::sync::Arc;
use store::engine::memory::MemoryStore;
use store::{MetaStore, Table, Transaction};
use strongroom_iam::{Directory, GivenRoot, IamError, SecretSealer};
use testkit::{SeededEntropy, TestClock};
use zeroize::Zeroizing;

/// Stands in for the KMS, which the real server seals with: masks and authenticates with a toy checksum. Good enough to
/// notice a wrong id or a changed byte, and not to keep anything secret.
struct ToySealer(u8);

impl ToySealer {
    fn mask(&self, id: &[u8; 16], bytes: &[u8]) -> Vec<u8> {
        bytes.iter().enumerate().map(|(i, b)| b ^ id[i % 16] ^ self.0).collect()
    }

    fn sum(bytes: &[u8]) -> [u8; 4] {
        bytes.iter().fold(7u32, |sum, b| sum.rotate_left(5) ^ u32::from(*b).wrapping_mul(0x9e37_79b1)).to_be_bytes()
    }
}

impl SecretSealer for ToySealer {
    fn seal(&self, id: &[u8; 16], plain: &[u8]) -> Vec<u8> {
        self.mask(id, &[plain, &Self::sum(plain)].concat())
    }

    fn open(&self, id: &[u8; 16], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let plain = self.mask(id, sealed);
        let (text, sum) = plain.split_at_checked(plain.len().checked_sub(4)?)?;
        (Self::sum(text) == sum).then(|| Zeroizing::new(text.to_vec()))
    }
}

struct Setup {
    store: Arc<dyn MetaStore>,
    entropy: SeededEntropy,
    clock: TestClock,
}

impl Setup {
    fn new() -> Self {
        Self { store: MemoryStore::shared(), entropy: SeededEntropy::new(11), clock: TestClock::default() }
    }

    async fn open(&self, given: Option<(&str, &str)>) -> Result<Directory, IamError> {
        let given = given.map(|(id, secret)| GivenRoot::parse(id, secret).unwrap());
        Directory::open(Arc::clone(&self.store), &ToySealer(0x5a), given, &self.clock, &self.entropy).await
    }

    fn rows(&self, table: Table) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut rows = Vec::new();
        let snapshot = self.store.snapshot();
        snapshot
            .scan(table, b"", None, &mut |key, value| {
                rows.push((key.to_vec(), value.to_vec()));
                true
            })
            .unwrap();
        rows
    }

    async fn put(&self, table: Table, key: &[u8], value: &[u8]) {
        let mut tx = Transaction::new();
        tx.put(table, key.to_vec(), value.to_vec());
        self.store.commit(tx).await.unwrap();
    }
}

fn id(text: &str) -> AccessKeyId {
    AccessKeyId::parse(text).unwrap()
}

#[tokio::test]
async fn the_first_start_generates_credentials_and_the_second_keeps_them() {
    let setup = Setup::new();
    let first = setup.open(None).await.unwrap();
    let shown = first.first_start.as_ref().expect("the first start shows what it made");
    let secret = shown.secret.as_ref().unwrap().expose().to_owned();
    assert_eq!((shown.id.as_str().len(), secret.len()), (20, 40));
    assert!(shown.id.as_str().starts_with("SRAK"));

    let again = setup.open(None).await.unwrap();
    assert!(again.first_start.is_none(), "a secret is shown once");
    let key = again.find(&shown.id).unwrap();
    assert_eq!(key.secret.expose(), secret);
    let caller = key.principal.caller().unwrap();
    let (account, number) = (&caller.account, &caller.number);
    assert_eq!((account, number), (&shown.account, &shown.number));
    assert_eq!(again.root(), &key.principal);
    assert!(again.find(&id("SRAKUNKNOWN")).is_none());
}

#[tokio::test]
async fn given_credentials_are_the_only_ones_from_then_on() {
    let setup = Setup::new();
    let generated = setup.open(None).await.unwrap().first_start.unwrap().id;

    let given = setup.open(Some(("operator", "correct horse".replace(' ', "-").as_str()))).await.unwrap();
    assert!(given.first_start.is_none());
    assert_eq!(given.find(&id("operator")).unwrap().secret.expose(), "correct-horse");
    assert!(given.find(&generated).is_none(), "the former access key stops working");

    let unchanged = setup.rows(Table::AccessKeys);
    setup.open(Some(("operator", "correct-horse"))).await.unwrap();
    assert_eq!(setup.rows(Table::AccessKeys), unchanged, "given the stored pair, nothing is written");

    let rotated = setup.open(Some(("operator", "another-secret"))).await.unwrap();
    assert_eq!(rotated.find(&id("operator")).unwrap().secret.expose(), "another-secret");
    let kept = setup.open(None).await.unwrap();
    assert_eq!(kept.find(&id("operator")).unwrap().secret.expose(), "another-secret");
    assert_eq!(kept.access_keys().count(), 1);
}

#[tokio::test]
async fn given_credentials_at_the_first_start_are_not_shown() {
    let setup = Setup::new();
    let directory = setup.open(Some(("operator", "correct-horse"))).await.unwrap();
    let shown = directory.first_start.as_ref().unwrap();
    assert_eq!(shown.id, id("operator"));
    assert!(shown.secret.is_none());
    assert_eq!(setup.rows(Table::AccessKeys).len(), 1);
}

#[tokio::test]
async fn two_first_starts_at_once_make_one_account() {
    let setup = Setup::new();
    let (a, b) = tokio::join!(setup.open(None), setup.open(None));
    let (a, b) = (a.unwrap(), b.unwrap());
    assert_eq!(a.root(), b.root());
    assert_eq!([&a, &b].iter().filter(|d| d.first_start.is_some()).count(), 1);
    assert_eq!((setup.rows(Table::Accounts).len(), setup.rows(Table::AccessKeys).len()), (1, 1));
}

#[tokio::test]
async fn a_secret_opens_in_its_own_row_only() {
    let setup = Setup::new();
    setup.open(Some(("operator", "correct-horse"))).await.unwrap();
    let (_, record) = setup.rows(Table::AccessKeys).pop().unwrap();
    setup.put(Table::AccessKeys, b"intruder", &record).await;
    let error = setup.open(None).await.unwrap_err();
    assert!(matches!(&error, IamError::Damaged(what) if what.contains("intruder")), "{error}");
}

#[tokio::test]
async fn every_changed_byte_and_every_truncation_is_refused() {
    let setup = Setup::new();
    setup.open(Some(("operator", "correct-horse"))).await.unwrap();
    let (key, good) = setup.rows(Table::AccessKeys).pop().unwrap();
    // Bytes 2 to 9 are the creation time, which says nothing about the secret.
    for at in (0..good.len()).filter(|at| !(2..10).contains(at)) {
        let mut bad = good.clone();
        bad[at] ^= 0x01;
        setup.put(Table::AccessKeys, &key, &bad).await;
        assert!(matches!(setup.open(None).await, Err(IamError::Damaged(_))), "byte {at}");
    }
    for len in 0..good.len() {
        setup.put(Table::AccessKeys, &key, &good[..len]).await;
        assert!(matches!(setup.open(None).await, Err(IamError::Damaged(_))), "length {len}");
    }
    setup.put(Table::AccessKeys, &key, &[&good[..], &[0]].concat()).await;
    assert!(matches!(setup.open(None).await, Err(IamError::Damaged(_))), "a byte too many");
}

#[tokio::test]
async fn another_sealing_key_opens_nothing_and_given_credentials_are_the_way_out() {
    let setup = Setup::new();
    setup.open(Some(("operator", "correct-horse"))).await.unwrap();
    let other = ToySealer(0x33);
    let open = |given| Directory::open(Arc::clone(&setup.store), &other, given, &setup.clock, &setup.entropy);
    assert!(matches!(open(None).await, Err(IamError::Damaged(_))));
    let given = GivenRoot::parse("operator", "correct-horse").unwrap();
    assert_eq!(open(Some(given)).await.unwrap().find(&id("operator")).unwrap().secret.expose(), "correct-horse");
}

#[tokio::test]
async fn no_secret_stands_in_a_row_or_a_debug_text() {
    let setup = Setup::new();
    let directory = setup.open(Some(("operator", "correct-horse"))).await.unwrap();
    for table in Table::ALL {
        for (_, value) in setup.rows(*table) {
            assert!(!value.windows(13).any(|w| w == b"correct-horse"), "{table:?}");
        }
    }
    assert!(!format!("{directory:?}").contains("horse"));
}
