//! What the gateway is told when it is made, and its limits by name.

use crate::errors::Compat;
use crate::proxies::TrustedProxies;
use model::RegionName;
use sse::DefaultMethod;
use std::time::Duration;

/// Settings of the gateway.
#[derive(Clone, Debug)]
pub struct GatewayConfig {
    /// The one region this server is.
    pub region: RegionName,
    /// Base domains: a host `bucket.base` names the bucket, a host that is a base is the service. In lower case,
    /// without port.
    pub base_domains: Vec<String>,
    /// The `Server` header.
    pub server_name: String,
    /// Whether answers follow AWS or the Ceph suite where those two disagree.
    pub compat: Compat,
    /// The server's own default encryption, as GetBucketEncryption shows it for buckets without one.
    pub default_encryption: Option<DefaultMethod>,
    /// Whether buckets created in the S3 dialect block writes under customer keys until that is lifted, as on AWS since
    /// April 2026.
    pub block_customer_keys_on_new_buckets: bool,
    /// Whether SSE-KMS objects are open to requests signed with AWS V2. OBS's own clients sign so against an address
    /// (obs-api §2.8); AWS itself refuses.
    pub accept_v2_for_kms: bool,
    /// Whether V4 scopes may name any region. OBS's clients in V4 mode put in what their user calls the region.
    pub any_v4_region: bool,
    /// Whether OBS and V2 header signatures may leave out the few sub-resources some official clients do not sign.
    pub obs_unsigned_subresources: bool,
    /// Proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` count.
    pub trusted_proxies: TrustedProxies,
    /// Limits.
    pub limits: Limits,
}

impl GatewayConfig {
    /// The usual settings for a region and its base domains.
    pub fn new(region: RegionName, base_domains: Vec<String>) -> Self {
        Self {
            region,
            base_domains: base_domains.into_iter().map(|base| base.to_ascii_lowercase()).collect(),
            server_name: "Strongroom".to_owned(),
            compat: Compat::Aws,
            default_encryption: None,
            block_customer_keys_on_new_buckets: false,
            accept_v2_for_kms: true,
            any_v4_region: false,
            obs_unsigned_subresources: true,
            trusted_proxies: TrustedProxies::default(),
            limits: Limits::default(),
        }
    }
}

/// Limits of the listener and the codec.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Open connections of one door; more are closed at once.
    pub connections_max: usize,
    /// Bytes of a request's head. Session tokens alone can be several KB.
    pub header_block_bytes_max: usize,
    /// Headers of a request.
    pub headers_max: usize,
    /// How long a connection may take to send a request's head; also how long it may rest between requests.
    pub header_timeout: Duration,
    /// How long a TLS handshake may take.
    pub handshake_timeout: Duration,
    /// How long a body may pause, in either direction.
    pub idle_timeout: Duration,
    /// How long open requests may take to end when the server stops.
    pub drain_timeout: Duration,
    /// Bytes of the read buffer of a connection.
    pub read_buffer_bytes: usize,
    /// For each such time that replies of a connection waited for their reader, the reader must have taken
    /// [`Limits::reply_window_bytes_min`]; a slower one loses the connection, since what it reads cannot be freed.
    pub reply_window: Duration,
    /// Bytes a reader must take in each [`Limits::reply_window`].
    pub reply_window_bytes_min: u64,
    /// An unread body up to so many bytes is read off so that the connection stays usable.
    pub unread_body_bytes_max: u64,
    /// How long an answer waits for the rest of such a body; then it goes out and the connection is closed.
    pub settle_timeout: Duration,
    /// How long the rest of a longer unread body is discarded after the answer, so that the client sees the answer
    /// and not a reset.
    pub linger_timeout: Duration,
    /// Bytes of a configuration document.
    pub document_bytes_max: usize,
    /// Bytes of the documents of DeleteObjects and CompleteMultipartUpload: 1,000 names of 1,024 bytes, escaped;
    /// 10,000 parts with checksums.
    pub list_document_bytes_max: usize,
    /// Bytes of all documents that are held at the same time; further ones wait on the wire.
    pub documents_bytes_max: usize,
    /// How long a document may take to arrive.
    pub document_timeout: Duration,
    /// Bytes of a request of the KMS API.
    pub control_body_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 16_384,
            header_block_bytes_max: 64 * 1024,
            headers_max: 256,
            header_timeout: Duration::from_secs(60),
            handshake_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            drain_timeout: Duration::from_secs(30),
            read_buffer_bytes: 128 * 1024,
            reply_window: Duration::from_secs(60),
            reply_window_bytes_min: 60 * 1024,
            unread_body_bytes_max: 1024 * 1024,
            settle_timeout: Duration::from_secs(1),
            linger_timeout: Duration::from_secs(10),
            document_bytes_max: 64 * 1024,
            list_document_bytes_max: 8 * 1024 * 1024,
            documents_bytes_max: 64 * 1024 * 1024,
            document_timeout: Duration::from_secs(120),
            control_body_bytes_max: 64 * 1024,
        }
    }
}
