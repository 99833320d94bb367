//! A server that answers by a script.

use std::{
    collections::HashSet,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use stun_proto::types::{
    attribute::{AlternateServer, ErrorCode, Nonce, Realm, Software, XorMappedAddress},
    message::{BINDING, Message, MessageWriteVec, TransactionId},
    prelude::{MessageWrite, MessageWriteExt},
};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, UdpSocket},
    task::JoinHandle,
};
use turn_types::attribute::{Lifetime, XorRelayedAddress};

/// A server on a port of 127.0.0.1, until it is dropped.
pub(crate) struct Scripted {
    pub(crate) address: SocketAddr,
    /// The ids of their transactions. A request that is sent again keeps its id.
    requests: Arc<Mutex<HashSet<u128>>>,
    task: JoinHandle<()>,
}

impl Scripted {
    pub(crate) fn requests_other_than_binding(&self) -> usize {
        self.requests.lock().unwrap().len()
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Answers = dyn Fn(&[u8]) -> Vec<Vec<u8>> + Send + Sync;

/// What is answered to a datagram.
pub(crate) struct Respond(Box<Answers>);

impl Respond {
    pub(crate) fn with(answers: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + Sync + 'static) -> Self {
        Self(Box::new(answers))
    }

    /// Answers Binding, and 401 to everything else; with another nonce each time, or with this one.
    pub(crate) fn unauthorized(nonce: &'static str) -> Self {
        Self::to_others(move |request| {
            let nonce = match nonce {
                "another each time" => format!("{:x}", u128::from(TransactionId::generate())),
                nonce => nonce.to_owned(),
            };
            unauthorized(request, &nonce)
        })
    }

    /// Answers Binding, and 300 to everything else.
    pub(crate) fn try_alternate(to: SocketAddr) -> Self {
        Self::to_others(move |request| {
            let mut answer = Message::builder_error(request, MessageWriteVec::new());
            answer.add_attribute(&ErrorCode::builder(300).build().unwrap()).unwrap();
            answer.add_attribute(&AlternateServer::new(to)).unwrap();
            answer.finish()
        })
    }

    /// Lends a relay at this address, without credentials, and answers nothing but that.
    pub(crate) fn relay_at(relay: SocketAddr) -> Self {
        Self::to_others(move |request| {
            let mut answer = Message::builder_success(request, MessageWriteVec::new());
            let relay = XorRelayedAddress::new(relay, request.transaction_id());
            answer.add_attribute(&relay).unwrap();
            answer.add_attribute(&Lifetime::new(600)).unwrap();
            answer.finish()
        })
    }

    /// Asks for credentials, and then refuses with these words.
    pub(crate) fn refusal(words: &'static str) -> Self {
        let asked = AtomicUsize::new(0);
        Self::to_others(move |request| {
            if asked.fetch_add(1, Ordering::SeqCst) == 0 {
                return unauthorized(request, "nonce");
            }
            let mut answer = Message::builder_error(request, MessageWriteVec::new());
            let error = ErrorCode::new(486, words).unwrap();
            answer.add_attribute(&error).unwrap();
            answer.finish()
        })
    }

    /// Refuses everything, Binding as well, and says what it is.
    pub(crate) fn named(software: &'static str) -> Self {
        Self::with(move |datagram| {
            let Ok(request) = Message::from_bytes(datagram) else { return vec![] };
            let mut answer = Message::builder_error(&request, MessageWriteVec::new());
            answer.add_attribute(&ErrorCode::builder(500).build().unwrap()).unwrap();
            answer.add_attribute(&Software::new(software).unwrap()).unwrap();
            vec![answer.finish()]
        })
    }

    /// Asks for credentials, and lends a relay without having looked at them.
    pub(crate) fn unsigned_success() -> Self {
        let asked = AtomicUsize::new(0);
        Self::to_others(move |request| {
            if asked.fetch_add(1, Ordering::SeqCst) == 0 {
                return unauthorized(request, "nonce");
            }
            let mut answer = Message::builder_success(request, MessageWriteVec::new());
            let relay = "192.0.2.1:50000".parse().unwrap();
            let relay = XorRelayedAddress::new(relay, request.transaction_id());
            answer.add_attribute(&relay).unwrap();
            answer.add_attribute(&Lifetime::new(600)).unwrap();
            answer.finish()
        })
    }

    fn to_others(answer: impl Fn(&Message<'_>) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::with(move |datagram| {
            let Ok(request) = Message::from_bytes(datagram) else { return vec![] };
            if request.method() != BINDING {
                return vec![answer(&request)];
            }
            let mut answer = Message::builder_success(&request, MessageWriteVec::new());
            let seen = "192.0.2.9:9".parse().unwrap();
            answer.add_attribute(&XorMappedAddress::new(seen, request.transaction_id())).unwrap();
            vec![answer.finish()]
        })
    }
}

fn unauthorized(request: &Message<'_>, nonce: &str) -> Vec<u8> {
    let mut answer = Message::builder_error(request, MessageWriteVec::new());
    answer.add_attribute(&ErrorCode::builder(401).build().unwrap()).unwrap();
    answer.add_attribute(&Realm::new("example.org").unwrap()).unwrap();
    answer.add_attribute(&Nonce::new(nonce).unwrap()).unwrap();
    answer.finish()
}

/// Answers datagrams.
pub(crate) async fn udp(respond: Respond) -> Scripted {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = socket.local_addr().unwrap();
    let requests = Arc::<Mutex<HashSet<_>>>::default();
    let counted = requests.clone();
    let task = tokio::spawn(async move {
        let mut datagram = [0; 2048];
        loop {
            let Ok((bytes, from)) = socket.recv_from(&mut datagram).await else { continue };
            if let Ok(request) = Message::from_bytes(&datagram[..bytes])
                && request.method() != BINDING
            {
                counted.lock().unwrap().insert(request.transaction_id().into());
            }
            for answer in (respond.0)(&datagram[..bytes]) {
                let _ = socket.send_to(&answer, from).await;
            }
        }
    });
    Scripted { address, requests, task }
}

/// Says the same to everybody who connects, several times, and keeps the connection open.
pub(crate) async fn tcp(says: Vec<u8>, times: usize) -> Scripted {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut connection, _)) = listener.accept().await {
            for _ in 0..times {
                if connection.write_all(&says).await.is_err() {
                    break;
                }
            }
            open.push(connection);
        }
    });
    Scripted { address, requests: Arc::default(), task }
}
