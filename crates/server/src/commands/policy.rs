//! `strongroom policy …`: what users, groups and roles may do.

mod explain;

use super::role::decoded;
use super::shown::{field, joined, lines, listed, pretty};
use super::target::Target;
use super::{Common, Env, Outcome, document};
use crate::client::ControlClient;
use crate::failure::Failure;
use clap::{Args, Subcommand};
use explain::Explain;
use serde_json::Value;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    /// Make a managed policy from a document and print its ARN.
    #[command(after_help = "Example:\n  strongroom policy create --name read-reports reports.json")]
    Create {
        /// Name, unique in the account.
        #[arg(long)]
        name: String,
        /// File with the document; `-` is standard input.
        file: PathBuf,
        /// Path in its ARN: begins and ends with a slash.
        #[arg(long)]
        path: Option<String>,
        /// What it is for, in words.
        #[arg(long)]
        description: Option<String>,
        #[command(flatten)]
        common: Common,
    },
    /// List the managed policies: the account's own, and those that come with the server.
    #[command(after_help = "Example:\n  strongroom policy list --own")]
    List {
        /// The account's own only.
        #[arg(long)]
        own: bool,
        #[command(flatten)]
        common: Common,
    },
    /// Show a managed policy: its document, and what it is attached to.
    #[command(after_help = "Example:\n  strongroom policy show read-reports")]
    Show {
        #[command(flatten)]
        named: Named,
    },
    /// Replace the document of a managed policy. The former version is kept.
    #[command(after_help = "Example:\n  strongroom policy update read-reports reports.json")]
    Update {
        #[command(flatten)]
        named: Named,
        /// File with the document; `-` is standard input.
        file: PathBuf,
    },
    /// Delete a managed policy, which must be attached to nothing.
    #[command(after_help = "Example:\n  strongroom policy delete read-reports")]
    Delete {
        #[command(flatten)]
        named: Named,
    },
    /// Attach a managed policy to a user, a group or a role.
    #[command(after_help = "Example:\n  strongroom policy attach read-reports --group auditors")]
    Attach {
        #[command(flatten)]
        named: Named,
        #[command(flatten)]
        target: Target,
    },
    /// Detach a managed policy.
    #[command(after_help = "Example:\n  strongroom policy detach read-reports --group auditors")]
    Detach {
        #[command(flatten)]
        named: Named,
        #[command(flatten)]
        target: Target,
    },
    /// Give a user, a group or a role a policy of its own, or replace it.
    #[command(after_help = "Example:\n  strongroom policy put-inline --user alice --name home home.json")]
    PutInline {
        #[command(flatten)]
        target: Target,
        /// The policy's name, unique where it stands.
        #[arg(long)]
        name: String,
        /// File with the document; `-` is standard input.
        file: PathBuf,
        #[command(flatten)]
        common: Common,
    },
    /// Take a policy of its own away.
    #[command(after_help = "Example:\n  strongroom policy delete-inline --user alice --name home")]
    DeleteInline {
        #[command(flatten)]
        target: Target,
        /// The policy's name.
        #[arg(long)]
        name: String,
        #[command(flatten)]
        common: Common,
    },
    /// Say why somebody may or may not do something, statement by statement.
    ///
    /// The exit code is 0 if it is allowed and 3 if it is denied.
    #[command(after_help = "Examples:\n  strongroom policy explain --as user/alice --action GetObject --resource \
                            reports/2024.csv\n  strongroom policy explain --as anonymous --action s3:PutObject \
                            --resource inbox/x --header x-amz-server-side-encryption=aws:kms")]
    Explain(Explain),
}

/// A subcommand about one managed policy.
#[derive(Args, Debug)]
pub(crate) struct Named {
    /// The policy: its ARN or its name.
    policy: String,
    #[command(flatten)]
    common: Common,
}

