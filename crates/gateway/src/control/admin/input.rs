//! Bodies of the admin API: one JSON object each. A member that nobody knows is refused: accepted without effect it
//! would mislead.

use super::fault::Fault;
use model::EntityName;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

/// Parses a body; an empty one counts as `{}`.
pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Fault> {
    let body: &[u8] = if body.iter().all(u8::is_ascii_whitespace) { b"{}" } else { body };
    if body.iter().find(|b| !b.is_ascii_whitespace()) != Some(&b'{') {
        return Err(Fault::input("The request body is not a JSON object."));
    }
    // Tells the place and not the value, which may be secret.
    serde_json::from_slice(body).map_err(|e| {
        Fault::input(format!(
            "The request body is not what this operation takes, at line {} column {}.",
            e.line(),
            e.column()
        ))
    })
}

/// The name of an account, user or role.
pub(super) fn name(member: &str, text: &str) -> Result<EntityName, Fault> {
    EntityName::parse(text).ok_or_else(|| {
        Fault::input(format!("{member}: a name has 1 to 128 characters of A-Z a-z 0-9 + = , . @ _ - and blank"))
    })
}

/// A member that may be left out, or said to be `null`.
pub(super) fn said<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::<T>::deserialize(deserializer).map(Some)
}
