//! Where a message ends: in a datagram at its end, in a stream where its header says.

use std::net::{Ipv4Addr, SocketAddr};

use stun_proto::{agent::Transmit, types::TransportType};
use turn_types::tcp::{IncomingTcp, StoredTcp, TurnTcpBuffer};

use crate::failure::{Failure, Stranger};

/// How much is read at a time.
pub(super) const READ_BYTES: usize = 4096;

/// The longest message: 65,535 bytes and a header. What is longer was never begun as one.
const MAX_BUFFERED: usize = 65_535 + 20 + READ_BYTES;

/// A whole message from the server.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Incoming {
    /// A STUN message, or what claims to be one.
    Stun(Vec<u8>),
    /// Data on a channel, with its header.
    Channel(Vec<u8>),
    /// A datagram from another address than the server's.
    Elsewhere(Vec<u8>, SocketAddr),
    /// None of these.
    Junk(Stranger),
}

impl Incoming {
    /// What a datagram is, by its first two bits
    /// ([RFC 8656, section 12](https://www.rfc-editor.org/rfc/rfc8656#section-12)).
    pub(super) fn datagram(bytes: &[u8]) -> Self {
        match bytes.first().map(|first| first >> 6) {
            Some(0) if bytes.len() >= 20 => Self::Stun(bytes.to_vec()),
            Some(1) if bytes.len() >= 4 => Self::Channel(bytes.to_vec()),
            _ => Self::Junk(Stranger::Unknown),
        }
    }
}

/// The messages of a stream.
#[derive(Default)]
pub(super) struct Framing {
    buffer: TurnTcpBuffer,
    /// Whether a message was read already. What follows one is not looked at for strangers.
    is_turn: bool,
}

impl Framing {
    /// A message that was buffered with another one.
    pub(super) fn next(&mut self) -> Option<Incoming> {
        self.buffer.poll_recv().map(|stored| match stored {
            StoredTcp::Message(bytes) => Incoming::Stun(bytes),
            StoredTcp::Channel(bytes) => Incoming::Channel(bytes),
        })
    }

    /// Takes what was read, and returns a message if one is complete.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Option<Incoming>, Failure> {
        if !self.is_turn
            && self.buffer.is_empty()
            && let Some(stranger) = stranger(bytes)
        {
            return Err(Failure::NotStun(stranger));
        }
        // The addresses play no part in where a message ends.
        let nobody = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let read = Transmit::new(bytes, TransportType::Tcp, nobody, nobody);
        let message = self.buffer.incoming_tcp(read).map(|incoming| {
            let bytes = incoming.data().to_vec();
            match incoming {
                IncomingTcp::CompleteMessage(..) | IncomingTcp::StoredMessage(..) => {
                    Incoming::Stun(bytes)
                }
                IncomingTcp::CompleteChannel(..) | IncomingTcp::StoredChannel(..) => {
                    Incoming::Channel(bytes)
                }
            }
        });
        self.is_turn |= message.is_some();
        match self.buffer.len() > MAX_BUFFERED {
            true => Err(Failure::NotStun(Stranger::Unknown)),
            false => Ok(message),
        }
    }
}

/// Who talks, if the first thing that it says is the beginning of no STUN message. No channel is bound
/// yet, so that a TURN server has nothing else to say.
fn stranger(bytes: &[u8]) -> Option<Stranger> {
    const TLS_ALERT: u8 = 0x15;
    const TLS_HANDSHAKE: u8 = 0x16;
    match bytes {
        [] => None,
        _ if bytes.starts_with(b"HTTP/") || bytes.starts_with(b"<") => Some(Stranger::Http),
        [TLS_ALERT | TLS_HANDSHAKE, 3, ..] => Some(Stranger::Tls),
        [first, ..] if first >> 6 != 0 => Some(Stranger::Unknown),
        [..] => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A Binding request without attributes.
    const MESSAGE: &[u8; 20] = b"\x00\x01\x00\x00\x21\x12\xa4\x42transaction!";

    #[test]
    fn strangers_are_told_by_their_first_words() {
        let told = |bytes: &[u8]| Framing::default().push(bytes);
        assert_eq!(told(b"HTTP/1.1 400 Bad Request"), Err(Failure::NotStun(Stranger::Http)));
        assert_eq!(told(b"\x15\x03\x03\x00\x02\x02\x28"), Err(Failure::NotStun(Stranger::Tls)));
        assert_eq!(told(b"SSH-2.0-OpenSSH"), Err(Failure::NotStun(Stranger::Unknown)));
        assert_eq!(told(b"\x00"), Ok(None));
    }

    #[test]
    fn what_never_becomes_a_message_is_not_kept() {
        let mut framing = Framing::default();
        let zeros = [0; READ_BYTES];
        let outcome = (0..1000).find_map(|_| framing.push(&zeros).err());
        assert_eq!(outcome, Some(Failure::NotStun(Stranger::Unknown)));
    }

    proptest! {
        #[test]
        fn messages_are_found_however_they_are_cut(
            payloads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 1..6),
            cuts in proptest::collection::vec(1_usize..30, 1..40),
        ) {
            // TURN pads channel data in a stream to four bytes; these have nothing to pad.
            let mut sent = vec![Incoming::Stun(MESSAGE.to_vec())];
            for payload in payloads {
                let payload = &payload[..payload.len() / 4 * 4];
                let mut bytes = vec![0x40, 0, 0, payload.len() as u8];
                bytes.extend(payload);
                sent.push(Incoming::Channel(bytes));
            }
            let stream: Vec<u8> = sent
                .iter()
                .flat_map(|message| match message {
                    Incoming::Stun(bytes) | Incoming::Channel(bytes) => bytes.clone(),
                    Incoming::Elsewhere(..) | Incoming::Junk(_) => vec![],
                })
                .collect();

            let mut framing = Framing::default();
            let mut received = vec![];
            let mut rest = stream.as_slice();
            for cut in cuts.into_iter().cycle() {
                if rest.is_empty() { break }
                let (piece, after) = rest.split_at(cut.min(rest.len()));
                received.extend(framing.push(piece).unwrap());
                while let Some(message) = framing.next() { received.push(message) }
                rest = after;
            }
            prop_assert_eq!(received, sent);
        }

        #[test]
        fn no_bytes_make_it_panic(pieces in proptest::collection::vec(
            proptest::collection::vec(any::<u8>(), 0..64), 0..20,
        )) {
            let mut framing = Framing::default();
            for piece in pieces {
                let _ = Incoming::datagram(&piece);
                if framing.push(&piece).is_err() { break }
                while framing.next().is_some() {}
            }
        }
    }
}
