//! Users.

use super::boundaries;
use super::call::{Call, Done, NAME_CHARS_MAX};
use super::fault::{Code, Fault};
use super::page::Page;
use super::show;
use crate::xml::XmlWriter;
use iam::{NewUser, User, UserChange};
use policy::Identity;

pub(super) async fn create(call: &Call<'_>, out: &mut XmlWriter) -> Done {
    call.no_tags()?;
    let user = NewUser {
        name: call.new_name("UserName", NAME_CHARS_MAX)?,
        path: call.path("Path")?,
        description: String::new(),
        boundary: call.optional_policy("PermissionsBoundary")?,
        enabled: true,
    };
    let user = call.directory.create_user(call.rq(), user).await?;
    out.open("User");
    write(call, out, &user)?;
    boundaries::write(call, out, user.boundary)?;
    out.close();
    Ok(())
}

pub(super) async fn get(call: &Call<'_>, out: &mut XmlWriter) -> Done {
    let named = call.optional_named("UserName")?;
    let caller = call.caller()?;
    if named.is_none() {
        match caller.identity {
            // The account itself is shown like a user without a name. It may see itself unless a session narrows it.
            Identity::Root if !caller.is_narrowed() => {
                root(call, out)?;
                return Ok(());
            }
            Identity::Root => return Err(Fault::denied(&caller.arn(), "iam:GetUser", &caller.arn())),
            Identity::Role { .. } => {
                let message = "Must specify userName when calling with non-User credentials";
                return Err(Fault::new(Code::ValidationError, message));
            }
            Identity::User { .. } => {}
        }
    }
    let user = call.directory.get_user(call.rq(), named).await?;
    out.open("User");
    write(call, out, &user)?;
    boundaries::write(call, out, user.boundary)?;
    out.close();
    Ok(())
}

fn root(call: &Call<'_>, out: &mut XmlWriter) -> Done {
    let caller = call.caller()?;
    let created = call.directory.account(&caller.account).map(|account| show::date(account.created));
    out.open("User");
    out.leaf("Path", "/");
    out.value("UserId", &caller.number);
    out.leaf("Arn", &caller.arn());
    out.optional("CreateDate", created.as_deref());
    out.close();
    Ok(())
}

pub(super) async fn list(call: &Call<'_>, out: &mut XmlWriter) -> Done {
    let prefix = call.path_prefix()?;
    let mut users = call.directory.list_users(call.rq()).await?;
    users.retain(|user| user.path.as_str().starts_with(prefix));
    let page = Page::cut(call.form, users, |user| user.name.to_string())?;
    write_list(call, out, "Users", &page.items.iter().map(|user| &**user).collect::<Vec<_>>())?;
    page.write_end(out);
    Ok(())
}

pub(super) async fn update(call: &Call<'_>, _out: &mut XmlWriter) -> Done {
    let change = UserChange {
        name: call.optional_new_name("NewUserName", NAME_CHARS_MAX)?,
        path: call.optional_path("NewPath")?,
        ..UserChange::default()
    };
    call.directory.update_user(call.rq(), call.named("UserName")?, change).await?;
    Ok(())
}

pub(super) async fn delete(call: &Call<'_>, _out: &mut XmlWriter) -> Done {
    Ok(call.directory.delete_user(call.rq(), call.named("UserName")?, false).await?)
}

/// ListUserTags: there are none, and only of users that exist.
pub(super) async fn list_tags(call: &Call<'_>, out: &mut XmlWriter) -> Done {
    call.directory.get_user(call.rq(), Some(call.named("UserName")?)).await?;
    super::account::no_tags(out);
    Ok(())
}

/// The users of a list.
pub(super) fn write_list(call: &Call<'_>, out: &mut XmlWriter, name: &'static str, users: &[&User]) -> Done {
    out.open(name);
    for user in users {
        out.open("member");
        write(call, out, user)?;
        out.close();
    }
    out.close();
    Ok(())
}

fn write(call: &Call<'_>, out: &mut XmlWriter, user: &User) -> Done {
    out.value("Path", &user.path);
    out.value("UserName", &user.name);
    out.leaf("UserId", &user.aws_id());
    out.leaf("Arn", &user.arn(&call.caller()?.number));
    out.leaf("CreateDate", &show::date(user.created));
    Ok(())
}
