//! What a client may know about where it is: its account, the region and the catalogue of services. Everybody who is
//! somebody may ask.

use super::call::{Call, show};
use super::fault::Fault;
use super::shapes::{link, links};
use crate::reply::Reply;
use http::StatusCode;
use serde_json::{Value, json};

/// The one account a caller belongs to.
pub(super) async fn domains(call: &Call<'_>) -> Result<Reply, Fault> {
    let caller = call.caller()?;
    let domain = json!({
        "id": caller.account.as_str(),
        "name": caller.account_name,
        "enabled": true,
        "description": "",
        "links": { "self": link(call, &format!("/v3/domains/{}", caller.account)) },
    });
    let links = json!({ "self": link(call, "/v3/auth/domains") });
    Ok(show(StatusCode::OK, &json!({ "domains": [domain], "links": links })))
}

pub(super) async fn catalog(call: &Call<'_>) -> Result<Reply, Fault> {
    call.caller()?;
    let links = json!({ "self": link(call, "/v3/auth/catalog") });
    Ok(show(StatusCode::OK, &json!({ "catalog": services(call), "links": links })))
}

/// The services of this address. Where the objects are, this API does not know.
pub(super) fn services(call: &Call<'_>) -> Value {
    let region = call.gateway().config.region.as_str();
    let endpoint =
        |url: String| json!({ "id": region, "interface": "public", "region": region, "region_id": region, "url": url });
    json!([
        { "id": "iam", "name": "iam", "type": "iam", "endpoints": [endpoint(link(call, "/v3.0"))] },
        { "id": "identity", "name": "keystone", "type": "identity", "endpoints": [endpoint(link(call, "/v3"))] },
        { "id": "sts", "name": "sts", "type": "sts", "endpoints": [endpoint(link(call, ""))] },
    ])
}

fn region_shape(call: &Call<'_>) -> Value {
    let region = call.gateway().config.region.as_str();
    json!({
        "id": region,
        "type": "public",
        "description": "",
        "parent_region_id": null,
        "locales": { "en-us": region, "zh-cn": region },
        "links": { "self": link(call, &format!("/v3/regions/{region}")) },
    })
}

pub(super) async fn regions(call: &Call<'_>) -> Result<Reply, Fault> {
    call.caller()?;
    Ok(show(StatusCode::OK, &json!({ "regions": [region_shape(call)], "links": links(call, "/v3/regions") })))
}

pub(super) async fn region(call: &Call<'_>) -> Result<Reply, Fault> {
    call.caller()?;
    if call.parameter(0) != call.gateway().config.region.as_str() {
        return Err(Fault::NotFound("region", call.parameter(0).to_owned()));
    }
    Ok(show(StatusCode::OK, &json!({ "region": region_shape(call) })))
}
