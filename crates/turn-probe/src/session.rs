//! A conversation with one server: requests with their answers, and data.

use std::{
    cmp::Reverse,
    collections::VecDeque,
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, OnceLock},
    time::Duration,
};

use stun_proto::{
    Instant as StunInstant,
    agent::{StunAgent, StunAgentPollRet},
    auth::{LongTermClientAuth, LongTermClientAuthErrorReason, LongTermClientValidation},
    types::{
        TransportType,
        attribute::{AlternateServer, ErrorCode, Nonce, Realm, Software, XorMappedAddress},
        message::{
            LongTermCredentials, Message, MessageClass, MessageWriteVec, Method, StunParseError,
            StunWriteError, TransactionId,
        },
        prelude::{MessageWrite, MessageWriteExt},
    },
};
use tokio::time::{Instant, sleep};
use tracing::{Dispatch, dispatcher};
use turn_types::{
    attribute::{Data, Lifetime, XorPeerAddress, XorRelayedAddress},
    channel::ChannelData,
    message::{DATA, SEND},
};

use crate::{
    failure::{Failure, Stranger, Text},
    net::{Connection, Incoming},
};

/// How often a request is sent, at most, for a server that asks for credentials or has a new nonce:
/// without credentials, with them, and once more in case that nonce was stale at once.
const MAX_TRIES: usize = 3;

/// How many messages that answer nothing are taken while one answer is waited for.
const MAX_NOISE: u32 = 256;

/// How much data is kept until it is looked at.
const MAX_KEPT: usize = 16;

/// Data from a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PeerData {
    pub(crate) from: From,
    pub(crate) data: Vec<u8>,
}

/// Where data from a peer came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum From {
    /// On a channel.
    Channel(u16),
    /// From an address.
    Peer(SocketAddr),
}

/// What a server calls itself (SOFTWARE), once it has said so.
pub(crate) type ServerName = Arc<OnceLock<Text>>;

/// A conversation over one connection.
pub(crate) struct Session {
    connection: Connection,
    agent: StunAgent,
    auth: LongTermClientAuth,
    /// Kept out of what the server says.
    secrets: Vec<String>,
    started: Instant,
    kept: VecDeque<PeerData>,
    server_name: ServerName,
    /// The requests so far, whose answers may still come in.
    asked: Vec<TransactionId>,
    /// What came in instead of an answer, in the middle of silence.
    oddity: Option<Failure>,
}

impl Session {
    /// A conversation whose requests are given up after `patience`.
    pub(crate) fn new(connection: Connection, patience: Duration, server_name: ServerName) -> Self {
        let transport = match connection.is_udp() {
            true => TransportType::Udp,
            false => TransportType::Tcp,
        };
        // With a patience of 5 s: sent after 0, 0.5, 1.5 and 3.5 s, as RFC 8489 has it, and given up
        // after 5 s.
        let agent = StunAgent::builder(transport, connection.local())
            .remote_addr(connection.server())
            .request_retransmits(patience / 10, patience, 4, patience * 3 / 10)
            .build();
        Self {
            connection,
            agent,
            auth: LongTermClientAuth::new(),
            secrets: Vec::new(),
            started: Instant::now(),
            kept: VecDeque::new(),
            server_name,
            asked: Vec::new(),
            oddity: None,
        }
    }

    /// Keeps these out of the texts of the server.
    pub(crate) fn hiding(mut self, secrets: [&str; 2]) -> Self {
        self.secrets =
            secrets.into_iter().filter(|text| is_hidden(text)).map(str::to_owned).collect();
        // The longest first: a shorter one may be a part of it.
        self.secrets.sort_by_key(|secret| Reverse(secret.len()));
        self
    }

