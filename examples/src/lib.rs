//! What the examples share: a client that is logged in, and a way to say what happens without a password
//! in it.

use std::{fmt::Display, sync::LazyLock, time::Instant};

use anyhow::Context;
use matrix_sdk::Client;
use matrix_sdk_turn::{Timestamp, TurnServer};
use turn_embedded::{EmbeddedHomeserver, USER};

/// Prints a line, with the seconds since the first one.
#[allow(clippy::print_stdout, reason = "it is what an example is run for")]
pub fn say(line: impl Display) {
    static STARTED: LazyLock<Instant> = LazyLock::new(Instant::now);
    println!("{:6.1} s  {line}", STARTED.elapsed().as_secs_f64());
}

/// A client of the embedded homeserver's only account.
///
/// # Errors
///
/// Says what the homeserver answered.
pub async fn log_in(homeserver: &EmbeddedHomeserver) -> anyhow::Result<Client> {
    let client = Client::builder().homeserver_url(homeserver.url()).build().await?;
    client
        .matrix_auth()
        .login_username(USER, homeserver.password())
        .send()
        .await
        .context("the embedded homeserver does not let its own account in")?;
    say(format_args!("logged in at {} as {USER}", homeserver.url()));
    Ok(client)
}

/// Credentials as they may be shown: of the username only the time of expiry that it begins with, and
/// nothing of the password.
pub fn describe(server: &TurnServer) -> String {
    let expiry = server.username().split(':').next().unwrap_or_default();
    let valid = match server.valid_for(Timestamp::now()) {
        Some(left) => format!("for {:.0} s", left.as_secs_f64()),
        None => "for nobody knows how long".to_owned(),
    };
    format!("{} URIs, user {expiry}:…, valid {valid}", server.uris().len())
}
