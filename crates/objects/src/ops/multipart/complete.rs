//! CompleteMultipartUpload: checks the parts that the client names against those that are there, and makes them the
//! object, in one transaction that moves no data.

use super::part::not_of_upload;
use super::{Part, Upload, said_by};
use crate::Fail;
use crate::api::{CompleteUpload, CompletedPart, RequestContext, StoredChecksum, WriteOutcome};
use crate::bodies::{Removal, Upkeep};
use crate::current::{Found, Replace};
use crate::dependents;
use crate::ops::put::etag_is_public;
use crate::ops::refuse_blocked;
use crate::records::{Content, Layout, LayoutPart, ObjectVersion, StoredEtag, Version, keys};
use crate::registry::Bucket;
use crate::service::{ObjectService, key_user, target};
use model::{BucketName, ETag, ObjectName, UploadId, VersionId};
use sse::{
    AppliedEncryption, BodyKeys, ChecksumAlgorithm, ChecksumValue, Checksummer, Digests, Envelope, KeptChecksum,
    Reader, SseError, SseService, combine_crc, md5,
};
use store::{Expectation, Table, Transaction};

/// Largest object in plaintext bytes (OBS: 48.8 TiB, S3 5 TiB and lately 50 TB): 10,000 parts of 5 GiB.
const OBJECT_BYTES_MAX: u64 = 10_000 * (5 << 30);

/// A part that was chosen, its digests open.
struct Chosen<'a> {
    part: &'a Part,
    md5: [u8; 16],
    checksum: Option<ChecksumValue>,
}

impl ObjectService {
    /// Whether the principal may complete the upload, and whether there is one: asked before its document is read.
    pub async fn authorize_complete(
        &self,
        cx: &RequestContext,
        bucket: &BucketName,
        name: &ObjectName,
        upload: UploadId,
    ) -> Result<(), Fail> {
        let bucket = self.bucket(bucket)?;
        self.admit_completion(cx, &bucket, name, upload).await
    }

    /// An upload that is there, or the object that it made: for who may write it. Anybody else does not learn of either.
    async fn admit_completion(
        &self,
        cx: &RequestContext,
        bucket: &Bucket,
        name: &ObjectName,
        id: UploadId,
    ) -> Result<(), Fail> {
        let (said, envelope, found) = match self.upload(bucket, name, id).await {
            Ok(upload) => (upload.said(), Some(upload.record.envelope.clone()), Ok(Some(upload))),
            Err(Fail::NoSuchUpload) => match self.made_by(bucket, name, id).await {
                Ok(Found { object, .. }) => ((said_by(&object.envelope), object.tags), Some(object.envelope), Ok(None)),
                Err(fail) => (Default::default(), None, Err(fail)),
            },
            Err(fail) => (Default::default(), None, Err(fail)),
        };
        let _proof = self.authorize_upload_write(cx, bucket, name, (&said.0, &said.1), envelope.as_ref())?;
        match found? {
            Some(upload) => upload.admit_account(cx, bucket),
            // Who began it is not known any more: a repeated completion tells only what its parts tell.
            None => Ok(()),
        }
    }

    /// The current version, if this upload made it.
    async fn made_by(&self, bucket: &Bucket, name: &ObjectName, upload: UploadId) -> Result<Found, Fail> {
        match self.find(bucket, name, false).await {
            Ok(found) if found.object.uid.as_bytes() == upload.as_bytes() => Ok(found),
            Ok(_) | Err(Fail::NoSuchKey { .. }) => Err(Fail::NoSuchUpload),
            Err(fail) => Err(fail),
        }
    }

    /// A completion that comes again, because its answer was lost: answered as the first time while the object is still
    /// the one that it made, of the same parts.
    async fn completed_before(
        &self,
        cx: &RequestContext,
        bucket: &Bucket,
        request: &CompleteUpload,
    ) -> Result<WriteOutcome, Fail> {
        let found = self.made_by(bucket, &request.name, request.upload).await?;
        let etag = self.etag(&found.object)?;
        if named_etag(&request.parts) != Some(etag) {
            return Err(Fail::NoSuchUpload);
        }
        if !request.customer.is_empty() {
            let reader = Reader { customer: &request.customer, transport: cx.transport, metadata_only: true };
            let customer = self.sse.check_reader(&found.object.envelope, reader, &cx.principal)?;
            let target = target(bucket, &request.name, found.object.uid);
            let keys = self.sse.begin_read(&found.object.envelope, target, customer, &key_user(cx)).await;
            drop(keys.map_err(not_of_upload)?);
        }
        Ok(WriteOutcome {
            etag,
            last_modified: found.object.created,
            version: None,
            encryption: self.shown(&found.object.envelope, request),
            checksum: None,
            size: found.object.size,
        })
    }

