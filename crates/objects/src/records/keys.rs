//! Keys of rows. Byte order of keys is the order of listings: names sort by their UTF-8 bytes.

use bytes::Bytes;
use model::{BlobId, BucketName, BucketUid, ObjectName, PartNumber, UploadId, VersionUid};

/// Row of a bucket.
pub(crate) fn bucket(name: &BucketName) -> Bytes {
    Bytes::copy_from_slice(name.as_str().as_bytes())
}

/// Row that says a bucket uid is alive, and prefix of everything in the bucket.
pub(crate) fn bucket_uid(uid: BucketUid) -> Bytes {
    Bytes::copy_from_slice(uid.as_bytes())
}

/// Row of the current version of an object: bucket uid, name. Also the prefix for a listing.
pub(crate) fn current(uid: BucketUid, name: &str) -> Bytes {
    [uid.as_bytes(), name.as_bytes()].concat().into()
}

/// Row of an upload: bucket uid, escaped name, upload id.
pub(crate) fn upload(uid: BucketUid, name: &ObjectName, upload: UploadId) -> Bytes {
    let mut key = upload_prefix(uid, name.as_str());
    key.extend_from_slice(&[0, 0]);
    key.extend_from_slice(upload.as_bytes());
    key.into()
}

/// Bucket uid and the escaped name without its end: the prefix of all uploads of names that begin so.
///
/// A zero byte in a name becomes `00 FF` and a name ends with `00 00`, so that names keep their order and no name's key
/// is a prefix of another's.
pub(crate) fn upload_prefix(uid: BucketUid, name: &str) -> Vec<u8> {
    let mut key = uid.as_bytes().to_vec();
    for byte in name.bytes() {
        key.push(byte);
        if byte == 0 {
            key.push(0xff);
        }
    }
    key
}

/// Takes an upload's key apart: name and upload id.
pub(crate) fn parse_upload(key: &[u8]) -> Option<(String, UploadId)> {
    let (head, id) = key.split_at_checked(key.len().checked_sub(16)?)?;
    let escaped = head.get(16..)?.strip_suffix(&[0, 0])?;
    let mut name = Vec::with_capacity(escaped.len());
    let mut bytes = escaped.iter();
    while let Some(&byte) = bytes.next() {
        name.push(byte);
        if byte == 0 && bytes.next() != Some(&0xff) {
            return None;
        }
    }
    Some((String::from_utf8(name).ok()?, UploadId::from_bytes(id.try_into().ok()?)))
}

/// Row of a part: upload id, part number.
pub(crate) fn part(upload: UploadId, part: PartNumber) -> Bytes {
    [&upload.as_bytes()[..], &part.get().to_be_bytes()].concat().into()
}

/// Prefix of all parts of an upload.
pub(crate) fn parts(upload: UploadId) -> Bytes {
    Bytes::copy_from_slice(upload.as_bytes())
}

/// Row of a part layout.
pub(crate) fn layout(version: VersionUid) -> Bytes {
    Bytes::copy_from_slice(version.as_bytes())
}

/// Row of a small sealed body, of a blob's owner or of a blob to be removed.
pub(crate) fn blob(id: BlobId) -> Bytes {
    Bytes::copy_from_slice(id.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn upload_keys_keep_the_order_of_names_and_parse_back(a in "[\0a-c]{1,6}", b in "[\0a-c]{1,6}", x: [u8; 16], y: [u8; 16]) {
            let uid = BucketUid::from_bytes([7; 16]);
            let key = |name: &str, id| upload(uid, &ObjectName::parse(name.as_bytes()).unwrap(), UploadId::from_bytes(id));
            prop_assert_eq!(parse_upload(&key(&a, x)), Some((a.clone(), UploadId::from_bytes(x))));
            prop_assert_eq!(key(&a, x).cmp(&key(&b, y)), (&a, x).cmp(&(&b, y)));
        }
    }
}
