//! What fuzz targets reach and nobody else does from outside: no part of the stable API.

#[cfg(feature = "client")]
use matrix_sdk::ruma::api::{EndpointError, error::Error as RumaError};

#[cfg(feature = "client")]
pub use crate::homeserver::answer::interpret;
#[cfg(feature = "widget")]
pub use crate::widget::machine::{Disposition, Machine};
#[cfg(feature = "widget")]
use crate::widget::message::{FROM_WIDGET, TO_WIDGET, may_be_one_of};
use crate::{clock::Deadline, credentials::TurnServer, schedule::Saved, service::entry};
#[cfg(feature = "client")]
use crate::{homeserver::error::classify_response, unavailable::Unavailable};

/// Whether the handle lets the machine see a message from the widget.
#[cfg(feature = "widget")]
pub fn is_looked_at_from_widget(message: &str) -> bool {
    may_be_one_of(FROM_WIDGET, message)
}

/// Whether the handle lets the machine see a message to the widget.
#[cfg(feature = "widget")]
pub fn is_looked_at_to_widget(message: &str) -> bool {
    may_be_one_of(TO_WIDGET, message)
}

/// What an error response of the homeserver's means, in a session that has a refresh token or not.
#[cfg(feature = "client")]
pub fn interpret_error(response: http::Response<&[u8]>, has_refresh_token: bool) -> Unavailable {
    classify_response(&RumaError::from_http_response(response), has_refresh_token)
}

/// Credentials as they are written to a store.
pub fn write_entry(saved: &Saved) -> Vec<u8> {
    entry::encode(saved).to_vec()
}

/// Credentials as they are read from a store; `None` if the entry is of no use.
pub fn read_entry(entry: &[u8]) -> Option<Saved> {
    entry::decode(entry).ok()
}

/// Credentials that expire then.
pub fn expiring(server: &TurnServer, deadline: Deadline) -> TurnServer {
    server.expiring(Some(deadline))
}
