//! The embedded key provider: the material of a CMK version is 32 random bytes (SM4: 16), stored wrapped under the root
//! key, unwrapped at first use and kept in locked memory until the CMK is deleted or the process ends. Both wipe it.

use crate::RootSlot;
use crate::provider::{Capabilities, KeyProvider, KeySpec, NewVersion, ProviderFault, ProviderName, VersionRef};
use async_trait::async_trait;
use crypto::{Binding, CmkMaterial, KEY_BYTES, KeyRole, SM4_KEY_BYTES, SecretBytes, Sm4Material};
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
    material: RwLock<BTreeMap<(CmkUid, u32), Arc<Material>>>,
}

/// Material in clear, by spec.
enum Material {
    Aes256(CmkMaterial),
    Sm4(Sm4Material),
}

impl Material {
    fn draw(spec: KeySpec, entropy: &dyn Entropy) -> Self {
        match spec {
            KeySpec::Aes256 => Self::Aes256(CmkMaterial::generate(entropy)),
            KeySpec::Sm4 => Self::Sm4(Sm4Material::from_secret(SecretBytes::random(entropy))),
        }
    }

    /// From bytes in clear; `None` for another length than the spec's.
    fn from_bytes(spec: KeySpec, bytes: &[u8]) -> Option<Self> {
        Some(match spec {
            KeySpec::Aes256 => {
                let bytes: &[u8; KEY_BYTES] = bytes.try_into().ok()?;
                Self::Aes256(CmkMaterial::from_secret(SecretBytes::fill_with(|out| out.copy_from_slice(bytes))))
            }
            KeySpec::Sm4 => {
                let bytes: &[u8; SM4_KEY_BYTES] = bytes.try_into().ok()?;
                Self::Sm4(Sm4Material::from_secret(SecretBytes::fill_with(|out| out.copy_from_slice(bytes))))
            }
        })
    }

    const fn role(spec: KeySpec) -> KeyRole {
        match spec {
            KeySpec::Aes256 => KeyRole::CmkMaterial,
            KeySpec::Sm4 => KeyRole::Sm4Material,
        }
    }
}

impl EmbeddedProvider {
    /// A provider under a root key.
    pub fn new(root: Arc<RootSlot>, entropy: Arc<dyn Entropy>) -> Self {
        Self { name: ProviderName::embedded(), root, entropy, material: RwLock::default() }
    }

    fn material(&self, version: VersionRef<'_>) -> Result<Arc<Material>, ProviderFault> {
        let slot = (version.uid, version.version);
        if let Some(found) = self.material.read().unwrap_or_else(PoisonError::into_inner).get(&slot) {
            return Ok(Arc::clone(found));
        }
        let binding = material_binding(version.uid, version.version);
        let role = Material::role(version.spec);
        let material = self
            .root
            .open(|root| crypto::unwrap_secret(root, role, version.reference, &binding))
            .ok()
            .and_then(|bytes| Material::from_bytes(version.spec, &bytes))
            .ok_or(ProviderFault::InvalidReference)?;
        let mut cache = self.material.write().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(cache.entry(slot).or_insert_with(|| Arc::new(material))))
    }

    fn reference(&self, new: NewVersion<'_>, material: &Material) -> Vec<u8> {
        let bytes: &[u8] = match material {
            Material::Aes256(material) => crypto::Wrappable::as_secret(material).expose(),
            Material::Sm4(material) => material.as_secret().expose(),
        };
        let binding = material_binding(new.uid, new.version);
        crypto::wrap_secret(&*self.root.get(), Material::role(new.spec), bytes, &binding, &*self.entropy)
    }
}

#[async_trait]
impl KeyProvider for EmbeddedProvider {
    fn name(&self) -> &ProviderName {
        &self.name
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            specs: &[KeySpec::Aes256, KeySpec::Sm4],
            plain_bytes_max: PLAIN_BYTES_MAX,
            import: true,
            remote: false,
        }
    }

    async fn create_version(&self, new: NewVersion<'_>) -> Result<Vec<u8>, ProviderFault> {
        if new.existing.is_some() {
            return Err(ProviderFault::Unsupported("keys that exist elsewhere"));
        }
        Ok(self.reference(new, &Material::draw(new.spec, &*self.entropy)))
    }

    async fn import_version(&self, new: NewVersion<'_>, material: &[u8]) -> Result<Vec<u8>, ProviderFault> {
        let material = Material::from_bytes(new.spec, material)
            .ok_or(ProviderFault::Unsupported("key material of this length"))?;
        // What was cached of the version is of the time before its material was deleted.
        self.forget(new.uid);
        Ok(self.reference(new, &material))
    }

    async fn wrap(
        &self,
        version: VersionRef<'_>,
        role: KeyRole,
        plain: &[u8],
        binding: &Binding,
    ) -> Result<Vec<u8>, ProviderFault> {
        if plain.len() > PLAIN_BYTES_MAX {
            return Err(ProviderFault::Unsupported("wraps of this length"));
        }
        Ok(match &*self.material(version)? {
            Material::Aes256(material) => crypto::wrap_secret(material, role, plain, binding, &*self.entropy),
            Material::Sm4(material) => crypto::wrap_secret_sm4(material, role, plain, binding, &*self.entropy),
        })
    }

    async fn unwrap(
        &self,
        version: VersionRef<'_>,
        role: KeyRole,
        wrapped: &[u8],
        binding: &Binding,
    ) -> Result<Zeroizing<Vec<u8>>, ProviderFault> {
        match &*self.material(version)? {
            Material::Aes256(material) => crypto::unwrap_secret(material, role, wrapped, binding),
            Material::Sm4(material) => crypto::unwrap_secret_sm4(material, role, wrapped, binding),
        }
        .map_err(|_| ProviderFault::InvalidCiphertext)
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
pub(crate) fn material_binding(uid: CmkUid, version: u32) -> Binding {
    Binding::new("cmk-version").field(uid.as_bytes()).field(&version.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{Subject, holds};
    use crypto::RootKey;

    fn provider(root: u8) -> Arc<dyn KeyProvider> {
        let root = RootSlot::new(RootKey::from_secret(SecretBytes::fill_with(|bytes| bytes.fill(root))));
        Arc::new(EmbeddedProvider::new(root, Arc::new(testkit::SeededEntropy::new(7))))
    }

    #[tokio::test]
    async fn it_keeps_the_promises_of_a_key_provider() {
        holds(&Subject::new(provider(1)).restarted_as(provider(1))).await;
    }
}
