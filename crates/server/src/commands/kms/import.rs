//! `strongroom kms import …`: key material that its owner brings. It is wrapped under a public key of the server's that
//! serves one CMK for a day; nothing on the way sees it in clear.

use super::super::shown::{field, lines, pretty};
use super::super::{Env, Outcome};
use super::args::{Moment, Named, date_in, describe};
use super::crypt::read;
use crate::client::ControlClient;
use crate::failure::Failure;
use crate::private_file::write_public;
use clap::{Args, Subcommand, ValueEnum};
use crypto::{OaepHash, wrap_for_import};
use data_encoding::BASE64;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Most bytes of a token, of wrapped material, and of material with some room to be told that it is too long.
const FILE_BYTES_MAX: u64 = 16 * 1024;
/// How `run` wraps.
const RUN_WRAPPING: Wrapping = Wrapping::OaepSha256;
const RUN_RSA_BITS: &str = "4096";

#[derive(Debug, Subcommand)]
pub(crate) enum Import {
    /// Import material from a file in one step: fetch the public key, wrap the material here, send it.
    #[command(
        after_help = "Example:\n  KEY=$(strongroom kms key create --external)\n  openssl rand -out material.bin 32\n  \
                            strongroom kms import run $KEY --material-file material.bin"
    )]
    Run {
        #[command(flatten)]
        named: Named,
        /// File with the material: 32 bytes for AES-256, 16 for SM4; `-` is standard input. Keep it safe: what is deleted
        /// or expires here can only be imported again.
        #[arg(long, value_name = "FILE")]
        material_file: PathBuf,
        #[command(flatten)]
        expiry: Expiry,
    },
    /// Fetch the public key and the token that importing needs; both are good for 24 hours.
    #[command(after_help = "Example:\n  strongroom kms import parameters $KEY --public-key-file key.der --token-file \
                            token.bin\n  openssl pkeyutl -encrypt -pubin -keyform DER -inkey key.der -in material.bin \
                            -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256 -out wrapped.bin")]
    Parameters {
        #[command(flatten)]
        named: Named,
        /// How you will wrap the material.
        #[arg(long, value_enum, default_value_t = Wrapping::OaepSha256)]
        wrapping: Wrapping,
        /// Length of the RSA key.
        #[arg(long, value_parser = ["2048", "3072", "4096"], default_value = "2048")]
        rsa_bits: String,
        /// Write the public key (DER) to this file.
        #[arg(long, value_name = "FILE")]
        public_key_file: Option<PathBuf>,
        /// Write the token to this file.
        #[arg(long, value_name = "FILE")]
        token_file: Option<PathBuf>,
    },
    /// Import material that you wrapped yourself.
    #[command(after_help = "Example:\n  strongroom kms import material $KEY --token-file token.bin --wrapped-file \
                            wrapped.bin")]
    Material {
        #[command(flatten)]
        named: Named,
        /// File with the token.
        #[arg(long, value_name = "FILE")]
        token_file: PathBuf,
        /// File with the wrapped material.
        #[arg(long, value_name = "FILE")]
        wrapped_file: PathBuf,
        #[command(flatten)]
        expiry: Expiry,
    },
    /// Delete a CMK's imported material. The CMK waits for it to be imported again: only the same is taken.
    #[command(after_help = "Example:\n  strongroom kms import delete $KEY")]
    Delete(Named),
}

#[derive(Args, Debug)]
pub(crate) struct Expiry {
    /// When the server is to delete the material; without it, never.
    #[arg(long, value_name = "DATE")]
    expires: Option<Moment>,
}

/// How material is wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Wrapping {
    /// RSA-OAEP with SHA-1.
    OaepSha1,
    /// RSA-OAEP with SHA-256.
    OaepSha256,
    /// An AES key under RSA-OAEP with SHA-1, then the material under that key (AES-KWP).
    AesKeyWrapSha1,
    /// The same with SHA-256.
    AesKeyWrapSha256,
}

impl Wrapping {
    const fn name(self) -> &'static str {
        match self {
            Self::OaepSha1 => "RSAES_OAEP_SHA_1",
            Self::OaepSha256 => "RSAES_OAEP_SHA_256",
            Self::AesKeyWrapSha1 => "RSA_AES_KEY_WRAP_SHA_1",
            Self::AesKeyWrapSha256 => "RSA_AES_KEY_WRAP_SHA_256",
        }
    }
}

