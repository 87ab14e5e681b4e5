//! Roles. Key of the row: the role's uid.

use super::{
    account_id, name, open_v1, path, read_attachments, read_ref, stored_policy, time, write_attachments, write_boundary,
};
use crate::entity::Role;
use model::RoleUid;
use model::codec::{DecodeError, Writer};
use policy::Grammar;

pub(crate) fn encode_role(role: &Role) -> Vec<u8> {
    let mut w = Writer::new(1);
    w.str(role.account.as_str()).str(role.name.as_str()).str(role.path.as_str()).str(&role.description);
    w.u64(role.created.as_millis()).u64(role.sessions_from.as_millis()).u32(role.session_seconds_max);
    w.str(role.trust.text());
    w.option(role.trust_account.as_ref(), |w, account| {
        w.str(account.as_str());
    });
    write_boundary(&mut w, role.boundary.as_ref());
    write_attachments(&mut w, &role.attachments);
    w.finish()
}

pub(crate) fn decode_role(uid: RoleUid, bytes: &[u8]) -> Result<Role, DecodeError> {
    let mut r = open_v1(bytes)?;
    let role = Role {
        uid,
        account: account_id(&mut r)?,
        name: name(&mut r)?,
        path: path(&mut r)?,
        description: r.str()?.to_owned(),
        created: time(&mut r)?,
        sessions_from: time(&mut r)?,
        session_seconds_max: r.u32()?,
        trust: stored_policy(r.str()?, Grammar::Trust),
        trust_account: r.option(account_id)?,
        boundary: r.option(read_ref)?,
        attachments: read_attachments(&mut r)?,
    };
    r.finish()?;
    Ok(role)
}
