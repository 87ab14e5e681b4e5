//! The messages of KMIP 1.4 that a provider of keys needs: Create, Activate, Get Attributes, Encrypt, Decrypt, Revoke,
//! Destroy. One operation a message.

use super::ttlv::{Item, Value, Writer};
use kms::ProviderFault;

/// Tags (KMIP 1.4, section 9.1.3.1).
pub(super) mod tag {
    pub(crate) const ATTRIBUTE: u32 = 0x42_0008;
    pub(crate) const ATTRIBUTE_NAME: u32 = 0x42_000A;
    pub(crate) const ATTRIBUTE_VALUE: u32 = 0x42_000B;
    pub(crate) const BATCH_COUNT: u32 = 0x42_000D;
    pub(crate) const BATCH_ITEM: u32 = 0x42_000F;
    pub(crate) const BLOCK_CIPHER_MODE: u32 = 0x42_0011;
    pub(crate) const CRYPTOGRAPHIC_ALGORITHM: u32 = 0x42_0028;
    pub(crate) const CRYPTOGRAPHIC_PARAMETERS: u32 = 0x42_002B;
    pub(crate) const IV: u32 = 0x42_003D;
    pub(crate) const NAME_TYPE: u32 = 0x42_0054;
    pub(crate) const NAME_VALUE: u32 = 0x42_0055;
    pub(crate) const OBJECT_TYPE: u32 = 0x42_0057;
    pub(crate) const OPERATION: u32 = 0x42_005C;
    pub(crate) const PROTOCOL_VERSION: u32 = 0x42_0069;
    pub(crate) const PROTOCOL_MAJOR: u32 = 0x42_006A;
    pub(crate) const PROTOCOL_MINOR: u32 = 0x42_006B;
    pub(crate) const REQUEST_HEADER: u32 = 0x42_0077;
    pub(crate) const REQUEST_MESSAGE: u32 = 0x42_0078;
    pub(crate) const REQUEST_PAYLOAD: u32 = 0x42_0079;
    pub(crate) const RESPONSE_MESSAGE: u32 = 0x42_007B;
    pub(crate) const RESPONSE_PAYLOAD: u32 = 0x42_007C;
    pub(crate) const RESULT_REASON: u32 = 0x42_007E;
    pub(crate) const RESULT_STATUS: u32 = 0x42_007F;
    pub(crate) const REVOCATION_REASON: u32 = 0x42_0081;
    pub(crate) const REVOCATION_REASON_CODE: u32 = 0x42_0082;
    pub(crate) const TEMPLATE: u32 = 0x42_0091;
    pub(crate) const UNIQUE_IDENTIFIER: u32 = 0x42_0094;
    pub(crate) const DATA: u32 = 0x42_00C2;
    pub(crate) const TAG_LENGTH: u32 = 0x42_00CE;
    pub(crate) const ADDITIONAL_DATA: u32 = 0x42_00FE;
    pub(crate) const AUTHENTICATION_TAG: u32 = 0x42_00FF;
}

const AES: u32 = 3;
const GCM: u32 = 9;
const SYMMETRIC_KEY: u32 = 2;
const UNINTERPRETED_TEXT: u32 = 1;
const ENCRYPT_AND_DECRYPT: i32 = 0x4 | 0x8;
const CESSATION_OF_OPERATION: u32 = 6;

/// An operation, by its code (KMIP 1.4, section 9.1.3.2.27).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Operation {
    Create = 0x01,
    Activate = 0x12,
    Revoke = 0x13,
    Destroy = 0x14,
    Encrypt = 0x1F,
    Decrypt = 0x20,
}

/// A request message of one operation.
pub(super) fn request(operation: Operation, payload: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut w = Writer::default();
    w.structure(tag::REQUEST_MESSAGE, |w| {
        w.structure(tag::REQUEST_HEADER, |w| {
            w.structure(tag::PROTOCOL_VERSION, |w| {
                w.integer(tag::PROTOCOL_MAJOR, 1).integer(tag::PROTOCOL_MINOR, 4);
            })
            .integer(tag::BATCH_COUNT, 1);
        })
        .structure(tag::BATCH_ITEM, |w| {
            w.enumeration(tag::OPERATION, operation as u32).structure(tag::REQUEST_PAYLOAD, payload);
        });
    });
    w.finish()
}

/// A new AES-256 key that encrypts and decrypts.
pub(super) fn create(name: &str) -> Vec<u8> {
    request(Operation::Create, |w| {
        w.enumeration(tag::OBJECT_TYPE, SYMMETRIC_KEY).structure(tag::TEMPLATE, |w| {
            attribute(w, "Cryptographic Algorithm", |w| {
                w.enumeration(tag::ATTRIBUTE_VALUE, AES);
            });
            attribute(w, "Cryptographic Length", |w| {
                w.integer(tag::ATTRIBUTE_VALUE, 256);
            });
            attribute(w, "Cryptographic Usage Mask", |w| {
                w.integer(tag::ATTRIBUTE_VALUE, ENCRYPT_AND_DECRYPT);
            });
            attribute(w, "Name", |w| {
                w.structure(tag::ATTRIBUTE_VALUE, |w| {
                    w.text(tag::NAME_VALUE, name).enumeration(tag::NAME_TYPE, UNINTERPRETED_TEXT);
                });
            });
        });
    })
}

