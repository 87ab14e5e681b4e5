//! Rewrap jobs: started, shown, stopped and resumed. What a job does it does as who started it; see docs/operations.md.

use super::{Answer, Call, Fault, input, json};
use crate::dialect::Dialect;
use audit::rfc3339;
use http::StatusCode;
use jobs::rewrap::{Job, JobState, RewrapError, RewrapFrom, RewrapService, RewrapWish, Totals, VersionNeeds};
use kms::CmkId;
use model::{BucketName, JobId};
use objects::api::RequestContext;
use serde::Deserialize;
use serde_json::{Value, json as object};
use sse::Transport;
use std::sync::Arc;

/// Longest prefix of names, in bytes: as long as a name can be.
const PREFIX_BYTES_MAX: usize = model::OBJECT_NAME_BYTES_MAX;

/// What a job shall do.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Start {
    key: Option<String>,
    version: Option<u32>,
    to: Option<String>,
    bucket: Option<String>,
    prefix: Option<String>,
    #[serde(default)]
    copies: bool,
    #[serde(default)]
    bucket_key: bool,
    #[serde(default)]
    rate: u32,
    #[serde(default)]
    dry_run: bool,
}

impl Call<'_> {
    /// Asks for `kms:Decrypt` and `kms:DescribeKey` of the CMK that things come from and `kms:Encrypt` of the one they come
    /// under, and for `s3:ListBucket` of the bucket that is named; the job itself then asks for what each object and each use
    /// needs.
    pub(super) async fn start_rewrap(&self) -> Answer {
        let service = self.rewrap_service()?;
        let Start { key, version, to, bucket, prefix, copies, bucket_key, rate, dry_run } =
            input::parse(&self.request.body)?;
        let bucket = bucket.map(|name| BucketName::parse(&name)).transpose().map_err(|_| RewrapError::NoSuchBucket)?;
        let prefix = prefix.unwrap_or_default();
        if prefix.len() > PREFIX_BYTES_MAX {
            return Err(Fault::input(format!("prefix: it has at most {PREFIX_BYTES_MAX} bytes")));
        }
        let wish = RewrapWish { key, version, to, bucket, prefix, copies, bucket_key, rate };
        let (cx, user) = (self.request_context(), self.key_user());
        if dry_run {
            let would = service.dry_run(&cx, &user, &wish).await?;
            let shown = object!({ "totals": totals(&would.totals), "needs": needs(&would.needs) });
            return Ok(json(StatusCode::OK, &shown));
        }
        Ok(json(StatusCode::CREATED, &shown(&service.start(&cx, &user, &wish).await?)))
    }

    pub(super) async fn list_rewraps(&self) -> Answer {
        let jobs = self.rewrap_service()?.list(&self.key_user()).await?;
        Ok(json(StatusCode::OK, &object!({ "jobs": jobs.iter().map(shown).collect::<Vec<_>>() })))
    }

    pub(super) async fn get_rewrap(&self, named: &str) -> Answer {
        Ok(json(StatusCode::OK, &shown(&self.rewrap_service()?.status(&self.key_user(), id(named)?).await?)))
    }

    pub(super) async fn stop_rewrap(&self, named: &str) -> Answer {
        Ok(json(StatusCode::OK, &shown(&self.rewrap_service()?.stop(&self.key_user(), id(named)?).await?)))
    }

    pub(super) async fn resume_rewrap(&self, named: &str) -> Answer {
        Ok(json(StatusCode::OK, &shown(&self.rewrap_service()?.resume(&self.key_user(), id(named)?).await?)))
    }

    fn rewrap_service(&self) -> Result<&Arc<RewrapService>, Fault> {
        let service = self.request.gateway.rewrap.get();
        service.ok_or_else(|| Fault::new(StatusCode::NOT_IMPLEMENTED, "NotOffered", "This server runs no jobs."))
    }

    fn request_context(&self) -> RequestContext {
        let conditions = self.requester.conditions;
        RequestContext {
            request_id: self.request.request_id.to_owned(),
            principal: self.requester.principal.clone(),
            access_key: Some(Arc::clone(&self.access_key)),
            conditions: Arc::new(conditions.clone()),
            transport: if conditions.secure_transport { Transport::Tls } else { Transport::Plain },
            via: "admin",
            rules: Dialect::S3.rules,
        }
    }
}

