//! Which addresses a TURN server may make the probe contact: none that are closer to us than its own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// Who can reach an address. The order is from few to all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Scope {
    /// The machine itself.
    Machine,
    /// Its link.
    Link,
    /// A private network.
    Network,
    /// The internet.
    Internet,
}

/// Whether an address is one of the internet, so that others reach what listens there as well.
pub(crate) fn is_public(address: SocketAddr) -> bool {
    scope(canonical(address.ip())) == Scope::Internet
}

/// Whether a server at `from` may make the probe contact `to`, as another server or as a relay.
pub(crate) fn may_contact(from: SocketAddr, to: SocketAddr) -> bool {
    may_contact_from(from, to, is_ours)
}

/// The same, on a machine that has these addresses.
fn may_contact_from(from: SocketAddr, to: SocketAddr, is_ours: impl Fn(IpAddr) -> bool) -> bool {
    let (from, ip) = (canonical(from.ip()), canonical(to.ip()));
    let is_for_many = ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST);
    to.port() != 0
        && !ip.is_unspecified()
        && !is_for_many
        && scope(ip) >= scope(from)
        && (!is_ours(ip) || is_ours(from))
}

/// The IPv4 address in one of IPv6, if there is one: IPv4-mapped, IPv4-compatible, behind NAT64, or 6to4's.
fn canonical(ip: IpAddr) -> IpAddr {
    const NAT64: [u16; 6] = [0x64, 0xff9b, 0, 0, 0, 0];
    const SIX_TO_FOUR: u16 = 0x2002;
    let IpAddr::V6(v6) = ip else { return ip };
    if v6.segments()[0] == SIX_TO_FOUR {
        return Ipv4Addr::from_bits((v6.to_bits() >> 80) as u32).into();
    }
    let is_embedded = v6.segments()[..6] == NAT64
        || v6.segments()[..6] == [0; 6] && !v6.is_loopback() && !v6.is_unspecified();
    match is_embedded {
        true => Ipv4Addr::from_bits(v6.to_bits() as u32).into(),
        false => ip.to_canonical(),
    }
}

fn scope(ip: IpAddr) -> Scope {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            // Providers have this one between them and their customers.
            let is_shared = a == 100 && (64..128).contains(&b);
            if ip.is_loopback() || a == 0 {
                Scope::Machine
            } else if ip.is_link_local() {
                Scope::Link
            } else if ip.is_private() || is_shared {
                Scope::Network
            } else {
                Scope::Internet
            }
        }
        IpAddr::V6(ip) => v6_scope(ip),
    }
}

fn v6_scope(ip: Ipv6Addr) -> Scope {
    let [a, b, c, ..] = ip.segments();
    // fec0::/10, which has been replaced by fc00::/7 and is still in use.
    let is_site_local = a & 0xffc0 == 0xfec0;
    // 64:ff9b:1::/48, which leads to IPv4 addresses of the network's choice.
    let is_local_nat64 = [a, b, c] == [0x64, 0xff9b, 1];
    if ip.is_loopback() || ip.is_unspecified() {
        Scope::Machine
    } else if ip.is_unicast_link_local() {
        Scope::Link
    } else if ip.is_unique_local() || is_site_local || is_local_nat64 {
        Scope::Network
    } else {
        Scope::Internet
    }
}

/// Whether this machine has the address. A socket can be opened at no other; nothing is sent.
fn is_ours(ip: IpAddr) -> bool {
    UdpSocket::bind((ip, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may(from: &str, to: &str) -> bool {
        let is_ours = |ip: IpAddr| ip.is_loopback() || ip == Ipv4Addr::new(192, 0, 2, 99);
        may_contact_from(from.parse().unwrap(), to.parse().unwrap(), is_ours)
    }

    #[test]
    fn a_server_leads_to_nothing_that_is_closer_than_itself() {
        let servers = ["127.0.0.1:3478", "169.254.1.1:3478", "10.0.0.1:3478", "192.0.2.1:3478"];
        for (near, far) in servers.iter().zip(&servers[1..]) {
            assert!(!may(far, near), "{far} leads to {near}");
            assert!(may(near, far), "{near} leads to {far}");
        }
        for near in [
            "[::1]:1",
            "[fe80::1]:1",
            "[fd00::1]:1",
            "[fec0::1]:1",
            "[feff::1]:1",
            "[64:ff9b:1::7f00:1]:1",
            "100.64.0.1:1",
            "0.0.0.1:1",
        ] {
            assert!(!may("192.0.2.1:3478", near), "{near}");
        }
        assert!(may("192.0.2.1:3478", "192.0.2.2:3478"));
        assert!(may("[2001:db8::1]:3478", "[2001:db8::2]:3478"));
    }

    #[test]
    fn an_ipv4_address_in_one_of_ipv6_is_that_address() {
        for ip in ["127.0.0.1", "10.0.0.1"] {
            for prefix in ["::ffff:", "::", "64:ff9b::"] {
                let to = format!("[{prefix}{ip}]:22");
                assert!(!may("[2001:db8::1]:3478", &to), "{to}");
            }
        }
        for to in ["[2002:7f00:1::1]:22", "[2002:a00:1::1]:22"] {
            assert!(!may("[2001:db8::1]:3478", to), "{to}");
        }
        assert!(may("[2001:db8::1]:3478", "[2002:c000:201::1]:22"));
        assert!(may("[::ffff:127.0.0.1]:3478", "127.0.0.1:3479"));
    }

    #[test]
    fn only_addresses_of_the_internet_are_public() {
        for public in ["192.0.2.1:1", "198.51.100.1:1", "[2001:db8::1]:1", "[64:ff9b::c000:201]:1"]
        {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for near in ["127.0.0.1:1", "10.0.0.1:1", "[::ffff:127.0.0.1]:1", "[fe80::1]:1", "[::]:1"] {
            assert!(!is_public(near.parse().unwrap()), "{near}");
        }
    }

    #[test]
    fn no_server_leads_to_many_or_to_none() {
        for to in [
            "224.0.0.1:1",
            "255.255.255.255:1",
            "[ff02::1]:1",
            "0.0.0.0:1",
            "[::]:1",
            "192.0.2.2:0",
        ] {
            assert!(!may("127.0.0.1:3478", to), "{to}");
        }
    }

    #[test]
    fn a_server_does_not_lead_to_this_machine() {
        assert!(!may("192.0.2.1:3478", "192.0.2.99:22"));
        assert!(may("192.0.2.99:3478", "192.0.2.99:3479"));
        assert!(is_ours("127.0.0.1".parse().unwrap()));
        // No machine has a reserved address.
        assert!(!is_ours("240.0.0.1".parse().unwrap()));
    }
}
