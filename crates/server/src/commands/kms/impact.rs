//! `strongroom kms impact`: what could not be opened any more without a CMK.

use super::super::shown::{joined, list, pretty, printable, row};
use super::super::{Env, Outcome};
use super::args::Named;
use clap::Args;
use http::Method;
use serde_json::Value;

pub(super) const EXAMPLE: &str = "Example:\n  strongroom kms impact alias/invoices";

#[derive(Args, Debug)]
pub(crate) struct Impact {
    #[command(flatten)]
    named: Named,
}

impl Impact {
    pub(super) async fn run(&self, env: Env<'_>) -> Outcome {
        let (mut client, id) = self.named.found(env).await?;
        let impact = client.admin(Method::GET, &["kms", "keys", &id, "impact"], None).await?;
        Ok(if self.named.common.json { pretty(&impact) } else { shown(&impact) }.into())
    }
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
    use serde_json::json;

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
    }
}
