//! `strongroom kms key …`: CMKs and their lives.

use super::super::shown::{field, lines, list, pretty, table};
use super::super::{Common, Env, Outcome, document};
use super::args::{Named, Pair, alias, date_in, describe, id_of, tags};
use super::key_policy::KeyPolicy;
use crate::failure::Failure;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    /// Create a CMK and print its id.
    #[command(
        after_help = "Examples:\n  KEY=$(strongroom kms key create --description 'invoices' --alias invoices)\n  \
                            strongroom kms key create --spec sm4 --tag team=billing\n  strongroom kms key create \
                            --external    (bring your own material: see `strongroom kms import run --help`)"
    )]
    Create(Create),
    /// List the account's CMKs, with their aliases.
    #[command(after_help = "Example:\n  strongroom kms key list")]
    List {
        #[command(flatten)]
        common: Common,
    },
    /// Show one CMK.
    #[command(after_help = "Example:\n  strongroom kms key show alias/invoices --json")]
    Show(Named),
    /// Let a CMK be used again.
    #[command(after_help = "Example:\n  strongroom kms key enable alias/invoices")]
    Enable(Named),
    /// Refuse every use of a CMK, at once, until it is enabled again.
    #[command(after_help = "Example:\n  strongroom kms key disable alias/invoices")]
    Disable(Named),
    /// Change what a CMK is for, in words.
    #[command(after_help = "Example:\n  strongroom kms key describe alias/invoices 'invoices since 2024'")]
    Describe {
        #[command(flatten)]
        named: Named,
        /// The new description; may be empty.
        text: String,
    },
    /// Add tags to a CMK, or replace their values.
    #[command(after_help = "Example:\n  strongroom kms key tag alias/invoices team=billing cost-centre=42")]
    Tag {
        #[command(flatten)]
        named: Named,
        /// The tags.
        #[arg(value_name = "NAME=VALUE", required = true)]
        tags: Vec<Pair>,
    },
    /// Take tags off a CMK.
    #[command(after_help = "Example:\n  strongroom kms key untag alias/invoices cost-centre")]
    Untag {
        #[command(flatten)]
        named: Named,
        /// The tags' names; one that is not there is no error.
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,
    },
    /// Delete a CMK after a waiting time, in which it cannot be used and the deletion can be cancelled.
    ///
    /// What is sealed under it can never be opened again. Refused while objects, bucket keys or bucket defaults need it;
    /// `strongroom kms impact KEY` shows them.
    #[command(after_help = "Example:\n  strongroom kms key schedule-deletion alias/invoices --days 14")]
    ScheduleDeletion {
        #[command(flatten)]
        named: Named,
        /// The waiting time, 7 to 30 days.
        #[arg(long, default_value_t = 30)]
        days: u32,
        /// Delete it although something needs it.
        #[arg(long)]
        force: bool,
    },
    /// Cancel a CMK's deletion. It is disabled afterwards.
    #[command(after_help = "Example:\n  strongroom kms key cancel-deletion 1234abcd-12ab-44cd-a6ef-1234567890ab")]
    CancelDeletion(Named),
    /// What a CMK itself says about who may do what with it.
    #[command(subcommand)]
    Policy(KeyPolicy),
}

/// The cipher of a CMK.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Spec {
    /// AES-256.
    Aes256,
    /// SM4.
    Sm4,
}

#[derive(Args, Debug)]
pub(crate) struct Create {
    /// What the key is for, in words.
    #[arg(long, default_value = "")]
    description: String,
    /// A name for the key, `alias/NAME` or NAME.
    #[arg(long, value_name = "ALIAS")]
    alias: Option<String>,
    /// Its cipher.
    #[arg(long, value_enum, default_value_t = Spec::Aes256)]
    spec: Spec,
    /// Make it without material, which you bring with `strongroom kms import`.
    #[arg(long)]
    external: bool,
    /// The key provider that is to keep its material, by its name in the server's settings.
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    /// A key that the provider has and that is to be taken up, in the provider's words.
    #[arg(long, value_name = "KEY", requires = "provider")]
    existing: Option<String>,
    /// A tag; may be repeated.
    #[arg(long = "tag", value_name = "NAME=VALUE")]
    tags: Vec<Pair>,
    /// File with a key policy; `-` is standard input. Without one, the account's own policies decide.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
}

