//! What depends on more than the cause: which certificate is wrong in which way, what listens at a port,
//! which limit is reached.

use std::time::{Duration, SystemTime};

use super::{
    cause::{Place, Places, QuotaUser, transport_name},
    circumstances::Origin,
    explanation::{Explanation, say},
    setup::{Setup, TurnSoftware},
    words::in_words,
};
use crate::failure::{CertificateFault, NameFault, Stranger};

/// coturn takes no credentials of a homeserver without a secret, and reads a line to its end.
pub(super) const SECRET_IN_COTURN: &str = "Check that turnserver.conf sets `static-auth-secret` at all: without it, coturn \
                                rejects all credentials that are made with a secret. Everything after its `=` \
                                counts, so a semicolon or a comment behind the secret become a part of it, as \
                                quotes do in some versions. ";

pub(super) fn name(host: &str, fault: &NameFault, setup: &Setup) -> Explanation {
    let uris = setup.homeserver.uris();
    let is_short = !host.trim_end_matches('.').contains('.');
    let (meaning, advice) = match fault {
        _ if is_short => (
            format!("The name {host} cannot be looked up: it has no domain, as the names of containers \
                     and of a home network."),
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

pub(super) fn port_closed(places: &Places, sibling: Option<Place>, setup: &Setup) -> String {
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
                "its TLS listener did not start, because coturn cannot read `cert` or `pkey` (its log \
                 says so; its user needs the right to), because the key is of another certificate, or \
                 because `no-tls` is set",
                "it has no `listen` entry with `transport: tls` (or `auto`), or cannot read \
                 `tls_crt_file` or `tls_key_file`",
                "its TLS listener did not start, because it cannot read the certificate or the key (in \
                 coturn `cert` and `pkey`; its log says so), because the key is of another certificate, \
                 or because TLS is off (`no-tls`)"
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

pub(super) fn not_turn(
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
                "{}, or write turn: instead of turns: in {uris}; if a proxy is to end TLS, the port is \
                 the proxy's.",
                turn.says(
                    "Set `cert` and `pkey` in turnserver.conf, take out `no-tls`, and check in coturn's \
                     log that it can read them",
                    "Set `transport: tls` (or `auto`, which serves TCP as well) for the `listen` entry in eturnal.yml",
                    "Give the TURN server a certificate that it can read (in coturn `cert` and `pkey`, \
                     without `no-tls`)",
                )
            ),
        ),
        Stranger::ProxyProtocol => (
            format!(
                "What listens at {places} waits for a header of the PROXY protocol, which clients do not \
                 send."
            ),
            format!(
                "Write the port of the proxy in front of it in {uris}, or switch the PROXY protocol off{}.",
                turn.says(" (in coturn `tcp-proxy-port` is the port for it)", " (`proxy_protocol` in `listen`)", "")
            ),
        ),
        Stranger::HangsUp => (
            format!("What listens at {places} accepts connections, and closes them without an answer: it \
                     speaks no TURN."),
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

pub(super) fn password_rejected(origin: Origin, setup: &Setup) -> String {
    let (turn, homeserver) = (&setup.turn, setup.homeserver);
    let user = match origin {
        Origin::Given => "the name and the password".to_owned(),
        _ => homeserver.user(),
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

pub(super) fn quota(user: QuotaUser, turn: &TurnSoftware) -> Explanation {
    let limits = turn.says(
        "Raise `user-quota` in turnserver.conf to 12 or more, and `total-quota` to a multiple of that",
        "Raise `max_allocations` in eturnal.yml to 12 or more",
        "Raise the TURN server's quota for one user to 12 or more (in coturn `user-quota`, and \
         `total-quota` to a multiple of that)",
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
                "Raise `bps-capacity` in turnserver.conf, or lower `max-bps`, which each relay reserves \
                 of it.",
                "Raise `max_bps` in eturnal.yml.",
                "Raise the TURN server's limit of bandwidth (in coturn `bps-capacity`).",
            ),
        ),
    }
}

pub(super) fn reload(turn: &TurnSoftware) -> String {
    turn.says(
        "and have coturn read it again after each renewal, by a restart or SIGUSR2",
        "and have eturnal read it again after each renewal, by `eturnalctl reload`",
        "and have the TURN server read it again after each renewal",
    )
}

pub(super) fn certificate(host: &str, fault: &CertificateFault, setup: &Setup) -> Explanation {
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
                "Write the certificate's name in {uris}, or get a certificate for {host} and name it by \
                 {cert}."
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
                "Set {cert} to the file with the whole chain: with Let's Encrypt, fullchain.pem instead \
                 of cert.pem."
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
