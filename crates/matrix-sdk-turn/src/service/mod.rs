//! TURN credentials of one account: the service that keeps them fresh, and the stream of them.

mod builder;
pub(crate) mod entry;
mod fallback;
mod inner;
mod keeper;
mod shared;
mod states;
mod task;

use std::{
    fmt,
    future::{Future, IntoFuture},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

pub use self::{builder::TurnServiceBuilder, fallback::InvalidFallback, states::TurnStates};
#[cfg(feature = "widget")]
use tokio::runtime::Handle;

use self::{shared::Shared, states::Subscription};
#[cfg(feature = "widget")]
use crate::clock::Clock;
use crate::{
    credentials::TurnServer,
    schedule::Schedule,
    source::TurnServerSource,
    state::TurnState,
    status::TurnStatus,
    unavailable::{Unavailable, UnavailableReason},
};

/// TURN credentials of one account, always valid, at about 1.5 requests per TTL, however many watch
/// them.
///
/// Make one per account, and clone it: clones share the credentials, the task that refreshes them,
/// and the schedule. The task exists only while somebody is subscribed.
///
/// # Threads and runtimes
///
/// A service belongs to one tokio runtime: the one that it is built on, or the one that
/// [`TurnServiceBuilder::runtime`] names. Its task runs there. Everything else works on any thread,
/// inside a tokio runtime or not: subscribing, [`get`](Self::get), polling streams, and dropping
/// any of it. What the source holds, matrix-sdk's `Client` for one, is dropped inside a runtime.
///
/// When the service's runtime ends, streams yield [`RuntimeEnded`](UnavailableReason::RuntimeEnded) and
/// end, and [`get`](Self::get) returns it unless valid credentials are held. The next
/// [`shared`](Self::shared) makes another service. The client must drive the runtime: on a
/// current-thread runtime outside of `block_on`, the task takes no step, so streams yield nothing and
/// `get` waits.
///
/// # The end of the session
///
/// When the session ends, subscribers are told [`LoggedOut`](UnavailableReason::LoggedOut), the
/// credentials are withdrawn, the source is dropped, and the streams end. The service learns of it
/// from the homeserver's answer to its next request, and in a session without a refresh token, to any
/// request of the client's. An app that logs out should call [`end_session`](Self::end_session), for
/// the next request may be hours away.
///
/// ```no_run
/// use matrix_sdk_turn::TurnService;
///
/// # async fn example(client: matrix_sdk::Client) {
/// let turn = TurnService::new(&client);
/// let mut states = turn.subscribe();
/// while let Some(state) = states.next().await {
///     println!("{}", serde_json::to_string(&state.ice_servers()).unwrap());
/// }
/// # }
/// ```
#[derive(Clone)]
pub struct TurnService {
    shared: Arc<Shared>,
}

impl TurnService {
    /// Starts from a source: the homeserver's, or another.
    pub fn builder(source: impl TurnServerSource) -> TurnServiceBuilder {
        TurnServiceBuilder::new(source)
    }

    /// What there is to use right now, as far as it is known: nothing is asked. `None` if nothing
    /// was asked yet.
    pub fn state(&self) -> Option<TurnState> {
        self.shared.state()
    }

    /// Why the last request failed, if it did. There may be valid credentials all the same: what a
    /// homeserver says of the next ones does not end the life of those that it handed out.
    pub fn last_failure(&self) -> Option<Unavailable> {
        self.shared.with_schedule(|schedule, _| schedule.last_failure().cloned())
    }

    /// The credentials now, and whenever they change.
    ///
    /// The first item comes at once if valid credentials are held, else as soon as the homeserver
    /// has answered or failed to. Keeping the stream keeps the credentials fresh; dropping the last
    /// one stops all timers and requests.
    pub fn subscribe(&self) -> TurnStates {
        TurnStates::new(&self.shared)
    }

    /// Valid credentials: those that are held, or else those that the homeserver answers now.
    ///
    /// Returns credentials that are held at once, as long as more than 28% of their life is left and no
    /// TURN server rejected them. Else the library asks the homeserver first, if a request is due. If that
    /// fails, or takes longer than a second, valid credentials that are held are the answer. And if
    /// the homeserver just failed to answer, or said that it has no TURN server, then that is the
    /// answer here too, until it is time to ask again.
    ///
    /// # Errors
    ///
    /// Says why there are no credentials. Credentials that were
    /// [reported as rejected](Self::report_rejected) are not returned before the homeserver has
    /// answered again: the error is that of the last request, or
    /// [`Rejected`](UnavailableReason::Rejected).
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any await. The answer to a request that was sent is kept for the next
    /// caller.
    pub async fn get(&self) -> Result<TurnServer, Unavailable> {
        if self.shared.with_schedule(Schedule::is_fresh)
            && let Some(TurnState::Available(server)) = self.state()
        {
            return Ok(server);
        }
        let _subscription = Subscription::new(&self.shared);
        self.shared.wait_for_answer(Schedule::is_fresh).await;
        self.outcome()
    }

    fn outcome(&self) -> Result<TurnServer, Unavailable> {
        match self.shared.state_for_callers() {
            Some(state) => state.into_result(),
            None => Err(UnavailableReason::RuntimeEnded.into()),
        }
    }

    /// Asks now: the network changed, or the app resumed.
    ///
    /// Does nothing while a request is in flight, within 10 s of the last success, while the
    /// homeserver's `retry_after` runs, or once the session has ended. While nobody is subscribed,
    /// the homeserver is asked when somebody next subscribes. May be called at any rate.
    ///
    /// It takes effect at once. What it returns may be awaited for the outcome, or dropped:
    ///
    /// ```no_run
    /// # async fn example(turn: matrix_sdk_turn::TurnService) {
    /// turn.refresh();
    /// match turn.refresh().await {
    ///     Ok(server) => println!("{:?}", server.uris()),
    ///     Err(why) => println!("{why}"),
    /// }
    /// # }
    /// ```
    pub fn refresh(&self) -> Refresh {
        self.shared.tell(Schedule::refresh);
        Refresh { turn: self.clone() }
    }

    /// The TURN server rejected these credentials, for instance with 401 to an Allocate request
    /// ([RFC 8656, 5](https://www.rfc-editor.org/rfc/rfc8656#section-5)).
    ///
    /// If they are the current ones, asks for others now, or for the next subscriber or
    /// [`get`](Self::get). If it did so less than 10 s ago, it waits until 10 s have passed. Until the
    /// homeserver has answered, `get` returns an error instead of these credentials; streams,
    /// [`state`](Self::state) and widgets keep them. If the homeserver answers the same ones again,
    /// as one that derives them from the time of day does within a second, the streams yield
    /// nothing, and you must report them again.
    pub fn report_rejected(&self, server: &TurnServer) {
        self.shared.tell(|schedule, now| schedule.report_rejected(now, server));
    }

    /// The account logs out, or another takes its place: call this when it does.
    ///
    /// Credentials are withdrawn, subscribers are told
    /// [`LoggedOut`](UnavailableReason::LoggedOut), streams end, and the source is dropped, with
    /// the `Client` that it holds. Nothing is asked again. For the next session, make another
    /// service.
    pub fn end_session(&self) {
        self.shared
            .conclude(|schedule, _| schedule.end_session(UnavailableReason::LoggedOut.into()));
    }

    /// How long until the homeserver is asked next, unless something happens before. `None` while
    /// nobody is subscribed, a request is in flight, or none is due by itself.
    pub fn next_request_in(&self) -> Option<Duration> {
        self.shared.with_schedule(Schedule::next_request_in)
    }

    /// What a debug screen shows: requests, failures, and what comes next. Asks nothing.
    pub fn status(&self) -> TurnStatus {
        self.shared.status()
    }

    /// Whether the client's own ICE servers ([`TurnServiceBuilder::fallback`]) are used where the
    /// homeserver has none. They are not, before this is called.
    ///
    /// This is for the user to decide, not for the app: whoever operates these servers learns the
    /// user's IP address, and when they call. Subscribers are told
    /// [`TurnState::Fallback`], and [`get`](Self::get) returns them. Without any
    /// own ICE servers, this does nothing.
    pub fn use_fallback(&self, yes: bool) {
        self.shared.use_fallback(yes);
    }

    #[cfg(feature = "widget")]
    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        self.shared.clock.clone()
    }

    #[cfg(feature = "widget")]
    pub(crate) fn runtime(&self) -> Handle {
        self.shared.runtime.clone()
    }

    #[cfg(feature = "client")]
    pub(crate) fn downgrade(&self) -> WeakTurnService {
        WeakTurnService(Arc::downgrade(&self.shared))
    }
}

