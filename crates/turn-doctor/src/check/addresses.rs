//! Addresses and ports: this machine's, and those that a relay may reach.

use std::net::IpAddr;

use turn_probe::Severity::{Problem, Warning};

use super::{
    machine::Machine,
    mistake::{Mistake, Which},
    settings::Kind,
    turnserver_conf::{Line, TurnserverConf},
    values::range,
};

/// Checks what coturn listens at, relays at, and lets relays reach.
pub(super) fn check(conf: &TurnserverConf, machine: &Machine) -> Vec<Mistake> {
    let strangers = conf.lines().iter().filter_map(|line| not_ours(line, machine));
    let denied = relays(conf, machine).into_iter().filter_map(|relay| denied(conf, &relay));
    strangers.chain(no_relay_ports(conf)).chain(denied).collect()
}

fn not_ours(line: &Line, machine: &Machine) -> Option<Mistake> {
    let ip: IpAddr = match line.setting.kind {
        Kind::Address => line.value.parse().ok()?,
        Kind::ExternalAddress => line.value.split_once('/')?.1.trim().parse().ok()?,
        _ => return None,
    };
    if machine.addresses.is_empty() || machine.addresses.contains(&ip) || ip.is_unspecified() {
        return None;
    }
    let meaning = format!("No interface of this machine has the address {ip}.");
    let advice = match line.setting.kind {
        Kind::ExternalAddress => {
            "Write the machine's own address behind the slash; `ip address` lists them."
        }
        _ => {
            "Write one of the machine's own addresses (`ip address` lists them), or delete the line; \
             the address outside of a NAT belongs into `external-ip`."
        }
    };
    Some(Mistake::at(line, Problem, "address_not_ours", meaning, advice))
}

fn no_relay_ports(conf: &TurnserverConf) -> Option<Mistake> {
    let (min, max) = (conf.number("min-port")?, conf.number("max-port")?);
    let meaning = format!("There is no port for relays: the range is {min} to {max}.");
    let advice = "Set `min-port` to less than `max-port`, such as 49152 and 65535.";
    (min > max).then(|| {
        Mistake::about(Which::Coturn, "min-port", Problem, "no_relay_ports", meaning, advice)
    })
}

/// An address that coturn relays at, as its lists of peers see it.
struct RelayAddress {
    ip: IpAddr,
    /// coturn allows the private half of `external-ip=public/private` by itself.
    is_allowed: bool,
}

/// Where coturn relays: at `relay-ip`, or else `listening-ip`, or else every address.
fn relays(conf: &TurnserverConf, machine: &Machine) -> Vec<RelayAddress> {
    let addresses = |name| conf.all(name).filter_map(|line| line.value.parse().ok());
    let mut relays: Vec<IpAddr> = addresses("relay-ip").collect();
    if relays.is_empty() {
        relays = addresses("listening-ip").collect();
    }
    if relays.is_empty() {
        relays = likely_relays(&machine.addresses);
    }
    let is_allowed = |ip: &IpAddr| {
        let mut external = conf.all("external-ip").filter_map(|line| line.value.split_once('/'));
        external.any(|(_, private)| private.trim().parse() == Ok(*ip))
    };
    relays.into_iter().map(|ip| RelayAddress { is_allowed: is_allowed(&ip), ip }).collect()
}

/// Where relays are without any setting: at the public addresses of each family. The others belong to containers
/// and tunnels, unless there is no public one. coturn itself leaves out loopback and link-local IPv6.
fn likely_relays(addresses: &[IpAddr]) -> Vec<IpAddr> {
    let has_public = |is_ipv4| addresses.iter().any(|ip| ip.is_ipv4() == is_ipv4 && is_public(*ip));
    let [has_public_ipv4, has_public_ipv6] = [true, false].map(has_public);
    let is_likely = |ip: &IpAddr| match ip {
        IpAddr::V4(_) if has_public_ipv4 => is_public(*ip),
        IpAddr::V4(ip) => !ip.is_loopback(),
        IpAddr::V6(_) if has_public_ipv6 => is_public(*ip),
        IpAddr::V6(ip) => !ip.is_loopback() && !ip.is_unicast_link_local(),
    };
    addresses.iter().copied().filter(is_likely).collect()
}

fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let is_shared = ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64;
            !(ip.is_loopback() || ip.is_link_local() || ip.is_private() || is_shared)
        }
        IpAddr::V6(ip) => !(ip.is_loopback() || ip.is_unicast_link_local() || ip.is_unique_local()),
    }
}

