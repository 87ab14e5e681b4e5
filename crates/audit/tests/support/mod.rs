//! A log in a directory of its own, with a clock that the test sets.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test reports by panicking")]

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use model::Timestamp;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use strongroom_audit::{
    AuditFault, AuditLog, AuditTrail, CheckpointSigner, Event, EventKind, KeyNamed, LogConfig, OpenError, Outcome,
    PublicKey, Report, VerifyOptions, Who, verify,
};
use testkit::{SeededEntropy, TestClock, block_on};

pub(crate) struct TestSigner(Ed25519KeyPair);

impl TestSigner {
    pub(crate) fn new(seed: u8) -> Arc<Self> {
        Arc::new(Self(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()))
    }
}

impl CheckpointSigner for TestSigner {
    fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).as_ref().try_into().unwrap()
    }

    fn public_key(&self) -> [u8; 32] {
        self.0.public_key().as_ref().try_into().unwrap()
    }
}

/// The signer of most tests.
pub(crate) const SEED: u8 = 1;

pub(crate) fn key() -> PublicKey {
    PublicKey::from_bytes(TestSigner::new(SEED).public_key())
}

pub(crate) fn event(n: u64) -> Event {
    Event {
        time: Timestamp::from_millis(TestClock::START_MILLIS + n),
        request_id: format!("request-{n}"),
        kind: EventKind::KeyUse,
        operation: "Decrypt",
        via: "s3",
        who: Who {
            account: "a".repeat(32),
            principal: "user:a:1".to_owned(),
            arn: "arn:aws:iam::111111111111:user/alice".to_owned(),
            access_key: Some("AKIAEXAMPLE".to_owned()),
            permissions: Some([7; 32]),
            source_ip: "192.0.2.7".parse().ok(),
            user_agent: Some("tests".to_owned()),
            secure: true,
        },
        key: Some(KeyNamed {
            arn: "arn:aws:kms:local-1:111111111111:key/1".to_owned(),
            version: Some(1),
            provider: Some("embedded".to_owned()),
        }),
        object: None,
        context: vec![("aws:s3:arn".to_owned(), "arn:aws:s3:::bucket".to_owned())],
        outcome: Outcome::Denied,
        error: Some("AccessDenied"),
        details: Vec::new(),
    }
}

pub(crate) fn config(dir: &Path) -> LogConfig {
    // As the server asks for it, whatever the mask says; where there is none, the log makes it.
    let _ = std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o700));
    LogConfig::new(dir.to_owned())
}

pub(crate) fn try_open(config: LogConfig, clock: &Arc<TestClock>, seed: u8) -> Result<AuditLog, OpenError> {
    let clock: Arc<TestClock> = Arc::clone(clock);
    AuditLog::open(config, TestSigner::new(seed), clock, &SeededEntropy::new(seed.into()))
}

pub(crate) fn open(config: LogConfig, clock: &Arc<TestClock>) -> AuditLog {
    try_open(config, clock, SEED).unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn record(log: &AuditLog, n: u64) -> Result<(), AuditFault> {
    block_on(log.record(event(n)))
}

pub(crate) fn verified(dir: &Path) -> Report {
    verify(dir, VerifyOptions { public_key: Some(key()), expect_head: None }, &mut |_| ()).unwrap()
}

/// The log as a crash leaves it: its files as they are while it is open.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

pub(crate) fn lines(path: &Path) -> Vec<Vec<u8>> {
    std::fs::read(path).unwrap().split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}
