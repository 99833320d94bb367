//! One URI at one of its addresses, from the connection to the end of the relays.

use std::{future::Future, net::SocketAddr, pin::pin, time::Duration};

use matrix_sdk_turn::{IceTransport, TurnServer};
use tokio::{
    net::TcpStream,
    sync::{Semaphore, SemaphorePermit},
    time::{sleep, timeout},
};

use crate::{
    direct::{Outsider, reach_directly},
    failure::Failure,
    identify::{Listener, examine_network},
    log::Log,
    net::{Connection, TlsSetup, secure},
    reach::{is_public, may_contact},
    relaying::carry_both_ways,
    requests::{Lent, allocate, bind, bind_channel, give_back, permit_each_other},
    session::Session,
    step::{Found, Skipped, StepKind},
};

/// A server that has not answered by then is not waited for by others.
const ANSWERS_SOON: Duration = Duration::from_secs(1);

/// One URI at one of its addresses.
pub(crate) struct Attempt<'a> {
    pub(crate) log: Log,
    pub(crate) address: SocketAddr,
    pub(crate) server: &'a TurnServer,
    pub(crate) tls: Option<&'a TlsSetup>,
    /// So many attempts hold relays at a time.
    pub(crate) turns: &'a Semaphore,
    /// Whether other protocols may be spoken to a listener at a loopback or private address.
    pub(crate) identifies_private: bool,
}

