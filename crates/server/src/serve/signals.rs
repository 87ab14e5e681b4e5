//! What the operator says to the process: SIGTERM and SIGINT end it, once politely, twice at once; SIGHUP has the
//! certificate read again.

use crate::failure::Failure;
use crate::tls::Certificates;
use gateway::TlsSlot;
use std::io;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle};

/// A door being served.
pub(super) type Door = JoinHandle<io::Result<()>>;

/// The signals the server listens to.
pub(super) struct Signals {
    end: End,
    hang_up: Signal,
}

impl Signals {
    /// Begins to listen; from here on the signals have no effect of their own.
    pub(super) fn install() -> Result<Self, Failure> {
        let of = |kind| signal(kind).map_err(|error| Failure::new(format!("cannot watch for signals: {error}")));
        let end = End { terminate: of(SignalKind::terminate())?, interrupt: of(SignalKind::interrupt())? };
        Ok(Self { end, hang_up: of(SignalKind::hangup())? })
    }

    /// Reloads on SIGHUP until told to end, or until a door fails by itself; then waits for both doors.
    pub(super) async fn obey(
        mut self,
        certificates: &Certificates,
        tls: &TlsSlot,
        mut data: Door,
        mut control: Door,
        stop: watch::Sender<bool>,
    ) -> Result<(), Failure> {
        let failed = loop {
            tokio::select! {
                () = self.end.told() => break None,
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
        if let Some(ended) = failed {
            door_ended(ended)?;
            return Err(Failure::new("a door closed by itself"));
        }
        let drained = async {
            door_ended(data.await)?;
            door_ended(control.await)
        };
        tokio::select! {
            ended = drained => ended,
            () = self.end.told() => {
                tracing::warn!("told twice to end: requests under way are cut");
                Ok(())
            }
        }
    }
}

struct End {
    terminate: Signal,
    interrupt: Signal,
}

impl End {
    /// Resolves when the operator asks the process to end.
    async fn told(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

fn door_ended(ended: Result<io::Result<()>, JoinError>) -> Result<(), Failure> {
    match ended {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(Failure::new(format!("a listener failed: {error}"))),
        Err(error) => Err(Failure::new(format!("a listener ended unexpectedly: {error}"))),
    }
}
