//! Imported key material: its owner wraps it under a public key of this server's, made for one import into one CMK.
//!
//! The private key travels in the import token, sealed under a token key with all that the import must fit; nothing is
//! stored for an import that is only asked for.
//!
//! ```text
//! claims of an import token = format (u8 = 1) || CMK uid (16) || wrapping (u8) || end (u64 BE, ms) || private key (PKCS#8)
//! ```

use crate::import_pairs::blocking;
use crate::intent::Intent;
use crate::ledger::Plan;
use crate::lifecycle::unchanged;
use crate::material::failed;
use crate::provider::{NewVersion, VersionRef};
use crate::record::{CmkRecord, CmkVersionRecord};
use crate::rights::Facts;
use crate::state::KeyOperation;
use crate::trail::Act;
use crate::{CmkId, KeyService, KeySpec, KeyState, KeyUser, KmsError, Origin, ProviderName, VersionCause};
use crypto::{ImportKeyPair, OaepHash, TokenUse};
use model::Timestamp;
use model::codec::{DecodeError, Reader, Writer};
use policy::{Action, Authorized, ConditionKey};
use store::{Expectation, Table, Transaction};
use zeroize::Zeroizing;

/// How long an import token is good for: 24 hours, as in both clouds.
const TOKEN_LIFE_MILLIS: u64 = 86_400_000;
const _: () = assert!(TOKEN_LIFE_MILLIS <= crate::TOKEN_LIFE_SECONDS_MAX * 1000, "token keys are kept that long");
const FORMAT: u8 = 1;
/// Longest token and longest wrapped material that are looked at, in bytes (AWS: 6144 each).
const SENT_BYTES_MAX: usize = 6144;
/// Imported material has one version: it does not rotate.
const VERSION: u32 = 1;

/// How the owner wraps the material.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportWrapping {
    /// RSA-OAEP with SHA-1.
    OaepSha1,
    /// RSA-OAEP with SHA-256.
    OaepSha256,
    /// An AES key under RSA-OAEP with SHA-1, followed by the material under that key (AES-KWP).
    AesKeyWrapSha1,
    /// The same with SHA-256.
    AesKeyWrapSha256,
}

impl ImportWrapping {
    const ALL: [Self; 4] = [Self::OaepSha1, Self::OaepSha256, Self::AesKeyWrapSha1, Self::AesKeyWrapSha256];

    /// AWS's name, also in conditions (`kms:WrappingAlgorithm`).
    pub const fn name(self) -> &'static str {
        match self {
            Self::OaepSha1 => "RSAES_OAEP_SHA_1",
            Self::OaepSha256 => "RSAES_OAEP_SHA_256",
            Self::AesKeyWrapSha1 => "RSA_AES_KEY_WRAP_SHA_1",
            Self::AesKeyWrapSha256 => "RSA_AES_KEY_WRAP_SHA_256",
        }
    }

    fn open(self, pair: &ImportKeyPair, encrypted: &[u8]) -> Result<Zeroizing<Vec<u8>>, KmsError> {
        match self {
            Self::OaepSha1 => pair.decrypt_oaep(OaepHash::Sha1, encrypted),
            Self::OaepSha256 => pair.decrypt_oaep(OaepHash::Sha256, encrypted),
            Self::AesKeyWrapSha1 => pair.decrypt_oaep_kwp(OaepHash::Sha1, encrypted),
            Self::AesKeyWrapSha256 => pair.decrypt_oaep_kwp(OaepHash::Sha256, encrypted),
        }
        .map_err(|_| KmsError::InvalidCiphertext)
    }
}

/// What importing needs.
#[derive(Clone, Debug)]
pub struct ImportParameters {
    /// To be sent back with the material.
    pub token: Vec<u8>,
    /// The public key (DER, SubjectPublicKeyInfo).
    pub public_key: Vec<u8>,
    /// Until when both are taken.
    pub valid_to: Timestamp,
}

