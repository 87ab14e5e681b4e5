//! Sets of actions, and the patterns that name them in policies: AWS's names, OBS's bare ones, Huawei's with three
//! segments, all without regard to case.

use crate::Action;
use crate::action_names::{KEYS_NOT_OFFERED, NOT_OFFERED};
use crate::glob::{Lookup, Pattern, Syntax};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

const WORDS: usize = 4;
const _: () = assert!(Action::ALL.len() <= WORDS * 64);

/// A set of actions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ActionSet([u64; WORDS]);

impl ActionSet {
    /// Adds an action.
    pub fn add(&mut self, action: Action) {
        self.0[action as usize / 64] |= 1 << (action as usize % 64);
    }

    /// Whether the action is in it.
    pub fn contains(&self, action: Action) -> bool {
        self.0[action as usize / 64] & (1 << (action as usize % 64)) != 0
    }

    /// Whether no action is in it.
    pub fn is_empty(&self) -> bool {
        self.0 == [0; WORDS]
    }

    /// The actions in it, in the order of [`Action::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = Action> + '_ {
        Action::ALL.iter().copied().filter(|action| self.contains(*action))
    }

    pub(crate) fn join(&mut self, other: Self) {
        self.0.iter_mut().zip(other.0).for_each(|(word, more)| *word |= more);
    }

    pub(crate) fn complement(self) -> Self {
        let mut rest = Self::default();
        Action::ALL.iter().filter(|action| !self.contains(**action)).for_each(|action| rest.add(*action));
        rest
    }
}

/// What an action pattern of a policy names.
pub(crate) struct Named {
    /// The actions of this server.
    pub(crate) actions: ActionSet,
    /// Whether it names something at all, if only what this server does not offer.
    pub(crate) known: bool,
}

/// Whose actions a pattern can name, by where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// In a bucket policy: the store's, by OBS's bare names as well.
    Store,
    /// In a key policy: the KMS's.
    Keys,
    /// Anywhere else: all.
    All,
}

impl Scope {
    fn holds(self, action: Action) -> bool {
        match self {
            Self::Store => action.is_of_store(),
            Self::Keys => action.is_of_keys(),
            Self::All => true,
        }
    }
}

/// Finds what a pattern names.
pub(crate) fn named(pattern: &str, scope: Scope) -> Result<Named, String> {
    let lower = pattern.to_ascii_lowercase();
    // Huawei writes `*:*:*` and `obs:*:*` for all of everything and all of a service.
    let short = match lower.split(':').collect::<Vec<_>>()[..] {
        ["*", "*"] | ["*", "*", "*"] => "*".to_owned(),
        [service, "*", "*"] => format!("{service}:*"),
        _ => lower,
    };
    if !short.contains(['*', '?']) {
        return Ok(exactly(&short, scope));
    }
    let glob = Pattern::parse(&short, Syntax { wildcards: true, variables: false })?;
    let matches = |name: &str| glob.matches(name, &NoVariables) == Ok(true);
    let mut actions = ActionSet::default();
    let mut known = false;
    for spellings in SPELLINGS.iter() {
        // In a bucket policy `*Policy` names no policies of identities.
        if scope.holds(spellings.action) && spellings.any(&short, scope == Scope::Store, matches) {
            actions.add(spellings.action);
            known = true;
        }
    }
    let known = known || is_known_elsewhere(scope, matches);
    Ok(Named { actions, known })
}

impl Action {
    /// By an exact name in any spelling, without regard to case. AWS's `s3:ListBucket` is [`Action::ListBucket`], not
    /// [`Action::HeadBucket`], which has no name of its own there.
    pub fn parse(name: &str) -> Option<Self> {
        let lower = name.trim().to_ascii_lowercase();
        let aws = |a: &&Self| a.name().eq_ignore_ascii_case(&lower) && (a.obs_name().is_empty() || own_name(**a));
        Self::ALL.iter().find(aws).copied().or_else(|| {
            SPELLINGS
                .iter()
                .find(|spellings| spellings.any(&lower, true, |name| name == lower))
                .map(|found| found.action)
        })
    }
}

/// Whether AWS's name and OBS's are the same word.
fn own_name(action: Action) -> bool {
    action.name().split_once(':').is_some_and(|(_, name)| name == action.obs_name())
}

