//! Small data under a key: encrypted, decrypted, wrapped anew; and random bytes.

use super::aad;
use super::call::Call;
use super::code::Code;
use super::data_keys::{bytes_of, unhex};
use super::fault::Fault;
use super::keys::only;
use super::secret;
use super::shapes::{self, hex};
use crate::reply::Reply;
use data_encoding::BASE64;
use kms::{CIPHERTEXT_BYTES_MAX, Ciphertext, CmkId, KmsError, PLAINTEXT_BYTES_MAX, Source};
use policy::Action;
use serde_json::{Value, json};

/// The one algorithm of symmetric keys.
const ALGORITHM: &str = "SYMMETRIC_DEFAULT";

pub(super) async fn random(call: &Call<'_>) -> Result<Reply, Fault> {
    let bits = call.number("random_data_length", Code::RandomLength)?;
    let bits = bits.ok_or(Fault::said(Code::Missing, "random_data_length"))?;
    let bytes = call.keys().random(call.user(), bytes_of(bits).ok_or(Code::RandomLength)?).await?;
    let mut shown = json!({});
    shown["random_data"] = hex(&bytes).into();
    Ok(secret::show(shown))
}

pub(super) async fn encrypt(call: &Call<'_>) -> Result<Reply, Fault> {
    only(call, "encryption_algorithm", &[ALGORITHM])?;
    let plain = call.text("plain_text")?.as_bytes();
    if plain.len() > PLAINTEXT_BYTES_MAX {
        return Err(Fault::parameter("plain_text", "it has 1 to 4096 bytes"));
    }
    let context = call.context()?;
    let cmk = call.used("key_id", Action::KmsEncrypt).await?;
    let wrapped = call.keys().encrypt(call.user(), &cmk, plain, &context).await?;
    Ok(shapes::show(&json!({
        "key_id": shapes::key_id(&wrapped.cmk),
        "cipher_text": BASE64.encode(wrapped.ciphertext.as_bytes()),
    })))
}

pub(super) async fn decrypt(call: &Call<'_>) -> Result<Reply, Fault> {
    only(call, "encryption_algorithm", &[ALGORITHM])?;
    let (ciphertext, _) = ciphertext(call.text("cipher_text")?)?;
    let context = call.context()?;
    let named = call.maybe_used("key_id", Action::KmsDecrypt).await?;
    check_project(call, &ciphertext, named.as_ref(), Action::KmsDecrypt).await?;
    let source = Source { ciphertext: &ciphertext, cmk: named.as_ref(), context: &context };
    let opened = call.keys().decrypt(call.user(), source).await?;
    // What another API wrapped need be no text.
    let text = std::str::from_utf8(&opened.plaintext).ok();
    let mut shown = json!({ "key_id": shapes::key_id(&opened.cmk), "plain_text": text });
    shown["plain_text_base64"] = BASE64.encode(&opened.plaintext).into();
    Ok(secret::show(shown))
}

pub(super) async fn re_encrypt(call: &Call<'_>) -> Result<Reply, Fault> {
    only(call, "source_encryption_algorithm", &[ALGORITHM])?;
    only(call, "destination_encryption_algorithm", &[ALGORITHM])?;
    let (ciphertext, form) = ciphertext(call.text("cipher_text")?)?;
    let member = |name: &str| call.body.get(name);
    let from = aad::context(member("source_additional_authenticated_data"), member("source_encryption_context"))?;
    let to =
        aad::context(member("destination_additional_authenticated_data"), member("destination_encryption_context"))?;
    let named = call.maybe_used("source_key_id", Action::KmsReEncryptFrom).await?;
    check_project(call, &ciphertext, named.as_ref(), Action::KmsReEncryptFrom).await?;
    let destination = call.used("destination_key_id", Action::KmsReEncryptTo).await?;
    let source = Source { ciphertext: &ciphertext, cmk: named.as_ref(), context: &from };
    let (wrapped, source_cmk, _) = call.keys().re_encrypt(call.user(), source, &destination, &to).await?;
    let mut shown = json!({
        "key_id": shapes::key_id(&wrapped.cmk),
        "source_key_id": shapes::key_id(&source_cmk),
        "source_encryption_algorithm": ALGORITHM,
        "destination_encryption_algorithm": ALGORITHM,
    });
    shown["cipher_text"] = form.write(wrapped.ciphertext.as_bytes());
    Ok(shapes::show(&shown))
}

/// How a ciphertext is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// That of data.
    Base64,
    /// That of data keys.
    Hex,
}

impl Form {
    fn write(self, bytes: &[u8]) -> Value {
        match self {
            Self::Base64 => BASE64.encode(bytes).into(),
            Self::Hex => hex(bytes).into(),
        }
    }
}

/// A ciphertext in either form. What begins as ours does in hexadecimal is not ours in base64.
pub(super) fn ciphertext(text: &str) -> Result<(Ciphertext, Form), Fault> {
    if text.len() > 2 * CIPHERTEXT_BYTES_MAX {
        return Err(Fault::NoCiphertext);
    }
    if let Some(ciphertext) = BASE64.decode(text.as_bytes()).ok().and_then(|b| Ciphertext::from_bytes(&b).ok()) {
        return Ok((ciphertext, Form::Base64));
    }
    let bytes = unhex(text, CIPHERTEXT_BYTES_MAX, Code::Parameter).map_err(|_| Fault::NoCiphertext)?;
    Ok((Ciphertext::from_bytes(&bytes).map_err(|_| Fault::NoCiphertext)?, Form::Hex))
}

/// A ciphertext names its key itself: one of another project of the account is not there for this request, as one that
/// does not exist is not.
async fn check_project(
    call: &Call<'_>,
    ciphertext: &Ciphertext,
    named: Option<&CmkId>,
    action: Action,
) -> Result<(), Fault> {
    let Some(caller) = call.user().principal.caller().filter(|_| named.is_none()) else { return Ok(()) };
    let (region, uid) = (call.keys().region().clone(), ciphertext.cmk_uid());
    let own = CmkId { region, account: caller.account.clone(), number: caller.number.clone(), uid };
    if call.sees(&own) {
        return Ok(());
    }
    Err(call.keys().refused(call.user(), action, &uid.to_uuid(), KmsError::Denied).await.into())
}
