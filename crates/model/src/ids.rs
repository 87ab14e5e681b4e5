//! Ids of different kinds are different types, so that one cannot be passed for another.

use crate::Entropy;
use data_encoding::{BASE32_NOPAD, HEXLOWER};
use std::fmt;

macro_rules! id16 {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// Draws a fresh id: 128 random bits.
            pub fn random(entropy: &dyn Entropy) -> Self {
                let mut bytes = [0; 16];
                entropy.fill(&mut bytes);
                Self(bytes)
            }

            /// From its stored bytes.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The stored bytes.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }

            /// Parses 32 hexadecimal digits (either case).
            pub fn parse_hex(text: &str) -> Option<Self> {
                let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()?;
                Some(Self(bytes.try_into().ok()?))
            }

            /// 32 lower-case hexadecimal digits.
            pub fn to_hex(&self) -> String {
                HEXLOWER.encode(&self.0)
            }

            /// 26 characters of `A-Z2-7` (RFC 4648 base32 without padding), as in AWS's ids of entities.
            pub fn to_base32(&self) -> String {
                BASE32_NOPAD.encode(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.to_hex())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.to_hex())
            }
        }
    };
}

id16!(
    /// The identity of a bucket's life: a bucket re-created under the same name has another uid.
    BucketUid
);
id16!(
    /// The identity of one object version, drawn when it is written; independent of its name.
    VersionUid
);
id16!(
    /// What the blob store keeps sealed bytes under.
    BlobId
);
id16!(
    /// The identity of one sealed stream (a body or one upload of a part); never reused.
    StreamUid
);
id16!(
    /// A multipart upload.
    UploadId
);
id16!(
    /// A bucket key.
    BucketKeyId
);
id16!(
    /// The unique part of a CMK's id, shown in UUID form on the wire.
    CmkUid
);

id16!(
    /// A job over many objects.
    JobId
);

id16!(
    /// A user's life: a user re-created under the same name has another uid.
    UserUid
);
id16!(
    /// A group's life.
    GroupUid
);
id16!(
    /// A role's (Huawei: agency's) life.
    RoleUid
);
id16!(
    /// A managed policy's life.
    PolicyUid
);
id16!(
    /// A project.
    ProjectUid
);

impl CmkUid {
    /// The form on the wire: `8-4-4-4-12` hexadecimal digits.
    pub fn to_uuid(&self) -> String {
        let h = self.to_hex();
        format!("{}-{}-{}-{}-{}", &h[..8], &h[8..12], &h[12..16], &h[16..20], &h[20..])
    }

    /// Parses the form on the wire.
    pub fn parse_uuid(text: &str) -> Option<Self> {
        let dashes_right =
            text.len() == 36 && text.bytes().enumerate().all(|(i, b)| (b == b'-') == matches!(i, 8 | 13 | 18 | 23));
        if !dashes_right {
            return None;
        }
        Self::parse_hex(&text.replace('-', ""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuid_round_trip_and_refusals() {
        let id = CmkUid::from_bytes(*b"0123456789abcdef");
        assert_eq!(CmkUid::parse_uuid(&id.to_uuid()), Some(id));
        for wrong in [
            "",
            "30313233-3435-3637-3839-61626364656",
            "303132333435-3637-3839-6162-63646566aa",
            "zz313233-3435-3637-3839-616263646566",
        ] {
            assert_eq!(CmkUid::parse_uuid(wrong), None, "{wrong}");
        }
    }
}
