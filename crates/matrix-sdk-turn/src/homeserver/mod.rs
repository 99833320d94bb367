//! The homeserver as a source of credentials: matrix-sdk's HTTP client and ruma's endpoint.

pub(crate) mod answer;
mod asking;
pub(crate) mod error;
mod request;
mod session;
mod sharing;
mod store;

use std::{fmt, time::Duration};

use async_trait::async_trait;
use matrix_sdk::Client;
use tokio::time::timeout;
use tracing::{Instrument as _, debug_span};

pub use self::store::ClientStore;
use self::{asking::Asking, session::Session};
use crate::{
    policy::RefreshPolicy,
    runtime::InRuntime,
    service::TurnService,
    source::{Answer, SessionEvent, TurnServerSource},
    unavailable::{Unavailable, UnavailableReason},
};

/// How long one request may take, however long the policy lets a source take.
const REQUEST_TIMEOUT: Duration = RefreshPolicy::REQUEST_TIMEOUT;

/// How many access tokens are tried in a row, if each is replaced while a request with it is on its
/// way. The SDK does so itself where a homeserver refuses whatever token it just refreshed.
const MAX_TOKENS: usize = 3;

impl TurnService {
    /// The credentials of the account that `client` is logged in to, or will be. Asks nothing yet.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime. On a thread without one, name it:
    /// `TurnService::builder(HomeserverSource::new(&client)).runtime(handle).build()`.
    pub fn new(client: &Client) -> Self {
        Self::builder(HomeserverSource::new(client)).build()
    }
}

/// The homeserver's own TURN credentials:
/// [`GET /_matrix/client/v3/voip/turnServer`](https://spec.matrix.org/latest/client-server-api/#get_matrixclientv3voipturnserver).
///
/// One request is one attempt, of at most 8 s: the SDK's retries are switched off, since when to
/// ask again is [`TurnService`]'s to decide.
///
/// Access tokens are refreshed by the SDK as for any other request, if it was told to
/// ([`handle_refresh_tokens`]). If the app does
/// it, the homeserver is asked again as soon as the client has another token. With a token that was
/// refused, and before the client is logged in, it is not asked at all.
///
/// # Panics
///
/// [`fetch`](TurnServerSource::fetch) and [`session_event`](TurnServerSource::session_event) panic
/// outside of a tokio runtime, like [`tokio::spawn`]. (The service calls them inside of its own.)
///
/// [`handle_refresh_tokens`]: https://docs.rs/matrix-sdk/latest/matrix_sdk/struct.ClientBuilder.html#method.handle_refresh_tokens
/// [`tokio::spawn`]: https://docs.rs/tokio/latest/tokio/task/fn.spawn.html
pub struct HomeserverSource {
    client: InRuntime<Client>,
    session: Session,
    asking: Asking,
}

impl HomeserverSource {
    /// The homeserver that `client` is logged in to, or will be.
    pub fn new(client: &Client) -> Self {
        Self {
            client: InRuntime::current(client.clone()),
            session: Session::new(client),
            asking: Asking::default(),
        }
    }

    async fn ask(&self, client: &Client) -> Result<Answer, Unavailable> {
        let mut tried = 0;
        loop {
            let token = self.session.token(client)?;
            let answer = self.asking.ask(client.clone()).await;
            let refusal = match &answer {
                Err(why) if why.reason() == UnavailableReason::SoftLoggedOut => why,
                _ => return answer,
            };
            tried += 1;
            // The app may have refreshed the token while the request with the old one was on its way.
            if self.session.is_current(client, &token) || tried == MAX_TOKENS {
                self.session.refuse_token(client, refusal);
                return answer;
            }
        }
    }
}

impl fmt::Debug for HomeserverSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HomeserverSource")
            .field("client", &self.client.get())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl TurnServerSource for HomeserverSource {
    async fn fetch(&self) -> Result<Answer, Unavailable> {
        let Some(client) = self.client.get() else {
            return Err(UnavailableReason::LoggedOut.into());
        };
        let span = debug_span!("turn_servers", user_id = ?client.user_id());
        timeout(REQUEST_TIMEOUT, self.ask(client).instrument(span)).await.unwrap_or_else(
            |_elapsed| {
                Err(Unavailable::unreachable(format!("no answer within {REQUEST_TIMEOUT:?}")))
            },
        )
    }

    async fn session_event(&self) -> SessionEvent {
        match self.client.get() {
            Some(client) => self.session.event(client).await,
            None => SessionEvent::Ended,
        }
    }
}
