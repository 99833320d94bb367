//! The whole program: logs in, opens a widget that may watch the TURN servers, and logs out.

use std::{
    future::{Future, pending},
    pin::{Pin, pin},
    sync::atomic::Ordering,
    time::SystemTime,
};

use anyhow::Context;
use matrix_sdk::widget::WidgetSettings;
use matrix_sdk_turn::{
    CapabilitiesWithTurn, TurnCapabilitiesProvider, TurnServerCapability, TurnService, async_trait,
};
use tokio::{signal::ctrl_c, sync::oneshot};

use crate::{
    account::{Login, Session},
    args::Args,
    embedded,
    follow::Follower,
    observed::ObservedSource,
    page::Page,
    play::Play,
    report::{Report, Speaker},
    status::print_on_enter,
    tally::Tally,
    widget::{WIDGET_ID, Widget},
};

/// Goes on until the updates asked for have come, something fails, or somebody presses Ctrl-C.
pub(crate) async fn run(args: &Args, login: Option<Login>) -> anyhow::Result<()> {
    let report = Report::new();
    let mut stop = pin!(stopped(&report));
    let mut tally = Tally::default();
    // It stops when it is dropped.
    let _page = match args.serves_page() {
        true => Some(serve_page(args, &report).await?),
        false => None,
    };

    let (login, servers) = match login {
        Some(login) => (login, None),
        None => {
            let servers = embedded::start(&args.embedded, &report).await?;
            (embedded::login(&servers), Some(servers))
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
    if let Some(servers) = servers {
        tally.requests = servers.homeserver.turn_server_requests();
        servers.stop().await;
    }
    report.summary(&tally);
    if let Some(error) = report.output_error() {
        return Err(error).context("the output is not complete");
    }
    outcome
}

async fn serve_page(args: &Args, report: &Report) -> anyhow::Result<Page> {
    let page = Page::start(args.embedded.ttl()).await?;
    report.line(Speaker::Page, format_args!("watch and break it at {}", page.url()));
    if let Some(moved) = page.moved() {
        report.line(Speaker::Page, moved);
    }
    if args.page.open
        && let Err(error) = open::that_detached(page.url())
    {
        report.line(Speaker::Page, format_args!("open it yourself, no browser opened: {error}"));
    }
    Ok(page)
}

/// Resolves on Ctrl-C, on SIGTERM, or when the output cannot be written any more.
async fn stopped(report: &Report) {
    tokio::select! {
        Ok(()) = ctrl_c() => {}
        () = terminated() => {}
        () = report.output_failed() => {}
    }
}

#[cfg(unix)]
async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};

    match signal(SignalKind::terminate()) {
        Ok(mut signals) => _ = signals.recv().await,
        Err(error) => {
            tracing::warn!(%error, "SIGTERM ends the program without a summary");
            pending().await
        }
    }
}

#[cfg(not(unix))]
async fn terminated() {
    pending().await
}

/// The outcome of the work; `None` if it was stopped before it was done.
async fn unless<T>(
    stop: Pin<&mut impl Future<Output = ()>>,
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<Option<T>> {
    tokio::select! {
        outcome = work => outcome.map(Some),
        () = stop => Ok(None),
    }
}

/// The client's part: hosts the widget in the room.
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

    let (source, answers) = ObservedSource::new(session.client());
    let requests = source.requests();
    let turn = TurnService::builder(source).build();
    let settings = WidgetSettings::new(WIDGET_ID.to_owned(), true, "https://widget.example/")?;
    let (driver, handle) = TurnServerCapability::new(turn.clone()).widget_driver(settings);
    let driver = tokio::spawn(driver.run(room, GrantAll { report: report.clone() }));

    let (ended, end) = oneshot::channel::<()>();
    let following = tokio::spawn(Follower::new(&turn, report).run(answers, end));

    let mut widget = Widget::new(handle, report);
    let play = Play::new(&mut widget, &turn, report, tally);
    let playing = async {
        tokio::select! {
            outcome = play.run(updates) => outcome,
            never = print_on_enter(&turn, report) => match never {},
        }
    };
    let outcome = unless(stop, playing).await;
    let closed = widget.close().await;
    drop(ended);
    following.await?;
    tally.on_end(SystemTime::now());
    tally.requests = requests.load(Ordering::Relaxed);
    driver.abort();

    outcome?;
    closed
}

/// Answers for the user, who would be asked what to grant.
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
