//! The forms in which a CMK is named on the wire. Parsed once here; the catalogue then looks up.

use crate::KmsError;
use model::CmkUid;

/// Longest alias name in bytes, `alias/` not counted: AWS allows 256 with the prefix.
pub const ALIAS_NAME_BYTES_MAX: usize = 250;

/// The names under which an account's default key is known (without `alias/`). Both always lead to the same CMK.
pub const DEFAULT_KEY_ALIASES: [&str; 2] = ["aws/s3", "obs/default"];

/// An alias's name without the leading `alias/`: letters, digits and `:/_-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AliasName(Box<str>);

impl AliasName {
    /// Parses a name without `alias/`.
    pub fn parse(name: &str) -> Option<Self> {
        let ok = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b':' | b'/' | b'_' | b'-');
        ((1..=ALIAS_NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(ok)).then(|| Self(name.into()))
    }

    /// The name without `alias/`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether users may not create or delete it: `aws/…` is AWS's, `…/default` Huawei's name for service keys.
    pub fn is_reserved(&self) -> bool {
        self.0.starts_with("aws/") || self.0.ends_with("/default")
    }

    /// Whether it names the account's default key.
    pub fn is_default_key(&self) -> bool {
        DEFAULT_KEY_ALIASES.contains(&self.as_str())
    }
}

impl std::fmt::Display for AliasName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "alias/{}", self.0)
    }
}

/// Where a reference says the CMK is. The parts are compared with the catalogue, never trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Not said: the caller's own account.
    Own,
    /// `arn:aws:kms:region:number:…`
    Arn {
        /// The region.
        region: String,
        /// The account's 12-digit number.
        number: String,
    },
    /// `region:domain-id:key/…`
    Obs {
        /// The region.
        region: String,
        /// The account's id.
        account: String,
    },
}

/// A parsed reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyRef {
    /// By its unique part.
    Key(Place, CmkUid),
    /// By an alias.
    Alias(Place, AliasName),
}

impl KeyRef {
    /// Parses every form: `uuid`, `region:domain-id:key/uuid`, `arn:aws:kms:region:number:key/uuid`, `alias/name`,
    /// `region:domain-id:alias/name`, `arn:aws:kms:region:number:alias/name`, and `obs/default` for the default key.
    ///
    /// # Errors
    /// [`KmsError::InvalidArn`] for a text that begins with `arn:` and is not one of the two ARN forms;
    /// [`KmsError::NotFound`] for everything else that is none of the forms, as no CMK can have such a name.
    pub fn parse(text: &str) -> Result<Self, KmsError> {
        if let Some(arn) = text.strip_prefix("arn:") {
            return Self::parse_arn(arn);
        }
        if let Some(name) = text.strip_prefix("alias/") {
            return alias(Place::Own, name);
        }
        if text == "obs/default" {
            return alias(Place::Own, text);
        }
        if let Some(uid) = CmkUid::parse_uuid(text) {
            return Ok(Self::Key(Place::Own, uid));
        }
        let mut parts = text.splitn(3, ':');
        let (Some(region), Some(account), Some(rest)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(KmsError::NotFound);
        };
        let place = Place::Obs { region: region.to_owned(), account: account.to_owned() };
        match (rest.strip_prefix("key/").and_then(CmkUid::parse_uuid), rest.strip_prefix("alias/")) {
            (Some(uid), _) => Ok(Self::Key(place, uid)),
            (None, Some(name)) => alias(place, name),
            (None, None) => Err(KmsError::NotFound),
        }
    }

    fn parse_arn(arn: &str) -> Result<Self, KmsError> {
        let parts: Vec<&str> = arn.splitn(5, ':').collect();
        let [partition, "kms", region, number, resource] = parts[..] else {
            return Err(KmsError::InvalidArn);
        };
        if partition != "aws" || region.is_empty() || number.is_empty() {
            return Err(KmsError::InvalidArn);
        }
        let place = Place::Arn { region: region.to_owned(), number: number.to_owned() };
        if let Some(name) = resource.strip_prefix("alias/") {
            return alias(place, name);
        }
        let uuid = resource.strip_prefix("key/").ok_or(KmsError::InvalidArn)?;
        // Well-formed as an ARN: an id that is no UUID is a key that does not exist.
        Ok(Self::Key(place, CmkUid::parse_uuid(uuid).ok_or(KmsError::NotFound)?))
    }
}

fn alias(place: Place, name: &str) -> Result<KeyRef, KmsError> {
    AliasName::parse(name).map(|name| KeyRef::Alias(place, name)).ok_or(KmsError::NotFound)
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "30313233-3435-3637-3839-616263646566";

    #[test]
    fn every_form_is_read() {
        let uid = CmkUid::from_bytes(*b"0123456789abcdef");
        let arn = Place::Arn { region: "local-1".into(), number: "000000000001".into() };
        let obs = Place::Obs { region: "local-1".into(), account: "abc".into() };
        let name = |n| AliasName::parse(n).unwrap();
        for (text, want) in [
            (UUID.to_owned(), KeyRef::Key(Place::Own, uid)),
            (format!("local-1:abc:key/{UUID}"), KeyRef::Key(obs.clone(), uid)),
            ("local-1:abc:alias/a:b".into(), KeyRef::Alias(obs, name("a:b"))),
            (format!("arn:aws:kms:local-1:000000000001:key/{UUID}"), KeyRef::Key(arn.clone(), uid)),
            ("alias/a:b/c_-D".into(), KeyRef::Alias(Place::Own, name("a:b/c_-D"))),
            ("alias/aws/s3".into(), KeyRef::Alias(Place::Own, name("aws/s3"))),
            ("obs/default".into(), KeyRef::Alias(Place::Own, name("obs/default"))),
            ("arn:aws:kms:local-1:000000000001:alias/x:y".into(), KeyRef::Alias(arn, name("x:y"))),
        ] {
            assert_eq!(KeyRef::parse(&text), Ok(want), "{text}");
        }
    }

    #[test]
    fn other_texts_are_not_found_and_broken_arns_say_so() {
        for text in ["", "x", "alias/", "alias/a b", "a:b:c", "a:b:key/x", &format!("alias/{}", "a".repeat(251))] {
            assert_eq!(KeyRef::parse(text), Err(KmsError::NotFound), "{text}");
        }
        assert_eq!(KeyRef::parse("arn:aws:kms:r:1:key/zz"), Err(KmsError::NotFound));
        let other_partition = format!("arn:aws-cn:kms:r:1:key/{UUID}");
        for text in ["arn:", "arn:aws:s3:r:1:key/x", "arn:aws:kms:r:1:x/y", "arn:aws:kms::1:key/x", &other_partition] {
            assert_eq!(KeyRef::parse(text), Err(KmsError::InvalidArn), "{text}");
        }
    }

    #[test]
    fn reserved_names() {
        for (name, reserved) in
            [("aws/s3", true), ("aws/x", true), ("obs/default", true), ("awsome", false), ("default", false)]
        {
            assert_eq!(AliasName::parse(name).unwrap().is_reserved(), reserved, "{name}");
        }
    }
}
