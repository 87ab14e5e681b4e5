//! The TLS configuration of a door, replaceable while it is open.

use rustls::ServerConfig;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

/// Holds the configuration that new connections take. Those that are open keep theirs.
pub struct TlsSlot(RwLock<Arc<ServerConfig>>);

impl TlsSlot {
    /// Begins with a configuration.
    pub fn new(config: Arc<ServerConfig>) -> Self {
        Self(RwLock::new(config))
    }

    /// Replaces the configuration, for example after the certificate was renewed.
    pub fn replace(&self, config: Arc<ServerConfig>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = config;
    }

    /// The present configuration.
    pub fn current(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for TlsSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsSlot")
    }
}
