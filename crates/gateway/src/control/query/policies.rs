//! Managed policies, their versions, and what they are attached to.

use super::call::{Call, Done};
use super::fault::Fault;
use super::page::Page;
use super::show;
use crate::xml::XmlWriter;
use iam::{IamError, ManagedPolicy, PolicyVersion};

/// Most characters of a policy's name (AWS).
const NAME_CHARS_MAX: usize = 128;

pub(super) async fn create(call: &Call<'_>, out: &mut XmlWriter) -> Done {
    call.no_tags()?;
    let (name, path) = (call.new_name("PolicyName", NAME_CHARS_MAX)?, call.path("Path")?);
    let (description, document) = (call.description()?.unwrap_or_default(), call.document("PolicyDocument")?);
    let policy = call.directory.create_policy(call.rq(), name, path, description, document).await?;
    out.open("Policy");
    write(call, out, &policy)?;
    out.close();
    Ok(())
}

pub(super) async fn get(call: &Call<'_>, out: &mut XmlWriter) -> Done {
    let policy = call.directory.get_policy(call.rq(), call.policy("PolicyArn")?).await?;
    out.open("Policy");
    write(call, out, &policy)?;
    out.optional("Description", Some(policy.description.as_str()).filter(|text| !text.is_empty()));
    out.close();
    Ok(())
}

pub(super) async fn list(call: &Call<'_>, out: &mut XmlWriter) -> Done {
    let prefix = call.path_prefix()?;
    let only_attached = call.flag("OnlyAttached")? == Some(true);
    permissions_only(call)?;
    let (own, built_in) = match call.form.get("Scope").unwrap_or("All") {
        "All" => (true, true),
        "Local" => (true, false),
        "AWS" => (false, true),
        _ => return Err(Fault::constraint("", "Scope", "Member must satisfy enum value set: [All, AWS, Local]")),
    };
    let mut policies = call.directory.list_policies(call.rq()).await?;
    policies.retain(|policy| {
        policy.path.as_str().starts_with(prefix) && if policy.account.is_some() { own } else { built_in }
    });
    if only_attached {
        let account = call.account()?;
        policies.retain(|policy| call.directory.attachment_count(account, policy.reference) > 0);
    }
    let page = Page::cut(call.form, policies, |policy| call.directory.policy_arn(policy))?;
    out.open("Policies");
    for policy in &page.items {
        out.open("member");
        write(call, out, policy)?;
        out.close();
    }
    out.close();
    page.write_end(out);
    Ok(())
}

pub(super) async fn delete(call: &Call<'_>, _out: &mut XmlWriter) -> Done {
    Ok(call.directory.delete_policy(call.rq(), call.policy("PolicyArn")?, false).await?)
}

pub(super) async fn create_version(call: &Call<'_>, out: &mut XmlWriter) -> Done {
    let (reference, document) = (call.policy("PolicyArn")?, call.document("PolicyDocument")?);
    let default = call.flag("SetAsDefault")? == Some(true);
    let policy = call.directory.create_policy_version(call.rq(), reference, document, default).await?;
    // The fresh one is the last: numbers only grow.
    if let Some(version) = policy.versions.last() {
        out.open("PolicyVersion");
        write_version(out, &policy, version, false);
        out.close();
    }
    Ok(())
}

pub(super) async fn get_version(call: &Call<'_>, out: &mut XmlWriter) -> Done {
    let (reference, number) = (call.policy("PolicyArn")?, version_number(call)?);
    let policy = call.directory.policy_version(call.rq(), reference, number).await?;
    let Some(version) = policy.versions.iter().find(|version| version.number == number) else {
        return Err(IamError::NoSuchEntity("policy version", format!("v{number}")).into());
    };
    out.open("PolicyVersion");
    write_version(out, &policy, version, true);
    out.close();
    Ok(())
}

pub(super) async fn list_versions(call: &Call<'_>, out: &mut XmlWriter) -> Done {
    let policy = call.directory.policy_versions(call.rq(), call.policy("PolicyArn")?).await?;
    // The newest first.
    let versions: Vec<&PolicyVersion> = policy.versions.iter().collect();
    let page = Page::cut(call.form, versions, |version| format!("{:010}", u32::MAX - version.number))?;
    out.open("Versions");
    for version in &page.items {
        out.open("member");
        write_version(out, &policy, version, false);
        out.close();
    }
    out.close();
    page.write_end(out);
    Ok(())
}

