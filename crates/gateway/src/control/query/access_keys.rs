//! Access keys. Without `UserName` an operation is about the caller's own: a user's, or those of the account's root
//! identity.

use super::call::{Call, Done};
use super::fault::{Code, Fault};
use super::page::Page;
use super::show;
use crate::xml::XmlWriter;
use iam::{AccessKeyInfo, IamError, KeyOwner};
use model::{AccessKeyId, EntityName};
use policy::Identity;

/// The id of a key that nobody has: it begins like those of sessions, and long-term keys begin otherwise.
const NOBODYS: &str = "SRTK-nobody";

pub(super) async fn create(call: &Call<'_>, out: &mut XmlWriter) -> Done {
    let user = call.optional_named("UserName")?;
    own_if_unnamed(call)?;
    let made = call.directory.create_access_key(call.rq(), user, String::new(), None).await?;
    out.open("AccessKey");
    write(out, user_name(call), &made.info);
    // The only moment the secret is told.
    out.leaf("SecretAccessKey", made.secret.expose());
    out.close();
    Ok(())
}

pub(super) async fn list(call: &Call<'_>, out: &mut XmlWriter) -> Done {
    let user = call.optional_named("UserName")?;
    own_if_unnamed(call)?;
    let keys = call.directory.list_access_keys(call.rq(), user).await?;
    // In order of their making, so that a fresh one comes last.
    let page = Page::cut(call.form, keys, |key| format!("{:020} {}", key.created.as_millis(), key.id))?;
    out.open("AccessKeyMetadata");
    for key in &page.items {
        out.open("member");
        write(out, user_name(call), key);
        out.close();
    }
    out.close();
    page.write_end(out);
    Ok(())
}

pub(super) async fn update(call: &Call<'_>, _out: &mut XmlWriter) -> Done {
    let active = match call.required("Status")? {
        "Active" => true,
        "Inactive" => false,
        _ => return Err(Fault::constraint("", "Status", "Member must satisfy enum value set: [Active, Inactive]")),
    };
    let id = of_that_user(call)?;
    call.directory.update_access_key(call.rq(), &id, Some(active), None).await.map_err(|error| absent(call, error))?;
    Ok(())
}

pub(super) async fn delete(call: &Call<'_>, _out: &mut XmlWriter) -> Done {
    let id = of_that_user(call)?;
    call.directory.delete_access_key(call.rq(), &id).await.map_err(|error| absent(call, error))
}

pub(super) async fn last_used(call: &Call<'_>, out: &mut XmlWriter) -> Done {
    let (info, owner) = call.directory.access_key_last_used(call.rq(), &call.access_key()?).await?;
    let name = match owner {
        KeyOwner::Root => None,
        KeyOwner::User(uid) => call.directory.user_name(call.account()?, uid).map(|name| name.to_string()),
    };
    out.optional("UserName", name.as_deref());
    out.open("AccessKeyLastUsed");
    match &info.last_used {
        Some(used) => {
            out.leaf("LastUsedDate", &show::date(used.at));
            out.leaf("ServiceName", &used.service);
        }
        None => out.leaf("ServiceName", "N/A"),
    }
    out.leaf("Region", "N/A");
    out.close();
    Ok(())
}

/// The key of the request, if it is the named user's or, without a name, the caller's own. Another user's key is asked
/// for under an id that no key has: the directory then asks for rights and finds nothing, as for a key that is none.
fn of_that_user(call: &Call<'_>) -> Result<AccessKeyId, Fault> {
    let id = call.access_key()?;
    own_if_unnamed(call)?;
    let user = call.optional_name("UserName")?.or_else(|| own_name(call));
    let fits = call.directory.key_is_of(call.account()?, &id, user.as_ref());
    if fits { Ok(id) } else { AccessKeyId::parse(NOBODYS).ok_or_else(|| Fault::missing("AccessKeyId")) }
}

/// Gives a key that was not found the name it was asked for by.
fn absent(call: &Call<'_>, error: IamError) -> Fault {
    match error {
        IamError::NoSuchEntity("access key", _) => {
            let asked = call.form.get("AccessKeyId").unwrap_or_default();
            Fault::new(Code::NoSuchEntity, format!("The Access Key with id {asked} cannot be found."))
        }
        error => error.into(),
    }
}

/// A role has no access keys of its own.
fn own_if_unnamed(call: &Call<'_>) -> Done {
    let unnamed = call.form.get("UserName").is_none();
    if unnamed && matches!(call.caller()?.identity, Identity::Role { .. }) {
        let message = "Must specify userName when calling with non-User credentials";
        return Err(Fault::new(Code::ValidationError, message));
    }
    Ok(())
}

/// The user whose keys the request is about; `None` for the root identity.
fn user_name(call: &Call<'_>) -> Option<String> {
    call.form.get("UserName").map(str::to_owned).or_else(|| own_name(call).map(|name| name.to_string()))
}

fn own_name(call: &Call<'_>) -> Option<EntityName> {
    match &call.caller().ok()?.identity {
        Identity::User { name, .. } => Some(name.clone()),
        Identity::Root | Identity::Role { .. } => None,
    }
}

fn write(out: &mut XmlWriter, user: Option<String>, key: &AccessKeyInfo) {
    out.optional("UserName", user.as_deref());
    out.value("AccessKeyId", &key.id);
    out.leaf("Status", if key.active { "Active" } else { "Inactive" });
    out.leaf("CreateDate", &show::date(key.created));
}
