//! The root key, and backups of what is under it: for the operator alone.
//!
//! The right is asked before the body is read, and every request, refused ones too, is on record before its answer.

use super::{Answer, Call, Fault, input, json};
use data_encoding::BASE64;
use http::StatusCode;
use kms::{KmsError, NewRoot};
use policy::Action;
use serde::Deserialize;
use serde_json::json as object;
use zeroize::Zeroizing;

/// Where the next root key comes from.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rewrap {
    source: Option<Source>,
    passphrase: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Source {
    File,
    Passphrase,
    Token,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BackUp {
    passphrase: String,
}

fn secret(text: String) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(text.into_bytes())
}

impl Call<'_> {
    pub(super) async fn change_root_key(&self) -> Answer {
        let keys = &self.request.gateway.keys;
        let changed = keys
            .on_record(&self.key_user(), "ChangeRootKey", |mut intent| async move {
                self.permit_operator(Action::ServerChangeRootKey)?;
                let Rewrap { source, passphrase } = self.body()?;
                let from = match (source, passphrase.map(secret)) {
                    (None, passphrase) => NewRoot::SameSource(passphrase),
                    (Some(Source::File), None) => NewRoot::File,
                    (Some(Source::Token), None) => NewRoot::Token,
                    (Some(Source::Passphrase), Some(passphrase)) => NewRoot::Passphrase(passphrase),
                    (Some(Source::File | Source::Token), Some(_)) => {
                        let why = "a root key in a file or a token takes no passphrase";
                        return Err(KmsError::Validation(why.to_owned()));
                    }
                    (Some(Source::Passphrase), None) => {
                        return Err(KmsError::Validation("the passphrase is missing".to_owned()));
                    }
                };
                intent.announce().await?;
                keys.change_root(from).await
            })
            .await?;
        Ok(json(StatusCode::OK, &object!({ "keys": changed.keys, "unfinished": changed.unfinished })))
    }

    pub(super) async fn back_up_keys(&self) -> Answer {
        let keys = &self.request.gateway.keys;
        let backup = keys
            .on_record(&self.key_user(), "BackUpKeys", |_| async {
                self.permit_operator(Action::ServerBackUpKeys)?;
                let BackUp { passphrase } = self.body()?;
                Ok(keys.back_up(secret(passphrase), env!("CARGO_PKG_VERSION")).await?)
            })
            .await?;
        Ok(json(StatusCode::OK, &object!({ "backup": BASE64.encode(&backup) })))
    }

    fn permit_operator(&self, action: Action) -> Result<(), KmsError> {
        self.request.gateway.directory.permit_operator(self.requester, action).map_err(|_| KmsError::Denied)
    }

    fn body<T: serde::de::DeserializeOwned>(&self) -> Result<T, KmsError> {
        input::parse(&self.request.body).map_err(|fault| KmsError::Validation(fault.into_message()))
    }
}

impl Fault {
    fn into_message(self) -> String {
        self.message
    }
}
