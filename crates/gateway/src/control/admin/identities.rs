//! What AWS's IAM has no operation for: switching a user off and on, ending sessions, and a fresh key for tokens. All
//! but the last act on the requester's own account.

use super::{Answer, Call, Fault, input, json};
use crate::reply::Reply;
use http::StatusCode;
use iam::{Entity, Named, UserChange};
use serde::Deserialize;
use serde_json::json as object;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Update {
    enabled: bool,
}

impl Call<'_> {
    pub(super) async fn update_user(&self, named: &str) -> Answer {
        let Update { enabled } = input::parse(&self.request.body)?;
        let user = Named::Name(input::name("user", named)?);
        let change = UserChange { enabled: Some(enabled), ..UserChange::default() };
        let user = self.request.gateway.directory.update_user(self.requester, user, change).await?;
        Ok(json(
            StatusCode::OK,
            &object!({ "name": user.name.as_str(), "path": user.path.as_str(), "enabled": user.enabled }),
        ))
    }

    pub(super) async fn revoke_user_sessions(&self, named: &str) -> Answer {
        self.revoke(Entity::User(Named::Name(input::name("user", named)?))).await
    }

    pub(super) async fn revoke_role_sessions(&self, named: &str) -> Answer {
        self.revoke(Entity::Role(Named::Name(input::name("role", named)?))).await
    }

    async fn revoke(&self, entity: Entity) -> Answer {
        self.no_input()?;
        self.request.gateway.directory.revoke_sessions(self.requester, entity).await?;
        Ok(Reply::no_content())
    }

    pub(super) async fn rotate_token_key(&self) -> Answer {
        self.no_input()?;
        self.request.gateway.directory.rotate_token_key(self.requester).await?;
        tracing::info!(request_id = self.request.request_id, "session tokens are sealed under a fresh key");
        Ok(Reply::no_content())
    }

    fn no_input(&self) -> Result<(), Fault> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Nothing {}
        input::parse::<Nothing>(&self.request.body).map(|Nothing {}| ())
    }
}
