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
    use model::{AccountId, AccountNumber, EntityName, EntityPath, RoleUid, Timestamp, UserUid};
    use policy::{Attached, Caller, Grammar, Identity, Lineage, Permissions, Policy, Session};
    use std::sync::Arc;

    const READ: &str = "s3:GetObject";
    const WRITE: &str = "s3:PutObject";

    fn policy(source: &str, action: &str) -> Attached {
        let text = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"{action}","Resource":"*"}}]}}"#
        );
        Attached { source: source.into(), policy: Arc::new(Policy::parse(&text, Grammar::Identity).unwrap()) }
    }

    fn caller(account: &str, identity: Identity, session: Option<Session>, permissions: Permissions) -> Principal {
        let (account, number) = (AccountId::parse(account).unwrap(), AccountNumber::parse("000000000001").unwrap());
        Principal::Caller(Arc::new(Caller::new(account, number, "a".to_owned(), identity, session, permissions)))
    }

    fn user(uid: u8, permissions: Permissions) -> Principal {
        let name = EntityName::parse("ann").unwrap();
        let identity = Identity::User { uid: UserUid::from_bytes([uid; 16]), name, path: EntityPath::default() };
        caller("aa", identity, None, permissions)
    }

    fn role(session_name: &str, issued_millis: u64, session: Option<Vec<Attached>>) -> Principal {
        let identity = Identity::Role {
            uid: RoleUid::from_bytes([7; 16]),
            name: EntityName::parse("reader").unwrap(),
            path: EntityPath::default(),
            session_name: session_name.to_owned(),
        };
        let issued = Timestamp::from_millis(issued_millis);
        let lineage = Lineage { family: [issued_millis as u8; 16], ..Lineage::default() };
        let life = Session { issued, expires: issued.plus_millis(3_600_000), lineage };
        let permissions = Permissions { identity: vec![policy("role", READ)], boundary: None, session };
        caller("aa", identity, Some(life), permissions)
    }

    /// Permissions of a user with these policies.
    fn with(identity: &[Attached]) -> Permissions {
        Permissions { identity: identity.to_vec(), ..Permissions::default() }
    }

    fn of(principal: &Principal) -> RequesterFingerprint {
        RequesterFingerprint::of(principal)
    }

    #[test]
    fn other_permissions_make_another_requester() {
        let read = policy("user ann", READ);
        let narrowed = |session: Option<Vec<Attached>>| Permissions { session, ..with(std::slice::from_ref(&read)) };
        let all = [
            user(1, with(&[])),
            user(1, with(std::slice::from_ref(&read))),
            user(1, with(&[policy("user ann", WRITE)])),
            user(1, with(&[read.clone(), policy("user ann", WRITE)])),
            user(1, Permissions { boundary: Some(policy("boundary", READ)), ..with(std::slice::from_ref(&read)) }),
            user(1, Permissions { boundary: Some(policy("boundary", WRITE)), ..with(std::slice::from_ref(&read)) }),
            user(1, narrowed(Some(vec![]))),
            user(1, narrowed(Some(vec![policy("session", READ)]))),
            user(1, narrowed(Some(vec![policy("session", WRITE)]))),
        ];
        for (at, one) in all.iter().enumerate() {
            assert_eq!(of(one), of(one), "stable");
            for other in &all[at + 1..] {
                assert_ne!(of(one), of(other), "{one:?} {other:?}");
            }
        }
    }

    /// A policy by way of a group counts as the same policy attached to the user: what the two may do is the same. A group
    /// that brings another policy, or leaves with it, changes the requester.
    #[test]
    fn groups_count_by_what_they_allow() {
        let direct = user(1, with(&[policy("user ann", READ), policy("group staff", WRITE)]));
        let by_group = user(1, with(&[policy("group staff", WRITE), policy("group readers", READ)]));
        let twice = user(1, with(&[policy("user ann", READ), policy("group a", WRITE), policy("group b", READ)]));
        assert_eq!((of(&direct), of(&direct)), (of(&by_group), of(&twice)));
        assert_ne!(of(&direct), of(&user(1, with(&[policy("user ann", READ)]))));
    }

    #[test]
    fn sessions_of_one_role_are_one_requester_unless_they_are_narrowed() {
        let one = role("monday", 5, None);
        assert_eq!(of(&one), of(&role("tuesday", 6, None)));
        let narrowed = role("monday", 5, Some(vec![policy("session", READ)]));
        assert_ne!(of(&one), of(&narrowed));
        assert_eq!(of(&narrowed), of(&role("tuesday", 6, Some(vec![policy("session", READ)]))));
    }

    #[test]
    fn other_principals_are_other_requesters() {
        let root = |id: &str| {
            Principal::root(AccountId::parse(id).unwrap(), AccountNumber::parse("000000000001").unwrap(), "a")
        };
        // The same name and rights, another life of the user.
        assert_ne!(of(&user(1, with(&[policy("p", READ)]))), of(&user(2, with(&[policy("p", READ)]))));
        let all = [root("aa"), root("ab"), Principal::Anonymous, user(1, with(&[])), role("s", 1, None)];
        for (at, one) in all.iter().enumerate() {
            for other in &all[at + 1..] {
                assert_ne!(of(one), of(other));
            }
        }
        assert_eq!(of(&root("aa")), of(&root("aa")));
    }
}
