//! Users, groups and roles have policies attached to them by operations that differ in a word.

use super::shown::{joined, list};
use crate::client::ControlClient;
use crate::failure::Failure;
use clap::Args;
use serde_json::{Value, json};

/// What policies are attached to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    User,
    Group,
    Role,
}

impl Kind {
    /// The word in names of operations and parameters.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Group => "Group",
            Self::Role => "Role",
        }
    }
}

/// One user, group or role.
#[derive(Args, Clone, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct Target {
    /// The user.
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// The group.
    #[arg(long, value_name = "NAME")]
    group: Option<String>,
    /// The role.
    #[arg(long, value_name = "NAME")]
    role: Option<String>,
}

impl Target {
    fn parts(&self) -> (Kind, &str) {
        match (&self.user, &self.group, &self.role) {
            (Some(name), _, _) => (Kind::User, name),
            (_, Some(name), _) => (Kind::Group, name),
            (_, _, role) => (Kind::Role, role.as_deref().unwrap_or_default()),
        }
    }

    /// Calls `<before><word><after>` (`Attach`, `Policy`) on it.
    pub(super) async fn call(
        &self,
        client: &mut ControlClient,
        [before, after]: [&str; 2],
        parameters: &[(&str, &str)],
    ) -> Result<Value, Failure> {
        let (kind, name) = self.parts();
        call(client, kind, name, [before, after], parameters).await
    }
}

async fn call(
    client: &mut ControlClient,
    kind: Kind,
    name: &str,
    [before, after]: [&str; 2],
    parameters: &[(&str, &str)],
) -> Result<Value, Failure> {
    let parameter = format!("{}Name", kind.word());
    let mut all = vec![(parameter.as_str(), name)];
    all.extend_from_slice(parameters);
    client.iam(&format!("{before}{}{after}", kind.word()), &all).await
}

/// The policies of a user, group or role.
pub(super) struct Policies {
    attached: Vec<Value>,
    inline: Vec<Value>,
}

impl Policies {
    /// Asks for them.
    pub(super) async fn of(client: &mut ControlClient, kind: Kind, name: &str) -> Result<Self, Failure> {
        let parameter = format!("{}Name", kind.word());
        let named = [(parameter.as_str(), name)];
        let (attached, inline) =
            (format!("ListAttached{}Policies", kind.word()), format!("List{}Policies", kind.word()));
        Ok(Self {
            attached: client.iam_all(&attached, &named, "AttachedPolicies").await?,
            inline: client.iam_all(&inline, &named, "PolicyNames").await?,
        })
    }

    /// Takes them away, for a deletion.
    pub(super) async fn remove(&self, client: &mut ControlClient, kind: Kind, name: &str) -> Result<(), Failure> {
        for policy in &self.attached {
            let arn = super::shown::field(policy, "PolicyArn");
            call(client, kind, name, ["Detach", "Policy"], &[("PolicyArn", arn)]).await?;
        }
        for policy in &self.inline {
            let inline = policy.as_str().unwrap_or_default();
            call(client, kind, name, ["Delete", "Policy"], &[("PolicyName", inline)]).await?;
        }
        Ok(())
    }

    /// Adds them to what is shown in JSON.
    pub(super) fn add_to(&self, shown: &mut Value) {
        shown["AttachedPolicies"] = json!(self.attached);
        shown["PolicyNames"] = json!(self.inline);
    }
}

/// Lines of a shown entity: its policies, by name.
pub(super) fn policy_lines(shown: &Value) -> [(&'static str, String); 2] {
    [
        ("policies", joined(list(shown, "AttachedPolicies"), Some("PolicyName"))),
        ("own policies", joined(list(shown, "PolicyNames"), None)),
    ]
}

/// Deletes a user, group or role.
pub(super) async fn delete(client: &mut ControlClient, kind: Kind, name: &str) -> Result<(), Failure> {
    call(client, kind, name, ["Delete", ""], &[]).await.map(drop)
}