impl Key {
    pub(super) async fn run(&self, env: Env<'_>) -> Outcome {
        match self {
            Self::Create(create) => create.run(env).await,
            Self::List { common } => listed(common, env).await,
            Self::Show(named) => {
                let mut kms = named.common.connect(env).await?;
                let mut key = describe(&mut kms, &named.key).await?;
                let id = field(&key, "Arn").to_owned();
                let aliases = kms.kms_all("ListAliases", &json!({ "KeyId": id }), "Aliases").await;
                // Who may see the key but not its aliases or tags sees the key.
                key["Aliases"] = names(&aliases.unwrap_or_default());
                key["Tags"] =
                    kms.kms_all("ListResourceTags", &json!({ "KeyId": id }), "Tags").await.unwrap_or_default().into();
                Ok(if named.common.json { pretty(&key) } else { shown(&key) }.into())
            }
            Self::Enable(named) => changed(named, "EnableKey", json!({}), env).await,
            Self::Disable(named) => changed(named, "DisableKey", json!({}), env).await,
            Self::Describe { named, text } => {
                changed(named, "UpdateKeyDescription", json!({ "Description": text }), env).await
            }
            Self::Tag { named, tags: given } => {
                changed(named, "TagResource", json!({ "Tags": tags(given) }), env).await
            }
            Self::Untag { named, names } => changed(named, "UntagResource", json!({ "TagKeys": names }), env).await,
            Self::ScheduleDeletion { named, days, force } => {
                let input = json!({ "PendingWindowInDays": days, "ForceDeletion": force });
                changed(named, "ScheduleKeyDeletion", input, env).await
            }
            Self::CancelDeletion(named) => changed(named, "CancelKeyDeletion", json!({}), env).await,
            Self::Policy(command) => command.run(env).await,
        }
    }
}

impl Create {
    async fn run(&self, env: Env<'_>) -> Outcome {
        let spec = match self.spec {
            Spec::Aes256 => "SYMMETRIC_DEFAULT",
            Spec::Sm4 => "SM4",
        };
        let mut input = json!({ "Description": self.description, "KeySpec": spec, "Tags": tags(&self.tags) });
        if self.external {
            input["Origin"] = "EXTERNAL".into();
        }
        for (member, value) in [("CustomKeyStoreId", &self.provider), ("XksKeyId", &self.existing)] {
            if let Some(value) = value {
                input[member] = value.as_str().into();
            }
        }
        if let Some(file) = &self.policy {
            input["Policy"] = document::read(file)?.into();
        }
        let mut kms = self.common.connect(env).await?;
        let answer = kms.kms("CreateKey", &input).await?;
        let metadata = answer.get("KeyMetadata").ok_or_else(Failure::not_understood)?;
        let id = field(metadata, "KeyId").to_owned();
        if let Some(name) = &self.alias {
            let input = json!({ "AliasName": alias(name), "TargetKeyId": id });
            kms.kms("CreateAlias", &input).await.map_err(|error| {
                Failure::new(format!(
                    "the key {id} was created, but its alias was not: {error}; name it with `strongroom kms alias \
                     create`"
                ))
            })?;
        }
        Ok(if self.common.json { pretty(metadata) } else { format!("{id}\n") }.into())
    }
}

