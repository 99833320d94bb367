//! What every scenario starts with: a homeserver, a TURN server, two users in a room, and a browser.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context;
use matrix_sdk::ruma::OwnedRoomId;
use tokio::time::timeout;

use crate::{
    account::Account,
    calls::{Server, Venue},
    environment::Environment,
    host::Host,
    parts::{Browser, Coturn, Synapse, Turn},
    widget::Widget,
};

/// The SDK repeats a request that fails for up to 15 minutes.
const ACCOUNTS_TIMEOUT: Duration = Duration::from_secs(90);

/// Known to Synapse and to the TURN servers.
pub(crate) const SECRET: &str = "the-first-secret-of-the-suite";

/// What they both know later on.
const OTHER_SECRET: &str = "the-second-secret-of-the-suite";

/// What Synapse is configured with.
#[derive(Clone, Copy)]
pub(crate) enum Homeserver {
    /// Credentials for coturn that are valid this long.
    WithTurn(Duration),
    /// No TURN server.
    WithoutTurn,
}

/// The parts of one scenario, all of them its own.
pub(crate) struct Stage {
    /// Logs and data of this scenario.
    pub(crate) directory: PathBuf,
    pub(crate) synapse: Synapse,
    pub(crate) coturn: Coturn,
    pub(crate) browser: Browser,
    pub(crate) alice: Account,
    pub(crate) bob: Account,
    pub(crate) findings: Vec<String>,
    setting: Setting,
}

/// What does not change while a scenario plays.
struct Setting {
    environment: Environment,
    homeserver: Homeserver,
    /// That both accounts are in.
    room: OwnedRoomId,
}

impl Stage {
    pub(crate) async fn start(
        environment: &Environment,
        directory: &Path,
        homeserver: Homeserver,
    ) -> anyhow::Result<Self> {
        let browser = Browser::start_chromium(environment, &directory.join("browser.log"))?;
        let coturn = Coturn::start(environment, directory, SECRET).await?;
        let turn = turn(&coturn, homeserver, SECRET);
        let synapse = Synapse::start(environment, directory, turn.as_ref()).await?;

        let accounts = timeout(ACCOUNTS_TIMEOUT, in_one_room(&synapse.url())).await;
        let (alice, bob, room) = accounts.with_context(|| {
            format!("alice and bob were not in a room within {ACCOUNTS_TIMEOUT:?}")
        })??;
        Ok(Self {
            directory: directory.to_owned(),
            synapse,
            coturn,
            browser,
            alice,
            bob,
            findings: Vec::new(),
            setting: Setting { environment: environment.clone(), homeserver, room },
        })
    }

    /// Alice's host program, and her widget, which is granted TURN servers.
    pub(crate) async fn alice_with_widget(&self) -> anyhow::Result<(Host, Widget)> {
        let host = self.host(&self.alice, |_| true).await?;
        let widget = Widget::start(&self.browser, &host, "alice").await?;
        Ok((host, widget))
    }

    pub(crate) async fn host(
        &self,
        account: &Account,
        grants: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> anyhow::Result<Host> {
        let room = account.room(&self.setting.room).await?;
        Host::start(room, self.setting.environment.web.join("dist"), grants).await
    }

    /// One more, which the caller has to stop.
    pub(crate) fn start_other_browser(&self) -> anyhow::Result<Browser> {
        Browser::start_chromium(
            &self.setting.environment,
            &self.directory.join("other-browser.log"),
        )
    }

    /// A Firefox, which the caller has to stop.
    pub(crate) fn start_firefox(&self) -> anyhow::Result<Browser> {
        Browser::start_firefox(&self.setting.environment, &self.directory.join("firefox.log"))
    }

    /// Another coturn, which the caller has to stop. It has the secret that credentials are made with.
    pub(crate) async fn start_coturn_over_ipv6(&self) -> anyhow::Result<Coturn> {
        Coturn::start_ipv6(&self.setting.environment, &self.directory, SECRET).await
    }

    /// Restarts Synapse, which hands out credentials for other TURN servers from then on.
    pub(crate) async fn hand_out(
        &mut self,
        uris: &[String],
        lifetime: Duration,
    ) -> anyhow::Result<()> {
        let turn = Turn { uris: uris.to_vec(), secret: SECRET.to_owned(), lifetime };
        self.synapse.restart_with(&turn).await
    }

    pub(crate) fn environment(&self) -> &Environment {
        &self.setting.environment
    }

    /// Another homeserver and another TURN server, which the caller has to stop.
    pub(crate) async fn start_venue(&self, server: Server, ttl: Duration) -> anyhow::Result<Venue> {
        Venue::start(&self.setting.environment, &self.directory.join("venue"), server, ttl).await
    }

    /// Restarts Synapse and coturn with another secret.
    pub(crate) async fn change_secret(&mut self) -> anyhow::Result<()> {
        let turn = turn(&self.coturn, self.setting.homeserver, OTHER_SECRET)
            .context("this homeserver has no TURN server")?;
        futures::try_join!(
            self.coturn.restart_with(OTHER_SECRET),
            self.synapse.restart_with(&turn),
        )?;
        Ok(())
    }

    /// Something measured, to be printed at the end.
    pub(crate) fn found(&mut self, finding: String) {
        self.findings.push(finding);
    }

    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        let Self { mut synapse, mut coturn, browser, alice, bob, .. } = self;
        drop((alice, bob));
        let (browser, coturn, synapse) =
            futures::join!(browser.stop(), coturn.stop(), synapse.stop());
        browser.and(coturn).and(synapse)
    }
}

/// Two new accounts, and the room that both are in.
async fn in_one_room(homeserver: &str) -> anyhow::Result<(Account, Account, OwnedRoomId)> {
    let (alice, bob) = futures::try_join!(
        Account::register(homeserver, "alice"),
        Account::register(homeserver, "bob"),
    )?;
    let room = alice.create_room().await?;
    bob.join(&room).await?;
    Ok((alice, bob, room))
}

fn turn(coturn: &Coturn, homeserver: Homeserver, secret: &str) -> Option<Turn> {
    match homeserver {
        Homeserver::WithTurn(lifetime) => {
            Some(Turn { uris: coturn.uris().to_vec(), secret: secret.to_owned(), lifetime })
        }
        Homeserver::WithoutTurn => None,
    }
}
