//! `strongroom user …`: users of one's own account.

use super::shown::{field, joined, lines, list, listed, pretty};
use super::target::{Kind, Policies, delete, policy_lines};
use super::{Common, Env, Outcome};
use crate::client::ControlClient;
use crate::failure::Failure;
use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

#[derive(Debug, Subcommand)]
pub(crate) enum User {
    /// Make a user and print its ARN. It may do nothing until a policy allows it.
    #[command(after_help = "Example:\n  strongroom user create --name alice --path /staff/\n  \
                            strongroom access-key create --user alice")]
    Create {
        /// Name, unique in the account.
        #[arg(long)]
        name: String,
        /// Path in its ARN: begins and ends with a slash.
        #[arg(long)]
        path: Option<String>,
        /// ARN of the policy that says what it may do at most.
        #[arg(long, value_name = "ARN")]
        boundary: Option<String>,
        #[command(flatten)]
        common: Common,
    },
    /// List the users.
    #[command(after_help = "Example:\n  strongroom user list --json")]
    List {
        #[command(flatten)]
        common: Common,
    },
    /// Show a user with its groups, policies and access keys.
    #[command(after_help = "Example:\n  strongroom user show alice")]
    Show {
        #[command(flatten)]
        named: Named,
    },
    /// Delete a user.
    #[command(after_help = "Example:\n  strongroom user delete alice --force")]
    Delete {
        #[command(flatten)]
        named: Named,
        /// Take its access keys, password, policies and memberships away first, which otherwise stand in the way.
        #[arg(long)]
        force: bool,
    },
    /// Accept the credentials of a user again.
    #[command(after_help = "Example:\n  strongroom user enable alice")]
    Enable {
        #[command(flatten)]
        named: Named,
    },
    /// Refuse all credentials of a user, at once, until it is enabled again.
    #[command(after_help = "Example:\n  strongroom user disable alice")]
    Disable {
        #[command(flatten)]
        named: Named,
    },
    /// Refuse the temporary credentials that a user was issued until now.
    #[command(after_help = "Example:\n  strongroom user revoke-sessions alice")]
    RevokeSessions {
        #[command(flatten)]
        named: Named,
    },
}

/// A subcommand about one user.
#[derive(Args, Debug)]
pub(crate) struct Named {
    /// The user's name.
    user: String,
    #[command(flatten)]
    common: Common,
}

impl User {
    pub(crate) async fn run(&self, env: Env<'_>) -> Outcome {
        match self {
            Self::Create { name, path, boundary, common } => {
                let mut parameters = vec![("UserName", name.as_str())];
                parameters.extend(path.as_deref().map(|path| ("Path", path)));
                parameters.extend(boundary.as_deref().map(|arn| ("PermissionsBoundary", arn)));
                let answer = common.connect(env).await?.iam("CreateUser", &parameters).await?;
                let user = answer.get("User").ok_or_else(Failure::not_understood)?;
                Ok(if common.json { pretty(user) } else { format!("{}\n", field(user, "Arn")) }.into())
            }
            Self::List { common } => {
                let users = common.connect(env).await?.iam_all("ListUsers", &[], "Users").await?;
                let columns = [("name", "UserName"), ("path", "Path"), ("created", "CreateDate"), ("arn", "Arn")];
                Ok(if common.json { pretty(&users.into()) } else { listed(&users, &columns) }.into())
            }
            Self::Show { named } => {
                let user = described(&mut named.common.connect(env).await?, &named.user).await?;
                Ok(if named.common.json { pretty(&user) } else { shown(&user) }.into())
            }
            Self::Delete { named, force } => {
                let mut client = named.common.connect(env).await?;
                if *force {
                    strip(&mut client, &named.user).await?;
                }
                delete(&mut client, Kind::User, &named.user).await?;
                Ok(String::new().into())
            }
            Self::Enable { named } => named.set_enabled(true, env).await,
            Self::Disable { named } => named.set_enabled(false, env).await,
            Self::RevokeSessions { named } => {
                let path = ["users", &named.user, "revoke-sessions"];
                named.common.connect(env).await?.admin(Method::POST, &path, None).await?;
                Ok(String::new().into())
            }
        }
    }
}

impl Named {
    async fn set_enabled(&self, enabled: bool, env: Env<'_>) -> Outcome {
        let path = ["users", &self.user];
        let input = json!({ "enabled": enabled });
        let user = self.common.connect(env).await?.admin(Method::PATCH, &path, Some(&input)).await?;
        let state = if user.get("enabled") == Some(&Value::Bool(true)) { "enabled" } else { "disabled" };
        Ok(if self.common.json { pretty(&user) } else { lines(&[("user", field(&user, "name")), ("state", state)]) }
            .into())
    }
}

async fn described(client: &mut ControlClient, name: &str) -> Result<Value, Failure> {
    let named = [("UserName", name)];
    let mut user =
        client.iam("GetUser", &named).await?.get_mut("User").map(Value::take).ok_or_else(Failure::not_understood)?;
    user["Groups"] = client.iam_all("ListGroupsForUser", &named, "Groups").await?.into();
    user["AccessKeyMetadata"] = client.iam_all("ListAccessKeys", &named, "AccessKeyMetadata").await?.into();
    Policies::of(client, Kind::User, name).await?.add_to(&mut user);
    Ok(user)
}

fn shown(user: &Value) -> String {
    let groups = joined(list(user, "Groups"), Some("GroupName"));
    let keys = joined(list(user, "AccessKeyMetadata"), Some("AccessKeyId"));
    let [attached, own] = policy_lines(user);
    let boundary = user.get("PermissionsBoundary").map_or("", |boundary| field(boundary, "PermissionsBoundaryArn"));
    lines(&[
        ("user", field(user, "UserName")),
        ("arn", field(user, "Arn")),
        ("id", field(user, "UserId")),
        ("created", field(user, "CreateDate")),
        ("groups", &groups),
        (attached.0, &attached.1),
        (own.0, &own.1),
        ("boundary", boundary),
        ("access keys", &keys),
    ])
}

/// Takes away what a user must not have when it is deleted.
async fn strip(client: &mut ControlClient, name: &str) -> Result<(), Failure> {
    let user = described(client, name).await?;
    for key in list(&user, "AccessKeyMetadata") {
        let parameters = [("UserName", name), ("AccessKeyId", field(key, "AccessKeyId"))];
        client.iam("DeleteAccessKey", &parameters).await?;
    }
    for group in list(&user, "Groups") {
        let parameters = [("UserName", name), ("GroupName", field(group, "GroupName"))];
        client.iam("RemoveUserFromGroup", &parameters).await?;
    }
    Policies::of(client, Kind::User, name).await?.remove(client, Kind::User, name).await?;
    match client.iam("DeleteLoginProfile", &[("UserName", name)]).await {
        Err(failure) if !failure.is("NoSuchEntity") => Err(failure),
        _ => Ok(()),
    }
}
