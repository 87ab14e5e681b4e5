//! Changing what an object's record says beside its authentication code: its ACL and its tags. No key, no new version, no
//! other date.

use crate::Fail;
use crate::api::RequestContext;
use crate::authorize::{Actions, Facts, action_for};
use crate::bodies::Upkeep;
use crate::records::{ObjectVersion, Version, keys};
use crate::registry::Bucket;
use crate::service::ObjectService;
use bytes::Bytes;
use model::{ObjectName, VersionId};
use store::{CommitError, Expectation, StoreFault, Table, Transaction};

impl ObjectService {
    /// Changes the object for who may do this to it. The right is asked of the very record that is changed: one that
    /// somebody puts in its place in between is asked about anew.
    #[expect(clippy::too_many_arguments, reason = "what is changed, by whom and how")]
    pub(crate) async fn change_object(
        &self,
        cx: &RequestContext,
        actions: Actions,
        bucket: &Bucket,
        name: &ObjectName,
        version: Option<VersionId>,
        facts: &Facts<'_>,
        change: impl Fn(&mut ObjectVersion) -> Result<(), Fail>,
    ) -> Result<(), Fail> {
        let action = action_for(actions, version);
        loop {
            let (row, mut object) = match self.row_to_change(bucket, name, version).await {
                Ok(found) => found,
                Err(fail) => return Err(self.not_found(cx, action, bucket, name, fail)),
            };
            let _proof = self.authorize_found(cx, action, bucket, name, version, &object, facts.clone())?;
            change(&mut object)?;
            let key = keys::current(bucket.uid(), name.as_str());
            let mut tx = Transaction::new();
            tx.expect(Expectation::Present(Table::BucketUids, keys::bucket_uid(bucket.uid())))
                .expect(Expectation::Equals(Table::Current, key.clone(), row))
                .put(Table::Current, key, Version::Object(object).encode());
            match self.housekeeper.commit(&self.meta, tx, Upkeep::default()).await {
                Ok(()) => return Ok(()),
                Err(CommitError::Conflict(0)) => return Err(Fail::NoSuchBucket),
                Err(CommitError::Conflict(_)) => {}
                Err(CommitError::Fault(fault)) => return Err(fault.into()),
            }
        }
    }

    pub(crate) async fn row_to_change(
        &self,
        bucket: &Bucket,
        name: &ObjectName,
        version: Option<VersionId>,
    ) -> Result<(Bytes, Box<ObjectVersion>), Fail> {
        if version.is_some_and(|v| v != VersionId::Null) {
            return Err(Fail::NoSuchVersion);
        }
        let key = keys::current(bucket.uid(), name.as_str());
        let row = store::read(&self.meta, move |snapshot| snapshot.get(Table::Current, &key)).await?;
        let row = row.ok_or(Fail::NoSuchKey { delete_marker: false })?;
        match Version::decode(&row).map_err(|e| StoreFault::Corrupt(format!("version record: {e}")))? {
            Version::Object(object) => Ok((row, object)),
            Version::DeleteMarker { .. } => Err(Fail::NoSuchKey { delete_marker: true }),
        }
    }
}
