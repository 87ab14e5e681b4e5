//! What a new CMK is to be.

use crate::{KeySpec, Origin, ProviderName};
use model::ProjectUid;

/// What a new CMK is to be.
#[derive(Clone, Debug)]
pub struct CreateCmk {
    /// Its cipher.
    pub spec: KeySpec,
    /// Where its material comes from.
    pub origin: Origin,
    /// The creator's words.
    pub description: String,
    /// The project it is made in; `None` for the account's default one.
    pub project: Option<ProjectUid>,
    /// Who is to keep its material; `None` for the default of the settings.
    pub provider: Option<ProviderName>,
    /// A key that exists at the provider and is to be taken up.
    pub existing: Option<String>,
    /// An alias, made with it: both or none.
    pub alias: Option<String>,
    /// Tags.
    pub tags: Vec<(String, String)>,
    /// The key policy; `None` for the one that leaves all to the account.
    pub policy: Option<String>,
    /// Take a key policy that locks its author out.
    pub bypass_lockout_check: bool,
}

impl Default for CreateCmk {
    fn default() -> Self {
        Self {
            spec: KeySpec::Aes256,
            origin: Origin::Kms,
            description: String::new(),
            project: None,
            provider: None,
            existing: None,
            alias: None,
            tags: Vec::new(),
            policy: None,
            bypass_lockout_check: false,
        }
    }
}
