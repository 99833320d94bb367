//! What each cause means, and what to change: the only place that words a diagnosis.
//!
//! It is a table: each cause has one arm with its code, what it means in one sentence, and the advice in the
//! settings of the reader's own software. The compiler demands an arm for a new cause.

use std::time::{Duration, SystemTime};

use super::{
    cause::{Cause, Place, Places, QuotaUser, transport_name},
    circumstances::Origin,
    setup::{Setup, TurnSoftware},
    words::in_words,
};
use crate::failure::{CertificateFault, NameFault, Stranger, Unreachable};

/// What a cause means, and what to change.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explanation {
    /// A stable name, for files: `secrets_differ`.
    pub code: &'static str,
    /// What it means, in one sentence.
    pub meaning: String,
    /// What to change.
    pub advice: String,
}

fn say(code: &'static str, meaning: impl Into<String>, advice: impl Into<String>) -> Explanation {
    Explanation { code, meaning: meaning.into(), advice: advice.into() }
}

impl Cause {
    /// What it means, and what to change with this software.
    pub(super) fn explain(&self, setup: &Setup) -> Explanation {
        let (turn, homeserver) = (&setup.turn, setup.homeserver);
        let uris = homeserver.uris();
        match self {
            Self::NoTurn => say(
                "no_turn",
                "The homeserver hands out no TURN server, so calls between people behind firewalls do \
                 not connect.",
                format!(
                    "Set {uris} and {}, and restart the homeserver. Element X and Element Call use \
                     LiveKit instead: if only their calls fail, this is not the cause.",
                    homeserver.secret()
                ),
            ),
            Self::Misconfigured(what) => say(
                "misconfigured",
                format!("The homeserver hands out a TURN server that no client can use: {what}."),
                format!("Set {uris}, and either {} or {}.", homeserver.secret(), homeserver.user()),
            ),
            Self::Forbidden => say(
                "forbidden",
                "The homeserver refuses TURN servers to this account.",
                format!(
                    "If it is a guest's account, {}; if not, log in with an account that may call.",
                    homeserver.guests()
                ),
            ),
            Self::NoTurnUri => say(
                "no_turn_uri",
                "There are STUN servers and no TURN server, so nothing is relayed.",
                format!("Add a URI that begins with turn: or turns: to {uris}."),
            ),
            Self::UnusableUri(reason) => say(
                "unusable_uri",
                format!("Clients leave out a URI of the homeserver: {reason}."),
                format!("Write each entry of {uris} like turn:turn.example.org:3478?transport=udp."),
            ),
            Self::PrivateUri(ip) if ip.is_loopback() => say(
                "private_uri",
                format!("A URI leads to {ip}, which for each client is its own machine."),
                format!("Write the TURN server's public name in {uris}, unless this is only a test."),
            ),
            Self::PrivateUri(ip) => say(
                "private_uri",
                format!("A URI leads to the private address {ip}, which only clients in the same network reach."),
                format!("Write the TURN server's public name or address in {uris}."),
            ),
            Self::PortRefusedByBrowsers(port) => say(
                "port_refused_by_browsers",
                format!(
                    "Chromium and clients that are built on it do not connect to port {port}: below 1024 \
                     they take 53, 80 and 443 only."
                ),
                format!(
                    "Let the TURN server listen at 3478, at 443 or above 1023{}, and write that port in {uris}.",
                    turn.says(" (`listening-port`, `tls-listening-port`)", " (`listen`)", "")
                ),
            ),
            Self::OnlyUdp => say(
                "only_udp",
                "The TURN server is offered over UDP only, so people whose firewall lets no UDP out cannot \
                 call.",
                format!(
                    "Add the same URI with ?transport=tcp to {uris}, and a turns: URI{}.",
                    turn.says("; coturn serves TCP unless `no-tcp` is set", "; eturnal needs a `listen` entry with `transport: tcp`", "")
                ),
            ),
            Self::NoTls => say(
                "no_tls",
                "There is no turns: URI, so people whose firewall lets out nothing but TLS cannot call.",
                format!(
                    "{}, and add turns:HOST:443?transport=tcp to {uris}.",
                    turn.says(
                        "Set `cert`, `pkey` and `tls-listening-port=443` in turnserver.conf",
                        "Set `tls_crt_file` and `tls_key_file`, and a `listen` entry with `port: 443` and `transport: tls`, in eturnal.yml",
                        "Give the TURN server a certificate and a TLS port 443 (in coturn `cert`, `pkey` and `tls-listening-port=443`)",
                    )
                ),
            ),
            Self::NoHttpsPort => say(
                "no_https_port",
                "No turns: URI has port 443, the only one that the strictest firewalls let out.",
                format!(
                    "{}, and write that port in the turns: URI of {uris}, if no web server has that port \
                     on the same address.",
                    turn.says(
                        "Set `tls-listening-port=443` in turnserver.conf",
                        "Set `port: 443` for the `listen` entry with `transport: tls` in eturnal.yml",
                        "Let the TURN server speak TLS at port 443 (in coturn `tls-listening-port=443`)",
                    )
                ),
            ),
            Self::ShortTtl(ttl) => say(
                "short_ttl",
                format!(
                    "The credentials expire after {}, and a call that lasts longer may break when a \
                     participant's network changes.",
                    in_words(*ttl)
                ),
                format!("Raise {} to an hour or more.", homeserver.lifetime()),
            ),
            Self::DtlsNotTried => say(
                "dtls_not_tried",
                "The URI is for TURN over DTLS, which browsers do not use, and which was not tried.",
                format!("Write ?transport=tcp in {uris} for TURN over TLS."),
            ),

            Self::TooMany(count) => say(
                "too_many",
                format!(
                    "{count} more URIs or addresses were not tried: clients try a handful, and this \
                     probe 32 URIs with 8 addresses each."
                ),
                format!("Write fewer URIs in {uris}: UDP, TCP and TLS of one server are three."),
            ),
            Self::OutOfTime => say(
                "out_of_time",
                "The time for the whole probe was over before this was tried to its end.",
                "Change what the other findings say, or try it by itself.",
            ),

            Self::UnknownName { host, fault } => name(host, fault, setup),
            Self::SlowName(host) => say(
                "unknown_name",
                format!("The name server does not say in time which address {host} has."),
                "Check the name servers of this machine (/etc/resolv.conf), and those of the domain.",
            ),
            Self::PortClosed { places, sibling } => say(
                "port_closed",
                format!("Nothing listens at {places}: the connection is refused."),
                port_closed(places, *sibling, setup),
            ),
            Self::Silent { places, sibling: None } => say(
                "silent",
                format!(
                    "Nothing comes back from {places}: a firewall drops what is sent there, or no such \
                     machine runs."
                ),
                format!(
                    "Open {} in the firewall of the TURN server's machine and of its provider, forward it \
                     if there is a router in front, and check that DNS has the machine's present address \
                     and no proxy (such as Cloudflare's orange cloud).",
                    places.ports()
                ),
            ),
            Self::Silent { places, sibling: Some(sibling) } => say(
                "silent",
                format!(
                    "Nothing comes back from {places}, while TURN works at {sibling}: a firewall or a \
                     router in front drops it."
                ),
                format!(
                    "Open {} in the firewall of the TURN server's machine and of its provider, and forward \
                     it in a router in front, as is done for {}.",
                    places.ports(),
                    Places::from(*sibling).ports()
                ),
            ),
            Self::Rejected(places) => say(
                "rejected",
                format!(
                    "A firewall rejects what is sent to {places}: the network reports that it is prohibited."
                ),
                format!(
                    "Open {} in the firewall of the TURN server's machine (with firewalld \
                     `firewall-cmd --add-port`), which also rejects {} unless they are open.",
                    places.ports(),
                    turn.relay_ports()
                ),
            ),
            Self::UdpFiltered { port } => say(
                "udp_filtered",
                format!(
                    "Nothing comes back from port {port} over UDP, while TCP works: a firewall drops UDP, \
                     and calls over TCP stutter."
                ),
                format!(
                    "Open {port}/udp in the firewall of the TURN server's machine and of its provider, and \
                     forward it in a router in front; if it is open, try from another network, since this \
                     one may let no UDP out."
                ),
            ),
            Self::Ipv6Dead { ip } => say(
                "ipv6_dead",
                format!(
                    "The TURN server's name has the IPv6 address {ip}, where nothing answers, while IPv4 \
                     works."
                ),
                format!(
                    "Take the AAAA record out of DNS, or let {} listen there{}, and open its ports in the \
                     firewall for IPv6.",
                    turn.name(),
                    turn.says(
                        ": add the address to `listening-ip` and `relay-ip`",
                        ": add a `listen` entry with `ip: \"::\"` and set `relay_ipv6_addr`",
                        " (in coturn by `listening-ip` and `relay-ip`)"
                    )
                ),
            ),
            Self::NoRoute { ipv6: true } => say(
                "no_route",
                "This machine has no IPv6, so the TURN server's IPv6 address was not tried.",
                "Run this again on a network that has IPv6, if the TURN server is meant to have it.",
            ),
            Self::NoRoute { ipv6: false } => say(
                "no_route",
                "This machine has no route to the TURN server's address.",
                format!("Check this machine's network, and that {uris} leads to the TURN server's public address."),
            ),
            Self::Unroutable { ip, why } => say(
                "unroutable",
                match why {
                    Unreachable::Network => format!("A router on the way reports that it has no route to {ip}."),
                    _ => format!("The network reports that {ip} cannot be reached."),
                },
                format!(
                    "Check that DNS and {uris} have the machine's present address, that it runs, and that \
                     no firewall in front of it rejects."
                ),
            ),
            Self::HeldBack(places) => say(
                "held_back",
                format!("This machine's own firewall lets nothing out to {places}."),
                "Allow it here, or try from another machine: this says nothing about the TURN server.",
            ),
            Self::Hairpin(address) => say(
                "hairpin",
                format!(
                    "The router of this network has the address {address} itself, and does not pass on what \
                     comes from inside."
                ),
                "Try from outside (over a mobile network, for one): if it works there, only clients in the \
                 TURN server's own network are concerned, and NAT reflection (hairpin NAT) in the router \
                 helps them.",
            ),
            Self::AnsweredFrom { asked, from } => say(
                "answered_from",
                format!("What is sent to {asked} is answered from {from}, and clients drop such answers."),
                format!(
                    "Let {} listen at {} itself{}, or undo the address translation in front of it, which \
                     changes answers and not requests.",
                    turn.name(),
                    asked.ip(),
                    turn.says(" by `listening-ip`", " by `ip` in `listen`", "")
                ),
            ),
            Self::BehindWebProxy(host) => say(
                "behind_web_proxy",
                format!(
                    "A web server answers for {host}, and everything that is not for the web is dropped: \
                     the name leads to a web proxy such as Cloudflare's, which carries no TURN."
                ),
                format!(
                    "Give the TURN server a name of its own whose DNS record has its own address (at \
                     Cloudflare \"DNS only\", the grey cloud), and write that name in {uris}."
                ),
            ),
            Self::NotTurn { places, stranger, sibling } => {
                let (meaning, advice) = not_turn(places, *stranger, *sibling, setup);
                say("not_turn", meaning, advice)
            }

            Self::Certificate { host, fault } => certificate(host, fault, setup),
            Self::ClientCertificate => say(
                "client_certificate",
                "The server demands a certificate of the client, and clients have none.",
                turn.says(
                    "Take `CA-file` out of turnserver.conf; if a proxy ends TLS in front of coturn, switch the check of client certificates off there.",
                    "Switch the check of client certificates off in the proxy in front of eturnal.",
                    "Switch the check of client certificates off in the TURN server (in coturn `CA-file`) or in the proxy in front of it.",
                ),
            ),
            Self::TlsFails(why) => say(
                "tls_fails",
                format!("The TURN server and this machine find no common TLS: {why}."),
                turn.says(
                    "Set `cert` and `pkey` in turnserver.conf, take out `no-tls`, and allow TLS 1.2 or 1.3 (`cipher-list`, `no-tlsv1_2`).",
                    "Set `tls_crt_file` and `tls_key_file` in eturnal.yml, and allow TLS 1.2 or 1.3 (`tls_options`).",
                    "Give the TURN server a certificate with its key (in coturn `cert` and `pkey`), and allow TLS 1.2 or 1.3.",
                ),
            ),
            Self::CertificateExpiresSoon { days } => say(
                "certificate_expires_soon",
                match days {
                    0 => "The TURN server's certificate expires within a day.".to_owned(),
                    1 => "The TURN server's certificate expires in 1 day.".to_owned(),
                    days => format!("The TURN server's certificate expires in {days} days."),
                },
                format!("Renew it, {}.", reload(turn)),
            ),

            Self::Expired { ago, origin } => say(
                "expired",
                format!(
                    "The TURN server rejects the credentials, which expired {} ago by this machine's clock.",
                    in_words(*ago)
                ),
                match origin {
                    Origin::Homeserver => format!(
                        "Correct this machine's clock, or raise {}.",
                        homeserver.lifetime()
                    ),
                    _ => "Fetch new ones from the homeserver; if they are new, correct this machine's clock."
                        .to_owned(),
                },
            ),
            Self::ClocksDiffer { homeserver_is_behind, by, rejected } => {
                let direction = if *homeserver_is_behind { "behind" } else { "ahead of" };
                let consequence = match (rejected, homeserver_is_behind) {
                    (true, _) => "so the TURN server rejects its credentials as expired",
                    (false, true) => "so its credentials expire that much too early",
                    (false, false) => "so its credentials hold that much too long",
                };
                say(
                    "clocks_differ",
                    format!(
                        "The homeserver's clock is {} {direction} this machine's, {consequence}.",
                        in_words(*by)
                    ),
                    "Have the clocks of all machines set by NTP, and check each with `timedatectl`: the \
                     homeserver's, the TURN server's and this one.",
                )
            }
            Self::SecretsDiffer { valid_for, clocks_agree, .. } => {
                let clocks = match clocks_agree {
                    true => ", and the homeserver's clock agrees with this machine's",
                    false => "",
                };
                let left = in_words(*valid_for);
                say(
                    "secrets_differ",
                    format!(
                        "The TURN server rejects the credentials, although they are valid for another \
                         {left}{clocks}: it has another secret than the homeserver, or its clock is {left} \
                         ahead."
                    ),
                    format!(
                        "Give {} and {} the same value, and restart both. {}If they are the same, check the \
                         TURN server's clock with `timedatectl`.",
                        homeserver.secret(),
                        turn.says(
                            "`static-auth-secret` in turnserver.conf",
                            "`secret` in eturnal.yml",
                            "the TURN server's shared secret (in coturn `static-auth-secret`)"
                        ),
                        turn.says(SECRET_IN_COTURN, "", SECRET_IN_COTURN)
                    ),
                )
            }
            Self::PasswordRejected { origin } => say(
                "password_rejected",
                "The TURN server rejects the username and the password.",
                password_rejected(*origin, setup),
            ),
            Self::OpenRelay => say(
                "open_relay",
                "The TURN server demands no credentials: it relays for the whole internet, which strangers \
                 use for attacks in its name.",
                format!(
                    "{}, with the value of {}.",
                    turn.says(
                        "Take `no-auth` out of turnserver.conf, and set `use-auth-secret` and `static-auth-secret`",
                        "Set `secret` in eturnal.yml",
                        "Make the TURN server demand credentials (in coturn: no `no-auth`, but `use-auth-secret` and `static-auth-secret`)",
                    ),
                    homeserver.secret()
                ),
            ),
            Self::NoChallenge(lacking) => say(
                "no_challenge",
                format!(
                    "The TURN server asks for credentials without {lacking}, so that clients cannot sign \
                     their requests."
                ),
                turn.says(
                    "Set `realm` in turnserver.conf to the server's name.",
                    "Set `realm` in eturnal.yml to the server's name.",
                    "Set the TURN server's realm (in coturn `realm`) to its name.",
                ),
            ),
            Self::UnsupportedAlgorithm => say(
                "unsupported_algorithm",
                "The TURN server takes no credentials that are signed with MD5 and HMAC-SHA1, and clients have \
                 nothing else.",
                "Allow MD5 among the TURN server's password algorithms.",
            ),

            Self::OnlyStun => say(
                "only_stun",
                "The server answers STUN and no TURN: it tells addresses and lends no relays.",
                format!(
                    "{}, and check that {uris} leads to it and to no public STUN server.",
                    turn.says(
                        "Take `stun-only` out of turnserver.conf",
                        "Take `enable_turn: false` out of the `listen` entry in eturnal.yml",
                        "Switch TURN on in the server (in coturn: no `stun-only`)",
                    )
                ),
            ),
            Self::NoBinding => say(
                "no_binding",
                "The TURN server relays, and answers no Binding requests, so clients do not learn their public \
                 address from it.",
                turn.says(
                    "Relaying needs nothing else; to have both, take `no-stun` and `secure-stun` out of turnserver.conf.",
                    "Relaying needs nothing else.",
                    "Relaying needs nothing else; in coturn, `no-stun` and `secure-stun` have this effect.",
                ),
            ),
            Self::FellSilent => say(
                "fell_silent",
                "The TURN server asks for credentials, and answers nothing any more once it has them: it holds \
                 back its own answers.",
                turn.says(
                    "Raise `max-bps` and `bps-capacity` in turnserver.conf, which are in bytes per second, or take them out; if they are not set, look at coturn's log with `verbose`.",
                    "Raise `max_bps` in eturnal.yml, or take it out.",
                    "Raise the TURN server's limit of bandwidth (in coturn `max-bps` and `bps-capacity`, in bytes per second), or look at its log.",
                ),
            ),
            Self::PeerDenied { ip, server } => say(
                "peer_denied",
                format!(
                    "The TURN server lends relays, and does not let one send to another at its own address \
                     {ip} (403), so two people who both need it cannot call each other."
                ),
                match ip.is_loopback() {
                    true => turn.says(
                        "Set `allow-loopback-peers` in turnserver.conf for this test alone, and take loopback addresses out of `denied-peer-ip` if they are there; a server for others needs `relay-ip` with an address of the network instead.",
                        "Take the loopback range out of `blacklist_peers` in eturnal.yml for this test alone.",
                        "Allow loopback addresses as peers for this test alone (in coturn `allow-loopback-peers`); a server for others needs relays with an address of the network instead.",
                    ),
                    false => turn.says(
                        &format!("The `denied-peer-ip` ranges in turnserver.conf include the server itself: add `allowed-peer-ip={ip}` beside them; behind NAT, set `external-ip={server}/PRIVATE` and add `allowed-peer-ip=PRIVATE` as well, with the address that `ip addr` shows for PRIVATE."),
                        &format!("Add {ip} to `whitelist_peers` in eturnal.yml, and the machine's private address if it is behind NAT."),
                        &format!("Allow {ip} as a peer, beside the denied ranges that include it, and behind NAT the machine's private address as well (in coturn `allowed-peer-ip`)."),
                    ),
                },
            ),
            Self::OwnAddressDenied(ip) => say(
                "own_address_denied",
                format!(
                    "The TURN server does not relay to this machine's address {ip} (403), nor to others of \
                     the range that it denies."
                ),
                turn.says(
                    &format!("Narrow the `denied-peer-ip` range in turnserver.conf that includes {ip} to private networks; if this machine is in one, try from outside."),
                    &format!("Take the range that includes {ip} out of `blacklist_peers` in eturnal.yml, unless it is a private network."),
                    &format!("Narrow the TURN server's range of denied peers that includes {ip} to private networks; if this machine is in one, try from outside."),
                ),
            ),
            Self::WrongFamily { code: 440 } => say(
                "wrong_family",
                "The TURN server lends no relay with an IPv4 address (440), and clients ask for one.",
                turn.says(
                    "Add an IPv4 address to `relay-ip` in turnserver.conf, or take out `allocation-default-address-family`.",
                    "Set `relay_ipv4_addr` in eturnal.yml.",
                    "Give the TURN server's relays an IPv4 address (in coturn `relay-ip`).",
                ),
            ),
            Self::WrongFamily { .. } => say(
                "wrong_family",
                "The TURN server's relays have addresses of different families, and do not reach each other \
                 (443).",
                turn.says(
                    "Give `relay-ip` and `external-ip` in turnserver.conf an address of each family that the server listens on.",
                    "Set `relay_ipv4_addr` and `relay_ipv6_addr` in eturnal.yml.",
                    "Give the TURN server's relays an address of each family that it listens on (in coturn `relay-ip` and `external-ip`).",
                ),
            ),
            Self::Quota(user) => quota(*user, turn),
            Self::NoRelayAddress => say(
                "no_relay_address",
                "The TURN server cannot open even the first relay (508): the address that it is to relay at is \
                 none of its machine's, or its port range is empty or taken.",
                turn.says(
                    "Take `relay-ip` out of turnserver.conf, or set it to an address that `ip addr` shows; a public address behind NAT belongs into `external-ip=PUBLIC/PRIVATE`. If it is right, widen `min-port` to `max-port`.",
                    "Set `relay_ipv4_addr` in eturnal.yml to an address of the machine, and widen `relay_min_port` to `relay_max_port`.",
                    "Let the TURN server relay at an address of its own machine (in coturn `relay-ip`; a public address behind NAT belongs into `external-ip=PUBLIC/PRIVATE`), or widen its port range.",
                ),
            ),
            Self::NoPorts => say(
                "no_ports",
                "The TURN server has no port left for another relay (508), and a call takes two or more.",
                format!("Widen {}, and open them in the firewall.", turn.relay_ports()),
            ),

            Self::PrivateRelay { relay, server } => say(
                "private_relay",
                format!(
                    "The TURN server at {server} lends relays with the private address {relay}, which cannot \
                     be reached from outside its network."
                ),
                format!(
                    "Behind NAT, {}; in a container, use the host's network.",
                    turn.external_ip(&server.to_string(), &relay.to_string())
                ),
            ),
            Self::RelayElsewhere { relay, server } => say(
                "relay_elsewhere",
                format!(
                    "The TURN server answers at {server} and lends relays at {relay}, where data is lost: the \
                     address that it is given for relays is outdated or wrong."
                ),
                format!(
                    "If {relay} is not an address of this server any more, {}, with the address that `ip addr` \
                     shows for PRIVATE; if it is, open {} there for UDP.",
                    turn.external_ip(&server.to_string(), "PRIVATE"),
                    turn.relay_ports()
                ),
            ),
            Self::RelayedDataLost { relay, is_reached_from_outside } => say(
                "relayed_data_lost",
                match is_reached_from_outside {
                    true => format!(
                        "Relays are lent and reached from outside, and what one sends to another is lost: the \
                         TURN server's machine does not reach its own relays at {}, such as {relay}.",
                        relay.ip()
                    ),
                    false => format!(
                        "Relays are lent, and what is sent to them is lost, from outside and from each other: \
                         data does not reach {relay}, the port that was tried."
                    ),
                },
                match is_reached_from_outside {
                    true => format!(
                        "Behind NAT, {}, with the address that `ip addr` shows for PRIVATE; without NAT, let \
                         the machine's firewall pass UDP from the machine to itself.",
                        turn.external_ip(&relay.ip().to_string(), "PRIVATE")
                    ),
                    false => format!(
                        "Open {} for UDP in the firewall, and forward them in a router in front, which must \
                         be those that the TURN server uses.",
                        turn.relay_ports()
                    ),
                },
            ),
            Self::RelayPortsFiltered { relay } => say(
                "relay_ports_filtered",
                format!(
                    "Relays are lent, and what is sent to them from outside is lost: a firewall drops UDP to \
                     their ports, or a router does not forward them, {relay} for one."
                ),
                format!(
                    "Open {} for UDP in the firewall, and forward them in a router or container in front, \
                     which must be those that the TURN server uses. If they are open, try from another \
                     network, since this one may let no UDP out.",
                    turn.relay_ports()
                ),
            ),
            Self::OnlyAnswers => say(
                "only_answers",
                "Relays cannot reach peers that have not sent to them first: a firewall at the TURN server lets \
                 nothing out but answers, or one in front of this machine drops what it did not ask for.",
                "Let the TURN server's machine send UDP from its relay ports to all addresses and ports; if it \
                 may already, this machine's firewall is the cause, and nothing is wrong.",
            ),
            Self::SourceNat { seen, local, is_near: false } => say(
                "source_nat",
                format!(
                    "The TURN server sees this machine at {seen} instead of {local}: address translation in \
                     front of it hides where data comes from, so relays drop the data of peers."
                ),
                "Let the router, container or load balancer in front of the TURN server keep source addresses: \
                 no masquerading of what comes in, the host's network instead of Docker's proxy, or \
                 `externalTrafficPolicy: Local` in Kubernetes.",
            ),
            Self::SourceNat { seen, local, is_near: true } => say(
                "source_nat",
                format!(
                    "The TURN server sees this machine ({local}) at the private address {seen}, although it \
                     has a public address itself."
                ),
                "Try from outside: if this machine is not in the TURN server's own network, address translation \
                 in front of the server hides where data comes from, and has to keep source addresses.",
            ),
            Self::Refused { code, reason } => say(
                "refused",
                format!("The TURN server refuses: {code} {reason}."),
                turn.says(
                    "Look at coturn's log, with `verbose` set in turnserver.conf.",
                    "Look at eturnal's log, with `log_level: debug` in eturnal.yml.",
                    "Look at the TURN server's log (coturn's with `verbose`).",
                ),
            ),
            Self::Redirected { to, in_circle } => {
                let meaning = match (to, in_circle) {
                    (None, _) => {
                        "The TURN server sends clients on to another one, without saying to which.".to_owned()
                    }
                    (Some(to), true) => format!(
                        "The TURN server sends clients on to {to}, where they come from: they go in a circle."
                    ),
                    (Some(to), false) => format!("The TURN server sends clients on to {to}."),
                };
                say(
                    "redirected",
                    meaning,
                    turn.says(
                        "Check `alternate-server` and `tls-alternate-server` in turnserver.conf: it must be another server that is reached from outside.",
                        "Check which server eturnal sends clients on to.",
                        "Check which server the TURN server sends clients on to (in coturn `alternate-server`).",
                    ),
                )
            }
            Self::WrongTransaction => say(
                "wrong_transaction",
                "Answers have the ids of other requests, so clients drop them.",
                format!("Check that {uris} leads to the TURN server itself, past any proxy that changes messages."),
            ),
            Self::WrongFingerprint => say(
                "wrong_fingerprint",
                "Answers have a wrong checksum, so clients drop them: something on the way changes messages.",
                "Switch off what rewrites addresses in packets (a router's SIP or STUN helper, \"ALG\"), or \
                 try from another network.",
            ),
            Self::WrongSignature => say(
                "wrong_signature",
                "The TURN server accepts the credentials, and signs its answers with another password.",
                format!("Check that {uris} leads to one TURN server, and not to several with different secrets."),
            ),
            Self::Misbehaves(what) => say(
                "misbehaves",
                format!("The cause is not known: the TURN server does not behave like one ({what})."),
                format!(
                    "Check that {uris} leads to the TURN server itself, past any proxy, and look at its log."
                ),
            ),
        }
    }
}

