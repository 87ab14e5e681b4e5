//! `strongroom server`: from settings to a running server, and back to an exit code.
//!
//! The order matters where it guards something: the process is closed to others before a file is made; the directory is
//! locked before anything in it is written; ports are taken before the stores are opened, so that a taken port changes
//! nothing; addresses are printed when requests are answered.

mod banner;
mod counters;
mod memory;
mod process;
mod rooms;
mod root_credentials;
mod upkeep;

use crate::config::{Compat, Settings};
use crate::data_dir::DataDir;
use crate::failure::Failure;
use crate::logging;
use crate::tls::{Authority, Certificates};
use banner::Banner;
use gateway::{Gateway, GatewayConfig, Limits, Metrics, TlsSlot};
use rooms::Rooms;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use store::DirLock;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;

type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Runs the server until it is told to end.
pub(crate) fn run(settings: Settings, env: Env<'_>) -> Result<(), Failure> {
    logging::install(&settings.log, settings.log_format)?;
    process::close_to_others();
    memory::keep_buffers();
    let runtime = crate::runtime()?;
    let ended = runtime.block_on(serve(settings, env));
    // Closes the stores with the last tasks that hold them; only then is the directory let go.
    drop(runtime);
    ended.map(drop)
}

/// Serves until told to end. Gives back the lock, to be kept until the stores are closed.
async fn serve(mut settings: Settings, env: Env<'_>) -> Result<DirLock, Failure> {
    let listening = [settings.address.ip(), settings.control_address.ip()];
    let given = root_credentials::given(env, &listening)?;
    let given_by_operator = given.is_some();
    let dir = DataDir::prepare(&settings.data_dir)?;
    if settings.root_key_file == settings.data_dir.join("root.key") {
        settings.root_key_file = dir.path().join("root.key");
    }
    let lock = DirLock::acquire(dir.path()).map_err(|error| Failure::new(error.to_string()))?;
    let certificates = Certificates {
        source: settings.certificate.clone(),
        authority: Authority::new(dir.tls()?),
        domains: settings.domains.clone(),
        addresses: listening.to_vec(),
    };
    let tls = Arc::new(TlsSlot::new(certificates.server_config()?));
    let (data_listener, data_address) = listen("address", settings.address).await?;
    let (control_listener, control_address) = listen("control_address", settings.control_address).await?;

    let rooms = Rooms::open(&settings, &dir, given).await?;
    let metrics = Arc::new(Metrics::new());
    counters::register(&metrics, &rooms);
    let gateway = Gateway::new(gateway::Parts {
        objects: Arc::clone(&rooms.objects),
        keys: Arc::clone(&rooms.kms),
        directory: Arc::clone(&rooms.directory),
        clock: Arc::clone(&rooms.clock),
        entropy: Arc::clone(&rooms.entropy),
        metrics,
        config: gateway_config(&settings),
    });

    let upkeep = tokio::spawn(upkeep::run(Arc::clone(&rooms.kms)));
    let mut signals = Signals::install()?;
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
    upkeep.abort();
    ended.map(|()| lock)
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
    crate::print(&zeroize::Zeroizing::new(banner.render()))
}

fn spawn(door: impl Future<Output = io::Result<()>> + Send + 'static) -> JoinHandle<io::Result<()>> {
    tokio::spawn(door)
}

/// What the operator says to the process.
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    hang_up: tokio::signal::unix::Signal,
}

impl Signals {
    fn install() -> Result<Self, Failure> {
        let of = |kind| signal(kind).map_err(|error| Failure::new(format!("cannot watch for signals: {error}")));
        Ok(Self {
            terminate: of(SignalKind::terminate())?,
            interrupt: of(SignalKind::interrupt())?,
            hang_up: of(SignalKind::hangup())?,
        })
    }

    /// Reloads on SIGHUP until SIGTERM or SIGINT, or until a door fails by itself; then waits for both doors.
    async fn obey(
        &mut self,
        certificates: &Certificates,
        tls: &TlsSlot,
        mut data: JoinHandle<io::Result<()>>,
        mut control: JoinHandle<io::Result<()>>,
        stop: watch::Sender<bool>,
    ) -> Result<(), Failure> {
        let failed = loop {
            tokio::select! {
                _ = self.terminate.recv() => break None,
                _ = self.interrupt.recv() => break None,
                _ = self.hang_up.recv() => match certificates.server_config() {
                    Ok(config) => {
                        tls.replace(config);
                        tracing::info!("the certificate was read again");
                    }
                    Err(error) => tracing::error!(%error, "the certificate stays as it was"),
                },
                ended = &mut data => break Some(ended),
                ended = &mut control => break Some(ended),
            }
        };
        tracing::info!("ending: requests under way may finish");
        // Nobody listens any more only if both doors have ended.
        let _ = stop.send(true);
        match failed {
            None => {
                for door in [data, control] {
                    door_ended(door.await)?;
                }
                Ok(())
            }
            Some(ended) => {
                door_ended(ended)?;
                Err(Failure::new("a door closed by itself"))
            }
        }
    }
}

fn door_ended(ended: Result<io::Result<()>, tokio::task::JoinError>) -> Result<(), Failure> {
    match ended {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(Failure::new(format!("a listener failed: {error}"))),
        Err(error) => Err(Failure::new(format!("a listener ended unexpectedly: {error}"))),
    }
}
