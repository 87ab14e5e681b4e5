//! How a stored reference names a key at a service (docs/formats/provider-records.md):
//!
//! ```text
//! offset  0        1            2
//!         fmt 1    origin 1     the key's name at the service, UTF-8
//! ```

use kms::ProviderFault;

const FORMAT: u8 = 1;
const MADE: u8 = 1;
const TAKEN_UP: u8 = 2;
/// Longest name of a key at a service, in bytes (AWS: an ARN of up to 2048).
const NAME_BYTES_MAX: usize = 2048;

/// A key at a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reference<'a> {
    /// Whether it was made by us, and may therefore be destroyed by us.
    pub(crate) made: bool,
    /// Its name there.
    pub(crate) name: &'a str,
}

impl<'a> Reference<'a> {
    /// The stored bytes.
    ///
    /// # Errors
    /// [`ProviderFault::Garbage`] for a name that no service gives.
    pub(crate) fn encode(self) -> Result<Vec<u8>, ProviderFault> {
        if self.name.is_empty() || self.name.len() > NAME_BYTES_MAX {
            return Err(ProviderFault::Garbage("a key without a usable name".to_owned()));
        }
        let origin = if self.made { MADE } else { TAKEN_UP };
        Ok([&[FORMAT, origin], self.name.as_bytes()].concat())
    }

    /// Reads stored bytes.
    ///
    /// # Errors
    /// [`ProviderFault::InvalidReference`].
    pub(crate) fn decode(bytes: &'a [u8]) -> Result<Self, ProviderFault> {
        let (made, name) = match bytes {
            [FORMAT, MADE, name @ ..] => (true, name),
            [FORMAT, TAKEN_UP, name @ ..] => (false, name),
            _ => return Err(ProviderFault::InvalidReference),
        };
        match std::str::from_utf8(name) {
            Ok(name) if (1..=NAME_BYTES_MAX).contains(&name.len()) => Ok(Self { made, name }),
            _ => Err(ProviderFault::InvalidReference),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_stand_where_the_format_says() {
        let made = Reference { made: true, name: "arn:k" };
        assert_eq!(made.encode().unwrap(), b"\x01\x01arn:k");
        assert_eq!(Reference::decode(b"\x01\x01arn:k"), Ok(made));
        assert_eq!(Reference::decode(b"\x01\x02k"), Ok(Reference { made: false, name: "k" }));
    }

    #[test]
    fn what_is_not_a_reference_is_refused() {
        let long = [b"\x01\x01".as_slice(), &[b'a'; NAME_BYTES_MAX + 1]].concat();
        for wrong in [&b""[..], b"\x01", b"\x01\x01", b"\x02\x01k", b"\x01\x00k", b"\x01\x03k", b"\x01\x01\xff", &long]
        {
            assert_eq!(Reference::decode(wrong), Err(ProviderFault::InvalidReference), "{wrong:?}");
        }
        assert!(Reference { made: true, name: "" }.encode().is_err());
    }
}
