//! `strongroom server`: from settings to a running server, and back to an exit code.
//!
//! The order matters where it guards something: the process is closed to others before a file is made; the directory is
//! locked before anything in it is written; ports are taken before the stores are opened, so that a taken port changes
//! nothing; addresses are printed when requests are answered.

mod audit;
mod banner;
mod counters;
mod drill;
mod jobs;
mod locked;
mod memory;
mod offline;
mod process;
mod providers;
mod rooms;
mod root_credentials;
mod sealers;
mod signals;
mod upkeep;

use self::providers::Providers;
use crate::clock::SystemClock;
use crate::config::{Compat, Settings};
use crate::data_dir::DataDir;
use crate::failure::Failure;
use crate::logging;
use crate::root_key::GivenPassphrase;
use crate::tls::{Authority, Certificates};
use banner::Banner;
pub(crate) use drill::Drill;
use gateway::{Gateway, GatewayConfig, Limits, Metrics, TlsSlot};
use locked::{Doors, Search};
use model::Clock;
pub(crate) use offline::{KeyPlaces, Keys, NoKeys, Offline};
use rooms::Rooms;
use signals::Signals;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use store::DirLock;
use tokio::net::TcpListener;
use tokio::sync::watch;

type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Runs the server until it is told to end.
pub(crate) fn run(settings: Settings, env: Env<'_>) -> Result<(), Failure> {
    logging::install(&settings.log, settings.log_format)?;
    process::close_to_others();
    let passphrase = process::passphrase(&settings)?;
    memory::keep_buffers();
    let runtime = crate::runtime()?;
    let mut lock = None;
    let ended = runtime.block_on(serve(settings, env, passphrase, &mut lock));
    // Closes the stores with the last tasks that hold them; only then is the directory let go, also after a failure.
    drop(runtime);
    drop(lock);
    ended
}

/// Serves until told to end. Leaves the lock of the directory in `held`, to be kept until the stores are closed.
async fn serve(
    mut settings: Settings,
    env: Env<'_>,
    passphrase: Option<GivenPassphrase>,
    held: &mut Option<DirLock>,
) -> Result<(), Failure> {
    let listening = [settings.address.ip(), settings.control_address.ip()];
    let given = root_credentials::given(env, &listening)?;
    let given_by_operator = given.is_some();
    let outside = Providers::open(&settings, env, &(Arc::new(SystemClock) as Arc<dyn Clock>))?;
    let dir = DataDir::prepare(&settings.data_dir)?;
    let default_file = settings.root_key.source.default_file();
    if settings.root_key.path == settings.data_dir.join(default_file) {
        settings.root_key.path = dir.path().join(default_file);
    }
    *held = Some(DirLock::acquire(dir.path()).map_err(|error| Failure::new(error.to_string()))?);
    dir.refuse_bodies_without_metadata()?;
    let certificates = Certificates {
        source: settings.certificate.clone(),
        authority: Authority::new(dir.tls()?),
        domains: settings.domains.clone(),
        addresses: listening.to_vec(),
    };
    let tls = Arc::new(TlsSlot::new(certificates.server_config()?));
    let (data_listener, data_address) = listen("address", settings.address).await?;
    let (control_listener, control_address) = listen("control_address", settings.control_address).await?;

    let source = settings.root_key.open()?;
    let search = Search { source: Arc::clone(&source), passphrase, may_create: !dir.is_in_use() };
    let doors = Doors { data: &data_listener, control: &control_listener, tls: Arc::clone(&tls) };
    let root = search.run(settings.allow_locked.then_some(doors)).await?;
    let rooms = Rooms::open(&settings, &dir, given, (source, root), &outside).await?;
    process::warn_of_open_memory();
    let metrics = Arc::new(Metrics::new());
    counters::register(&metrics, &rooms);
    audit::register(&metrics, &rooms.audit);
    outside.register(&metrics);
    let gateway = Gateway::new(gateway::Parts {
        objects: Arc::clone(&rooms.objects),
        keys: Arc::clone(&rooms.kms),
        directory: Arc::clone(&rooms.directory),
        clock: Arc::clone(&rooms.clock),
        entropy: Arc::clone(&rooms.entropy),
        metrics,
        config: gateway_config(&settings),
    });

    let upkeep = tokio::spawn(upkeep::run(
        Arc::clone(&rooms.kms),
        Arc::clone(&rooms.directory),
        Arc::clone(&rooms.sse),
        Arc::clone(&rooms.objects),
    ));
    let storage_meter = tokio::spawn(upkeep::meter_storage(Arc::clone(&rooms.objects)));
    let collector = tokio::spawn(upkeep::collect_bucket_keys(Arc::clone(&rooms.objects)));
    let shown = outside.clone();
    gateway.set_readiness(move || shown.readiness());
    let watch = tokio::spawn(outside.watch(Arc::clone(&rooms.kms)));
    gateway.set_object_audit(settings.audit.objects, Arc::<::audit::AuditLog>::clone(&rooms.audit));
    audit::server_event(&rooms.audit, &*rooms.clock, "StartServer").await;
    let signals = Signals::install()?;
    let rewrap = jobs::open(&rooms);
    gateway.set_rewrap(Arc::clone(&rewrap));
    if let Err(error) = rewrap.go_on().await {
        tracing::error!(%error, "rewrap jobs that were under way could not be gone on with");
    }
    let (stop, stopping) = watch::channel(false);
    let data = spawn({
        let (gateway, tls, stopping) = (Arc::clone(&gateway), Arc::clone(&tls), stopping.clone());
        async move { gateway.serve_data(data_listener, Some(tls), stopping).await }
    });
    let control = spawn({
        let (gateway, tls) = (Arc::clone(&gateway), Arc::clone(&tls));
        async move { gateway.serve_control(control_listener, Some(tls), stopping).await }
    });
    announce(&settings, &dir, &rooms, &certificates, [data_address, control_address], given_by_operator)?;

    let ended = signals.obey(&certificates, &tls, data, control, stop).await;
    // What works by itself ends first: nothing of it may want the log after its last line.
    rewrap.close().await;
    for task in [upkeep, storage_meter, collector, watch] {
        task.abort();
        // That it was ended is no news.
        let _ended = task.await;
    }
    upkeep::end(&rooms.kms, &rooms.sse, &rooms.objects).await;
    audit::server_event(&rooms.audit, &*rooms.clock, "StopServer").await;
    audit::close(Arc::clone(&rooms.audit)).await;
    ended
}

