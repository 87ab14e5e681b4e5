//! The embedded key provider: CMK material is 32 random bytes, stored wrapped under the root key, unwrapped at first
//! use and kept in memory until the CMK is deleted or the process ends. Both wipe it.

use crate::RootSlot;
use crate::provider::{Capabilities, KeyProvider, KeySpec, NewVersion, ProviderFault, ProviderName, VersionRef};
use async_trait::async_trait;
use crypto::{Binding, CmkMaterial, KeyRole, Wrapped};
use model::{CmkUid, Entropy};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use zeroize::Zeroizing;

/// Most bytes of one wrap (AWS KMS: 4096 for Encrypt).
const PLAIN_BYTES_MAX: usize = 4096;

/// See the module's text.
pub struct EmbeddedProvider {
    name: ProviderName,
    root: Arc<RootSlot>,
    entropy: Arc<dyn Entropy>,
    /// Material in clear. Two requests may unwrap the same version at once; the second to finish finds the first's.
    material: RwLock<BTreeMap<(CmkUid, u32), Arc<CmkMaterial>>>,
}

impl EmbeddedProvider {
    /// A provider under a root key.
    pub fn new(root: Arc<RootSlot>, entropy: Arc<dyn Entropy>) -> Self {
        Self { name: ProviderName::embedded(), root, entropy, material: RwLock::default() }
    }

    fn material(&self, version: VersionRef<'_>) -> Result<Arc<CmkMaterial>, ProviderFault> {
        let slot = (version.uid, version.version);
        if let Some(found) = self.material.read().unwrap_or_else(PoisonError::into_inner).get(&slot) {
            return Ok(Arc::clone(found));
        }
        let wrapped = version.reference.try_into().map_err(|_| ProviderFault::InvalidReference)?;
        let material: CmkMaterial = crypto::unwrap(
            &*self.root.get(),
            &Wrapped::from_bytes(wrapped),
            &material_binding(version.uid, version.version),
        )
        .map_err(|_| ProviderFault::InvalidReference)?;
        let mut cache = self.material.write().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(cache.entry(slot).or_insert_with(|| Arc::new(material))))
    }
}

#[async_trait]
impl KeyProvider for EmbeddedProvider {
    fn name(&self) -> &ProviderName {
        &self.name
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { specs: &[KeySpec::Aes256], plain_bytes_max: PLAIN_BYTES_MAX, import: false, remote: false }
    }

    async fn create_version(&self, new: NewVersion<'_>) -> Result<Vec<u8>, ProviderFault> {
        if new.existing.is_some() {
            return Err(ProviderFault::Unsupported("keys that exist elsewhere"));
        }
        let material = CmkMaterial::generate(&*self.entropy);
        let wrapped =
            crypto::wrap(&*self.root.get(), &material, &material_binding(new.uid, new.version), &*self.entropy);
        Ok(wrapped.as_bytes().to_vec())
    }

    async fn wrap(
        &self,
        version: VersionRef<'_>,
        role: KeyRole,
        plain: &[u8],
        binding: &Binding,
    ) -> Result<Vec<u8>, ProviderFault> {
        let material = self.material(version)?;
        Ok(crypto::wrap_secret(&*material, role, plain, binding, &*self.entropy))
    }

    async fn unwrap(
        &self,
        version: VersionRef<'_>,
        role: KeyRole,
        wrapped: &[u8],
        binding: &Binding,
    ) -> Result<Zeroizing<Vec<u8>>, ProviderFault> {
        let material = self.material(version)?;
        crypto::unwrap_secret(&*material, role, wrapped, binding).map_err(|_| ProviderFault::InvalidCiphertext)
    }

    async fn destroy(&self, version: VersionRef<'_>) -> Result<(), ProviderFault> {
        // The material was in the reference, which is gone with its record.
        self.forget(version.uid);
        Ok(())
    }

    fn forget(&self, uid: CmkUid) {
        self.material.write().unwrap_or_else(PoisonError::into_inner).retain(|(cached, _), _| *cached != uid);
    }
}

/// Material belongs to one version of one CMK: moved to another row, it does not unwrap.
fn material_binding(uid: CmkUid, version: u32) -> Binding {
    Binding::new("cmk-version").field(uid.as_bytes()).field(&version.to_be_bytes())
}