impl KeyService {
    /// What importing material into a CMK needs, good for 24 hours (`kms:GetParametersForImport`). `rsa_bits`: 2048,
    /// 3072 or 4096.
    ///
    /// # Errors
    /// [`KmsError::Denied`], [`KmsError::NotFound`], what its state says; [`KmsError::Unsupported`] for a CMK whose
    /// material does not come from outside; [`KmsError::Validation`] for another length; [`KmsError::Throttled`] also
    /// while too many key pairs are being drawn.
    pub async fn import_parameters(
        &self,
        user: &KeyUser,
        cmk: &CmkId,
        wrapping: ImportWrapping,
        rsa_bits: u32,
    ) -> Result<ImportParameters, KmsError> {
        let act = Act::changing("GetParametersForImport").on(cmk);
        let act = act.detail("wrapping", wrapping.name()).detail("rsaBits", rsa_bits);
        self.perform(user, act, async {
            let facts = vec![(ConditionKey::WrappingAlgorithm, wrapping.name())];
            let _: Authorized = self.authorize_with(user, Action::KmsGetParametersForImport, cmk, facts)?;
            let now = self.clock.now();
            self.ledger
                .read(|catalogue| catalogue.find(cmk, now).ok_or(KmsError::NotFound)?.admit(KeyOperation::Import))?;
            let pair = self.import_pairs.draw(rsa_bits).await?;
            let pair =
                pair.ok_or_else(|| KmsError::Validation(format!("there are no RSA keys of {rsa_bits} bits here")))?;
            let valid_to = now.plus_millis(TOKEN_LIFE_MILLIS);
            let mut claims = Writer::new(FORMAT);
            claims.raw(cmk.uid.as_bytes()).u8(wrapping as u8).u64(valid_to.as_millis()).raw(&pair.to_pkcs8());
            let claims = Zeroizing::new(claims.finish());
            let token = self.token_keys().await?.seal(TokenUse::Import, &claims);
            Ok(ImportParameters { token, public_key: pair.public_spki(), valid_to })
        })
        .await
    }

    /// Imports material (`kms:ImportKeyMaterial`); a CMK that waited for it is enabled then. Returns the material's id.
    /// What was imported once is taken again only if it is the same; its expiry is then the new one.
    ///
    /// # Errors
    /// [`KmsError::Denied`], [`KmsError::NotFound`], what its state says; [`KmsError::InvalidImportToken`],
    /// [`KmsError::ExpiredImportToken`], [`KmsError::InvalidCiphertext`], [`KmsError::IncorrectMaterial`];
    /// [`KmsError::Validation`] for a length or an expiry that is not allowed.
    pub async fn import_material(
        &self,
        user: &KeyUser,
        cmk: &CmkId,
        token: &[u8],
        encrypted: &[u8],
        expires: Option<Timestamp>,
    ) -> Result<String, KmsError> {
        let act = Act::changing("ImportKeyMaterial").on(cmk);
        let act = act.detail("expires", expires.map_or_else(|| "never".to_owned(), |at| at.as_secs().to_string()));
        self.perform_change(user, act, |intent| async move {
            let end = expires.map(|at| at.as_secs().to_string());
            let model = if end.is_some() { "KEY_MATERIAL_EXPIRES" } else { "KEY_MATERIAL_DOES_NOT_EXPIRE" };
            let mut facts: Facts<'_> = vec![(ConditionKey::ExpirationModel, model)];
            facts.extend(end.as_deref().map(|end| (ConditionKey::ValidTo, end)));
            let _: Authorized = self.authorize_with(user, Action::KmsImportKeyMaterial, cmk, facts)?;
            let now = self.clock.now();
            let (spec, provider) = self.ledger.read(|catalogue| {
                let record = catalogue.find(cmk, now).ok_or(KmsError::NotFound)?;
                record.admit(KeyOperation::Import)?;
                Ok::<_, KmsError>((record.spec, record.provider.clone()))
            })?;
            if expires.is_some_and(|at| at <= now) {
                return Err(KmsError::Validation("the material would have expired already".to_owned()));
            }
            let material = self.opened(cmk, token, encrypted).await?;
            if material.len() != spec.material_bytes() {
                let (is, wanted) = (material.len(), spec.material_bytes());
                return Err(KmsError::Validation(format!("the key material has {is} bytes; this CMK takes {wanted}")));
            }
            let cmk = cmk.clone();
            self.to_its_end(|service| async move {
                service.take_in(intent, &cmk, spec, &provider, &material, expires).await
            })
            .await
        })
        .await
    }

    /// The material in clear, if token and wrapping fit.
    async fn opened(&self, cmk: &CmkId, token: &[u8], encrypted: &[u8]) -> Result<Zeroizing<Vec<u8>>, KmsError> {
        if token.len() > SENT_BYTES_MAX || encrypted.len() > SENT_BYTES_MAX {
            return Err(KmsError::Validation(format!("token and material have at most {SENT_BYTES_MAX} bytes each")));
        }
        let claims = self.token_keys().await?.open(TokenUse::Import, token).ok_or(KmsError::InvalidImportToken)?;
        let (uid, wrapping, end, private) = read_claims(&claims).map_err(|_| KmsError::InvalidImportToken)?;
        if uid != *cmk.uid.as_bytes() {
            return Err(KmsError::InvalidImportToken);
        }
        if end <= self.clock.now() {
            return Err(KmsError::ExpiredImportToken);
        }
        let pair = ImportKeyPair::from_pkcs8(private).map_err(|_| KmsError::InvalidImportToken)?;
        let encrypted = encrypted.to_vec();
        blocking(move || wrapping.open(&pair, &encrypted)).await?
    }

