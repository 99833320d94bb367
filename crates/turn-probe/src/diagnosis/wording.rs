//! What there is to say, in words: for each cause one sentence on what it means, and one on what to
//! change, with the names that the settings have in Synapse's homeserver.yaml and in coturn's
//! turnserver.conf. Nothing else in this project words a diagnosis.

use std::time::SystemTime;

use super::{Cause, Origin, words::in_words};
use crate::failure::{CertificateFault, Stranger};

/// What a cause is about, and so where its words are.
enum Topic {
    /// What the homeserver hands out.
    Offer,
    /// The way to the TURN server.
    Network,
    Certificate,
    /// Credentials that the TURN server does not accept.
    Rejection,
    /// What it does with those that it accepts.
    Relaying,
}

impl Cause {
    /// One sentence on what it means.
    pub fn meaning(&self) -> String {
        match self.topic() {
            Topic::Offer => self.meaning_of_offer(),
            Topic::Network => self.meaning_of_network(),
            Topic::Certificate => self.meaning_of_certificate(),
            Topic::Rejection => self.meaning_of_rejection(),
            Topic::Relaying => self.meaning_of_relaying(),
        }
    }

    /// One sentence on what to change.
    pub fn advice(&self) -> String {
        match self.topic() {
            Topic::Offer => self.advice_on_offer(),
            Topic::Network => self.advice_on_network(),
            Topic::Certificate => self.advice_on_certificate(),
            Topic::Rejection => self.advice_on_rejection(),
            Topic::Relaying => self.advice_on_relaying(),
        }
    }

    fn topic(&self) -> Topic {
        match self {
            Self::NoTurn
            | Self::Misconfigured(_)
            | Self::Forbidden
            | Self::NoTurnUri
            | Self::UnusableUri(_)
            | Self::ShortTtl(_)
            | Self::OnlyUdp
            | Self::NoTls
            | Self::NoHttpsPort
            | Self::DtlsNotTried => Topic::Offer,
            Self::Expired { .. }
            | Self::ClocksDiffer { .. }
            | Self::SecretsDiffer { .. }
            | Self::PasswordRejected { .. } => Topic::Rejection,
            Self::Certificate { .. } | Self::TlsFails(_) | Self::CertificateExpiresSoon { .. } => {
                Topic::Certificate
            }
            Self::PeerDenied { .. }
            | Self::WrongFamily { .. }
            | Self::Quota
            | Self::NoPorts
            | Self::PrivateRelay { .. }
            | Self::RelayedDataLost { .. }
            | Self::RelayPortsFiltered { .. }
            | Self::Refused { .. }
            | Self::Misbehaves(_) => Topic::Relaying,
            _ => Topic::Network,
        }
    }

    fn meaning_of_offer(&self) -> String {
        match self {
            Self::NoTurn => {
                "The homeserver hands out no TURN server, so calls between people behind \
                             firewalls do not connect."
                    .to_owned()
            }
            Self::Misconfigured(what) => {
                format!("The homeserver hands out a TURN server that no client can use: {what}.")
            }
            Self::Forbidden => "The homeserver refuses TURN servers to this account.".to_owned(),
            Self::NoTurnUri => {
                "There are STUN servers and no TURN server, so nothing is relayed.".to_owned()
            }
            Self::UnusableUri(reason) => {
                format!("Clients leave out a URI of the homeserver's: {reason}.")
            }
            Self::ShortTtl(ttl) => format!(
                "The credentials expire after {}, and a call that lasts longer may break when a \
                 participant's network changes.",
                in_words(*ttl)
            ),
            Self::OnlyUdp => {
                "The TURN server is offered over UDP only, so people whose firewall lets no \
                              UDP out cannot call."
                    .to_owned()
            }
            Self::NoTls => {
                "There is no turns: URI, so people whose firewall lets out nothing but TLS \
                            cannot call."
                    .to_owned()
            }
            Self::NoHttpsPort => {
                "No turns: URI has port 443, the only one that the strictest firewalls \
                                  let out."
                    .to_owned()
            }
            Self::DtlsNotTried => {
                "The URI is for TURN over DTLS, which browsers do not use, and which was \
                                   not tried."
                    .to_owned()
            }
            _ => String::new(),
        }
    }