    /// CompleteMultipartUpload.
    pub async fn complete_upload(&self, cx: &RequestContext, request: CompleteUpload) -> Result<WriteOutcome, Fail> {
        let bucket = self.bucket(&request.bucket)?;
        self.admit_completion(cx, &bucket, &request.name, request.upload).await?;
        refuse_blocked(&bucket, !request.customer.is_empty())?;
        self.admit_expectation(cx, &bucket, &request.name, &request.expectation).await?;
        loop {
            match self.try_complete(cx, &bucket, &request).await {
                Ok(outcome) => return Ok(outcome),
                Err(Replace::Fail(Fail::NoSuchUpload)) => return self.completed_before(cx, &bucket, &request).await,
                // The upload or one of its parts changed in between: look again.
                Err(Replace::Conflict) => {}
                Err(Replace::Fail(fail)) => return Err(fail),
            }
        }
    }

    async fn try_complete(
        &self,
        cx: &RequestContext,
        bucket: &Bucket,
        request: &CompleteUpload,
    ) -> Result<WriteOutcome, Replace> {
        let upload = self.upload(bucket, &request.name, request.upload).await?;
        // The bucket may have blocked public ACLs or customer keys since the upload began.
        let sealed_by_customer = upload.record.envelope.is_customer();
        let acl = upload.record.acl.as_ref();
        self.admit_commit(cx, bucket, &request.name, acl, sealed_by_customer, &request.expectation).await?;
        let parts = self.parts(request.upload).await?;
        let keys = self.completion_keys(cx, bucket, request, &upload).await?;
        let chosen = match choose(&self.sse, &upload, keys.as_ref(), &parts, &request.parts) {
            Ok(chosen) => chosen,
            Err(fail) => {
                // A part that is not there may have gone with its upload, completed or aborted in between: say that.
                self.upload(bucket, &request.name, request.upload).await?;
                return Err(fail.into());
            }
        };
        check_sizes(&chosen, cx.rules.part_bytes_min, request.object_size)?;

        let etag = ETag {
            md5: md5(&chosen.iter().flat_map(|c| c.md5).collect::<Vec<u8>>()),
            parts: Some(chosen.len() as u32),
        };
        let checksum = match &keys {
            Some(_) => whole_checksum(&upload, &chosen, request)?,
            None if request.checksum.is_some() => {
                // A promise that cannot be checked is refused, not dropped.
                let why = "The checksum of the whole object needs the customer key of the upload.";
                return Err(Fail::InvalidRequest(why.to_owned()).into());
            }
            None => None,
        };
        let layout = Layout {
            parts: chosen
                .iter()
                .map(|c| LayoutPart {
                    part: c.part.number,
                    stored: c.part.record.stored,
                    digests: c.part.record.digests.clone(),
                })
                .collect(),
        };
        let version =
            self.completed_version(bucket, request, &upload, keys.as_ref(), etag, checksum.as_ref(), &layout)?;
        let (size, created) = (version.size, version.created);

        self.precheck(bucket, &request.name, &request.expectation).await?;
        let version = Version::Object(Box::new(version));
        let prepare = |tx: &mut Transaction| {
            tx.expect(Expectation::Equals(Table::Uploads, upload.key.clone(), upload.row.clone()));
            tx.delete(Table::Uploads, upload.key.clone());
            let dependent = dependents::of_upload(bucket.uid(), request.name.as_str(), request.upload, &upload.record);
            tx.changes.extend(dependent.map(|dependent| dependent.remove()));
            for c in &chosen {
                // A part that is sent again in between is another part.
                tx.expect(Expectation::Equals(Table::Parts, c.part.key.clone(), c.part.row.clone()));
                tx.delete(Table::Parts, c.part.key.clone());
            }
            // Parts that were not named, and parts that come while this is under way.
            let rest = Removal::Parts(request.upload);
            rest.enter(tx);
            tx.put(Table::Layouts, keys::layout(upload.record.uid), layout.encode());
            Upkeep { confirm: Vec::new(), remove: vec![rest] }
        };
        self.replace_current(bucket, &request.name, &request.expectation, Some(&version), prepare).await?;
        Ok(WriteOutcome {
            etag,
            last_modified: created,
            version: None,
            encryption: self.shown(&upload.record.envelope, request),
            checksum: checksum.map(StoredChecksum::from),
            size,
        })
    }

