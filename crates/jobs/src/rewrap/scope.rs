//! What a job is about, and what one row of the index needs from it. Pure.

use kms::CmkId;
use model::{BucketName, BucketUid};
use objects::{Need, RewrapStep};
use sse::{DependentKind, RewrapTo};

/// What is to be wrapped anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RewrapFrom {
    /// What needs this CMK, or one version of it.
    Cmk(CmkId, Option<u32>),
    /// What is under SSE-OBS (SSE-S3) in the job's bucket.
    Managed,
}

/// What a job is about. Does not change in its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// What is to be wrapped anew.
    pub from: RewrapFrom,
    /// The CMK it comes under; `None`: the newest version of its own.
    pub to: Option<CmkId>,
    /// One bucket only: its uid, so that no other of the same name is meant, and its name.
    pub bucket: Option<(BucketUid, BucketName)>,
    /// Only names that begin so; empty for all.
    pub prefix: String,
    /// Whether copies of bucket keys beside objects are brought to what the bucket keys' rows say.
    pub copies: bool,
    /// Whether objects from SSE-OBS come under a bucket key.
    pub bucket_key: bool,
}

/// What is to be done about a row of the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Task {
    /// To an object version or an upload.
    Step(RewrapStep),
    /// The row of a bucket key comes under the newest version, or goes where nothing needs it.
    BucketKey,
}

impl Scope {
    /// The CMK under which everything is in the end.
    pub fn target(&self) -> Option<&CmkId> {
        match (&self.to, &self.from) {
            (Some(to), _) => Some(to),
            (None, RewrapFrom::Cmk(cmk, _)) => Some(cmk),
            (None, RewrapFrom::Managed) => None,
        }
    }

    /// The CMK from which everything comes.
    pub fn source(&self) -> Option<&CmkId> {
        match &self.from {
            RewrapFrom::Cmk(cmk, _) => Some(cmk),
            RewrapFrom::Managed => None,
        }
    }

    /// Every CMK that the job is about.
    pub(super) fn cmks(&self) -> impl Iterator<Item = &CmkId> {
        self.source().into_iter().chain(&self.to)
    }

    /// The CMK that stands for the job, on record and where rights are asked.
    pub fn main_cmk(&self) -> Option<&CmkId> {
        self.source().or(self.to.as_ref())
    }

    /// Whether two scopes have a CMK in common.
    pub(super) fn meets(&self, other: &Self) -> bool {
        self.cmks().any(|cmk| other.cmks().any(|of| of.uid == cmk.uid))
    }

    /// Whether everything stays with its CMK.
    pub fn is_same_cmk(&self) -> bool {
        self.to.is_none() || self.to.as_ref() == self.source()
    }

    /// What a row needs, while this is the CMK's newest version. `None`: nothing, or the row is not the job's.
    pub(super) fn task(&self, need: &Need, newest: u32) -> Option<Task> {
        let RewrapFrom::Cmk(_, version) = &self.from else { return None };
        let row = &need.row;
        let is_bucket_key = row.kind == DependentKind::BucketKey;
        if self.bucket.as_ref().is_some_and(|(uid, _)| *uid != row.bucket) || !row.name.starts_with(&self.prefix) {
            // The name of a bucket key's row is empty: it is asked about below.
            if !(is_bucket_key && self.bucket.as_ref().is_none_or(|(uid, _)| *uid == row.bucket)) {
                return None;
            }
        }
        if !self.is_same_cmk() {
            if is_bucket_key || version.is_some_and(|version| version != need.version) {
                return None;
            }
            let key_ref = self.to.as_ref().map(CmkId::to_arn);
            return Some(Task::Step(RewrapStep::To(RewrapTo { key_ref, bucket_key: None })));
        }
        let is_old = |of: u32| of != newest && version.is_none_or(|version| version == of);
        if is_bucket_key {
            // A bucket key serves names of all prefixes: rewrapping it for some of them is rewrapping it for all.
            return is_old(row.version).then_some(Task::BucketKey);
        }
        match row.bucket_key {
            None => is_old(row.version).then(|| Task::Step(RewrapStep::To(RewrapTo::default()))),
            Some(_) if need.orphan => is_old(row.version).then_some(Task::Step(RewrapStep::Anew)),
            Some(_) => (self.copies && is_old(row.version)).then_some(Task::Step(RewrapStep::Copy)),
        }
    }

