//! Tags of keys, and keys by their tags.

use super::call::Call;
use super::code::Code;
use super::fault::Fault;
use super::shapes::{self, key_alias, key_id};
use crate::control::huawei::json::{Object, objects};
use crate::reply::Reply;
use kms::CmkDescription;
use policy::Action;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Longest key and longest value in characters (kms-iam-api §1.8).
const KEY_CHARS_MAX: usize = 36;
const VALUE_CHARS_MAX: usize = 43;
/// Most tags of one request.
const TAGS_MAX: usize = 50;
/// Most entries of a page of keys, and how many it has unless asked for others.
const LIMIT_MAX: u32 = 1000;
const LIMIT_DEFAULT: u32 = 10;

/// Longest text that aliases are searched for.
const NAME_BYTES_MAX: usize = 255;

type Tag = (String, String);

pub(super) async fn add(call: &Call<'_>) -> Result<Reply, Fault> {
    let tag = read(call.body().object("tag")?)?;
    let cmk = call.managed_called(call.parameter(0), Action::KmsTagResource).await?;
    call.keys().tag(call.user(), &cmk, vec![tag]).await?;
    Ok(Reply::no_content())
}

pub(super) async fn change(call: &Call<'_>) -> Result<Reply, Fault> {
    let tags = objects(call.body(), "tags")?.into_iter().map(read).collect::<Result<Vec<Tag>, _>>()?;
    let keys: BTreeSet<&str> = tags.iter().map(|(key, _)| key.as_str()).collect();
    if !(1..=TAGS_MAX).contains(&tags.len()) || keys.len() != tags.len() {
        return Err(Code::TagList.into());
    }
    match call.text("action")? {
        "create" => {
            let cmk = call.managed_called(call.parameter(0), Action::KmsTagResource).await?;
            call.keys().tag(call.user(), &cmk, tags).await?;
        }
        "delete" => {
            let cmk = call.managed_called(call.parameter(0), Action::KmsUntagResource).await?;
            call.keys().untag(call.user(), &cmk, tags.into_iter().map(|(key, _)| key).collect()).await?;
        }
        _ => return Err(Fault::said(Code::TagAction, "it is create or delete")),
    }
    Ok(Reply::no_content())
}

pub(super) async fn delete(call: &Call<'_>) -> Result<Reply, Fault> {
    let cmk = call.managed_called(call.parameter(0), Action::KmsUntagResource).await?;
    call.keys().untag(call.user(), &cmk, vec![call.parameter(1).to_owned()]).await?;
    Ok(Reply::no_content())
}

pub(super) async fn list(call: &Call<'_>) -> Result<Reply, Fault> {
    let cmk = call.managed_called(call.parameter(0), Action::KmsListResourceTags).await?;
    let tags = call.keys().tags(call.user(), &cmk).await?;
    Ok(shapes::show(&json!({ "tags": tags.iter().map(shape).collect::<Vec<_>>(), "existTagsNum": tags.len() })))
}

/// Every tag key of the project's keys with its values.
pub(super) async fn of_project(call: &Call<'_>) -> Result<Reply, Fault> {
    let found = call.keys().tags_of_project(call.user(), call.scope.project).await?;
    let shown: Vec<Value> = found.iter().map(|(key, values)| json!({ "key": key, "values": values })).collect();
    Ok(shapes::show(&json!({ "tags": shown })))
}

/// Keys that have all of some tags, and whose alias holds a text; or their number.
pub(super) async fn find_keys(call: &Call<'_>) -> Result<Reply, Fault> {
    let (wanted, name) = (filters(call)?, name_match(call)?);
    let page = match call.text("action")? {
        "count" if call.number("offset", Code::Offset)?.is_some() => {
            return Err(Fault::said(Code::Offset, "a count has none"));
        }
        "count" => None,
        "filter" => Some(page(call)?),
        _ => return Err(Fault::said(Code::TagAction, "it is filter or count")),
    };
    let mut found = call.keys().keys_by_tags(call.user(), call.scope.project, &wanted).await?;
    found.retain(|cmk| name.is_none_or(|name| fits(cmk, name)));
    let mut shown = json!({ "total_count": found.len() });
    if let Some((offset, limit)) = page {
        let page = found.iter().skip(offset).take(limit);
        shown["resources"] = page.map(|cmk| resource(call, cmk)).collect();
    }
    Ok(shapes::show(&shown))
}

/// Where a page of keys begins, and how long it is.
fn page(call: &Call<'_>) -> Result<(usize, usize), Fault> {
    let limit = call.number("limit", Code::Limit)?.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(Fault::said(Code::Limit, format!("it is between 1 and {LIMIT_MAX}")));
    }
    let offset = call.number("offset", Code::Offset)?.unwrap_or_default();
    Ok((offset as usize, limit as usize))
}

fn resource(call: &Call<'_>, cmk: &CmkDescription) -> Value {
    json!({
        "resource_id": key_id(&cmk.id),
        "resource_detail": shapes::details(call.keys(), cmk),
        "resource_name": key_alias(cmk),
        "tags": cmk.tags.iter().map(shape).collect::<Vec<_>>(),
    })
}

fn shape((key, value): &Tag) -> Value {
    json!({ "key": key, "value": value })
}

/// A tag that is to be stored.
fn read(tag: Object<'_>) -> Result<Tag, Fault> {
    let (key, value) = (tag.text("key")?.trim(), tag.maybe_text("value")?.unwrap_or_default());
    check(key, value)?;
    Ok((key.to_owned(), value.to_owned()))
}

/// The rules of this API; AWS's are wider.
pub(super) fn check(key: &str, value: &str) -> Result<(), Fault> {
    let forbidden = |c: char| c.is_control() || "*<>\\=".contains(c);
    match () {
        () if !(1..=KEY_CHARS_MAX).contains(&key.chars().count()) => Err(Code::TagKeyLength.into()),
        () if value.chars().count() > VALUE_CHARS_MAX => Err(Code::TagValueLength.into()),
        () if key.contains(forbidden) => Err(Code::TagKey.into()),
        () if value.contains(forbidden) => Err(Code::TagValue.into()),
        () => Ok(()),
    }
}

/// The tags that are looked for, each with the values that will do; none for any.
fn filters(call: &Call<'_>) -> Result<Vec<(String, Vec<String>)>, Fault> {
    let tags = objects(call.body(), "tags")?;
    let texts = |texts: Vec<&str>| texts.into_iter().map(str::to_owned).collect();
    let found = tags.into_iter().map(|tag| Ok((tag.text("key")?.to_owned(), texts(tag.texts("values")?))));
    let found = found.collect::<Result<Vec<_>, Fault>>()?;
    if found.len() > TAGS_MAX { Err(Code::TagList.into()) } else { Ok(found) }
}

/// The text that aliases are to hold.
fn name_match<'c>(call: &'c Call<'_>) -> Result<Option<&'c str>, Fault> {
    match objects(call.body(), "matches")?[..] {
        [] => Ok(None),
        [one] if one.text("key")? == "resource_name" => {
            let name = one.maybe_text("value")?;
            if name.is_some_and(|name| name.len() > NAME_BYTES_MAX) { Err(Code::MatchValue.into()) } else { Ok(name) }
        }
        [_] => Err(Fault::said(Code::MatchKey, "it is resource_name")),
        _ => Err(Fault::said(Code::MatchKey, "there is one at most")),
    }
}

fn fits(cmk: &CmkDescription, name: &str) -> bool {
    if name.is_empty() { key_alias(cmk).is_empty() } else { key_alias(cmk).contains(name) }
}
