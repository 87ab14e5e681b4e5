//! The keys of one object version, opaque to whoever moves its bytes: they seal and open its streams, authenticate its
//! record and seal the digests of its plaintext.

use crate::body::{BodyOpener, BodySealer, EtagSource, StreamGeometry, WantedDigests};
use crate::digests::Digests;
use crate::{Envelope, EtagRule, SseError};
use crypto::{DataCipher, Dek, MetadataKey, RecordKey, SecretBytes, StreamOpener, StreamSealer};
use model::codec::{Reader, Writer};
use model::{Entropy, StreamUid};
use std::sync::Arc;

/// The keys of one object version.
pub struct BodyKeys {
    /// With the cipher of what lies below it. INVARIANT: there is one exactly if the envelope has a cipher, that one.
    dek: Option<(DataCipher, Dek)>,
    envelope: Envelope,
    metadata: Arc<MetadataKey>,
}

/// What authenticates a record: a key derived from the DEK.
pub struct RecordAuth(RecordKey);

impl RecordAuth {
    /// The authentication code of a record.
    pub fn code(&self, record: &[u8]) -> [u8; 32] {
        self.0.mac(record)
    }
}

impl BodyKeys {
    pub(crate) fn new(dek: Option<Dek>, envelope: Envelope, metadata: Arc<MetadataKey>) -> Self {
        Self { dek: envelope.cipher().zip(dek), envelope, metadata }
    }

    pub(crate) fn dek(&self) -> Option<&Dek> {
        self.dek.as_ref().map(|(_, dek)| dek)
    }

    /// How the body is sealed.
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// Begins a stream under a fresh identity: re-uploading a part never repeats a key and nonce.
    pub fn sealer(&self, entropy: &dyn Entropy, rule: EtagRule, wanted: WantedDigests) -> BodySealer {
        let stream = StreamUid::random(entropy);
        let sealer = match &self.dek {
            Some((cipher, dek)) => StreamSealer::sealed(*cipher, dek, stream),
            None => StreamSealer::plain(stream),
        };
        BodySealer::new(stream, sealer, etag_source(&self.envelope, rule), wanted)
    }

    /// Opens a stream of `plain_bytes` bytes.
    pub fn opener(&self, stream: StreamUid, plain_bytes: u64) -> BodyOpener {
        let opener = match &self.dek {
            Some((cipher, dek)) => StreamOpener::sealed(*cipher, dek, stream),
            None => StreamOpener::plain(stream),
        };
        BodyOpener::new(opener, StreamGeometry::new(self.envelope.suite(), plain_bytes))
    }

    /// What authenticates the record; `None` for an object that is plain.
    pub fn record_auth(&self) -> Option<RecordAuth> {
        self.dek.as_ref().map(|(cipher, dek)| RecordAuth(dek.record_key(*cipher)))
    }

    /// Verifies a record's authentication code. A sealed object without one is damaged; a plain one has none.
    pub fn verify_record(&self, record: &[u8], code: Option<&[u8; 32]>) -> Result<(), SseError> {
        match (&self.dek, code) {
            (None, None) => Ok(()),
            (Some((cipher, dek)), Some(code)) => {
                dek.verify_record(*cipher, record, code).map_err(|_| SseError::Damaged)
            }
            _ => Err(SseError::Damaged),
        }
    }

    /// Seals digests of the plaintext. `id` is the uid of the version or of the stream that they belong to.
    ///
    /// An SSE-KMS object whose ETag is an MD5 of its plaintext was SSE-OBS (SSE-S3) once and was rewrapped. Its ETag stays
    /// under the metadata key, so that listings need no KMS, and only the checksum goes under the DEK.
    pub fn seal_digests(&self, id: &[u8; 16], digests: &Digests) -> Vec<u8> {
        if self.envelope.is_kms() && digests.etag_md5.is_some() {
            let etag = Digests { etag_md5: digests.etag_md5, checksum: None };
            let etag = self.metadata.seal_note(id, &etag.encode());
            let rest = Digests { etag_md5: None, checksum: digests.checksum.clone() };
            let rest = self.seal_digests(id, &rest);
            let mut w = Writer::bare();
            w.bytes(&etag).bytes(&rest);
            return w.finish();
        }
        let encoded = digests.encode();
        match (&self.dek, &self.envelope) {
            (_, Envelope::Obs { .. }) => self.metadata.seal_note(id, &encoded),
            (Some((cipher, dek)), _) => dek.seal_note(*cipher, id, &encoded),
            (None, _) => encoded,
        }
    }