    /// Whether the row is one that the job passes over because a bucket key is rewrapped in its place.
    pub(super) fn is_served_by_bucket_key(&self, need: &Need) -> bool {
        self.is_same_cmk() && need.row.kind != DependentKind::BucketKey && need.row.bucket_key.is_some() && !need.orphan
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use model::{AccountId, AccountNumber, BucketKeyId, CmkUid, RegionName};
    use sse::Dependent;

    fn cmk(n: u8) -> CmkId {
        CmkId {
            region: RegionName::parse("local-1").unwrap(),
            account: AccountId::parse("aa").unwrap(),
            number: AccountNumber::parse("000000000001").unwrap(),
            uid: CmkUid::from_bytes([n; 16]),
        }
    }

    fn need(kind: DependentKind, bucket_key: Option<u8>, copy: u32, in_force: Option<u32>) -> Need {
        let row = Dependent {
            cmk: cmk(1).uid,
            bucket: BucketUid::from_bytes([2; 16]),
            bucket_key: bucket_key.map(|id| BucketKeyId::from_bytes([id; 16])),
            kind,
            id: [9; 16],
            version: copy,
            bytes: 10,
            name: if kind == DependentKind::BucketKey { String::new() } else { "logs/a".to_owned() },
        };
        let orphan = bucket_key.is_some() && in_force.is_none();
        Need { version: in_force.unwrap_or(copy), orphan, key: Bytes::new(), row }
    }

    fn scope(to: Option<CmkId>) -> Scope {
        Scope {
            from: RewrapFrom::Cmk(cmk(1), None),
            to,
            bucket: None,
            prefix: String::new(),
            copies: false,
            bucket_key: false,
        }
    }

    #[test]
    fn rotating_rewraps_direct_wraps_bucket_keys_and_what_lost_its_bucket_key() {
        use DependentKind::{BucketKey, Object, Upload};
        let to_newest = Some(Task::Step(RewrapStep::To(RewrapTo::default())));
        let plain = scope(None);
        for kind in [Object, Upload] {
            assert_eq!(plain.task(&need(kind, None, 1, None), 2), to_newest);
            assert_eq!(plain.task(&need(kind, None, 2, None), 2), None, "newest already");
            assert_eq!(plain.task(&need(kind, Some(5), 1, Some(1)), 2), None, "its bucket key is rewrapped instead");
            assert_eq!(plain.task(&need(kind, Some(5), 1, None), 2), Some(Task::Step(RewrapStep::Anew)));
            let copies = Scope { copies: true, ..plain.clone() };
            assert_eq!(copies.task(&need(kind, Some(5), 1, Some(2)), 2), Some(Task::Step(RewrapStep::Copy)));
            assert_eq!(copies.task(&need(kind, Some(5), 2, Some(2)), 2), None);
        }
        assert_eq!(plain.task(&need(BucketKey, Some(5), 1, Some(1)), 2), Some(Task::BucketKey));
        assert_eq!(plain.task(&need(BucketKey, Some(5), 2, Some(2)), 2), None);
        assert_eq!(scope(Some(cmk(1))).task(&need(Object, None, 1, None), 2), to_newest, "onto itself");
    }

    #[test]
    fn moving_takes_every_object_and_upload_and_no_bucket_key() {
        use DependentKind::{BucketKey, Object, Upload};
        let moving = scope(Some(cmk(3)));
        let to = RewrapTo { key_ref: Some(cmk(3).to_arn()), bucket_key: None };
        for row in [need(Object, None, 2, None), need(Upload, Some(5), 1, Some(2)), need(Object, Some(5), 1, None)] {
            assert_eq!(moving.task(&row, 2), Some(Task::Step(RewrapStep::To(to.clone()))));
        }
        assert_eq!(moving.task(&need(BucketKey, Some(5), 1, Some(1)), 2), None);
    }

    #[test]
    fn filters_leave_everything_else_alone() {
        use DependentKind::{BucketKey, Object};
        let here = BucketUid::from_bytes([2; 16]);
        let named = |uid| Some((uid, BucketName::parse("pics").unwrap()));
        let object = need(Object, None, 1, None);
        for (scope, wanted) in [
            (Scope { bucket: named(here), ..scope(None) }, true),
            (Scope { bucket: named(BucketUid::from_bytes([3; 16])), ..scope(None) }, false),
            (Scope { prefix: "logs/".to_owned(), ..scope(None) }, true),
            (Scope { prefix: "log/".to_owned(), ..scope(None) }, false),
            (Scope { from: RewrapFrom::Cmk(cmk(1), Some(1)), ..scope(None) }, true),
            (Scope { from: RewrapFrom::Cmk(cmk(1), Some(2)), ..scope(None) }, false),
            (Scope { from: RewrapFrom::Cmk(cmk(1), Some(2)), ..scope(Some(cmk(3))) }, false),
        ] {
            assert_eq!(scope.task(&object, 3).is_some(), wanted, "{scope:?}");
        }
        let bucket_key = need(BucketKey, Some(5), 1, Some(1));
        assert!(Scope { prefix: "x".to_owned(), ..scope(None) }.task(&bucket_key, 3).is_some());
        let elsewhere = Scope { bucket: named(BucketUid::from_bytes([3; 16])), ..scope(None) };
        assert_eq!(elsewhere.task(&bucket_key, 3), None);
        // By the version in force, not by the copy.
        let through = need(Object, Some(5), 1, Some(2));
        let of_two = Scope { from: RewrapFrom::Cmk(cmk(1), Some(2)), ..scope(Some(cmk(3))) };
        assert!(of_two.task(&through, 3).is_some());
    }
}