/// An operation on a key that has no arguments.
pub(super) fn of_key(operation: Operation, id: &str) -> Vec<u8> {
    request(operation, |w| {
        w.text(tag::UNIQUE_IDENTIFIER, id);
    })
}

/// Ends a key's use, so that it may be destroyed.
pub(super) fn revoke(id: &str) -> Vec<u8> {
    request(Operation::Revoke, |w| {
        w.text(tag::UNIQUE_IDENTIFIER, id).structure(tag::REVOCATION_REASON, |w| {
            w.enumeration(tag::REVOCATION_REASON_CODE, CESSATION_OF_OPERATION);
        });
    })
}

/// Encrypt, or with a tag Decrypt, by AES-GCM.
pub(super) fn cipher(id: &str, data: &[u8], iv: &[u8], aad: &[u8], authentication: Option<&[u8]>) -> Vec<u8> {
    let operation = if authentication.is_some() { Operation::Decrypt } else { Operation::Encrypt };
    request(operation, |w| {
        w.text(tag::UNIQUE_IDENTIFIER, id)
            .structure(tag::CRYPTOGRAPHIC_PARAMETERS, |w| {
                w.enumeration(tag::BLOCK_CIPHER_MODE, GCM)
                    .enumeration(tag::CRYPTOGRAPHIC_ALGORITHM, AES)
                    .integer(tag::TAG_LENGTH, super::TAG_BYTES as i32);
            })
            .bytes(tag::DATA, data)
            .bytes(tag::IV, iv)
            .bytes(tag::ADDITIONAL_DATA, aad);
        if let Some(authentication) = authentication {
            w.bytes(tag::AUTHENTICATION_TAG, authentication);
        }
    })
}

fn attribute(w: &mut Writer, name: &str, value: impl FnOnce(&mut Writer)) {
    w.structure(tag::ATTRIBUTE, |w| {
        w.text(tag::ATTRIBUTE_NAME, name);
        value(w);
    });
}

/// Why there is no payload.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failed {
    /// A fault that is clear.
    Fault(ProviderFault),
    /// "General Failure": what some servers answer to a tag that does not fit, and to any trouble of their own.
    General(Operation),
}

impl From<ProviderFault> for Failed {
    fn from(fault: ProviderFault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Failed> for ProviderFault {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Fault(fault) => fault,
            Failed::General(operation) => Self::Unavailable(format!("KMIP {operation:?}: general failure")),
        }
    }
}

/// The payload of the answer to `operation`. Result messages are the server's words and are left out of faults.
pub(super) fn payload<'i, 'a>(answer: &'i Item<'a>, operation: Operation) -> Result<&'i Item<'a>, Failed> {
    let garbage = |what: &str| Failed::Fault(ProviderFault::Garbage(format!("KMIP: {what}")));
    if answer.tag != tag::RESPONSE_MESSAGE || answer.count(tag::BATCH_ITEM) != 1 {
        return Err(garbage("not an answer to one operation"));
    }
    let item = answer.get(tag::BATCH_ITEM).ok_or_else(|| garbage("an answer without content"))?;
    match item.enumeration(tag::RESULT_STATUS) {
        Some(0) => {}
        Some(_) => return Err(failed(item.enumeration(tag::RESULT_REASON).unwrap_or_default(), operation)),
        None => return Err(garbage("an answer without result")),
    }
    if item.enumeration(tag::OPERATION) != Some(operation as u32) {
        return Err(garbage("the answer to another operation"));
    }
    item.get(tag::RESPONSE_PAYLOAD)
        .filter(|payload| matches!(payload.value, Value::Structure(_)))
        .ok_or_else(|| garbage("an answer without content"))
}

/// Reasons of KMIP 1.4, section 9.1.3.2.29.
fn failed(reason: u32, operation: Operation) -> Failed {
    let refused = |why: &str| ProviderFault::Refused(format!("KMIP {operation:?}: {why}"));
    Failed::Fault(match reason {
        0x100 => return Failed::General(operation),
        // Servers answer a tag that does not fit with one of these.
        0x0A | 0x07 if operation == Operation::Decrypt => ProviderFault::InvalidCiphertext,
        0x01 => refused("item not found"),
        0x03 => refused("authentication not successful"),
        0x0B => refused("illegal operation"),
        0x0C => refused("permission denied"),
        0x0D => refused("object archived"),
        0x05 | 0x08 => ProviderFault::Unsupported("AES-GCM at the KMIP server"),
        other => ProviderFault::Unavailable(format!("KMIP {operation:?}: result reason {other:#x}")),
    })
}
