//! The stored records of the KMS and their keys, byte by byte as docs/formats/kms-records.md draws them. Decoding
//! refuses what it does not know: another format version, an unknown code, a byte too many.

mod alias;
mod cmk;
mod grant;
mod internal;
mod version;

pub(crate) use alias::AliasRecord;
pub use cmk::DESCRIPTION_BYTES_MAX;
pub(crate) use cmk::{CmkRecord, RotationSchedule};
pub(crate) use grant::{GRANT_NAME_BYTES_MAX, GrantId, GrantRecord};
pub(crate) use internal::{InternalKey, InternalKeyRecord};
pub(crate) use version::CmkVersionRecord;
pub use version::VersionCause;

use model::codec::{DecodeError, Reader};

/// Format version of aliases, grants and the server's own keys; the first one of CMKs and their versions.
const FORMAT_1: u8 = 1;
/// Present format version of CMKs and their versions.
const FORMAT_CMK: u8 = 2;

/// The provider's code in records of the first format, and before the server's own keys: the embedded one.
const PROVIDER_EMBEDDED: u8 = 1;

/// A record of a CMK or one of its versions: the first format is read too.
fn open_cmk(bytes: &[u8]) -> Result<(u8, Reader<'_>), DecodeError> {
    match Reader::open(bytes)? {
        (format @ (FORMAT_1 | FORMAT_CMK), r) => Ok((format, r)),
        _ => Err(DecodeError("unknown format version")),
    }
}

