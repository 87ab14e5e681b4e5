//! CMKs, where neither cloud has an operation: what could not be opened any more without one.

use super::{Answer, Call, Fault, json};
use crate::query::Query;
use http::StatusCode;
use kms::{KeyUser, KmsError};
use policy::Action;
use serde_json::json as object;
use std::sync::Arc;

impl Call<'_> {
    /// Asks for `kms:DescribeKey`. The names of buckets are for whoever may schedule the CMK's deletion: to use a CMK is
    /// no reason to learn who else does.
    pub(super) async fn key_impact(&self, named: &str) -> Answer {
        let (keys, user) = (&self.request.gateway.keys, self.key_user());
        let cmk = match keys.resolve(&user, named, Action::KmsDescribeKey) {
            Ok(cmk) => cmk,
            Err(error) => return Err(keys.refused(&user, Action::KmsDescribeKey, named, error).await.into()),
        };
        let version = self.version_asked()?;
        let impact = keys.impact(&user, &cmk, version).await?;
        let mut shown = object!({
            "key": cmk.to_arn(),
            "version": version,
            "needed": !impact.is_none(),
            "objects": impact.objects,
            "bytes": impact.bytes,
            "uploads": impact.uploads,
            "bucket_keys": impact.bucket_keys,
            "bucket_defaults_count": impact.bucket_defaults.len(),
            "buckets_count": impact.buckets.len(),
            "foreign_defaults_count": impact.foreign_defaults,
            "foreign_buckets_count": impact.foreign_buckets,
        });
        if keys.permit(&user, Action::KmsScheduleKeyDeletion, &cmk).is_ok() {
            shown["bucket_defaults"] = impact.bucket_defaults.into();
            shown["buckets"] = impact.buckets.into();
        }
        Ok(json(StatusCode::OK, &shown))
    }

    /// The version of the CMK that is asked about; all together without one.
    fn version_asked(&self) -> Result<Option<u32>, Fault> {
        let query = self.request.head.uri.query().unwrap_or_default();
        let query = Query::parse(query).map_err(|_| Fault::input("the query cannot be read"))?;
        if let Some(other) = query.names().find(|name| *name != "version") {
            return Err(Fault::input(format!("`{other}` is no parameter of an impact: it has version")));
        }
        match query.get_filled("version").map_err(|_| Fault::input("the query cannot be read"))? {
            None => Ok(None),
            Some(text) => {
                let number = text.parse().ok().filter(|number: &u32| *number > 0);
                number.map(Some).ok_or_else(|| Fault::input("version: it is a number from 1 on"))
            }
        }
    }

    pub(super) fn key_user(&self) -> KeyUser {
        KeyUser {
            principal: self.requester.principal.clone(),
            access_key: Some(Arc::clone(&self.access_key)),
            via: "admin",
            request_id: self.request.request_id.to_owned(),
            conditions: Arc::new(self.requester.conditions.clone()),
        }
    }
}

impl From<KmsError> for Fault {
    fn from(error: KmsError) -> Self {
        let (status, code) = match &error {
            KmsError::Denied => (StatusCode::FORBIDDEN, "AccessDenied"),
            KmsError::NotFound => (StatusCode::NOT_FOUND, "NoSuchKey"),
            KmsError::InvalidArn | KmsError::Validation(_) => (StatusCode::BAD_REQUEST, "InvalidInput"),
            KmsError::Throttled => (StatusCode::TOO_MANY_REQUESTS, "Throttled"),
            KmsError::AuditUnavailable | KmsError::Unavailable(_) => {
                (StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable")
            }
            _ => return Self::internal(error.to_string()),
        };
        Self::new(status, code, error.to_string())
    }
}
