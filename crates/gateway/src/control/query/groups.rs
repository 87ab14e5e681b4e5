//! Groups and their members.

use super::call::{Call, Done};
use super::page::Page;
use super::show;
use super::users;
use crate::xml::XmlWriter;
use iam::Group;

/// Most characters of a group's name (AWS).
const NAME_CHARS_MAX: usize = 128;

pub(super) async fn create(call: &Call<'_>, out: &mut XmlWriter) -> Done {
    let (name, path) = (call.new_name("GroupName", NAME_CHARS_MAX)?, call.path("Path")?);
    let group = call.directory.create_group(call.rq(), name, path, String::new()).await?;
    out.open("Group");
    write(call, out, &group)?;
    out.close();
    Ok(())
}

pub(super) async fn get(call: &Call<'_>, out: &mut XmlWriter) -> Done {
    let (group, members) = call.directory.get_group(call.rq(), call.named("GroupName")?).await?;
    let page = Page::cut(call.form, members, |user| user.name.to_string())?;
    out.open("Group");
    write(call, out, &group)?;
    out.close();
    users::write_list(call, out, "Users", &page.items.iter().map(|user| &**user).collect::<Vec<_>>())?;
    page.write_end(out);
    Ok(())
}

pub(super) async fn list(call: &Call<'_>, out: &mut XmlWriter) -> Done {
    let prefix = call.path_prefix()?;
    let mut groups = call.directory.list_groups(call.rq()).await?;
    groups.retain(|group| group.path.as_str().starts_with(prefix));
    write_page(call, out, groups)
}

pub(super) async fn of_user(call: &Call<'_>, out: &mut XmlWriter) -> Done {
    let groups = call.directory.groups_of_user(call.rq(), call.named("UserName")?).await?;
    write_page(call, out, groups)
}

pub(super) async fn update(call: &Call<'_>, _out: &mut XmlWriter) -> Done {
    let name = call.optional_new_name("NewGroupName", NAME_CHARS_MAX)?;
    let path = call.optional_path("NewPath")?;
    call.directory.update_group(call.rq(), call.named("GroupName")?, name, path, None).await?;
    Ok(())
}

pub(super) async fn delete(call: &Call<'_>, _out: &mut XmlWriter) -> Done {
    Ok(call.directory.delete_group(call.rq(), call.named("GroupName")?, false).await?)
}

pub(super) async fn add_user(call: &Call<'_>, _out: &mut XmlWriter) -> Done {
    let (group, user) = (call.named("GroupName")?, call.named("UserName")?);
    Ok(call.directory.add_user_to_group(call.rq(), group, user).await?)
}

pub(super) async fn remove_user(call: &Call<'_>, _out: &mut XmlWriter) -> Done {
    let (group, user) = (call.named("GroupName")?, call.named("UserName")?);
    Ok(call.directory.remove_user_from_group(call.rq(), group, user).await?)
}

fn write_page(call: &Call<'_>, out: &mut XmlWriter, groups: Vec<std::sync::Arc<Group>>) -> Done {
    let page = Page::cut(call.form, groups, |group| group.name.to_string())?;
    out.open("Groups");
    for group in &page.items {
        out.open("member");
        write(call, out, group)?;
        out.close();
    }
    out.close();
    page.write_end(out);
    Ok(())
}

fn write(call: &Call<'_>, out: &mut XmlWriter, group: &Group) -> Done {
    out.value("Path", &group.path);
    out.value("GroupName", &group.name);
    out.leaf("GroupId", &group.aws_id());
    out.leaf("Arn", &group.arn(&call.caller()?.number));
    out.leaf("CreateDate", &show::date(group.created));
    Ok(())
}