    /// The upload's keys. `None`: an upload under a customer key whose completion does not carry it, which S3 allows.
    async fn completion_keys(
        &self,
        cx: &RequestContext,
        bucket: &Bucket,
        request: &CompleteUpload,
        upload: &Upload,
    ) -> Result<Option<BodyKeys>, Fail> {
        let envelope = &upload.record.envelope;
        if envelope.is_customer() && request.customer.is_empty() {
            if cx.rules.completion_needs_customer_key {
                return Err(SseError::CustomerKeyMissing.into());
            }
            if upload.record.checksum.is_some() {
                return Err(Fail::InvalidRequest(
                    "The multipart upload names a checksum algorithm: its completion needs the customer key."
                        .to_owned(),
                ));
            }
            return Ok(None);
        }
        // No body passes: completion may come over either transport (obs-api §4.7).
        let reader = Reader { customer: &request.customer, transport: cx.transport, metadata_only: true };
        let customer = self.sse.check_reader(envelope, reader, &cx.principal)?;
        let target = target(bucket, &request.name, upload.record.uid);
        let keys = self.sse.begin_read(envelope, target, customer, &key_user(cx)).await;
        keys.map(Some).map_err(not_of_upload)
    }

    #[expect(clippy::too_many_arguments, reason = "what a version is made of")]
    fn completed_version(
        &self,
        bucket: &Bucket,
        request: &CompleteUpload,
        upload: &Upload,
        keys: Option<&BodyKeys>,
        etag: ETag,
        checksum: Option<&KeptChecksum>,
        layout: &Layout,
    ) -> Result<ObjectVersion, Fail> {
        let record = &upload.record;
        let public = keys.is_none_or(|keys| etag_is_public(keys, record.etag_rule));
        let digests = Digests { etag_md5: (!public).then_some(etag.md5), checksum: checksum.cloned() };
        let mut version = ObjectVersion {
            version: VersionId::Null,
            uid: record.uid,
            created: self.clock.now(),
            owner: record.owner.clone(),
            size: layout.size(),
            etag: StoredEtag { public_md5: public.then_some(etag.md5), parts: etag.parts },
            headers: record.headers.clone(),
            envelope: record.envelope.clone(),
            content: Content::Parts,
            checksum: checksum.map(|kept| (kept.value.algorithm(), kept.composite_parts.is_some())),
            digests: keys.map(|keys| keys.seal_digests(record.uid.as_bytes(), &digests)),
            code: None,
            acl: record.acl.clone(),
            tags: record.tags.clone(),
        };
        if version.size > OBJECT_BYTES_MAX {
            return Err(Fail::EntityTooLarge);
        }
        let auth = match (keys, &record.escrow) {
            (Some(keys), _) => keys.record_auth(),
            (None, Some(escrow)) => {
                Some(self.sse.record_auth_from_escrow(&record.envelope, record.uid.as_bytes(), escrow)?)
            }
            (None, None) => return Err(Fail::Internal("an SSE-C upload without its record key".to_owned())),
        };
        let bytes = version.authenticated_bytes(bucket.uid(), &request.name, Some(&layout.encode()));
        version.code = auth.map(|auth| auth.code(&bytes));
        Ok(version)
    }

    fn shown(&self, envelope: &Envelope, request: &CompleteUpload) -> AppliedEncryption {
        SseService::applied(envelope, request.customer.key_md5.as_deref())
    }
}

/// The ETag of an object of these parts. `None`: one is not the ETag of a part.
fn named_etag(named: &[CompletedPart]) -> Option<ETag> {
    let mut digests = Vec::with_capacity(named.len() * 16);
    for part in named {
        digests.extend(ETag::parse(&part.etag).filter(|etag| etag.parts.is_none())?.md5);
    }
    Some(ETag { md5: md5(&digests), parts: Some(u32::try_from(named.len()).ok()?) })
}

