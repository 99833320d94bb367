//! From a host to its addresses.

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use matrix_sdk_turn::{IceUri, url::Host};
use tokio::net::lookup_host;

use crate::failure::{Failure, NameFault, Text};

/// The addresses of a URI, each once, in the resolver's order.
pub(crate) async fn resolve(uri: &IceUri) -> Result<Vec<SocketAddr>, Failure> {
    let port = uri.port();
    let name = match uri.host() {
        Host::Domain(name) => name,
        Host::Ipv4(address) => return Ok(vec![(*address, port).into()]),
        Host::Ipv6(address) => return Ok(vec![(*address, port).into()]),
    };
    let found = lookup_host((name.as_str(), port)).await.map_err(|error| fault(&error))?;
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for address in found.map(unmapped) {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    match addresses.is_empty() {
        true => Err(Failure::NoAddress(NameFault::NoRecord)),
        false => Ok(addresses),
    }
}

/// The resolver's errors have no kind of their own in the standard library: they are known by the words of
/// the C libraries.
fn fault(error: &io::Error) -> Failure {
    let text = error.to_string();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    Failure::NoAddress(if says(&["No address associated", "no data", "has no address"]) {
        NameFault::NoRecord
    } else if says(&["not known", "not found", "does not resolve", "No such host"]) {
        NameFault::Unknown
    } else {
        NameFault::Resolver(Text::new(
            text.trim_start_matches("failed to lookup address information: "),
        ))
    })
}

/// The IPv4 address that an IPv6 address is mapped from, if it is.
fn unmapped(address: SocketAddr) -> SocketAddr {
    let ip: IpAddr = address.ip().to_canonical();
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_is_told_from_a_resolver_that_fails() {
        let told = |text: &str| {
            fault(&io::Error::other(format!("failed to lookup address information: {text}")))
        };
        let name = Failure::NoAddress;
        assert_eq!(told("Name or service not known"), name(NameFault::Unknown));
        assert_eq!(told("No address associated with hostname"), name(NameFault::NoRecord));
        let fails = "Temporary failure in name resolution";
        assert_eq!(told(fails), name(NameFault::Resolver(Text::new(fails))));
    }
}
