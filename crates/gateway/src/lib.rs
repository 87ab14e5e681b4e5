//! Listener, TLS, dialects, signatures, the KMS API, health and metrics.
