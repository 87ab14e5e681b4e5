//! Aliases: further names of keys, unique within the account.

use super::call::Call;
use super::code::Code;
use super::fault::Fault;
use super::keys::alias;
use super::page::Page;
use super::shapes::{self, alias_urn, millis};
use crate::reply::Reply;
use kms::{AliasDescription, AliasName, KmsError};
use policy::Action;
use serde_json::{Value, json};

/// Most aliases that one request deletes.
const DELETED_MAX: usize = 50;

pub(super) async fn create(call: &Call<'_>) -> Result<Reply, Fault> {
    let name = alias(call.text("alias")?)?;
    let cmk = call.managed(Action::KmsCreateAlias).await?;
    call.keys().create_alias(call.user(), name.as_str(), &cmk).await?;
    shown(call, &name)
}

pub(super) async fn associate(call: &Call<'_>) -> Result<Reply, Fault> {
    let name = alias(call.text("alias")?)?;
    let target = call.managed_called(call.text("target_key_id")?, Action::KmsUpdateAlias).await?;
    check_sight(call, &name, Action::KmsUpdateAlias).await?;
    call.keys().update_alias(call.user(), name.as_str(), &target).await?;
    shown(call, &name)
}

pub(super) async fn list(call: &Call<'_>) -> Result<Reply, Fault> {
    let page = Page::of_query(call)?;
    let of = match call.asked("key_id") {
        Some(id) => Some(call.managed_called(id, Action::KmsListAliases).await?),
        None => None,
    };
    let mut found = call.keys().list_aliases(call.user(), of.as_ref()).await?;
    found.retain(|alias| call.sees(&alias.target));
    let (found, next) = page.cut(found);
    let aliases: Vec<Value> = found.iter().map(shape).collect();
    let info = json!({
        "next_marker": next.map(|next| next.to_string()).unwrap_or_default(),
        "current_count": aliases.len(),
    });
    // A list of one: the types of SDKs have it so (kms-iam-api §1.4).
    Ok(shapes::show(&json!([{ "aliases": aliases, "page_info": info }])))
}

pub(super) async fn delete(call: &Call<'_>) -> Result<Reply, Fault> {
    let names = call.body().texts("aliases")?;
    if !(1..=DELETED_MAX).contains(&names.len()) {
        return Err(Fault::parameter("aliases", "there are 1 to 50 of them"));
    }
    let names = names.into_iter().map(alias).collect::<Result<Vec<_>, _>>()?;
    let of = match call.maybe_text("key_id")? {
        Some(id) => Some(call.managed_called(id, Action::KmsDeleteAlias).await?),
        None => None,
    };
    for name in &names {
        check_sight(call, name, Action::KmsDeleteAlias).await?;
        let target = call.keys().glimpse_alias(call.user(), name).map(|alias| alias.target);
        if let (Some(of), Some(target)) = (&of, target) {
            call.refuse_if(Action::KmsDeleteAlias, &target, |found| found.id != *of, Code::Parameter).await?;
        }
        call.keys().delete_alias(call.user(), name.as_str()).await?;
    }
    Ok(shapes::nothing())
}

/// An alias of another project's key is not there for this request.
async fn check_sight(call: &Call<'_>, name: &AliasName, action: Action) -> Result<(), Fault> {
    let found = call.keys().glimpse_alias(call.user(), name).map(|alias| alias.target);
    let Some(target) = found.filter(|target| !call.sees(target)) else { return Ok(()) };
    let error = call.keys().permit(call.user(), action, &target).err().unwrap_or(KmsError::NotFound);
    Err(call.keys().refused(call.user(), action, &name.to_string(), error).await.into())
}

fn shown(call: &Call<'_>, name: &AliasName) -> Result<Reply, Fault> {
    let found = call.keys().glimpse_alias(call.user(), name).ok_or(Fault::Recorded(Code::NoSuchKey))?;
    Ok(shapes::show(&shape(&found)))
}

fn shape(alias: &AliasDescription) -> Value {
    json!({
        "domain_id": alias.target.account.as_str(),
        "key_id": shapes::key_id(&alias.target),
        "alias": alias.name.to_string(),
        "alias_urn": alias_urn(&alias.target, alias.name.as_str()),
        "create_time": millis(alias.created),
        "update_time": millis(alias.updated),
    })
}