impl Import {
    pub(super) async fn run(&self, env: Env<'_>) -> Outcome {
        match self {
            Self::Run { named, material_file, expiry } => {
                let material = read(material_file, FILE_BYTES_MAX)?;
                let (mut kms, id) = named.found(env).await?;
                let parameters = parameters(&mut kms, &id, RUN_WRAPPING, RUN_RSA_BITS).await?;
                let wrapped = wrap_for_import(&decoded(&parameters, "PublicKey")?, OaepHash::Sha256, &material)
                    .map_err(|_| {
                        Failure::usage(format!(
                            "`{}` cannot be wrapped: the material is 32 bytes for AES-256 and 16 for SM4",
                            material_file.display()
                        ))
                    })?;
                let token = decoded(&parameters, "ImportToken")?;
                imported(&mut kms, named, &id, &token, &wrapped, expiry).await
            }
            Self::Parameters { named, wrapping, rsa_bits, public_key_file, token_file } => {
                let (mut kms, id) = named.found(env).await?;
                let parameters = parameters(&mut kms, &id, *wrapping, rsa_bits).await?;
                save(public_key_file.as_deref(), &parameters, "PublicKey")?;
                save(token_file.as_deref(), &parameters, "ImportToken")?;
                let unsaved = |file: &Option<PathBuf>, member| match file {
                    Some(file) => file.display().to_string(),
                    None => field(&parameters, member).to_owned(),
                };
                Ok(if named.common.json {
                    pretty(&parameters)
                } else {
                    lines(&[
                        ("public key", &unsaved(public_key_file, "PublicKey")),
                        ("token", &unsaved(token_file, "ImportToken")),
                        ("wrap with", wrapping.name()),
                        ("good until", &date_in(&parameters, "ParametersValidTo")),
                    ])
                }
                .into())
            }
            Self::Material { named, token_file, wrapped_file, expiry } => {
                let token = read(token_file, FILE_BYTES_MAX)?;
                let wrapped = read(wrapped_file, FILE_BYTES_MAX)?;
                let (mut kms, id) = named.found(env).await?;
                imported(&mut kms, named, &id, &token, &wrapped, expiry).await
            }
            Self::Delete(named) => {
                let (mut kms, id) = named.found(env).await?;
                kms.kms("DeleteImportedKeyMaterial", &json!({ "KeyId": id })).await?;
                said(&mut kms, named, &id).await
            }
        }
    }
}

async fn parameters(kms: &mut ControlClient, id: &str, wrapping: Wrapping, rsa_bits: &str) -> Result<Value, Failure> {
    let spec = format!("RSA_{rsa_bits}");
    let input = json!({ "KeyId": id, "WrappingAlgorithm": wrapping.name(), "WrappingKeySpec": spec });
    kms.kms("GetParametersForImport", &input).await
}

async fn imported(
    kms: &mut ControlClient,
    named: &Named,
    id: &str,
    token: &[u8],
    wrapped: &[u8],
    expiry: &Expiry,
) -> Outcome {
    let mut input = json!({
        "KeyId": id,
        "ImportToken": BASE64.encode(token),
        "EncryptedKeyMaterial": BASE64.encode(wrapped),
        "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE",
    });
    if let Some(Moment(at)) = expiry.expires {
        input["ExpirationModel"] = "KEY_MATERIAL_EXPIRES".into();
        input["ValidTo"] = at.unix_timestamp().into();
    }
    kms.kms("ImportKeyMaterial", &input).await?;
    said(kms, named, id).await
}

/// The CMK as it is now.
async fn said(kms: &mut ControlClient, named: &Named, id: &str) -> Outcome {
    let key = describe(kms, id).await?;
    Ok(if named.common.json {
        pretty(&key)
    } else {
        format!("{}  {}\n", field(&key, "KeyId"), field(&key, "KeyState"))
    }
    .into())
}

fn decoded(of: &Value, member: &str) -> Result<Vec<u8>, Failure> {
    BASE64.decode(field(of, member).as_bytes()).map_err(|_| Failure::not_understood())
}

/// Neither the public key nor the token is a secret.
fn save(file: Option<&Path>, of: &Value, member: &str) -> Result<(), Failure> {
    match file {
        Some(file) => write_public(file, &decoded(of, member)?),
        None => Ok(()),
    }
}
