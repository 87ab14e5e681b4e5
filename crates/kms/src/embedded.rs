//! The embedded key provider: CMK material is 32 random bytes, stored wrapped under the root key, unwrapped at first
//! use and kept in memory until the CMK is deleted or the process ends. Both wipe it.

use crate::ProviderTag;
use crate::provider::{KeyProvider, ProviderFault, VersionRef};
use async_trait::async_trait;
use crypto::{Binding, CmkMaterial, KEY_BYTES, KeyRole, RootKey, SecretBytes, WRAPPED_BYTES, Wrapped};
use model::{CmkUid, Entropy};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

/// See the module's text.
pub struct EmbeddedProvider {
    root: Arc<RootKey>,
    entropy: Arc<dyn Entropy>,
    /// Material in clear. Two requests may unwrap the same version at once; the second to finish finds the first's.
    material: RwLock<BTreeMap<(CmkUid, u32), Arc<CmkMaterial>>>,
}

impl EmbeddedProvider {
    /// A provider under a root key.
    pub fn new(root: Arc<RootKey>, entropy: Arc<dyn Entropy>) -> Self {
        Self { root, entropy, material: RwLock::default() }
    }

    fn material(&self, version: VersionRef<'_>) -> Result<Arc<CmkMaterial>, ProviderFault> {
        let slot = (version.uid, version.version);
        if let Some(found) = self.material.read().unwrap_or_else(PoisonError::into_inner).get(&slot) {
            return Ok(Arc::clone(found));
        }
        let wrapped = version.reference.try_into().map_err(|_| ProviderFault::InvalidReference)?;
        let material: CmkMaterial =
            crypto::unwrap(&*self.root, &Wrapped::from_bytes(wrapped), &material_binding(version.uid, version.version))
                .map_err(|_| ProviderFault::InvalidReference)?;
        let mut cache = self.material.write().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(cache.entry(slot).or_insert_with(|| Arc::new(material))))
    }
}

#[async_trait]
impl KeyProvider for EmbeddedProvider {
    fn tag(&self) -> ProviderTag {
        ProviderTag::Embedded
    }

    async fn create_version(&self, uid: CmkUid, version: u32) -> Result<Vec<u8>, ProviderFault> {
        let material = CmkMaterial::generate(&*self.entropy);
        let wrapped = crypto::wrap(&*self.root, &material, &material_binding(uid, version), &*self.entropy);
        Ok(wrapped.as_bytes().to_vec())
    }

    async fn wrap(
        &self,
        version: VersionRef<'_>,
        role: KeyRole,
        secret: &SecretBytes<KEY_BYTES>,
        binding: &Binding,
    ) -> Result<[u8; WRAPPED_BYTES], ProviderFault> {
        let material = self.material(version)?;
        Ok(crypto::wrap_secret(&*material, role, secret, binding, &*self.entropy))
    }

    async fn unwrap(
        &self,
        version: VersionRef<'_>,
        role: KeyRole,
        wrapped: &[u8; WRAPPED_BYTES],
        binding: &Binding,
    ) -> Result<SecretBytes<KEY_BYTES>, ProviderFault> {
        let material = self.material(version)?;
        crypto::unwrap_secret(&*material, role, wrapped, binding).map_err(|_| ProviderFault::InvalidCiphertext)
    }

    fn forget(&self, uid: CmkUid) {
        self.material.write().unwrap_or_else(PoisonError::into_inner).retain(|(cached, _), _| *cached != uid);
    }
}

/// Material belongs to one version of one CMK: moved to another row, it does not unwrap.
fn material_binding(uid: CmkUid, version: u32) -> Binding {
    Binding::new("cmk-version").field(uid.as_bytes()).field(&version.to_be_bytes())
}
