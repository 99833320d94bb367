//! The widget's part: it watches the TURN servers, and tries all credentials that it is sent.

use std::time::{Duration, SystemTime};

use matrix_sdk_turn::{Timestamp, TurnServer, TurnService};
use tokio::time::timeout;
use turn_probe::{AllocateError, Relay, allocate};

use crate::{
    report::{Report, Speaker},
    tally::Tally,
    widget::{TurnServers, Widget},
    words::{counted, in_words},
};

/// How long to wait for other credentials after the TURN server rejected some. The library asks the
/// homeserver for them at once.
const REPLACEMENT_TIMEOUT: Duration = Duration::from_secs(15);

pub(crate) struct Play<'a> {
    widget: &'a mut Widget,
    turn: &'a TurnService,
    report: &'a Report,
    tally: &'a mut Tally,
    /// The TURN server's error, if it rejected the newest credentials.
    rejection: Option<AllocateError>,
}

impl<'a> Play<'a> {
    pub(crate) fn new(
        widget: &'a mut Widget,
        turn: &'a TurnService,
        report: &'a Report,
        tally: &'a mut Tally,
    ) -> Self {
        Self { widget, turn, report, tally, rejection: None }
    }

    /// Goes on until this many updates have come, or until something fails. Without a number it goes
    /// on for ever.
    pub(crate) async fn run(mut self, updates: Option<u32>) -> anyhow::Result<()> {
        self.widget.negotiate().await?;
        self.widget.watch().await?;
        while updates.is_none_or(|updates| self.tally.updates < updates) {
            let Some(servers) = self.next_update().await? else { break };
            self.try_out(&servers).await?;
        }
        self.rejection.map_or(Ok(()), |rejection| Err(rejection.into()))
    }

    /// The next update; `None` if rejected credentials are not replaced in time.
    async fn next_update(&mut self) -> anyhow::Result<Option<TurnServers>> {
        let update = self.widget.next_update();
        match &self.rejection {
            None => update.await.map(Some),
            Some(_) => timeout(REPLACEMENT_TIMEOUT, update).await.ok().transpose(),
        }
    }

    async fn try_out(&mut self, servers: &TurnServers) -> anyhow::Result<()> {
        let held = held_credentials(self.turn, servers).await;
        self.tally.on_update(held.clone(), SystemTime::now());
        if let Some(uri) = servers.uris.first() {
            self.report.line(Speaker::Widget, format_args!("trying a relay at {uri}"));
        }
        let outcome = allocate(&servers.to_server()).await;
        self.show(servers, held.as_ref(), &outcome);
        self.judge(held.as_ref(), outcome)
    }

    fn show(
        &self,
        servers: &TurnServers,
        held: Option<&TurnServer>,
        outcome: &Result<Relay, AllocateError>,
    ) {
        let update = self.tally.updates;
        let credentials = describe(servers, held);
        match outcome {
            Ok(Relay { address, took, .. }) => self.report.good(
                Speaker::Widget,
                format_args!(
                    "update {update}: {credentials}, relay {address} after {:.1} ms",
                    took.as_secs_f64() * 1000.0
                ),
            ),
            Err(_) => self
                .report
                .bad(Speaker::Widget, format_args!("update {update}: {credentials}, no relay")),
        }
        if let Some(held) = held {
            self.report.count_down(self.turn, held);
        }
    }

    /// Fails if there is no relay. Rejected credentials may be replaced, but only once in a row.
    fn judge(
        &mut self,
        held: Option<&TurnServer>,
        outcome: Result<Relay, AllocateError>,
    ) -> anyhow::Result<()> {
        self.rejection = match outcome {
            Ok(_relay) => {
                self.tally.relays += 1;
                None
            }
            Err(error @ AllocateError::Rejected { .. }) if self.rejection.is_none() => {
                self.report_rejection(held);
                Some(error)
            }
            Err(error) => return Err(error.into()),
        };
        Ok(())
    }

    fn report_rejection(&self, held: Option<&TurnServer>) {
        self.report.line(
            Speaker::Client,
            format_args!(
                "reports that the TURN server rejects the credentials, waits up to \
                 {} for others",
                in_words(REPLACEMENT_TIMEOUT)
            ),
        );
        if let Some(held) = held {
            self.turn.report_rejected(held);
        }
    }
}

/// The credentials of an update as the client has them: with their expiry, which the widget does not
/// learn.
async fn held_credentials(turn: &TurnService, servers: &TurnServers) -> Option<TurnServer> {
    let held = turn.get().await.ok()?;
    let is_same = held.username() == servers.username && held.password() == servers.password;
    is_same.then_some(held)
}

fn describe(servers: &TurnServers, held: Option<&TurnServer>) -> String {
    let uris = counted(servers.uris.len(), "URI");
    let user = shortened(&servers.username);
    let valid = match held.and_then(|held| held.valid_for(Timestamp::now())) {
        Some(left) => format!("valid {}", in_words(left)),
        None => "valid for an unknown time".to_owned(),
    };
    format!("{uris}, user {user}, {valid}")
}

/// The beginning of a username: enough to tell it from others.
fn shortened(username: &str) -> String {
    const SHOWN_CHARS: usize = 17;
    match username.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &username[..end]),
        None => username.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_username_is_shown_in_part() {
        assert_eq!(shortened("1700000000:@alice:localhost"), "1700000000:@alice…");
        assert_eq!(shortened("alice"), "alice");
    }
}