impl Policy {
    pub(crate) async fn run(&self, env: Env<'_>) -> Outcome {
        match self {
            Self::Create { name, file, path, description, common } => {
                let text = document::read(file)?;
                let mut parameters = vec![("PolicyName", name.as_str()), ("PolicyDocument", &text)];
                parameters.extend(path.as_deref().map(|path| ("Path", path)));
                parameters.extend(description.as_deref().map(|text| ("Description", text)));
                let answer = common.connect(env).await?.iam("CreatePolicy", &parameters).await?;
                let policy = answer.get("Policy").ok_or_else(Failure::not_understood)?;
                Ok(if common.json { pretty(policy) } else { format!("{}\n", field(policy, "Arn")) }.into())
            }
            Self::List { own, common } => {
                let scope = [("Scope", if *own { "Local" } else { "All" })];
                let policies = common.connect(env).await?.iam_all("ListPolicies", &scope, "Policies").await?;
                let columns = [
                    ("name", "PolicyName"),
                    ("version", "DefaultVersionId"),
                    ("attached", "AttachmentCount"),
                    ("arn", "Arn"),
                ];
                Ok(if common.json { pretty(&policies.into()) } else { listed(&policies, &columns) }.into())
            }
            Self::Show { named } => {
                let (mut client, arn) = named.found(env).await?;
                let policy = described(&mut client, &arn).await?;
                Ok(if named.common.json { pretty(&policy) } else { shown(&policy) }.into())
            }
            Self::Update { named, file } => {
                let text = document::read(file)?;
                let (mut client, arn) = named.found(env).await?;
                let parameters = [("PolicyArn", arn.as_str()), ("PolicyDocument", &text), ("SetAsDefault", "true")];
                let answer = client.iam("CreatePolicyVersion", &parameters).await?;
                let version = answer.get("PolicyVersion").ok_or_else(Failure::not_understood)?;
                Ok(if named.common.json { pretty(version) } else { format!("{}\n", field(version, "VersionId")) }
                    .into())
            }
            Self::Delete { named } => {
                let (mut client, arn) = named.found(env).await?;
                // Former versions stand in the way, and nobody wants them without the policy.
                for version in client.iam_all("ListPolicyVersions", &[("PolicyArn", &arn)], "Versions").await? {
                    if field(&version, "IsDefaultVersion") != "true" {
                        let parameters = [("PolicyArn", arn.as_str()), ("VersionId", field(&version, "VersionId"))];
                        client.iam("DeletePolicyVersion", &parameters).await?;
                    }
                }
                client.iam("DeletePolicy", &[("PolicyArn", &arn)]).await?;
                Ok(String::new().into())
            }
            Self::Attach { named, target } => named.on(target, "Attach", env).await,
            Self::Detach { named, target } => named.on(target, "Detach", env).await,
            Self::PutInline { target, name, file, common } => {
                let text = document::read(file)?;
                let parameters = [("PolicyName", name.as_str()), ("PolicyDocument", &text)];
                target.call(&mut common.connect(env).await?, ["Put", "Policy"], &parameters).await?;
                Ok(String::new().into())
            }
            Self::DeleteInline { target, name, common } => {
                let parameters = [("PolicyName", name.as_str())];
                target.call(&mut common.connect(env).await?, ["Delete", "Policy"], &parameters).await?;
                Ok(String::new().into())
            }
            Self::Explain(explain) => explain.run(env).await,
        }
    }
}

impl Named {
    /// A connection, and the policy's ARN. A name is looked up: the account's own policy goes before one of the server.
    async fn found(&self, env: Env<'_>) -> Result<(ControlClient, String), Failure> {
        let mut client = self.common.connect(env).await?;
        if self.policy.starts_with("arn:") {
            return Ok((client, self.policy.clone()));
        }
        for scope in ["Local", "AWS"] {
            let policies = client.iam_all("ListPolicies", &[("Scope", scope)], "Policies").await?;
            if let Some(policy) = policies.iter().find(|policy| field(policy, "PolicyName") == self.policy) {
                let arn = field(policy, "Arn").to_owned();
                return Ok((client, arn));
            }
        }
        Err(Failure::new(super::printable(&format!("there is no managed policy `{}`", self.policy))))
    }

    async fn on(&self, target: &Target, verb: &str, env: Env<'_>) -> Outcome {
        let (mut client, arn) = self.found(env).await?;
        target.call(&mut client, [verb, "Policy"], &[("PolicyArn", &arn)]).await?;
        Ok(String::new().into())
    }
}

async fn described(client: &mut ControlClient, arn: &str) -> Result<Value, Failure> {
    let answer = client.iam("GetPolicy", &[("PolicyArn", arn)]).await;
    let mut policy = answer?.get_mut("Policy").map(Value::take).ok_or_else(Failure::not_understood)?;
    let version = [("PolicyArn", arn), ("VersionId", field(&policy, "DefaultVersionId"))];
    let answer = client.iam("GetPolicyVersion", &version).await?;
    let text = answer.get("PolicyVersion").map_or("", |version| field(version, "Document"));
    policy["Document"] = decoded(text).into();
    for (list, name) in [("PolicyUsers", "Users"), ("PolicyGroups", "Groups"), ("PolicyRoles", "Roles")] {
        policy[name] = client.iam_all("ListEntitiesForPolicy", &[("PolicyArn", arn)], list).await?.into();
    }
    Ok(policy)
}

fn shown(policy: &Value) -> String {
    use super::shown::list;
    lines(&[
        ("policy", field(policy, "PolicyName")),
        ("arn", field(policy, "Arn")),
        ("description", field(policy, "Description")),
        ("version", field(policy, "DefaultVersionId")),
        ("created", field(policy, "CreateDate")),
        ("users", &joined(list(policy, "Users"), Some("UserName"))),
        ("groups", &joined(list(policy, "Groups"), Some("GroupName"))),
        ("roles", &joined(list(policy, "Roles"), Some("RoleName"))),
        ("document", field(policy, "Document")),
    ])
}
