//! Roles.

use super::boundaries;
use super::call::{Call, Done, NAME_CHARS_MAX};
use super::page::Page;
use super::show;
use crate::xml::XmlWriter;
use iam::{NewRole, Role, RoleChange, Trust};

/// Bounds of a role's longest session in seconds (AWS), and what it is unless said.
const SESSION_SECONDS: (u32, u32) = (3600, 43_200);

pub(super) async fn create(call: &Call<'_>, out: &mut XmlWriter) -> Done {
    call.no_tags()?;
    let role = NewRole {
        name: call.new_name("RoleName", NAME_CHARS_MAX)?,
        path: call.path("Path")?,
        description: call.description()?.unwrap_or_default(),
        trust: Trust::Document(call.document("AssumeRolePolicyDocument")?.to_owned()),
        session_seconds_max: session_seconds(call)?.unwrap_or(SESSION_SECONDS.0),
        boundary: call.optional_policy("PermissionsBoundary")?,
    };
    let role = call.directory.create_role(call.rq(), role).await?;
    write_one(call, out, &role)
}

pub(super) async fn get(call: &Call<'_>, out: &mut XmlWriter) -> Done {
    let role = call.directory.get_role(call.rq(), call.named("RoleName")?).await?;
    write_one(call, out, &role)
}

pub(super) async fn list(call: &Call<'_>, out: &mut XmlWriter) -> Done {
    let prefix = call.path_prefix()?;
    let mut roles = call.directory.list_roles(call.rq()).await?;
    roles.retain(|role| role.path.as_str().starts_with(prefix));
    let page = Page::cut(call.form, roles, |role| role.name.to_string())?;
    out.open("Roles");
    for role in &page.items {
        out.open("member");
        write(call, out, role)?;
        out.close();
    }
    out.close();
    page.write_end(out);
    Ok(())
}

pub(super) async fn update(call: &Call<'_>, _out: &mut XmlWriter) -> Done {
    let change = RoleChange {
        description: call.description()?,
        session_seconds_max: session_seconds(call)?,
        ..RoleChange::default()
    };
    call.directory.update_role(call.rq(), call.named("RoleName")?, change).await?;
    Ok(())
}

pub(super) async fn update_description(call: &Call<'_>, out: &mut XmlWriter) -> Done {
    let change = RoleChange { description: Some(call.description()?.unwrap_or_default()), ..RoleChange::default() };
    let role = call.directory.update_role(call.rq(), call.named("RoleName")?, change).await?;
    write_one(call, out, &role)
}

pub(super) async fn update_trust(call: &Call<'_>, _out: &mut XmlWriter) -> Done {
    let trust = Trust::Document(call.document("PolicyDocument")?.to_owned());
    let change = RoleChange { trust: Some(trust), ..RoleChange::default() };
    call.directory.update_role(call.rq(), call.named("RoleName")?, change).await?;
    Ok(())
}

pub(super) async fn delete(call: &Call<'_>, _out: &mut XmlWriter) -> Done {
    Ok(call.directory.delete_role(call.rq(), call.named("RoleName")?, false).await?)
}

/// ListRoleTags: there are none, and only of roles that exist.
pub(super) async fn list_tags(call: &Call<'_>, out: &mut XmlWriter) -> Done {
    call.directory.get_role(call.rq(), call.named("RoleName")?).await?;
    super::account::no_tags(out);
    Ok(())
}

fn session_seconds(call: &Call<'_>) -> Result<Option<u32>, super::fault::Fault> {
    call.number("MaxSessionDuration", SESSION_SECONDS.0, SESSION_SECONDS.1)
}

fn write_one(call: &Call<'_>, out: &mut XmlWriter, role: &Role) -> Done {
    out.open("Role");
    write(call, out, role)?;
    boundaries::write(call, out, role.boundary)?;
    out.close();
    Ok(())
}

fn write(call: &Call<'_>, out: &mut XmlWriter, role: &Role) -> Done {
    out.value("Path", &role.path);
    out.value("RoleName", &role.name);
    out.leaf("RoleId", &role.aws_id());
    out.leaf("Arn", &role.arn(&call.caller()?.number));
    out.leaf("CreateDate", &show::date(role.created));
    out.leaf("AssumeRolePolicyDocument", &show::encoded(role.trust.text()));
    out.optional("Description", Some(role.description.as_str()).filter(|text| !text.is_empty()));
    out.value("MaxSessionDuration", role.session_seconds_max);
    Ok(())
}
