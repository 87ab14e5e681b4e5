//! The conditions of a request that is only asked about: what it would say by its headers and its query.

use super::{encryption, policy_facts};
use crate::auth::Scheme;
use crate::data::identity::Identity;
use crate::dialect::HeaderView;
use crate::proxies::Client;
use crate::query::{BadTarget, Query};
use model::Timestamp;
use policy::{Conditions, Principal};
use sse::EncryptionHeaders;
use std::net::IpAddr;

/// The encryption headers that a write of these would have; `None` where one of them cannot be read.
pub(crate) fn encryption_said(view: &HeaderView<'_>) -> Option<EncryptionHeaders> {
    encryption::write_headers(view).ok()
}

/// What policies would see of a request signed in its dialect's usual way, or of an unsigned one.
pub(crate) fn conditions_said(
    now: Timestamp,
    principal: &Principal,
    from: (Option<IpAddr>, bool),
    view: &HeaderView<'_>,
    query: &Query,
) -> Result<Conditions, BadTarget> {
    let (address, secure) = from;
    let usual = if view.names().prefix == "x-obs-" { Scheme::ObsHeader } else { Scheme::V4Header };
    let identity = Identity {
        principal: principal.clone(),
        access_key: None,
        scheme: (!principal.is_anonymous()).then_some(usual),
        payload: None,
        url_signed_at: None,
    };
    let mut conditions = policy_facts::gather(now, &identity, &Client { address, secure, tls_version: None }, view);
    policy_facts::add_listing(&mut conditions, query)?;
    Ok(conditions)
}