/// What a name without wildcards names: by look-up, for most names in documents are of this kind.
fn exactly(name: &str, scope: Scope) -> Named {
    let is_bare = !name.contains(':');
    let fits = |set: &ActionSet| (scope == Scope::Store || !is_bare) && set.iter().all(|action| scope.holds(action));
    let actions = EXACT.get(name).copied().filter(fits);
    let known = actions.is_some() || is_known_elsewhere(scope, |other| other == name);
    Named { actions: actions.unwrap_or_default(), known }
}

static EXACT: LazyLock<HashMap<&'static str, ActionSet>> = LazyLock::new(|| {
    let mut exact: HashMap<&'static str, ActionSet> = HashMap::new();
    for spellings in SPELLINGS.iter() {
        let bare = Some(&spellings.bare).filter(|bare| !bare.is_empty());
        for name in spellings.full.iter().chain(&spellings.long).chain(bare) {
            exact.entry(name.as_str()).or_default().add(spellings.action);
        }
    }
    exact
});

/// The spellings of an action, in lower case.
struct Spellings {
    action: Action,
    /// With the service in front.
    full: Vec<String>,
    /// Huawei's, in three segments. Only patterns of three segments name them: AWS's `iam:*` holds no assuming of roles,
    /// Huawei's `iam:agencies:*` does.
    long: Vec<String>,
    /// OBS's bare name; empty where it has none.
    bare: String,
}

/// Every spelling of every action, built once.
static SPELLINGS: LazyLock<Vec<Spellings>> = LazyLock::new(|| Action::ALL.iter().map(|a| Spellings::of(*a)).collect());

impl Spellings {
    fn of(action: Action) -> Self {
        let bare = action.obs_name().to_ascii_lowercase();
        let mut full = vec![action.name().to_ascii_lowercase()];
        if !bare.is_empty() {
            let kind = if action.is_on_object() { "object" } else { "bucket" };
            full.push(format!("obs:{kind}:{bare}"));
            full.push(format!("obs:{bare}"));
        }
        // S3 has no name for it: then OBS's counts under the prefix of S3 as well.
        if action == Action::HeadBucket {
            full.push(format!("s3:{bare}"));
        }
        let long = action.huawei_names().iter().flat_map(|name| [(*name).to_owned(), format!("{name}v5")]).collect();
        Self { action, full, long, bare }
    }

    fn any(&self, pattern: &str, bare_names: bool, matches: impl Fn(&str) -> bool) -> bool {
        let is_long = pattern.bytes().filter(|b| *b == b':').count() >= 2;
        self.full.iter().any(|name| matches(name))
            || (is_long && self.long.iter().any(|name| matches(name)))
            || (bare_names && !self.bare.is_empty() && matches(&self.bare))
    }
}

fn is_known_elsewhere(scope: Scope, matches: impl Fn(&str) -> bool) -> bool {
    if scope == Scope::Keys {
        return KEYS_NOT_OFFERED.split_ascii_whitespace().any(|name| matches(&format!("kms:{name}")));
    }
    let bare_names = scope == Scope::Store;
    NOT_OFFERED.split_ascii_whitespace().any(|name| {
        (bare_names && matches(name))
            || ["s3:", "obs:", "obs:bucket:", "obs:object:"].iter().any(|prefix| matches(&format!("{prefix}{name}")))
    })
}

/// For patterns without variables.
pub(crate) struct NoVariables;

impl Lookup for NoVariables {
    fn lookup<'k>(&'k self, _: &'k crate::ConditionKey) -> Option<Cow<'k, str>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(pattern: &str) -> Vec<Action> {
        let bare = !pattern.contains(':') && pattern != "*";
        named(pattern, if bare { Scope::Store } else { Scope::All }).unwrap().actions.iter().collect()
    }

