//! GStreamer's `webrtcbin`, which wants credentials within a URI.

use anyhow::ensure;
use matrix_sdk_turn::{SecretUri, TurnServer};

use crate::{
    parts::{
        Coturn, Gathered, Network, PEER_IPV4, TLS_PORT, TURN_IPV4, TURN_IPV6, TURN_NAME, Webrtcbin,
    },
    stage::{SECRET, Stage},
};

/// The two ways to give it a TURN server.
const WAYS: [&str; 2] = ["turn-server", "add-turn-server"];

/// The first bytes of a STUN message that asks for a relay (RFC 8656, section 7): a TLS handshake
/// begins with another.
const ALLOCATE_REQUEST: &str = "0003";

pub(crate) async fn webrtcbin_gathers_relays_with_what_is_made_for_it(
    stage: &mut Stage,
) -> anyhow::Result<()> {
    let network = Network::start(stage.environment(), &stage.directory).await?;
    let played = play(stage, &network).await;
    let stopped = network.stop().await;
    played.and(stopped)
}

async fn play(stage: &mut Stage, network: &Network) -> anyhow::Result<()> {
    let environment = stage.environment();
    let mut coturn = Coturn::start_in(network, environment, &stage.directory, SECRET).await?;
    let log = stage.directory.join("webrtcbin.log");
    let webrtcbin = Webrtcbin::start_in(network, environment, &log)?;

    stage.hand_out(&uris(&coturn), super::DAY).await?;
    let servers = stage.alice.turn_servers().await?;
    ensure_each_relays(&webrtcbin, &servers).await?;
    ensure_stun_is_taken(&webrtcbin, &servers).await?;
    ensure_concatenations_fail(&webrtcbin, &coturn, &servers).await?;
    ensure_transports_are_as_documented(&webrtcbin).await?;
    coturn.stop().await?;

    ensure_turns_is_without_tls(stage, network, &webrtcbin, &servers).await?;
    webrtcbin.stop().await
}

/// What Synapse hands out: each kind of host, with each transport, and STUN.
fn uris(coturn: &Coturn) -> Vec<String> {
    let port = coturn.port();
    let hosts = [TURN_IPV4.to_string(), format!("[{TURN_IPV6}]"), TURN_NAME.to_owned()];
    let turn = hosts.iter().flat_map(|host| {
        let turn = format!("turn:{host}:{port}");
        let turns = format!("turns:{host}:{TLS_PORT}?transport=tcp");
        [format!("{turn}?transport=udp"), format!("{turn}?transport=tcp"), turn, turns]
    });
    let stun = hosts.iter().map(|host| format!("stun:{host}:{port}"));
    turn.chain(stun).collect()
}

async fn ensure_each_relays(webrtcbin: &Webrtcbin, servers: &TurnServer) -> anyhow::Result<()> {
    let made = servers.gstreamer_turn_servers();
    let uris: Vec<_> = servers.ice_uris().filter(|uri| uri.is_turn()).collect();
    ensure!(made.len() == 12 && uris.len() == 12, "{} are made of {uris:?}", made.len());
    for (server, uri) in made.iter().zip(uris) {
        for way in WAYS {
            let gathered = webrtcbin.relays(way, server.as_str()).await?;
            ensure!(is_relayed(&gathered), "{way}, made of {uri}: {gathered:?}");
        }
    }
    Ok(())
}

fn is_relayed(Gathered { taken, complete, candidates }: &Gathered) -> bool {
    let relay = format!(" {TURN_IPV4} ");
    let is_relay = |it: &String| it.contains(" typ relay") && it.contains(&relay);
    *taken && *complete && !candidates.is_empty() && candidates.iter().all(is_relay)
}

async fn ensure_stun_is_taken(webrtcbin: &Webrtcbin, servers: &TurnServer) -> anyhow::Result<()> {
    let made = servers.gstreamer_stun_servers();
    ensure!(made.len() == 3, "these are made: {made:?}");
    for server in made {
        // Without NAT, a server sees the address that the element knows already, and libnice leaves
        // the candidate out. What is left to see is that it was taken, and that gathering ended.
        let gathered = webrtcbin.reflexive(&server).await?;
        ensure!(gathered.taken && gathered.complete, "{server}: {gathered:?}");
    }
    Ok(())
}