    /// Opens what [`Self::seal_digests`] sealed. `etag_inside`: whether the record keeps the ETag's MD5 in them.
    pub fn open_digests(&self, id: &[u8; 16], note: &[u8], etag_inside: bool) -> Result<Digests, SseError> {
        if self.envelope.is_kms() && etag_inside {
            let (etag, rest) = parts_of_note(note)?;
            let etag_md5 = open_under_metadata_key(&self.metadata, id, etag)?.etag_md5;
            return Ok(Digests { etag_md5, ..self.open_digests(id, rest, false)? });
        }
        let plain = match (&self.dek, &self.envelope) {
            (_, Envelope::Obs { .. }) => self.metadata.open_note(id, note),
            (Some((cipher, dek)), _) => dek.open_note(*cipher, id, note),
            (None, _) => return Digests::decode(note).map_err(|_| SseError::Damaged),
        };
        plain.map_err(|_| SseError::Damaged).and_then(|p| Digests::decode(&p).map_err(|_| SseError::Damaged))
    }

    /// Puts the record key, not the DEK, under the server's metadata key: an SSE-C upload can then be completed by a
    /// request that does not carry the customer key, as S3 allows, and its record is authenticated all the same.
    pub fn escrow_record_key(&self, id: &[u8; 16]) -> Option<Vec<u8>> {
        self.dek.as_ref().map(|(cipher, dek)| self.metadata.seal_note(id, dek.record_key(*cipher).expose()))
    }
}

/// The two notes of a rewrapped object: the ETag's, under the metadata key, and the one under the DEK.
fn parts_of_note(note: &[u8]) -> Result<(&[u8], &[u8]), SseError> {
    let mut r = Reader::bare(note);
    let parts = r.bytes().and_then(|etag| Ok((etag, r.bytes()?)));
    let parts = parts.map_err(|_| SseError::Damaged)?;
    r.finish().map_err(|_| SseError::Damaged)?;
    Ok(parts)
}

fn open_under_metadata_key(metadata: &MetadataKey, id: &[u8; 16], note: &[u8]) -> Result<Digests, SseError> {
    let plain = metadata.open_note(id, note).map_err(|_| SseError::Damaged)?;
    Digests::decode(&plain).map_err(|_| SseError::Damaged)
}

/// What of a rewrapped SSE-KMS object's digests opens without its DEK.
pub(crate) fn open_etag_keyless(metadata: &MetadataKey, id: &[u8; 16], note: &[u8]) -> Result<Digests, SseError> {
    open_under_metadata_key(metadata, id, parts_of_note(note)?.0)
}

/// Takes a record key back from [`BodyKeys::escrow_record_key`].
pub(crate) fn record_auth_from_escrow(
    metadata: &MetadataKey,
    cipher: DataCipher,
    id: &[u8; 16],
    note: &[u8],
) -> Result<RecordAuth, SseError> {
    let plain = metadata.open_note(id, note).map_err(|_| SseError::Damaged)?;
    let bytes: &[u8; 32] = plain.as_slice().try_into().map_err(|_| SseError::Damaged)?;
    let secret = SecretBytes::fill_with(|out: &mut [u8; 32]| out.copy_from_slice(bytes));
    Ok(RecordAuth(RecordKey::from_secret(cipher, secret)))
}

/// Which bytes the ETag is made of (DESIGN: SSE-KMS and SSE-C the ciphertext in every dialect; SSE-OBS by dialect).
pub fn etag_source(envelope: &Envelope, rule: EtagRule) -> EtagSource {
    match (envelope, rule) {
        (Envelope::Plain, _) | (Envelope::Obs { .. }, EtagRule::PlaintextMd5) => EtagSource::Plaintext,
        _ => EtagSource::Sealed,
    }
}
