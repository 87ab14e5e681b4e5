//! This server's own API, `/admin/v1/`: what neither AWS nor Huawei has an operation for. JSON in and out, signed with V4 for
//! the service `strongroom`.

use super::plane::{ControlRequest, refused};
use crate::reply::Reply;
use http::StatusCode;

/// Serves one request.
pub(super) async fn serve(request: ControlRequest<'_>) -> Reply {
    tracing::debug!(request_id = request.request_id, bytes = request.body.len(), "not offered yet");
    refused(StatusCode::NOT_IMPLEMENTED, "UnknownOperationException", "This API is not offered.")
}