/// What is no id names no job.
fn id(named: &str) -> Result<JobId, RewrapError> {
    JobId::parse_hex(named).ok_or(RewrapError::NoSuchJob)
}

fn shown(job: &Job) -> Value {
    let record = &job.record;
    let scope = &record.scope;
    let version = match &scope.from {
        RewrapFrom::Cmk(_, version) => *version,
        RewrapFrom::Managed => None,
    };
    let counts = &record.counts;
    let failure = |failure: &jobs::rewrap::Failure| object!({ "bucket": failure.bucket, "name": failure.name, "error": failure.error });
    let evidence = record.after.as_ref().map(|(counted, after)| {
        object!({
            "counted": rfc3339(*counted),
            "says": record.evidence(),
            "complete": !record.is_incomplete(),
            "left": totals(&record.left),
            "needs": needs(after),
        })
    });
    object!({
        "id": job.id.to_hex(),
        "state": record.state.name(),
        "reason": Some(&record.reason).filter(|reason| !reason.is_empty()),
        "key": scope.source().map(CmkId::to_arn),
        "version": version,
        "to": scope.to.as_ref().map(CmkId::to_arn),
        "bucket": scope.bucket.as_ref().map(|(_, name)| name.as_str()),
        "prefix": Some(&scope.prefix).filter(|prefix| !prefix.is_empty()),
        "copies": scope.copies,
        "bucket_key": scope.bucket_key,
        "rate": record.rate,
        "acts_as": record.starter.urn,
        "started": rfc3339(record.started),
        "updated": rfc3339(record.updated),
        "ended": record.ended.map(rfc3339),
        "pass": record.pass,
        "totals": (record.state == JobState::Done || record.pass > 0).then(|| totals(&record.totals)),
        "counts": {
            "objects": counts.objects,
            "bytes": counts.bytes,
            "uploads": counts.uploads,
            "bucket_keys": counts.bucket_keys,
            "copies": counts.copies,
            "removed": counts.removed,
            "unchanged": counts.unchanged,
            "gone": counts.gone,
            "refused": counts.refused,
            "failed": counts.failed,
        },
        "failures": record.failures.iter().map(failure).collect::<Vec<_>>(),
        "before": needs(&record.before),
        "evidence": evidence,
        "withheld": job.withheld,
    })
}

fn totals(of: &Totals) -> Value {
    object!({
        "objects": of.objects,
        "bytes": of.bytes,
        "uploads": of.uploads,
        "bucket_keys": of.bucket_keys,
        "served_by_bucket_keys": of.served,
    })
}

fn needs(of: &[VersionNeeds]) -> Value {
    let one = |of: &VersionNeeds| {
        object!({
            "version": of.version,
            "objects": of.objects,
            "bytes": of.bytes,
            "uploads": of.uploads,
            "bucket_keys": of.bucket_keys,
        })
    };
    of.iter().map(one).collect()
}

impl From<RewrapError> for Fault {
    fn from(error: RewrapError) -> Self {
        let (status, code) = match &error {
            RewrapError::NeedsAccessKey => (StatusCode::FORBIDDEN, "AccessDenied"),
            RewrapError::NoSuchJob => (StatusCode::NOT_FOUND, "NoSuchJob"),
            RewrapError::NoSuchBucket => (StatusCode::NOT_FOUND, "NoSuchBucket"),
            RewrapError::Invalid(_) => (StatusCode::BAD_REQUEST, "InvalidInput"),
            RewrapError::Busy(_) => (StatusCode::CONFLICT, "JobRunning"),
            RewrapError::WrongState(_) => (StatusCode::CONFLICT, "InvalidJobState"),
            RewrapError::Kms(error) => return error.clone().into(),
            RewrapError::Store(fault) => {
                tracing::error!(%fault, "a rewrap job could not be read or written");
                let message = "The jobs cannot be read or written now.";
                return Self::new(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", message);
            }
        };
        Self::new(status, code, error.to_string())
    }
}
