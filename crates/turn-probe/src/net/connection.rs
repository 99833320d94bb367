//! A connection to a server, by UDP, TCP or TLS.

use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
};

use super::{
    framing::{Framing, Incoming, READ_BYTES},
    tls::stream_failure,
    unreachable::any_port,
};
use crate::failure::Failure;

/// The longest datagram.
const MAX_DATAGRAM: usize = 65_535;

/// A connection to a server.
pub(crate) struct Connection {
    local: SocketAddr,
    server: SocketAddr,
    way: Way,
}

enum Way {
    /// A socket that hears the server alone, and is told if nothing listens there.
    Udp(UdpSocket),
    /// A socket that hears every address.
    OpenUdp(UdpSocket),
    /// TCP, with TLS or without.
    Stream { stream: Box<dyn Stream>, framing: Framing },
}

/// A stream of bytes both ways.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Sync + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Stream for T {}

impl Connection {
    /// Opens a socket that is for the server alone.
    pub(crate) async fn udp(server: SocketAddr) -> Result<Self, Failure> {
        let open = async {
            let socket = UdpSocket::bind(any_port(server)).await?;
            socket.connect(server).await?;
            io::Result::Ok(Self { local: socket.local_addr()?, server, way: Way::Udp(socket) })
        };
        open.await.map_err(|error| Failure::io(&error))
    }

    /// Opens a socket that others can send to as well.
    pub(crate) async fn open_udp(server: SocketAddr) -> Result<Self, Failure> {
        let open = async {
            let socket = UdpSocket::bind(any_port(server)).await?;
            io::Result::Ok(Self { local: socket.local_addr()?, server, way: Way::OpenUdp(socket) })
        };
        open.await.map_err(|error| Failure::io(&error))
    }

    /// Connects by TCP. What it returns is not a [`Connection`] yet: TLS may come first.
    pub(crate) async fn tcp(server: SocketAddr) -> Result<TcpStream, Failure> {
        let stream = TcpStream::connect(server).await.map_err(|error| Failure::io(&error))?;
        // Small messages, each of which is waited for.
        stream.set_nodelay(true).map_err(|error| Failure::io(&error))?;
        Ok(stream)
    }

    /// A stream that is ready for messages.
    pub(crate) fn stream(
        local: SocketAddr,
        server: SocketAddr,
        stream: impl Stream + 'static,
    ) -> Self {
        let way = Way::Stream { stream: Box::new(stream), framing: Framing::default() };
        Self { local, server, way }
    }

    pub(crate) fn local(&self) -> SocketAddr {
        self.local
    }

    pub(crate) fn server(&self) -> SocketAddr {
        self.server
    }

    pub(crate) fn is_udp(&self) -> bool {
        !matches!(self.way, Way::Stream { .. })
    }

    /// Sends one message.
    pub(crate) async fn send(&mut self, message: &[u8]) -> Result<(), Failure> {
        let sent = match &mut self.way {
            Way::Udp(socket) => socket.send(message).await.map(drop),
            Way::OpenUdp(socket) => socket.send_to(message, self.server).await.map(drop),
            Way::Stream { stream, .. } => match stream.write_all(message).await {
                Ok(()) => stream.flush().await,
                Err(error) => Err(error),
            },
        };
        sent.map_err(|error| Failure::io(&error))
    }

    /// The next message from the server. It may be stopped at any await: nothing is lost.
    pub(crate) async fn receive(&mut self) -> Result<Incoming, Failure> {
        match &mut self.way {
            Way::Udp(socket) => {
                let mut datagram = vec![0; MAX_DATAGRAM];
                let received = socket.recv(&mut datagram).await;
                let bytes = received.map_err(|error| Failure::io(&error))?;
                Ok(Incoming::datagram(&datagram[..bytes]))
            }
            Way::OpenUdp(_) => {
                let (datagram, from) = self.receive_from_any().await?;
                match from == self.server {
                    true => Ok(Incoming::datagram(&datagram)),
                    false => Ok(Incoming::Elsewhere(datagram, from)),
                }
            }
            Way::Stream { stream, framing } => receive_from(stream, framing).await,
        }
    }

    /// The next datagram from any address: of an open socket.
    pub(crate) async fn receive_from_any(&self) -> Result<(Vec<u8>, SocketAddr), Failure> {
        let Way::OpenUdp(socket) = &self.way else {
            return Err(Failure::Incomplete("a socket that is open to others"));
        };
        let mut datagram = vec![0; MAX_DATAGRAM];
        let received = socket.recv_from(&mut datagram).await;
        let (bytes, from) = received.map_err(|error| Failure::io(&error))?;
        datagram.truncate(bytes);
        Ok((datagram, from))
    }

    /// Sends a datagram past the server: from an open socket.
    pub(crate) async fn send_past(&self, to: SocketAddr, datagram: &[u8]) -> Result<(), Failure> {
        let Way::OpenUdp(socket) = &self.way else {
            return Err(Failure::Incomplete("a socket that is open to others"));
        };
        socket.send_to(datagram, to).await.map(drop).map_err(|error| Failure::io(&error))
    }
}

async fn receive_from(
    stream: &mut Box<dyn Stream>,
    framing: &mut Framing,
) -> Result<Incoming, Failure> {
    if let Some(message) = framing.next() {
        return Ok(message);
    }
    let mut bytes = [0; READ_BYTES];
    loop {
        let read = stream.read(&mut bytes).await.map_err(|error| stream_failure(&error))?;
        if read == 0 {
            return Err(Failure::Closed);
        }
        if let Some(message) = framing.push(&bytes[..read])? {
            return Ok(message);
        }
    }
}
