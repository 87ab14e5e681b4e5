//! The root account: made at the first start, and its credentials afterwards.
//!
//! The rule: credentials given to the server (`STRONGROOM_ROOT_ACCESS_KEY`, `STRONGROOM_ROOT_SECRET`) are the root's
//! only access key from then on; whatever access key the root had before stops working, in the same transaction. Given
//! the stored ones again, nothing changes. Without given credentials the stored ones stay, and at the first start a pair
//! is generated and shown once.

use crate::access_key::{GIVEN_ID_CHARS_MIN, GIVEN_SECRET_CHARS_MIN};
use crate::{IamError, SecretAccessKey, TEMPORARY_KEY_PREFIX};
use model::{AccessKeyId, AccountId, AccountNumber, Entropy};

/// Root credentials from outside.
#[derive(Debug)]
pub struct GivenRoot {
    /// The access key id.
    pub id: AccessKeyId,
    /// The secret.
    pub secret: SecretAccessKey,
}

impl GivenRoot {
    /// Checks given credentials.
    ///
    /// # Errors
    /// [`IamError::GivenRoot`] when the id is not 3 to 128 characters of `A-Z a-z 0-9 _ - .` or the secret is not 8 to 256
    /// visible ASCII characters.
    pub fn parse(id: &str, secret: &str) -> Result<Self, IamError> {
        let id = AccessKeyId::parse(id)
            .filter(|id| id.as_str().len() >= GIVEN_ID_CHARS_MIN)
            .ok_or(IamError::GivenRoot("the access key has 3 to 128 characters of A-Z, a-z, 0-9, `_`, `-` and `.`"))?;
        if id.as_str().starts_with(TEMPORARY_KEY_PREFIX) {
            return Err(IamError::GivenRoot("access keys that begin with SRTK are temporary credentials"));
        }
        let secret = SecretAccessKey::parse(secret)
            .filter(|secret| secret.expose().len() >= GIVEN_SECRET_CHARS_MIN)
            .ok_or(IamError::GivenRoot("the secret key has 8 to 256 visible ASCII characters"))?;
        Ok(Self { id, secret })
    }
}

/// The root account as the first start made it, to be shown once.
#[derive(Debug)]
pub struct NewRoot {
    /// The account.
    pub account: AccountId,
    /// Its number in ARNs.
    pub number: AccountNumber,
    /// The access key id of its root identity.
    pub id: AccessKeyId,
    /// The generated secret; `None` when credentials were given, whose giver has it.
    pub secret: Option<SecretAccessKey>,
}

/// A fresh account id (32 hexadecimal digits) and number (12 digits).
pub(crate) fn new_account(entropy: &dyn Entropy) -> Option<(AccountId, AccountNumber)> {
    let (mut id, mut number) = ([0; 16], [0; 8]);
    entropy.fill(&mut id);
    entropy.fill(&mut number);
    let id: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    let number = format!("{:012}", u64::from_be_bytes(number) % 1_000_000_000_000);
    Some((AccountId::parse(&id)?, AccountNumber::parse(&number)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unusable_credentials_are_refused() {
        assert!(GivenRoot::parse("abc", "12345678").is_ok());
        for (id, secret) in [
            ("ab", "12345678"),
            ("a b c", "12345678"),
            ("", "12345678"),
            ("abc", "1234567"),
            ("abc", "1234 5678"),
            ("SRTKABC", "12345678"),
        ] {
            assert!(matches!(GivenRoot::parse(id, secret), Err(IamError::GivenRoot(_))), "{id} {secret}");
        }
    }

    #[test]
    fn accounts_have_the_form_of_the_wire() {
        let (id, number) = new_account(&testkit::SeededEntropy::new(3)).unwrap();
        assert_eq!((id.as_str().len(), number.as_str().len()), (32, 12));
    }
}