    async fn take_in(
        &self,
        mut intent: Intent,
        cmk: &CmkId,
        spec: KeySpec,
        provider: &ProviderName,
        material: &[u8],
        expires: Option<Timestamp>,
    ) -> Result<String, KmsError> {
        let (uid, now) = (cmk.uid, self.clock.now());
        let digest = self.secrets_key().await?.import_digest(uid.as_bytes(), material);
        let known = self.ledger.read(|catalogue| catalogue.version(uid, VERSION).cloned());
        if known.as_ref().is_some_and(|known| !crypto::constant_time_eq(&known.digest, &digest)) {
            return Err(KmsError::IncorrectMaterial);
        }
        let keeper = self.provider(provider)?;
        // Material that is there stays where it is; only its expiry changes.
        let present = known.as_ref().filter(|known| !known.reference.is_empty()).map(|known| known.reference.clone());
        let (reference, fresh) = match present {
            Some(reference) => (reference, false),
            None => {
                intent.announce().await?;
                let wanted = NewVersion { uid, version: VERSION, spec, existing: None };
                let made = keeper.import_version(wanted, material).await;
                (made.map_err(|fault| failed(provider, uid, fault))?, true)
            }
        };
        let mut material_id = [0; 32];
        self.entropy.fill(&mut material_id);
        let version = CmkVersionRecord {
            provider: provider.clone(),
            created: known.as_ref().map_or(now, |known| known.created),
            reference: reference.clone(),
            cause: VersionCause::Imported,
            material_id: known.as_ref().map_or(material_id, |known| known.material_id),
            expires,
            digest,
        };
        let (id, named) = (cmk.clone(), version.material_id(uid, VERSION));
        let stored = self
            .ledger
            .change(intent, move |catalogue| {
                let record = catalogue.find(&id, now).ok_or(KmsError::NotFound)?;
                record.admit(KeyOperation::Import)?;
                let found = catalogue.version(id.uid, VERSION);
                if found.map(|found| &**found) != known.as_deref() {
                    return Err(KmsError::Conflict("the CMK's material is being imported or deleted"));
                }
                let mut new = CmkRecord { revision: record.revision + 1, current_version: VERSION, ..record.clone() };
                if new.state == KeyState::PendingImport {
                    new.state = KeyState::Enabled;
                }
                let row = CmkVersionRecord::key(id.uid, VERSION);
                let mut transaction = Transaction::new();
                transaction
                    .expect(unchanged(id.uid, record))
                    .expect(expected(found.map(|found| &**found), &row))
                    .put(Table::Cmks, CmkRecord::key(id.uid), new.encode())
                    .put(Table::CmkVersions, row, version.encode());
                Ok(Plan::Commit(transaction, ()))
            })
            .await;
        if let Err(error) = stored {
            // Whether it is stored is not known after a fault of the store; then it stays.
            if fresh && !matches!(error, KmsError::Unavailable(_) | KmsError::Damaged(_)) {
                let left = VersionRef { uid, version: VERSION, spec, reference: &reference };
                if let Err(fault) = keeper.destroy(left).await {
                    tracing::warn!(cmk = cmk.to_obs(), %provider, %fault, "imported material was left behind");
                }
            }
            return Err(error);
        }
        Ok(named)
    }

    /// Deletes imported material (`kms:DeleteImportedKeyMaterial`); the CMK is pending import then. Where none is,
    /// nothing changes.
    ///
    /// # Errors
    /// [`KmsError::Denied`], [`KmsError::NotFound`], what its state says; [`KmsError::Unsupported`].
    pub async fn delete_imported_material(&self, user: &KeyUser, cmk: &CmkId) -> Result<(), KmsError> {
        self.perform_change(user, Act::changing("DeleteImportedKeyMaterial").on(cmk), |intent| async move {
            let _: Authorized = self.authorize(user, Action::KmsDeleteImportedKeyMaterial, cmk)?;
            let now = self.clock.now();
            self.ledger.read(|catalogue| {
                catalogue.find(cmk, now).ok_or(KmsError::NotFound)?.admit(KeyOperation::DeleteMaterial)
            })?;
            self.drop_material(intent, cmk, None).await.map(drop)
        })
        .await
    }