impl fmt::Debug for TurnService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.fmt(f)
    }
}

/// A weak reference to a service.
#[cfg(feature = "client")]
pub(crate) struct WeakTurnService(std::sync::Weak<Shared>);

#[cfg(feature = "client")]
impl WeakTurnService {
    /// Whether anybody keeps it.
    pub(crate) fn is_kept(&self) -> bool {
        self.0.strong_count() > 0
    }

    /// `None` once its last handle is dropped, or its session or its runtime has ended.
    pub(crate) fn upgrade(&self) -> Option<TurnService> {
        self.0.upgrade().filter(|shared| shared.can_ask()).map(|shared| TurnService { shared })
    }
}

/// The request that [`TurnService::refresh`] brought about.
///
/// Await it for the outcome, or drop it: if anybody is subscribed, the request is sent in either
/// case. It is no future, so that it may be dropped without a warning; where one is asked for, in
/// `tokio::spawn` for instance, [`into_future`](IntoFuture::into_future) makes it one.
#[derive(Clone, Debug)]
pub struct Refresh {
    turn: TurnService,
}

/// The outcome: the credentials there are once the homeserver has answered, or failed to within 8 s.
/// Valid credentials that are held, and not rejected, are returned after a second.
///
/// # Errors
///
/// Says why there are no credentials.
///
/// # Cancel safety
///
/// As of [`TurnService::get`].
impl IntoFuture for Refresh {
    type Output = Result<TurnServer, Unavailable>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let _subscription = Subscription::new(&self.turn.shared);
            self.turn.shared.wait_for_answer(|_, _| false).await;
            self.turn.outcome()
        })
    }
}

#[cfg(all(test, feature = "client"))]
mod tests {
    use super::*;
    use crate::source::Answer;

    #[derive(Debug)]
    struct Silent;

    #[async_trait::async_trait]
    impl TurnServerSource for Silent {
        async fn fetch(&self) -> Result<Answer, Unavailable> {
            std::future::pending().await
        }
    }

    #[tokio::test]
    async fn a_weak_reference_knows_whether_anybody_keeps_the_service() {
        let turn = TurnService::builder(Silent).build();
        let weak = turn.downgrade();
        assert!(weak.is_kept() && weak.upgrade().is_some());
        drop(turn);
        assert!(!weak.is_kept() && weak.upgrade().is_none());
    }
}