    /// Authenticates from now on, if the server asks for it.
    pub(crate) fn authenticate(&mut self, username: &str, password: &str) {
        let credentials = LongTermCredentials::new(username.to_owned(), password.to_owned());
        self.auth.set_credentials(credentials);
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Ends the conversation, and leaves the connection open.
    pub(crate) fn into_connection(self) -> Connection {
        self.connection
    }

    /// Sends a request, with what `add` adds to it, and waits for the server's success.
    pub(crate) async fn request(
        &mut self,
        method: Method,
        add: impl Fn(&mut MessageWriteVec) -> Result<(), StunWriteError>,
    ) -> Result<Answer, Failure> {
        let mut tries = 1;
        loop {
            let request = self.signed(method, &add)?;
            let answer = match self.exchange(request).await {
                // It is there, and may need its time: coturn tries all ports before it says 508.
                Err(Failure::Timeout(_)) if (2..MAX_TRIES).contains(&tries) => {
                    tries = MAX_TRIES;
                    continue;
                }
                Err(Failure::Timeout(limit)) if tries > 1 => {
                    return Err(Failure::FellSilent(limit));
                }
                outcome => outcome?,
            };
            let message = Message::from_bytes(&answer).map_err(|_| malformed())?;
            if is_nonce_cut(&message) {
                return Err(malformed());
            }
            match contained(|| quietly(|| self.auth.validate_incoming_message(&message)))? {
                Ok(LongTermClientValidation::ResendRequest(_)) if tries < MAX_TRIES => tries += 1,
                Err(error)
                    if error.reason() == LongTermClientAuthErrorReason::UnsupportedFeature =>
                {
                    return Err(Failure::UnsupportedAlgorithm);
                }
                outcome => return self.judge(answer, outcome.is_ok()),
            }
        }
    }

    /// Sends data to a peer: on a channel, or by its address.
    pub(crate) async fn send_data(&mut self, to: From, data: &[u8]) -> Result<(), Failure> {
        let message = match to {
            From::Channel(number) => {
                let mut bytes = vec![0; 4 + data.len()];
                ChannelData::new(number, data).write_into_unchecked(&mut bytes);
                bytes
            }
            From::Peer(peer) => {
                let mut message = Message::builder_indication(SEND, MessageWriteVec::new());
                let peer = XorPeerAddress::new(peer, message.transaction_id());
                message.add_attribute(&peer).map_err(|_| Failure::Unsendable)?;
                message.add_attribute(&Data::new(data)).map_err(|_| Failure::Unsendable)?;
                message.finish()
            }
        };
        self.connection.send(&message).await
    }

    /// The next data from a peer. It may be stopped at any await: nothing is lost.
    pub(crate) async fn receive_data(&mut self) -> Result<PeerData, Failure> {
        for _ in 0..MAX_NOISE {
            if let Some(data) = self.kept.pop_front() {
                return Ok(data);
            }
            let incoming = self.connection.receive().await?;
            contained(|| self.sort(incoming))?;
        }
        Err(Failure::Flooded)
    }

    /// Whether the server asked for credentials already.
    pub(crate) fn is_signing(&self) -> bool {
        self.auth.message_signature_bytes() > 0
    }

    fn signed(
        &mut self,
        method: Method,
        add: impl Fn(&mut MessageWriteVec) -> Result<(), StunWriteError>,
    ) -> Result<Vec<u8>, Failure> {
        let sign = || {
            let mut message = Message::builder_request(method, MessageWriteVec::new());
            add(&mut message)?;
            let mut message = self.auth.sign_outgoing_message(message)?;
            message.add_fingerprint()?;
            Ok(message.finish())
        };
        contained(|| quietly(sign))?.map_err(|_: StunWriteError| Failure::Unsendable)
    }

    /// Sends a request, again and again over UDP, until it is answered.
    async fn exchange(&mut self, request: Vec<u8>) -> Result<Vec<u8>, Failure> {
        let id = Message::from_bytes(&request).map_err(|_| Failure::Unsendable)?.transaction_id();
        self.asked.push(id);
        let server = self.connection.server();
        let now = self.now();
        self.agent.send_request(&request, server, now).map_err(|_| Failure::Unsendable)?;
        self.connection.send(&request).await?;

        let began = Instant::now();
        let mut noise = 0;
        loop {
            let StunAgentPollRet::WaitUntil(wake) = self.agent.poll(self.now()) else {
                return Err(self.silence(began.elapsed()));
            };
            let pause = wake.saturating_duration_since(self.now());
            tokio::select! {
                incoming = self.connection.receive() => {
                    let incoming = incoming?;
                    if let Some(answer) = contained(|| self.answer_in(incoming, id))? {
                        return Ok(answer);
                    }
                    noise += 1;
                    if noise == MAX_NOISE {
                        return Err(Failure::Flooded);
                    }
                }
                () = sleep(pause) => self.send_again().await?,
            }
        }
    }

    async fn send_again(&mut self) -> Result<(), Failure> {
        let now = self.now();
        let again = self.agent.poll_transmit(now).map(|transmit| transmit.data.to_vec());
        match again {
            Some(request) => self.connection.send(&request).await,
            None => Ok(()),
        }
    }

    /// The answer to the request with this id, if that is what came in.
    fn answer_in(&mut self, incoming: Incoming, id: TransactionId) -> Option<Vec<u8>> {
        if let Incoming::Stun(bytes) = &incoming
            && let Ok(message) = Message::from_bytes(bytes)
            && message.is_response()
            && message.transaction_id() == id
        {
            if let Ok(software) = message.attribute::<Software>() {
                self.server_name.get_or_init(|| self.without_secrets(software.software()));
            }
            let (server, now) = (self.connection.server(), self.now());
            let is_ours = self.agent.handle_stun_message_with_time(&message, server, now);
            return is_ours.then(|| bytes.clone());
        }
        self.sort(incoming);
        None
    }

    /// Keeps data of peers, and notes what else came in.
    fn sort(&mut self, incoming: Incoming) {
        self.oddity = oddity(&incoming, &self.asked).or(self.oddity.take());
        let data = match incoming {
            Incoming::Channel(bytes) => ChannelData::parse(&bytes).ok().map(|channel| PeerData {
                from: From::Channel(channel.id()),
                data: channel.data().to_vec(),
            }),
            Incoming::Stun(bytes) => indicated_data(&bytes),
            Incoming::Elsewhere(..) | Incoming::Junk(_) => None,
        };
        if self.kept.len() < MAX_KEPT {
            self.kept.extend(data);
        }
    }

    /// What an answer means. Only the server can have made it, since only the server knows the request's
    /// id; but a success that is not signed comes from a server that did not check who we are.
    fn judge(&self, answer: Vec<u8>, is_valid: bool) -> Result<Answer, Failure> {
        let message = Message::from_bytes(&answer).map_err(|_| malformed())?;
        if message.class() == MessageClass::Error {
            return Err(self.refusal(&message));
        }
        match is_valid || !self.is_signing() {
            true => Ok(Answer(answer)),
            false => Err(Failure::BadSignature),
        }
    }

    fn refusal(&self, message: &Message<'_>) -> Failure {
        const TRY_ALTERNATE: u16 = 300;
        const UNAUTHORIZED: u16 = 401;
        match message.attribute::<ErrorCode>() {
            Ok(error) if error.code() == TRY_ALTERNATE => {
                let to = message.attribute::<AlternateServer>().ok();
                Failure::Redirected(to.map(|to| to.server()))
            }
            Ok(error) if error.code() == UNAUTHORIZED && message.attribute::<Realm>().is_err() => {
                Failure::NoChallenge("a realm")
            }
            Ok(error) if error.code() == UNAUTHORIZED && message.attribute::<Nonce>().is_err() => {
                Failure::NoChallenge("a nonce")
            }
            Ok(error) => Failure::Refusal {
                code: error.code(),
                reason: self.without_secrets(error.reason()),
            },
            Err(_) => Failure::Incomplete("the error's code"),
        }
    }

    /// A text of the server, which may repeat what it was sent or what it knows.
    fn without_secrets(&self, text: &str) -> Text {
        let hide = |text: String, secret: &String| text.replace(secret, "…");
        Text::new(&self.secrets.iter().fold(text.to_owned(), hide))
    }

    fn silence(&self, lasted: Duration) -> Failure {
        self.oddity.clone().unwrap_or(Failure::Timeout(lasted))
    }

    fn now(&self) -> StunInstant {
        StunInstant::ZERO + self.started.elapsed()
    }
}

/// A shorter secret is part of many words: to take it out of them would spoil the text and show the secret.
fn is_hidden(secret: &str) -> bool {
    secret.chars().count() >= 4
}

/// The server's success, in its own bytes.
pub(crate) struct Answer(Vec<u8>);

impl Answer {
    /// The address that the server sees us at.
    pub(crate) fn mapped(&self) -> Result<SocketAddr, Failure> {
        self.read(|message, id| Some(message.attribute::<XorMappedAddress>().ok()?.addr(id)))
            .ok_or(Failure::Incomplete("our own address"))
    }

