//! What happens when the cipher library itself reports a failure that cannot be: the process ends.

use aws_lc_rs::error::Unspecified;

/// Takes the result of a library call whose only failures are wrong lengths (fixed by this crate's constants) or an
/// allocation that failed inside the library.
///
/// Aborts on an error. Going on is not an option: a caller handed an unsealed buffer or an all-zero key would store
/// it. Unwinding is not either, since a server catches a panicking request and continues with the same library.
pub(crate) fn must<T>(result: Result<T, Unspecified>, what: &'static str) -> T {
    match result {
        Ok(value) => value,
        Err(Unspecified) => {
            eprintln!("strongroom: the cipher library failed in {what}; stopping");
            std::process::abort()
        }
    }
}
