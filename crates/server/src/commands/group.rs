//! `strongroom group …`: groups of users, for policies that count for all their members.

use super::shown::{field, joined, lines, list, listed, pretty};
use super::target::{Kind, Policies, delete, policy_lines};
use super::{Common, Env, Outcome};
use crate::client::ControlClient;
use crate::failure::Failure;
use clap::{Args, Subcommand};
use serde_json::Value;

#[derive(Debug, Subcommand)]
pub(crate) enum Group {
    /// Make a group and print its ARN.
    #[command(after_help = "Example:\n  strongroom group create --name auditors")]
    Create {
        /// Name, unique in the account.
        #[arg(long)]
        name: String,
        /// Path in its ARN: begins and ends with a slash.
        #[arg(long)]
        path: Option<String>,
        #[command(flatten)]
        common: Common,
    },
    /// List the groups.
    #[command(after_help = "Example:\n  strongroom group list")]
    List {
        #[command(flatten)]
        common: Common,
    },
    /// Show a group with its members and policies.
    #[command(after_help = "Example:\n  strongroom group show auditors")]
    Show {
        #[command(flatten)]
        named: Named,
    },
    /// Delete a group.
    #[command(after_help = "Example:\n  strongroom group delete auditors --force")]
    Delete {
        #[command(flatten)]
        named: Named,
        /// Take its members and policies away first, which otherwise stand in the way.
        #[arg(long)]
        force: bool,
    },
    /// Make a user a member of a group.
    #[command(after_help = "Example:\n  strongroom group add-user auditors --user alice")]
    AddUser {
        #[command(flatten)]
        named: Named,
        /// The user's name.
        #[arg(long, value_name = "NAME")]
        user: String,
    },
    /// End a user's membership of a group.
    #[command(after_help = "Example:\n  strongroom group remove-user auditors --user alice")]
    RemoveUser {
        #[command(flatten)]
        named: Named,
        /// The user's name.
        #[arg(long, value_name = "NAME")]
        user: String,
    },
}

/// A subcommand about one group.
#[derive(Args, Debug)]
pub(crate) struct Named {
    /// The group's name.
    group: String,
    #[command(flatten)]
    common: Common,
}

impl Group {
    pub(crate) async fn run(&self, env: Env<'_>) -> Outcome {
        match self {
            Self::Create { name, path, common } => {
                let mut parameters = vec![("GroupName", name.as_str())];
                parameters.extend(path.as_deref().map(|path| ("Path", path)));
                let answer = common.connect(env).await?.iam("CreateGroup", &parameters).await?;
                let group = answer.get("Group").ok_or_else(Failure::not_understood)?;
                Ok(if common.json { pretty(group) } else { format!("{}\n", field(group, "Arn")) }.into())
            }
            Self::List { common } => {
                let groups = common.connect(env).await?.iam_all("ListGroups", &[], "Groups").await?;
                let columns = [("name", "GroupName"), ("path", "Path"), ("created", "CreateDate"), ("arn", "Arn")];
                Ok(if common.json { pretty(&groups.into()) } else { listed(&groups, &columns) }.into())
            }
            Self::Show { named } => {
                let group = described(&mut named.common.connect(env).await?, &named.group).await?;
                Ok(if named.common.json { pretty(&group) } else { shown(&group) }.into())
            }
            Self::Delete { named, force } => {
                let mut client = named.common.connect(env).await?;
                if *force {
                    strip(&mut client, &named.group).await?;
                }
                delete(&mut client, Kind::Group, &named.group).await?;
                Ok(String::new().into())
            }
            Self::AddUser { named, user } => named.member("AddUserToGroup", user, env).await,
            Self::RemoveUser { named, user } => named.member("RemoveUserFromGroup", user, env).await,
        }
    }
}

impl Named {
    async fn member(&self, action: &str, user: &str, env: Env<'_>) -> Outcome {
        let parameters = [("GroupName", self.group.as_str()), ("UserName", user)];
        let answer = self.common.connect(env).await?.iam(action, &parameters).await?;
        Ok(if self.common.json { pretty(&answer) } else { String::new() }.into())
    }
}

async fn described(client: &mut ControlClient, name: &str) -> Result<Value, Failure> {
    let named = [("GroupName", name)];
    let mut group =
        client.iam("GetGroup", &named).await?.get_mut("Group").map(Value::take).ok_or_else(Failure::not_understood)?;
    group["Users"] = client.iam_all("GetGroup", &named, "Users").await?.into();
    Policies::of(client, Kind::Group, name).await?.add_to(&mut group);
    Ok(group)
}

fn shown(group: &Value) -> String {
    let [attached, own] = policy_lines(group);
    lines(&[
        ("group", field(group, "GroupName")),
        ("arn", field(group, "Arn")),
        ("id", field(group, "GroupId")),
        ("created", field(group, "CreateDate")),
        ("members", &joined(list(group, "Users"), Some("UserName"))),
        (attached.0, &attached.1),
        (own.0, &own.1),
    ])
}

/// Takes away what a group must not have when it is deleted.
async fn strip(client: &mut ControlClient, name: &str) -> Result<(), Failure> {
    for user in client.iam_all("GetGroup", &[("GroupName", name)], "Users").await? {
        let parameters = [("GroupName", name), ("UserName", field(&user, "UserName"))];
        client.iam("RemoveUserFromGroup", &parameters).await?;
    }
    Policies::of(client, Kind::Group, name).await?.remove(client, Kind::Group, name).await
}