/// Matches the parts that the client names with those that are there.
fn choose<'a>(
    sse: &SseService,
    upload: &Upload,
    keys: Option<&BodyKeys>,
    parts: &'a [Part],
    named: &[CompletedPart],
) -> Result<Vec<Chosen<'a>>, Fail> {
    if named.is_empty() {
        return Err(Fail::InvalidRequest("You must specify at least one part".to_owned()));
    }
    if !named.is_sorted_by(|a, b| a.part < b.part) {
        return Err(Fail::InvalidPartOrder);
    }
    let composite = upload.record.checksum.is_some_and(|(_, composite)| composite);
    let mut chosen = Vec::with_capacity(named.len());
    for name in named {
        let index = parts.binary_search_by_key(&name.part, |p| p.number).map_err(|_| Fail::InvalidPart)?;
        let part = &parts[index];
        let id = part.record.stored.stream;
        let digests = match keys {
            Some(keys) => Some(keys.open_digests(id.as_bytes(), &part.record.digests, false)?),
            None => sse.open_digests_keyless(&upload.record.envelope, id.as_bytes(), &part.record.digests, false)?,
        };
        let (hidden_md5, checksum) = digests.map_or((None, None), |d| (d.etag_md5, d.checksum.map(|kept| kept.value)));
        let md5 = part.record.public_md5.or(hidden_md5).ok_or_else(|| super::corrupt("a part has no ETag"))?;
        if name.etag != ETag::single(md5).to_string() {
            return Err(Fail::InvalidPart);
        }
        match (&name.checksum, &checksum) {
            (Some(sent), Some(kept)) if sent.algorithm() == kept.algorithm() && sent != kept => {
                return Err(Fail::InvalidPart);
            }
            (None, _) if composite => {
                return Err(Fail::InvalidRequest(
                    "The upload was created using a composite checksum: every part must carry its value.".to_owned(),
                ));
            }
            _ => {}
        }
        chosen.push(Chosen { part, md5, checksum });
    }
    Ok(chosen)
}

fn check_sizes(chosen: &[Chosen<'_>], min: u64, announced: Option<u64>) -> Result<(), Fail> {
    let (_last, before) = chosen.split_last().ok_or(Fail::InvalidPart)?;
    let size: u64 = chosen.iter().map(|c| c.part.record.stored.plain_bytes).sum();
    if announced.is_some_and(|announced| announced != size) {
        return Err(Fail::InvalidRequest(format!(
            "The parts make an object of {size} bytes, not of the size announced."
        )));
    }
    if before.iter().any(|c| c.part.record.stored.plain_bytes < min) { Err(Fail::EntityTooSmall) } else { Ok(()) }
}

/// The checksum of the whole: combined for CRCs of the full object, a checksum of checksums for composite ones. Where
/// the upload named no algorithm and its parts do not agree on a CRC there is none.
fn whole_checksum(
    upload: &Upload,
    chosen: &[Chosen<'_>],
    request: &CompleteUpload,
) -> Result<Option<KeptChecksum>, Fail> {
    let common = chosen.first().and_then(|c| c.checksum.as_ref()).map(ChecksumValue::algorithm).filter(|algorithm| {
        chosen.iter().all(|c| c.checksum.as_ref().map(ChecksumValue::algorithm) == Some(*algorithm))
    });
    let (algorithm, composite) = match (upload.record.checksum, common) {
        (Some(named), _) => named,
        (None, Some(common)) if common.is_crc() => (common, false),
        (None, _) if request.checksum.is_some() => {
            return Err(Fail::InvalidRequest("The parts have no checksums that combine.".to_owned()));
        }
        (None, _) => return Ok(None),
    };
    let values: Option<Vec<&ChecksumValue>> = chosen.iter().map(|c| c.checksum.as_ref()).collect();
    let values = values.ok_or(Fail::InvalidPart)?;
    let kept = if composite {
        let mut whole = Checksummer::new(algorithm);
        values.iter().for_each(|v| whole.update(v.bytes()));
        KeptChecksum { value: whole.finish(), composite_parts: Some(chosen.len() as u32) }
    } else {
        KeptChecksum { value: combined(algorithm, chosen, &values)?, composite_parts: None }
    };
    let invalid = |why: &str| Err(Fail::InvalidRequest(why.to_owned()));
    if request.checksum_composite.is_some_and(|sent| sent != composite) {
        return invalid("The checksum type is not the one that the upload was created with.");
    }
    if request.checksum_parts.is_some_and(|sent| Some(sent) != kept.composite_parts) {
        return invalid("The checksum was sent with another number of parts.");
    }
    match &request.checksum {
        Some(sent) if sent.algorithm() != algorithm => invalid("The checksum is not of the upload's algorithm."),
        Some(sent) if *sent != kept.value => Err(Fail::BadDigest(format!("{algorithm:?}").to_uppercase())),
        _ => Ok(Some(kept)),
    }
}

fn combined(
    algorithm: ChecksumAlgorithm,
    chosen: &[Chosen<'_>],
    values: &[&ChecksumValue],
) -> Result<ChecksumValue, Fail> {
    let mut pairs = values.iter().zip(chosen);
    let (first, _) = pairs.next().ok_or(Fail::InvalidPart)?;
    let mut whole = (*first).clone();
    for (value, c) in pairs {
        whole = combine_crc(algorithm, &whole, value, c.part.record.stored.plain_bytes)
            .ok_or_else(|| Fail::Internal("checksums of parts do not combine".to_owned()))?;
    }
    Ok(whole)
}
