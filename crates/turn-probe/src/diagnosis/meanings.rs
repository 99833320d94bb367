//! What each cause means, and what to change: the only place that words a diagnosis.
//!
//! It is a table: each cause has one arm with its code, what it means in one sentence, and the advice in the
//! settings of the reader's own software. The compiler demands an arm for a new cause.

use super::{
    cause::{Cause, Places},
    circumstances::Origin,
    explanation::{Explanation, say},
    particulars::{
        SECRET_IN_COTURN, certificate, name, not_turn, password_rejected, port_closed, quota,
        reload,
    },
    setup::Setup,
    words::in_words,
};
use crate::failure::Unreachable;

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
                    "Set {}, and restart the homeserver. Element X and Element Call use LiveKit \
                     instead: if only their calls fail, this is not the cause.",
                    homeserver.uris_and_secret()
                ),
            ),
            Self::Misconfigured(what) => say(
                "misconfigured",
                format!("The homeserver hands out a TURN server that no client can use: {what}."),
                format!("Set {}.", homeserver.uris_and_credentials()),
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
                format!("A URI leads to the private address {ip}, which only clients in the same network \
                         reach."),
                format!("Write the TURN server's public name or address in {uris}."),
            ),
            Self::PortRefusedByBrowsers(port) => say(
                "port_refused_by_browsers",
                format!(
                    "Chromium and clients that are built on it do not connect to port {port}: below 1024 \
                     they take 53, 80 and 443 only."
                ),
                format!(
                    "Let the TURN server listen at 3478, at 443 or above 1023{}, and write that port in \
                     {uris}.",
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
                        "Set `tls_crt_file` and `tls_key_file`, and a `listen` entry with `port: 443` \
                         and `transport: tls`, in eturnal.yml",
                        "Give the TURN server a certificate and a TLS port 443 (in coturn `cert`, `pkey` \
                         and `tls-listening-port=443`)",
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
                    "There are too many URIs or addresses: this probe tries 32 URIs with 8 addresses \
                     each, and left out {count}."
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
                format!("Check this machine's network, and that {uris} leads to the TURN server's public \
                         address."),
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
                    "Take `CA-file` out of turnserver.conf; if a proxy ends TLS in front of coturn, \
                     switch the check of client certificates off there.",
                    "Switch the check of client certificates off in the proxy in front of eturnal.",
                    "Switch the check of client certificates off in the TURN server (in coturn \
                     `CA-file`) or in the proxy in front of it.",
                ),
            ),
            Self::TlsFails(why) => say(
                "tls_fails",
                format!("The TURN server and this machine find no common TLS: {why}."),
                turn.says(
                    "Set `cert` and `pkey` in turnserver.conf, take out `no-tls`, and allow TLS 1.2 or \
                     1.3 (`cipher-list`, `no-tlsv1_2`).",
                    "Set `tls_crt_file` and `tls_key_file` in eturnal.yml, and allow TLS 1.2 or 1.3 \
                     (`tls_options`).",
                    "Give the TURN server a certificate with its key (in coturn `cert` and `pkey`), and \
                     allow TLS 1.2 or 1.3.",
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
            Self::RejectedLater => say(
                "rejected_later",
                "The TURN server lends a relay with the credentials, and rejects them in a later request.",
                several_servers(&uris),
            ),
            Self::PasswordRejected { origin } => say(
                "password_rejected",
                "The TURN server rejects the username and the password.",
                password_rejected(*origin, setup),
            ),
            // eturnal always demands credentials.
            Self::OpenRelay => say(
                "open_relay",
                "The TURN server demands no credentials: it relays for the whole internet, which strangers \
                 use for attacks in its name.",
                format!(
                    "{}, with the value of {}.",
                    turn.says(
                        "Take `no-auth` out of turnserver.conf if it is there, and set \
                         `use-auth-secret` and `static-auth-secret`",
                        "Make the TURN server demand credentials",
                        "Make the TURN server demand credentials (in coturn: no `no-auth`, but \
                         `use-auth-secret` and `static-auth-secret`)",
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
                        "In eturnal.yml, take `enable_turn: false` out of the `listen` entry, and set \
                         `relay_ipv4_addr` to the machine's address and `secret`, without which eturnal \
                         lends no relays",
                        "Switch TURN on in the server (in coturn: no `stun-only`)",
                    )
                ),
            ),
            Self::NoBinding => say(
                "no_binding",
                "The TURN server relays, and answers no Binding requests, so clients do not learn their public \
                 address from it.",
                turn.says(
                    "Relaying needs nothing else; to have both, take `no-stun` and `secure-stun` out of \
                     turnserver.conf.",
                    "Relaying needs nothing else.",
                    "Relaying needs nothing else; in coturn, `no-stun` and `secure-stun` have this effect.",
                ),
            ),
            Self::FellSilent { is_busy: false } => say(
                "fell_silent",
                "The TURN server asks for credentials, and answers nothing any more once it has them: it holds \
                 back its own answers.",
                turn.says(
                    "Raise `max-bps` and `bps-capacity` in turnserver.conf, which are in bytes per \
                     second, or take them out; if they are not set, look at coturn's log with `verbose`.",
                    "Raise `max_bps` in eturnal.yml, or take it out.",
                    "Raise the TURN server's limit of bandwidth (in coturn `max-bps` and `bps-capacity`, \
                     in bytes per second), or look at its log.",
                ),
            ),
            Self::FellSilent { is_busy: true } => say(
                "fell_silent",
                "The TURN server asks for credentials, and then answers nothing at all for a while: it \
                 looks for a relay in vain, at an address that its machine does not have, or is \
                 overloaded.",
                turn.says(
                    "Take `relay-ip` out of turnserver.conf, or set it to an address that `ip addr` shows; \
                     a public address behind NAT belongs into `external-ip=PUBLIC/PRIVATE`. If it is \
                     right, look at coturn's log with `verbose`, and at `max-bps`.",
                    "Look at eturnal's log, and at the load of its machine.",
                    "Let the TURN server relay at an address of its own machine (in coturn `relay-ip`), \
                     and look at its log and at the load of its machine.",
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
                        "Set `allow-loopback-peers` in turnserver.conf for this test alone, and take \
                         loopback addresses out of `denied-peer-ip` if they are there; a server for \
                         others needs `relay-ip` with an address of the network instead.",
                        "Take the loopback range out of `blacklist_peers` in eturnal.yml for this test \
                         alone.",
                        "Allow loopback addresses as peers for this test alone (in coturn \
                         `allow-loopback-peers`); a server for others needs relays with an address of \
                         the network instead.",
                    ),
                    false => turn.says(
                        &format!("The `denied-peer-ip` ranges in turnserver.conf include the server \
                                  itself: add `allowed-peer-ip={ip}` beside them; behind NAT, set \
                                  `external-ip={server}/PRIVATE` and add `allowed-peer-ip=PRIVATE` as \
                                  well, with the address that `ip addr` shows for PRIVATE."),
                        &format!("Add {ip} to `whitelist_peers` in eturnal.yml, and the machine's \
                                  private address if it is behind NAT."),
                        &format!("Allow {ip} as a peer, beside the denied ranges that include it, and \
                                  behind NAT the machine's private address as well (in coturn \
                                  `allowed-peer-ip`)."),
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
                    &format!("Narrow the `denied-peer-ip` range in turnserver.conf that includes {ip} to \
                              private networks; if this machine is in one, try from outside."),
                    &format!("Take the range that includes {ip} out of `blacklist_peers` in eturnal.yml, \
                              unless it is a private network."),
                    &format!("Narrow the TURN server's range of denied peers that includes {ip} to \
                              private networks; if this machine is in one, try from outside."),
                ),
            ),
            Self::WrongFamily { code: 440 } => say(
                "wrong_family",
                "The TURN server lends no relay with an IPv4 address (440), and clients ask for one.",
                turn.says(
                    "Add an IPv4 address to `relay-ip` in turnserver.conf, or take out \
                     `allocation-default-address-family`.",
                    "Set `relay_ipv4_addr` in eturnal.yml.",
                    "Give the TURN server's relays an IPv4 address (in coturn `relay-ip`).",
                ),
            ),
            Self::WrongFamily { .. } => say(
                "wrong_family",
                "The TURN server's relays have addresses of different families, and do not reach each other \
                 (443).",
                turn.says(
                    "Give `relay-ip` and `external-ip` in turnserver.conf an address of each family that \
                     the server listens on.",
                    "Set `relay_ipv4_addr` and `relay_ipv6_addr` in eturnal.yml.",
                    "Give the TURN server's relays an address of each family that it listens on (in \
                     coturn `relay-ip` and `external-ip`).",
                ),
            ),
            Self::Quota(user) => quota(*user, turn),
            Self::NoRelayAddress => say(
                "no_relay_address",
                "The TURN server cannot open even the first relay (508): the address that it is to relay at is \
                 none of its machine's, or its port range is empty or taken.",
                turn.says(
                    "Take `relay-ip` out of turnserver.conf, or set it to an address that `ip addr` \
                     shows; a public address behind NAT belongs into `external-ip=PUBLIC/PRIVATE`. If it \
                     is right, widen `min-port` to `max-port`.",
                    "Widen `relay_min_port` to `relay_max_port` in eturnal.yml.",
                    "Let the TURN server relay at an address of its own machine (in coturn `relay-ip`; a \
                     public address behind NAT belongs into `external-ip=PUBLIC/PRIVATE`), or widen its \
                     port range.",
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
                        "Check `alternate-server` and `tls-alternate-server` in turnserver.conf: it must \
                         be another server that is reached from outside.",
                        "Check which server eturnal sends clients on to.",
                        "Check which server the TURN server sends clients on to (in coturn \
                         `alternate-server`).",
                    ),
                )
            }
            Self::WrongTransaction => say(
                "wrong_transaction",
                "Answers have the ids of other requests, so clients drop them.",
                format!("Check that {uris} leads to the TURN server itself, past any proxy that changes \
                         messages."),
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
                several_servers(&uris),
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

fn several_servers(uris: &str) -> String {
    format!(
        "Check that {uris} leads to one TURN server, and not to several with different secrets."
    )
}

#[cfg(test)]
mod tests;