/// coturn reads a line to its end.
const SECRET_IN_COTURN: &str = "In turnserver.conf everything after `=` counts, so a semicolon or a comment \
                                behind the secret become a part of it, as quotes do in some versions. ";

fn name(host: &str, fault: &NameFault, setup: &Setup) -> Explanation {
    let uris = setup.homeserver.uris();
    let is_short = !host.trim_end_matches('.').contains('.');
    let (meaning, advice) = match fault {
        _ if is_short => (
            format!("The name {host} cannot be looked up: it has no domain, as the names of containers and of a home network."),
            format!("Write a name in {uris} that is known to the whole internet."),
        ),
        NameFault::Unknown => (
            format!("The name {host} does not exist in DNS."),
            format!("Correct the host in {uris}, or add an A or AAAA record for it to DNS."),
        ),
        NameFault::NoRecord => (
            format!("The name {host} has no A or AAAA record in DNS, and browsers look up no SRV records."),
            "Add an A or AAAA record for it to DNS.".to_owned(),
        ),
        NameFault::Resolver(why) => (
            format!("The name {host} cannot be looked up, since a name server fails: {why}."),
            "Check the name servers of this machine (/etc/resolv.conf), and those of the domain; try from \
             another network."
                .to_owned(),
        ),
    };
    say("unknown_name", meaning, advice)
}

