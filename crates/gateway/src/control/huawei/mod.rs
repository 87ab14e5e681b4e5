//! The Huawei IAM API: `/v3`, `/v3.0`, `/v5`. JSON in and out, signed with `SDK-HMAC-SHA256` or with a token.

use super::plane::{ControlRequest, refused};
use super::signed::Refused;
use crate::reply::Reply;
use http::StatusCode;

/// Serves one request.
pub(super) async fn serve(request: ControlRequest<'_>) -> Reply {
    tracing::debug!(request_id = request.request_id, bytes = request.body.len(), "not offered yet");
    refused(StatusCode::NOT_IMPLEMENTED, "UnknownOperationException", "This API is not offered.")
}

/// A refusal from before the operation is known.
pub(super) fn refuse(why: &Refused) -> Reply {
    why.reply()
}
