//! The encryption inventory of a bucket: how each object is sealed, by page.

use super::{Answer, Call, Fault, json};
use crate::dialect::Dialect;
use crate::query::Query;
use http::StatusCode;
use model::BucketName;
use objects::api::RequestContext;
use objects::{Fail, INVENTORY_PAGE_MAX, InventoryEntry};
use serde_json::{Value, json as object};
use sse::Transport;
use std::sync::Arc;

impl Call<'_> {
    /// Asks for `s3:ListBucket` and `s3:GetEncryptionConfiguration` on the bucket.
    pub(super) async fn inventory(&self, named: &str) -> Answer {
        let query = self.request.head.uri.query().unwrap_or_default();
        let bad = |_| Fault::input("the query cannot be read");
        let query = Query::parse(query).map_err(bad)?;
        if let Some(other) = query.names().find(|name| !["after", "max"].contains(name)) {
            return Err(Fault::input(format!("`{other}` is no parameter of an inventory: it has after, max")));
        }
        let after = query.get_filled("after").map_err(bad)?.map(str::to_owned);
        let max = match query.get_filled("max").map_err(bad)? {
            None => INVENTORY_PAGE_MAX,
            Some(text) => {
                let max = text.parse().ok().filter(|max| (1..=INVENTORY_PAGE_MAX).contains(max));
                max.ok_or_else(|| Fault::input(format!("max: it is a number from 1 to {INVENTORY_PAGE_MAX}")))?
            }
        };
        let cx = RequestContext {
            request_id: self.request.request_id.to_owned(),
            principal: self.requester.principal.clone(),
            access_key: Some(Arc::clone(&self.access_key)),
            conditions: Arc::new(self.requester.conditions.clone()),
            transport: if self.requester.conditions.secure_transport { Transport::Tls } else { Transport::Plain },
            via: "admin",
            rules: Dialect::S3.rules,
        };
        let objects = &self.request.gateway.objects;
        let page = match BucketName::parse(named) {
            Ok(bucket) => objects.encryption_inventory(&cx, &bucket, after, max).await.map(|page| (bucket, page)),
            Err(_) => Err(Fail::NoSuchBucket),
        };
        let (bucket, page) = match page {
            // That there is none is told to who may list buckets.
            Err(Fail::NoSuchBucket) if objects.list_buckets(&cx).await.is_err() => Err(refused(Fail::AccessDenied)),
            page => page.map_err(refused),
        }?;
        let shown: Vec<Value> = page.objects.iter().map(|entry| entry_shown(&bucket, entry)).collect();
        Ok(json(StatusCode::OK, &object!({ "objects": shown, "next": page.next })))
    }
}

fn entry_shown(bucket: &BucketName, entry: &InventoryEntry) -> Value {
    let InventoryEntry { name, uid, size, last_modified, etag, how, checksum, parts } = entry;
    object!({
        "bucket": bucket.as_str(),
        "name": name,
        "version": uid,
        "size": size,
        "last_modified": last_modified.as_millis(),
        "etag": etag.to_string(),
        "method": how.method,
        "cipher": how.cipher,
        "cmk": how.cmk.as_ref().map(|cmk| cmk.to_arn()),
        "cmk_version": how.cmk_version,
        "bucket_key": how.bucket_key.map(|id| id.to_string()),
        "storage_class": "STANDARD",
        "checksum": checksum.map(|algorithm| format!("{algorithm:?}").to_uppercase()),
        "parts": parts,
    })
}

fn no_bucket() -> Fault {
    Fault::new(StatusCode::NOT_FOUND, "NoSuchBucket", "There is no such bucket.")
}

fn refused(fail: Fail) -> Fault {
    match fail {
        Fail::NoSuchBucket => no_bucket(),
        Fail::AccessDenied => Fault::new(StatusCode::FORBIDDEN, "AccessDenied", "Access denied."),
        Fail::Store(fault) => {
            tracing::error!(%fault, "an inventory could not be read");
            Fault::new(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", "The inventory cannot be read now.")
        }
        other => Fault::internal(format!("{other:?}")),
    }
}
