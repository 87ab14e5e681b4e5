//! The bucket and the object a request speaks of (obs-api §1.2).

use crate::query::percent_decode;
use model::{BucketName, NameError, ObjectName};
use std::net::IpAddr;

/// What the host says about the bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostStyle {
    /// The path names the bucket.
    Path,
    /// The host names the bucket.
    Bucket(String),
}

/// Resolves the `Host` header. The port is ignored, the name compares without regard to case. Of several base domains
/// that fit, the longest counts, so that `a.obs.local` may itself be a base domain beside `obs.local`. Addresses and
/// unknown names mean path style.
pub fn host_style(host: Option<&str>, base_domains: &[String]) -> HostStyle {
    let Some(host) = host else { return HostStyle::Path };
    let host = without_port(host).trim_end_matches('.').to_ascii_lowercase();
    if host.parse::<IpAddr>().is_ok() || base_domains.contains(&host) {
        return HostStyle::Path;
    }
    base_domains
        .iter()
        .filter_map(|base| host.strip_suffix(base.as_str())?.strip_suffix('.'))
        .filter(|bucket| !bucket.is_empty())
        .min_by_key(|bucket| bucket.len())
        .map_or(HostStyle::Path, |bucket| HostStyle::Bucket(bucket.to_owned()))
}

fn without_port(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split(']').next().unwrap_or_default();
    }
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

/// What a request speaks of: the service, a bucket or an object. There is no object without a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The service itself.
    Service,
    /// A bucket.
    Bucket(BucketName),
    /// An object.
    Object(BucketName, ObjectName),
}

/// The path cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlaceError {
    /// A broken escape, or no leading slash (400 `InvalidURI`).
    Path,
    /// A name is not valid.
    Name(NameError),
}

impl Place {
    /// Reads the raw path. Each piece is percent-decoded exactly once, after the bucket was split off at the first raw
    /// slash: an escaped slash belongs to the object's name.
    pub fn parse(style: &HostStyle, raw_path: &str) -> Result<Self, PlaceError> {
        let rest = raw_path.strip_prefix('/').ok_or(PlaceError::Path)?;
        let (bucket, object) = match style {
            HostStyle::Bucket(bucket) => (bucket.clone(), rest),
            HostStyle::Path if rest.is_empty() => return Ok(Self::Service),
            HostStyle::Path => {
                let (bucket, object) = rest.split_once('/').unwrap_or((rest, ""));
                let bucket = percent_decode(bucket, false).map_err(|_| PlaceError::Path)?;
                let bucket = std::str::from_utf8(&bucket)
                    .map_err(|_| PlaceError::Name(NameError::InvalidBucketName))?
                    .to_owned();
                (bucket, object)
            }
        };
        let bucket = BucketName::parse(&bucket).map_err(PlaceError::Name)?;
        if object.is_empty() {
            return Ok(Self::Bucket(bucket));
        }
        let object = percent_decode(object, false).map_err(|_| PlaceError::Path)?;
        Ok(Self::Object(bucket, ObjectName::parse(&object).map_err(PlaceError::Name)?))
    }

    /// The bucket.
    pub fn bucket(&self) -> Option<&BucketName> {
        match self {
            Self::Service => None,
            Self::Bucket(bucket) | Self::Object(bucket, _) => Some(bucket),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bases() -> Vec<String> {
        ["obs.local.test", "a.obs.local.test", "localhost"].map(str::to_owned).to_vec()
    }

    #[test]
    fn hosts() {
        let style = |host: &str| host_style(Some(host), &bases());
        let bucket = |name: &str| HostStyle::Bucket(name.to_owned());
        assert_eq!(style("bkt.obs.local.test"), bucket("bkt"));
        assert_eq!(style("BKT.OBS.local.test:9000"), bucket("bkt"));
        assert_eq!(style("my.dotted.bkt.obs.local.test"), bucket("my.dotted.bkt"));
        assert_eq!(style("x.a.obs.local.test"), bucket("x"), "the longest base domain counts");
        assert_eq!(style("bkt.localhost:80"), bucket("bkt"));
        for path_style in [
            "obs.local.test",
            "obs.local.test:9000",
            "a.obs.local.test",
            "127.0.0.1:9000",
            "[::1]:9000",
            "unknown.example",
            "xobs.local.test",
            ".obs.local.test",
            "",
        ] {
            assert_eq!(style(path_style), HostStyle::Path, "{path_style}");
        }
        assert_eq!(host_style(None, &bases()), HostStyle::Path);
    }

    fn object(bucket: &str, name: &str) -> Place {
        Place::Object(BucketName::parse(bucket).unwrap(), ObjectName::parse(name.as_bytes()).unwrap())
    }

    #[test]
    fn path_style() {
        let place = |path: &str| Place::parse(&HostStyle::Path, path).unwrap();
        assert_eq!(place("/"), Place::Service);
        assert_eq!(place("/bkt"), Place::Bucket(BucketName::parse("bkt").unwrap()));
        assert_eq!(place("/bkt/"), Place::Bucket(BucketName::parse("bkt").unwrap()));
        assert_eq!(place("/bkt//"), object("bkt", "/"));
        assert_eq!(place("/bkt/a%2Fb/../%2e%2e/c+d%252F"), object("bkt", "a/b/../../c+d%2F"));
    }

    #[test]
    fn virtual_hosted_style() {
        let style = HostStyle::Bucket("bkt".to_owned());
        let place = |path: &str| Place::parse(&style, path).unwrap();
        assert_eq!(place("/"), Place::Bucket(BucketName::parse("bkt").unwrap()));
        assert_eq!(place("/dir%2Fa%20b%2B.txt"), object("bkt", "dir/a b+.txt"));
        assert_eq!(place("//x"), object("bkt", "/x"));
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        let refused = |path: &str| Place::parse(&HostStyle::Path, path).unwrap_err();
        assert_eq!(refused("*"), PlaceError::Path);
        assert_eq!(refused("http://x/"), PlaceError::Path);
        assert_eq!(refused("/bkt/%zz"), PlaceError::Path);
        assert_eq!(refused("/bkt/%c0%af"), PlaceError::Name(NameError::InvalidObjectName));
        assert_eq!(refused(&format!("/bkt/{}", "x".repeat(1025))), PlaceError::Name(NameError::ObjectNameTooLong));
        for bucket in ["/Bkt", "/..", "//x", "/%2e%2e/x", "/a%2Fb/x", "/%ff"] {
            assert_eq!(refused(bucket), PlaceError::Name(NameError::InvalidBucketName), "{bucket}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_path_gives_a_place_or_an_error(path in "[ -~]{0,80}", host in "[ -~]{0,40}") {
            let style = host_style(Some(&host), &bases());
            let _ = Place::parse(&style, &path);
        }
    }
}
