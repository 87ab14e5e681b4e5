//! `strongroom kms impact`: what could not be opened any more without a CMK.

use super::super::shown::{joined, list, pretty, printable, row, table};
use super::super::{Env, Outcome};
use super::args::Named;
use crate::client::ControlClient;
use crate::failure::Failure;
use clap::Args;
use serde_json::{Value, json};

pub(super) const EXAMPLE: &str = "Examples:\n  strongroom kms impact alias/invoices\n  \
                                  strongroom kms impact alias/invoices --version 3\n  \
                                  strongroom kms impact alias/invoices --by-version";

#[derive(Args, Debug)]
pub(crate) struct Impact {
    /// Of this version of the key alone. What goes through a bucket key needs the version that wraps the bucket key now.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    version: Option<u32>,
    /// A line for each version of the key.
    #[arg(long, conflicts_with = "version")]
    by_version: bool,
    #[command(flatten)]
    named: Named,
}

impl Impact {
    pub(super) async fn run(&self, env: Env<'_>) -> Outcome {
        let (mut client, id) = self.named.found(env).await?;
        let path = ["kms", "keys", &id, "impact"];
        if self.by_version {
            // Versions are numbered from 1, without gaps: none is ever removed alone.
            let input = json!({ "KeyId": id, "IncludeKeyMaterial": "ALL_KEY_MATERIAL", "Limit": 1000 });
            let versions = client.kms_all("ListKeyRotations", &input, "Rotations").await?.len();
            let mut all = Vec::with_capacity(versions);
            for version in 1..=versions {
                all.push(read(&mut client, &path, &format!("version={version}")).await?);
            }
            let all = Value::Array(all);
            return Ok(if self.named.common.json { pretty(&all) } else { by_version(&all) }.into());
        }
        let query = self.version.map(|version| format!("version={version}")).unwrap_or_default();
        let impact = read(&mut client, &path, &query).await?;
        Ok(if self.named.common.json { pretty(&impact) } else { shown(&impact) }.into())
    }
}

async fn read(client: &mut ControlClient, path: &[&str], query: &str) -> Result<Value, Failure> {
    let text = client.admin_text(path, query).await?;
    serde_json::from_str(&text).map_err(|_| Failure::not_understood())
}

fn by_version(all: &Value) -> String {
    let cells = |impact: &Value| {
        let number = |name: &str| impact.get(name).and_then(Value::as_u64).unwrap_or_default().to_string();
        ["version", "objects", "bytes", "uploads", "bucket_keys"].map(number).to_vec()
    };
    let rows: Vec<Vec<String>> = all.as_array().into_iter().flatten().map(cells).collect();
    table(&["version", "objects", "bytes", "uploads", "bucket keys"], &rows)
}

fn shown(impact: &Value) -> String {
    let number = |name: &str| impact.get(name).and_then(Value::as_u64).unwrap_or_default();
    // Names are told to whoever may delete the key, numbers to whoever may see it.
    let names = |name: &str| match list(impact, name) {
        [] => number(&format!("{name}_count")).to_string(),
        names => printable(&joined(names, None)),
    };
    if impact.get("needed") == Some(&Value::Bool(false)) {
        return "nothing needs this key\n".to_owned();
    }
    [
        row("objects", &format!("{} ({} bytes)", number("objects"), number("bytes"))),
        row("uploads", &number("uploads").to_string()),
        row("bucket keys", &number("bucket_keys").to_string()),
        row("defaults of", &names("bucket_defaults")),
        row("in buckets", &names("buckets")),
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_needs_a_key_is_counted_and_named() {
        let impact = json!({
            "needed": true, "objects": 3, "bytes": 4096, "uploads": 0, "bucket_keys": 1, "bucket_defaults": ["a", "b"],
            "buckets": ["a", "b", "c"],
        });
        let text = shown(&impact);
        assert!(text.starts_with("objects        3 (4096 bytes)\n"), "{text}");
        assert!(text.contains("defaults of    a, b\n") && text.ends_with("in buckets     a, b, c\n"), "{text}");
        let counted = json!({ "needed": true, "objects": 1, "bucket_defaults_count": 2, "buckets_count": 3 });
        assert!(shown(&counted).ends_with("defaults of    2\nin buckets     3\n"));
        assert_eq!(shown(&json!({ "needed": false })), "nothing needs this key\n");
        let all = json!([{ "version": 1, "objects": 0 }, { "version": 2, "objects": 7, "bytes": 9, "bucket_keys": 1 }]);
        let text = by_version(&all);
        assert!(text.starts_with("version  objects  bytes") && text.contains("\n2        7        9"), "{text}");
    }
}
