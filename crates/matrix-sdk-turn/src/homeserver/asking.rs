//! One request at a time, each in a task of its own.

use std::sync::{Mutex, PoisonError};

use matrix_sdk::Client;
use tokio::task::JoinHandle;
use tracing::Instrument as _;

use super::{answer::interpret, error::classify, request, session::has_refresh_token};
use crate::{source::Answer, unavailable::Unavailable};

/// The request in flight.
///
/// It is a task of its own, since a caller that stops waiting must not stop the SDK halfway through
/// refreshing the access token, which could log the user out. The task then ends by itself, and the
/// next request waits for it.
#[derive(Default)]
pub(super) struct Asking(Mutex<Option<InFlight>>);

type InFlight = JoinHandle<Result<Answer, Unavailable>>;

impl Asking {
    /// Asks once, after the request that an earlier caller stopped waiting for, if it is still in flight.
    pub(super) async fn ask(&self, client: Client) -> Result<Answer, Unavailable> {
        if let Some(abandoned) = self.take() {
            // Its answer belongs to a request sent long ago.
            let _ = self.wait_for(abandoned).await;
        }
        self.wait_for(tokio::spawn(ask(client).in_current_span())).await
    }

    async fn wait_for(&self, in_flight: InFlight) -> Result<Answer, Unavailable> {
        let mut waiting = Waiting { asking: self, in_flight: Some(in_flight) };
        match &mut waiting.in_flight {
            Some(in_flight) => in_flight.await.unwrap_or_else(|failed| {
                Err(Unavailable::unreachable(format!(
                    "asking it ended without an answer: {failed}"
                )))
            }),
            None => Err(Unavailable::unreachable("the request was given up")),
        }
    }

    fn take(&self) -> Option<InFlight> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A caller that waits for a request. If it stops waiting, it leaves the request to the next caller.
struct Waiting<'a> {
    asking: &'a Asking,
    in_flight: Option<InFlight>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(in_flight) = self.in_flight.take()
            && !in_flight.is_finished()
        {
            *self.asking.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(in_flight);
        }
    }
}

async fn ask(client: Client) -> Result<Answer, Unavailable> {
    match request::send(&client).await {
        Ok(body) => interpret(&body),
        Err(error) => Err(classify(&error, has_refresh_token(&client))),
    }
}
