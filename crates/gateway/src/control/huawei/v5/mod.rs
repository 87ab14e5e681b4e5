//! The newer API, `/v5`: the same entities in other shapes, policies for users as well, and lists by marker.

pub(super) mod access_keys;
pub(super) mod agencies;
pub(super) mod attachments;
pub(super) mod groups;
pub(super) mod login_profiles;
pub(super) mod policies;
pub(super) mod sessions;
pub(super) mod users;
pub(super) mod versions;
