//! Inline policies: PutUserPolicy, GetUserPolicy, ListUserPolicies, DeleteUserPolicy, and the same of groups and roles.

use super::call::{Call, Done};
use super::entity::Kind;
use super::page::Page;
use super::show;
use crate::xml::XmlWriter;

/// Most characters of a policy's name (AWS).
const NAME_CHARS_MAX: usize = 128;

pub(super) async fn put(call: &Call<'_>, _out: &mut XmlWriter, kind: Kind) -> Done {
    let (to, name) = (kind.entity(call)?, call.new_name("PolicyName", NAME_CHARS_MAX)?);
    Ok(call.directory.put_inline_policy(call.rq(), to, name, call.document("PolicyDocument")?).await?)
}

pub(super) async fn get(call: &Call<'_>, out: &mut XmlWriter, kind: Kind) -> Done {
    let (of, name) = (kind.entity(call)?, call.name("PolicyName")?);
    let policy = call.directory.get_inline_policy(call.rq(), of, name.clone()).await?;
    out.leaf(kind.parameter(), call.required(kind.parameter())?);
    out.value("PolicyName", &name);
    out.leaf("PolicyDocument", &show::encoded(policy.text()));
    Ok(())
}

pub(super) async fn list(call: &Call<'_>, out: &mut XmlWriter, kind: Kind) -> Done {
    let names = call.directory.list_inline_policies(call.rq(), kind.entity(call)?).await?;
    let page = Page::cut(call.form, names, ToString::to_string)?;
    out.open("PolicyNames");
    for name in &page.items {
        out.value("member", name);
    }
    out.close();
    page.write_end(out);
    Ok(())
}

pub(super) async fn delete(call: &Call<'_>, _out: &mut XmlWriter, kind: Kind) -> Done {
    let (of, name) = (kind.entity(call)?, call.name("PolicyName")?);
    Ok(call.directory.delete_inline_policy(call.rq(), of, name).await?)
}
