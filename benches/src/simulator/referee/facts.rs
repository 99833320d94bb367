//! What happened so far, as any onlooker could write it down.

use std::time::Duration;

use matrix_sdk_turn::{Timestamp, TurnServer, UnavailableReason, schedule::Saved};

use super::{
    super::{
        homeserver::{Reply, ReplyKind},
        run::Violation,
    },
    numbers::passed,
};

/// S13: a longer TTL counts as this.
const MAX_TTL: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// What happened so far. Only the referee itself writes here; its judges read.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) subscribers: usize,
    /// When the first of them came.
    pub(super) subscribed_at: Option<Timestamp>,
    /// The newest request.
    pub(super) request: Option<Request>,
    /// The newest answer.
    pub(super) answer: Option<Answer>,
    /// The credentials to be used now, if there are any.
    pub(super) held: Option<Held>,
    /// They are what an earlier process left: request and answer are as it saw them.
    pub(super) is_restored: bool,
    /// Why the last request had failed when they were found.
    pub(super) failed_before: Option<UnavailableReason>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    pub(super) sent: Timestamp,
    pub(super) is_answered: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    pub(super) received: Timestamp,
    pub(super) kind: ReplyKind,
}

#[derive(Debug)]
pub(super) struct Held {
    pub(super) server: TurnServer,
    /// When they were asked for, and for how long from then on they are valid. `None`: not known.
    pub(super) lifetime: Option<(Timestamp, Duration)>,
    /// A TURN server said that they are of no use.
    pub(super) is_rejected: bool,
}

impl Facts {
    pub(super) fn is_in_flight(&self) -> bool {
        self.request.is_some_and(|request| !request.is_answered)
    }

    /// What the newest answer was.
    pub(super) fn last_kind(&self) -> Option<ReplyKind> {
        self.answer.map(|answer| answer.kind)
    }

    /// Why the newest request failed, if it did.
    pub(super) fn last_failure(&self) -> Option<UnavailableReason> {
        self.last_kind().and_then(ReplyKind::failure)
    }

    pub(super) fn subscribe(&mut self, now: Timestamp) {
        self.subscribers += 1;
        if self.subscribers == 1 {
            self.subscribed_at = Some(now);
        }
    }

    pub(super) fn unsubscribe(&mut self) {
        self.subscribers = self.subscribers.saturating_sub(1);
    }

    pub(super) fn send(&mut self, now: Timestamp) {
        self.request = Some(Request { sent: now, is_answered: false });
    }

    /// What is held although a TURN server rejected it.
    pub(super) fn rejected(&self) -> Option<&TurnServer> {
        self.held.as_ref().filter(|held| held.is_rejected).map(|held| &held.server)
    }

    /// An answer arrived. What was `rejected` when it did stays so, even if it had just expired.
    pub(super) fn receive(
        &mut self,
        now: Timestamp,
        reply: &Reply,
        rejected: Option<&TurnServer>,
    ) -> Result<(), Violation> {
        let request = self.request.as_mut().filter(|request| !request.is_answered);
        let Some(request) = request else {
            return Err("an answer to no request".to_owned());
        };
        request.is_answered = true;
        let sent = request.sent;
        (self.is_restored, self.failed_before) = (false, None);
        self.answer = Some(Answer { received: now, kind: reply.kind });
        if let Some((server, ttl)) = &reply.credentials {
            let lifetime = (!ttl.is_zero()).then_some((sent, (*ttl).min(MAX_TTL)));
            let is_rejected = rejected == Some(server);
            self.held = Some(Held { server: server.clone(), lifetime, is_rejected });
        } else if reply.kind == ReplyKind::LoggedOut {
            // Nothing else takes back what was handed out before.
            self.held = None;
        }
        Ok(())
    }

    /// Goes on as if this process had asked for the credentials. When they were received is not known,
    /// but not before they were asked for.
    pub(super) fn restore(&mut self, asked: Timestamp, Saved { server, ttl, .. }: &Saved) {
        self.failed_before = self.last_failure();
        self.request = Some(Request { sent: asked, is_answered: true });
        self.answer = Some(Answer { received: asked, kind: ReplyKind::Credentials });
        let lifetime = Some((asked, *ttl));
        self.held = Some(Held { server: server.clone(), lifetime, is_rejected: false });
        self.is_restored = true;
    }

    /// A TURN server rejected what is held.
    pub(super) fn reject(&mut self) {
        if let Some(held) = &mut self.held {
            held.is_rejected = true;
        }
    }

    /// Credentials that one of the clocks says have expired are no credentials, even if that clock
    /// is set back. Returns whether this has just become true.
    pub(super) fn expire(&mut self, now: Timestamp) -> bool {
        let lifetime = self.held.as_ref().and_then(|held| held.lifetime);
        let expires = lifetime.is_some_and(|(sent, ttl)| passed(sent, now) >= ttl);
        if expires {
            self.held = None;
        }
        expires
    }
}
