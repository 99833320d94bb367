//! What the model speaks of: what can happen, requests and their answers, and what the service says.

/// A span of time, in milliseconds.
pub(crate) type Millis = u64;

pub(crate) enum Event {
    /// Which capabilities the widget requests.
    SdkAsks,
    /// The widget's response to that.
    WidgetRequests {
        turn: bool,
    },
    ProviderDecides {
        grants: bool,
    },
    /// The widget sends a request that is ours.
    Sends(Request),
    /// The widget acknowledges the update that is in flight.
    Acknowledges,
    PageLoads,
    ServiceSays(News),
    /// The driver has given up its subscription to what the service says.
    Unsubscribed,
    /// The driver looks at the time.
    DriverLooks,
    /// The handle or the driver is dropped.
    Closes,
}

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

/// What the driver knows of that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Known {
    #[default]
    Nothing,
    Newest(News),
    /// The newest have expired: the service is to say what there is now.
    HasExpired,
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

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Watch {
    #[default]
    No,
    /// TURN was granted, and for how long the widget is still expected to watch.
    Expected(Millis),
    /// The requests that wait for the first outcome, and for how long they still do.
    Pending(Vec<Request>, Millis),
    Yes,
}

/// What the widget was told last since it watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Told {
    pub(super) update: Option<u8>,
    /// It was told the same before.
    pub(super) is_repeated: bool,
    /// It did not acknowledge it, and may be told once more.
    pub(super) is_overdue: bool,
}
