//! The tables of `docs/interop.md`: what ran with which version of what, and how it ended.

use std::{fs, iter, path::Path};

use anyhow::{Context, ensure};
use serde::Deserialize;
use tokio::runtime;

use crate::{
    environment::Environment,
    outcomes::Outcomes,
    parts::{Browser, Coturn, Stack, Synapse, Webrtcbin},
    scenarios::{Client, Part, SCENARIOS, Scenario},
};

const DOCUMENT: &str = "docs/interop.md";
const BEGIN: &str = "<!-- Written by `cargo xtask e2e`: begin -->\n";
const END: &str = "<!-- Written by `cargo xtask e2e`: end -->\n";

/// What the suite was built with.
const LOCK_FILE: &str = include_str!("../../../Cargo.lock");

struct Component {
    name: &'static str,
    version: String,
    exercised: &'static str,
    /// Whether it takes part in a scenario.
    plays_in: fn(&Scenario) -> bool,
}

/// Puts the outcome of a whole run in place of the last one.
pub(crate) fn write(environment: &Environment, outcomes: &Outcomes) -> anyhow::Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(DOCUMENT);
    let document = fs::read_to_string(&path).with_context(|| format!("{DOCUMENT} is missing"))?;
    let (before, rest) =
        document.split_once(BEGIN).with_context(|| format!("{DOCUMENT} lacks {BEGIN:?}"))?;
    let (_, after) = rest.split_once(END).with_context(|| format!("{DOCUMENT} lacks {END:?}"))?;

    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let components = runtime.block_on(components(environment))?;
    let tables = [component_table(&components, outcomes), scenario_table(outcomes)].join("\n");
    let renewed = format!("{before}{BEGIN}\n{tables}\n{END}{after}");
    if renewed != document {
        fs::write(&path, renewed)?;
    }
    Ok(())
}

fn component_table(components: &[Component], outcomes: &Outcomes) -> String {
    let rows = components.iter().map(|Component { name, version, exercised, plays_in }| {
        let scenarios = || SCENARIOS.iter().filter(|scenario| plays_in(scenario));
        let passed = scenarios().filter(|scenario| outcomes.has_passed(scenario.name)).count();
        let all = scenarios().count();
        format!("| {name} | {version} | {exercised} | {passed} of {all} scenarios pass |\n")
    });
    let head = "| component | version | what was exercised | result |\n| --- | --- | --- | --- |\n";
    iter::once(head.to_owned()).chain(rows).collect()
}

fn scenario_table(outcomes: &Outcomes) -> String {
    let rows = SCENARIOS.iter().map(|Scenario { name, .. }| {
        let result = if outcomes.has_passed(name) { "passes" } else { "**fails**" };
        format!("| {} | {result} |\n", name.replace('_', " "))
    });
    iter::once("| scenario | result |\n| --- | --- |\n".to_owned()).chain(rows).collect()
}

async fn components(environment: &Environment) -> anyhow::Result<Vec<Component>> {
    let versions = Versions::ask(environment).await?;
    let mut components = servers(environment).await?;
    components.extend(with_widgets(environment, &versions)?);
    components.extend(stacks(environment, versions)?);
    Ok(components)
}

async fn servers(environment: &Environment) -> anyhow::Result<Vec<Component>> {
    Ok(vec![
        Component {
            name: "Synapse",
            version: Synapse::version(environment).await?,
            exercised: "`GET /voip/turnServer` with and without a TURN server; outages; another \
                        `turn_shared_secret`",
            plays_in: |scenario| scenario.client != Client::Demo,
        },
        Component {
            name: "coturn",
            version: Coturn::version(environment).await?,
            exercised: "`use-auth-secret`: Allocate with valid, expired and outdated credentials; \
                        relaying; IPv4, IPv6; UDP, TCP",
            plays_in: |scenario| scenario.allocates,
        },
        Component {
            name: "turn-server",
            version: locked("turn-server")?,
            exercised: "`static-auth-secret`: Allocate with valid, expired and wrong credentials; \
                        relaying; UDP",
            plays_in: |scenario| scenario.parts.contains(&Part::TurnServerCrate),
        },
    ])
}

