//! A signer for tests.

use crate::{CheckpointSigner, PublicKey};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};

pub(crate) struct TestSigner(Ed25519KeyPair);

impl TestSigner {
    pub(crate) fn new(seed: u8) -> Self {
        Self(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap())
    }

    pub(crate) fn public(&self) -> PublicKey {
        PublicKey::from_bytes(self.public_key())
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

/// An event that tells itself apart by a number.
pub(crate) fn event(n: u64) -> crate::Event {
    crate::Event {
        time: model::Timestamp::from_millis(1_767_225_600_000 + n),
        request_id: format!("request-{n}"),
        kind: crate::EventKind::KeyUse,
        operation: "GenerateDataKey",
        via: "s3",
        who: crate::Who {
            account: "a".repeat(32),
            principal: "user:a:1".to_owned(),
            arn: "arn:aws:iam::111111111111:user/alice".to_owned(),
            access_key: Some("AKIAEXAMPLE".to_owned()),
            permissions: None,
            source_ip: "192.0.2.7".parse().ok(),
            user_agent: Some("tests".to_owned()),
            secure: true,
        },
        key: Some(crate::KeyNamed {
            arn: "arn:aws:kms:local-1:111111111111:key/1".to_owned(),
            version: Some(1),
            provider: Some("embedded".to_owned()),
        }),
        object: None,
        context: vec![("aws:s3:arn".to_owned(), "arn:aws:s3:::bucket".to_owned())],
        outcome: crate::Outcome::Ok,
        error: None,
        details: vec![("alias", "alias/a".to_owned())],
    }
}
