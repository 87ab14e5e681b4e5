//! What a statement names as its resources, in AWS's, OBS's and Huawei's forms, and whether the request touches it.

use crate::Resource;
use crate::action_set::NoVariables;
use crate::facts::Context;
use crate::glob::{Pattern, Unresolved};
use model::{AccountId, AccountNumber, CmkUid, RegionName};

/// What Huawei's names call a CMK, in lower case.
const CMK_KIND: &str = "keyid";

/// The resources of a statement.
#[derive(Clone, Debug)]
pub(crate) struct Resources {
    pub(crate) named: Vec<Named>,
    /// `NotResource`: everything else.
    pub(crate) negated: bool,
}

/// One that is named.
#[derive(Clone, Debug)]
pub(crate) enum Named {
    /// `*`
    Any,
    /// `arn:…`, compared as a whole.
    Arn(Pattern),
    /// `bucket`, `bucket/name`, as OBS's bucket policies write it.
    Path(Pattern),
    /// `service:region:domain:type:path`, as Huawei writes it; part by part.
    Segments(Box<Segments>),
    /// `{"uri": ["/iam/agencies/…"]}`: agencies by uid or name.
    Agency(Pattern),
    /// Of a service this server does not have.
    Elsewhere,
}

/// Huawei's five segments. Service and type are in lower case.
#[derive(Clone, Debug)]
pub(crate) struct Segments {
    pub(crate) service: Box<str>,
    pub(crate) region: Pattern,
    pub(crate) domain: Pattern,
    pub(crate) kind: Pattern,
    pub(crate) path: Pattern,
}

impl Resources {
    /// Every resource.
    pub(crate) fn all() -> Self {
        Self { named: vec![Named::Any], negated: false }
    }

    /// Whether the statement is about the resource. Where `NotResource` leans on a variable that stands for nothing, an
    /// Allow is about none.
    pub(crate) fn hold(&self, cx: &Context<'_>, allows: bool) -> bool {
        let mut unresolved = false;
        for named in &self.named {
            match named.matches(cx) {
                Ok(true) => return !self.negated,
                Ok(false) => {}
                Err(Unresolved) => unresolved = true,
            }
        }
        self.negated && !(allows && unresolved)
    }
}

impl Named {
    fn matches(&self, cx: &Context<'_>) -> Result<bool, Unresolved> {
        match self {
            Self::Any => Ok(true),
            Self::Arn(pattern) => pattern.matches(cx.arn(), cx),
            Self::Path(pattern) => match cx.request.resource {
                Resource::Bucket(_) | Resource::Object(..) => pattern.matches(cx.path(), cx),
                _ => Ok(false),
            },
            Self::Segments(segments) => segments.match_resource(cx),
            Self::Agency(pattern) => match cx.request.resource {
                Resource::Iam { entity, .. } => {
                    let Some(role) = entity.strip_prefix("role/") else { return Ok(false) };
                    let name = role.rsplit('/').next().unwrap_or(role);
                    let by_uid = match cx.role {
                        Some(uid) => pattern.matches(&uid.to_hex(), cx)?,
                        None => false,
                    };
                    Ok(by_uid || pattern.matches(name, cx)?)
                }
                _ => Ok(false),
            },
            Self::Elsewhere => Ok(false),
        }
    }

    /// Whether it can name this bucket or an object of it.
    pub(crate) fn can_be_of(&self, bucket: &str) -> bool {
        let of = |pattern: &Pattern, prefix: &str| {
            let bucket = format!("{prefix}{bucket}");
            // Whatever follows the bucket's name must be a slash or nothing.
            pattern.could_be(&bucket) || pattern.could_begin_with(&format!("{bucket}/"))
        };
        match self {
            Self::Any => true,
            Self::Arn(pattern) => of(pattern, "arn:aws:s3:::"),
            Self::Path(pattern) => of(pattern, ""),
            Self::Segments(segments) => &*segments.service == "obs" && of(&segments.path, ""),
            Self::Agency(_) | Self::Elsewhere => false,
        }
    }

