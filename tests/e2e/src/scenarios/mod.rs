//! The scenarios, one file per theme.

mod call;
mod demo;
mod denied;
mod doctor;
mod endpoints;
mod firefox;
mod hostile;
mod lifetimes;
mod not_configured;
mod other_server;
mod outage;
mod outlive;
mod reload;
mod secret;
mod stacks;
mod streams;
pub(crate) mod transport;
mod watching;
mod webrtcbin;

use std::time::Duration;

use futures::{FutureExt, future::LocalBoxFuture};
use tracing_subscriber::filter::LevelFilter;

use crate::stage::{
    Homeserver::{self, WithTurn, WithoutTurn},
    Stage,
};

/// Long enough that nothing is refreshed while a scenario plays: the first refresh comes after 0.033
/// of the lifetime at the soonest, here 47 minutes.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Short enough to see several lifetimes. The schedule's own floor of 10 s is well below.
const HALF_A_MINUTE: Duration = Duration::from_secs(30);

/// Shorter than the hour by which a clock is set wrong.
const HALF_AN_HOUR: Duration = Duration::from_secs(30 * 60);

/// Who uses the credentials.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Client {
    /// Widgets in Chromium.
    Widgets,
    /// Transports, from the stream.
    Streams,
    /// Widgets of the demo's page in Chromium, with the demo's own servers.
    Demo,
}

/// What takes part in some scenarios only.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Aiortc,
    Firefox,
    NodeDatachannel,
    TurnServerCrate,
    Webrtcbin,
    WebrtcRs,
}

/// Something that the real parts do together.
#[derive(Clone, Copy)]
pub(crate) struct Scenario {
    /// The rule that it proves.
    pub(crate) name: &'static str,
    pub(crate) homeserver: Homeserver,
    pub(crate) client: Client,
    pub(crate) parts: &'static [Part],
    /// Whether anything is asked of coturn.
    pub(crate) allocates: bool,
    /// What the host program logs.
    pub(crate) log_level: LevelFilter,
    pub(crate) play: for<'a> fn(&'a mut Stage) -> LocalBoxFuture<'a, anyhow::Result<()>>,
}

impl Scenario {
    const fn logging_everything(self) -> Self {
        Self { log_level: LevelFilter::TRACE, ..self }
    }

    const fn with(self, parts: &'static [Part]) -> Self {
        Self { parts, ..self }
    }

    const fn without_widgets(self) -> Self {
        Self { client: Client::Streams, ..self }
    }

    const fn at_the_demos_page(self) -> Self {
        Self { client: Client::Demo, allocates: false, ..self }
    }

    const fn without_allocations(self) -> Self {
        Self { allocates: false, ..self }
    }
}

macro_rules! scenario {
    ($theme:ident::$name:ident, $homeserver:expr) => {
        Scenario {
            name: stringify!($name),
            homeserver: $homeserver,
            client: Client::Widgets,
            parts: &[],
            allocates: true,
            log_level: LevelFilter::INFO,
            play: |stage| $theme::$name(stage).boxed_local(),
        }
    };
}

