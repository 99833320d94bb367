//! Calls that last four times as long as the credentials they begin with are valid, over coturn and
//! over the embedded TURN server.

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Context, Result, ensure};
use matrix_sdk_turn::TurnService;

use crate::{
    calls::{Call, Held, NativeCall, Renewal, Report, Server, WebCall, hold},
    stage::Stage,
    widget::Widget,
};

const TTL: Duration = super::HALF_A_MINUTE;

const HELD: Duration = Duration::from_secs(120);

/// The first update comes after 0.7 of the TTL at the latest, and the others after 0.72 of it.
const LEAST_RENEWALS: usize = 5;

/// In seconds. While the credentials change, and as long after that, no message may take longer than
/// this to follow the last one. At other times it is the machine that is slow: nothing is done to the
/// call.
const LONGEST_GAP: f64 = 1.0;

/// For the messages that are under way when the last one was sent.
const FOR_THE_REST: Duration = Duration::from_secs(10);

pub(crate) async fn a_call_of_widgets_outlives_its_credentials(stage: &mut Stage) -> Result<()> {
    let alice_host = stage.host(&stage.alice, |_| true).await?;
    let bob_host = stage.host(&stage.bob, |_| true).await?;
    let venue = stage.start_venue(Server::Embedded, TTL).await?;
    let other_host = venue.host().await?;
    let over_coturn = [
        Widget::start(&stage.browser, &alice_host, "alice").await?,
        Widget::start(&stage.browser, &bob_host, "bob").await?,
    ];
    let over_embedded = [
        Widget::start(&stage.browser, &other_host, "carol").await?,
        Widget::start(&stage.browser, &other_host, "dave").await?,
    ];
    let calls = [WebCall::start(over_coturn).await?, WebCall::start(over_embedded).await?];
    hold_both(stage, "Chromium", calls).await?;
    venue.stop().await
}

pub(crate) async fn a_call_of_rust_peers_outlives_its_credentials(stage: &mut Stage) -> Result<()> {
    let venue = stage.start_venue(Server::Embedded, TTL).await?;
    let [alice, bob, carol] =
        [&stage.alice, &stage.bob, &venue.account].map(|user| TurnService::new(&user.client));
    let calls = [
        NativeCall::start([&alice, &bob], Renewal::OtherConnection).await?,
        NativeCall::start([&carol, &carol], Renewal::OtherConnection).await?,
    ];
    hold_both(stage, "webrtc-rs", calls).await?;
    venue.stop().await
}

/// The first call is over the stage's coturn.
async fn hold_both<C: Call>(stage: &mut Stage, transport: &str, calls: [C; 2]) -> Result<()> {
    let [first, second] = calls.map(|call| hold(call, true, HELD, FOR_THE_REST));
    let (over_coturn, over_embedded) = futures::try_join!(first, second)?;
    for (held, server) in [(&over_coturn, "coturn"), (&over_embedded, "the embedded server")] {
        let name = format!("{transport} over {server}");
        ensure_nothing_was_lost(held).with_context(|| name.clone())?;
        let gap = held.reports.iter().map(|report| report.longest_gap).fold(0.0, f64::max);
        stage.found(format!(
            "{name}: {} renewals, {} messages, longest gap {gap:.2} s",
            held.renewals.len(),
            held.reports[0].sent + held.reports[1].sent,
        ));
    }
    let users = users_with_relays(&stage.coturn.log()?, "alice");
    ensure!(
        users >= LEAST_RENEWALS,
        "alice had relays with {users} different credentials, while the call was renewed {} times",
        over_coturn.renewals.len()
    );
    Ok(())
}

fn ensure_nothing_was_lost(held: &Held) -> Result<()> {
    let Held { reports, renewals, failure } = held;
    ensure!(failure.is_none(), "new credentials were not taken: {failure:?}");
    let times = renewals.len();
    ensure!(times >= LEAST_RENEWALS, "there were new credentials only {times} times");
    let renewals: Vec<_> =
        renewals.iter().map(|(start, end)| (*start, end + LONGEST_GAP)).collect();
    let [alice, bob] = reports;
    for (report, sent) in [(alice, bob.sent), (bob, alice.sent)] {
        let Report { received, missing, .. } = report;
        ensure!(*received == sent && *missing == 0, "{sent} messages were sent; {report}");
        let gap = report.longest_gap_in(&renewals);
        ensure!(gap < LONGEST_GAP, "the flow stopped for {gap:.2} s: {report}");
    }
    Ok(())
}

/// How many credentials of the user's coturn lent relays for.
fn users_with_relays(log: &str, user: &str) -> usize {
    let user = format!(":@{user}:localhost>");
    log.lines()
        .filter(|line| line.contains("ALLOCATE processed, success") && line.contains(&user))
        .filter_map(|line| line.split_once("user <")?.1.split_once('>'))
        .map(|(user, _)| user)
        .collect::<BTreeSet<_>>()
        .len()
}
