//! What several subcommands take: a CMK by any of its names, pairs of words, dates.

use super::super::shown::field;
use super::super::{Common, Env};
use crate::client::ControlClient;
use crate::failure::Failure;
use clap::Args;
use serde_json::{Map, Value, json};
use std::str::FromStr;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A subcommand about one CMK.
#[derive(Args, Debug)]
pub(crate) struct Named {
    /// The CMK: its id, its ARN or an alias (`alias/NAME`).
    #[arg(value_name = "KEY")]
    pub(crate) key: String,
    #[command(flatten)]
    pub(crate) common: Common,
}

impl Named {
    /// Connects and finds the CMK's ARN.
    pub(super) async fn found(&self, env: Env<'_>) -> Result<(ControlClient, String), Failure> {
        let mut kms = self.common.connect(env).await?;
        let id = id_of(&mut kms, &self.key).await?;
        Ok((kms, id))
    }
}

/// The id of a CMK as operations take it that change one: an alias is looked up, everything else is sent as it is.
pub(super) async fn id_of(kms: &mut ControlClient, key: &str) -> Result<String, Failure> {
    if !key.contains("alias/") && key != "obs/default" {
        return Ok(key.to_owned());
    }
    Ok(field(&describe(kms, key).await?, "Arn").to_owned())
}

/// What the server tells about a CMK.
pub(super) async fn describe(kms: &mut ControlClient, key: &str) -> Result<Value, Failure> {
    let mut answer = kms.kms("DescribeKey", &json!({ "KeyId": key })).await?;
    answer.get_mut("KeyMetadata").map(Value::take).ok_or_else(Failure::not_understood)
}

/// `NAME=VALUE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) name: String,
    pub(crate) value: String,
}

impl FromStr for Pair {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok(Self { name: name.to_owned(), value: value.to_owned() }),
            _ => Err("write it as NAME=VALUE".to_owned()),
        }
    }
}

/// Pairs as a JSON object.
pub(super) fn object(pairs: &[Pair]) -> Value {
    pairs.iter().map(|pair| (pair.name.clone(), pair.value.clone().into())).collect::<Map<_, _>>().into()
}

/// Pairs as tags of the KMS API.
pub(super) fn tags(pairs: &[Pair]) -> Value {
    pairs.iter().map(|pair| json!({ "TagKey": pair.name, "TagValue": pair.value })).collect()
}

/// An alias with its prefix, which may be left out.
pub(super) fn alias(name: &str) -> String {
    if name.starts_with("alias/") || name.starts_with("arn:") { name.to_owned() } else { format!("alias/{name}") }
}

/// A moment: `2027-01-31` (its beginning, in UTC) or `2027-01-31T12:00:00Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment(pub(crate) OffsetDateTime);

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let whole = if text.contains('T') { text.to_owned() } else { format!("{text}T00:00:00Z") };
        OffsetDateTime::parse(&whole, &Rfc3339)
            .map(Self)
            .map_err(|_| "write it as 2027-01-31 or 2027-01-31T12:00:00Z".to_owned())
    }
}

/// A date of the KMS API, in epoch seconds, for people.
pub(super) fn date(seconds: f64) -> String {
    // Seconds since 1970 fit an i64 for any date a calendar can show; beyond it the raw number is shown.
    #[expect(clippy::cast_possible_truncation, reason = "a float out of range saturates and is then no date")]
    let whole = seconds as i64;
    OffsetDateTime::from_unix_timestamp(whole)
        .ok()
        .and_then(|at| at.format(&Rfc3339).ok())
        .unwrap_or_else(|| seconds.to_string())
}

/// The date in a member; empty where there is none.
pub(super) fn date_in(of: &Value, name: &str) -> String {
    of.get(name).and_then(Value::as_f64).map(date).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_and_moments_say_how_they_are_written() {
        let pair: Pair = "purpose=a=b".parse().unwrap();
        assert_eq!((pair.name.as_str(), pair.value.as_str()), ("purpose", "a=b"));
        assert_eq!(object(&[pair]), json!({ "purpose": "a=b" }));
        for wrong in ["", "purpose", "=x"] {
            assert!(wrong.parse::<Pair>().unwrap_err().contains("NAME=VALUE"), "{wrong}");
        }
        let day: Moment = "2027-01-31".parse().unwrap();
        assert_eq!(day, "2027-01-31T00:00:00Z".parse().unwrap());
        for wrong in ["", "tomorrow", "2027-13-01", "31.1.2027"] {
            assert!(wrong.parse::<Moment>().is_err(), "{wrong}");
        }
        assert_eq!(date(1_763_000_000.5), "2025-11-13T02:13:20Z");
    }

    #[test]
    fn an_alias_has_its_prefix_once() {
        assert_eq!(alias("logs"), "alias/logs");
        assert_eq!(alias("alias/logs"), "alias/logs");
        assert_eq!(alias("arn:aws:kms:r:1:alias/logs"), "arn:aws:kms:r:1:alias/logs");
    }
}
