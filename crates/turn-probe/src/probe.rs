//! The probe as a whole: all URIs, each with all its addresses.

use std::{
    future::ready,
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
};

use futures_core::Stream;
use futures_util::{StreamExt, stream};
use matrix_sdk_turn::{IceTransport, IceUri, TurnServer};
use tokio::{
    sync::{Semaphore, mpsc},
    time::Instant,
};

use crate::{
    attempt::Attempt,
    budget::Budget,
    failure::Failure,
    log::Log,
    net::{TlsSetup, resolve},
    options::ProbeOptions,
    reach::may_contact,
    step::{Found, Skipped, Step, StepKind},
};

/// How many URIs are tried. Homeservers hand out up to a handful.
const MAX_URIS: usize = 32;

/// How many other servers an answer of 300 Try Alternate may lead to, for each URI.
const MAX_REDIRECTIONS: usize = 1;

/// How many addresses of one name are tried. Real names have two, one of each family, or a handful.
pub(crate) const MAX_ADDRESSES: usize = 8;

/// Steps that wait in the stream.
const MAX_WAITING: usize = 16;

/// Tries every URI with every address that its host resolves to, and yields each [`Step`] as it ends.
///
/// A URI is tried to the end of what works: see [`StepKind`]. All are tried side by side, so their steps
/// are mixed. The stream ends by itself: each step has a time limit and so has the whole, the first 32
/// URIs are tried, and the first 8 addresses of each. What is left out is a step that is
/// [skipped](Skipped). A 300 Try Alternate is followed once, to an address that has steps
/// of its own under the same URI.
///
/// # Cancel safety
///
/// Nothing runs but while the stream is polled, and dropping it ends everything. The relays that are lent
/// at that moment are then not given back, and end with their lifetime, within some minutes.
///
/// # Panics
///
/// When polled outside of a tokio runtime with I/O and time.
pub fn probe(
    server: &TurnServer,
    options: ProbeOptions,
) -> impl Stream<Item = Step> + Send + 'static {
    let (sender, receiver) = mpsc::channel(MAX_WAITING);
    let work = run(server.clone(), options, sender);
    let work = stream::once(work).filter_map(|()| ready(None));
    let steps = stream::unfold(receiver, |mut receiver| async {
        let step = receiver.recv().await?;
        Some((step, receiver))
    });
    stream::select(work, steps)
}

async fn run(server: TurnServer, options: ProbeOptions, steps: mpsc::Sender<Step>) {
    let mut uris: Vec<IceUri> = server.ice_uris().collect();
    let too_many = uris.split_off(uris.len().min(MAX_URIS));
    let tls = uris.iter().any(IceUri::is_tls).then(|| TlsSetup::new(&options.extra_roots));
    let turns = Semaphore::new(options.at_once);
    let identifies_private = options.identifies_private;
    let probe = Probe { server: &server, tls: tls.as_ref(), turns: &turns, identifies_private };

    let (limit, budget) = (options.step_timeout, Budget::new(options.total_limit()));
    let started = Instant::now();
    let log = |uri| Log::new(uri, steps.clone(), started, limit, budget.clone());
    for uri in too_many {
        log(uri).skip(StepKind::Resolve, Skipped::TooMany).await;
    }
    let logs = stream::iter(uris.into_iter().map(log));
    logs.for_each_concurrent(None::<usize>, |log| probe.try_uri(log)).await;
}

/// What all URIs share.
#[derive(Clone, Copy)]
struct Probe<'a> {
    server: &'a TurnServer,
    tls: Option<&'a TlsSetup>,
    turns: &'a Semaphore,
    identifies_private: bool,
}

impl Probe<'_> {
    async fn try_uri(self, log: Log) {
        let uri = log.uri.clone();
        if uri.is_tls() && uri.transport() == IceTransport::Udp {
            return log.skip(StepKind::Connect, Skipped::Dtls).await;
        }
        let resolving = async {
            let addresses = resolve(&uri).await?;
            let found = Found::Addresses(addresses.iter().map(SocketAddr::ip).collect());
            Ok((addresses, found))
        };
        let Ok(mut addresses) = log.step(StepKind::Resolve, resolving).await else { return };
        for address in addresses.split_off(addresses.len().min(MAX_ADDRESSES)) {
            log.at(address).skip(StepKind::Resolve, Skipped::TooMany).await;
        }
        log.budget.begin();
        let redirections = AtomicUsize::new(0);
        stream::iter(addresses)
            .for_each_concurrent(None::<usize>, |address| {
                self.try_address(&log, address, &redirections)
            })
            .await;
    }

    async fn try_address(self, log: &Log, address: SocketAddr, redirections: &AtomicUsize) {
        let mut address = address;
        while let Err(Failure::Redirected(Some(to))) = self.attempt(log.at(address), address).await
            && to != address
            && to.is_ipv4() == address.is_ipv4()
            && may_contact(address, to)
            && redirections.fetch_add(1, Ordering::Relaxed) < MAX_REDIRECTIONS
        {
            address = to;
        }
    }

    async fn attempt(self, log: Log, address: SocketAddr) -> Result<(), Failure> {
        let Self { server, tls, turns, identifies_private } = self;
        Attempt { log, address, server, tls, turns, identifies_private }.run().await
    }
}
