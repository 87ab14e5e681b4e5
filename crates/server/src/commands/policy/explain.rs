//! `strongroom policy explain`: the server's own evaluation, made readable.

use super::super::shown::{field, list, pretty, printable};
use super::super::{Common, Env, Outcome, Output};
use crate::failure::Failure;
use clap::{Args, ValueEnum};
use http::Method;
use serde_json::{Map, Value, json};

/// Exit code of a denial: neither success, nor a failure of the command.
const DENIED: u8 = 3;

/// What is to be explained.
#[derive(Args, Debug)]
pub(crate) struct Explain {
    /// Whose right: `user/NAME`, `role/NAME`, `root`, an ARN, or `anonymous`.
    #[arg(long = "as", value_name = "WHO")]
    who: String,
    /// The action, in AWS's or Huawei's words: `s3:GetObject`, `GetObject`, `kms:Decrypt`.
    #[arg(long)]
    action: String,
    /// What it touches: `BUCKET`, `BUCKET/OBJECT` or an ARN; `*` for the service as a whole.
    #[arg(long)]
    resource: String,
    /// A header of the request; may be repeated.
    #[arg(long = "header", value_name = "NAME=VALUE", value_parser = header)]
    headers: Vec<(String, String)>,
    /// A parameter of a listing, such as `prefix`; may be repeated.
    #[arg(long = "query", value_name = "NAME=VALUE", value_parser = pair)]
    query: Vec<(String, String)>,
    /// In which dialect the headers are spelt.
    #[arg(long, value_enum, default_value = "s3")]
    dialect: Dialect,
    /// Where the request comes from; without it, from nowhere known.
    #[arg(long, value_name = "IP")]
    source_ip: Option<std::net::IpAddr>,
    /// Take the request to come over plain HTTP rather than HTTPS.
    #[arg(long)]
    insecure: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Dialect {
    S3,
    Obs,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| "say NAME=VALUE".to_owned())?;
    Ok((name.to_owned(), value.to_owned()))
}

fn header(text: &str) -> Result<(String, String), String> {
    pair(text).map(|(name, value)| (name.to_ascii_lowercase(), value))
}

/// The pairs as an object; a name that is given twice is refused rather than lost.
fn object(what: &str, pairs: &[(String, String)]) -> Result<Value, Failure> {
    let mut object = Map::new();
    for (name, value) in pairs {
        if object.insert(name.clone(), value.as_str().into()).is_some() {
            return Err(Failure::usage(printable(&format!("the {what} `{name}` is given twice"))));
        }
    }
    Ok(object.into())
}

impl Explain {
    pub(super) async fn run(&self, env: Env<'_>) -> Outcome {
        let dialect = match self.dialect {
            Dialect::S3 => "s3",
            Dialect::Obs => "obs",
        };
        let mut input = json!({
            "as": self.who, "action": self.action, "resource": self.resource,
            "headers": object("header", &self.headers)?, "query": object("parameter", &self.query)?,
            "dialect": dialect, "secure": !self.insecure,
        });
        if let Some(address) = self.source_ip {
            input["source_ip"] = address.to_string().into();
        }
        let answer = self.common.connect(env).await?.admin(Method::POST, &["explain"], Some(&input)).await?;
        let allowed = answer.get("allowed").and_then(Value::as_bool).ok_or_else(Failure::not_understood)?;
        let text = if self.common.json { pretty(&answer) } else { shown(&answer, allowed) };
        Ok(Output { exit_code: if allowed { 0 } else { DENIED }, ..text.into() })
    }
}

/// The decision, why, and every statement in the order in which it was weighed.
fn shown(answer: &Value, allowed: bool) -> String {
    let word = if allowed { "allowed" } else { "denied" };
    let principal = field(answer, "principal");
    let mut out = format!(
        "{word}: {} on {} as {}\n",
        printable(field(answer, "action")),
        printable(field(answer, "resource")),
        printable(principal)
    );
    out.push_str(&format!("because: {}\n", printable(field(answer, "reason"))));
    for statement in list(answer, "statements") {
        let mark = if statement.get("matched") == Some(&Value::Bool(true)) { "*" } else { "-" };
        let text = |name: &str| printable(field(statement, name));
        let number = statement.get("number").and_then(Value::as_u64).unwrap_or_default();
        let sid = match text("sid") {
            sid if sid.is_empty() => String::new(),
            sid => format!(" ({sid})"),
        };
        out.push_str(&format!(
            "  {mark} {:<5} {}, statement {number}{sid}: {}\n",
            text("effect"),
            text("source"),
            text("outcome")
        ));
    }
    for grant in list(answer, "grants") {
        out.push_str(&format!("  * Allow {}\n", printable(grant.as_str().unwrap_or_default())));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_explanation_reads_line_by_line() {
        let answer = json!({
            "allowed": false, "principal": "arn:aws:iam::1:user/a", "action": "s3:GetObject", "resource": "b/o\u{1b}",
            "reason": "statement 1 of bucket policy",
            "statements": [
                { "source": "bucket policy", "number": 1, "sid": "No", "effect": "Deny", "matched": true, "outcome": "matches" },
                { "source": "identity, user a: policy X", "number": 2, "effect": "Allow", "matched": false,
                  "outcome": "other actions" },
            ],
            "grants": ["grant 1 of bucket ACL"],
        });
        assert_eq!(
            shown(&answer, false),
            "denied: s3:GetObject on b/o\u{fffd} as arn:aws:iam::1:user/a\nbecause: statement 1 of bucket policy\n  \
             * Deny  bucket policy, statement 1 (No): matches\n  \
             - Allow identity, user a: policy X, statement 2: other actions\n  \
             * Allow grant 1 of bucket ACL\n"
        );
    }

    #[test]
    fn a_header_has_a_name_and_a_value() {
        assert_eq!(header("X-Amz-Acl=a=b"), Ok(("x-amz-acl".to_owned(), "a=b".to_owned())));
        assert!(header("x-amz-acl").is_err());
    }
}
