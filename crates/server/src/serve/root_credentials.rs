//! Root credentials given through the environment. They are no settings: a secret on a command line is seen by every
//! user of the machine, and one in a file ends in a backup.

use crate::failure::Failure;
use iam::{GivenRoot, check_strength};
use std::net::IpAddr;
use zeroize::Zeroizing;

const ACCESS_KEY: &str = "STRONGROOM_ROOT_ACCESS_KEY";
const SECRET_KEY: &str = "STRONGROOM_ROOT_SECRET_KEY";

/// Reads the pair; `None` when neither is set. A weak secret is refused where others than this machine can reach the
/// server.
///
/// # Errors
/// When only one is set, when they cannot be credentials, or when the secret is weak. No message repeats the secret.
pub(super) fn given(env: &dyn Fn(&str) -> Option<String>, listening: &[IpAddr]) -> Result<Option<GivenRoot>, Failure> {
    let set = |name: &str| env(name).filter(|value| !value.is_empty());
    let (id, secret) = match (set(ACCESS_KEY), set(SECRET_KEY).map(Zeroizing::new)) {
        (None, None) => return Ok(None),
        (Some(id), Some(secret)) => (id, secret),
        (Some(_), None) => return Err(Failure::usage(format!("{ACCESS_KEY} is set and {SECRET_KEY} is not"))),
        (None, Some(_)) => return Err(Failure::usage(format!("{SECRET_KEY} is set and {ACCESS_KEY} is not"))),
    };
    let given = GivenRoot::parse(&id, &secret)
        .map_err(|error| Failure::usage(format!("{ACCESS_KEY}, {SECRET_KEY}: {error}")))?;
    if listening.iter().any(|address| !address.is_loopback())
        && let Err(weakness) = check_strength(&given.secret)
    {
        return Err(Failure::usage(format!("{SECRET_KEY} is too weak for a server that others can reach: {weakness}")));
    }
    Ok(Some(given))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(id: Option<&str>, secret: Option<&str>, address: &str) -> Result<Option<GivenRoot>, Failure> {
        let env = |name: &str| match name {
            ACCESS_KEY => id.map(str::to_owned),
            SECRET_KEY => secret.map(str::to_owned),
            _ => None,
        };
        given(&env, &[address.parse().unwrap()])
    }

    #[test]
    fn both_or_neither() {
        assert!(ask(None, None, "127.0.0.1").unwrap().is_none());
        assert!(ask(Some("ROOT"), Some("k3Jx9wq0ZbT5nV2m"), "127.0.0.1").unwrap().is_some());
        assert!(ask(Some("ROOT"), None, "127.0.0.1").unwrap_err().to_string().contains(SECRET_KEY));
        assert!(ask(None, Some("k3Jx9wq0ZbT5nV2m"), "127.0.0.1").unwrap_err().to_string().contains(ACCESS_KEY));
    }

    #[test]
    fn weak_secrets_stay_on_loopback_and_are_not_repeated() {
        assert!(ask(Some("ROOT"), Some("minioadmin"), "127.0.0.1").is_ok());
        for address in ["0.0.0.0", "192.0.2.7", "::"] {
            let complaint = ask(Some("ROOT"), Some("minioadmin"), address).unwrap_err().to_string();
            assert!(!complaint.contains("minioadmin"), "{complaint}");
        }
    }
}
