//! The text that OBS and V2 signatures are made over.
//!
//! ```text
//! method \n Content-MD5 \n Content-Type \n Date or Expires \n
//! own-prefix headers, sorted, each name:value\n
//! resource [? signed sub-resources]
//! ```

use super::super::SignedRequest;
use super::super::credential::Dialect;
use super::super::error::AuthError;
use super::super::headers::{HIDDEN, is_secret, names_with_prefix, single, trim};
use super::super::target::{QueryPair, Target};
use super::subresources::{is_signed_subresource, is_sometimes_left_out, own_prefix};
use std::collections::BTreeMap;

/// Where a signed URL's `x-amz-…` parameters are signed: as sub-resources (OBS and its SDKs) or as headers (AWS's own
/// SDKs, which move signed headers into the query).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Placement {
    Resource,
    Headers,
}

/// Details of the canonical resource in which official SDKs differ.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct ResourceForm {
    pub(in super::super) placement: Placement,
    /// Write `name=` for a parameter sent with `=` and an empty value; else `name`.
    pub(in super::super) keep_empty_value: bool,
    /// Leave out what some SDKs do not sign.
    pub(in super::super) leave_out: bool,
}

/// Everything before the canonical resource. `date` is what stands in the date's place.
pub(in super::super) fn string_head(
    dialect: Dialect,
    request: &SignedRequest<'_>,
    target: &Target<'_>,
    date: &[u8],
    placement: Placement,
    hide_secrets: bool,
) -> Result<Vec<u8>, AuthError> {
    let mut out = Vec::with_capacity(256);
    out.extend_from_slice(request.method.as_bytes());
    out.push(b'\n');
    for name in ["content-md5", "content-type"] {
        out.extend_from_slice(single(request.headers, name)?.map(|value| trim(value.as_bytes())).unwrap_or_default());
        out.push(b'\n');
    }
    out.extend_from_slice(date);
    out.push(b'\n');

    let prefix = own_prefix(dialect);
    let mut lines: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for name in names_with_prefix(request.headers, prefix) {
        for value in request.headers.get_all(name) {
            join(&mut lines, name, trim(value.as_bytes()));
        }
    }
    if placement == Placement::Headers {
        for pair in target.query.iter().filter(|pair| has_prefix(pair, prefix)) {
            let (name, value) = (lower(&pair.name), trim(pair.value_bytes()));
            // Some senders repeat as a header what already stands in the URL; another value there is refused before.
            if lines.get(&name).is_none_or(|line| line != value) {
                join(&mut lines, &name, value);
            }
        }
    }
    for (name, value) in &lines {
        out.extend_from_slice(name.as_bytes());
        out.push(b':');
        out.extend_from_slice(if hide_secrets && is_secret(name) { HIDDEN } else { value });
        out.push(b'\n');
    }
    Ok(out)
}

/// Adds a line, or a further value to the line of this name.
fn join(lines: &mut BTreeMap<String, Vec<u8>>, name: &str, value: &[u8]) {
    match lines.get_mut(name) {
        Some(line) => {
            line.push(b',');
            line.extend_from_slice(value);
        }
        None => {
            lines.insert(name.to_owned(), value.to_vec());
        }
    }
}

/// Spellings of the resource's path, the usual one first. Only a bucket's own path has two: clients disagree about its
/// trailing slash.
pub(in super::super) fn resource_paths(path: &str, host_bucket: Option<&str>) -> Vec<String> {
    match host_bucket {
        Some(bucket) if path == "/" => vec![format!("/{bucket}/"), format!("/{bucket}")],
        Some(bucket) => vec![format!("/{bucket}{path}")],
        None => {
            let mut paths = vec![path.to_owned()];
            if let Some(inner) = path.strip_prefix('/').filter(|inner| !inner.is_empty()) {
                match inner.strip_suffix('/') {
                    Some(bucket) if !bucket.is_empty() && !bucket.contains('/') => paths.push(format!("/{bucket}")),
                    None if !inner.contains('/') => paths.push(format!("{path}/")),
                    _ => {}
                }
            }
            paths
        }
    }
}

/// The path and the signed sub-resources.
pub(in super::super) fn canonical_resource(
    dialect: Dialect,
    path: &str,
    target: &Target<'_>,
    form: ResourceForm,
    hide_secrets: bool,
) -> Vec<u8> {
    let mut out = path.as_bytes().to_vec();
    let mut pairs: Vec<(&[u8], &QueryPair<'_>)> = signed_pairs(dialect, target)
        .filter(|(_, pair)| form.placement == Placement::Resource || !has_prefix(pair, own_prefix(dialect)))
        .filter(|(name, _)| !(form.leave_out && is_sometimes_left_out(&String::from_utf8_lossy(name))))
        .collect();
    pairs.sort_by_key(|(name, _)| *name);
    for (index, (name, pair)) in pairs.into_iter().enumerate() {
        out.push(if index == 0 { b'?' } else { b'&' });
        out.extend_from_slice(name);
        let value = match pair.value.as_deref() {
            Some([]) if !form.keep_empty_value => continue,
            Some(_) if hide_secrets && is_secret(&String::from_utf8_lossy(name)) => HIDDEN,
            Some(value) => value,
            None => continue,
        };
        out.push(b'=');
        out.extend_from_slice(value);
    }
    out
}

/// Parameters that the signature covers, each with its name as signed: as sent, without blanks around it.
pub(super) fn signed_pairs<'t, 'q>(
    dialect: Dialect,
    target: &'t Target<'q>,
) -> impl Iterator<Item = (&'t [u8], &'t QueryPair<'q>)> {
    target.query.iter().filter_map(move |pair| {
        let name = trim(&pair.name);
        std::str::from_utf8(name).is_ok_and(|name| is_signed_subresource(dialect, name)).then_some((name, pair))
    })
}

pub(super) fn has_prefix(pair: &QueryPair<'_>, prefix: &str) -> bool {
    lower(&pair.name).starts_with(prefix)
}

pub(super) fn lower(name: &[u8]) -> String {
    String::from_utf8_lossy(trim(name)).to_ascii_lowercase()
}
