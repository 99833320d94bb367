//! What becomes of a call when its credentials expire, by transport and TURN server: a measurement,
//! which takes eleven minutes and asserts nothing.

use std::{env, path::PathBuf, time::Duration};

use anyhow::{Context, Result};
use matrix_sdk_turn::TurnService;

use super::{
    Held, NativeCall, Renewal, WebCall, hold,
    venue::{Server, Venue},
};
use crate::{environment::Environment, parts::Browser, widget::Widget};

/// A call outlives its credentials ten times.
const TTL: Duration = Duration::from_secs(60);

/// How long a call is held, in seconds, if not by default.
const VARIABLE: &str = "E2E_HOLD_SECONDS";

/// Longer than the ten minutes for which a TURN server keeps an allocation that nobody refreshes.
const HELD: Duration = Duration::from_secs(660);

const FOR_THE_REST: Duration = Duration::from_secs(10);

/// A transport, and what it does about new credentials.
#[derive(Clone, Copy)]
enum Transport {
    Chromium { renews: bool },
    WebrtcRs(Option<Renewal>),
}

/// One of the combinations.
#[derive(Clone, Copy)]
pub(crate) struct Measurement {
    pub(crate) name: &'static str,
    server: Server,
    transport: Transport,
}

/// All combinations.
pub(crate) const MEASUREMENTS: [Measurement; 10] = {
    use Renewal::{IceRestart, OtherConnection};
    use Server::{Coturn, Embedded};
    use Transport::{Chromium, WebrtcRs};

    const fn of(name: &'static str, server: Server, transport: Transport) -> Measurement {
        Measurement { name, server, transport }
    }
    [
        of("held_chromium_coturn_as_is", Coturn, Chromium { renews: false }),
        of("held_chromium_coturn_ice_restart", Coturn, Chromium { renews: true }),
        of("held_chromium_embedded_as_is", Embedded, Chromium { renews: false }),
        of("held_chromium_embedded_ice_restart", Embedded, Chromium { renews: true }),
        of("held_webrtc_rs_coturn_as_is", Coturn, WebrtcRs(None)),
        of("held_webrtc_rs_coturn_ice_restart", Coturn, WebrtcRs(Some(IceRestart))),
        of("held_webrtc_rs_coturn_other_connection", Coturn, WebrtcRs(Some(OtherConnection))),
        of("held_webrtc_rs_embedded_as_is", Embedded, WebrtcRs(None)),
        of("held_webrtc_rs_embedded_ice_restart", Embedded, WebrtcRs(Some(IceRestart))),
        of("held_webrtc_rs_embedded_other_connection", Embedded, WebrtcRs(Some(OtherConnection))),
    ]
};

/// Holds one call, and says how it went.
pub(crate) async fn measure(
    measurement: Measurement,
    environment: Environment,
    directory: PathBuf,
) -> Result<Vec<String>> {
    let lasting = match env::var(VARIABLE) {
        Ok(seconds) => Duration::from_secs(
            seconds.parse().with_context(|| format!("{VARIABLE} is no number"))?,
        ),
        Err(_) => HELD,
    };
    let Measurement { server, transport, .. } = measurement;
    let venue = Venue::start(&environment, &directory, server, TTL).await?;
    let held = match transport {
        Transport::WebrtcRs(renewal) => {
            let turn = TurnService::new(&venue.account.client);
            let call =
                NativeCall::start([&turn; 2], renewal.unwrap_or(Renewal::IceRestart)).await?;
            hold(call, renewal.is_some(), lasting, FOR_THE_REST).await?
        }
        Transport::Chromium { renews } => {
            let browser = Browser::start_chromium(&environment, &directory.join("browser.log"))?;
            let host = venue.host().await?;
            let widgets = [
                Widget::start(&browser, &host, "alice").await?,
                Widget::start(&browser, &host, "bob").await?,
            ];
            let call = WebCall::start(widgets).await?;
            let held = hold(call, renews, lasting, FOR_THE_REST).await;
            browser.stop().await?;
            held?
        }
    };
    venue.stop().await?;
    Ok(findings(&held))
}

fn findings(Held { reports: [alice, bob], renewals, failure }: &Held) -> Vec<String> {
    let mut findings = vec![
        format!("alice: {} sent; {alice}; silent for {:.1} s", alice.sent, alice.silent_for),
        format!("bob: {} sent; {bob}; silent for {:.1} s", bob.sent, bob.silent_for),
        format!("{} times new credentials", renewals.len()),
    ];
    findings.extend(failure.clone());
    findings
}