fn port_closed(places: &Places, sibling: Option<Place>, setup: &Setup) -> String {
    let (turn, uris) = (&setup.turn, setup.homeserver.uris());
    let ports = places.ports();
    let Some(sibling) = sibling else {
        return format!(
            "Start the TURN server, and see that it listens at {ports}{}; if it runs, forward {ports} in a \
             router in front, and see that its firewall does not reject.",
            turn.says(
                " (`listening-port`, `tls-listening-port`), without `listening-ip=PUBLIC` behind NAT",
                " (`listen`)",
                " (in coturn `listening-port` and `tls-listening-port`; behind NAT, take out \
                 `listening-ip=PUBLIC`)"
            )
        );
    };
    let runs = format!("The TURN server runs, since it answers at {sibling}");
    match places.iter().any(|place| place.is_tls) {
        true => format!(
            "{runs}: {}, or {ports} is not forwarded by a router in front.",
            turn.says(
                "its TLS listener did not start, because coturn cannot read `cert` or `pkey` (its log says so; its user needs the right to), because the key is of another certificate, or because `no-tls` is set",
                "it has no `listen` entry with `transport: tls` and `tls: true`, or cannot read `tls_crt_file` or `tls_key_file`",
                "its TLS listener did not start, because it cannot read the certificate or the key (in coturn `cert` and `pkey`; its log says so), because the key is of another certificate, or because TLS is off (`no-tls`)"
            )
        ),
        false => {
            let transport = places.iter().next().map_or("it", |place| transport_name(place.transport));
            format!(
                "{runs}: forward {ports} in a router in front as well, see that {}, or take the URI out of \
                 {uris}.",
                turn.says(
                    &format!("`no-{}` is not set in turnserver.conf and `listening-port` is right", transport.to_lowercase()),
                    &format!("eturnal.yml has a `listen` entry with `transport: {}`", transport.to_lowercase()),
                    &format!("the TURN server serves {transport} there (in coturn: no `no-{}`)", transport.to_lowercase())
                )
            )
        }
    }
}

