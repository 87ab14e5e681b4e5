//! Who counts as one requester. A bucket key is obtained from the KMS at least once per requester, so that the right to
//! the CMK is checked and recorded for each (obs-api §4.5, kms-iam-api §3.7).

use model::Principal;
use model::codec::Writer;

/// The fingerprint of a principal together with its permissions. Pure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequesterFingerprint([u8; 32]);

impl RequesterFingerprint {
    /// SHA-256 over the label, the account, the principal and a digest of its permissions, each with its length.
    ///
    /// A root identity has all permissions of its account, so that its permission digest is a constant; the same
    /// principal with other permissions gets another fingerprint.
    pub fn of(principal: &Principal) -> Self {
        let permissions: &[u8] = match principal {
            Principal::Anonymous => b"none",
            Principal::Root { .. } => b"root",
        };
        let mut w = Writer::bare();
        w.str("strongroom/v1/requester")
            .str(principal.account().map_or("", |a| a.as_str()))
            .str(&principal.urn())
            .bytes(permissions);
        Self(crypto::sha256(w.as_bytes()))
    }

    /// The bytes, as a bucket key's record keeps them.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{AccountId, AccountNumber};

    #[test]
    fn different_requesters_differ_and_one_requester_is_stable() {
        let root = |id: &str| Principal::Root {
            account: AccountId::parse(id).unwrap(),
            number: AccountNumber::parse("000000000001").unwrap(),
        };
        let of = RequesterFingerprint::of;
        assert_eq!(of(&root("aa")), of(&root("aa")));
        assert_ne!(of(&root("aa")), of(&root("ab")));
        assert_ne!(of(&root("aa")), of(&Principal::Anonymous));
    }
}
