//! The policies that come with the server, under the names that AWS and Huawei have for theirs. Their documents are files
//! of `crates/iam/policies`; they cannot be changed, and every account may attach them.

use crate::entity::{ManagedPolicy, PolicyRef, PolicyVersion};
use model::{EntityName, EntityPath, PolicyUid, Timestamp};
use policy::{Grammar, Policy};
use std::sync::{Arc, OnceLock};

macro_rules! documents {
    ($($folder:literal { $($name:literal, $words:literal;)* })*) => {
        /// Name, description, document.
        const DOCUMENTS: &[(&str, &str, &str)] =
            &[$($(($name, $words, include_str!(concat!("../policies/", $folder, "/", $name, ".json"))),)*)*];
    };
}

documents! {
    "aws" {
    "AdministratorAccess", "Everything.";
    "PowerUserAccess", "Everything but identities.";
    "ReadOnlyAccess", "Reading everything.";
    "AmazonS3FullAccess", "Everything to buckets and objects.";
    "AmazonS3ReadOnlyAccess", "Reading buckets and objects.";
    "IAMFullAccess", "Everything to identities.";
    "IAMReadOnlyAccess", "Reading identities.";
    "AWSKeyManagementServicePowerUser", "Making and describing CMKs, not using or deleting them.";
    }
    "huawei" {
    "OBS Administrator", "Everything to buckets and objects.";
    "OBS OperateAccess", "Listing buckets, reading and writing objects.";
    "OBS ReadOnlyAccess", "Listing buckets and objects.";
    "OBS Buckets Viewer", "Listing buckets.";
    "Tenant Administrator", "Everything but identities.";
    "Tenant Guest", "Reading everything but identities.";
    "Security Administrator", "Everything to identities.";
    "KMS Administrator", "Everything to CMKs.";
    "KMS CMKFullAccess", "Everything to CMKs.";
    "KMS CMKReadOnlyAccess", "Reading CMKs.";
    }
}

/// All of them, in order of their table.
pub(crate) fn all() -> &'static [Arc<ManagedPolicy>] {
    static ALL: OnceLock<Vec<Arc<ManagedPolicy>>> = OnceLock::new();
    ALL.get_or_init(|| {
        DOCUMENTS.iter().filter_map(|(name, words, text)| make(name, words, text)).map(Arc::new).collect()
    })
}

/// The one of this name, compared without case.
pub(crate) fn find(name: &str) -> Option<&'static Arc<ManagedPolicy>> {
    all().iter().find(|policy| policy.name.as_str().eq_ignore_ascii_case(name))
}

/// How the one of this name is referred to.
pub(crate) fn reference(name: &str) -> Option<PolicyRef> {
    find(name).map(|policy| policy.reference)
}

fn make(name: &'static str, words: &str, text: &str) -> Option<ManagedPolicy> {
    let text = text.trim_end();
    // A test parses each; should one not, it denies rather than being absent.
    let policy = Policy::parse(text, Grammar::Identity).unwrap_or_else(|_| Policy::unreadable(text));
    Some(ManagedPolicy {
        reference: PolicyRef::BuiltIn(name),
        uid: uid(name),
        account: None,
        name: EntityName::parse(name)?,
        path: EntityPath::default(),
        description: words.to_owned(),
        created: Timestamp::default(),
        updated: Timestamp::default(),
        versions: vec![PolicyVersion { number: 1, created: Timestamp::default(), policy: Arc::new(policy) }],
        default_version: 1,
    })
}

/// An id that is the same on every server: two FNV-1a sums of the name. Not secret, and distinct for these names.
fn uid(name: &str) -> PolicyUid {
    let sum = |seed: u64| {
        name.bytes().fold(0xcbf2_9ce4_8422_2325 ^ seed, |sum, b| (sum ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
    };
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&sum(0).to_be_bytes());
    bytes[8..].copy_from_slice(&sum(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    PolicyUid::from_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_is_a_policy_of_its_own() {
        assert_eq!(all().len(), DOCUMENTS.len(), "every name is one");
        for (name, _, text) in DOCUMENTS {
            if let Err(error) = Policy::parse(text, Grammar::Identity) {
                panic!("{name}: {error}");
            }
            assert_eq!(reference(name), Some(PolicyRef::BuiltIn(name)));
        }
        assert_eq!(all().iter().map(|policy| policy.uid).collect::<BTreeSet<_>>().len(), DOCUMENTS.len());
        assert!(find("NoSuchAccess").is_none());
    }
}
