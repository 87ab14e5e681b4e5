//! Groups. Key of the row: the group's uid. Members are in their own rows.

use super::{account_id, name, open_v1, path, read_attachments, time, write_attachments};
use crate::entity::Group;
use model::GroupUid;
use model::codec::{DecodeError, Writer};

pub(crate) fn encode_group(group: &Group) -> Vec<u8> {
    let mut w = Writer::new(1);
    w.str(group.account.as_str()).str(group.name.as_str()).str(group.path.as_str()).str(&group.description);
    w.u64(group.created.as_millis());
    write_attachments(&mut w, &group.attachments);
    w.finish()
}

pub(crate) fn decode_group(uid: GroupUid, bytes: &[u8]) -> Result<Group, DecodeError> {
    let mut r = open_v1(bytes)?;
    let group = Group {
        uid,
        account: account_id(&mut r)?,
        name: name(&mut r)?,
        path: path(&mut r)?,
        description: r.str()?.to_owned(),
        created: time(&mut r)?,
        attachments: read_attachments(&mut r)?,
    };
    r.finish()?;
    Ok(group)
}
