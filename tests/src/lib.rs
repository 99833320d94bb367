//! What the integration tests share: a homeserver played by wiremock with a client logged in to it,
//! a source of credentials that follows a script, a widget's side of the widget API, and the log.

#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a test fails by panicking")]

pub mod clock;
pub mod homeserver;
pub mod log;
pub mod source;
pub mod store;
pub mod widget;
