//! Managed policies. Key of the row: the policy's uid.

use super::{account_id, list, name, open_v1, path, stored_policy, time};
use crate::entity::{ManagedPolicy, PolicyRef, PolicyVersion};
use model::PolicyUid;
use model::codec::{DecodeError, Writer};
use policy::Grammar;

/// A built-in policy has no row; its account is empty here and would not be read back.
pub(crate) fn encode_policy(policy: &ManagedPolicy) -> Vec<u8> {
    let account = policy.account.as_ref().map_or("", |account| account.as_str());
    let mut w = Writer::new(1);
    w.str(account).str(policy.name.as_str()).str(policy.path.as_str()).str(&policy.description);
    w.u64(policy.created.as_millis()).u64(policy.updated.as_millis()).u32(policy.default_version);
    w.u32(policy.versions.len() as u32);
    for version in &policy.versions {
        w.u32(version.number).u64(version.created.as_millis()).str(version.policy.text());
    }
    w.finish()
}

pub(crate) fn decode_policy(uid: PolicyUid, bytes: &[u8]) -> Result<ManagedPolicy, DecodeError> {
    let mut r = open_v1(bytes)?;
    let policy = ManagedPolicy {
        reference: PolicyRef::Managed(uid),
        uid,
        account: Some(account_id(&mut r)?),
        name: name(&mut r)?,
        path: path(&mut r)?,
        description: r.str()?.to_owned(),
        created: time(&mut r)?,
        updated: time(&mut r)?,
        default_version: r.u32()?,
        versions: list(&mut r, |r| {
            Ok(PolicyVersion {
                number: r.u32()?,
                created: time(r)?,
                policy: stored_policy(r.str()?, Grammar::Identity),
            })
        })?,
    };
    r.finish()?;
    if !policy.versions.is_sorted_by(|a, b| a.number < b.number) {
        return Err(DecodeError("versions of a policy are not in order"));
    }
    if !policy.versions.iter().any(|version| version.number == policy.default_version) {
        return Err(DecodeError("the default version of a policy is missing"));
    }
    Ok(policy)
}
