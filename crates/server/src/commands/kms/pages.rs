//! Lists of the KMS API come in pages; people and scripts want them whole.

use super::super::shown::list;
use crate::client::ControlClient;
use crate::failure::Failure;
use serde_json::{Value, json};

impl ControlClient {
    /// Calls a listing operation until all pages are there; gives the members of `name`.
    ///
    /// # Errors
    /// As [`ControlClient::kms`].
    pub(super) async fn kms_all(&mut self, operation: &str, input: &Value, name: &str) -> Result<Vec<Value>, Failure> {
        let mut all = Vec::new();
        let mut marker = Value::Null;
        loop {
            let mut input = input.clone();
            if !marker.is_null() {
                input["Marker"] = marker.clone();
            }
            let page = self.kms(operation, &input).await?;
            all.extend_from_slice(list(&page, name));
            if page.get("Truncated") != Some(&json!(true)) {
                return Ok(all);
            }
            let next = page.get("NextMarker").cloned().unwrap_or_default();
            // A page that leads to itself would never end.
            if next.is_null() || next == marker {
                return Err(Failure::not_understood());
            }
            marker = next;
        }
    }
}