    /// Whether it can name this CMK.
    pub(crate) fn can_be_key(
        &self,
        region: &RegionName,
        account: &AccountId,
        number: &AccountNumber,
        uid: CmkUid,
    ) -> bool {
        let uuid = uid.to_uuid();
        match self {
            Self::Any => true,
            Self::Arn(pattern) => pattern.could_be(&format!("arn:aws:kms:{region}:{number}:key/{uuid}")),
            Self::Segments(s) => {
                matches!(&*s.service, "kms" | "*")
                    && s.region.could_be(region.as_str())
                    && (s.domain.is_empty() || s.domain.could_be(account.as_str()))
                    && s.kind.could_be(CMK_KIND)
                    && s.path.could_be(&uuid)
            }
            Self::Path(_) | Self::Agency(_) | Self::Elsewhere => false,
        }
    }

    /// The patterns it is made of.
    pub(crate) fn patterns(&self) -> Vec<&Pattern> {
        match self {
            Self::Any | Self::Elsewhere => vec![],
            Self::Arn(pattern) | Self::Path(pattern) | Self::Agency(pattern) => vec![pattern],
            Self::Segments(s) => vec![&s.region, &s.domain, &s.kind, &s.path],
        }
    }
}

impl Segments {
    fn match_resource(&self, cx: &Context<'_>) -> Result<bool, Unresolved> {
        let service = match cx.request.resource {
            Resource::Bucket(_) | Resource::Object(..) => "obs",
            Resource::Cmk { .. } | Resource::KeyAlias { .. } => "kms",
            Resource::Iam { .. } => "iam",
            Resource::Service if cx.request.action.is_of_store() => "obs",
            Resource::Service => cx.request.action.name().split(':').next().unwrap_or_default(),
        };
        if &*self.service != "*" && *self.service != *service {
            return Ok(false);
        }
        let is = |pattern: &Pattern, text: &str| pattern.matches(text, cx);
        // An empty segment is what this resource has none of; `*` matches it as anything else.
        let domain = |account: &str| Ok(self.domain.is_empty() || is(&self.domain, account)?);
        let owner = cx.owner().map_or("", |owner| owner.as_str());
        Ok(match cx.request.resource {
            Resource::Service => is(&self.region, "")? && domain(owner)? && is(&self.kind, "")? && is(&self.path, "")?,
            Resource::Bucket(_) => {
                is(&self.region, "")? && domain(owner)? && is(&self.kind, "bucket")? && is(&self.path, cx.path())?
            }
            Resource::Object(..) => {
                is(&self.region, "")? && domain(owner)? && is(&self.kind, "object")? && is(&self.path, cx.path())?
            }
            Resource::Cmk { region, account, uid, .. } => {
                is(&self.region, region.as_str())?
                    && domain(account.as_str())?
                    && is(&self.kind, CMK_KIND)?
                    && is(&self.path, &uid.to_uuid())?
            }
            Resource::KeyAlias { region, account, name, .. } => {
                is(&self.region, region.as_str())?
                    && domain(account.as_str())?
                    && is(&self.kind, "alias")?
                    && is(&self.path, name.strip_prefix("alias/").unwrap_or(name))?
            }
            Resource::Iam { account, entity, .. } => {
                let (kind, path) = entity.split_once('/').unwrap_or((entity, ""));
                // What AWS calls a role is an agency here.
                let kind = is(&self.kind, kind)? || (kind == "role" && is(&self.kind, "agency")?);
                is(&self.region, "")? && domain(account.as_str())? && kind && is(&self.path, path)?
            }
        })
    }
}

impl Pattern {
    fn is_empty(&self) -> bool {
        *self == Self::literal("")
    }

    /// Whether it could be this text, whatever its variables stand for.
    fn could_be(&self, text: &str) -> bool {
        match self.matches(text, &NoVariables) {
            Ok(matches) => matches,
            // With variables the beginning must do: they may stand for the rest.
            Err(Unresolved) => self.could_begin_with(text),
        }
    }
}
