//! What the network reports of an address that cannot be reached.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use tokio::{net::UdpSocket, time::timeout};

use crate::failure::{Failure, Unreachable};

/// How long a report may take: routers send them at once.
const PATIENCE: Duration = Duration::from_millis(1500);

/// A Binding request. What it says does not matter: only what the network reports does.
const DATAGRAM: &[u8; 20] = b"\x00\x01\x00\x00\x21\x12\xa4\x42turn-probe!!";

/// The address from which this machine would send there.
pub(crate) async fn local_ip(to: SocketAddr) -> io::Result<IpAddr> {
    let socket = UdpSocket::bind(any_port(to)).await?;
    socket.connect(to).await?;
    Ok(socket.local_addr()?.ip())
}

/// Whether the address is the next router's own: it answers what it would not forward.
pub(crate) async fn is_next_router(address: SocketAddr) -> bool {
    let asking = async {
        let socket = UdpSocket::bind(any_port(address)).await?;
        socket.set_ttl(1)?;
        socket.connect(address).await?;
        socket.send(DATAGRAM).await?;
        socket.recv(&mut [0; 64]).await
    };
    match timeout(PATIENCE, asking).await {
        Ok(Err(error)) => error.kind() == io::ErrorKind::ConnectionRefused,
        _ => false,
    }
}

/// Asks the network once more why an address cannot be reached. `None` if it does not say.
pub(crate) async fn why_unreachable(address: SocketAddr) -> Option<Failure> {
    let socket = UdpSocket::bind(any_port(address)).await.ok()?;
    report::demand(&socket, address).ok()?;
    if socket.connect(address).await.is_err() {
        return Some(Failure::NoRoute);
    }
    match socket.send(DATAGRAM).await {
        Ok(_) => {
            let received = timeout(PATIENCE, socket.recv(&mut [0; 64])).await.ok()?;
            received.err().and_then(|_| report::read(&socket)).map(Failure::Unreachable)
        }
        Err(error) => Some(Failure::io(&error)),
    }
}

pub(super) fn any_port(server: SocketAddr) -> SocketAddr {
    match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    }
}

/// A report's type and code, as ICMP has them.
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "only Linux hands them over"))]
fn meaning(is_ipv6: bool, kind: u8, code: u8) -> Option<Unreachable> {
    match (is_ipv6, kind, code) {
        (false, 3, 9 | 10 | 13) | (true, 1, 1 | 5 | 6) => Some(Unreachable::Prohibited),
        (false, 3, 0 | 6) | (true, 1, 0) => Some(Unreachable::Network),
        (false, 3, 1 | 7) | (true, 1, 3) => Some(Unreachable::Host),
        _ => None,
    }
}

/// Linux keeps the ICMP messages themselves, if a socket asks for them.
#[cfg(target_os = "linux")]
mod report {
    use std::{io::IoSliceMut, os::fd::AsRawFd};

    use nix::sys::socket::{
        ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt,
        sockopt::{Ipv4RecvErr, Ipv6RecvErr},
    };

    use super::*;

    pub(super) fn demand(socket: &UdpSocket, address: SocketAddr) -> nix::Result<()> {
        match address {
            SocketAddr::V4(_) => setsockopt(socket, Ipv4RecvErr, &true),
            SocketAddr::V6(_) => setsockopt(socket, Ipv6RecvErr, &true),
        }
    }

    pub(super) fn read(socket: &UdpSocket) -> Option<Unreachable> {
        let mut payload = [0; 64];
        let mut buffers = [IoSliceMut::new(&mut payload)];
        let mut control = vec![0; 512];
        let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
        let message =
            recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut buffers, Some(&mut control), flags)
                .ok()?;
        message.cmsgs().ok()?.find_map(|report| match report {
            ControlMessageOwned::Ipv4RecvErr(error, _) => {
                meaning(false, error.ee_type, error.ee_code)
            }
            ControlMessageOwned::Ipv6RecvErr(error, _) => {
                meaning(true, error.ee_type, error.ee_code)
            }
            _ => None,
        })
    }
}

#[cfg(not(target_os = "linux"))]
mod report {
    use super::*;

    pub(super) fn demand(_: &UdpSocket, _: SocketAddr) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn read(_: &UdpSocket) -> Option<Unreachable> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_firewall_is_told_from_a_missing_route_by_icmp() {
        for (ipv6, kind, code, expected) in [
            (false, 3, 10, Some(Unreachable::Prohibited)),
            (false, 3, 13, Some(Unreachable::Prohibited)),
            (true, 1, 1, Some(Unreachable::Prohibited)),
            (false, 3, 0, Some(Unreachable::Network)),
            (true, 1, 0, Some(Unreachable::Network)),
            (false, 3, 1, Some(Unreachable::Host)),
            (false, 3, 3, None),
            (false, 11, 0, None),
        ] {
            assert_eq!(meaning(ipv6, kind, code), expected, "{ipv6} {kind} {code}");
        }
    }
}
