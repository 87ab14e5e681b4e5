//! A directory over a store in memory, with toy seals, and a requester for each test.

use async_trait::async_trait;
use model::{AccessKeyId, AccountId, Clock, EntityName, EntityPath, Entropy, RegionName, Timestamp};
use policy::{Conditions, Evaluator, Principal};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use store::engine::memory::MemoryStore;
use store::{MetaStore, Table, Transaction};
use strongroom_iam::{
    Directory, GivenRoot, IamError, NewUser, Parts, PasswordHasher, Requester, SecretSealer, TokenKind, TokenSealer,
    User,
};
use testkit::{SeededEntropy, TestClock};
use zeroize::Zeroizing;

/// Stands in for the KMS, which the real server seals with: masks and authenticates with a toy checksum. Good enough to
/// notice a wrong id or a changed byte, and not to keep anything secret.
pub(crate) struct ToySealer(pub(crate) u8);

fn mask(id: &[u8], key: u8, bytes: &[u8]) -> Vec<u8> {
    bytes.iter().enumerate().map(|(i, b)| b ^ id[i % id.len()] ^ key).collect()
}

fn sum(bytes: &[u8]) -> [u8; 4] {
    bytes.iter().fold(7u32, |sum, b| sum.rotate_left(5) ^ u32::from(*b).wrapping_mul(0x9e37_79b1)).to_be_bytes()
}

impl SecretSealer for ToySealer {
    fn seal(&self, id: &[u8; 16], plain: &[u8]) -> Vec<u8> {
        mask(id, self.0, &[plain, &sum(plain)].concat())
    }

    fn open(&self, id: &[u8; 16], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let plain = mask(id, self.0, sealed);
        let (text, told) = plain.split_at_checked(plain.len().checked_sub(4)?)?;
        (sum(text) == told).then(|| Zeroizing::new(text.to_vec()))
    }
}

/// A ring of toy token keys: format, number, salt, then masked claims with a checksum over all of it.
pub(crate) struct ToyTokens {
    ring: Mutex<BTreeMap<u32, u8>>,
    entropy: SeededEntropy,
}

impl Default for ToyTokens {
    fn default() -> Self {
        Self { ring: Mutex::new(BTreeMap::from([(1, 0x11)])), entropy: SeededEntropy::new(77) }
    }
}

impl ToyTokens {
    /// Forgets all keys but the newest.
    pub(crate) fn prune(&self) {
        let mut ring = self.ring.lock().unwrap();
        let newest = *ring.last_key_value().unwrap().0;
        ring.retain(|number, _| *number == newest);
    }
}

#[async_trait]
impl TokenSealer for ToyTokens {
    fn seal(&self, kind: TokenKind, claims: &[u8]) -> Vec<u8> {
        let ring = self.ring.lock().unwrap();
        let (number, key) = ring.last_key_value().unwrap();
        let mut head = [1; 37];
        head[1..5].copy_from_slice(&number.to_be_bytes());
        self.entropy.fill(&mut head[5..]);
        let told = sum(&[&head[..], &[kind as u8], claims].concat());
        [&head[..], &mask(&head[5..], *key, &[claims, &told].concat())].concat()
    }

    fn open(&self, kind: TokenKind, token: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (head, sealed) = token.split_at_checked(37)?;
        let number = u32::from_be_bytes(head[1..5].try_into().unwrap());
        let key = *self.ring.lock().unwrap().get(&number)?;
        let plain = mask(&head[5..], key, sealed);
        let (claims, told) = plain.split_at_checked(plain.len().checked_sub(4)?)?;
        (head[0] == 1 && sum(&[head, &[kind as u8], claims].concat()) == told).then(|| Zeroizing::new(claims.to_vec()))
    }

    async fn rotate(&self) -> Result<(), String> {
        let mut ring = self.ring.lock().unwrap();
        let newest = *ring.last_key_value().unwrap().0;
        ring.insert(newest + 1, 0x20 + newest as u8);
        Ok(())
    }
}

/// Hashes nothing well, and counts.
#[derive(Default)]
pub(crate) struct ToyHasher {
    pub(crate) computed: Mutex<u32>,
}

impl PasswordHasher for ToyHasher {
    fn hash(&self, password: &str) -> Option<Vec<u8>> {
        Some([b"toy", &sum(password.as_bytes())[..]].concat())
    }

    fn verify(&self, password: &str, hash: &[u8]) -> bool {
        *self.computed.lock().unwrap() += 1;
        self.hash(password).unwrap() == hash
    }
}

pub(crate) struct Setup {
    pub(crate) store: Arc<dyn MetaStore>,
    pub(crate) entropy: Arc<SeededEntropy>,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) tokens: Arc<ToyTokens>,
    pub(crate) hasher: Arc<ToyHasher>,
    pub(crate) conditions: Conditions,
}