/// The longest first: two play at a time.
pub(crate) const SCENARIOS: &[Scenario] = &[
    scenario!(outlive::a_call_of_widgets_outlives_its_credentials, WithTurn(HALF_A_MINUTE)),
    scenario!(outlive::a_call_of_rust_peers_outlives_its_credentials, WithTurn(HALF_A_MINUTE))
        .without_widgets()
        .with(&[Part::WebrtcRs]),
    scenario!(
        lifetimes::a_widget_always_holds_credentials_that_coturn_accepts,
        WithTurn(HALF_A_MINUTE)
    ),
    scenario!(demo::a_person_watches_and_breaks_the_demo, WithoutTurn).at_the_demos_page(),
    scenario!(outage::a_widget_recovers_once_the_homeserver_is_back, WithTurn(HALF_A_MINUTE)),
    scenario!(hostile::a_well_behaved_widget_is_served_beside_a_flood, WithTurn(DAY))
        .without_allocations(),
    scenario!(hostile::a_hostile_widget_is_granted_nothing, WithTurn(DAY)).without_allocations(),
    scenario!(webrtcbin::webrtcbin_gathers_relays_with_what_is_made_for_it, WithTurn(DAY))
        .without_widgets()
        .with(&[Part::Webrtcbin]),
    scenario!(
        other_server::aiortc_peers_exchange_data_that_only_turn_server_carries,
        WithTurn(other_server::SHORT)
    )
    .without_widgets()
    .with(&[Part::TurnServerCrate, Part::Aiortc]),
    scenario!(doctor::the_doctor_names_what_is_wrong_between_two_servers, WithTurn(HALF_AN_HOUR))
        .without_widgets(),
    scenario!(doctor::the_doctor_names_what_is_wrong_with_a_turn_server, WithTurn(DAY))
        .without_widgets(),
    scenario!(doctor::the_doctor_names_what_is_wrong_with_a_certificate, WithTurn(DAY))
        .without_widgets(),
    scenario!(doctor::the_doctor_names_what_a_firewall_drops, WithTurn(DAY)).without_widgets(),
    scenario!(doctor::the_advice_on_a_turn_server_helps, WithTurn(DAY)).without_widgets(),
    scenario!(doctor::the_advice_on_a_network_helps, WithTurn(DAY)).without_widgets(),
    scenario!(doctor::the_advice_on_two_servers_helps, WithTurn(HALF_AN_HOUR)).without_widgets(),
    scenario!(doctor::the_advice_on_a_certificate_helps, WithTurn(DAY)).without_widgets(),
    scenario!(doctor::the_advice_without_a_turn_server_helps, WithoutTurn).without_widgets(),
    scenario!(doctor::the_doctor_says_that_there_is_no_turn_server, WithoutTurn)
        .without_widgets()
        .without_allocations(),
    scenario!(secret::rejected_credentials_are_replaced, WithTurn(DAY)),
    scenario!(call::two_widgets_exchange_data_that_only_coturn_carries, WithTurn(DAY))
        .logging_everything(),
    scenario!(
        call::widgets_in_chromium_and_firefox_exchange_data_that_only_coturn_carries,
        WithTurn(DAY)
    )
    .logging_everything()
    .with(&[Part::Firefox]),
    scenario!(firefox::firefox_gathers_relays_with_ice_servers, WithTurn(DAY))
        .without_widgets()
        .with(&[Part::Firefox]),
    scenario!(streams::two_rust_peers_exchange_data_that_only_coturn_carries, WithTurn(DAY))
        .without_widgets()
        .with(&[Part::WebrtcRs]),
    scenario!(stacks::node_datachannel_peers_exchange_data_that_only_coturn_carries, WithTurn(DAY))
        .without_widgets()
        .with(&[Part::NodeDatachannel]),
    scenario!(stacks::aiortc_peers_exchange_data_that_only_coturn_carries, WithTurn(DAY))
        .without_widgets()
        .with(&[Part::Aiortc]),
    scenario!(endpoints::a_turn_client_gets_a_relay_with_each_part_of_an_endpoint, WithTurn(DAY))
        .without_widgets(),
    scenario!(watching::many_watches_cost_the_homeserver_one_request, WithTurn(DAY))
        .without_allocations(),
    scenario!(reload::a_page_that_reloads_gets_credentials_at_once, WithTurn(DAY)),
    scenario!(reload::a_widget_that_reloads_in_its_page_gets_credentials_at_once, WithTurn(DAY)),
    scenario!(denied::a_widget_that_is_denied_turn_causes_no_request, WithTurn(DAY))
        .without_allocations(),
    scenario!(not_configured::a_widget_is_told_that_there_is_no_turn_server, WithoutTurn)
        .without_allocations(),
];