pub(super) async fn delete_version(call: &Call<'_>, _out: &mut XmlWriter) -> Done {
    let (policy, number) = (call.policy("PolicyArn")?, version_number(call)?);
    Ok(call.directory.delete_policy_version(call.rq(), policy, number).await?)
}

pub(super) async fn set_default_version(call: &Call<'_>, _out: &mut XmlWriter) -> Done {
    let (policy, number) = (call.policy("PolicyArn")?, version_number(call)?);
    Ok(call.directory.set_default_policy_version(call.rq(), policy, number).await?)
}

/// ListPolicyTags: there are none, and only of policies that exist.
pub(super) async fn list_tags(call: &Call<'_>, out: &mut XmlWriter) -> Done {
    call.directory.get_policy(call.rq(), call.policy("PolicyArn")?).await?;
    super::account::no_tags(out);
    Ok(())
}

/// ListEntitiesForPolicy.
pub(super) async fn entities(call: &Call<'_>, out: &mut XmlWriter) -> Done {
    let (reference, prefix) = (call.policy("PolicyArn")?, call.path_prefix()?);
    permissions_only(call)?;
    let wanted = call.form.get("EntityFilter");
    if !matches!(wanted, None | Some("User" | "Group" | "Role" | "LocalManagedPolicy" | "AWSManagedPolicy")) {
        return Err(Fault::constraint("", "EntityFilter", "Member must satisfy enum value set: [User, Role, Group]"));
    }
    let (users, groups, roles) = call.directory.entities_for_policy(call.rq(), reference).await?;
    let mut all: Vec<(&'static str, String, String)> = Vec::new();
    let mut add = |kind: &'static str, path: &str, name: String, id: String| {
        if path.starts_with(prefix) && wanted.is_none_or(|wanted| wanted == kind) {
            all.push((kind, name, id));
        }
    };
    for user in users {
        add("User", user.path.as_str(), user.name.to_string(), user.aws_id());
    }
    for group in groups {
        add("Group", group.path.as_str(), group.name.to_string(), group.aws_id());
    }
    for role in roles {
        add("Role", role.path.as_str(), role.name.to_string(), role.aws_id());
    }
    let page = Page::cut(call.form, all, |(kind, name, _)| format!("{kind} {name}"))?;
    for (kind, list, name_element, id_element) in [
        ("Group", "PolicyGroups", "GroupName", "GroupId"),
        ("User", "PolicyUsers", "UserName", "UserId"),
        ("Role", "PolicyRoles", "RoleName", "RoleId"),
    ] {
        out.open(list);
        for (_, name, id) in page.items.iter().filter(|item| item.0 == kind) {
            out.open("member");
            out.leaf(name_element, name);
            out.leaf(id_element, id);
            out.close();
        }
        out.close();
    }
    page.write_end(out);
    Ok(())
}

/// Lists show policies by their use as permissions; the use as boundaries is not listed.
fn permissions_only(call: &Call<'_>) -> Done {
    match call.form.get("PolicyUsageFilter") {
        None | Some("PermissionsPolicy") => Ok(()),
        Some(_) => Err(Fault::not_offered("PolicyUsageFilter other than PermissionsPolicy")),
    }
}

/// `v3` and the like.
fn version_number(call: &Call<'_>) -> Result<u32, Fault> {
    let text = call.required("VersionId")?;
    let digits = text.strip_prefix('v').filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
    digits.and_then(|digits| digits.parse().ok()).ok_or_else(|| {
        Fault::constraint("", "VersionId", "Member must satisfy regular expression pattern: v[1-9][0-9]*")
    })
}

fn write(call: &Call<'_>, out: &mut XmlWriter, policy: &ManagedPolicy) -> Done {
    out.value("PolicyName", &policy.name);
    out.leaf("PolicyId", &policy.aws_id());
    out.leaf("Arn", &call.directory.policy_arn(policy));
    out.value("Path", &policy.path);
    out.leaf("DefaultVersionId", &format!("v{}", policy.default_version));
    out.value("AttachmentCount", call.directory.attachment_count(call.account()?, policy.reference));
    out.value("IsAttachable", true);
    out.leaf("CreateDate", &show::date(policy.created));
    out.leaf("UpdateDate", &show::date(policy.updated));
    Ok(())
}

fn write_version(out: &mut XmlWriter, policy: &ManagedPolicy, version: &PolicyVersion, with_document: bool) {
    if with_document {
        out.leaf("Document", &show::encoded(version.policy.text()));
    }
    out.leaf("VersionId", &format!("v{}", version.number));
    out.value("IsDefaultVersion", version.number == policy.default_version);
    out.leaf("CreateDate", &show::date(version.created));
}
