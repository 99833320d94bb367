//! The whole play: log in, open a widget that may watch the TURN servers, and try every update.

use std::{
    future::Future,
    pin::{Pin, pin},
    sync::atomic::Ordering,
    time::{Duration, SystemTime},
};

use matrix_sdk::widget::WidgetSettings;
use matrix_sdk_turn::{
    CapabilitiesWithTurn, Timestamp, TurnCapabilitiesProvider, TurnServer, TurnServerCapability,
    TurnService, async_trait,
};
use tokio::{signal::ctrl_c, time::timeout};

use crate::{
    account::{Login, Session},
    allocate::{AllocateError, Relay, allocate},
    args::Args,
    embedded::Embedded,
    observed::ObservedSource,
    report::{Report, Speaker},
    tally::Tally,
    widget::{TurnServers, WIDGET_ID, Widget},
};

/// How long other credentials are waited for after the TURN server rejected some: the library asks
/// for them at once.
const REPLACEMENT_TIMEOUT: Duration = Duration::from_secs(15);

/// Plays until the updates asked for have come, something fails, or somebody presses Ctrl-C.
pub(crate) async fn run(args: &Args, login: Option<Login>) -> anyhow::Result<()> {
    let report = Report::new();
    let mut stop = pin!(stopped(&report));
    let mut tally = Tally::default();

    let (login, embedded) = match login {
        Some(login) => (login, None),
        None => {
            let embedded = Embedded::start(&args.embedded, &report).await?;
            (embedded.homeserver.login(), Some(embedded))
        }
    };
    let session = unless(stop.as_mut(), Session::log_in(&login, &report)).await?;

    let outcome = match &session {
        Some(session) => host(session, &login, args.updates, &report, stop, &mut tally).await,
        None => Ok(()),
    };

    if let Some(session) = session {
        session.log_out().await;
    }
    if let Some(embedded) = embedded {
        tally.requests = embedded.homeserver.turn_server_requests();
        embedded.stop().await;
    }
    report.summary(&tally);
    outcome
}

/// Resolves on Ctrl-C, and when nobody reads what is printed.
async fn stopped(report: &Report) {
    tokio::select! {
        Ok(()) = ctrl_c() => {}
        () = report.reader_gone() => {}
    }
}

/// What comes of the work; `None` if it was stopped before.
async fn unless<T>(
    stop: Pin<&mut impl Future<Output = ()>>,
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<Option<T>> {
    tokio::select! {
        outcome = work => outcome.map(Some),
        () = stop => Ok(None),
    }
}

/// The client's part: hosts the widget in the room until the play is over.
async fn host(
    session: &Session,
    login: &Login,
    updates: Option<u32>,
    report: &Report,
    mut stop: Pin<&mut impl Future<Output = ()>>,
    tally: &mut Tally,
) -> anyhow::Result<()> {
    let joined = unless(stop.as_mut(), session.joined_room(login)).await?;
    let Some(room) = joined else { return Ok(()) };
    report.line(Speaker::Client, format_args!("opens a widget in {}", room.room_id()));

    let source = ObservedSource::new(session.client(), report);
    let requests = source.requests();
    let turn = TurnService::builder(source).build();
    let settings = WidgetSettings::new(WIDGET_ID.to_owned(), true, "https://widget.example/")?;
    let (driver, handle) = TurnServerCapability::new(turn.clone()).widget_driver(settings);
    let driver = tokio::spawn(driver.run(room, GrantAll { report: report.clone() }));

    let mut widget = Widget::new(handle, report);
    let outcome = unless(stop, follow(&mut widget, updates, &turn, report, tally)).await;
    let closed = widget.close().await;
    tally.on_end(SystemTime::now());
    tally.requests = requests.load(Ordering::Relaxed);
    driver.abort();

    outcome?;
    closed
}

/// Tries every update for real.
async fn follow(
    widget: &mut Widget,
    updates: Option<u32>,
    turn: &TurnService,
    report: &Report,
    tally: &mut Tally,
) -> anyhow::Result<()> {
    widget.negotiate().await?;
    widget.watch().await?;

    let mut rejection: Option<AllocateError> = None;
    while updates.is_none_or(|updates| tally.updates < updates) {
        let patience = rejection.as_ref().map_or(Duration::MAX, |_| REPLACEMENT_TIMEOUT);
        let Ok(update) = timeout(patience, widget.next_update()).await else { break };
        let servers = update?;

        let held = held_credentials(turn, &servers).await;
        tally.on_update(held.clone(), SystemTime::now());
        let credentials = describe(&servers, held.as_ref());
        let outcome = allocate(&servers).await;
        let relay = match &outcome {
            Ok(Relay { address, took }) => {
                format!("relay {address}, {:.1} ms", took.as_secs_f64() * 1000.0)
            }
            Err(_) => "no relay".to_owned(),
        };
        report.update(format_args!("update {}: {credentials}, {relay}", tally.updates));
        if let Some(held) = &held {
            report.count_down(turn, held);
        }

        rejection = match outcome {
            Ok(_relay) => {
                tally.relays += 1;
                None
            }
            Err(error @ AllocateError::Rejected { .. }) if rejection.is_none() => {
                report.line(
                    Speaker::Client,
                    format_args!(
                        "reports that the TURN server rejects them, and waits for others up to \
                         {REPLACEMENT_TIMEOUT:?}"
                    ),
                );
                if let Some(held) = &held {
                    turn.report_rejected(held);
                }
                Some(error)
            }
            Err(error) => return Err(error.into()),
        };
    }
    rejection.map_or(Ok(()), |rejection| Err(rejection.into()))
}

/// The credentials of an update as the client knows them: with their expiry, which the widget is
/// not told.
async fn held_credentials(turn: &TurnService, servers: &TurnServers) -> Option<TurnServer> {
    let held = turn.get().await.ok()?;
    let is_same = held.username() == servers.username && held.password() == servers.password;
    is_same.then_some(held)
}

fn describe(servers: &TurnServers, held: Option<&TurnServer>) -> String {
    let uris = servers.uris.len();
    let user = shortened(&servers.username);
    let valid = match held.and_then(|held| held.valid_for(Timestamp::now())) {
        Some(left) => format!("valid {:.0} s", left.as_secs_f64()),
        None => "valid for an unknown time".to_owned(),
    };
    format!("{uris} uris, user {user}, {valid}")
}

/// As much of a username as shows that it is another one.
fn shortened(username: &str) -> String {
    const SHOWN_CHARS: usize = 17;
    match username.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &username[..end]),
        None => username.to_owned(),
    }
}

/// Stands in for the user who is asked.
struct GrantAll {
    report: Report,
}

#[async_trait]
impl TurnCapabilitiesProvider for GrantAll {
    async fn acquire_capabilities(&self, requested: CapabilitiesWithTurn) -> CapabilitiesWithTurn {
        if requested.turn_servers {
            self.report.line(Speaker::Client, "grants the widget TURN servers");
        }
        requested
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
