//! What happens to a widget, as a text: an event a line, so that a corpus can be read and written.

use std::time::Duration;

use matrix_sdk_turn::{Deadline, Timestamp, TurnServer, TurnState, Unavailable, UnavailableReason};
use turn_rules::widget::{Millis, Name, News};

use crate::secret::MARK;

/// Something that happens.
#[derive(Debug)]
pub(super) enum Event<'s> {
    /// `<MESSAGE`: the widget sends it.
    FromWidget(&'s str),
    /// `>MESSAGE`: the SDK sends it.
    ToWidget(&'s str),
    /// `+` or `-`: the provider decides.
    Decision(bool),
    /// `=NAME` or `=NAME SECONDS`: there are credentials, for so long; `!` and `?`: there are none,
    /// for good or for now.
    State(State<'s>),
    /// `*MILLISECONDS`: time passes.
    Time(Duration),
    /// `d`: the driver has its turn.
    Driver,
    /// `r`: the client receives a message.
    Receive,
    /// `x`: the driver or the last handle is dropped.
    Close,
    /// `a`: the widget acknowledges the last update.
    Acknowledge,
    /// `w` and `u`: the widget asks to watch, and to watch no longer.
    Request(&'static str),
    /// `c`: the SDK asks which capabilities the widget requests, and it answers TURN.
    Negotiation,
}

#[derive(Debug)]
pub(super) enum State<'s> {
    Credentials { name: &'s str, ttl: Option<Duration> },
    NotConfigured,
    Unreachable,
}

impl<'s> Event<'s> {
    /// `None` for a line that is no event.
    pub(super) fn read(line: &'s str) -> Option<Self> {
        let mut rest = line.chars();
        Some(match (rest.next()?, rest.as_str()) {
            ('<', message) => Self::FromWidget(message),
            ('>', message) => Self::ToWidget(message),
            ('+', _) => Self::Decision(true),
            ('-', _) => Self::Decision(false),
            ('=', credentials) => Self::State(State::credentials(credentials)),
            ('!', _) => Self::State(State::NotConfigured),
            ('?', _) => Self::State(State::Unreachable),
            ('*', time) => Self::Time(Duration::from_millis(time.parse::<u16>().ok()?.into())),
            ('d', _) => Self::Driver,
            ('r', _) => Self::Receive,
            ('x', _) => Self::Close,
            ('a', _) => Self::Acknowledge,
            ('w', _) => Self::Request("watch_turn_servers"),
            ('u', _) => Self::Request("unwatch_turn_servers"),
            ('c', _) => Self::Negotiation,
            _ => return None,
        })
    }
}

impl<'s> State<'s> {
    fn credentials(text: &'s str) -> Self {
        let with_ttl = text.rsplit_once(' ').and_then(|(name, seconds)| {
            let ttl = Duration::from_secs(seconds.parse::<u16>().ok()?.into());
            Some(Self::Credentials { name, ttl: Some(ttl) })
        });
        with_ttl.unwrap_or(Self::Credentials { name: text, ttl: None })
    }

    pub(super) const URI: &'static str = "turn:turn.example.org";

    /// The same for the rules. `number`: that of credentials with this name.
    pub(super) fn news(&self, number: impl FnOnce(&str) -> Name) -> News {
        match self {
            Self::NotConfigured => News::NoneForGood,
            Self::Unreachable => News::NoneForNow,
            Self::Credentials { name, ttl } => {
                News::Credentials(number(name), ttl.map(|ttl| ttl.as_millis() as Millis))
            }
        }
    }

    pub(super) fn at(self, now: Timestamp) -> TurnState {
        match self {
            Self::NotConfigured => unavailable(UnavailableReason::NotConfigured),
            Self::Unreachable => unavailable(UnavailableReason::Unreachable),
            Self::Credentials { name, ttl } => {
                let uris = vec![Self::URI.to_owned()];
                let server = TurnServer::new(uris, name, MARK);
                TurnState::Available(match ttl {
                    Some(ttl) => expiring(&server, Deadline::after(now, ttl)),
                    None => server,
                })
            }
        }
    }
}

fn unavailable(reason: UnavailableReason) -> TurnState {
    TurnState::Unavailable(Unavailable::new(reason))
}

fn expiring(server: &TurnServer, deadline: Deadline) -> TurnServer {
    matrix_sdk_turn::fuzzing::expiring(server, deadline)
}