pub(crate) const ROOT_KEY: &str = "operator";
pub(crate) const ROOT_SECRET: &str = "correct-horse";

impl Setup {
    pub(crate) fn new() -> Self {
        Self::over(MemoryStore::shared())
    }

    pub(crate) fn over(store: Arc<dyn MetaStore>) -> Self {
        Self {
            store,
            entropy: Arc::new(SeededEntropy::new(11)),
            clock: Arc::default(),
            tokens: Arc::default(),
            hasher: Arc::default(),
            conditions: Conditions::default(),
        }
    }

    pub(crate) async fn open_with(&self, seal: u8, given: Option<(&str, &str)>) -> Result<Directory, IamError> {
        let parts = Parts {
            store: Arc::clone(&self.store),
            sealer: Arc::new(ToySealer(seal)),
            tokens: Arc::<ToyTokens>::clone(&self.tokens),
            passwords: Arc::<ToyHasher>::clone(&self.hasher),
            authorizer: Arc::new(Evaluator),
            clock: Arc::<TestClock>::clone(&self.clock),
            entropy: Arc::<SeededEntropy>::clone(&self.entropy),
            region: RegionName::parse("local-1").unwrap(),
        };
        Directory::open(parts, given.map(|(id, secret)| GivenRoot::parse(id, secret).unwrap())).await
    }

    pub(crate) async fn open(&self, given: Option<(&str, &str)>) -> Result<Directory, IamError> {
        self.open_with(0x5a, given).await
    }

    pub(crate) async fn directory(&self) -> Directory {
        self.open(Some((ROOT_KEY, ROOT_SECRET))).await.unwrap()
    }

    pub(crate) fn rq<'a>(&'a self, principal: &'a Principal) -> Requester<'a> {
        Requester { principal, conditions: &self.conditions }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn rows(&self, table: Table) -> Vec<(Vec<u8>, Vec<u8>)> {
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

    pub(crate) async fn put(&self, table: Table, key: &[u8], value: &[u8]) {
        let mut tx = Transaction::new();
        tx.put(table, key.to_vec(), value.to_vec());
        self.store.commit(tx).await.unwrap();
    }

    /// A user with this identity policy and an access key; as whom it asks.
    pub(crate) async fn user(
        &self,
        directory: &Directory,
        called: &str,
        policy: Option<&str>,
    ) -> (Arc<User>, Principal) {
        let root = directory.root();
        let user = directory.create_user(self.rq(&root), new_user(called)).await.unwrap();
        if let Some(policy) = policy {
            let to = strongroom_iam::Entity::User(by(called));
            directory.put_inline_policy(self.rq(&root), to, name("own"), policy).await.unwrap();
        }
        let key = format!("key-of-{called}");
        let given = (id(&key), strongroom_iam::SecretAccessKey::parse("user-secret-1234").unwrap());
        directory.create_access_key(self.rq(&root), Some(by(called)), String::new(), Some(given)).await.unwrap();
        (user, self.signed(directory, &key))
    }

    /// Whom an access key belongs to now.
    pub(crate) fn signed(&self, directory: &Directory, key: &str) -> Principal {
        directory.credential(&id(key), None, self.now()).unwrap().principal
    }

    /// Another account, and its root identity.
    pub(crate) async fn account(&self, directory: &Directory, called: &str) -> (AccountId, Principal) {
        let key = format!("root-of-{called}");
        let given = (id(&key), strongroom_iam::SecretAccessKey::parse("root-secret-1234").unwrap());
        let made = directory.create_account(self.rq(&directory.root()), name(called), None, Some(given)).await.unwrap();
        (made.account.id.clone(), self.signed(directory, &key))
    }
}

pub(crate) fn id(text: &str) -> AccessKeyId {
    AccessKeyId::parse(text).unwrap()
}

pub(crate) fn name(text: &str) -> EntityName {
    EntityName::parse(text).unwrap()
}

pub(crate) fn by<U>(text: &str) -> strongroom_iam::Named<U> {
    strongroom_iam::Named::Name(name(text))
}

pub(crate) fn new_user(called: &str) -> NewUser {
    NewUser {
        name: name(called),
        path: EntityPath::default(),
        description: String::new(),
        boundary: None,
        enabled: true,
    }
}

pub(crate) fn allow(action: &str, resource: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"{action}","Resource":"{resource}"}}]}}"#
    )
}

pub(crate) fn denied<T: std::fmt::Debug>(result: Result<T, IamError>) -> bool {
    matches!(result, Err(IamError::AccessDenied { .. }))
}

pub(crate) fn absent<T: std::fmt::Debug>(result: Result<T, IamError>) -> bool {
    matches!(result, Err(IamError::NoSuchEntity(..)))
}
