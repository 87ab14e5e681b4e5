//! What a decision can know of a request: the value of each condition key, and what policy variables stand for.
//!
//! INVARIANT: a key that the server derives ([`ConditionKey::is_derived`]) is answered from the fields of [`Conditions`]
//! and from the principal, never from what the request said.
//!
//! [`Conditions`]: crate::Conditions

use crate::glob::Lookup;
use crate::{AccessRequest, Caller, CmkNames, ConditionKey, Identity, Resource, date};
use model::{AccountId, RoleUid, Timestamp};
use std::borrow::Cow;
use std::cell::OnceCell;
use std::net::IpAddr;
use std::sync::Arc;

/// `aws:userid` of whoever does not sign.
pub(crate) const ANONYMOUS_USER_ID: &str = "anonymous";

/// A value of a condition key.
#[derive(Clone, Debug)]
pub(crate) enum Fact<'a> {
    Text(Cow<'a, str>),
    /// One value with two spellings; either may match.
    Either(Cow<'a, str>, Cow<'a, str>),
    /// A reference to a CMK as it was sent, which may be an alias of the caller's making, and the CMK's own names.
    Cmk(&'a str, &'a CmkNames),
    /// Whole seconds since the Unix epoch; `epoch` tells how it reads as a text.
    Time {
        secs: u64,
        epoch: bool,
    },
    Address(IpAddr),
    Flag(bool),
}

/// The values of a key in this request.
pub(crate) enum Seen<'a> {
    Absent,
    /// Derived by the server.
    One(Fact<'a>),
    /// As the operation or the request supplied them.
    Operation(&'a ConditionKey, &'a [(ConditionKey, &'a str)], Option<&'a CmkNames>),
    Request(&'a ConditionKey, &'a [(ConditionKey, String)], Option<&'a CmkNames>),
}

/// A request for access while it is decided.
pub(crate) struct Context<'a> {
    pub(crate) request: AccessRequest<'a>,
    pub(crate) caller: Option<&'a Arc<Caller>>,
    /// The role to be assumed.
    pub(crate) role: Option<RoleUid>,
    arn: OnceCell<String>,
    path: OnceCell<String>,
}

impl<'a> Context<'a> {
    pub(crate) fn new(request: &AccessRequest<'a>, role: Option<RoleUid>) -> Self {
        let caller = request.principal.caller();
        Self { request: *request, caller, role, arn: OnceCell::new(), path: OnceCell::new() }
    }

    /// The resource's ARN. For the service as a whole it ends where the name of a resource would begin.
    pub(crate) fn arn(&self) -> &str {
        self.arn.get_or_init(|| match self.request.resource {
            Resource::Service if self.request.action.is_of_store() => "arn:aws:s3:::".to_owned(),
            Resource::Service => {
                let service = self.request.action.name().split(':').next().unwrap_or_default();
                format!("arn:aws:{service}:::")
            }
            Resource::Bucket(_) | Resource::Object(..) => format!("arn:aws:s3:::{}", self.path()),
            Resource::Cmk { region, number, uid, .. } => format!("arn:aws:kms:{region}:{number}:key/{}", uid.to_uuid()),
            Resource::KeyAlias { region, number, name, .. } => format!("arn:aws:kms:{region}:{number}:{name}"),
            Resource::Iam { number, entity, .. } => format!("arn:aws:iam::{number}:{entity}"),
        })
    }

    /// `bucket` or `bucket/name`; empty for anything else.
    pub(crate) fn path(&self) -> &str {
        self.path.get_or_init(|| match self.request.resource {
            Resource::Bucket(bucket) => bucket.as_str().to_owned(),
            Resource::Object(bucket, name) => format!("{bucket}/{name}"),
            _ => String::new(),
        })
    }

    /// The values of a key.
    pub(crate) fn seen<'c>(&'c self, key: &'c ConditionKey) -> Seen<'c> {
        if key.is_derived() {
            return self.derived(key).map_or(Seen::Absent, Seen::One);
        }
        let named = self.request.conditions.named_cmk.as_ref();
        // What the operation found out by itself stands over what the request said.
        if self.request.facts.iter().any(|(k, _)| k == key) {
            return Seen::Operation(key, self.request.facts, named);
        }
        if key.is_of_keys() {
            return Seen::Absent;
        }
        let said = &self.request.conditions.values;
        if said.iter().any(|(k, _)| k == key) { Seen::Request(key, said, named) } else { Seen::Absent }
    }

    fn derived(&self, key: &ConditionKey) -> Option<Fact<'a>> {
        use ConditionKey as K;
        let conditions = self.request.conditions;
        let time = |at: Timestamp, epoch| Fact::Time { secs: at.as_secs(), epoch };
        Some(match key {
            K::CurrentTime => time(conditions.time, false),
            K::EpochTime => time(conditions.time, true),
            K::SecureTransport => Fact::Flag(conditions.secure_transport),
            K::SourceIp => Fact::Address(conditions.source_ip?.to_canonical()),
            K::PrincipalArn => Fact::text(self.caller?.policy_arn()),
            K::PrincipalAccount | K::CallerAccount => {
                let caller = self.caller?;
                Fact::either(caller.number.as_str(), caller.account.as_str())
            }
            K::PrincipalType => Fact::text(match self.caller.map(|caller| &caller.identity) {
                None => "Anonymous",
                Some(Identity::Root) => "Account",
                Some(Identity::User { .. }) => "User",
                Some(Identity::Role { .. }) => "AssumedRole",
            }),
            K::UserId => match self.caller {
                None => Fact::text(ANONYMOUS_USER_ID),
                Some(caller) => match &caller.identity {
                    Identity::Root => Fact::either(caller.number.as_str(), caller.account.as_str()),
                    // AWS's clients know the ids of users and roles in AWS's form.
                    Identity::User { uid, .. } => {
                        Fact::Either(uid.to_hex().into(), format!("AIDA{}", uid.to_base32()).into())
                    }
                    Identity::Role { uid, session_name, .. } => Fact::Either(
                        format!("{uid}:{session_name}").into(),
                        format!("AROA{}:{session_name}", uid.to_base32()).into(),
                    ),
                },
            },
            K::UserName => match &self.caller?.identity {
                Identity::User { name, .. } => Fact::text(name.as_str()),
                _ => return None,
            },
            K::DomainId => Fact::text(self.caller?.account.as_str()),
            K::DomainName => Fact::text(self.caller?.account_name.as_str()),
            K::TokenIssueTime => time(self.caller?.session.as_ref()?.issued, false),
            K::ResourceAccount => {
                let owner = self.owner()?;
                match self.request.resource {
                    Resource::Cmk { number, .. } | Resource::KeyAlias { number, .. } | Resource::Iam { number, .. } => {
                        Fact::either(number.as_str(), owner.as_str())
                    }
                    // The number of a foreign account is not known here.
                    _ => match self.caller.filter(|caller| caller.account == *owner) {
                        Some(caller) => Fact::either(caller.number.as_str(), owner.as_str()),
                        None => Fact::text(owner.as_str()),
                    },
                }
            }
            _ => return None,
        })
    }

    /// The account that the resource is of. In the store that is the bucket's owner, whoever wrote an object there: who
    /// writes into another's bucket must not choose by that which policies speak of it.
    pub(crate) fn owner(&self) -> Option<&'a AccountId> {
        self.request.bucket.map(|rules| &rules.owner).or(self.request.owner)
    }
}

