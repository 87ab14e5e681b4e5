//! `strongroom role …`: roles (Huawei: agencies), which others assume for a while.

use super::shown::{field, lines, listed, pretty};
use super::target::{Kind, Policies, delete, policy_lines};
use super::{Common, Env, Outcome, document};
use crate::client::ControlClient;
use crate::failure::Failure;
use clap::{Args, Subcommand};
use gateway::query::percent_decode;
use http::Method;
use serde_json::{Value, json};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum Role {
    /// Make a role and print its ARN.
    #[command(after_help = "Examples:\n  strongroom role create --name deploy --trust trust.json\n  \
                            strongroom role create --name backup --trust-account 123456789012")]
    Create {
        /// Name, unique in the account.
        #[arg(long)]
        name: String,
        #[command(flatten)]
        trust: Trust,
        /// Path in its ARN: begins and ends with a slash.
        #[arg(long)]
        path: Option<String>,
        /// What it is for, in words.
        #[arg(long)]
        description: Option<String>,
        /// Longest session, 3600 to 43200 seconds.
        #[arg(long, value_name = "SECONDS")]
        max_session: Option<u32>,
        #[command(flatten)]
        common: Common,
    },
    /// List the roles.
    #[command(after_help = "Example:\n  strongroom role list")]
    List {
        #[command(flatten)]
        common: Common,
    },
    /// Show a role with its policies and who may assume it.
    #[command(after_help = "Example:\n  strongroom role show deploy")]
    Show {
        #[command(flatten)]
        named: Named,
    },
    /// Delete a role.
    #[command(after_help = "Example:\n  strongroom role delete deploy --force")]
    Delete {
        #[command(flatten)]
        named: Named,
        /// Take its policies away first, which otherwise stand in the way.
        #[arg(long)]
        force: bool,
    },
    /// Refuse the temporary credentials that were issued for a role until now.
    #[command(after_help = "Example:\n  strongroom role revoke-sessions deploy")]
    RevokeSessions {
        #[command(flatten)]
        named: Named,
    },
}

/// Who may assume the role.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct Trust {
    /// File with the trust policy; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    /// Whoever in this account is allowed to there: its number or canonical id.
    #[arg(long, value_name = "ID")]
    trust_account: Option<String>,
}

/// A subcommand about one role.
#[derive(Args, Debug)]
pub(crate) struct Named {
    /// The role's name.
    role: String,
    #[command(flatten)]
    common: Common,
}

impl Trust {
    fn document(&self) -> Result<String, Failure> {
        match (&self.trust, &self.trust_account) {
            (Some(path), _) => document::read(path),
            (None, account) => Ok(json!({
                "Version": "2012-10-17",
                "Statement": [{ "Effect": "Allow", "Principal": { "AWS": account }, "Action": "sts:AssumeRole" }],
            })
            .to_string()),
        }
    }
}

impl Role {
    pub(crate) async fn run(&self, env: Env<'_>) -> Outcome {
        match self {
            Self::Create { name, trust, path, description, max_session, common } => {
                let trust = trust.document()?;
                let seconds = max_session.map(|seconds| seconds.to_string());
                let mut parameters = vec![("RoleName", name.as_str()), ("AssumeRolePolicyDocument", &trust)];
                parameters.extend(path.as_deref().map(|path| ("Path", path)));
                parameters.extend(description.as_deref().map(|text| ("Description", text)));
                parameters.extend(seconds.as_deref().map(|seconds| ("MaxSessionDuration", seconds)));
                let answer = common.connect(env).await?.iam("CreateRole", &parameters).await?;
                let role = answer.get("Role").ok_or_else(Failure::not_understood)?;
                Ok(if common.json { pretty(role) } else { format!("{}\n", field(role, "Arn")) }.into())
            }
            Self::List { common } => {
                let roles = common.connect(env).await?.iam_all("ListRoles", &[], "Roles").await?;
                let columns = [("name", "RoleName"), ("path", "Path"), ("created", "CreateDate"), ("arn", "Arn")];
                Ok(if common.json { pretty(&roles.into()) } else { listed(&roles, &columns) }.into())
            }
            Self::Show { named } => {
                let role = described(&mut named.common.connect(env).await?, &named.role).await?;
                Ok(if named.common.json { pretty(&role) } else { shown(&role) }.into())
            }
            Self::Delete { named, force } => {
                let mut client = named.common.connect(env).await?;
                if *force {
                    let policies = Policies::of(&mut client, Kind::Role, &named.role).await?;
                    policies.remove(&mut client, Kind::Role, &named.role).await?;
                }
                delete(&mut client, Kind::Role, &named.role).await?;
                Ok(String::new().into())
            }
            Self::RevokeSessions { named } => {
                let path = ["roles", &named.role, "revoke-sessions"];
                named.common.connect(env).await?.admin(Method::POST, &path, None).await?;
                Ok(String::new().into())
            }
        }
    }
}

async fn described(client: &mut ControlClient, name: &str) -> Result<Value, Failure> {
    let answer = client.iam("GetRole", &[("RoleName", name)]).await;
    let mut role = answer?.get_mut("Role").map(Value::take).ok_or_else(Failure::not_understood)?;
    let trust = decoded(field(&role, "AssumeRolePolicyDocument"));
    role["AssumeRolePolicyDocument"] = trust.into();
    Policies::of(client, Kind::Role, name).await?.add_to(&mut role);
    Ok(role)
}

/// A policy document as IAM's answers carry it: percent-encoded.
pub(super) fn decoded(document: &str) -> String {
    let bytes = percent_decode(document, false).ok();
    bytes.and_then(|bytes| String::from_utf8(bytes.into_owned()).ok()).unwrap_or_else(|| document.to_owned())
}

fn shown(role: &Value) -> String {
    let [attached, own] = policy_lines(role);
    let boundary = role.get("PermissionsBoundary").map_or("", |boundary| field(boundary, "PermissionsBoundaryArn"));
    lines(&[
        ("role", field(role, "RoleName")),
        ("arn", field(role, "Arn")),
        ("id", field(role, "RoleId")),
        ("description", field(role, "Description")),
        ("created", field(role, "CreateDate")),
        ("max session", field(role, "MaxSessionDuration")),
        (attached.0, &attached.1),
        (own.0, &own.1),
        ("boundary", boundary),
        ("trust", field(role, "AssumeRolePolicyDocument")),
    ])
}
