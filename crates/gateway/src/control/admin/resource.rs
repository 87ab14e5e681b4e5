//! What a person calls a resource: `bucket`, `bucket/object`, and the ARNs of buckets, objects, CMKs and identities in
//! either cloud's form.

use super::fault::Fault;
use kms::{KeyRef, Place};
use model::{BucketName, CmkUid, ObjectName, RegionName};

/// A resource by its name; whose it is has not been looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NamedResource {
    /// `*`: the service as a whole.
    Service,
    Bucket(BucketName),
    Object(BucketName, ObjectName),
    Cmk {
        region: RegionName,
        /// The account's number, or its id where it was named as OBS names keys.
        account: String,
        uid: CmkUid,
    },
    /// `user/path/name` and its like, in the account of this number.
    Iam {
        number: String,
        entity: String,
    },
}

impl NamedResource {
    /// Parses a resource.
    ///
    /// # Errors
    /// [`Fault`] with what it could have been.
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        if text == "*" {
            return Ok(Self::Service);
        }
        if let Some(rest) = text.strip_prefix("arn:aws:s3:::") {
            return path(rest, text);
        }
        if let Some(rest) = text.strip_prefix("arn:aws:iam::") {
            let (number, entity) = rest.split_once(':').ok_or_else(|| unknown(text))?;
            return Ok(Self::Iam { number: number.to_owned(), entity: entity.to_owned() });
        }
        if text.contains(":key/") {
            return key(text).ok_or_else(|| unknown(text));
        }
        if text.starts_with("arn:") {
            return Err(unknown(text));
        }
        // Huawei's five segments: obs:region:domain:bucket:name.
        if let Some(rest) = text.strip_prefix("obs:") {
            let parts: Vec<&str> = rest.splitn(4, ':').collect();
            return match parts[..] {
                [_, _, "bucket" | "object", name] => path(name, text),
                _ => Err(unknown(text)),
            };
        }
        path(text, text)
    }
}

fn path(rest: &str, text: &str) -> Result<NamedResource, Fault> {
    let (bucket, object) = match rest.split_once('/') {
        None => (rest, None),
        Some((bucket, object)) => (bucket, Some(object)),
    };
    let bucket = BucketName::parse(bucket).map_err(|_| unknown(text))?;
    Ok(match object {
        None | Some("") => NamedResource::Bucket(bucket),
        Some(name) => {
            let name =
                ObjectName::parse(name.as_bytes()).map_err(|error| Fault::input(format!("resource: {error}")))?;
            NamedResource::Object(bucket, name)
        }
    })
}

fn key(text: &str) -> Option<NamedResource> {
    match KeyRef::parse(text).ok()? {
        KeyRef::Key(Place::Arn { region, number: account } | Place::Obs { region, account }, uid) => {
            Some(NamedResource::Cmk { region: RegionName::parse(&region)?, account, uid })
        }
        _ => None,
    }
}

fn unknown(text: &str) -> Fault {
    Fault::input(format!(
        "resource: `{text}` is not `*`, a bucket, `bucket/object`, or the ARN of a bucket, an object, a key or an identity"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_understood() {
        let bucket = || BucketName::parse("pics").unwrap();
        let object = |name: &str| NamedResource::Object(bucket(), ObjectName::parse(name.as_bytes()).unwrap());
        let parse = |text: &str| NamedResource::parse(text).unwrap();
        assert_eq!(parse("*"), NamedResource::Service);
        for text in ["pics", "pics/", "arn:aws:s3:::pics", "obs:*:*:bucket:pics"] {
            assert_eq!(parse(text), NamedResource::Bucket(bucket()), "{text}");
        }
        for text in ["pics/a/b:c", "arn:aws:s3:::pics/a/b:c", "obs:*:*:object:pics/a/b:c"] {
            assert_eq!(parse(text), object("a/b:c"), "{text}");
        }
        let uuid = "00000000-0000-0000-0000-000000000007";
        let cmk = |account: &str| NamedResource::Cmk {
            region: RegionName::parse("local-1").unwrap(),
            account: account.to_owned(),
            uid: CmkUid::parse_uuid(uuid).unwrap(),
        };
        assert_eq!(parse(&format!("arn:aws:kms:local-1:123456789012:key/{uuid}")), cmk("123456789012"));
        assert_eq!(parse(&format!("local-1:ab12:key/{uuid}")), cmk("ab12"));
        let user = NamedResource::Iam { number: "123456789012".to_owned(), entity: "user/x/alice".to_owned() };
        assert_eq!(parse("arn:aws:iam::123456789012:user/x/alice"), user);
    }

    #[test]
    fn what_names_nothing_is_refused() {
        for text in
            ["", "UPPER", "a/b", "arn:aws:s3:::", "arn:aws:sqs:x:1:q", "arn:aws:iam::1", "arn:aws:kms:r:1:key/x"]
        {
            assert!(NamedResource::parse(text).is_err(), "{text}");
        }
    }
}
