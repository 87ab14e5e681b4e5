//! This server's own API, `/admin/v1/`: what neither AWS nor Huawei has an operation for. JSON in and out, signed with
//! V4 for the service `strongroom`. Described in docs/admin-api.md.
//!
//! The order of a request: signature, route, body, and then the directory, which asks for the right to the operation
//! before it tells whether what is named exists.

mod accounts;
mod explain;
mod fault;
mod identities;
mod input;
mod inventory;
mod keys;
mod resource;
mod rewrap;
mod root;
mod routes;
mod usage;

use super::plane::ControlRequest;
use super::signed::{Refused, Signer, authenticate};
use crate::reply::{Reply, ReplyBody};
use bytes::Bytes;
use fault::Fault;
use http::StatusCode;
use iam::Requester;
use routes::{Operation, Route};
use serde_json::Value;
use std::sync::Arc;

/// The service that requests are signed for.
const SERVICE: &str = "strongroom";

/// Serves one request.
pub(super) async fn serve(request: ControlRequest<'_>) -> Reply {
    let ControlRequest { gateway, head, body, request_id, .. } = &request;
    let Signer { principal, access_key } = match authenticate(gateway, head, body, SERVICE) {
        Ok(signer) => signer,
        Err(why) => {
            tracing::debug!(request_id, ?why, "admin request refused");
            return refuse(&why, request_id);
        }
    };
    let conditions = request.conditions();
    let requester = Requester { principal: &principal, conditions: &conditions };
    let answer = match Route::find(&head.method, head.uri.path()) {
        Ok(route) => Call { request: &request, requester, access_key }.serve(&route).await,
        Err(no_route) => Err(no_route.into()),
    };
    answer.unwrap_or_else(|fault| fault.reply(request_id))
}

/// A refusal from before the operation is known.
pub(super) fn refuse(why: &Refused, request_id: &str) -> Reply {
    Fault::refused(why).reply(request_id)
}

/// One request under way; each operation is a method in the file of its family.
struct Call<'a> {
    request: &'a ControlRequest<'a>,
    requester: Requester<'a>,
    access_key: Arc<str>,
}

type Answer = Result<Reply, Fault>;

impl Call<'_> {
    async fn serve(&self, route: &Route) -> Answer {
        let named = route.named.as_str();
        match route.operation {
            Operation::CreateAccount => self.create_account().await,
            Operation::ListAccounts => self.list_accounts().await,
            Operation::GetAccount => self.get_account(named).await,
            Operation::UpdateAccount => self.update_account(named).await,
            Operation::DeleteAccount => self.delete_account(named).await,
            Operation::UpdateUser => self.update_user(named).await,
            Operation::RevokeUserSessions => self.revoke_user_sessions(named).await,
            Operation::RevokeRoleSessions => self.revoke_role_sessions(named).await,
            Operation::RotateTokenKey => self.rotate_token_key().await,
            Operation::Explain => self.explain().await,
            Operation::Inventory => self.inventory(named).await,
            Operation::KeyImpact => self.key_impact(named).await,
            Operation::KeyUsage => self.key_usage().await,
            Operation::RequestUsage => self.request_usage().await,
            Operation::StorageUsage => self.storage_usage().await,
            Operation::BucketKeyUsage => self.bucket_key_usage().await,
            Operation::ChangeRootKey => self.change_root_key().await,
            Operation::StartRewrap => self.start_rewrap().await,
            Operation::ListRewraps => self.list_rewraps().await,
            Operation::GetRewrap => self.get_rewrap(named).await,
            Operation::StopRewrap => self.stop_rewrap(named).await,
            Operation::ResumeRewrap => self.resume_rewrap(named).await,
            Operation::BackUpKeys => self.back_up_keys().await,
        }
    }
}

fn json(status: StatusCode, value: &Value) -> Reply {
    let mut reply = Reply::new(status).with("content-type", "application/json");
    reply.body = ReplyBody::Full(Bytes::from(value.to_string()));
    reply
}