fn not_turn(
    places: &Places,
    stranger: Stranger,
    sibling: Option<Place>,
    setup: &Setup,
) -> (String, String) {
    let (turn, uris) = (&setup.turn, setup.homeserver.uris());
    let own_port = format!(
        "Correct the port in {uris}{}, or give the TURN server a port of its own: a reverse proxy for HTTP does \
         not carry TURN.",
        sibling.map_or_else(String::new, |sibling| format!(" (TURN is spoken at {sibling})"))
    );
    match stranger {
        Stranger::Http => (format!("A web server answers at {places}, and no TURN server."), own_port),
        Stranger::Tls => (
            format!("At {places} TLS is spoken, and the URI is for plain TURN."),
            format!("In {uris}, write turns: instead of turn:, or the TURN server's port without TLS."),
        ),
        Stranger::PlainStun => (
            format!("At {places} TURN is spoken without TLS, and the URI is for TLS (turns:)."),
            format!(
                "{}, or write turn: instead of turns: in {uris}; if a proxy is to end TLS, the port is the proxy's.",
                turn.says(
                    "Set `cert` and `pkey` in turnserver.conf, take out `no-tls`, and check in coturn's log that it can read them",
                    "Set `tls: true` for the `listen` entry in eturnal.yml",
                    "Give the TURN server a certificate that it can read (in coturn `cert` and `pkey`, without `no-tls`)",
                )
            ),
        ),
        Stranger::ProxyProtocol => (
            format!(
                "What listens at {places} waits for a header of the PROXY protocol, which clients do not send."
            ),
            format!(
                "Write the port of the proxy in front of it in {uris}, or switch the PROXY protocol off{}.",
                turn.says(" (in coturn `tcp-proxy-port` is the port for it)", " (`proxy_protocol` in `listen`)", "")
            ),
        ),
        Stranger::HangsUp => (
            format!("What listens at {places} accepts connections, and closes them without an answer: it speaks no TURN."),
            format!(
                "If it is a proxy, check that the TURN server behind it runs and that the proxy passes on TCP as \
                 it is; if not, {}",
                lowered(&own_port)
            ),
        ),
        Stranger::Mute => (
            format!("What listens at {places} accepts connections, and does not answer TURN."),
            format!(
                "If it is a proxy, check that it leads to the TURN server and sends no header of the PROXY \
                 protocol that the server does not expect; if not, {}",
                lowered(&own_port)
            ),
        ),
        Stranger::Unknown => (
            format!("Something else than a TURN server answers at {places}."),
            own_port,
        ),
    }
}

