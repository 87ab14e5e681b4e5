//! `strongroom kms rotate …`: new versions of a CMK.

use super::super::shown::{field, lines, pretty, table};
use super::super::{Env, Outcome};
use super::args::{Named, date_in};
use clap::Subcommand;
use serde_json::{Value, json};

#[derive(Debug, Subcommand)]
pub(crate) enum Rotate {
    /// Make a new version now. Whatever is wrapped from now on uses it; nothing need be wrapped again.
    #[command(after_help = "Example:\n  strongroom kms rotate now alias/invoices")]
    Now(Named),
    /// Let a CMK rotate by itself, or change how often.
    #[command(after_help = "Example:\n  strongroom kms rotate enable alias/invoices --days 180")]
    Enable {
        #[command(flatten)]
        named: Named,
        /// The period, 90 to 2560 days; without it the one set before, or 365.
        #[arg(long)]
        days: Option<u32>,
    },
    /// Stop a CMK from rotating by itself.
    #[command(after_help = "Example:\n  strongroom kms rotate disable alias/invoices")]
    Disable(Named),
    /// Show whether and when a CMK rotates.
    #[command(after_help = "Example:\n  strongroom kms rotate status alias/invoices")]
    Status(Named),
    /// List a CMK's versions, the first one included.
    #[command(after_help = "Example:\n  strongroom kms rotate history alias/invoices")]
    History(Named),
}

impl Rotate {
    pub(super) async fn run(&self, env: Env<'_>) -> Outcome {
        match self {
            Self::Now(named) => {
                let (mut kms, id) = named.found(env).await?;
                let answer = kms.kms("RotateKeyOnDemand", &json!({ "KeyId": id })).await?;
                Ok(if named.common.json { pretty(&answer) } else { String::new() }.into())
            }
            Self::Enable { named, days } => {
                let (mut kms, id) = named.found(env).await?;
                let mut input = json!({ "KeyId": id });
                if let Some(days) = days {
                    input["RotationPeriodInDays"] = (*days).into();
                }
                kms.kms("EnableKeyRotation", &input).await?;
                status(named, env).await
            }
            Self::Disable(named) => {
                let (mut kms, id) = named.found(env).await?;
                kms.kms("DisableKeyRotation", &json!({ "KeyId": id })).await?;
                status(named, env).await
            }
            Self::Status(named) => status(named, env).await,
            Self::History(named) => {
                let (mut kms, id) = named.found(env).await?;
                let input = json!({ "KeyId": id, "IncludeKeyMaterial": "ALL_KEY_MATERIAL", "Limit": 1000 });
                let versions = kms.kms_all("ListKeyRotations", &input, "Rotations").await?;
                Ok(if named.common.json { pretty(&Value::Array(versions)) } else { listed(&versions) }.into())
            }
        }
    }
}

async fn status(named: &Named, env: Env<'_>) -> Outcome {
    let (mut kms, id) = named.found(env).await?;
    let status = kms.kms("GetKeyRotationStatus", &json!({ "KeyId": id })).await?;
    if named.common.json {
        return Ok(pretty(&status).into());
    }
    let on = status.get("KeyRotationEnabled") == Some(&Value::Bool(true));
    let days = status.get("RotationPeriodInDays").and_then(Value::as_u64);
    let period = days.map(|days| format!("every {days} days")).unwrap_or_default();
    Ok(lines(&[
        ("rotation", if on { "by itself" } else { "on demand only" }),
        ("period", &period),
        ("next", &date_in(&status, "NextRotationDate")),
    ])
    .into())
}

fn listed(versions: &[Value]) -> String {
    let row = |version: &Value| {
        let how = match field(version, "RotationType") {
            "AUTOMATIC" => "by schedule",
            "ON_DEMAND" => "on demand",
            _ if version.get("ExpirationModel").is_some() => "imported",
            _ => "created",
        };
        let wraps = if field(version, "KeyMaterialState") == "CURRENT" { "wraps and opens" } else { "opens" };
        vec![
            field(version, "KeyMaterialId").to_owned(),
            how.to_owned(),
            wraps.to_owned(),
            date_in(version, "RotationDate"),
            date_in(version, "ValidTo"),
        ]
    };
    table(&["material", "how", "use", "rotated", "expires"], &versions.iter().map(row).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_tell_how_they_came_and_what_they_are_for() {
        let versions = [
            json!({ "KeyMaterialId": "a1", "KeyMaterialState": "NON_CURRENT" }),
            json!({ "KeyMaterialId": "b2", "KeyMaterialState": "CURRENT", "RotationType": "ON_DEMAND",
                    "RotationDate": 1_763_000_000 }),
        ];
        let text = listed(&versions);
        assert!(text.contains("a1        created    opens"), "{text}");
        assert!(text.contains("b2        on demand  wraps and opens  2025-11-13T02:13:20Z"), "{text}");
    }
}
