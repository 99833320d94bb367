//! Ctrl-C and SIGTERM.

use std::{future::Future, io};

use thiserror::Error;
#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The user or the system wants the program to stop.
#[derive(Debug, Error)]
#[error("it was stopped")]
pub(crate) struct Stopped;

/// Works until it is done, or the program is to stop.
pub(crate) async fn until_stopped<T>(
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    let mut stop = Stop::listen()?;
    tokio::select! {
        outcome = work => outcome,
        () = stop.requested() => Err(Stopped.into()),
    }
}

/// Hears of signals from when it was made.
#[derive(Debug)]
pub(crate) struct Stop {
    #[cfg(unix)]
    signals: [Signal; 2],
}

impl Stop {
    #[cfg(unix)]
    pub(crate) fn listen() -> io::Result<Self> {
        let signals = [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?];
        Ok(Self { signals })
    }

    #[cfg(not(unix))]
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {})
    }

    /// Waits until the program is to stop.
    #[cfg(unix)]
    pub(crate) async fn requested(&mut self) {
        let [interrupt, terminate] = &mut self.signals;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }

    #[cfg(not(unix))]
    pub(crate) async fn requested(&mut self) {
        // An error means that there are no signals to wait for.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}
