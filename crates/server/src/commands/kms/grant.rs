//! `strongroom kms grant …`: rights on one CMK, lent to one principal.

use super::super::shown::{field, joined, list, pretty, table};
use super::super::{Common, Env, Outcome};
use super::args::{Named, Pair, date_in, id_of, object};
use crate::failure::Failure;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

#[derive(Debug, Subcommand)]
pub(crate) enum Grant {
    /// Let a principal do some operations with a CMK, at once, and print the grant's id.
    #[command(after_help = "Examples:\n  strongroom kms grant create alias/invoices --to \
                            arn:aws:iam::123456789012:user/alice --operation Decrypt\n  strongroom kms grant create \
                            alias/invoices --to arn:aws:iam::123456789012:role/backup --operation Decrypt --operation \
                            GenerateDataKey --context-has purpose=backup --name backup")]
    Create(Create),
    /// List the grants on a CMK.
    #[command(after_help = "Example:\n  strongroom kms grant list alias/invoices")]
    List {
        #[command(flatten)]
        named: Named,
        /// Only those to this principal.
        #[arg(long, value_name = "PRINCIPAL")]
        to: Option<String>,
    },
    /// Take a grant away, as the CMK's owner.
    #[command(after_help = "Example:\n  strongroom kms grant revoke alias/invoices $GRANT_ID")]
    Revoke {
        #[command(flatten)]
        named: Named,
        /// The grant's id.
        grant: String,
    },
    /// Give a grant back, as the one it names for that.
    #[command(
        after_help = "Examples:\n  strongroom kms grant retire --token $GRANT_TOKEN\n  strongroom kms grant retire \
                            --key arn:aws:kms:local-1:123456789012:key/1234abcd-12ab-44cd-a6ef-1234567890ab --grant \
                            $GRANT_ID"
    )]
    Retire(Retire),
}

#[derive(Args, Debug)]
pub(crate) struct Create {
    #[command(flatten)]
    named: Named,
    /// Who may use the CMK: the ARN of a user, a role or an account.
    #[arg(long, value_name = "PRINCIPAL")]
    to: String,
    /// What is allowed, as AWS names it: Decrypt, Encrypt, GenerateDataKey, GenerateDataKeyWithoutPlaintext,
    /// ReEncryptFrom, ReEncryptTo, CreateGrant, RetireGrant, DescribeKey; may be repeated.
    #[arg(long = "operation", value_name = "NAME", required = true)]
    operations: Vec<String>,
    /// Who may give the grant back.
    #[arg(long, value_name = "PRINCIPAL")]
    retiring: Option<String>,
    /// A name: the same grant under the same name is made once.
    #[arg(long)]
    name: Option<String>,
    /// The encryption context has this pair, and maybe others; may be repeated.
    #[arg(long, value_name = "NAME=VALUE", conflicts_with = "context_is")]
    context_has: Vec<Pair>,
    /// The encryption context has exactly these pairs; may be repeated.
    #[arg(long, value_name = "NAME=VALUE")]
    context_is: Vec<Pair>,
}

#[derive(Args, Debug)]
pub(crate) struct Retire {
    /// The grant's token.
    #[arg(long, conflicts_with_all = ["key", "grant"], required_unless_present_all = ["key", "grant"])]
    token: Option<String>,
    /// The CMK.
    #[arg(long, requires = "grant")]
    key: Option<String>,
    /// The grant's id.
    #[arg(long, requires = "key")]
    grant: Option<String>,
    #[command(flatten)]
    common: Common,
}

impl Grant {
    pub(super) async fn run(&self, env: Env<'_>) -> Outcome {
        match self {
            Self::Create(create) => create.run(env).await,
            Self::List { named, to } => {
                let (mut kms, id) = named.found(env).await?;
                let mut input = json!({ "KeyId": id, "Limit": 100 });
                if let Some(to) = to {
                    input["GranteePrincipal"] = to.as_str().into();
                }
                let grants = kms.kms_all("ListGrants", &input, "Grants").await?;
                Ok(if named.common.json { pretty(&Value::Array(grants)) } else { listed(&grants) }.into())
            }
            Self::Revoke { named, grant } => {
                let (mut kms, id) = named.found(env).await?;
                kms.kms("RevokeGrant", &json!({ "KeyId": id, "GrantId": grant })).await?;
                Ok(gone(named.common.json, grant).into())
            }
            Self::Retire(Retire { token, key, grant, common }) => {
                let mut kms = common.connect(env).await?;
                let input = match (token, key, grant) {
                    (Some(token), _, _) => json!({ "GrantToken": token }),
                    (None, Some(key), Some(grant)) => {
                        json!({ "KeyId": id_of(&mut kms, key).await?, "GrantId": grant })
                    }
                    _ => return Err(Failure::usage("name the grant with --token, or with --key and --grant")),
                };
                kms.kms("RetireGrant", &input).await?;
                Ok(gone(common.json, grant.as_deref().unwrap_or_default()).into())
            }
        }
    }
}

impl Create {
    async fn run(&self, env: Env<'_>) -> Outcome {
        let (mut kms, id) = self.named.found(env).await?;
        let mut input = json!({ "KeyId": id, "GranteePrincipal": self.to, "Operations": self.operations });
        for (member, value) in [("RetiringPrincipal", &self.retiring), ("Name", &self.name)] {
            if let Some(value) = value {
                input[member] = value.as_str().into();
            }
        }
        if !self.context_has.is_empty() {
            input["Constraints"] = json!({ "EncryptionContextSubset": object(&self.context_has) });
        } else if !self.context_is.is_empty() {
            input["Constraints"] = json!({ "EncryptionContextEquals": object(&self.context_is) });
        }
        let made = kms.kms("CreateGrant", &input).await?;
        Ok(if self.named.common.json { pretty(&made) } else { format!("{}\n", field(&made, "GrantId")) }.into())
    }
}

fn gone(json: bool, grant: &str) -> String {
    if json { pretty(&json!({ "GrantId": grant })) } else { String::new() }
}

fn listed(grants: &[Value]) -> String {
    let pairs = |grant: &Value, member: &str, word: &str| {
        let pairs = grant.get("Constraints").and_then(|constraints| constraints.get(member)).and_then(Value::as_object);
        let text = |(name, value): (&String, &Value)| format!("{name}={}", value.as_str().unwrap_or_default());
        pairs.map(|pairs| format!("{word} {}", pairs.iter().map(text).collect::<Vec<_>>().join(" ")))
    };
    let row = |grant: &Value| {
        let text = |name: &str| field(grant, name).to_owned();
        let constraint = pairs(grant, "EncryptionContextSubset", "has")
            .or_else(|| pairs(grant, "EncryptionContextEquals", "is"))
            .unwrap_or_default();
        let operations = joined(list(grant, "Operations"), None);
        vec![
            text("GrantId"),
            text("Name"),
            text("GranteePrincipal"),
            operations,
            constraint,
            date_in(grant, "CreationDate"),
        ]
    };
    let headings = ["id", "name", "to", "operations", "context", "created"];
    table(&headings, &grants.iter().map(row).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_is_one_row_with_its_constraint() {
        let grants = [json!({
            "GrantId": "ab", "GranteePrincipal": "arn:x", "Operations": ["Decrypt", "Encrypt"],
            "Constraints": { "EncryptionContextSubset": { "purpose": "backup" } }, "CreationDate": 1_763_000_000,
        })];
        let text = listed(&grants);
        let row = "ab        arn:x  Decrypt, Encrypt  has purpose=backup  2025-11-13T02:13:20Z\n";
        assert!(text.ends_with(row), "{text}");
    }
}
