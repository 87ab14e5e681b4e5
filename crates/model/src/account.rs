//! Accounts, access keys, regions, and the names of IAM entities.

use std::fmt;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $max:expr, $ok:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// Checks the characters and the length.
            pub fn parse(text: &str) -> Option<Self> {
                let ok: fn(u8) -> bool = $ok;
                (!text.is_empty() && text.len() <= $max && text.bytes().all(ok)).then(|| Self(text.into()))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

text_id!(
    /// Canonical id of an account (Huawei: domain id), 32 lower-case hexadecimal digits.
    AccountId, 32, |b| matches!(b, b'0'..=b'9' | b'a'..=b'f')
);
text_id!(
    /// The 12-digit number of an account as AWS ARNs carry it.
    AccountNumber, 12, |b| b.is_ascii_digit()
);
text_id!(
    /// The public half of a signing credential.
    AccessKeyId, 128, |b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.')
);
text_id!(
    /// A region's name, for example `local-1`.
    RegionName, 64, |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'
);
text_id!(
    /// The name of a user, a group, a role (Huawei: agency) or a policy: 1 to 128 characters, as AWS IAM allows them, and
    /// blanks, which Huawei's names have.
    EntityName, 128, |b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'=' | b',' | b'.' | b'@' | b'_' | b'-' | b' ')
);

/// The path of an IAM entity: begins and ends with `/`, up to 512 visible ASCII characters. Groups entities in ARNs;
/// means nothing else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityPath(Box<str>);

impl EntityPath {
    /// Checks the form.
    pub fn parse(text: &str) -> Option<Self> {
        let ok = text.len() <= 512
            && text.starts_with('/')
            && text.ends_with('/')
            && text.bytes().all(|b| b.is_ascii_graphic())
            && !text.contains("//");
        ok.then(|| Self(text.into()))
    }

    /// The text, slashes included.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for EntityPath {
    /// `/`: no path.
    fn default() -> Self {
        Self("/".into())
    }
}

impl fmt::Display for EntityPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
