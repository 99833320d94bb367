//! Every sentence of a diagnosis.

use std::net::SocketAddr;

use matrix_sdk_turn::{IceTransport, InvalidIceUri};

use super::{
    super::{
        cause::{Place, QuotaUser},
        circumstances::Origin,
        setup::{Homeserver, TurnSoftware},
    },
    *,
};
use crate::failure::Text;
use crate::failure::{CertificateFault, NameFault, Stranger, Unreachable};
use std::time::{Duration, SystemTime};

const HOUR: Duration = Duration::from_secs(3600);

fn setups() -> Vec<Setup> {
    let servers = [
        Homeserver::Synapse,
        Homeserver::Dendrite,
        Homeserver::Conduit,
        Homeserver::Conduwuit,
        Homeserver::Unknown,
    ];
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
    let not_turn = |stranger| Cause::NotTurn { places: tls.into(), stranger, sibling: Some(udp) };
    let clocks = |homeserver_is_behind, rejected| Cause::ClocksDiffer {
        homeserver_is_behind,
        by: HOUR,
        rejected,
    };
    let secrets =
        Cause::SecretsDiffer { origin: Origin::Homeserver, valid_for: HOUR, clocks_agree: true };
    let past = SystemTime::now() - HOUR - HOUR / 30;
    let future = SystemTime::now() + HOUR + HOUR / 30;
    vec![
        (Cause::NoTurn, "hands out no TURN server", "Element X and Element Call use LiveKit"),
        (Cause::Misconfigured(text()), "no client can use: why", "`turn_shared_secret`"),
        (Cause::Forbidden, "refuses TURN servers", "`turn_allow_guests: true`"),
        (Cause::NoTurnUri, "no TURN server, so nothing is relayed", "`turn_uris`"),
        (Cause::UnusableUri(InvalidIceUri::Slash), "a slash follows", "`turn_uris`"),
        (Cause::PrivateUri("10.0.0.1".parse().unwrap()), "private address 10.0.0.1", "public name"),
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
        (certificate(CertificateFault::NotYetValid { from: future }), "only in 1 hour", "clock"),
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
        (secrets, "another 1 hour, and the homeserver's clock agrees", "a semicolon or a comment"),
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
        (Cause::RejectedLater, "rejects them in a later request", "one TURN server"),
        (Cause::OpenRelay, "demands no credentials", "`no-auth` out of turnserver.conf if it is"),
        (Cause::NoChallenge("a realm"), "without a realm", "`realm`"),
        (Cause::UnsupportedAlgorithm, "MD5", "MD5"),
        (Cause::OnlyStun, "lends no relays", "`stun-only`"),
        (Cause::NoBinding, "answers no Binding requests", "`secure-stun`"),
        (Cause::FellSilent { is_busy: false }, "answers nothing any more", "`max-bps`"),
        (Cause::FellSilent { is_busy: true }, "looks for a relay in vain", "`relay-ip`"),
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
        (Cause::Redirected { to: Some(at), in_circle: true }, "in a circle", "`alternate-server`"),
        (Cause::Redirected { to: None, in_circle: false }, "without saying", "`alternate-server`"),
        (Cause::WrongTransaction, "ids of other requests", "proxy"),
        (Cause::WrongFingerprint, "wrong checksum", "ALG"),
        (Cause::WrongSignature, "another password", "one TURN server"),
        (Cause::Misbehaves(text()), "does not behave like one (why)", "`turn_uris`"),
        (Cause::OnlyUdp, "over UDP only", "?transport=tcp"),
        (Cause::NoTls, "no turns: URI", "`tls-listening-port=443`"),
        (Cause::NoHttpsPort, "No turns: URI has port 443", "`tls-listening-port=443`"),
        (Cause::ShortTtl(HOUR / 20), "expire after 3 minutes", "`turn_user_lifetime`"),
        (Cause::DtlsNotTried, "DTLS", "?transport=tcp"),
        (Cause::TooMany(8), "and left out 8", "`turn_uris`"),
        (Cause::OutOfTime, "The time for the whole probe was over", "by itself"),
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

#[test]
fn settings_in_one_file_name_it_once() {
    let advice = |homeserver, cause: Cause| {
        cause.explain(&Setup { homeserver, turn: TurnSoftware::Unknown }).advice
    };
    for (homeserver, said) in [
        (Homeserver::Synapse, "Set `turn_uris` and `turn_shared_secret` in homeserver.yaml, and"),
        (
            Homeserver::Conduit,
            "Set `turn_uris` and `turn_secret` under `[global]` in conduit.toml (or under `[turn]`, \
             without `turn_`), and",
        ),
        (
            Homeserver::Conduwuit,
            "Set `turn_uris` and `turn_secret` in the homeserver's TOML file, and",
        ),
    ] {
        let advice = advice(homeserver, Cause::NoTurn);
        assert!(advice.starts_with(said), "{advice}");
    }
    assert_eq!(
        advice(Homeserver::Synapse, Cause::Misconfigured(Text::new("why"))),
        "Set `turn_uris` and either `turn_shared_secret` or `turn_username` and `turn_password` in \
         homeserver.yaml."
    );
}

#[test]
fn a_coturn_without_a_secret_is_thought_of() {
    let cause =
        Cause::SecretsDiffer { origin: Origin::Homeserver, valid_for: HOUR, clocks_agree: true };
    for (turn, is_said) in [(TurnSoftware::Coturn, true), (TurnSoftware::Eturnal, false)] {
        let setup = Setup { homeserver: Homeserver::Synapse, turn };
        let advice = cause.explain(&setup).advice;
        let says = advice.contains("Check that turnserver.conf sets `static-auth-secret` at all");
        assert_eq!(says, is_said, "{advice}");
    }
}

/// Causes, each with a piece of its advice for eturnal, whose settings are few.
#[test]
fn eturnal_is_advised_with_its_own_settings() {
    let setup = Setup { homeserver: Homeserver::Synapse, turn: TurnSoftware::Eturnal };
    let at: SocketAddr = "192.0.2.1:3478".parse().unwrap();
    let udp = Place::new(at, IceTransport::Udp);
    let tls = Place { is_tls: true, ..Place::new(at, IceTransport::Tcp) };
    let plain = Cause::NotTurn { places: tls.into(), stranger: Stranger::PlainStun, sibling: None };
    for (cause, said) in [
        (plain, "`transport: tls` (or `auto`"),
        (Cause::PortClosed { places: tls.into(), sibling: Some(udp) }, "`transport: tls` (or"),
        (Cause::OnlyStun, "`relay_ipv4_addr` to the machine's address and `secret`"),
        (Cause::NoRelayAddress, "Widen `relay_min_port` to `relay_max_port` in eturnal.yml."),
    ] {
        let advice = cause.explain(&setup).advice;
        assert!(advice.contains(said), "{advice}");
        // It does not start with this one.
        assert!(!advice.contains("`tls: true`"), "{advice}");
    }
}
