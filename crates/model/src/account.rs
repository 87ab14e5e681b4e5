//! Accounts, access keys, principals and regions.

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

/// Who is asking, once authenticated.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Principal {
    /// Nobody: the request carried no credentials.
    Anonymous,
    /// The account's own root identity.
    Root {
        /// The account.
        account: AccountId,
        /// Its number in ARNs.
        number: AccountNumber,
    },
}

impl Principal {
    /// The account behind the principal.
    pub fn account(&self) -> Option<&AccountId> {
        match self {
            Self::Anonymous => None,
            Self::Root { account, .. } => Some(account),
        }
    }

    /// A name for logs and for the requester's fingerprint: `anonymous` or `root:<account>`.
    pub fn urn(&self) -> String {
        match self {
            Self::Anonymous => "anonymous".to_owned(),
            Self::Root { account, .. } => format!("root:{account}"),
        }
    }
}