impl Lookup for Context<'_> {
    fn lookup<'k>(&'k self, key: &'k ConditionKey) -> Option<Cow<'k, str>> {
        let mut values = Vec::new();
        match self.seen(key) {
            Seen::Absent => return None,
            Seen::One(fact) => return Some(fact.into_text()),
            Seen::Operation(key, all, _) => values.extend(all.iter().filter(|(k, _)| k == key).map(|(_, v)| *v)),
            Seen::Request(key, all, _) => values.extend(all.iter().filter(|(k, _)| k == key).map(|(_, v)| v.as_str())),
        }
        // What has several values stands for none of them.
        (values.len() == 1).then(|| Cow::Borrowed(values[0]))
    }
}

impl<'a> Seen<'a> {
    pub(crate) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// Whether some value passes.
    pub(crate) fn any(&self, mut passes: impl FnMut(&Fact<'a>) -> bool) -> bool {
        match self {
            Self::Absent => false,
            Self::One(fact) => passes(fact),
            Self::Operation(key, all, named) => {
                all.iter().filter(|(k, _)| k == *key).any(|(_, value)| passes(&Fact::said(key, value, *named)))
            }
            Self::Request(key, all, named) => {
                all.iter().filter(|(k, _)| k == *key).any(|(_, value)| passes(&Fact::said(key, value, *named)))
            }
        }
    }

    /// The values as texts, for explanations.
    pub(crate) fn texts(&self) -> Vec<String> {
        let mut texts = Vec::new();
        match self {
            Self::Absent => {}
            Self::One(fact) => texts.push(fact.clone().into_text().into_owned()),
            Self::Operation(key, all, _) => {
                texts.extend(all.iter().filter(|(k, _)| k == *key).map(|(_, value)| (*value).to_owned()));
            }
            Self::Request(key, all, _) => {
                texts.extend(all.iter().filter(|(k, _)| k == *key).map(|(_, value)| value.clone()));
            }
        }
        if let Self::Operation(ConditionKey::SseKmsKeyId, _, Some(named))
        | Self::Request(ConditionKey::SseKmsKeyId, _, Some(named)) = self
            && !texts.contains(&named.arn)
        {
            texts.push(named.arn.clone());
        }
        texts
    }
}

impl<'a> Fact<'a> {
    fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text(text.into())
    }

