//! ACLs, tags and what a request said about the object to be, as parts of records.

use crate::api::Tags;
use model::AccountId;
use model::codec::{DecodeError, Reader, Writer};
use policy::{Acl, ConditionKey, GRANTS_MAX, Grant, Grantee, Ownership, Permission, PublicAccessBlock};

pub(crate) fn encode_acl(acl: &Acl, w: &mut Writer) {
    w.u32(acl.grants.len() as u32);
    for Grant { grantee, permission, delivered } in &acl.grants {
        match grantee {
            Grantee::Account(account) => w.u8(0).str(account.as_str()),
            Grantee::AllUsers => w.u8(1),
            Grantee::AuthenticatedUsers => w.u8(2),
            Grantee::LogDelivery => w.u8(3),
        };
        w.u8(match permission {
            Permission::Read => 1,
            Permission::Write => 2,
            Permission::ReadAcp => 3,
            Permission::WriteAcp => 4,
            Permission::FullControl => 5,
        });
        w.bool(*delivered);
    }
}

pub(crate) fn decode_acl(r: &mut Reader<'_>) -> Result<Acl, DecodeError> {
    let count = r.u32()?;
    if count as usize > GRANTS_MAX {
        return Err(DecodeError("too many grants"));
    }
    let mut acl = Acl::default();
    for _ in 0..count {
        let grantee = match r.u8()? {
            0 => Grantee::Account(AccountId::parse(r.str()?).ok_or(DecodeError("account id"))?),
            1 => Grantee::AllUsers,
            2 => Grantee::AuthenticatedUsers,
            3 => Grantee::LogDelivery,
            _ => return Err(DecodeError("grantee of unknown kind")),
        };
        let permission = match r.u8()? {
            1 => Permission::Read,
            2 => Permission::Write,
            3 => Permission::ReadAcp,
            4 => Permission::WriteAcp,
            5 => Permission::FullControl,
            _ => return Err(DecodeError("unknown permission")),
        };
        acl.grants.push(Grant { grantee, permission, delivered: r.bool()? });
    }
    Ok(acl)
}

pub(crate) fn encode_tags(tags: &Tags, w: &mut Writer) {
    w.u32(tags.len() as u32);
    for (key, value) in tags {
        w.str(key).str(value);
    }
}

pub(crate) fn decode_tags(r: &mut Reader<'_>) -> Result<Tags, DecodeError> {
    let mut tags = Tags::new();
    for _ in 0..r.u32()? {
        tags.push((r.str()?.to_owned(), r.str()?.to_owned()));
    }
    Ok(tags)
}

/// What a request said about the object to be, apart from its tags: the condition keys of obs-api §8.4 about encryption,
/// ACL and storage class, as sent.
pub(crate) type Said = Vec<(ConditionKey, String)>;

/// Those condition keys and their codes in records.
const SAID: [(u8, ConditionKey); 12] = [
    (1, ConditionKey::ServerSideEncryption),
    (2, ConditionKey::SseKmsKeyId),
    (3, ConditionKey::SseBucketKey),
    (4, ConditionKey::SseDataEncryption),
    (5, ConditionKey::SseCustomerAlgorithm),
    (6, ConditionKey::Acl),
    (7, ConditionKey::GrantRead),
    (8, ConditionKey::GrantWrite),
    (9, ConditionKey::GrantReadAcp),
    (10, ConditionKey::GrantWriteAcp),
    (11, ConditionKey::GrantFullControl),
    (12, ConditionKey::StorageClass),
];

/// Whether a condition key is about the object to be: said when an upload begins, and by nothing after that.
pub(crate) fn is_said(key: &ConditionKey) -> bool {
    SAID.iter().any(|(_, said)| said == key)
}

pub(crate) fn encode_said(said: &Said, w: &mut Writer) {
    let coded = |(key, value)| SAID.iter().find(|(_, said)| said == key).map(|(code, _)| (*code, value));
    let known: Vec<(u8, &String)> = said.iter().map(|(key, value)| (key, value)).filter_map(coded).collect();
    w.u32(known.len() as u32);
    for (code, value) in known {
        w.u8(code).str(value);
    }
}

pub(crate) fn decode_said(r: &mut Reader<'_>) -> Result<Said, DecodeError> {
    let mut said = Said::new();
    for _ in 0..r.u32()? {
        let code = r.u8()?;
        let (_, key) = SAID.iter().find(|(c, _)| *c == code).ok_or(DecodeError("unknown condition key"))?;
        said.push((key.clone(), r.str()?.to_owned()));
    }
    Ok(said)
}

pub(crate) fn encode_block(block: PublicAccessBlock, w: &mut Writer) {
    let PublicAccessBlock { block_public_acls, ignore_public_acls, block_public_policy, restrict_public_buckets } =
        block;
    w.bool(block_public_acls).bool(ignore_public_acls).bool(block_public_policy).bool(restrict_public_buckets);
}

pub(crate) fn decode_block(r: &mut Reader<'_>) -> Result<PublicAccessBlock, DecodeError> {
    Ok(PublicAccessBlock {
        block_public_acls: r.bool()?,
        ignore_public_acls: r.bool()?,
        block_public_policy: r.bool()?,
        restrict_public_buckets: r.bool()?,
    })
}

pub(crate) fn encode_ownership(ownership: Ownership, w: &mut Writer) {
    w.u8(match ownership {
        Ownership::ObjectWriter => 1,
        Ownership::BucketOwnerPreferred => 2,
        Ownership::BucketOwnerEnforced => 3,
    });
}

pub(crate) fn decode_ownership(r: &mut Reader<'_>) -> Result<Ownership, DecodeError> {
    match r.u8()? {
        1 => Ok(Ownership::ObjectWriter),
        2 => Ok(Ownership::BucketOwnerPreferred),
        3 => Ok(Ownership::BucketOwnerEnforced),
        _ => Err(DecodeError("unknown ownership of objects")),
    }
}
