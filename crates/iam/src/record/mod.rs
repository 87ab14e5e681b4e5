//! The stored records of this room, as docs/formats/iam-records.md draws them. Decoding refuses what it does not know:
//! another format version, an unknown code, a byte too many.

mod access_key;
mod account;
mod group;
mod policy;
mod project;
mod revocation;
mod role;
mod user;

pub(crate) use access_key::AccessKeyRecord;
pub(crate) use account::{AccountEntry, FIRST_ACCOUNT_NAME};
pub(crate) use revocation::Revocation;
pub(crate) use user::{Password, UserEntry};

pub(crate) use group::{decode_group, encode_group};
pub(crate) use policy::{decode_policy, encode_policy};
pub(crate) use project::{decode_project, encode_project};
pub(crate) use role::{decode_role, encode_role};

use crate::builtin;
use crate::entity::{Attachments, PolicyRef};
use ::policy::{Grammar, Policy};
use model::codec::{DecodeError, Reader, Writer};
use model::{AccountId, EntityName, EntityPath, PolicyUid, Timestamp};
use std::sync::Arc;

const REF_MANAGED: u8 = 1;
const REF_BUILT_IN: u8 = 2;

/// Opens a record of which only format version 1 exists.
fn open_v1(bytes: &[u8]) -> Result<Reader<'_>, DecodeError> {
    match Reader::open(bytes)? {
        (1, r) => Ok(r),
        _ => Err(DecodeError("unknown format version")),
    }
}

fn account_id(r: &mut Reader<'_>) -> Result<AccountId, DecodeError> {
    AccountId::parse(r.str()?).ok_or(DecodeError("account id"))
}

fn name(r: &mut Reader<'_>) -> Result<EntityName, DecodeError> {
    EntityName::parse(r.str()?).ok_or(DecodeError("name"))
}

fn path(r: &mut Reader<'_>) -> Result<EntityPath, DecodeError> {
    EntityPath::parse(r.str()?).ok_or(DecodeError("path"))
}

pub(crate) fn time(r: &mut Reader<'_>) -> Result<Timestamp, DecodeError> {
    Ok(Timestamp::from_millis(r.u64()?))
}

/// A list: its length as `u32`, then the members. Nothing is reserved for a length that the record only claims.
pub(crate) fn list<T>(
    r: &mut Reader<'_>,
    read: impl Fn(&mut Reader<'_>) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let len = r.u32()?;
    let mut members = Vec::new();
    for _ in 0..len {
        members.push(read(r)?);
    }
    Ok(members)
}

pub(crate) fn write_ref(w: &mut Writer, reference: &PolicyRef) {
    match reference {
        PolicyRef::Managed(uid) => w.u8(REF_MANAGED).raw(uid.as_bytes()),
        PolicyRef::BuiltIn(name) => w.u8(REF_BUILT_IN).str(name),
    };
}

pub(crate) fn read_ref(r: &mut Reader<'_>) -> Result<PolicyRef, DecodeError> {
    match r.u8()? {
        REF_MANAGED => Ok(PolicyRef::Managed(PolicyUid::from_bytes(r.array()?))),
        // To go on without it might lose a Deny.
        REF_BUILT_IN => builtin::reference(r.str()?).ok_or(DecodeError("unknown built-in policy")),
        _ => Err(DecodeError("unknown kind of policy reference")),
    }
}

fn write_boundary(w: &mut Writer, boundary: Option<&PolicyRef>) {
    w.option(boundary, write_ref);
}

fn write_attachments(w: &mut Writer, attachments: &Attachments) {
    w.u32(attachments.managed.len() as u32);
    attachments.managed.iter().for_each(|reference| write_ref(w, reference));
    w.u32(attachments.inline.len() as u32);
    for (name, policy) in &attachments.inline {
        w.str(name.as_str()).str(policy.text());
    }
}

fn read_attachments(r: &mut Reader<'_>) -> Result<Attachments, DecodeError> {
    let managed = list(r, read_ref)?.into_iter().collect();
    let inline = list(r, |r| Ok((name(r)?, stored_policy(r.str()?, Grammar::Identity))))?.into_iter().collect();
    Ok(Attachments { managed, inline })
}

/// A document that was once taken and cannot be read now denies: it may hold a Deny.
fn stored_policy(text: &str, grammar: Grammar<'_>) -> Arc<Policy> {
    Arc::new(Policy::parse(text, grammar).unwrap_or_else(|error| {
        tracing::error!(%error, "a stored policy cannot be read and denies everything");
        Policy::unreadable(text)
    }))
}
