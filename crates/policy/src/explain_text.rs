//! Explanations as people read them.

use crate::document::Effect;
use crate::{Explanation, GrantTrace, Layer, Outcome, Reason};
use std::fmt;

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Identity => "identity",
            Self::Boundary => "boundary",
            Self::Session => "session",
            Self::BucketPolicy => "bucket policy",
            Self::Trust => "trust policy",
            Self::BucketAcl => "bucket ACL",
            Self::ObjectAcl => "object ACL",
            Self::KeyPolicy => "key policy",
            Self::Grant => "grants on the key",
        })
    }
}

/// `bucket policy` or `identity, user alice: policy ReadOnly`.
struct Spot<'a>(Layer, &'a str);

impl fmt::Display for Spot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Layer::BucketPolicy | Layer::KeyPolicy | Layer::Trust => write!(f, "{}", self.0),
            layer => write!(f, "{layer}, {}", self.1),
        }
    }
}

/// `statement 2` or `statement 2 (Sid DenyPlain)`; people count from 1.
struct Numbered<'a>(usize, Option<&'a str>);

impl fmt::Display for Numbered<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "statement {}", self.0 + 1)?;
        self.1.map_or(Ok(()), |sid| write!(f, " (Sid {sid})"))
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Statement { layer, source, index, sid } => {
                write!(f, "{} of {}", Numbered(*index, sid.as_deref()), Spot(*layer, source))
            }
            Self::Unreadable { layer, source } => write!(f, "the policy cannot be read: {}", Spot(*layer, source)),
            Self::Grant(grant) => write!(f, "{grant}"),
            Self::Root => f.write_str("the account's root identity owns it"),
            Self::NeedsNoPermission => f.write_str("needs no permission"),
            Self::NarrowedSession => {
                f.write_str("a session narrowed by a policy makes and changes no identities and no policies of theirs")
            }
            Self::NotAllowedBy(Layer::Boundary) => f.write_str("the permission boundary does not allow it"),
            Self::NotAllowedBy(Layer::Session) => f.write_str("no session policy allows it"),
            Self::NotAllowedBy(layer) => write!(f, "not allowed by: {layer}"),
            Self::NoIdentityAllow => {
                f.write_str("the resource's side allows it, no policy of the identity does; both are needed")
            }
            Self::NoResourceAllow => f.write_str("nothing on the resource's side allows it"),
            Self::NothingAllows => f.write_str("no statement and no grant allows it"),
            Self::OtherAccount => f.write_str("belongs to another account"),
        }
    }
}

impl fmt::Display for GrantTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(id) = &self.id {
            return write!(f, "grant {id} on the key");
        }
        let delivered = if self.delivered { ", delivered" } else { "" };
        write!(f, "grant {} of {}{delivered}", self.index + 1, self.layer)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Matched => f.write_str("matches"),
            Self::MatchedByAccount => f.write_str("matches by account: the identity's own policies must allow as well"),
            Self::Action => f.write_str("other actions"),
            Self::Principal => f.write_str("other principals"),
            Self::Resource => f.write_str("other resources"),
            Self::Unreadable => f.write_str("cannot be read: denies"),
            Self::Condition { operator, key, wanted, seen } => {
                write!(f, "condition does not hold: {operator} {key} [{}], ", wanted.join(", "))?;
                match seen {
                    None => f.write_str("the request has none"),
                    Some(values) => write!(f, "the request has [{}]", values.join(", ")),
                }
            }
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", if self.allowed { "ALLOWED" } else { "DENIED" }, self.reason)?;
        for trace in &self.statements {
            let effect = trace.effect.unwrap_or(Effect::Deny);
            let numbered = Numbered(trace.index, trace.sid.as_deref());
            writeln!(f, "  {}: {numbered}: {effect}: {}", Spot(trace.layer, &trace.source), trace.outcome)?;
        }
        for grant in &self.grants {
            writeln!(f, "  {grant}: holds")?;
        }
        Ok(())
    }
}