    /// Deletes imported material whose time is over, and returns its CMKs. To be called from time to time; material past
    /// its time is not used even before. Each deletion is on record before it happens.
    ///
    /// # Errors
    /// [`KmsError::Unavailable`], [`KmsError::AuditUnavailable`]; what was deleted before the failure stays so.
    pub async fn expire_material(&self) -> Result<Vec<CmkId>, KmsError> {
        let now = self.clock.now();
        let due: Vec<CmkId> = self.ledger.read(|catalogue| {
            let imported = catalogue.all(now).filter(|(_, record)| record.origin == Origin::External);
            imported
                .filter(|(uid, _)| {
                    let version = catalogue.version(*uid, VERSION);
                    version.is_some_and(|version| !version.reference.is_empty() && !version.has_material(now))
                })
                .map(|(uid, record)| record.id(uid))
                .collect()
        });
        let mut expired = Vec::new();
        for cmk in due {
            let act = Act::changing("DeleteExpiredKeyMaterial").on(&cmk);
            let intent = self.recorded_job("expiry", &cmk, act, None).await?;
            if self.drop_material(intent, &cmk, Some(now)).await? {
                tracing::warn!(cmk = cmk.to_obs(), "imported key material has expired and was deleted");
                expired.push(cmk);
            }
        }
        Ok(expired)
    }

    /// Removes the material from the record, then from its provider, to the end even if the caller goes away. `expired_at`:
    /// only if its time is over then. Whether there was any.
    ///
    /// A provider that does not destroy it then is not asked again: the log says what is still there, and where, for the
    /// operator to remove.
    async fn drop_material(
        &self,
        intent: Intent,
        cmk: &CmkId,
        expired_at: Option<Timestamp>,
    ) -> Result<bool, KmsError> {
        let cmk = cmk.clone();
        self.to_its_end(|service| async move { service.drop_material_now(intent, &cmk, expired_at).await }).await
    }

    async fn drop_material_now(
        &self,
        intent: Intent,
        cmk: &CmkId,
        expired_at: Option<Timestamp>,
    ) -> Result<bool, KmsError> {
        let (id, now) = (cmk.clone(), self.clock.now());
        let removed = self
            .ledger
            .change(intent, move |catalogue| {
                let record = catalogue.find(&id, now).ok_or(KmsError::NotFound)?;
                let kept = |version: &CmkVersionRecord| expired_at.is_some_and(|at| version.has_material(at));
                let found = catalogue.version(id.uid, VERSION);
                let Some(found) = found.filter(|found| !found.reference.is_empty() && !kept(found)) else {
                    return Ok(Plan::Done(None));
                };
                let mut new = CmkRecord { revision: record.revision + 1, ..record.clone() };
                if !matches!(new.state, KeyState::PendingDeletion { .. }) {
                    new.state = KeyState::PendingImport;
                }
                // What it was is remembered by its digest alone.
                let without =
                    CmkVersionRecord { reference: Vec::new(), expires: None, ..CmkVersionRecord::clone(found) };
                let row = CmkVersionRecord::key(id.uid, VERSION);
                let mut transaction = Transaction::new();
                transaction
                    .expect(unchanged(id.uid, record))
                    .expect(expected(Some(found), &row))
                    .put(Table::Cmks, CmkRecord::key(id.uid), new.encode())
                    .put(Table::CmkVersions, row, without.encode());
                Ok(Plan::Commit(transaction, Some((record.spec, found.provider.clone(), found.reference.clone()))))
            })
            .await?;
        let Some((spec, provider, reference)) = removed else { return Ok(false) };
        let gone = VersionRef { uid: cmk.uid, version: VERSION, spec, reference: &reference };
        match self.providers.get(&provider) {
            Some(keeper) => {
                keeper.forget(cmk.uid);
                if let Err(fault) = keeper.destroy(gone).await {
                    tracing::error!(cmk = cmk.to_obs(), version = VERSION, %provider, %fault, "deleted material is still with its key provider");
                }
            }
            None => tracing::error!(cmk = cmk.to_obs(), %provider, "deleted material is still with its key provider"),
        }
        Ok(true)
    }
}

fn expected(found: Option<&CmkVersionRecord>, row: &[u8]) -> Expectation {
    let key = row.to_vec().into();
    match found {
        None => Expectation::Absent(Table::CmkVersions, key),
        Some(found) => Expectation::Equals(Table::CmkVersions, key, found.encode().into()),
    }
}

type Claims<'a> = ([u8; 16], ImportWrapping, Timestamp, &'a [u8]);

fn read_claims(claims: &[u8]) -> Result<Claims<'_>, DecodeError> {
    let (format, mut r) = Reader::open(claims)?;
    if format != FORMAT {
        return Err(DecodeError("unknown format version"));
    }
    let uid = r.array()?;
    let wrapping = ImportWrapping::ALL.get(usize::from(r.u8()?)).copied().ok_or(DecodeError("wrapping"))?;
    Ok((uid, wrapping, Timestamp::from_millis(r.u64()?), r.rest()))
}
