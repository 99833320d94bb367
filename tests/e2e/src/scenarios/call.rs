//! Two widgets, one per user, in a call: in one browser, and in two different ones.

use std::{fs, time::Duration};

use anyhow::{Context, ensure};

use crate::{
    parts::Browser,
    stage::Stage,
    wait::until,
    widget::{API_VERSION, Widget},
};

/// coturn logs what an allocation was used for when it ends.
const HANG_UP_TIMEOUT: Duration = Duration::from_secs(20);

pub(crate) async fn two_widgets_exchange_data_that_only_coturn_carries(
    stage: &mut Stage,
) -> anyhow::Result<()> {
    call_between(stage, &stage.browser, &stage.browser).await
}

pub(crate) async fn widgets_in_chromium_and_firefox_exchange_data_that_only_coturn_carries(
    stage: &mut Stage,
) -> anyhow::Result<()> {
    let firefox = stage.start_firefox()?;
    let called = call_between(stage, &stage.browser, &firefox).await;
    let stopped = firefox.stop().await;
    called.and(stopped)
}

/// Alice calls bob, each from a browser.
async fn call_between(stage: &Stage, alices: &Browser, bobs: &Browser) -> anyhow::Result<()> {
    let mut secrets = [stage.alice.secrets(), stage.bob.secrets()].concat();
    let alice_host = stage.host(&stage.alice, |_| true).await?;
    let bob_host = stage.host(&stage.bob, |_| true).await?;
    let alice = Widget::start(alices, &alice_host, "alice").await?;
    let bob = Widget::start(bobs, &bob_host, "bob").await?;
    for (widget, user) in [(&alice, "alice"), (&bob, "bob")] {
        let versions: Vec<String> = widget.call("api.getClientVersions", &[]).await?;
        ensure!(versions.iter().any(|version| version == API_VERSION), "{user} sees {versions:?}");
        let servers = widget.watch().await?;
        ensure!(servers.uris == stage.coturn.uris(), "{user} is given {:?}", servers.uris);
        secrets.push(servers.password);
    }

    alice.connect(&bob).await?;
    alice.send_to(&bob, "hello from alice").await?;
    bob.send_to(&alice, "hello from bob").await?;
    for widget in [&alice, &bob] {
        let pair: [String; 2] = widget.call("selectedPair", &[]).await?;
        ensure!(pair == ["relay", "relay"], "the connection runs over {pair:?}");
    }

    for (widget, user) in [(&alice, "alice"), (&bob, "bob")] {
        let () = widget.call("hangUp", &[]).await?;
        until(&format!("coturn logs {user}'s traffic"), HANG_UP_TIMEOUT, async || {
            Ok(relayed(&stage.coturn.log()?, user).then_some(()))
        })
        .await?;
    }
    ensure_none_is_logged(stage, &secrets)
}

/// Whether packets went both ways between an allocation of the user's and its peer.
pub(super) fn relayed(log: &str, user: &str) -> bool {
    let user = format!(":@{user}:localhost>,");
    log.lines()
        .filter(|line| line.contains("peer usage:") && line.contains(&user))
        .any(|line| !line.contains(" rp=0,") && !line.contains(" sp=0,"))
}

fn ensure_none_is_logged(stage: &Stage, secrets: &[String]) -> anyhow::Result<()> {
    let log = fs::read_to_string(stage.directory.join("host.log"))
        .context("the host's log cannot be read")?;
    ensure!(log.contains("TRACE") && log.contains("matrix_sdk_turn"), "the host logs nothing");
    for (line, number) in log.lines().zip(1..) {
        // Nothing of the line is shown: what is said here may be logged as well.
        ensure!(
            !secrets.iter().any(|secret| line.contains(secret)),
            "line {number} of the host's log holds a secret"
        );
    }
    Ok(())
}
