//! Who counts as one requester. A bucket key is obtained from the KMS at least once per requester, so that the right to
//! the CMK is checked and recorded for each (obs-api §4.5, kms-iam-api §3.7).

use model::codec::Writer;
use policy::Principal;

/// The fingerprint of a principal together with its permissions. Pure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequesterFingerprint([u8; 32]);

impl RequesterFingerprint {
    /// SHA-256 over the label, the account, the principal and a digest of its permissions, each with its length.
    ///
    /// The same principal with other permissions (a policy changed, another session policy) gets another fingerprint.
    pub fn of(principal: &Principal) -> Self {
        let permissions = principal.caller().map(|caller| caller.permissions_digest(crypto::sha256));
        let mut w = Writer::bare();
        w.str("strongroom/v1/requester")
            .str(principal.account().map_or("", |a| a.as_str()))
            .str(&principal.urn())
            .bytes(permissions.as_ref().map_or(b"none", |digest| digest.as_slice()));
        Self(crypto::sha256(w.as_bytes()))
    }

    /// From a bucket key's record.
    pub(crate) const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
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
        let root = |id: &str| {
            Principal::root(AccountId::parse(id).unwrap(), AccountNumber::parse("000000000001").unwrap(), "a")
        };
        let of = RequesterFingerprint::of;
        assert_eq!(of(&root("aa")), of(&root("aa")));
        assert_ne!(of(&root("aa")), of(&root("ab")));
        assert_ne!(of(&root("aa")), of(&Principal::Anonymous));
    }
}
