//! What a provider can be probed with: a CMK version that it keeps. The probe wraps nothing of anybody's and is no use of the
//! CMK by anyone, so it asks no rights and leaves no audit event.

use crate::provider::VersionRef;
use crate::{KeyService, KeySpec, KeyState, ProviderName};
use model::CmkUid;

/// A CMK version, to probe its provider with.
pub struct ProbeVersion {
    uid: CmkUid,
    version: u32,
    spec: KeySpec,
    reference: Vec<u8>,
}

impl ProbeVersion {
    /// As providers take it.
    pub fn at(&self) -> VersionRef<'_> {
        VersionRef { uid: self.uid, version: self.version, spec: self.spec, reference: &self.reference }
    }
}

impl KeyService {
    /// The current version of some enabled CMK that this provider keeps, if there is one.
    pub fn probe_version(&self, provider: &ProviderName) -> Option<ProbeVersion> {
        let now = self.clock.now();
        self.ledger.read(|catalogue| {
            catalogue.all(now).filter(|(_, cmk)| cmk.state == KeyState::Enabled).find_map(|(uid, cmk)| {
                let version = catalogue.version(uid, cmk.current_version).filter(|v| v.provider == *provider)?;
                let reference = version.reference.clone();
                Some(ProbeVersion { uid, version: cmk.current_version, spec: cmk.spec, reference })
            })
        })
    }
}