    fn advice_on_offer(&self) -> String {
        match self {
            Self::NoTurn => {
                "Set `turn_uris` and `turn_shared_secret` in homeserver.yaml, and restart \
                             Synapse."
                    .to_owned()
            }
            Self::Misconfigured(_) => "In homeserver.yaml, set `turn_uris`, and either \
                                       `turn_shared_secret` or both `turn_username` and \
                                       `turn_password`."
                .to_owned(),
            Self::Forbidden => "If it is a guest's account, set `turn_allow_guests: true` in \
                                homeserver.yaml; if not, log in with an account that may call."
                .to_owned(),
            Self::NoTurnUri => "Add a URI that begins with turn: or turns: to `turn_uris` in \
                                homeserver.yaml."
                .to_owned(),
            Self::UnusableUri(_) => "Write each entry of `turn_uris` in homeserver.yaml like \
                                     turn:turn.example.org:3478?transport=udp."
                .to_owned(),
            Self::ShortTtl(_) => {
                "Raise `turn_user_lifetime` in homeserver.yaml to an hour or more.".to_owned()
            }
            Self::OnlyUdp | Self::NoTls | Self::NoHttpsPort => self.advice_on_uris(),
            Self::DtlsNotTried => {
                "Write ?transport=tcp in `turn_uris` for TURN over TLS.".to_owned()
            }
            _ => String::new(),
        }
    }

    fn meaning_of_network(&self) -> String {
        match self {
            Self::UnknownName { host, why } => {
                format!("The name {host} cannot be looked up: {why}.")
            }
            Self::PortClosed { address, transport } => {
                format!("Nobody listens at {address} over {transport}: the connection is refused.")
            }
            Self::Silent { address, transport } => format!(
                "Nothing comes back from {address} over {transport}: a firewall drops what is sent \
                 there, or no such machine runs."
            ),
            Self::UdpFiltered { port } => format!(
                "Nothing comes back from port {port} over UDP, while TCP works: a firewall drops UDP, \
                 and calls over TCP stutter."
            ),
            Self::Ipv6Dead { ip } => format!(
                "The TURN server's name has the IPv6 address {ip}, where nothing answers, while IPv4 \
                 works."
            ),
            Self::NoRoute { ipv6: true } => {
                "This machine has no IPv6, so the TURN server's IPv6 address \
                                             was not tried."
                    .to_owned()
            }
            Self::NoRoute { ipv6: false } => {
                "This machine has no way to the TURN server's address.".to_owned()
            }
            Self::NotTurn(Stranger::Http) => {
                "A web server answers at this port, and no TURN server.".to_owned()
            }
            Self::NotTurn(Stranger::Tls) => {
                "At this port TLS is spoken, and the URI is for plain TURN.".to_owned()
            }
            Self::NotTurn(_) => "Something answers at this port that is no TURN server.".to_owned(),
            Self::Redirected { to: Some(to) } => {
                format!("The TURN server sends clients on to {to}.")
            }
            _ => "The TURN server sends clients on to another one, without saying to which."
                .to_owned(),
        }
    }

