//! `strongroom kms data-key|encrypt|decrypt`: a CMK's use from scripts. Bytes go in and out in base64.

use super::super::shown::{field, lines, pretty};
use super::super::{Common, Env, Outcome, Output};
use super::args::{Pair, object};
use crate::failure::Failure;
use clap::Args;
use data_encoding::BASE64;
use serde_json::json;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

pub(super) const DATA_KEY_EXAMPLE: &str = "Examples:\n  strongroom kms data-key alias/invoices --context \
                                           purpose=backup --json\n  strongroom kms data-key alias/invoices \
                                           --without-plaintext > wrapped.b64";
pub(super) const ENCRYPT_EXAMPLE: &str = "Example:\n  strongroom kms encrypt alias/invoices secret.txt --context \
                                          purpose=mail > secret.b64";
pub(super) const DECRYPT_EXAMPLE: &str = "Example:\n  strongroom kms decrypt secret.b64 --context purpose=mail | base64 \
                                          -d > secret.txt";

/// Most bytes of a file with a ciphertext in base64, line ends included.
const TEXT_BYTES_MAX: u64 = 16 * 1024;
/// Most bytes that can be wrapped directly.
const PLAIN_BYTES_MAX: u64 = 4096;

#[derive(Args, Debug)]
pub(crate) struct DataKey {
    /// The CMK, in any form.
    key: String,
    /// Its length.
    #[arg(long, default_value_t = 32)]
    bytes: u32,
    /// Print the wrapped key only.
    #[arg(long)]
    without_plaintext: bool,
    /// A pair of the encryption context, needed again to unwrap; may be repeated.
    #[arg(long, value_name = "NAME=VALUE")]
    context: Vec<Pair>,
    #[command(flatten)]
    common: Common,
}

#[derive(Args, Debug)]
pub(crate) struct Encrypt {
    /// The CMK, in any form.
    key: String,
    /// File to be wrapped, at most 4096 bytes; `-` is standard input. For more, seal it under a data key.
    file: PathBuf,
    /// A pair of the encryption context, needed again to unwrap; may be repeated.
    #[arg(long, value_name = "NAME=VALUE")]
    context: Vec<Pair>,
    #[command(flatten)]
    common: Common,
}

#[derive(Args, Debug)]
pub(crate) struct Decrypt {
    /// File with the wrapped bytes in base64; `-` is standard input.
    file: PathBuf,
    /// The CMK it must be of; without it, the one that the bytes name.
    #[arg(long)]
    key: Option<String>,
    /// A pair of the encryption context, as it was given to wrap; may be repeated.
    #[arg(long, value_name = "NAME=VALUE")]
    context: Vec<Pair>,
    #[command(flatten)]
    common: Common,
}

impl DataKey {
    pub(super) async fn run(&self, env: Env<'_>) -> Outcome {
        let operation = if self.without_plaintext { "GenerateDataKeyWithoutPlaintext" } else { "GenerateDataKey" };
        let input =
            json!({ "KeyId": self.key, "NumberOfBytes": self.bytes, "EncryptionContext": object(&self.context) });
        let made = self.common.connect(env).await?.kms(operation, &input).await?;
        Ok(match (self.common.json, self.without_plaintext) {
            (true, _) => pretty(&made),
            (false, true) => format!("{}\n", field(&made, "CiphertextBlob")),
            (false, false) => {
                lines(&[("in clear", field(&made, "Plaintext")), ("wrapped", field(&made, "CiphertextBlob"))])
            }
        }
        .into())
    }
}

impl Encrypt {
    pub(super) async fn run(&self, env: Env<'_>) -> Outcome {
        let plain = read(&self.file, PLAIN_BYTES_MAX)?;
        let input = json!({
            "KeyId": self.key,
            "Plaintext": BASE64.encode(&plain),
            "EncryptionContext": object(&self.context),
        });
        let made = self.common.connect(env).await?.kms("Encrypt", &input).await?;
        Ok(if self.common.json { pretty(&made) } else { format!("{}\n", field(&made, "CiphertextBlob")) }.into())
    }
}

impl Decrypt {
    pub(super) async fn run(&self, env: Env<'_>) -> Outcome {
        let bytes = read(&self.file, TEXT_BYTES_MAX)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| {
            Failure::usage(format!("`{}` is not base64, as `strongroom kms encrypt` prints it", self.file.display()))
        })?;
        let text: String = text.split_ascii_whitespace().collect();
        let mut input = json!({ "CiphertextBlob": text, "EncryptionContext": object(&self.context) });
        if let Some(key) = &self.key {
            input["KeyId"] = key.as_str().into();
        }
        let opened = self.common.connect(env).await?.kms("Decrypt", &input).await?;
        Ok(Output::from(if self.common.json { pretty(&opened) } else { format!("{}\n", field(&opened, "Plaintext")) }))
    }
}

/// Reads a file of bounded length; wiped when dropped.
pub(super) fn read(path: &Path, bytes_max: u64) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let wrong = |error: io::Error| Failure::io("read", path, &error);
    let source: Box<dyn Read> =
        if path == Path::new("-") { Box::new(io::stdin().lock()) } else { Box::new(File::open(path).map_err(wrong)?) };
    // Room for all, so that no copy is left behind by growing.
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(bytes_max).unwrap_or(0) + 64));
    source.take(bytes_max + 1).read_to_end(&mut bytes).map_err(wrong)?;
    if bytes.len() as u64 > bytes_max {
        return Err(Failure::usage(format!("`{}` has more than {bytes_max} bytes", path.display())));
    }
    Ok(bytes)
}
