//! Accounts: made, shown, changed and deleted by the operator's account.

use super::{Answer, Call, Fault, input, json};
use crate::dates::xml_date;
use crate::reply::Reply;
use http::StatusCode;
use iam::{Account, GivenRoot, check_strength};
use serde::Deserialize;
use serde_json::{Value, json as object};
use zeroize::Zeroizing;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    name: String,
    email: Option<String>,
    access_key: Option<String>,
    secret_key: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Update {
    name: Option<String>,
    #[serde(default, deserialize_with = "input::said")]
    email: Option<Option<String>>,
    enabled: Option<bool>,
}

impl Call<'_> {
    /// The reply is the only one that ever tells the secret.
    pub(super) async fn create_account(&self) -> Answer {
        let Create { name, email, access_key, secret_key } = input::parse(&self.request.body)?;
        let secret_key = secret_key.map(Zeroizing::new);
        let name = input::name("name", &name)?;
        let given = match (access_key, secret_key) {
            (None, None) => None,
            (Some(id), Some(secret)) => Some(given_key(&id, &secret)?),
            _ => return Err(Fault::input("access_key and secret_key go together: one of them is missing")),
        };
        let made = self.request.gateway.directory.create_account(self.requester, name, email, given).await?;
        let mut shown = described(&made.account);
        shown["root_access_key"] = made.key.info.id.as_str().into();
        shown["root_secret_key"] = made.key.secret.expose().into();
        tracing::info!(request_id = self.request.request_id, account = %made.account.id, "account created");
        Ok(json(StatusCode::CREATED, &shown))
    }

    pub(super) async fn list_accounts(&self) -> Answer {
        let accounts = self.request.gateway.directory.list_accounts(self.requester).await?;
        let accounts: Vec<Value> = accounts.iter().map(|account| described(account)).collect();
        Ok(json(StatusCode::OK, &object!({ "accounts": accounts })))
    }

    pub(super) async fn get_account(&self, named: &str) -> Answer {
        let account = self.request.gateway.directory.get_account(self.requester, named).await?;
        Ok(json(StatusCode::OK, &described(&account)))
    }

    pub(super) async fn update_account(&self, named: &str) -> Answer {
        let Update { name, email, enabled } = input::parse(&self.request.body)?;
        let name = name.map(|name| input::name("name", &name)).transpose()?;
        let directory = &self.request.gateway.directory;
        let account = directory.update_account(self.requester, named, enabled, name, email).await?;
        tracing::info!(request_id = self.request.request_id, account = %account.id, "account changed");
        Ok(json(StatusCode::OK, &described(&account)))
    }

    /// Refused while the account owns a bucket or a CMK: nobody could reach what it leaves behind. The service's own
    /// key of the account does not count, since nobody can delete it; without its account it opens nothing. The account is
    /// disabled before it is looked at, or it could make a bucket between the look and its end.
    pub(super) async fn delete_account(&self, named: &str) -> Answer {
        let gateway = self.request.gateway;
        let account = gateway.directory.get_account(self.requester, named).await?;
        let owned = || (gateway.objects.buckets_owned_by(&account.id), gateway.keys.cmks_owned_by(&account.id));
        let refused = |(buckets, cmks): (usize, usize)| match buckets + cmks {
            0 => Ok(()),
            _ => Err(Fault::new(
                StatusCode::CONFLICT,
                "DeleteConflict",
                format!("the account still owns {buckets} buckets and {cmks} customer master keys"),
            )),
        };
        // Once before: disabling ends sessions, which an account that stays should not lose.
        refused(owned())?;
        let enable = |on| gateway.directory.update_account(self.requester, account.id.as_str(), Some(on), None, None);
        // The operator's cannot be disabled, and is refused for what it is below.
        let disables = account.enabled && !account.operator;
        if disables {
            enable(false).await?;
        }
        if let Err(fault) = refused(owned()) {
            if disables {
                enable(true).await?;
            }
            return Err(fault);
        }
        gateway.directory.delete_account(self.requester, account.id.as_str()).await?;
        tracing::info!(request_id = self.request.request_id, account = %account.id, "account deleted");
        Ok(Reply::no_content())
    }
}

/// A key pair chosen by the caller. A weak secret is refused wherever the server listens: it is another's account.
fn given_key(id: &str, secret: &str) -> Result<(model::AccessKeyId, iam::SecretAccessKey), Fault> {
    let GivenRoot { id, secret } = GivenRoot::parse(id, secret)?;
    check_strength(&secret).map_err(|weakness| Fault::input(format!("secret_key is too weak: {weakness}")))?;
    Ok((id, secret))
}

fn described(account: &Account) -> Value {
    object!({
        "id": account.id.as_str(),
        "number": account.number.as_str(),
        "name": account.name.as_str(),
        "email": account.email,
        "created": xml_date(account.created),
        "enabled": account.enabled,
        "operator": account.operator,
    })
}
