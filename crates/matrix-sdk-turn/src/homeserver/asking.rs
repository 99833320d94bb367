//! One request at a time, each in a task of its own.

use std::sync::{Mutex, PoisonError};

use matrix_sdk::Client;
use tokio::{
    runtime::{self, Handle},
    task::JoinHandle,
};
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

struct InFlight {
    task: JoinHandle<Result<Answer, Unavailable>>,
    runtime: runtime::Id,
}

impl Asking {
    /// Asks once, after the request that somebody stopped waiting for, if it is still in flight.
    pub(super) async fn ask(&self, client: Client) -> Result<Answer, Unavailable> {
        let runtime = Handle::current().id();
        // The task of another runtime may never end: nobody has to drive that one any more.
        if let Some(abandoned) = self.take().filter(|abandoned| abandoned.runtime == runtime) {
            // Its answer belongs to a request sent long ago.
            let _ = self.wait_for(abandoned).await;
        }
        let task = tokio::spawn(ask(client).in_current_span());
        self.wait_for(InFlight { task, runtime }).await
    }

    async fn wait_for(&self, in_flight: InFlight) -> Result<Answer, Unavailable> {
        let mut waiting = Waiting { asking: self, in_flight: Some(in_flight) };
        match &mut waiting.in_flight {
            Some(in_flight) => (&mut in_flight.task).await.unwrap_or_else(|failed| {
                Err(Unavailable::unreachable(format!(
                    "asking it ended without an answer: {failed}"
                )))
            }),
            None => Err(Unavailable::unreachable("nobody asks it")),
        }
    }

    fn take(&self) -> Option<InFlight> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Whoever waits for a request may stop, and leaves it to the next one.
struct Waiting<'a> {
    asking: &'a Asking,
    in_flight: Option<InFlight>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(in_flight) = self.in_flight.take()
            && !in_flight.task.is_finished()
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
