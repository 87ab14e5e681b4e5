//! Permission boundaries of users and roles.

use super::call::{Call, Done};
use super::entity::Kind;
use crate::xml::XmlWriter;
use iam::PolicyRef;

pub(super) async fn put(call: &Call<'_>, _out: &mut XmlWriter, kind: Kind) -> Done {
    let (of, policy) = (kind.entity(call)?, call.policy("PermissionsBoundary")?);
    Ok(call.directory.set_boundary(call.rq(), of, Some(policy)).await?)
}

pub(super) async fn delete(call: &Call<'_>, _out: &mut XmlWriter, kind: Kind) -> Done {
    Ok(call.directory.set_boundary(call.rq(), kind.entity(call)?, None).await?)
}

/// Shows an entity's boundary to whoever may see the entity.
pub(super) fn write(call: &Call<'_>, out: &mut XmlWriter, boundary: Option<PolicyRef>) -> Done {
    let Some(boundary) = boundary else { return Ok(()) };
    if let Some(arn) = call.directory.policy_arn_of(call.account()?, boundary) {
        out.open("PermissionsBoundary");
        out.leaf("PermissionsBoundaryType", "Policy");
        out.leaf("PermissionsBoundaryArn", &arn);
        out.close();
    }
    Ok(())
}