/// Takes a port. Connections that come before the stores are open wait.
async fn listen(setting: &str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), Failure> {
    let taken = |error: io::Error| Failure::new(format!("cannot listen on {setting} {address}: {error}"));
    let listener = TcpListener::bind(address).await.map_err(taken)?;
    // Where the system's default is BBR, its pacing halves what a connection on a fast or local network carries.
    // Accepted connections inherit it; a system without Reno keeps its default.
    if let Err(error) = rustix::net::sockopt::set_tcp_congestion(&listener, "reno") {
        tracing::debug!(%error, "the system's congestion control stays");
    }
    let bound = listener.local_addr().map_err(taken)?;
    Ok((listener, bound))
}

fn gateway_config(settings: &Settings) -> GatewayConfig {
    let mut config = GatewayConfig::new(settings.region.clone(), settings.domains.clone());
    config.compat = match settings.compat {
        Compat::Aws => gateway::Compat::Aws,
        Compat::Ceph => gateway::Compat::Ceph,
    };
    config.default_encryption = rooms::default_method(settings);
    config.block_customer_keys_on_new_buckets = settings.block_customer_keys_on_new_buckets;
    config.accept_v2_for_kms = settings.accept_v2_for_kms;
    config.any_v4_region = settings.any_v4_region;
    config.obs_unsigned_subresources = settings.obs_unsigned_subresources;
    config.trusted_proxies = settings.trusted_proxies.clone();
    config.limits = Limits { drain_timeout: settings.drain, ..Limits::default() };
    config
}

fn announce(
    settings: &Settings,
    dir: &DataDir,
    rooms: &Rooms,
    certificates: &Certificates,
    [objects, control]: [SocketAddr; 2],
    given: bool,
) -> Result<(), Failure> {
    let access_key = rooms.directory.access_keys().next().map(|key| key.id.as_str().to_owned()).unwrap_or_default();
    let ca = certificates.local_ca();
    let banner = Banner {
        region: settings.region.as_str(),
        objects,
        control,
        data_dir: dir.path(),
        ca: ca.as_deref(),
        access_key: &access_key,
        fresh_secret: rooms
            .directory
            .first_start
            .as_ref()
            .and_then(|root| root.secret.as_ref())
            .map(|secret| secret.expose()),
        given,
    };
    tracing::info!(%objects, %control, data = %dir.path().display(), "ready");
    let shown = crate::print(&zeroize::Zeroizing::new(banner.render()));
    if banner.fresh_secret.is_none() {
        return shown;
    }
    shown.map_err(|failure| {
        Failure::new(format!("{failure}; the new secret key was not shown. {}", banner::LOST_SECRET))
    })
}

fn spawn(door: impl Future<Output = io::Result<()>> + Send + 'static) -> signals::Door {
    tokio::spawn(door)
}