impl Attempt<'_> {
    /// Goes on until a step fails that the next ones depend on.
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let mut session = self.connect().await?;
        if !self.log.uri.is_turn() {
            let binding = async { Ok(((), Found::Mapped(bind(&mut session).await?))) };
            return self
                .log
                .examined_step(StepKind::Binding, binding, |f| self.examine_binding(f))
                .await;
        }
        let mut turn = self.turn().await?;
        let lending = give_up_if_silent(&mut turn, self.allocate(session));
        // Two requests: one is given up earlier than that.
        let log = self.log.clone().with_limit(self.log.limit() * 2);
        let lent = log.examined_step(StepKind::Allocate, lending, |f| self.examine(f)).await;
        let is_heard = lent.as_ref().err().is_none_or(Failure::is_an_answer);
        if is_heard || self.is_udp() && matches!(lent, Err(Failure::Timeout(_))) {
            // A server may well refuse this and relay all the same, or do no more than this.
            let _ = self.log.step(StepKind::Binding, self.bind_aside()).await;
        }
        let mut first = lent?;
        if turn.is_none() {
            turn = self.turn().await?;
        }
        let relayed = self.relay(&mut first).await;
        self.reach(&mut first).await;
        let given_back = self.log.step(StepKind::Refresh, give_back(&mut first)).await;
        drop(turn);
        relayed.and(given_back)
    }

    /// Waits until this attempt may ask for relays.
    async fn turn(&self) -> Result<Option<SemaphorePermit<'_>>, Failure> {
        match timeout(self.log.budget.left(StepKind::Allocate), self.turns.acquire()).await {
            Ok(turn) => Ok(turn.ok()),
            Err(_elapsed) => {
                self.log.skip(StepKind::Allocate, Skipped::OutOfTime).await;
                Err(Failure::Timeout(Duration::ZERO))
            }
        }
    }

    /// Asks over a connection of its own, which hears answers from other addresses as well. A server that
    /// is there answers at once.
    async fn bind_aside(&self) -> Result<((), Found), Failure> {
        let connection = match self.is_udp() {
            true => Connection::open_udp(self.address).await?,
            false => self.connect_again().await?.into_connection(),
        };
        let patience = self.log.limit() * 3 / 10;
        let mut session = self.session_for(connection, patience);
        if self.log.uri.is_turn() {
            session.authenticate(self.server.username(), self.server.password());
        }
        Ok(((), Found::Mapped(bind(&mut session).await?)))
    }

    /// Takes a second look at a STUN server: the socket that was used hears no answers from other addresses.
    async fn examine_binding(&self, failure: Failure) -> Failure {
        let failure = self.examine(failure).await;
        if !self.is_udp() || !matches!(failure, Failure::Timeout(_)) {
            return failure;
        }
        match self.bind_aside().await {
            Err(elsewhere @ Failure::AnsweredFrom(_)) => elsewhere,
            _ => failure,
        }
    }

    /// Takes a second look at why there is no answer.
    async fn examine(&self, failure: Failure) -> Failure {
        match self.is_udp() {
            true => examine_network(self.address, failure).await,
            false => self.examine_listener(false, failure).await,
        }
    }

    async fn examine_listener(&self, tls_failed: bool, failure: Failure) -> Failure {
        let Self { address, log, .. } = self;
        let listener = Listener {
            address: *address,
            host: log.uri.host(),
            tls_failed,
            tls: self.tls(),
            // A server that is there answers at once, and the user waits for this as well.
            patience: log.limit() * 3 / 10,
            may_be_identified: self.identifies_private || is_public(*address),
        };
        listener.examine(failure).await
    }

    /// Everything that takes a second relay.
    async fn relay(&self, first: &mut Lent) -> Result<(), Failure> {
        let log = &self.log;
        let mut second = log.step(StepKind::SecondAllocate, self.allocate_another()).await?;
        let relayed = async {
            log.step(StepKind::CreatePermission, permit_each_other(first, &mut second)).await?;
            log.step(StepKind::ChannelBind, bind_channel(first, second.relay)).await?;
            log.step(StepKind::Relay, carry_both_ways(first, &mut second)).await
        };
        let relayed = relayed.await;
        // That of the first relay is the one that is reported.
        let limit = log.limit().min(log.budget.left(StepKind::Refresh));
        let _ = timeout(limit, give_back(&mut second)).await;
        relayed
    }

    /// What a peer without a relay of its own would do. Over TCP and TLS as well: they may be all that is
    /// offered, and the relays' ports are the same.
    async fn reach(&self, lent: &mut Lent) {
        if self.address.is_ipv4() != lent.relay.is_ipv4() {
            return self.log.skip(StepKind::Direct, Skipped::OtherFamily).await;
        }
        if !may_contact(self.address, lent.relay) {
            return self.log.skip(StepKind::Direct, Skipped::TooClose).await;
        }
        match Outsider::open(self.address, lent).await {
            Some(outsider) => {
                let reaching = reach_directly(lent, &outsider);
                // That it failed is noted, and stops nothing.
                let _ = self.log.step(StepKind::Direct, reaching).await;
            }
            None => self.log.skip(StepKind::Direct, Skipped::NoPeerAddress).await,
        }
    }

    async fn connect(&self) -> Result<Session, Failure> {
        if self.is_udp() {
            let opened = Connection::udp(self.address).await;
            if let Err(failure) = &opened {
                // That a socket opened is not worth a line.
                let failed = async { Err::<((), Found), _>(failure.clone()) };
                self.log
                    .examined_step(StepKind::Connect, failed, |failure| self.examine(failure))
                    .await?;
            }
            return Ok(self.session(opened?));
        }
        let connecting = async { Ok((Connection::tcp(self.address).await?, Found::Works)) };
        let stream = self
            .log
            .examined_step(StepKind::Connect, connecting, |failure| {
                examine_network(self.address, failure)
            })
            .await?;
        let connection = match self.tls() {
            Some(tls) => {
                let securing = self.secured(tls, stream);
                self.log
                    .examined_step(StepKind::Tls, securing, |failure| {
                        self.examine_listener(true, failure)
                    })
                    .await?
            }
            None => self.plain(stream)?,
        };
        Ok(self.session(connection))
    }

    /// The same again, as a part of another step.
    async fn connect_again(&self) -> Result<Session, Failure> {
        if self.is_udp() {
            return Ok(self.session(Connection::udp(self.address).await?));
        }
        let stream = Connection::tcp(self.address).await?;
        let connection = match self.tls() {
            Some(tls) => self.secured(tls, stream).await?.0,
            None => self.plain(stream)?,
        };
        Ok(self.session(connection))
    }

    fn plain(&self, stream: TcpStream) -> Result<Connection, Failure> {
        let local = stream.local_addr().map_err(|error| Failure::io(&error))?;
        Ok(Connection::stream(local, self.address, stream))
    }

    async fn secured(
        &self,
        tls: &TlsSetup,
        stream: TcpStream,
    ) -> Result<(Connection, Found), Failure> {
        let local = stream.local_addr().map_err(|error| Failure::io(&error))?;
        let (stream, expires) = secure(tls, self.log.uri.host(), stream).await?;
        let connection = Connection::stream(local, self.address, stream);
        Ok((connection, Found::Certificate { expires }))
    }

    /// What secures the connection; `None` if nothing does.
    fn tls(&self) -> Option<&TlsSetup> {
        self.tls.filter(|_| self.log.uri.is_tls())
    }

    fn session(&self, connection: Connection) -> Session {
        self.session_for(connection, self.patience())
    }

    fn session_for(&self, connection: Connection, patience: Duration) -> Session {
        Session::new(connection, patience, self.log.server_name.clone())
            .hiding([self.server.username(), self.server.password()])
    }

    /// Asks for a relay over a connection of its own, as a part of another step.
    pub(crate) async fn allocate_another(&self) -> Result<(Lent, Found), Failure> {
        self.allocate(self.connect_again().await?).await
    }

    async fn allocate(&self, session: Session) -> Result<(Lent, Found), Failure> {
        allocate(session, self.server.username(), self.server.password()).await
    }

    fn is_udp(&self) -> bool {
        self.log.uri.transport() == IceTransport::Udp
    }

    /// A request is given up a little before its step is, so that the step can say what came instead.
    fn patience(&self) -> Duration {
        self.log.limit() * 9 / 10
    }
}

/// Works, and gives up its turn to others if the work takes long.
async fn give_up_if_silent<T>(
    turn: &mut Option<SemaphorePermit<'_>>,
    work: impl Future<Output = T>,
) -> T {
    let mut work = pin!(work);
    tokio::select! {
        outcome = &mut work => return outcome,
        () = sleep(ANSWERS_SOON) => *turn = None,
    }
    work.await
}
