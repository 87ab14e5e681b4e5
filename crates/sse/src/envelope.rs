//! The envelope: how an object's body is sealed, as stored in its record. docs/formats/envelope.md draws it byte by
//! byte.

use crate::context;
use crypto::{BucketKey, DataCipher, Dek, Suite, WRAPPED_BYTES, Wrapped, sealed_len};
use kms::{CmkId, CmkWrapped, EncryptionContext};
use model::codec::{DecodeError, Reader, Writer};
use model::{AccountId, AccountNumber, BucketKeyId, CmkUid, RegionName};

const FORMAT_VERSION: u8 = 1;
/// The embedded provider's tag in stored key references.
const PROVIDER_EMBEDDED: u8 = 1;

/// How a body is sealed.
#[derive(Clone)]
pub enum Envelope {
    /// Not at all; segments carry a CRC.
    Plain,
    /// SSE-OBS: the DEK is wrapped by the bucket's SSE-OBS key.
    Obs {
        /// The data cipher.
        cipher: DataCipher,
        /// The wrapped DEK.
        dek: Wrapped<Dek>,
    },
    /// SSE-KMS.
    Kms {
        /// The data cipher; the CMK's own is independent of it.
        cipher: DataCipher,
        /// The CMK.
        cmk: CmkId,
        /// The caller's encryption context.
        context: EncryptionContext,
        /// What wraps the DEK.
        through: Through,
    },
    /// SSE-C: the DEK is wrapped by the customer key.
    Customer {
        /// The data cipher.
        cipher: DataCipher,
        /// The wrapped DEK.
        dek: Wrapped<Dek>,
    },
}

/// What wraps an SSE-KMS object's DEK.
#[derive(Clone)]
pub enum Through {
    /// The CMK itself.
    Cmk(CmkWrapped<Dek>),
    /// A bucket key.
    BucketKey {
        /// The bucket key's id.
        id: BucketKeyId,
        /// The bucket key, wrapped by the CMK.
        bucket_key: CmkWrapped<BucketKey>,
        /// The DEK, wrapped by the bucket key.
        dek: Wrapped<Dek>,
    },
}

impl Through {
    /// The bucket key that the DEK is wrapped by, if it is one.
    pub(crate) fn bucket_key_id(&self) -> Option<BucketKeyId> {
        match self {
            Self::Cmk(_) => None,
            Self::BucketKey { id, .. } => Some(*id),
        }
    }
}

impl Envelope {
    /// The code of the method, as stored and as bound into wraps.
    pub(crate) fn method_code(&self) -> u8 {
        match self {
            Self::Plain => 0,
            Self::Obs { .. } => 1,
            Self::Kms { .. } => 2,
            Self::Customer { .. } => 3,
        }
    }

    /// The data cipher; `None` of a body in clear.
    pub fn cipher(&self) -> Option<DataCipher> {
        match self {
            Self::Plain => None,
            Self::Obs { cipher, .. } | Self::Kms { cipher, .. } | Self::Customer { cipher, .. } => Some(*cipher),
        }
    }

    /// The suite of the body's segments.
    pub(crate) fn suite(&self) -> Suite {
        self.cipher().map_or(Suite::PlainCrc32c, DataCipher::suite)
    }

    /// Bytes at rest of a stream of so many bytes of plaintext.
    pub fn sealed_bytes(&self, plain_bytes: u64) -> u64 {
        sealed_len(self.suite(), plain_bytes)
    }

    /// Whether reading needs a customer key.
    pub fn is_customer(&self) -> bool {
        matches!(self, Self::Customer { .. })
    }

    /// Whether the body is sealed under a CMK.
    pub fn is_kms(&self) -> bool {
        matches!(self, Self::Kms { .. })
    }

    /// Whether the body is sealed at all.
    pub fn is_plain(&self) -> bool {
        matches!(self, Self::Plain)
    }

    /// Encodes for the record.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new(FORMAT_VERSION);
        w.u8(self.method_code()).u8(self.suite() as u8);
        match self {
            Self::Plain => {}
            Self::Obs { dek, .. } | Self::Customer { dek, .. } => {
                w.raw(dek.as_bytes());
            }
            Self::Kms { cmk, context, through, .. } => {
                w.u8(PROVIDER_EMBEDDED)
                    .str(cmk.region.as_str())
                    .str(cmk.account.as_str())
                    .str(cmk.number.as_str())
                    .raw(cmk.uid.as_bytes());
                context::encode(context, &mut w);
                match through {
                    Through::Cmk(dek) => {
                        w.u8(0).bytes(dek.as_bytes());
                    }
                    Through::BucketKey { id, bucket_key, dek } => {
                        w.u8(1).raw(id.as_bytes()).bytes(bucket_key.as_bytes()).raw(dek.as_bytes());
                    }
                }
            }
        }
        w.finish()
    }

    /// Decodes from the record. What is not known is refused, never guessed at.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (version, mut r) = Reader::open(bytes)?;
        if version != FORMAT_VERSION {
            return Err(DecodeError("envelope of unknown format version"));
        }
        let (method, suite) = (r.u8()?, r.u8()?);
        let cipher = match Suite::from_u8(suite) {
            Some(Suite::PlainCrc32c) => None,
            Some(Suite::Aes256Gcm) => Some(DataCipher::Aes256Gcm),
            Some(Suite::Sm4Gcm) => Some(DataCipher::Sm4Gcm),
            None => return Err(DecodeError("envelope of unknown suite")),
        };
        let envelope = match (method, cipher) {
            (0, None) => Self::Plain,
            (1, Some(cipher)) => Self::Obs { cipher, dek: wrapped_dek(&mut r)? },
            (2, Some(cipher)) => Self::decode_kms(cipher, &mut r)?,
            (3, Some(cipher)) => Self::Customer { cipher, dek: wrapped_dek(&mut r)? },
            (0..=3, _) => return Err(DecodeError("envelope whose suite is not one of its method's")),
            _ => return Err(DecodeError("envelope of unknown method")),
        };
        r.finish()?;
        Ok(envelope)
    }

    fn decode_kms(cipher: DataCipher, r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if r.u8()? != PROVIDER_EMBEDDED {
            return Err(DecodeError("envelope of unknown key provider"));
        }
        let cmk = CmkId {
            region: RegionName::parse(r.str()?).ok_or(DecodeError("region"))?,
            account: AccountId::parse(r.str()?).ok_or(DecodeError("account"))?,
            number: AccountNumber::parse(r.str()?).ok_or(DecodeError("account number"))?,
            uid: CmkUid::from_bytes(r.array()?),
        };
        let context = context::decode(r)?;
        let through = match r.u8()? {
            0 => Through::Cmk(CmkWrapped::from_bytes(r.bytes()?).map_err(|_| DecodeError("wrapped DEK"))?),
            1 => Through::BucketKey {
                id: BucketKeyId::from_bytes(r.array()?),
                bucket_key: CmkWrapped::from_bytes(r.bytes()?).map_err(|_| DecodeError("wrapped bucket key"))?,
                dek: wrapped_dek(r)?,
            },
            _ => return Err(DecodeError("envelope of unknown wrap")),
        };
        Ok(Self::Kms { cipher, cmk, context, through })
    }
}

fn wrapped_dek(r: &mut Reader<'_>) -> Result<Wrapped<Dek>, DecodeError> {
    Ok(Wrapped::from_bytes(r.array::<WRAPPED_BYTES>()?))
}
