//! Projects. Key of the row: the project's uid.

use super::{account_id, open_v1, time};
use crate::entity::Project;
use model::ProjectUid;
use model::codec::{DecodeError, Writer};

pub(crate) fn encode_project(project: &Project) -> Vec<u8> {
    let mut w = Writer::new(1);
    w.str(project.account.as_str()).str(&project.name).str(&project.description);
    w.u64(project.created.as_millis()).bool(project.enabled);
    w.finish()
}

pub(crate) fn decode_project(uid: ProjectUid, bytes: &[u8]) -> Result<Project, DecodeError> {
    let mut r = open_v1(bytes)?;
    let project = Project {
        uid,
        account: account_id(&mut r)?,
        name: r.str()?.to_owned(),
        description: r.str()?.to_owned(),
        created: time(&mut r)?,
        enabled: r.bool()?,
    };
    r.finish()?;
    Ok(project)
}
