//! The AWS query APIs: IAM (2010-05-08) and STS (2011-06-15). Forms in, XML out.

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
pub(super) fn refuse(why: &Refused, _request_id: &str) -> Reply {
    why.reply()
}
