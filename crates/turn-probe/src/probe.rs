//! The probe as a whole: all URIs, each with all its addresses.

use std::{collections::VecDeque, future::ready, net::SocketAddr, time::Duration};

use futures_core::Stream;
use futures_util::{StreamExt, stream};
use matrix_sdk_turn::{IceTransport, IceUri, TurnServer};
use tokio::{sync::mpsc, time::Instant};

use crate::{
    attempt::Attempt,
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

/// How long a step may take once another address of the same name was silent: a pool is silent as a whole.
const AFTER_SILENCE: Duration = Duration::from_secs(2);

/// Steps that wait in the stream.
const MAX_WAITING: usize = 16;

/// Tries every URI with every address that its host resolves to, and yields each [`Step`] as it ends.
///
/// A URI is tried to the end of what works: see [`StepKind`]. Several are tried at a time, so their
/// steps are mixed. The stream ends by itself: each step has a time limit, the first 32 URIs are tried,
/// and the first 8 addresses of each. A 300 Try Alternate is followed once, to an address that has steps
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
    let limit = options.step_timeout;
    let uris: Vec<IceUri> = server.ice_uris().take(MAX_URIS).collect();
    let tls = uris.iter().any(IceUri::is_tls).then(|| TlsSetup::new(&options.extra_roots));

    let started = Instant::now();
    let logs = uris.into_iter().map(|uri| Log::new(uri, steps.clone(), started, limit));
    stream::iter(logs)
        .for_each_concurrent(options.at_once, |log| try_uri(log, &server, tls.as_ref()))
        .await;
}

async fn try_uri(log: Log, server: &TurnServer, tls: Option<&TlsSetup>) {
    let uri = log.uri.clone();
    if uri.is_tls() && uri.transport() == IceTransport::Udp {
        return log.skip(StepKind::Connect, Skipped::Dtls).await;
    }
    let resolving = async {
        let addresses = resolve(&uri).await?;
        let found = Found::Addresses(addresses.iter().map(SocketAddr::ip).collect());
        Ok((addresses, found))
    };
    let Ok(addresses) = log.step(StepKind::Resolve, resolving).await else { return };

    let mut waiting = VecDeque::from(addresses.clone());
    let mut redirections = 0;
    let mut limit = log.limit();
    while let Some(address) = waiting.pop_front() {
        let log = log.at(address).with_limit(limit);
        let outcome = Attempt { log, address, server, tls }.run().await;
        if matches!(outcome, Err(Failure::Timeout(_))) {
            limit = limit.min(AFTER_SILENCE);
        }
        if let Err(Failure::Redirected(Some(to))) = outcome
            && redirections < MAX_REDIRECTIONS
            && to != address
            && to.is_ipv4() == address.is_ipv4()
            && may_contact(address, to)
        {
            redirections += 1;
            waiting.push_front(to);
        }
    }
}
