//! The client options, the same for every subcommand that talks to a server.

use super::Endpoint;
use crate::failure::Failure;
use clap::Args;
use model::RegionName;
use std::path::PathBuf;
use zeroize::Zeroizing;

/// Where the server is, whom to trust, who asks.
#[derive(Args, Clone, Debug)]
pub(crate) struct ClientOptions {
    /// URL of the server's control address. Plain HTTP is for loopback only.
    #[arg(long, value_name = "URL", env = "STRONGROOM_CONTROL", default_value = "http://127.0.0.1:9001")]
    control: String,
    /// Certificate (PEM) that the server's must be issued by; for a local authority, `tls/ca.crt` in its data
    /// directory. Without it, the certificates that the system trusts.
    #[arg(long, value_name = "FILE", env = "STRONGROOM_CA")]
    ca: Option<PathBuf>,
    /// Region of the server, part of the signature.
    #[arg(long, value_name = "NAME", env = "STRONGROOM_REGION", default_value = "local-1")]
    region: String,
}

impl ClientOptions {
    /// The control address to talk to.
    pub(crate) fn endpoint(&self) -> Result<Endpoint, Failure> {
        Endpoint::parse(&self.control, self.ca.as_deref())
    }

    /// The region to sign for.
    pub(crate) fn region(&self) -> Result<RegionName, Failure> {
        RegionName::parse(&self.region).ok_or_else(|| Failure::usage(format!("`{}` is not a region", self.region)))
    }
}

/// Who signs. The secret is wiped on drop.
pub(crate) struct Credentials {
    pub(crate) access_key: String,
    pub(crate) secret_key: Zeroizing<String>,
    /// Of temporary credentials.
    pub(crate) session_token: Option<Zeroizing<String>>,
}

impl Credentials {
    /// From `STRONGROOM_ACCESS_KEY` and `STRONGROOM_SECRET_KEY` (with `STRONGROOM_SESSION_TOKEN` for temporary ones),
    /// else from the root pair. Both of a pair must be set: one half of each would sign with a secret that belongs to
    /// another.
    pub(crate) fn from_env(env: &dyn Fn(&str) -> Option<String>) -> Result<Self, Failure> {
        let set = |name: &str| env(name).filter(|value| !value.is_empty());
        let token = set("STRONGROOM_SESSION_TOKEN").map(Zeroizing::new);
        for (id, secret, session_token) in [
            ("STRONGROOM_ACCESS_KEY", "STRONGROOM_SECRET_KEY", token),
            ("STRONGROOM_ROOT_ACCESS_KEY", "STRONGROOM_ROOT_SECRET_KEY", None),
        ] {
            match (set(id), set(secret).map(Zeroizing::new)) {
                (Some(access_key), Some(secret_key)) => return Ok(Self { access_key, secret_key, session_token }),
                (None, None) => {}
                _ => return Err(Failure::usage(format!("set both of {id} and {secret}, or neither"))),
            }
        }
        Err(Failure::usage(
            "no credentials: set STRONGROOM_ACCESS_KEY and STRONGROOM_SECRET_KEY to what the server showed at its first \
             start",
        ))
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("access_key", &self.access_key).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_credentials_go_before_the_root_pair_and_halves_are_refused() {
        let from = |set: &[(&str, &str)]| {
            Credentials::from_env(&|name| set.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
        };
        let own = [("STRONGROOM_ACCESS_KEY", "own"), ("STRONGROOM_SECRET_KEY", "s")];
        let root = [("STRONGROOM_ROOT_ACCESS_KEY", "root"), ("STRONGROOM_ROOT_SECRET_KEY", "s")];
        assert_eq!(from(&[own[0], own[1], root[0], root[1]]).unwrap().access_key, "own");
        assert_eq!(from(&root).unwrap().access_key, "root");
        let token = ("STRONGROOM_SESSION_TOKEN", "t");
        assert_eq!(from(&[own[0], own[1], token]).unwrap().session_token.as_deref().map(String::as_str), Some("t"));
        assert!(from(&[root[0], root[1], token]).unwrap().session_token.is_none(), "the root pair is no session");
        assert!(from(&[]).is_err());
        assert!(from(&[own[0], root[1]]).is_err());
        assert!(from(&[own[1], root[0], root[1]]).is_err());
    }

    #[test]
    fn a_secret_is_not_printed() {
        let hush = || Zeroizing::new("hush".to_owned());
        let credentials = Credentials { access_key: "id".into(), secret_key: hush(), session_token: Some(hush()) };
        assert!(!format!("{credentials:?}").contains("hush"));
    }
}
