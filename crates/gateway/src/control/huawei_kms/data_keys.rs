//! Data keys: made here, or brought in clear with a digest, and unwrapped again. Bytes are hexadecimal (kms-iam-api §1.5).

use super::call::Call;
use super::code::Code;
use super::fault::Fault;
use super::secret;
use super::shapes::{self, hex};
use crate::reply::Reply;
use crypto::{constant_time_eq, sha256, sm3};
use data_encoding::HEXLOWER_PERMISSIVE;
use kms::{CIPHERTEXT_BYTES_MAX, Ciphertext, CmkDescription, DATA_KEY_BYTES_MAX, KeySpec, Source};
use policy::Action;
use serde_json::json;
use zeroize::Zeroizing;

/// Length of both digests in bytes.
const DIGEST_BYTES: usize = 32;
/// Bits of a data key when neither its length nor its spec is said.
const BITS_DEFAULT: u32 = 256;

pub(super) async fn create(call: &Call<'_>, show: bool) -> Result<Reply, Fault> {
    call.refuse(&["pin", "pin_type"])?;
    let bytes = length(call)?;
    let context = call.context()?;
    let action = if show { Action::KmsGenerateDataKey } else { Action::KmsGenerateDataKeyWithoutPlaintext };
    let cmk = call.used("key_id", action).await?;
    let (wrapped, plain) = call.keys().generate_data_key(call.user(), &cmk, bytes, &context, show).await?;
    let mut shown = json!({
        "key_id": shapes::key_id(&wrapped.cmk),
        "cipher_text": hex(wrapped.ciphertext.as_bytes()),
    });
    if let Some(plain) = plain {
        shown["plain_text"] = hex(&plain).into();
    }
    Ok(secret::show(shown))
}

pub(super) async fn encrypt(call: &Call<'_>) -> Result<Reply, Fault> {
    call.refuse(&["pin", "pin_type"])?;
    let said = call.number("datakey_plain_length", Code::DataKeyTextLength)?;
    let said = said.ok_or(Fault::said(Code::Missing, "datakey_plain_length"))?;
    let plain = Zeroizing::new(unhex(call.text("plain_text")?, DATA_KEY_BYTES_MAX + DIGEST_BYTES, Code::DataKeyText)?);
    let (key, digest) = parts(&plain)?;
    if usize::try_from(said) != Ok(key.len()) {
        return Err(Code::DataKeyTextMismatch.into());
    }
    let context = call.context()?;
    let cmk = call.used("key_id", Action::KmsEncrypt).await?;
    // Which digest is right depends on the key's cipher, which is not for everybody to know.
    let is_wrong = |cmk: &CmkDescription| !constant_time_eq(&self::digest(cmk.spec, key), digest);
    call.refuse_in(&context, Action::KmsEncrypt, &cmk, is_wrong, Code::Digest).await?;
    let wrapped = call.keys().encrypt(call.user(), &cmk, key, &context).await?;
    Ok(shapes::show(&json!({
        "key_id": shapes::key_id(&wrapped.cmk),
        "cipher_text": hex(wrapped.ciphertext.as_bytes()),
        "datakey_length": key.len().to_string(),
    })))
}

pub(super) async fn decrypt(call: &Call<'_>) -> Result<Reply, Fault> {
    let said = call.number("datakey_cipher_length", Code::CiphertextMismatch)?;
    let said = said.ok_or(Fault::said(Code::Missing, "datakey_cipher_length"))?;
    let bytes = unhex(call.text("cipher_text")?, CIPHERTEXT_BYTES_MAX, Code::Ciphertext)?;
    let ciphertext = Ciphertext::from_bytes(&bytes).map_err(|_| Fault::NoCiphertext)?;
    let context = call.context()?;
    let cmk = call.used("key_id", Action::KmsDecrypt).await?;
    let source = Source { ciphertext: &ciphertext, cmk: Some(&cmk), context: &context };
    let opened = call.keys().decrypt(call.user(), source).await?;
    let spec = call.keys().glimpse(&opened.cmk).map_or(KeySpec::Aes256, |cmk| cmk.spec);
    // The length of the data key, whatever its name says.
    if usize::try_from(said) != Ok(opened.plaintext.len()) {
        return Err(Fault::Recorded(Code::CiphertextMismatch));
    }
    let mut shown = json!({
        "key_id": shapes::key_id(&opened.cmk),
        "datakey_length": opened.plaintext.len().to_string(),
        "datakey_dgst": hex(&digest(spec, &opened.plaintext)),
    });
    shown["data_key"] = hex(&opened.plaintext).into();
    Ok(secret::show(shown))
}

/// The length that is asked for, in bytes: `datakey_length` bits, else that of `key_spec`.
fn length(call: &Call<'_>) -> Result<usize, Fault> {
    let of_spec = match call.maybe_text("key_spec")? {
        None => BITS_DEFAULT,
        Some("AES_256" | "HMAC_256" | "HMAC_SM3") => 256,
        Some("AES_128" | "SM4") => 128,
        Some("HMAC_384") => 384,
        Some("HMAC_512") => 512,
        Some(_) => return Err(Code::DataKeySpec.into()),
    };
    let bits = call.number("datakey_length", Code::DataKeyLength)?.unwrap_or(of_spec);
    bytes_of(bits).ok_or(Code::DataKeyLength.into())
}

/// Bits as bytes: a multiple of 8, from 8 to 8192.
pub(super) fn bytes_of(bits: u32) -> Option<usize> {
    let bytes = usize::try_from(bits / 8).ok()?;
    (bits.is_multiple_of(8) && (1..=DATA_KEY_BYTES_MAX).contains(&bytes)).then_some(bytes)
}

/// Hexadecimal text of either case; refused with this code, before decoding if it is too long.
pub(super) fn unhex(text: &str, bytes_max: usize, code: Code) -> Result<Vec<u8>, Fault> {
    if text.len() > 2 * bytes_max {
        return Err(Fault::said(code, "it is too long"));
    }
    HEXLOWER_PERMISSIVE.decode(text.as_bytes()).map_err(|_| code.into())
}

/// A data key and the digest behind it.
pub(super) fn parts(plain: &[u8]) -> Result<(&[u8], &[u8; DIGEST_BYTES]), Fault> {
    match plain.split_last_chunk::<DIGEST_BYTES>() {
        Some((key, digest)) if (1..=DATA_KEY_BYTES_MAX).contains(&key.len()) => Ok((key, digest)),
        _ => Err(Code::DataKeyTextLength.into()),
    }
}

/// The digest that belongs to a key's cipher: SM3 to SM4, SHA-256 to AES.
pub(super) fn digest(spec: KeySpec, key: &[u8]) -> [u8; DIGEST_BYTES] {
    match spec {
        KeySpec::Aes256 => sha256(key),
        KeySpec::Sm4 => sm3(key),
    }
}
