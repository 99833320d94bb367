//! From a host to its addresses.

use std::net::{IpAddr, SocketAddr};

use matrix_sdk_turn::{IceUri, url::Host};
use tokio::net::lookup_host;

use crate::failure::{Failure, Text};

/// How many addresses of one name are tried. Real names have two, one of each family, or a handful.
const MAX_ADDRESSES: usize = 8;

/// The addresses of a URI, each once, in the resolver's order: the first few.
pub(crate) async fn resolve(uri: &IceUri) -> Result<Vec<SocketAddr>, Failure> {
    let port = uri.port();
    let name = match uri.host() {
        Host::Domain(name) => name,
        Host::Ipv4(address) => return Ok(vec![(*address, port).into()]),
        Host::Ipv6(address) => return Ok(vec![(*address, port).into()]),
    };
    let found = lookup_host((name.as_str(), port))
        .await
        .map_err(|error| Failure::NoAddress(Text::new(&error.to_string())))?;
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for address in found.map(unmapped) {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    addresses.truncate(MAX_ADDRESSES);
    match addresses.is_empty() {
        true => Err(Failure::NoAddress(Text::new("none of any family"))),
        false => Ok(addresses),
    }
}

/// An IPv4 address, if it is one in the clothes of IPv6.
fn unmapped(address: SocketAddr) -> SocketAddr {
    let ip: IpAddr = address.ip().to_canonical();
    SocketAddr::new(ip, address.port())
}
