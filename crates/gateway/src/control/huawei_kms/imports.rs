//! Imported key material.

use super::call::Call;
use super::code::Code;
use super::fault::Fault;
use super::shapes;
use crate::reply::Reply;
use data_encoding::BASE64;
use kms::{CmkDescription, ImportWrapping, KeyState, Origin};
use model::Timestamp;
use policy::Action;
use serde_json::{Value, json};

/// The modulus of the public keys, in bits; wrapped material has as many, 344 characters of base64.
const RSA_BITS: u32 = 2048;
/// Longest import token and longest wrapped material, in characters.
const TOKEN_CHARS_MAX: usize = 6144;
const MATERIAL_CHARS_MAX: usize = 360;

pub(super) async fn parameters(call: &Call<'_>) -> Result<Reply, Fault> {
    if call.text("wrapping_algorithm")? != "RSAES_OAEP_SHA_256" {
        return Err(Fault::parameter("wrapping_algorithm", "this server offers RSAES_OAEP_SHA_256"));
    }
    let cmk = call.managed(Action::KmsGetParametersForImport).await?;
    let wrapping = ImportWrapping::OaepSha256;
    let made = call.keys().import_parameters(call.user(), &cmk, wrapping, RSA_BITS).await?;
    Ok(shapes::show(&json!({
        "key_id": shapes::key_id(&cmk),
        "import_token": BASE64.encode(&made.token),
        "expiration_time": made.valid_to.as_millis() / 1000,
        "public_key": BASE64.encode(&made.public_key),
    })))
}

pub(super) async fn import(call: &Call<'_>) -> Result<Reply, Fault> {
    call.refuse(&["encrypted_privatekey"])?;
    let token = decoded(call.text("import_token")?, TOKEN_CHARS_MAX, Code::ImportToken)?;
    let encrypted = decoded(call.text("encrypted_key_material")?, MATERIAL_CHARS_MAX, Code::Unwrap)?;
    let expires = expiry(call)?;
    let cmk = call.managed(Action::KmsImportKeyMaterial).await?;
    let has_some = |cmk: &CmkDescription| is_external(cmk) && cmk.state != KeyState::PendingImport && !is_going(cmk);
    call.refuse_if(Action::KmsImportKeyMaterial, &cmk, has_some, Code::NotPendingImport).await?;
    call.keys().import_material(call.user(), &cmk, &token, &encrypted, expires).await?;
    Ok(shapes::nothing())
}

pub(super) async fn delete(call: &Call<'_>) -> Result<Reply, Fault> {
    let cmk = call.managed(Action::KmsDeleteImportedKeyMaterial).await?;
    let has_none = |cmk: &CmkDescription| is_external(cmk) && (cmk.state == KeyState::PendingImport || is_going(cmk));
    call.refuse_if(Action::KmsDeleteImportedKeyMaterial, &cmk, has_none, Code::MaterialStays).await?;
    call.keys().delete_imported_material(call.user(), &cmk).await?;
    Ok(shapes::nothing())
}

fn is_external(cmk: &CmkDescription) -> bool {
    cmk.origin == Origin::External
}

fn is_going(cmk: &CmkDescription) -> bool {
    matches!(cmk.state, KeyState::PendingDeletion { .. })
}

/// When the material expires: seconds since 1970, in the future; absent or 0 for never.
fn expiry(call: &Call<'_>) -> Result<Option<Timestamp>, Fault> {
    let seconds = match call.body.get("expiration_time") {
        None | Some(Value::Null) => 0,
        Some(Value::Number(number)) => number.as_u64().ok_or(Code::MaterialExpiry)?,
        Some(Value::String(text)) if text.is_empty() => 0,
        Some(Value::String(text)) => text.parse().map_err(|_| Code::MaterialExpiry)?,
        Some(_) => return Err(Code::MaterialExpiry.into()),
    };
    if seconds == 0 {
        return Ok(None);
    }
    let at = Timestamp::from_millis(seconds.saturating_mul(1000));
    if at <= call.gateway.clock.now() { Err(Code::MaterialExpiry.into()) } else { Ok(Some(at)) }
}

fn decoded(text: &str, chars_max: usize, code: Code) -> Result<Vec<u8>, Fault> {
    if text.len() > chars_max {
        return Err(code.into());
    }
    BASE64.decode(text.as_bytes()).map_err(|_| code.into())
}