    #[test]
    fn every_spelling_of_an_action() {
        use Action as A;
        for (pattern, expected) in [
            ("s3:GetObject", vec![A::GetObject]),
            ("S3:getobject", vec![A::GetObject]),
            ("getobject", vec![A::GetObject]),
            ("obs:object:GetObject", vec![A::GetObject]),
            ("obs:object:getObject", vec![A::GetObject]),
            ("obs:bucket:GetObject", vec![]),
            ("s3:ListBucket", vec![A::HeadBucket, A::ListBucket]),
            ("ListBucket", vec![A::ListBucket]),
            ("HeadBucket", vec![A::HeadBucket]),
            ("obs:bucket:HeadBucket", vec![A::HeadBucket]),
            ("s3:GetObject?ersion", vec![A::GetObjectVersion]),
            ("s3:GetObjectVersion", vec![A::GetObjectVersion]),
            ("kms:cmk:get", vec![A::KmsDescribeKey]),
            ("kms:cmk:list", vec![A::KmsListKeys, A::KmsListAliases]),
            ("kms:dek:create", vec![A::KmsGenerateDataKey, A::KmsGenerateDataKeyWithoutPlaintext]),
            ("kms:dek:crypto", vec![A::KmsDecrypt, A::KmsEncrypt]),
            (
                "KMS:dek:*",
                vec![A::KmsGenerateDataKey, A::KmsDecrypt, A::KmsGenerateDataKeyWithoutPlaintext, A::KmsEncrypt],
            ),
            ("kms:cmk:crypto", vec![A::KmsDecrypt, A::KmsEncrypt, A::KmsReEncryptFrom, A::KmsReEncryptTo]),
            (
                "kms:grant:*",
                vec![
                    A::KmsCreateGrant,
                    A::KmsListGrants,
                    A::KmsListRetirableGrants,
                    A::KmsRevokeGrant,
                    A::KmsRetireGrant,
                ],
            ),
            ("kms:cmkTag:*", vec![A::KmsTagResource, A::KmsUntagResource, A::KmsListResourceTags]),
            ("kms:GenerateDataKey*", vec![A::KmsGenerateDataKey, A::KmsGenerateDataKeyWithoutPlaintext]),
            ("iam:users:createUserV5", vec![A::IamCreateUser]),
            ("sts:agencies:assume", vec![A::StsAssumeRole]),
            ("ec2:*", vec![]),
        ] {
            let expected: Vec<Action> = expected;
            assert_eq!(set(pattern), expected, "{pattern}");
        }
        for all in ["*", "*:*", "*:*:*"] {
            assert_eq!(set(all).len(), Action::ALL.len(), "{all}");
        }
        for (service, prefix) in [("kms:*", "kms:"), ("kms:*:*", "kms:"), ("iam:*:*", "iam:"), ("s3:*", "s3:")] {
            let of: Vec<Action> = Action::ALL.iter().copied().filter(|a| a.name().starts_with(prefix)).collect();
            assert_eq!(set(service), of, "{service}");
        }
        assert_eq!(set("obs:*:*"), set("s3:*"));
    }

    #[test]
    fn bare_names_belong_to_bucket_policies() {
        assert!(!named("GetObject", Scope::All).unwrap().known);
        assert!(named("GetObject", Scope::Store).unwrap().known);
        assert!(named("PutBucketLogging", Scope::Store).unwrap().known);
        assert!(named("s3:*Retention", Scope::Store).unwrap().known);
        assert!(!named("s3:GetObjct", Scope::Store).unwrap().known);
        for foreign in ["kms:Decrypt", "kms:*", "iam:users:*", "sts:AssumeRole"] {
            assert!(!named(foreign, Scope::Store).unwrap().known, "{foreign}");
        }
        assert!(named("*", Scope::Store).unwrap().actions.iter().all(Action::is_of_store));
    }

    #[test]
    fn key_policies_name_actions_of_the_kms() {
        let kms: Vec<Action> = Action::ALL.iter().copied().filter(|a| a.is_of_keys()).collect();
        for all in ["*", "kms:*", "KMS:*", "kms:*:*", "*:*"] {
            assert_eq!(named(all, Scope::Keys).unwrap().actions.iter().collect::<Vec<_>>(), kms, "{all}");
        }
        for known in ["kms:Decrypt", "kms:dek:create", "kms:ReEncrypt*", "kms:Sign", "kms:*KeyStore"] {
            assert!(named(known, Scope::Keys).unwrap().known, "{known}");
        }
        for foreign in
            ["s3:GetObject", "s3:*", "iam:CreateUser", "GetObject", "kms:Decrpt", "obs:*:*", "kms:cmk:nothing"]
        {
            assert!(!named(foreign, Scope::Keys).unwrap().known, "{foreign}");
        }
    }

    #[test]
    fn names_lead_back() {
        for &action in Action::ALL {
            let back = Action::parse(action.name()).unwrap();
            assert_eq!(back.name(), action.name());
            if !action.obs_name().is_empty() {
                assert_eq!(Action::parse(action.obs_name()), Some(action));
            }
        }
        assert_eq!(Action::parse("s3:ListBucket"), Some(Action::ListBucket));
        assert_eq!(Action::parse("s3:Nothing"), None);
    }
}
