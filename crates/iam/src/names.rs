//! ARNs and AWS-style ids of entities, written and read.

use crate::entity::{Group, Role, User};
use data_encoding::BASE32_NOPAD;
use model::{AccountNumber, EntityPath, GroupUid, PolicyUid, RoleUid, UserUid};

macro_rules! aws_ids {
    ($($uid:ident, $prefix:literal, $write:ident, $read:ident;)*) => {
        $(
            /// The id as AWS writes such ids: four letters, then the uid in base32.
            pub fn $write(uid: &$uid) -> String {
                format!(concat!($prefix, "{}"), BASE32_NOPAD.encode(uid.as_bytes()))
            }

            /// Reads what the function beside this one wrote.
            pub fn $read(text: &str) -> Option<$uid> {
                let bytes = BASE32_NOPAD.decode(text.strip_prefix($prefix)?.as_bytes()).ok()?;
                Some($uid::from_bytes(bytes.try_into().ok()?))
            }
        )*
    };
}

aws_ids! {
    UserUid, "AIDA", user_aws_id, user_from_aws_id;
    GroupUid, "AGPA", group_aws_id, group_from_aws_id;
    RoleUid, "AROA", role_aws_id, role_from_aws_id;
    PolicyUid, "ANPA", policy_aws_id, policy_from_aws_id;
}

macro_rules! arns {
    ($($entity:ident, $kind:literal, $id:ident;)*) => {
        $(impl $entity {
            /// Its ARN, in the account of this number.
            pub fn arn(&self, number: &AccountNumber) -> String {
                format!(concat!("arn:aws:iam::{}:", $kind, "{}{}"), number, self.path, self.name)
            }

            /// Its id as AWS writes them.
            pub fn aws_id(&self) -> String {
                $id(&self.uid)
            }
        })*
    };
}

arns! {
    User, "user", user_aws_id;
    Group, "group", group_aws_id;
    Role, "role", role_aws_id;
}

impl crate::entity::ManagedPolicy {
    /// Its id as AWS writes them.
    pub fn aws_id(&self) -> String {
        policy_aws_id(&self.uid)
    }
}

/// The parts of `arn:aws:iam::ACCOUNT:KIND/path/name`: account, kind, path, name.
pub(crate) fn parse_arn(arn: &str) -> Option<(&str, &str, EntityPath, &str)> {
    let (account, rest) = arn.strip_prefix("arn:aws:iam::")?.split_once(':')?;
    let (kind, rest) = rest.split_once('/')?;
    let (path, name) = match rest.rsplit_once('/') {
        Some((path, name)) => (EntityPath::parse(&format!("/{path}/"))?, name),
        None => (EntityPath::default(), rest),
    };
    Some((account, kind, path, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_they_were_written() {
        let uid = UserUid::from_bytes(*b"0123456789abcdef");
        let text = user_aws_id(&uid);
        assert!(
            text.starts_with("AIDA") && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()),
            "{text}"
        );
        assert_eq!(user_from_aws_id(&text), Some(uid));
        for wrong in ["", "AIDA", "AROAGAYTEMZUGU3DOOBZMFRGGZDFMY", &text[..text.len() - 1], &text.to_lowercase()] {
            assert_eq!(user_from_aws_id(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn arns_come_apart() {
        let parts = parse_arn("arn:aws:iam::123456789012:policy/dev/team/Read").unwrap();
        assert_eq!((parts.0, parts.1, parts.2.as_str(), parts.3), ("123456789012", "policy", "/dev/team/", "Read"));
        assert_eq!(parse_arn("arn:aws:iam::aws:policy/ReadOnlyAccess").unwrap().2.as_str(), "/");
        for wrong in ["", "arn:aws:s3:::bucket/x", "arn:aws:iam::123:root", "arn:aws:iam::1:user//x//y"] {
            assert!(parse_arn(wrong).is_none(), "{wrong}");
        }
    }
}
