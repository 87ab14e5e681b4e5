//! A secret given on the command line: never printed, wiped on drop.

use crate::failure::Failure;
use std::convert::Infallible;
use std::fmt;
use std::io::{BufRead, Read};
use std::str::FromStr;
use zeroize::Zeroizing;

/// Longest line taken from standard input.
const LINE_BYTES_MAX: u64 = 4096;

/// The secret, or `-` for a line of standard input: other users of the machine see the arguments of a process.
#[derive(Clone)]
pub(crate) struct SecretArg(Zeroizing<String>);

impl SecretArg {
    /// The secret itself.
    pub(super) fn read(&self) -> Result<Zeroizing<String>, Failure> {
        if *self.0 != "-" {
            return Ok(self.0.clone());
        }
        let mut line = Zeroizing::new(String::new());
        std::io::stdin()
            .lock()
            .take(LINE_BYTES_MAX)
            .read_line(&mut line)
            .map_err(|error| Failure::new(format!("cannot read the secret from standard input: {error}")))?;
        Ok(Zeroizing::new(line.trim_end_matches(['\r', '\n']).to_owned()))
    }
}

impl FromStr for SecretArg {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(Zeroizing::new(text.to_owned())))
    }
}

impl fmt::Debug for SecretArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretArg(..)")
    }
}