async fn listed(common: &Common, env: Env<'_>) -> Outcome {
    let mut kms = common.connect(env).await?;
    let keys = kms.kms_all("ListKeys", &json!({ "Limit": 1000 }), "Keys").await?;
    // Who may list keys but not aliases sees the keys.
    let mut aliases = BTreeMap::<String, Vec<Value>>::new();
    for alias in kms.kms_all("ListAliases", &json!({ "Limit": 100 }), "Aliases").await.unwrap_or_default() {
        aliases.entry(field(&alias, "TargetKeyId").to_owned()).or_default().push(alias);
    }
    let mut all = Vec::with_capacity(keys.len());
    for key in &keys {
        let id = field(key, "KeyId");
        let mut described = match describe(&mut kms, id).await {
            Ok(described) => described,
            // Listing is one right, describing another, and a key may go in between.
            Err(error) if error.is("AccessDeniedException") || error.is("NotFoundException") => key.clone(),
            Err(error) => return Err(error),
        };
        described["Aliases"] = names(aliases.get(id).map(Vec::as_slice).unwrap_or_default());
        all.push(described);
    }
    if common.json {
        return Ok(pretty(&Value::Array(all)).into());
    }
    let row = |key: &Value| {
        let text = |name: &str| field(key, name).to_owned();
        let aliases: Vec<&str> = list(key, "Aliases").iter().filter_map(Value::as_str).collect();
        let manager = if text("KeyManager") == "AWS" { "service" } else { "customer" };
        vec![
            text("KeyId"),
            text("KeyState"),
            cipher(key).to_owned(),
            manager.to_owned(),
            aliases.join(", "),
            text("Description"),
        ]
    };
    let headings = ["id", "state", "cipher", "managed by", "aliases", "description"];
    Ok(table(&headings, &all.iter().map(row).collect::<Vec<_>>()).into())
}

async fn changed(named: &Named, operation: &str, mut input: Value, env: Env<'_>) -> Outcome {
    let mut kms = named.common.connect(env).await?;
    let id = id_of(&mut kms, &named.key).await?;
    input["KeyId"] = id.as_str().into();
    let answer = kms.kms(operation, &input).await?;
    // The right to change a key is not the right to see it.
    let metadata = match describe(&mut kms, &id).await {
        Ok(metadata) => metadata,
        Err(error) if error.is("AccessDeniedException") => answer,
        Err(error) => return Err(error),
    };
    if named.common.json {
        return Ok(pretty(&metadata).into());
    }
    let (id, state) = (field(&metadata, "KeyId"), field(&metadata, "KeyState"));
    let until = date_in(&metadata, "DeletionDate");
    let until = if until.is_empty() { until } else { format!("  to be deleted {until}") };
    Ok(format!("{id}  {state}{until}\n").trim_start().to_owned().into())
}

fn names(aliases: &[Value]) -> Value {
    aliases.iter().map(|alias| Value::from(field(alias, "AliasName"))).collect()
}

fn cipher(key: &Value) -> &'static str {
    match field(key, "KeySpec") {
        "SYMMETRIC_DEFAULT" => "AES-256",
        "SM4" => "SM4",
        _ => "",
    }
}

fn shown(key: &Value) -> String {
    let aliases: Vec<&str> = list(key, "Aliases").iter().filter_map(Value::as_str).collect();
    let tags: Vec<String> =
        list(key, "Tags").iter().map(|tag| format!("{}={}", field(tag, "TagKey"), field(tag, "TagValue"))).collect();
    let material = match field(key, "Origin") {
        "EXTERNAL" => "brought by you",
        "EXTERNAL_KEY_STORE" => "kept by the key provider",
        _ => "",
    };
    lines(&[
        ("key", field(key, "KeyId")),
        ("arn", field(key, "Arn")),
        ("state", field(key, "KeyState")),
        ("cipher", cipher(key)),
        ("managed by", if field(key, "KeyManager") == "AWS" { "the service" } else { "you" }),
        ("material", material),
        ("provider", field(key, "CustomKeyStoreId")),
        ("aliases", &aliases.join(", ")),
        ("tags", &tags.join(", ")),
        ("description", field(key, "Description")),
        ("created", &date_in(key, "CreationDate")),
        ("expires", &date_in(key, "ValidTo")),
        ("to be deleted", &date_in(key, "DeletionDate")),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_shown_line_by_line_without_control_characters() {
        let key = json!({
            "KeyId": "1234", "Arn": "arn:x", "KeyState": "PendingDeletion", "KeyManager": "CUSTOMER", "KeySpec": "SM4",
            "Description": "red \u{1b}[31malert", "CreationDate": 1_763_000_000.5, "DeletionDate": 1_764_000_000,
            "Aliases": ["alias/a", "alias/b"], "Tags": [{ "TagKey": "team", "TagValue": "\u{1b}x" }],
        });
        let text = shown(&key);
        for line in [
            "state          PendingDeletion\n",
            "cipher         SM4\n",
            "aliases        alias/a, alias/b\n",
            "created        2025-11-13T",
            "to be deleted  2025-11-24T",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
        assert!(!text.contains('\u{1b}'));
    }
}