    /// The relay that it lends.
    pub(crate) fn relayed(&self) -> Result<SocketAddr, Failure> {
        self.read(|message, id| Some(message.attribute::<XorRelayedAddress>().ok()?.addr(id)))
            .ok_or(Failure::Incomplete("the relay's address"))
    }

    /// For how long.
    pub(crate) fn lifetime(&self) -> Result<Duration, Failure> {
        self.read(|message, _| Some(message.attribute::<Lifetime>().ok()?.seconds()))
            .map(|seconds| Duration::from_secs(seconds.into()))
            .ok_or(Failure::Incomplete("the relay's lifetime"))
    }

    fn read<T>(&self, get: impl Fn(&Message<'_>, TransactionId) -> Option<T>) -> Option<T> {
        let message = Message::from_bytes(&self.0).ok()?;
        get(&message, message.transaction_id())
    }
}

/// What is odd about a message that answers nothing. An answer from elsewhere counts only if it is one.
fn oddity(incoming: &Incoming, asked: &[TransactionId]) -> Option<Failure> {
    let (bytes, from) = match incoming {
        Incoming::Junk(stranger) => return Some(Failure::NotStun(*stranger)),
        Incoming::Channel(_) => return None,
        Incoming::Stun(bytes) => (bytes, None),
        Incoming::Elsewhere(bytes, from) => (bytes, Some(*from)),
    };
    match (Message::from_bytes(bytes), from) {
        (Ok(message), Some(from)) if message.is_response() => Some(Failure::AnsweredFrom(from)),
        (Ok(message), None) if message.is_response() => {
            let is_late = asked.contains(&message.transaction_id());
            (!is_late).then_some(Failure::WrongTransaction)
        }
        (Err(StunParseError::FingerprintMismatch), None) => Some(Failure::WrongFingerprint),
        _ => None,
    }
}

fn malformed() -> Failure {
    Failure::NotStun(Stranger::Unknown)
}

/// Whether `stun-proto` would panic on a nonce: it cuts off what follows RFC 8489's cookie after four
/// bytes, and here that is in the middle of a character.
fn is_nonce_cut(message: &Message<'_>) -> bool {
    const COOKIE: &str = "obMatJos2";
    const FEATURES_BYTES: usize = 4;
    message.attribute::<Nonce>().is_ok_and(|nonce| {
        let features = nonce.nonce().strip_prefix(COOKIE);
        features.is_some_and(|text| {
            text.len() >= FEATURES_BYTES && !text.is_char_boundary(FEATURES_BYTES)
        })
    })
}

/// Contains a panic of a library that reads what a server sent. The session ends with the failure, so
/// that nothing half done is seen.
fn contained<T>(work: impl FnOnce() -> T) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_panic| malformed())
}

fn indicated_data(bytes: &[u8]) -> Option<PeerData> {
    let message = Message::from_bytes(bytes).ok()?;
    if message.class() != MessageClass::Indication || message.method() != DATA {
        return None;
    }
    let peer = message.attribute::<XorPeerAddress>().ok()?.addr(message.transaction_id());
    let data = message.attribute::<Data<'_>>().ok()?.data().to_vec();
    Some(PeerData { from: From::Peer(peer), data })
}

/// Keeps what is done with the key out of traces: the spans of `stun-types` hold it.
fn quietly<T>(work: impl FnOnce() -> T) -> T {
    dispatcher::with_default(&Dispatch::none(), work)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_is_a_part_of_many_words_is_not_taken_out_of_them() {
        assert!(is_hidden("s3cret") && !is_hidden("t") && !is_hidden(""));
    }

    #[test]
    fn a_panic_of_a_library_is_a_failure() {
        let outcome = contained(|| -> u8 { panic!("this panic is a part of the test") });
        assert_eq!(outcome, Err(malformed()));
    }
}