    fn either(one: &'a str, other: &'a str) -> Self {
        Self::Either(one.into(), other.into())
    }

    /// A value as it was sent, with its other spelling if the key has values of two (obs-api §8.4).
    fn said(key: &ConditionKey, value: &'a str, named: Option<&'a CmkNames>) -> Self {
        match key {
            ConditionKey::SseKmsKeyId => named.map_or(Self::text(value), |named| Self::Cmk(value, named)),
            // S3 says `aws:kms` where OBS says `kms`.
            ConditionKey::ServerSideEncryption => match value.strip_prefix("aws:") {
                Some(bare) => Self::either(value, bare),
                None if value.starts_with("kms") => Self::Either(value.into(), format!("aws:{value}").into()),
                None => Self::text(value),
            },
            ConditionKey::CopySource => match value.strip_prefix('/') {
                Some(bare) => Self::either(value, bare),
                None => Self::Either(value.into(), format!("/{value}").into()),
            },
            // The store is one service, whichever dialect it was spoken to in.
            ConditionKey::ViaService => match ConditionKey::region_of_store(value) {
                Some(region) => Self::Either(value.into(), format!("obs.{region}").into()),
                None => Self::text(value),
            },
            // AWS's words and Huawei's.
            ConditionKey::KeySpec if value == "SYMMETRIC_DEFAULT" => Self::either(value, "AES_256"),
            ConditionKey::KeyOrigin if value == "AWS_KMS" => Self::either(value, "kms"),
            ConditionKey::KeyOrigin if value == "EXTERNAL" => Self::either(value, "external"),
            _ => Self::text(value),
        }
    }

    /// Whether one of its spellings passes.
    pub(crate) fn any_text(&self, mut passes: impl FnMut(&str) -> bool) -> bool {
        match self {
            Self::Text(text) => passes(text),
            Self::Either(one, other) => passes(one) || passes(other),
            Self::Cmk(sent, _) => passes(sent) || self.any_own_text(passes),
            Self::Flag(flag) => passes(if *flag { "true" } else { "false" }),
            Self::Time { .. } | Self::Address(_) => passes(&self.clone().into_text()),
        }
    }

    /// As [`Fact::any_text`], but of a reference to a CMK only the names that no caller can choose: an alias can be made
    /// to fit a pattern.
    pub(crate) fn any_own_text(&self, mut passes: impl FnMut(&str) -> bool) -> bool {
        match self {
            Self::Cmk(_, CmkNames { arn, obs, uuid }) => passes(arn) || passes(obs) || passes(uuid),
            _ => self.any_text(passes),
        }
    }

    /// As a text; the first of two spellings.
    pub(crate) fn into_text(self) -> Cow<'a, str> {
        match self {
            Self::Text(text) | Self::Either(text, _) => text,
            Self::Cmk(sent, _) => sent.into(),
            Self::Time { secs, epoch: true } => secs.to_string().into(),
            Self::Time { secs, epoch: false } => date::format(secs).into(),
            Self::Address(address) => address.to_string().into(),
            Self::Flag(true) => "true".into(),
            Self::Flag(false) => "false".into(),
        }
    }

    /// As a number: of a time the seconds since the epoch.
    pub(crate) fn number(&self) -> Option<f64> {
        match self {
            Self::Time { secs, .. } => Some(*secs as f64),
            Self::Text(text) | Self::Either(text, _) => text.trim().parse().ok().filter(|n: &f64| n.is_finite()),
            Self::Address(_) | Self::Flag(_) | Self::Cmk(..) => None,
        }
    }

    /// As a time, in milliseconds since the epoch.
    pub(crate) fn millis(&self) -> Option<i64> {
        match self {
            Self::Time { secs, .. } => i64::try_from(*secs).ok()?.checked_mul(1000),
            Self::Text(text) | Self::Either(text, _) => date::parse(text),
            Self::Address(_) | Self::Flag(_) | Self::Cmk(..) => None,
        }
    }

    /// As an address.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Address(address) => Some(*address),
            Self::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// As a truth value: anything but `true` is false.
    pub(crate) fn flag(&self) -> bool {
        match self {
            Self::Flag(flag) => *flag,
            Self::Text(text) => text.trim().eq_ignore_ascii_case("true"),
            _ => false,
        }
    }
}