/// What clients that convert by hand write, and what comes of it.
async fn ensure_concatenations_fail(
    webrtcbin: &Webrtcbin,
    coturn: &Coturn,
    servers: &TurnServer,
) -> anyhow::Result<()> {
    let address = format!("{TURN_IPV4}:{}", coturn.port());
    let made = servers.gstreamer_turn_servers();
    let encoded = made.first().map(SecretUri::as_str).unwrap_or_default();
    let encoded = encoded.trim_start_matches("turn://").split('@').next().unwrap_or_default();
    let (user, password) = encoded.split_once(':').unwrap_or_default();
    let raw = servers.username();

    let refused = [
        ("nothing is encoded", format!("turn://{raw}:{}@{address}", servers.password())),
        ("the username is not encoded", format!("turn://{raw}:{password}@{address}")),
        // Not each password of Synapse's has one of these.
        ("the password has a raw slash", format!("turn://{user}:a/b@{address}")),
        ("the scheme is in upper case", format!("TURN://{encoded}@{address}")),
        ("the transport is in upper case", format!("turn://{encoded}@{address}?transport=UDP")),
        ("there is another query", format!("turn://{encoded}@{address}?a=b")),
        ("there are no slashes", format!("turn:{encoded}@{address}")),
    ];
    for (what, server) in refused {
        for way in WAYS {
            let gathered = webrtcbin.relays(way, &server).await?;
            ensure!(!gathered.taken, "{way} takes a URI although {what}");
        }
    }

    let half = format!("turn://{}:{password}@{address}", raw.replace('@', "%40"));
    let gathered = webrtcbin.relays("add-turn-server", &half).await?;
    ensure!(gathered.taken, "a URI in which only the @ of the username is encoded is refused");
    ensure!(gathered.candidates.is_empty(), "it gathers {:?}", gathered.candidates);
    // It takes the first colon, which is within the username, for the one that ends it.
    let cut = raw.split(':').next().unwrap_or_default();
    let said = format!("user <{cut}>: incoming packet message processed, error 401");
    ensure!(coturn.log()?.contains(&said), "coturn was not asked by the user {cut:?}");
    Ok(())
}

/// Which transports an element uses, whatever the server's own port takes.
async fn ensure_transports_are_as_documented(webrtcbin: &Webrtcbin) -> anyhow::Result<()> {
    for (scheme, query, tcp, udp) in [
        ("turn", "", true, true),
        ("turn", "?transport=udp", false, true),
        ("turn", "?transport=tcp", true, false),
        // Not TLS, although the scheme says so: see `ensure_turns_is_without_tls`.
        ("turns", "?transport=tcp", true, false),
        // The library makes none of these.
        ("turns", "?transport=udp", true, false),
    ] {
        let port = webrtcbin.listen(&PEER_IPV4.to_string()).await?;
        let server = format!("{scheme}://user:password@{PEER_IPV4}:{port}{query}");
        let overheard = webrtcbin.overhear(&server).await?;
        let expected = [tcp, udp].map(|it| it.then_some(ALLOCATE_REQUEST));
        let overheard = [overheard.tcp.as_deref(), overheard.udp.as_deref()];
        ensure!(overheard == expected, "{scheme}:…{query}: TCP and UDP hear {overheard:?}");
    }
    Ok(())
}

/// A server that insists on TLS lends no relay.
async fn ensure_turns_is_without_tls(
    stage: &mut Stage,
    network: &Network,
    webrtcbin: &Webrtcbin,
    servers: &TurnServer,
) -> anyhow::Result<()> {
    let mut only_tls =
        Coturn::start_only_tls_in(network, stage.environment(), &stage.directory, SECRET).await?;
    let uri = vec![format!("turns:{TURN_IPV4}:{TLS_PORT}?transport=tcp")];
    let server = TurnServer::new(uri, servers.username(), servers.password());
    for server in server.gstreamer_turn_servers() {
        let gathered = webrtcbin.relays("add-turn-server", server.as_str()).await?;
        ensure!(
            gathered.taken && gathered.candidates.is_empty(),
            "webrtcbin speaks TLS, and did not before: {gathered:?}"
        );
    }
    stage.found("webrtcbin takes turns:, and speaks TURN over TCP without TLS".to_owned());
    only_tls.stop().await
}
