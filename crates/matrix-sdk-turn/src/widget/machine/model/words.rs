//! What the model speaks of: requests, answers, and what the service says.

/// A span of time, in milliseconds.
pub(crate) type Millis = u64;

/// A request of the widget's: `watch_turn_servers` or `unwatch_turn_servers`, with a number for its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Request {
    pub(crate) id: u8,
    pub(crate) is_watch: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Answer {
    Success,
    NotNegotiated,
    NotAllowed,
    Unavailable,
    TooMany,
}

/// What there is to use, as the service says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum News {
    /// Credentials, by their name, and how long they hold if that is known.
    Credentials(u8, Option<Millis>),
    NoneForNow,
    NoneForGood,
}

/// A message to the widget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Message {
    Response(Request, Answer),
    /// With the name of the credentials; `None` for an empty list.
    Update(Option<u8>),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Negotiation {
    #[default]
    NotYet,
    Asked,
    Answered {
        turn: bool,
    },
    Decided {
        turn: bool,
        granted: bool,
    },
}
