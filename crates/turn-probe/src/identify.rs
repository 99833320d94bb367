//! What it is that listens, if it does not answer as a TURN server does.

use std::{net::SocketAddr, time::Duration};

use matrix_sdk_turn::url::Host;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{
    address::is_private,
    failure::{Failure, Stranger},
    net::{Connection, TlsSetup, is_next_router, local_ip, secure, why_unreachable},
};

/// A Binding request without attributes.
const STUN: &[u8; 20] = b"\x00\x01\x00\x00\x21\x12\xa4\x42turn-probe!!";

/// What web servers answer, be it with an error.
const HTTP: &[u8] = b"GET / HTTP/1.1\r\nHost: turn-probe\r\nConnection: close\r\n\r\n";

/// A listener that did not answer.
pub(crate) struct Listener<'a> {
    pub(crate) address: SocketAddr,
    pub(crate) host: &'a Host,
    /// Whether TLS was spoken to it, and not understood.
    pub(crate) tls_failed: bool,
    /// What secures the connection; `None` if nothing does.
    pub(crate) tls: Option<&'a TlsSetup>,
    /// How long each attempt at another protocol may take.
    pub(crate) patience: Duration,
    /// Whether other protocols may be spoken to it.
    pub(crate) may_be_identified: bool,
}

impl Listener<'_> {
    /// Takes a second look at why a connection that was accepted came to nothing.
    pub(crate) async fn examine(&self, failure: Failure) -> Failure {
        let otherwise = match &failure {
            Failure::Closed => Stranger::HangsUp,
            Failure::Timeout(_) => Stranger::Mute,
            Failure::NotStun(Stranger::Unknown) | Failure::Flooded => Stranger::Unknown,
            Failure::Tls(_) if self.tls_failed => Stranger::Unknown,
            _ => return failure,
        };
        let identified = match self.may_be_identified {
            true => self.identify().await,
            false => None,
        };
        match (identified, otherwise) {
            (Some(stranger), _) => Failure::NotStun(stranger),
            (None, Stranger::Unknown) => failure,
            (None, otherwise) => Failure::NotStun(otherwise),
        }
    }

    /// Speaks other protocols to it, all at a time.
    async fn identify(&self) -> Option<Stranger> {
        match (self.tls, self.tls_failed) {
            // TLS works, and what is inside it is no TURN.
            (Some(tls), false) => self.speaks_http_in(tls).await.then_some(Stranger::Http),
            // TLS was expected.
            (Some(tls), true) => {
                let (stun, http, proxied) = tokio::join!(
                    self.hears(&[STUN], is_stun),
                    self.hears(&[HTTP], is_http),
                    self.speaks_tls(tls, true)
                );
                first([
                    (stun, Stranger::PlainStun),
                    (http, Stranger::Http),
                    (proxied, Stranger::ProxyProtocol),
                ])
            }
            // Plain TURN was expected.
            (None, _) => {
                let tls = TlsSetup::new(&[]);
                let header = proxy_header(self.address);
                let proxied_stun = [header.as_bytes(), STUN];
                let (http, plain, secured, proxied) = tokio::join!(
                    self.hears(&[HTTP], is_http),
                    self.hears(&[STUN], is_stun),
                    self.speaks_tls(&tls, false),
                    self.hears(&proxied_stun, is_stun)
                );
                // An answer that only came late is no proof that the header was missing.
                let needs_header = proxied && !plain && !self.hears(&[STUN], is_stun).await;
                first([
                    (needs_header, Stranger::ProxyProtocol),
                    (secured, Stranger::Tls),
                    (http, Stranger::Http),
                ])
            }
        }
    }

    async fn hears(&self, said: &[&[u8]], is_answer: fn(&[u8]) -> bool) -> bool {
        let asking = async {
            let mut stream = TcpStream::connect(self.address).await.ok()?;
            stream.write_all(&said.concat()).await.ok()?;
            first_words(&mut stream).await
        };
        timeout(self.patience, asking).await.ok().flatten().is_some_and(|words| is_answer(&words))
    }

    async fn speaks_http_in(&self, tls: &TlsSetup) -> bool {
        let asking = async {
            let stream = Connection::tcp(self.address).await.ok()?;
            let (mut stream, _) = secure(tls, self.host, stream).await.ok()?;
            stream.write_all(HTTP).await.ok()?;
            stream.flush().await.ok()?;
            first_words(&mut stream).await
        };
        timeout(self.patience, asking).await.ok().flatten().is_some_and(|words| is_http(&words))
    }

    /// Whether it answers TLS, with whatever certificate, after a header of the PROXY protocol or without.
    async fn speaks_tls(&self, tls: &TlsSetup, is_proxied: bool) -> bool {
        let shaking = async {
            let mut stream = Connection::tcp(self.address).await.ok()?;
            if is_proxied {
                stream.write_all(proxy_header(self.address).as_bytes()).await.ok()?;
            }
            Some(secure(tls, self.host, stream).await.err())
        };
        match timeout(self.patience, shaking).await {
            Ok(Some(None | Some(Failure::Certificate(_) | Failure::ClientCertificate))) => true,
            Ok(Some(Some(Failure::Tls(why)))) => why.as_str().contains("alert"),
            _ => false,
        }
    }
}

/// Asks the network once more why an address cannot be reached.
pub(crate) async fn examine_network(address: SocketAddr, failure: Failure) -> Failure {
    match failure {
        Failure::NoRoute | Failure::Unreachable(_) => {
            why_unreachable(address).await.unwrap_or(match failure {
                // There is a route, so that the network says it.
                Failure::NoRoute if local_ip(address).await.is_ok() => {
                    Failure::Unreachable(crate::failure::Unreachable::Network)
                }
                failure => failure,
            })
        }
        // From a private network to a public address that is the next router's own: the TURN server may be
        // behind the same router.
        Failure::Refused
            if !is_private(address.ip())
                && local_ip(address).await.is_ok_and(is_private)
                && is_next_router(address).await =>
        {
            Failure::OwnRouter
        }
        failure => failure,
    }
}

fn first<const N: usize>(heard: [(bool, Stranger); N]) -> Option<Stranger> {
    heard.into_iter().find_map(|(is_heard, stranger)| is_heard.then_some(stranger))
}

async fn first_words(stream: &mut (impl AsyncReadExt + Unpin)) -> Option<Vec<u8>> {
    let mut bytes = vec![0; 64];
    let read = stream.read(&mut bytes).await.ok()?;
    bytes.truncate(read);
    Some(bytes)
}

fn is_http(words: &[u8]) -> bool {
    words.starts_with(b"HTTP/") || words.starts_with(b"<")
}

/// The first two bits are zero, and the cookie is at its place.
fn is_stun(words: &[u8]) -> bool {
    words.first().is_some_and(|first| first >> 6 == 0) && words.get(4..8) == Some(&STUN[4..8])
}

/// Version 1 of the PROXY protocol.
fn proxy_header(server: SocketAddr) -> String {
    let (family, from) = match server {
        SocketAddr::V4(_) => ("TCP4", "192.0.2.1"),
        SocketAddr::V6(_) => ("TCP6", "2001:db8::1"),
    };
    format!("PROXY {family} {from} {} 40000 {}\r\n", server.ip(), server.port())
}