    fn advice_on_network(&self) -> String {
        match self {
            Self::UnknownName { .. } => "Correct the host in `turn_uris` in homeserver.yaml, or add an A \
                                         or AAAA record for it to DNS."
                .to_owned(),
            Self::PortClosed { address, transport } => format!(
                "Start coturn, and see that `listening-port` (or `tls-listening-port`) is {port} and \
                 `listening-ip` includes the address; if it is not meant to serve {transport}, take the \
                 URI out of `turn_uris` in homeserver.yaml.",
                port = address.port()
            ),
            Self::Silent { address, transport } => format!(
                "Open {port}/{protocol} in the firewall of the TURN server's machine and of its \
                 provider, and check that DNS has the machine's present address.",
                port = address.port(),
                protocol = transport.to_lowercase()
            ),
            Self::UdpFiltered { port } => format!(
                "Open {port}/udp in the firewall of the TURN server's machine and of its provider; if it \
                 is open, try from another network, since this one may let no UDP out."
            ),
            Self::Ipv6Dead { .. } => "Take the AAAA record out of DNS, or let coturn listen there: add \
                                      the address to `listening-ip` and `relay-ip`, and open its ports in \
                                      the firewall for IPv6."
                .to_owned(),
            Self::NoRoute { ipv6: true } => "Run this again on a network that has IPv6, if the TURN \
                                             server is meant to have it."
                .to_owned(),
            Self::NoRoute { ipv6: false } => "Check this machine's network, and that `turn_uris` in \
                                              homeserver.yaml names the TURN server's public address."
                .to_owned(),
            Self::NotTurn(Stranger::Tls) => "In `turn_uris` in homeserver.yaml, write turns: instead of \
                                             turn:, or the port of coturn's `listening-port`."
                .to_owned(),
            Self::NotTurn(_) => "Correct the port in `turn_uris` in homeserver.yaml, or give coturn a port \
                                 of its own by `listening-port` or `tls-listening-port`: a reverse proxy \
                                 for HTTP does not carry TURN."
                .to_owned(),
            _ => "Check `alternate-server` and `tls-alternate-server` in turnserver.conf.".to_owned(),
        }
    }

    fn advice_on_uris(&self) -> String {
        match self {
            Self::OnlyUdp => "Add the same URI with ?transport=tcp to `turn_uris` in homeserver.yaml, and \
                              a turns: URI; coturn serves TCP unless `no-tcp` is set."
                .to_owned(),
            Self::NoTls => "Set `cert` and `pkey` in turnserver.conf, and add \
                            turns:HOST:443?transport=tcp to `turn_uris` in homeserver.yaml, with \
                            `tls-listening-port=443`."
                .to_owned(),
            _ => "Set `tls-listening-port=443` in turnserver.conf, and write that port in the turns: URI \
                  of `turn_uris`, if no web server has that port on the same address."
                .to_owned(),
        }
    }

    fn meaning_of_rejection(&self) -> String {
        match self {
            Self::Expired { ago } => format!(
                "The TURN server rejects the credentials, which expired {} ago by this machine's clock.",
                in_words(*ago)
            ),
            Self::ClocksDiffer { homeserver_is_behind, by, rejected } => {
                let direction = if *homeserver_is_behind { "behind" } else { "ahead of" };
                let consequence = match (rejected, homeserver_is_behind) {
                    (true, _) => "so the TURN server rejects its credentials as expired",
                    (false, true) => "so its credentials expire that much too early",
                    (false, false) => "so its credentials hold that much too long",
                };
                format!(
                    "The homeserver's clock is {} {direction} this machine's, {consequence}.",
                    in_words(*by)
                )
            }
            Self::SecretsDiffer { valid_for, clocks_agree, .. } => {
                let clocks = match clocks_agree {
                    true => ", and the homeserver's clock agrees with this machine's",
                    false => "",
                };
                format!(
                    "The TURN server rejects the credentials, although they are valid for another \
                     {}{clocks}.",
                    in_words(*valid_for)
                )
            }
            _ => "The TURN server rejects the username and the password.".to_owned(),
        }
    }

    fn advice_on_rejection(&self) -> String {
        match self {
            Self::Expired { .. } => "Fetch new ones; if they are new, correct this machine's clock, or \
                                     raise `turn_user_lifetime` in homeserver.yaml."
                .to_owned(),
            Self::ClocksDiffer { .. } => "Have the clocks of all machines set by NTP, and check each with \
                                          `timedatectl`: the homeserver's, the TURN server's and this one."
                .to_owned(),
            Self::SecretsDiffer { valid_for, .. } => format!(
                "Give `turn_shared_secret` in homeserver.yaml and `static-auth-secret` in turnserver.conf \
                 the same value, with `use-auth-secret` set, and restart both; if they are the same, the \
                 TURN server's clock is {} or more ahead: check it with `timedatectl`.",
                in_words(*valid_for)
            ),
            Self::PasswordRejected { origin: Origin::Given } => {
                "Check the name and the password: in turnserver.conf they are a `user=NAME:PASSWORD` with \
                 `lt-cred-mech`, and with `use-auth-secret` only names that begin with a time are accepted."
                    .to_owned()
            }
            _ => "Give coturn `lt-cred-mech` and a `user=NAME:PASSWORD` with the `turn_username` and the \
                  `turn_password` of homeserver.yaml; or better, use `turn_shared_secret` there and \
                  `use-auth-secret` with `static-auth-secret` here."
                .to_owned(),
        }
    }