fn denied(conf: &TurnserverConf, relay: &RelayAddress) -> Option<Mistake> {
    let ip = relay.ip;
    if ip.is_loopback() && !conf.is_on("allow-loopback-peers") {
        let meaning = format!("Relays have the address {ip}, which coturn lets no relay reach.");
        let advice = "Set `relay-ip` to an address that others can reach.";
        let setting = "allow-loopback-peers";
        return Some(Mistake::about(
            Which::Coturn,
            setting,
            Warning,
            "relay_on_loopback",
            meaning,
            advice,
        ));
    }
    let covers = |line: &&Line| {
        range(&line.value).is_some_and(|(first, last)| {
            first.is_ipv4() == ip.is_ipv4() && (first..=last).contains(&ip)
        })
    };
    if relay.is_allowed || conf.all("allowed-peer-ip").any(|line| covers(&line)) {
        return None;
    }
    let line = conf.all("denied-peer-ip").find(covers)?;
    let meaning = format!(
        "The range includes {ip}, where coturn relays, so two people who both need a relay cannot \
         call each other."
    );
    let advice = format!("Add `allowed-peer-ip={ip}`, which wins over the ranges that are denied.");
    Some(Mistake::at(line, Problem, "relay_denied", meaning, advice))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(text: &str) -> Vec<&'static str> {
        codes_on(&["127.0.0.1", "10.9.9.9", "2001:db8::9"], text)
    }

    fn codes_on(addresses: &[&str], text: &str) -> Vec<&'static str> {
        let addresses = addresses.iter().map(|ip| ip.parse().unwrap()).collect();
        let machine = Machine::new(addresses, "", "");
        let conf = TurnserverConf::parse(text);
        check(&conf, &machine).iter().map(|mistake| mistake.code).collect()
    }

    #[test]
    fn an_address_that_is_not_this_machines_is_found() {
        assert_eq!(codes("relay-ip=192.0.2.1"), ["address_not_ours"]);
        assert_eq!(codes("listening-ip=192.0.2.1\nrelay-ip=10.9.9.9"), ["address_not_ours"]);
        assert_eq!(codes("external-ip=192.0.2.1/10.0.0.1"), ["address_not_ours"]);
        assert!(codes("relay-ip=10.9.9.9\nlistening-ip=0.0.0.0\nexternal-ip=192.0.2.1").is_empty());
        assert!(codes("external-ip=192.0.2.1/10.9.9.9\nlistening-ip=turn.example.org").is_empty());
    }

    #[test]
    fn a_deny_list_that_covers_the_relay_is_found() {
        let private = "denied-peer-ip=10.0.0.0-10.255.255.255\n";
        assert_eq!(codes(&format!("{private}relay-ip=10.9.9.9")), ["relay_denied"]);
        assert_eq!(codes(&format!("{private}listening-ip=10.9.9.9")), ["relay_denied"]);
        assert_eq!(codes(private), ["relay_denied"], "it relays at all addresses");
        assert_eq!(codes("denied-peer-ip=::-ffff::\n"), ["relay_denied"]);
        assert_eq!(codes(&format!("{private}external-ip=192.0.2.1")), ["relay_denied"]);
    }

    #[test]
    fn addresses_of_containers_and_tunnels_are_no_relays_beside_public_ones() {
        let machine =
            ["192.0.2.1", "172.17.0.1", "100.64.0.1", "2001:db8::9", "fd00::1", "fe80::1"];
        let private = "denied-peer-ip=172.16.0.0-172.31.255.255\n\
                       denied-peer-ip=100.64.0.0-100.127.255.255\n\
                       denied-peer-ip=fc00::-fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff\n\
                       denied-peer-ip=fe80::-febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff\n";
        assert!(codes_on(&machine, private).is_empty());
        assert_eq!(codes_on(&machine, "denied-peer-ip=192.0.2.0-192.0.2.255"), ["relay_denied"]);
        assert_eq!(codes_on(&machine[1..2], private), ["relay_denied"], "it has no other address");
        assert_eq!(codes_on(&machine[4..], private), ["relay_denied"], "fd00::1");
        assert!(codes_on(&machine[5..], private).is_empty(), "it has no address for relays");
    }

    #[test]
    fn an_allowed_relay_is_not_denied() {
        let private = "denied-peer-ip=10.0.0.0-10.255.255.255\nrelay-ip=10.9.9.9\n";
        assert!(codes(&format!("{private}allowed-peer-ip=10.9.9.9")).is_empty());
        // Measured with coturn 4.6.1: "Whitelisting external-ip private part".
        assert!(codes(&format!("{private}external-ip=192.0.2.1/10.9.9.9")).is_empty());
        assert!(codes("denied-peer-ip=192.168.0.0-192.168.255.255\nrelay-ip=10.9.9.9").is_empty());
    }

    #[test]
    fn relays_on_loopback_and_an_empty_range_of_ports_are_found() {
        assert_eq!(codes("relay-ip=127.0.0.1"), ["relay_on_loopback"]);
        assert!(codes("relay-ip=127.0.0.1\nallow-loopback-peers").is_empty());
        assert_eq!(codes("min-port=50000\nmax-port=40000"), ["no_relay_ports"]);
    }
}
