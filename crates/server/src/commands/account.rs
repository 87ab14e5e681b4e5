//! `strongroom account …`: accounts, made and kept by the operator's account.

use super::secret_arg::SecretArg;
use super::shown::{field, lines, list, pretty, table};
use super::{Common, Env, Outcome, Output};
use crate::failure::Failure;
use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};
use zeroize::Zeroizing;

#[derive(Debug, Subcommand)]
pub(crate) enum Account {
    /// Make an account and print its canonical id.
    ///
    /// Its root identity gets an access key. If you give none, one is drawn and told once: on standard error, or in the
    /// JSON.
    #[command(after_help = "Example:\n  ID=$(strongroom account create --name acme --email ops@acme.example)")]
    Create {
        /// Name, unique on the server.
        #[arg(long)]
        name: String,
        /// E-mail address, unique on the server; ACLs may name the account by it.
        #[arg(long)]
        email: Option<String>,
        /// Access key id of the root identity.
        #[arg(long, value_name = "AK", requires = "secret_key")]
        access_key: Option<String>,
        /// Its secret; `-` reads a line of standard input, which other users of this machine cannot see.
        #[arg(long, value_name = "SK", requires = "access_key", allow_hyphen_values = true)]
        secret_key: Option<SecretArg>,
        #[command(flatten)]
        common: Common,
    },
    /// List the accounts; whoever is not of the operator's account sees their own.
    #[command(after_help = "Example:\n  strongroom account list")]
    List {
        #[command(flatten)]
        common: Common,
    },
    /// Show one account.
    #[command(after_help = "Example:\n  strongroom account show acme --json")]
    Show {
        #[command(flatten)]
        named: Named,
    },
    /// Accept the credentials of an account again.
    #[command(after_help = "Example:\n  strongroom account enable acme")]
    Enable {
        #[command(flatten)]
        named: Named,
    },
    /// Refuse all credentials of an account, at once, until it is enabled again.
    #[command(after_help = "Example:\n  strongroom account disable acme")]
    Disable {
        #[command(flatten)]
        named: Named,
    },
    /// Delete an account with its users, groups, roles and policies. Refused while it owns a bucket or a CMK.
    #[command(after_help = "Example:\n  strongroom account delete acme")]
    Delete {
        #[command(flatten)]
        named: Named,
    },
}

/// A subcommand about one account.
#[derive(Args, Debug)]
pub(crate) struct Named {
    /// The account: its canonical id, its number or its name.
    account: String,
    #[command(flatten)]
    common: Common,
}

impl Account {
    pub(crate) async fn run(&self, env: Env<'_>) -> Outcome {
        match self {
            Self::Create { name, email, access_key, secret_key, common } => {
                let given = access_key.as_deref().zip(secret_key.as_ref());
                create(name, email.as_deref(), given, common, env).await
            }
            Self::List { common } => {
                let answer = common.connect(env).await?.admin(Method::GET, &["accounts"], None).await?;
                let accounts = list(&answer, "accounts");
                Ok(if common.json { pretty(&accounts.into()) } else { listed(accounts) }.into())
            }
            Self::Show { named } => named.ask(Method::GET, None, env).await,
            Self::Enable { named } => named.ask(Method::PATCH, Some(json!({ "enabled": true })), env).await,
            Self::Disable { named } => named.ask(Method::PATCH, Some(json!({ "enabled": false })), env).await,
            Self::Delete { named } => {
                let path = ["accounts", &named.account];
                named.common.connect(env).await?.admin(Method::DELETE, &path, None).await?;
                Ok(String::new().into())
            }
        }
    }
}

impl Named {
    async fn ask(&self, method: Method, input: Option<Value>, env: Env<'_>) -> Outcome {
        let path = ["accounts", &self.account];
        let account = self.common.connect(env).await?.admin(method, &path, input.as_ref()).await?;
        Ok(if self.common.json { pretty(&account) } else { shown(&account) }.into())
    }
}

async fn create(
    name: &str,
    email: Option<&str>,
    given: Option<(&str, &SecretArg)>,
    common: &Common,
    env: Env<'_>,
) -> Outcome {
    let mut input = json!({ "name": name });
    if let Some(email) = email {
        input["email"] = email.into();
    }
    if let Some((id, secret)) = given {
        input["access_key"] = id.into();
        input["secret_key"] = secret.read()?.as_str().into();
    }
    let made = common.connect(env).await?.admin(Method::POST, &["accounts"], Some(&input)).await?;
    if common.json {
        return Ok(pretty(&made).into());
    }
    let id = field(&made, "id");
    if id.is_empty() {
        return Err(Failure::not_understood());
    }
    let mut output = Output::from(format!("{id}\n"));
    if given.is_none() {
        output.note = Zeroizing::new(told_once(field(&made, "root_access_key"), field(&made, "root_secret_key")));
    }
    Ok(output)
}

/// A drawn access key, for a person.
pub(super) fn told_once(id: &str, secret: &str) -> String {
    lines(&[("access key", id)]) + &lines(&[("secret key", &format!("{secret}   (shown this once: keep it)"))])
}

fn state(account: &Value) -> &'static str {
    if account.get("enabled") == Some(&Value::Bool(true)) { "enabled" } else { "disabled" }
}

fn listed(accounts: &[Value]) -> String {
    let row = |account: &Value| {
        let text = |name: &str| field(account, name).to_owned();
        vec![text("id"), text("number"), state(account).to_owned(), text("name"), text("email")]
    };
    table(&["id", "number", "state", "name", "e-mail"], &accounts.iter().map(row).collect::<Vec<_>>())
}

fn shown(account: &Value) -> String {
    let operator = account.get("operator") == Some(&Value::Bool(true));
    lines(&[
        ("account", field(account, "id")),
        ("number", field(account, "number")),
        ("name", field(account, "name")),
        ("e-mail", field(account, "email")),
        ("state", state(account)),
        ("created", field(account, "created")),
        ("operator", if operator { "yes: may make other accounts" } else { "" }),
    ])
}
