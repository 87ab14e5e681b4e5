//! Managed policies on users, groups and roles: attaching, detaching, listing.

use super::call::{Call, Done};
use super::entity::Kind;
use super::page::Page;
use crate::xml::XmlWriter;

pub(super) async fn attach(call: &Call<'_>, _out: &mut XmlWriter, kind: Kind) -> Done {
    let (to, policy) = (kind.entity(call)?, call.policy("PolicyArn")?);
    Ok(call.directory.attach_policy(call.rq(), to, policy).await?)
}

pub(super) async fn detach(call: &Call<'_>, _out: &mut XmlWriter, kind: Kind) -> Done {
    let (from, policy) = (kind.entity(call)?, call.policy("PolicyArn")?);
    Ok(call.directory.detach_policy(call.rq(), from, policy).await?)
}

pub(super) async fn list(call: &Call<'_>, out: &mut XmlWriter, kind: Kind) -> Done {
    let prefix = call.path_prefix()?;
    let mut policies = call.directory.attached_policies(call.rq(), kind.entity(call)?).await?;
    policies.retain(|policy| policy.path.as_str().starts_with(prefix));
    let page = Page::cut(call.form, policies, |policy| call.directory.policy_arn(policy))?;
    out.open("AttachedPolicies");
    for policy in &page.items {
        out.open("member");
        out.value("PolicyName", &policy.name);
        out.leaf("PolicyArn", &call.directory.policy_arn(policy));
        out.close();
    }
    out.close();
    page.write_end(out);
    Ok(())
}