    fn meaning_of_certificate(&self) -> String {
        match self {
            Self::Certificate { host, fault } => meaning_of_fault(host, fault),
            Self::TlsFails(why) => {
                format!("The TURN server and this machine find no common TLS: {why}.")
            }
            Self::CertificateExpiresSoon { days: 0 } => {
                "The TURN server's certificate expires within a day.".to_owned()
            }
            Self::CertificateExpiresSoon { days: 1 } => {
                "The TURN server's certificate expires in 1 day.".to_owned()
            }
            Self::CertificateExpiresSoon { days } => {
                format!("The TURN server's certificate expires in {days} days.")
            }
            _ => String::new(),
        }
    }

    fn advice_on_certificate(&self) -> String {
        const RELOAD: &str =
            "and have coturn read it again after each renewal, by a restart or SIGUSR2";
        match self {
            Self::CertificateExpiresSoon { .. } => format!("Renew it, {RELOAD}."),
            Self::TlsFails(_) => "Set `cert` and `pkey` in turnserver.conf, take out `no-tls`, and allow \
                                  TLS 1.2 or 1.3 (`cipher-list`, `no-tlsv1_2`)."
                .to_owned(),
            Self::Certificate { host, fault } => match fault {
                CertificateFault::Expired { .. } => format!("Renew the certificate at `cert`, {RELOAD}."),
                CertificateFault::NotYetValid { .. } => "Check this machine's clock, and for which time \
                                                         the certificate at `cert` was made."
                    .to_owned(),
                CertificateFault::WrongName { .. } => format!(
                    "Get a certificate for {host} and name it by `cert` in turnserver.conf, or write the \
                     certificate's name in `turn_uris` in homeserver.yaml."
                ),
                CertificateFault::IncompleteChain { .. } => {
                    "Let `cert` in turnserver.conf name the file with the whole chain: with Let's \
                     Encrypt, fullchain.pem instead of cert.pem."
                        .to_owned()
                }
                CertificateFault::Revoked => format!("Get another certificate, {RELOAD}."),
                _ => "Name a certificate of an authority that browsers know, such as Let's Encrypt, by \
                      `cert` and `pkey` in turnserver.conf."
                    .to_owned(),
            },
            _ => String::new(),
        }
    }

    fn meaning_of_relaying(&self) -> String {
        match self {
            Self::PeerDenied { ip } => format!(
                "The TURN server lends relays, and does not let one send to another at its own address \
                 {ip} (403), so two people who both need it cannot call each other."
            ),
            Self::WrongFamily { code: 440 } => {
                "The TURN server lends no relay with an IPv4 address (440), and clients ask for one."
                    .to_owned()
            }
            Self::WrongFamily { .. } => {
                "The TURN server's relays have addresses of different families, and do not reach each \
                 other (443)."
                    .to_owned()
            }
            Self::Quota => "The account has as many relays as the TURN server allows to one (486), and a \
                            call takes two or more."
                .to_owned(),
            Self::NoPorts => "The TURN server has no port left for another relay (508).".to_owned(),
            Self::PrivateRelay { relay, server } => format!(
                "The TURN server at {server} lends relays with the private address {relay}, which nobody \
                 outside its network can reach."
            ),
            Self::RelayedDataLost { relay } => format!(
                "Relays are lent, and what one sends to another is lost: data does not reach {}, the \
                 port that was tried.",
                relay
            ),
            Self::RelayPortsFiltered { relay } => format!(
                "Relays are lent, and what is sent to them from outside is lost: a firewall drops UDP to \
                 their ports, {relay} for one."
            ),
            Self::Refused { code, reason } => {
                format!("The TURN server refuses: {code} {reason}.")
            }
            Self::Misbehaves(what) => format!("The TURN server does not behave like one: {what}."),
            _ => String::new(),
        }
    }

