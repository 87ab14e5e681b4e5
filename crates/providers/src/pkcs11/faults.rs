//! What a token's return values mean.

use cryptoki::error::{Error, RvError};
use kms::ProviderFault;

/// What was being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Find,
    Make,
    Wrap,
    Unwrap,
    Destroy,
}

/// Whether the session, or all of them, went away with the token's connection: worth a fresh one.
pub(super) fn is_lost(error: &Error) -> bool {
    use RvError as R;
    matches!(
        error,
        Error::Pkcs11(
            R::SessionClosed
                | R::SessionHandleInvalid
                | R::UserNotLoggedIn
                | R::KeyHandleInvalid
                | R::ObjectHandleInvalid
                | R::DeviceRemoved
                | R::TokenNotPresent
                | R::CryptokiNotInitialized,
            _
        )
    )
}

/// Return values by which some tokens say that a tag is wrong, and all that something went wrong.
pub(super) fn is_vague(error: &Error) -> bool {
    matches!(error, Error::Pkcs11(RvError::GeneralError | RvError::FunctionFailed, _))
}

/// The fault of a return value. The texts name functions and values of PKCS#11, never data.
pub(super) fn fault(step: Step, error: &Error) -> ProviderFault {
    use RvError as R;
    let Error::Pkcs11(value, function) = error else {
        return ProviderFault::Unavailable(format!("PKCS#11: {error}"));
    };
    let why = format!("PKCS#11 {function}: {value}");
    match value {
        R::EncryptedDataInvalid | R::EncryptedDataLenRange if step == Step::Unwrap => ProviderFault::InvalidCiphertext,
        R::KeyHandleInvalid | R::ObjectHandleInvalid => ProviderFault::Refused("the token has no such key".to_owned()),
        R::KeyFunctionNotPermitted
        | R::KeyTypeInconsistent
        | R::KeySizeRange
        | R::ActionProhibited
        | R::PinIncorrect
        | R::PinExpired
        | R::PinLocked
        | R::PinInvalid
        | R::TokenWriteProtected
        | R::AttributeValueInvalid
        | R::TemplateInconsistent
        | R::UserPinNotInitialized => ProviderFault::Refused(why),
        R::MechanismInvalid | R::MechanismParamInvalid | R::FunctionNotSupported => {
            ProviderFault::Unsupported("AES-GCM in the token")
        }
        _ => ProviderFault::Unavailable(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cryptoki::context::Function;

    #[test]
    fn wrong_data_refusals_and_outages_are_told_apart() {
        let of = |step, value| fault(step, &Error::Pkcs11(value, Function::Decrypt));
        assert_eq!(of(Step::Unwrap, RvError::EncryptedDataInvalid), ProviderFault::InvalidCiphertext);
        assert!(matches!(of(Step::Wrap, RvError::EncryptedDataInvalid), ProviderFault::Unavailable(_)));
        assert!(matches!(of(Step::Wrap, RvError::KeyHandleInvalid), ProviderFault::Refused(_)));
        assert!(matches!(of(Step::Wrap, RvError::PinLocked), ProviderFault::Refused(_)));
        assert!(matches!(of(Step::Wrap, RvError::DeviceError), ProviderFault::Unavailable(_)));
        assert!(matches!(of(Step::Wrap, RvError::MechanismInvalid), ProviderFault::Unsupported(_)));
    }
}
