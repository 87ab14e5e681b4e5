//! The evidence in words: what still needs which version, or the CMK that was left, as counted from the index. Pure.

use super::record::{JobRecord, VersionNeeds};
use super::scope::RewrapFrom;
use std::collections::BTreeSet;

impl JobRecord {
    /// One sentence for each version that the job was about, or for the CMK that everything was to leave; none before the
    /// end. "0 objects and 0 bucket keys still need version 3" is what a person wants to read.
    pub fn evidence(&self) -> Vec<String> {
        let Some((_, after)) = &self.after else { return Vec::new() };
        let RewrapFrom::Cmk(cmk, version) = &self.scope.from else {
            return vec![format!("{} objects of the job are still under SSE-OBS (SSE-S3)", self.left.objects)];
        };
        let of = |version: u32| {
            let found = after.iter().find(|needs| needs.version == version).copied();
            found.unwrap_or(VersionNeeds { version, ..VersionNeeds::default() })
        };
        if !self.scope.is_same_cmk() && version.is_none() {
            let all = after.iter().fold(VersionNeeds::default(), |sum, needs| VersionNeeds {
                version: 0,
                objects: sum.objects + needs.objects,
                bytes: sum.bytes.saturating_add(needs.bytes),
                uploads: sum.uploads + needs.uploads,
                bucket_keys: sum.bucket_keys + needs.bucket_keys,
            });
            return vec![format!("{} need key {}", counted(&all), cmk.uid.to_uuid())];
        }
        let seen = self.before.iter().chain(after).map(|needs| needs.version);
        let versions: BTreeSet<u32> = match version {
            Some(version) => BTreeSet::from([*version]),
            None => seen.filter(|version| *version != self.newest).collect(),
        };
        let tell =
            |version: u32| format!("{} need version {version} of key {}", counted(&of(version)), cmk.uid.to_uuid());
        match versions.is_empty() {
            false => versions.into_iter().map(tell).collect(),
            true => vec![format!("nothing needs a version before {} of key {}", self.newest, cmk.uid.to_uuid())],
        }
    }

    /// Whether something of the job's own scope is left at its end.
    pub fn is_incomplete(&self) -> bool {
        self.after.is_some() && !self.left.is_none()
    }
}

/// Uploads are told where there are any: most of the time there is none.
fn counted(needs: &VersionNeeds) -> String {
    let uploads = if needs.uploads == 0 { String::new() } else { format!(", {} uploads", needs.uploads) };
    format!("{} objects{uploads} and {} bucket keys still", needs.objects, needs.bucket_keys)
}
