//! The credential scope and the key derived for it: a signature for one day, region and service is worthless in
//! another.

use crypto::hmac_sha256;
use std::fmt;
use zeroize::Zeroizing;

/// `date/region/service/aws4_request`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Scope {
    /// `YYYYMMDD`.
    pub(in super::super) date: String,
    pub(in super::super) region: String,
    pub(in super::super) service: String,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/aws4_request", self.date, self.region, self.service)
    }
}

/// The key that signs within one scope. Wiped on drop.
pub(in super::super) struct SigningKey(Zeroizing<[u8; 32]>);

impl SigningKey {
    pub(in super::super) fn derive(secret: &[u8], scope: &Scope) -> Self {
        let mut first = Zeroizing::new(Vec::with_capacity(secret.len() + 4));
        first.extend_from_slice(b"AWS4");
        first.extend_from_slice(secret);
        let mut key = Zeroizing::new(hmac_sha256(&first, &[scope.date.as_bytes()]));
        for label in [scope.region.as_str(), scope.service.as_str(), "aws4_request"] {
            key = Zeroizing::new(hmac_sha256(key.as_slice(), &[label.as_bytes()]));
        }
        Self(key)
    }

    pub(in super::super) fn expose(&self) -> &[u8] {
        self.0.as_slice()
    }
}