fn open(bytes: &[u8]) -> Result<Reader<'_>, DecodeError> {
    match Reader::open(bytes)? {
        (FORMAT_1, r) => Ok(r),
        _ => Err(DecodeError("unknown format version")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AliasName, KeyManager, KeySpec, KeyState, Origin, ProviderName};
    use model::{AccountId, AccountNumber, CmkUid, ProjectUid, RegionName, Timestamp};
    use policy::{ContextConstraint, KeyGrant};
    use proptest::prelude::*;

    fn records() -> impl Strategy<Value = CmkRecord> {
        let state = prop_oneof![
            Just(KeyState::Enabled),
            Just(KeyState::Disabled),
            any::<u64>().prop_map(|at| KeyState::PendingDeletion { delete_at: Timestamp::from_millis(at) }),
            Just(KeyState::PendingImport),
        ];
        let manager = prop_oneof![Just(KeyManager::Customer), Just(KeyManager::Service)];
        let names = ("[0-9a-f]{1,32}", "[0-9]{12}", "[a-z0-9-]{1,64}", ".{0,40}");
        let spec = prop_oneof![Just(KeySpec::Aes256), Just(KeySpec::Sm4)];
        let origin = prop_oneof![Just(Origin::Kms), Just(Origin::External)];
        let rotation = proptest::option::of((1u32..4000, any::<u64>()));
        let tags = proptest::collection::btree_map(".{1,9}", ".{0,9}", 0..4);
        let rest =
            (spec, origin, proptest::option::of(any::<[u8; 16]>()), rotation, tags, proptest::option::of(".{0,40}"));
        (1u64.., any::<u64>(), 1u32.., state, manager, names, rest).prop_map(
            |(
                revision,
                created,
                current_version,
                state,
                manager,
                (account, number, region, description),
                (spec, origin, project, rotation, tags, policy),
            )| CmkRecord {
                deletion_forced: matches!(state, KeyState::PendingDeletion { .. }) && created % 2 == 1,
                spec,
                origin,
                provider: ProviderName::embedded(),
                project: project.map(ProjectUid::from_bytes),
                rotation: rotation
                    .map(|(period_days, at)| RotationSchedule { period_days, next: Timestamp::from_millis(at) }),
                last_period_days: 0,
                tags: tags.into_iter().collect(),
                policy: policy.map(Into::into),
                revision,
                account: AccountId::parse(&account).unwrap(),
                number: AccountNumber::parse(&number).unwrap(),
                region: RegionName::parse(&region).unwrap(),
                created: Timestamp::from_millis(created),
                manager,
                state,
                current_version,
                description,
            },
        )
    }

    fn grants() -> impl Strategy<Value = GrantRecord> {
        let operations = proptest::sample::subsequence(KeyGrant::OPERATIONS, 1..=KeyGrant::OPERATIONS.len());
        let pairs = proptest::collection::btree_map(".{1,9}", ".{0,9}", 0..4);
        let constraint = proptest::option::of((any::<bool>(), pairs));
        let texts = (".{0,20}", ".{0,20}", ".{1,20}", proptest::option::of(".{1,20}"), "[a-z]{0,9}");
        (any::<u64>(), any::<[u8; 32]>(), operations, constraint, texts).prop_map(
            |(created, token, operations, constraint, (issuer, issuer_urn, grantee, retiring, name))| GrantRecord {
                created: Timestamp::from_millis(created),
                issuer,
                issuer_urn,
                grantee,
                retiring,
                operations: GrantRecord::in_order(&operations).unwrap(),
                constraint: constraint.map(|(exact, pairs)| match exact {
                    true => ContextConstraint::Equals(pairs),
                    false => ContextConstraint::Subset(pairs),
                }),
                name,
                token,
            },
        )
    }

    #[test]
    fn every_operation_of_a_grant_has_a_code() {
        let all = GrantRecord::in_order(KeyGrant::OPERATIONS).unwrap();
        assert_eq!(all.len(), KeyGrant::OPERATIONS.len());
        assert_eq!(GrantRecord::in_order(&[policy::Action::KmsPutKeyPolicy]), None);
    }

    proptest! {
        #[test]
        fn a_grant_record_comes_back_as_it_was(record in grants(), uid in any::<[u8; 16]>(), id in any::<[u8; 32]>()) {
            prop_assert_eq!(GrantRecord::decode(&record.encode()), Ok(record));
            let (uid, id) = (CmkUid::from_bytes(uid), GrantId(id));
            prop_assert_eq!(GrantRecord::parts_of_key(&GrantRecord::key(uid, id)), Ok((uid, id)));
            prop_assert_eq!(GrantId::parse(&id.to_hex()), Some(id));
        }

        #[test]
        fn a_cmk_record_comes_back_as_it_was(record in records()) {
            prop_assert_eq!(CmkRecord::decode(&record.encode()), Ok(record));
        }

        #[test]
        fn whatever_is_read_was_written_so(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            // Bytes at random: mostly refused; where one is read, it is the record's only form.
            // What was written in the first format is written anew in the present one.
            if let Ok(record) = CmkRecord::decode(&bytes) {
                prop_assert!(bytes[0] == FORMAT_1 || record.encode() == bytes);
                prop_assert_eq!(CmkRecord::decode(&record.encode()), Ok(record));
            }
            if let Ok(record) = CmkVersionRecord::decode(&bytes) {
                prop_assert!(bytes[0] == FORMAT_1 || record.encode() == bytes);
                prop_assert_eq!(CmkVersionRecord::decode(&record.encode()), Ok(record));
            }
            if let Ok(record) = AliasRecord::decode(&bytes) {
                prop_assert_eq!(record.encode(), bytes.clone());
            }
            if let Ok(record) = GrantRecord::decode(&bytes) {
                prop_assert_eq!(record.encode(), bytes.clone());
            }
            if let Ok(record) = InternalKeyRecord::decode(&bytes) {
                prop_assert_eq!(record.encode(), bytes.clone());
            }
        }

        #[test]
        fn keys_of_alias_rows_come_apart_as_they_were_joined(
            account in "[0-9a-f]{1,32}",
            name in "[a-zA-Z0-9:/_-]{1,250}",
        ) {
            let (account, name) = (AccountId::parse(&account).unwrap(), AliasName::parse(&name).unwrap());
            prop_assert_eq!(AliasRecord::parts_of_key(&AliasRecord::key(&account, &name)), Ok((account, name)));
        }
    }
}
