//! The gateway: what both doors share, and opening them.

use crate::config::GatewayConfig;
use crate::control::ControlPlane;
use crate::data::{DataPlane, DocumentRoom, ObjectAudit, ObjectTrail};
use crate::ids::Ids;
use crate::listener::{self, Door, TlsSlot};
use crate::metrics::Metrics;
use crate::readiness::{Readiness, ReadinessSource};
use audit::AuditTrail;
use iam::Directory;
use jobs::rewrap::RewrapService;
use kms::KeyService;
use model::{Clock, Entropy};
use objects::ObjectService;
use std::io;
use std::sync::{Arc, OnceLock};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// What the gateway is made of.
pub struct Parts {
    /// Buckets and objects.
    pub objects: Arc<ObjectService>,
    /// The KMS, for its own API.
    pub keys: Arc<KeyService>,
    /// Who signs.
    pub directory: Arc<Directory>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness, for request ids.
    pub entropy: Arc<dyn Entropy>,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Settings.
    pub config: GatewayConfig,
}

/// Both doors of the server.
pub struct Gateway {
    pub(crate) objects: Arc<ObjectService>,
    pub(crate) keys: Arc<KeyService>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) config: GatewayConfig,
    pub(crate) ids: Ids,
    pub(crate) documents: DocumentRoom,
    pub(crate) readiness: ReadinessSource,
    pub(crate) object_trail: ObjectTrail,
    pub(crate) rewrap: OnceLock<Arc<RewrapService>>,
}

impl Gateway {
    /// Joins the parts.
    pub fn new(parts: Parts) -> Arc<Self> {
        let Parts { objects, keys, directory, clock, entropy, metrics, config } = parts;
        let documents = DocumentRoom::new(config.limits.documents_bytes_max);
        let (ids, readiness, object_trail) = (Ids::new(entropy), ReadinessSource::default(), ObjectTrail::default());
        let rewrap = OnceLock::new();
        Arc::new(Self {
            objects,
            keys,
            directory,
            clock,
            metrics,
            config,
            ids,
            documents,
            readiness,
            object_trail,
            rewrap,
        })
    }

    /// Lets readiness depend on what the rooms behind say; the first source counts. It is asked on every request for it,
    /// and answers from memory.
    pub fn set_readiness(&self, source: impl Fn() -> Readiness + Send + Sync + 'static) {
        self.readiness.set(source);
    }

    /// Puts requests about objects on an audit log, before they are answered. To be called once, before the first one.
    pub fn set_object_audit(&self, which: ObjectAudit, trail: Arc<dyn AuditTrail>) {
        self.object_trail.set(which, trail);
    }

    /// Offers rewrap jobs over the admin API. To be called once, before the first request.
    pub fn set_rewrap(&self, service: Arc<RewrapService>) {
        if self.rewrap.set(service).is_err() {
            tracing::error!("rewrap jobs were offered twice; the first service stays");
        }
    }

    /// The counters, to register those of other rooms.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Serves the data plane (OBS and S3) until `stop` turns true and open requests have ended.
    ///
    /// # Errors
    /// When the listener has become unusable.
    pub async fn serve_data(
        self: &Arc<Self>,
        listener: TcpListener,
        tls: Option<Arc<TlsSlot>>,
        stop: watch::Receiver<bool>,
    ) -> io::Result<()> {
        let handler = Arc::new(DataPlane::new(Arc::clone(self)));
        listener::serve(listener, self.door("data", tls), handler, stop).await
    }

    /// Serves the control plane (KMS API, health, metrics) until `stop` turns true and open requests have ended.
    ///
    /// # Errors
    /// When the listener has become unusable.
    pub async fn serve_control(
        self: &Arc<Self>,
        listener: TcpListener,
        tls: Option<Arc<TlsSlot>>,
        stop: watch::Receiver<bool>,
    ) -> io::Result<()> {
        let handler = Arc::new(ControlPlane::new(Arc::clone(self), stop.clone()));
        listener::serve(listener, self.door("control", tls), handler, stop).await
    }

    fn door(&self, name: &'static str, tls: Option<Arc<TlsSlot>>) -> Arc<Door> {
        Arc::new(Door { name, tls, limits: self.config.limits, metrics: Arc::clone(&self.metrics) })
    }
}
