//! Why the program stops, in the operator's words. Every failure of a subcommand becomes one of these: one line on
//! standard error and an exit code; never a backtrace, never a secret.

use crate::commands::printable;
use std::fmt;

/// What the operator reads, and the exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    exit_code: u8,
    /// A service's own code for its error.
    code: String,
}

impl Failure {
    /// The program could not do what was asked (exit code 1).
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), exit_code: 1, code: String::new() }
    }

    /// A flag, variable or configuration file is wrong (exit code 2, as `clap` uses for its own complaints).
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), exit_code: 2, code: String::new() }
    }

    /// A service refused: which operation, its code and its words, on one line.
    pub(crate) fn service(operation: &str, code: &str, message: Option<&str>) -> Self {
        let line = match message {
            Some(message) => format!("{operation}: {code}: {message}"),
            None => format!("{operation}: {code}"),
        };
        Self { code: code.to_owned(), ..Self::new(printable(&line)) }
    }

    /// The server answered something else than was asked for.
    pub(crate) fn not_understood() -> Self {
        Self::new("the server's answer was not understood")
    }

    /// The same failure, and what can be done about it.
    pub(crate) fn advising(self, advice: &str) -> Self {
        Self { message: format!("{} ({advice})", self.message), ..self }
    }

    /// Whether a service refused with this code.
    pub(crate) fn is(&self, code: &str) -> bool {
        self.code == code
    }

    /// An I/O operation on a path failed.
    pub(crate) fn io(doing: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::new(format!("cannot {doing} `{}`: {error}", path.display()))
    }

    /// The process's exit code.
    pub(crate) fn exit_code(&self) -> u8 {
        self.exit_code
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}
