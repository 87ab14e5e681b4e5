//! What a request is about, as error texts name it: the ARN of the CMK or alias, whether or not it exists.

use kms::{AliasName, CmkId, KeyRef, KeyService, KeyUser, Place, alias_arn};
use std::fmt;

/// Most characters of a caller's text that an error repeats.
const ECHO_CHARS_MAX: usize = 300;

/// The subject of a request.
pub(super) struct Subject {
    given: String,
    what: What,
}

enum What {
    Key(String),
    Alias(String),
    /// A text that is no reference at all.
    Unknown,
}

impl Subject {
    /// The CMK or alias a reference names, as the caller sees it.
    pub(super) fn named(service: &KeyService, user: &KeyUser, given: &str) -> Self {
        let what = match (user.principal.caller(), KeyRef::parse(given)) {
            (Some(caller), Ok(KeyRef::Key(Place::Own | Place::Obs { .. }, uid))) => {
                let region = service.region().clone();
                let (account, number) = (caller.account.clone(), caller.number.clone());
                What::Key(CmkId { region, account, number, uid }.to_arn())
            }
            (_, Ok(KeyRef::Key(Place::Arn { .. }, _))) => What::Key(given.to_owned()),
            (Some(caller), Ok(KeyRef::Alias(Place::Own | Place::Obs { .. }, name))) => {
                What::Alias(alias_arn(service.region(), &caller.number, &name))
            }
            (_, Ok(KeyRef::Alias(Place::Arn { .. }, _))) => What::Alias(given.to_owned()),
            _ => What::Unknown,
        };
        Self { what, ..Self::unknown(given) }
    }

    /// A text that names nothing the operation takes.
    pub(super) fn unknown(given: &str) -> Self {
        Self { given: given.chars().take(ECHO_CHARS_MAX).collect(), what: What::Unknown }
    }

    /// An alias by the name given to an operation on aliases.
    pub(super) fn alias(service: &KeyService, user: &KeyUser, given: &str) -> Self {
        match (user.principal.caller(), AliasName::parse(given.strip_prefix("alias/").unwrap_or(given))) {
            (Some(caller), Some(name)) => {
                let what = What::Alias(alias_arn(service.region(), &caller.number, &name));
                Self { what, ..Self::unknown(given) }
            }
            _ => Self::unknown(given),
        }
    }

    /// A CMK that was found.
    pub(super) fn found(cmk: &CmkId) -> Self {
        Self { given: cmk.to_arn(), what: What::Key(cmk.to_arn()) }
    }

    /// The account as a whole.
    pub(super) fn account() -> Self {
        Self::unknown("")
    }

    /// The caller's own words.
    pub(super) fn as_given(&self) -> &str {
        &self.given
    }

    pub(super) fn not_found(&self) -> String {
        match &self.what {
            What::Key(arn) => format!("Key '{arn}' does not exist"),
            What::Alias(arn) => format!("Alias {arn} is not found."),
            What::Unknown => format!("Invalid keyId '{}'", self.given),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::Key(arn) | What::Alias(arn) => f.write_str(arn),
            What::Unknown => f.write_str(&self.given),
        }
    }
}
