//! TagResource, UntagResource, ListResourceTags, UpdateKeyDescription.

use super::fault::Fault;
use super::input;
use super::keys::{invalid_marker, page};
use super::lifecycle::about;
use super::{Call, Output, members};
use data_encoding::BASE64URL_NOPAD;
use policy::Action;
use serde_json::json;

/// Usual and greatest number of tags on a page.
const TAGS_PER_PAGE: usize = 50;

impl Call<'_> {
    pub(super) async fn tag_resource(&self, input: members::TagResource) -> Output {
        let tags = parsed(input.tags.ok_or_else(|| Fault::missing("tags"))?)?;
        let cmk = self.managed_key(&input.key_id, "keyId", Action::KmsTagResource).await?;
        self.service.tag(self.user, &cmk, tags).await.map_err(|error| about(&cmk, error))?;
        Ok(None)
    }

    pub(super) async fn untag_resource(&self, input: members::UntagResource) -> Output {
        let keys = input.tag_keys.ok_or_else(|| Fault::missing("tagKeys"))?;
        let cmk = self.managed_key(&input.key_id, "keyId", Action::KmsUntagResource).await?;
        self.service.untag(self.user, &cmk, keys).await.map_err(|error| about(&cmk, error))?;
        Ok(None)
    }

    pub(super) async fn list_resource_tags(&self, input: members::List) -> Output {
        let limit = input::limit(input.limit, TAGS_PER_PAGE, TAGS_PER_PAGE)?;
        // Keys of tags have letters that a marker may not have.
        let after = match input.marker {
            Some(marker) => Some(
                BASE64URL_NOPAD
                    .decode(marker.as_bytes())
                    .ok()
                    .and_then(|bytes| String::from_utf8(bytes).ok())
                    .ok_or_else(invalid_marker)?,
            ),
            None => None,
        };
        let cmk = self.managed_key(&input.key_id, "keyId", Action::KmsListResourceTags).await?;
        let tags = self.service.tags(self.user, &cmk).await.map_err(|error| about(&cmk, error))?;
        let rest = tags.into_iter().filter(|(key, _)| after.as_ref().is_none_or(|after| key > after));
        let entry = |(key, value): &(String, String)| json!({ "TagKey": key, "TagValue": value });
        Ok(Some(page("Tags", rest, limit, entry, |(key, _)| BASE64URL_NOPAD.encode(key.as_bytes()))))
    }

    pub(super) async fn update_key_description(&self, input: members::UpdateKeyDescription) -> Output {
        let description = input.description.ok_or_else(|| Fault::missing("description"))?;
        let cmk = self.managed_key(&input.key_id, "keyId", Action::KmsUpdateKeyDescription).await?;
        self.service.update_description(self.user, &cmk, &description).await.map_err(|error| about(&cmk, error))?;
        Ok(None)
    }
}

/// Tags as pairs. What they may consist of is the service's to say.
pub(super) fn parsed(tags: Vec<members::Tag>) -> Result<Vec<(String, String)>, Fault> {
    tags.into_iter()
        .map(|tag| {
            let key = tag.tag_key.ok_or_else(|| Fault::missing("tags.tagKey"))?;
            Ok((key, tag.tag_value.ok_or_else(|| Fault::missing("tags.tagValue"))?))
        })
        .collect()
}
