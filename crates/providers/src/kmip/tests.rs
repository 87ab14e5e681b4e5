//! Answers a server should not give. Real servers are asked in the tests of the whole binary.

use super::message::{Operation, cipher, payload, tag};
use super::ttlv::{Item, Value, Writer};
use kms::ProviderFault;

fn answer(operation: u32, status: u32, reason: u32, fill: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut w = Writer::default();
    w.structure(tag::RESPONSE_MESSAGE, |w| {
        w.structure(tag::BATCH_ITEM, |w| {
            w.enumeration(tag::OPERATION, operation).enumeration(tag::RESULT_STATUS, status);
            if status != 0 {
                w.enumeration(tag::RESULT_REASON, reason);
            }
            w.structure(tag::RESPONSE_PAYLOAD, fill);
        });
    });
    w.finish()
}

fn judged(bytes: &[u8], operation: Operation) -> Result<(), ProviderFault> {
    payload(&Item::read(bytes).unwrap(), operation).map(drop).map_err(Into::into)
}

#[test]
fn the_answer_to_another_operation_is_garbage() {
    let good = answer(Operation::Encrypt as u32, 0, 0, |_| {});
    assert_eq!(judged(&good, Operation::Encrypt), Ok(()));
    assert!(matches!(judged(&good, Operation::Decrypt), Err(ProviderFault::Garbage(_))));
    let mut twice = Writer::default();
    twice.structure(tag::RESPONSE_MESSAGE, |w| {
        w.structure(tag::BATCH_ITEM, |_| {}).structure(tag::BATCH_ITEM, |_| {});
    });
    assert!(matches!(judged(&twice.finish(), Operation::Encrypt), Err(ProviderFault::Garbage(_))));
}

#[test]
fn reasons_are_told_apart() {
    let of = |operation: Operation, reason| judged(&answer(operation as u32, 1, reason, |_| {}), operation);
    assert_eq!(of(Operation::Decrypt, 0x0A), Err(ProviderFault::InvalidCiphertext));
    assert!(matches!(of(Operation::Encrypt, 0x0A), Err(ProviderFault::Unavailable(_))));
    for reason in [0x01, 0x03, 0x0C] {
        assert!(matches!(of(Operation::Decrypt, reason), Err(ProviderFault::Refused(_))), "{reason}");
    }
    assert!(matches!(of(Operation::Encrypt, 0x05), Err(ProviderFault::Unsupported(_))));
    assert!(matches!(of(Operation::Encrypt, 0x100), Err(ProviderFault::Unavailable(_))));
}

/// Servers read members in the order of the standard (KMIP 1.4, section 4.29), and so do we send them.
#[test]
fn members_of_a_decryption_stand_in_the_standards_order() {
    let bytes = cipher("id", b"data", &[1; 12], &[2; 32], Some(&[3; 16]));
    let message = Item::read(&bytes).unwrap();
    let request = message.get(tag::BATCH_ITEM).unwrap().get(tag::REQUEST_PAYLOAD).unwrap();
    let Value::Structure(members) = &request.value else { panic!("a payload is a structure") };
    let tags: Vec<u32> = members.iter().map(|member| member.tag).collect();
    let want = [
        tag::UNIQUE_IDENTIFIER,
        tag::CRYPTOGRAPHIC_PARAMETERS,
        tag::DATA,
        tag::IV,
        tag::ADDITIONAL_DATA,
        tag::AUTHENTICATION_TAG,
    ];
    assert_eq!(tags, want);
}
