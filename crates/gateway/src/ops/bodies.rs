//! Bodies of requests: streams for objects and parts, bounded documents for the rest.

use super::Call;
use crate::auth::Payload;
use crate::body::{Integrity, integrity, request_body};
use crate::errors::{Refusal, WireFault};
use crate::xml::{Element, XmlLimits};
use bytes::{Bytes, BytesMut};
use crypto::{Checksummer, constant_time_eq, md5, sha256};
use objects::api::RequestBody;
use objects::{BodyError, Fail};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

impl Call<'_> {
    /// The body of an object or a part. Nothing is read yet.
    pub(super) fn stream(&mut self) -> Result<RequestBody, Refusal> {
        let promises = integrity::parse(self.view.headers())?;
        self.open(promises)
    }

    fn open(&mut self, promises: Integrity) -> Result<RequestBody, Refusal> {
        let payload = self.identity.payload.take().unwrap_or(Payload::None);
        Ok(request_body(payload, promises, self.view.headers(), Box::new(self.intake.source()))?)
    }

    /// A document, read whole under its cap and held against every digest that was promised for it. Whoever reads one has
    /// asked for the requester's rights before, the anonymous included.
    ///
    /// `checksum_is_of_body`: false for the one operation whose checksum headers speak of something else.
    pub(super) async fn document(&mut self, bytes_max: usize, checksum_is_of_body: bool) -> Result<Document, Refusal> {
        let headers = self.view.headers();
        let promises = if checksum_is_of_body {
            integrity::parse(headers)?
        } else {
            let mut plain = headers.clone();
            let own = |name: &http::HeaderName| name.as_str().contains("-checksum-");
            let checksums: Vec<_> = headers.keys().filter(|name| own(name)).cloned().collect();
            for name in checksums {
                plain.remove(name);
            }
            integrity::parse(&plain)?
        };
        let bodiless = !headers.contains_key("content-length") && !headers.contains_key("transfer-encoding");
        let (bytes, body, room) = if bodiless {
            let sha256 = match self.identity.payload.take() {
                Some(Payload::Sha256(hash)) => Some(hash),
                _ => None,
            };
            (Bytes::new(), Promised { sha256, trailing: None }, None)
        } else {
            let mut body = self.open(promises.clone())?;
            if body.length.is_some_and(|length| usize::try_from(length).map_or(true, |length| length > bytes_max)) {
                return Err(WireFault::BodyTooLarge.into());
            }
            let room = self.gateway.documents.take(body.length, bytes_max).await;
            // Who has the room must use it: it is lent for a time.
            let read = timeout(self.gateway.config.limits.document_timeout, read_whole(&mut body, bytes_max));
            let bytes = read.await.map_err(|_| Fail::Body(BodyError::TimedOut))??;
            let trailing = body.source.trailing_checksums();
            (bytes, Promised { sha256: body.content_sha256, trailing: trailing.into_iter().next() }, room)
        };
        let digested = promises.content_md5.is_some()
            || promises.checksum.is_some()
            || body.trailing.is_some()
            || body.sha256.is_some();
        if body.sha256.is_some_and(|promised| !constant_time_eq(&promised, &sha256(&bytes))) {
            return Err(Fail::ContentSha256Mismatch.into());
        }
        if promises.content_md5.is_some_and(|promised| promised != md5(&bytes)) {
            return Err(Fail::BadDigest("Content-MD5".to_owned()).into());
        }
        for promised in promises.checksum.iter().chain(&body.trailing) {
            let mut found = Checksummer::new(promised.algorithm());
            found.update(&bytes);
            if found.finish() != *promised {
                return Err(Fail::BadDigest(super::checksums::algorithm_word(promised.algorithm()).to_owned()).into());
            }
        }
        Ok(Document { bytes, digested, room })
    }
}

struct Promised {
    sha256: Option<[u8; 32]>,
    trailing: Option<crypto::ChecksumValue>,
}

/// A request's document.
pub(super) struct Document {
    /// Its bytes.
    pub(super) bytes: Bytes,
    /// Whether some digest covered it.
    pub(super) digested: bool,
    /// Its share of the room for documents, given back when it is dropped.
    #[expect(dead_code, reason = "held, not read")]
    pub(super) room: Option<OwnedSemaphorePermit>,
}

impl Document {
    /// The tree, which must have one of these roots.
    pub(super) fn parse(&self, roots: &[&str]) -> Result<Element, WireFault> {
        if self.bytes.is_empty() {
            return Err(WireFault::MissingBody);
        }
        let root = Element::parse(&self.bytes, &XmlLimits::default()).map_err(|_| WireFault::MalformedXml)?;
        if roots.contains(&root.name()) { Ok(root) } else { Err(WireFault::MalformedXml) }
    }
}

async fn read_whole(body: &mut RequestBody, bytes_max: usize) -> Result<Bytes, Refusal> {
    let mut whole = BytesMut::new();
    while let Some(piece) = body.source.next().await.map_err(Fail::Body)? {
        if whole.len() + piece.len() > bytes_max {
            return Err(WireFault::BodyTooLarge.into());
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole.freeze())
}