fn lowered(sentence: &str) -> String {
    let mut chars = sentence.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

fn password_rejected(origin: Origin, setup: &Setup) -> String {
    let (turn, homeserver) = (&setup.turn, setup.homeserver);
    let user = match origin {
        Origin::Given => "the name and the password".to_owned(),
        _ => homeserver.user().to_owned(),
    };
    turn.says(
        &format!(
            "Take `use-auth-secret` and `static-auth-secret` out of turnserver.conf, since they switch `user=` \
             off, and set `lt-cred-mech` and `user=NAME:PASSWORD` with {user}; a user in coturn's database \
             must have the same `realm`. Or use a shared secret on both sides: {} and `static-auth-secret`.",
            homeserver.secret()
        ),
        &format!("Add {user} to `credentials` in eturnal.yml, or use a shared secret on both sides."),
        &format!(
            "Check that the TURN server knows {user} in its realm (in coturn `lt-cred-mech` and \
             `user=NAME:PASSWORD`, which `use-auth-secret` switches off), or use a shared secret on both sides."
        ),
    )
}

fn quota(user: QuotaUser, turn: &TurnSoftware) -> Explanation {
    let limits = turn.says(
        "Raise `user-quota` in turnserver.conf to 12 or more, and `total-quota` to a multiple of that",
        "Raise `max_allocations` in eturnal.yml to 12 or more",
        "Raise the TURN server's quota for one user to 12 or more (in coturn `user-quota`, and `total-quota` to a multiple of that)",
    );
    match user {
        QuotaUser::Ours => say(
            "quota",
            "The TURN server allows fewer relays at a time than a call takes (486).",
            format!("{limits}."),
        ),
        QuotaUser::Others => say(
            "quota",
            "The quota of the account or of the server is used up (486), and not by this test.",
            format!(
                "{limits}; relays of calls that broke off count until they expire, after ten minutes. If it \
                 stays so, look in the log for who uses them."
            ),
        ),
        QuotaUser::Bandwidth => say(
            "bandwidth_quota",
            "The TURN server has no bandwidth left for another relay (486).",
            turn.says(
                "Raise `bps-capacity` in turnserver.conf, or lower `max-bps`, which each relay reserves of it.",
                "Raise `max_bps` in eturnal.yml.",
                "Raise the TURN server's limit of bandwidth (in coturn `bps-capacity`).",
            ),
        ),
    }
}

fn reload(turn: &TurnSoftware) -> String {
    turn.says(
        "and have coturn read it again after each renewal, by a restart or SIGUSR2",
        "and have eturnal read it again after each renewal, by `eturnalctl reload`",
        "and have the TURN server read it again after each renewal",
    )
}

fn certificate(host: &str, fault: &CertificateFault, setup: &Setup) -> Explanation {
    let (turn, uris) = (&setup.turn, setup.homeserver.uris());
    let now = SystemTime::now();
    let until = |later: SystemTime| later.duration_since(now).unwrap_or(Duration::ZERO);
    let cert = turn.says(
        "`cert` in turnserver.conf",
        "`tls_crt_file` in eturnal.yml",
        "the TURN server's certificate (in coturn `cert`)",
    );
    let known_authority = format!(
        "Set {cert} to a certificate of an authority that browsers know, such as Let's Encrypt."
    );
    match fault {
        CertificateFault::Expired { at } => say(
            "certificate_expired",
            format!(
                "The TURN server's certificate expired {} ago.",
                in_words(now.duration_since(*at).unwrap_or_default())
            ),
            format!("Renew the certificate, {}.", reload(turn)),
        ),
        CertificateFault::NotYetValid { from } => say(
            "certificate_not_yet_valid",
            format!("The TURN server's certificate is valid only in {}.", in_words(until(*from))),
            "Check this machine's clock, and for which time the certificate was made.",
        ),
        CertificateFault::WrongName { names } => say(
            "certificate_wrong_name",
            match names.as_slice() {
                [] => format!("The TURN server's certificate names no host, and so not {host}."),
                names => {
                    let names: Vec<_> = names.iter().map(|name| name.as_str()).collect();
                    format!(
                        "The TURN server's certificate is for {}, not for {host}.",
                        names.join(", ")
                    )
                }
            },
            format!(
                "Write the certificate's name in {uris}, or get a certificate for {host} and name it by {cert}."
            ),
        ),
        CertificateFault::SelfSigned => say(
            "certificate_self_signed",
            "The TURN server's certificate is signed by itself, so no client trusts it.",
            known_authority,
        ),
        CertificateFault::UnknownIssuer { issuer } => say(
            "certificate_unknown_issuer",
            format!(
                "The TURN server's certificate is signed by \"{issuer}\", which neither this machine nor \
                 browsers trust."
            ),
            known_authority,
        ),
        CertificateFault::IncompleteChain { issuer } => say(
            "certificate_incomplete_chain",
            format!(
                "The TURN server does not send the certificate of \"{issuer}\" along with its own, so clients \
                 cannot follow the chain to an authority that they trust."
            ),
            format!(
                "Set {cert} to the file with the whole chain: with Let's Encrypt, fullchain.pem instead of cert.pem."
            ),
        ),
        CertificateFault::Revoked => say(
            "certificate_revoked",
            "The TURN server's certificate has been revoked.",
            format!("Get another certificate, {}.", reload(turn)),
        ),
        CertificateFault::Other(why) => say(
            "certificate_not_accepted",
            format!("The TURN server's certificate is not accepted: {why}."),
            known_authority,
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use matrix_sdk_turn::{IceTransport, InvalidIceUri};

    use super::{super::setup::Homeserver, *};
    use crate::failure::Text;

    const HOUR: Duration = Duration::from_secs(3600);

    fn setups() -> Vec<Setup> {
        let servers = [Homeserver::Synapse, Homeserver::Dendrite, Homeserver::Unknown];
        let turn = [
            TurnSoftware::Coturn,
            TurnSoftware::Eturnal,
            TurnSoftware::Other(Text::new("other 1.0")),
            TurnSoftware::Unknown,
        ];
        let with = |homeserver| turn.clone().map(|turn| Setup { homeserver, turn });
        servers.into_iter().flat_map(with).collect()
    }

    /// Causes, each with a piece of its meaning, and one of its advice for Synapse and coturn.
    fn sentences() -> Vec<(Cause, &'static str, &'static str)> {
        let text = || Text::new("why");
        let at: SocketAddr = "192.0.2.1:3478".parse().unwrap();
        let ip = at.ip();
        let udp = Place::new(at, IceTransport::Udp);
        let tls = Place { is_tls: true, ..Place::new(at, IceTransport::Tcp) };
        let certificate = |fault| Cause::Certificate { host: "a".to_owned(), fault };
        let name = |host: &str, fault| Cause::UnknownName { host: host.to_owned(), fault };
        let not_turn =
            |stranger| Cause::NotTurn { places: tls.into(), stranger, sibling: Some(udp) };
        let clocks = |homeserver_is_behind, rejected| Cause::ClocksDiffer {
            homeserver_is_behind,
            by: HOUR,
            rejected,
        };
        let secrets = Cause::SecretsDiffer {
            origin: Origin::Homeserver,
            valid_for: HOUR,
            clocks_agree: true,
        };
        let past = SystemTime::now() - HOUR - HOUR / 30;
        let future = SystemTime::now() + HOUR + HOUR / 30;
        vec![
            (Cause::NoTurn, "hands out no TURN server", "Element X and Element Call use LiveKit"),
            (Cause::Misconfigured(text()), "no client can use: why", "`turn_shared_secret`"),
            (Cause::Forbidden, "refuses TURN servers", "`turn_allow_guests: true`"),
            (Cause::NoTurnUri, "no TURN server, so nothing is relayed", "`turn_uris`"),
            (Cause::UnusableUri(InvalidIceUri::Slash), "a slash follows", "`turn_uris`"),
            (
                Cause::PrivateUri("10.0.0.1".parse().unwrap()),
                "private address 10.0.0.1",
                "public name",
            ),
            (Cause::PrivateUri("127.0.0.1".parse().unwrap()), "its own machine", "public name"),
            (Cause::PortRefusedByBrowsers(993), "port 993", "`listening-port`"),
            (name("a.b", NameFault::Unknown), "does not exist in DNS", "AAAA record"),
            (name("a.b", NameFault::NoRecord), "look up no SRV", "AAAA record"),
            (name("a.b", NameFault::Resolver(text())), "a name server fails: why", "resolv.conf"),
            (name("coturn", NameFault::Unknown), "it has no domain", "whole internet"),
            (Cause::SlowName("a".to_owned()), "does not say in time", "resolv.conf"),
            (
                Cause::PortClosed { places: udp.into(), sibling: None },
                "Nothing listens at 192.0.2.1:3478 over UDP",
                "`listening-ip=PUBLIC` behind NAT",
            ),
            (
                Cause::PortClosed { places: tls.into(), sibling: Some(udp) },
                "is refused",
                "cannot read `cert` or `pkey`",
            ),
            (
                Cause::PortClosed { places: udp.into(), sibling: Some(tls) },
                "is refused",
                "`no-udp` is not set",
            ),
            (Cause::Silent { places: udp.into(), sibling: None }, "Nothing comes back", "3478/udp"),
            (
                Cause::Silent { places: tls.into(), sibling: Some(udp) },
                "while TURN works at 192.0.2.1:3478 over UDP",
                "as is done for 3478/udp",
            ),
            (Cause::Rejected(udp.into()), "A firewall rejects", "firewall-cmd"),
            (Cause::UdpFiltered { port: 3478 }, "while TCP works", "3478/udp"),
            (Cause::Ipv6Dead { ip }, "where nothing answers, while IPv4", "`listening-ip`"),
            (Cause::NoRoute { ipv6: true }, "has no IPv6", "network that has IPv6"),
            (Cause::NoRoute { ipv6: false }, "no route to", "`turn_uris`"),
            (Cause::Unroutable { ip, why: Unreachable::Network }, "no route to 192", "DNS"),
            (Cause::Unroutable { ip, why: Unreachable::Host }, "cannot be reached", "DNS"),
            (Cause::HeldBack(udp.into()), "This machine's own firewall", "another machine"),
            (Cause::Hairpin(at), "The router of this network", "from outside"),
            (Cause::AnsweredFrom { asked: at, from: at }, "is answered from", "`listening-ip`"),
            (Cause::BehindWebProxy("a".to_owned()), "leads to a web proxy", "grey cloud"),
            (not_turn(Stranger::Http), "A web server answers", "TURN is spoken at 192.0.2.1"),
            (not_turn(Stranger::Tls), "TLS is spoken", "turns:"),
            (not_turn(Stranger::PlainStun), "without TLS", "`no-tls`"),
            (not_turn(Stranger::ProxyProtocol), "PROXY protocol", "`tcp-proxy-port`"),
            (not_turn(Stranger::HangsUp), "closes them", "behind it runs"),
            (not_turn(Stranger::Mute), "does not answer TURN", "leads to the TURN server"),
            (not_turn(Stranger::Unknown), "Something else", "port"),
            (certificate(CertificateFault::Expired { at: past }), "expired 1 hour 2", "SIGUSR2"),
            (
                certificate(CertificateFault::NotYetValid { from: future }),
                "only in 1 hour",
                "clock",
            ),
            (
                certificate(CertificateFault::WrongName { names: vec![text()] }),
                "for why, not for a",
                "`cert`",
            ),
            (
                certificate(CertificateFault::WrongName { names: vec![] }),
                "names no host",
                "`turn_uris`",
            ),
            (certificate(CertificateFault::SelfSigned), "signed by itself", "`cert`"),
            (certificate(CertificateFault::UnknownIssuer { issuer: text() }), "\"why\"", "`cert`"),
            (
                certificate(CertificateFault::IncompleteChain { issuer: text() }),
                "chain",
                "fullchain.pem",
            ),
            (certificate(CertificateFault::Revoked), "revoked", "another certificate"),
            (certificate(CertificateFault::Other(text())), "not accepted: why", "`cert`"),
            (Cause::ClientCertificate, "a certificate of the client", "`CA-file`"),
            (Cause::TlsFails(text()), "no common TLS: why", "`no-tls`"),
            (Cause::CertificateExpiresSoon { days: 0 }, "within a day", "Renew"),
            (Cause::CertificateExpiresSoon { days: 1 }, "in 1 day.", "SIGUSR2"),
            (
                Cause::Expired { ago: HOUR, origin: Origin::Homeserver },
                "expired 1 hour ago",
                "`turn_user_lifetime`",
            ),
            (Cause::Expired { ago: HOUR, origin: Origin::Saved }, "expired 1 hour ago", "Fetch"),
            (clocks(true, true), "1 hour behind this machine's, so the TURN server rejects", "NTP"),
            (clocks(true, false), "expire that much too early", "`timedatectl`"),
            (clocks(false, false), "1 hour ahead of this machine's", "`timedatectl`"),
            (
                secrets,
                "another 1 hour, and the homeserver's clock agrees",
                "a semicolon or a comment",
            ),
            (
                Cause::PasswordRejected { origin: Origin::Given },
                "the username and the",
                "switch `user=` off",
            ),
            (
                Cause::PasswordRejected { origin: Origin::Saved },
                "rejects the username",
                "the same `realm`",
            ),
            (Cause::OpenRelay, "demands no credentials", "`no-auth`"),
            (Cause::NoChallenge("a realm"), "without a realm", "`realm`"),
            (Cause::UnsupportedAlgorithm, "MD5", "MD5"),
            (Cause::OnlyStun, "lends no relays", "`stun-only`"),
            (Cause::NoBinding, "answers no Binding requests", "`secure-stun`"),
            (Cause::FellSilent, "answers nothing any more", "`max-bps`"),
            (
                Cause::PeerDenied { ip, server: ip },
                "its own address 192.0.2.1 (403)",
                "`allowed-peer-ip=PRIVATE`",
            ),
            (
                Cause::PeerDenied { ip: "127.0.0.1".parse().unwrap(), server: ip },
                "(403)",
                "`allow-loopback-peers`",
            ),
            (Cause::OwnAddressDenied(ip), "this machine's address 192.0.2.1", "`denied-peer-ip`"),
            (Cause::WrongFamily { code: 440 }, "(440)", "`relay-ip`"),
            (Cause::WrongFamily { code: 443 }, "(443)", "`external-ip`"),
            (Cause::Quota(QuotaUser::Ours), "than a call takes (486)", "`user-quota`"),
            (Cause::Quota(QuotaUser::Others), "not by this test", "`total-quota`"),
            (Cause::Quota(QuotaUser::Bandwidth), "no bandwidth", "`bps-capacity`"),
            (Cause::NoRelayAddress, "even the first relay (508)", "`relay-ip`"),
            (Cause::NoPorts, "(508)", "`max-port`"),
            (
                Cause::PrivateRelay { relay: "10.0.0.5".parse().unwrap(), server: ip },
                "the private address 10.0.0.5",
                "`external-ip=192.0.2.1/10.0.0.5`",
            ),
            (
                Cause::RelayElsewhere { relay: "198.51.100.1".parse().unwrap(), server: ip },
                "outdated",
                "`external-ip=192.0.2.1/PRIVATE`",
            ),
            (
                Cause::RelayedDataLost { relay: at, is_reached_from_outside: true },
                "its own relays",
                "`external-ip=192.0.2.1/PRIVATE`",
            ),
            (
                Cause::RelayedDataLost { relay: at, is_reached_from_outside: false },
                "from outside and from each other",
                "`min-port`",
            ),
            (Cause::RelayPortsFiltered { relay: at }, "a firewall drops UDP", "`max-port`"),
            (Cause::OnlyAnswers, "lets nothing out but answers", "relay ports"),
            (
                Cause::SourceNat { seen: ip, local: ip, is_near: false },
                "relays drop the data",
                "`externalTrafficPolicy: Local`",
            ),
            (Cause::SourceNat { seen: ip, local: ip, is_near: true }, "private address", "outside"),
            (Cause::Refused { code: 500, reason: text() }, "refuses: 500 why", "`verbose`"),
            (
                Cause::Redirected { to: Some(at), in_circle: false },
                "sends clients on to 192.0.2.1:3478",
                "`alternate-server`",
            ),
            (
                Cause::Redirected { to: Some(at), in_circle: true },
                "in a circle",
                "`alternate-server`",
            ),
            (
                Cause::Redirected { to: None, in_circle: false },
                "without saying",
                "`alternate-server`",
            ),
            (Cause::WrongTransaction, "ids of other requests", "proxy"),
            (Cause::WrongFingerprint, "wrong checksum", "ALG"),
            (Cause::WrongSignature, "another password", "one TURN server"),
            (Cause::Misbehaves(text()), "does not behave like one (why)", "`turn_uris`"),
            (Cause::OnlyUdp, "over UDP only", "?transport=tcp"),
            (Cause::NoTls, "no turns: URI", "`tls-listening-port=443`"),
            (Cause::NoHttpsPort, "No turns: URI has port 443", "`tls-listening-port=443`"),
            (Cause::ShortTtl(HOUR / 20), "expire after 3 minutes", "`turn_user_lifetime`"),
            (Cause::DtlsNotTried, "DTLS", "?transport=tcp"),
        ]
    }

    #[test]
    fn each_cause_says_what_it_means_and_what_to_change() {
        let usual = Setup { homeserver: Homeserver::Synapse, turn: TurnSoftware::Coturn };
        for (cause, meaning, advice) in sentences() {
            let explanation = cause.explain(&usual);
            assert!(explanation.meaning.contains(meaning), "{explanation:?}");
            assert!(explanation.advice.contains(advice), "{explanation:?}");
        }
    }

    #[test]
    fn sentences_are_whole_whatever_the_software() {
        for (setup, (cause, ..)) in
            setups().iter().flat_map(|setup| sentences().into_iter().map(move |c| (setup, c)))
        {
            let Explanation { meaning, advice, .. } = cause.explain(setup);
            assert_eq!(meaning.matches(". ").count(), 0, "one sentence: {meaning}");
            for text in [meaning, advice] {
                let mut chars = text.chars();
                let first = chars.next().unwrap();
                assert!(first.is_uppercase() || text.starts_with("coturn"), "{text}");
                assert!(text.ends_with('.') && !text.contains("  "), "{text}");
                assert_eq!(text.matches('`').count() % 2, 0, "{text}");
            }
        }
    }
}