fn with_widgets(environment: &Environment, versions: &Versions) -> anyhow::Result<Vec<Component>> {
    let with_widgets = |scenario: &Scenario| scenario.client == Client::Widgets;
    Ok(vec![
        Component {
            name: "matrix-sdk",
            version: locked("matrix-sdk")?,
            exercised: "login, sync, and the widget driver under ours",
            plays_in: |_| true,
        },
        Component {
            name: "matrix-widget-api",
            version: installed(environment, "matrix-widget-api")?,
            exercised: "negotiation, `getClientVersions()`, `getTurnServers()`, events",
            plays_in: with_widgets,
        },
        Component {
            name: "Chromium",
            version: versions.chromium.clone(),
            exercised: "`postMessage` between origins; `RTCPeerConnection`, relay only",
            plays_in: |scenario| scenario.client != Client::Streams,
        },
        Component {
            name: "Firefox",
            version: versions.firefox.clone(),
            exercised: "`RTCPeerConnection`, relay only: `ice_servers()`, and a widget's call to one \
                        in Chromium",
            plays_in: |scenario| scenario.parts.contains(&Part::Firefox),
        },
    ])
}

fn stacks(environment: &Environment, versions: Versions) -> anyhow::Result<Vec<Component>> {
    Ok(vec![
        Component {
            name: "webrtc-rs",
            version: locked("webrtc")?,
            exercised: "`RTCPeerConnection` fed by `TurnService::subscribe()`, relay only",
            plays_in: |scenario| scenario.parts.contains(&Part::WebrtcRs),
        },
        Component {
            name: "GStreamer `webrtcbin`",
            version: versions.webrtcbin,
            exercised: "`gstreamer_turn_servers()`, `gstreamer_stun_servers()`: `turn-server`, \
                        `add-turn-server`, `stun-server`; relays by IPv4, IPv6 and a name, over UDP, \
                        TCP and `turns:`",
            plays_in: |scenario| scenario.parts.contains(&Part::Webrtcbin),
        },
        Component {
            name: "node-datachannel",
            version: format!(
                "{} with libdatachannel {}",
                installed(environment, "node-datachannel")?,
                versions.libdatachannel
            ),
            exercised: "`libdatachannel_ice_servers()`: data, relay only; a TURN server by IPv6",
            plays_in: |scenario| scenario.parts.contains(&Part::NodeDatachannel),
        },
        Component {
            name: "aiortc",
            version: versions.aiortc,
            exercised: "`to_ice_servers()`: data, relay only",
            plays_in: |scenario| scenario.parts.contains(&Part::Aiortc),
        },
    ])
}

/// What has to be run to learn its version.
struct Versions {
    chromium: String,
    firefox: String,
    webrtcbin: String,
    libdatachannel: String,
    aiortc: String,
}

impl Versions {
    async fn ask(environment: &Environment) -> anyhow::Result<Self> {
        let log = environment.logs.join("versions.log");
        // Started together, they would slow each other down, and each has a minute to answer.
        let browser = Browser::start_chromium(environment, &log)?;
        let chromium = number(&browser.version().await?);
        browser.stop().await?;
        let browser = Browser::start_firefox(environment, &log)?;
        let firefox = number(&browser.version().await?);
        browser.stop().await?;
        let program = Webrtcbin::start(environment, &log)?;
        let webrtcbin = program.version().await?;
        program.stop().await?;
        let program = Stack::start_node_datachannel(environment, &log)?;
        let libdatachannel = program.version().await?;
        program.stop().await?;
        let program = Stack::start_aiortc(environment, &log)?;
        let aiortc = program.version().await?;
        program.stop().await?;
        Ok(Self { chromium, firefox, webrtcbin, libdatachannel, aiortc })
    }
}

/// Without the name that a browser puts before it.
fn number(version: &str) -> String {
    version.rsplit('/').next().unwrap_or(version).to_owned()
}

/// The version of a crate.
fn locked(name: &str) -> anyhow::Result<String> {
    let after = format!("name = \"{name}\"\nversion = \"");
    let (_, rest) = LOCK_FILE
        .split_once(&after)
        .with_context(|| format!("the lock file does not mention {name}"))?;
    let (version, _) = rest.split_once('"').context("the lock file ends early")?;
    Ok(version.to_owned())
}

/// The version of an npm package.
fn installed(environment: &Environment, name: &str) -> anyhow::Result<String> {
    #[derive(Deserialize)]
    struct Package {
        version: String,
    }
    let package = environment.web.join("node_modules").join(name).join("package.json");
    let package: Package = serde_json::from_slice(&fs::read(package)?)?;
    ensure!(!package.version.is_empty(), "{name} has no version");
    Ok(package.version)
}