    fn advice_on_relaying(&self) -> String {
        match self {
            Self::PeerDenied { ip } => format!(
                "Add `allowed-peer-ip={ip}` to turnserver.conf, beside the `denied-peer-ip` ranges that \
                 include it."
            ),
            Self::WrongFamily { code: 440 } => "Add an IPv4 address to `relay-ip` in turnserver.conf, or \
                                                take out `allocation-default-address-family`."
                .to_owned(),
            Self::WrongFamily { .. } => "Give `relay-ip` and `external-ip` in turnserver.conf an address \
                                         of each family that the server listens on."
                .to_owned(),
            Self::Quota => "Raise `user-quota` in turnserver.conf to 12 or more, and `total-quota` to a \
                            multiple of that; relays of calls that broke off count for ten minutes."
                .to_owned(),
            Self::NoPorts => "Widen the range from `min-port` to `max-port` in turnserver.conf, and open \
                              it in the firewall."
                .to_owned(),
            Self::PrivateRelay { relay, server } => format!(
                "Set `external-ip={server}/{relay}` in turnserver.conf."
            ),
            Self::RelayedDataLost { .. } => "Let the machine reach its own relay ports (`min-port` to \
                                             `max-port`, 49152 to 65535 unless set) over UDP, and behind \
                                             NAT set `external-ip=PUBLIC/PRIVATE`, in turnserver.conf."
                .to_owned(),
            Self::RelayPortsFiltered { .. } => "Open the ports from `min-port` to `max-port` in \
                                                turnserver.conf (49152 to 65535 unless set) for UDP in \
                                                the firewall; if they are open, try from another network, \
                                                since this one may let no UDP out."
                .to_owned(),
            Self::Refused { .. } => "Look at coturn's log, with `verbose` set in turnserver.conf.".to_owned(),
            _ => "Check that `turn_uris` in homeserver.yaml leads to coturn itself, past any proxy, and \
                  look at its log."
                .to_owned(),
        }
    }
}

fn meaning_of_fault(host: &str, fault: &CertificateFault) -> String {
    let now = SystemTime::now();
    match fault {
        CertificateFault::Expired { at } => format!(
            "The TURN server's certificate expired {} ago.",
            in_words(now.duration_since(*at).unwrap_or_default())
        ),
        CertificateFault::NotYetValid { from } => format!(
            "The TURN server's certificate is valid only in {}.",
            in_words(from.duration_since(now).unwrap_or_default())
        ),
        CertificateFault::WrongName { names } if names.is_empty() => {
            format!("The TURN server's certificate names no host, and so not {host}.")
        }
        CertificateFault::WrongName { names } => {
            let names: Vec<_> = names.iter().map(|name| name.as_str()).collect();
            format!("The TURN server's certificate is for {}, not for {host}.", names.join(", "))
        }
        CertificateFault::SelfSigned => {
            "The TURN server's certificate is signed by nobody but itself, so no client trusts it."
                .to_owned()
        }
        CertificateFault::UnknownIssuer { issuer } => format!(
            "The TURN server's certificate is signed by \"{issuer}\", whom this machine does not trust, \
             nor do browsers."
        ),
        CertificateFault::IncompleteChain { issuer } => format!(
            "The TURN server does not send the certificate of \"{issuer}\" along with its own, so clients \
             cannot follow the chain to an authority that they trust."
        ),
        CertificateFault::Revoked => "The TURN server's certificate has been revoked.".to_owned(),
        CertificateFault::Other(why) => {
            format!("The TURN server's certificate is not accepted: {why}.")
        }
    }
}
