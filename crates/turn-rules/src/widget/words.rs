//! The vocabulary of the rules: messages without their spelling, decisions, states and time.

use super::Rule;

/// A span of time, in milliseconds.
pub type Millis = u64;

/// The credentials' number. The test that writes credentials as messages knows the rest.
pub type Name = u32;

/// Something that happens to a widget.
#[derive(Clone, Copy, Debug)]
pub enum Event {
    /// The widget sends a message.
    WidgetSends(FromWidget),
    /// The SDK sends the widget a message.
    SdkSends(ToWidget),
    /// The provider decides whether it grants TURN.
    ProviderDecides {
        /// The decision.
        grants: bool,
    },
    /// The service publishes a state, and the driver passes it on.
    ServiceSays(News),
    /// The held credentials expire at another time than the service said.
    ExpiryMoves(Option<Millis>),
    /// The driver has dropped its subscription.
    Unsubscribed,
    /// The driver looks at the time.
    DriverLooks,
    /// The handle or the driver is dropped.
    Closes,
    /// Both clocks advance.
    TimePasses(Millis),
}

/// A message from the widget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FromWidget {
    /// A message with another widget's id.
    OfAnotherWidget,
    /// `watch_turn_servers` or `unwatch_turn_servers`.
    Request(Request),
    /// The response to `update_turn_servers`.
    Acknowledgement(To),
    /// `content_loaded`.
    PageLoaded,
    /// The response to `capabilities`.
    Capabilities(To, Identifiers),
    /// Any other message.
    Other,
}

impl FromWidget {
    /// W1, W16: whether the SDK gets the message.
    ///
    /// # Errors
    ///
    /// If `is_passed_on` is not what the rules say.
    pub fn check_passed_on(self, is_passed_on: bool) -> Result<(), String> {
        let rule = if self == Self::OfAnotherWidget { Rule::W16 } else { Rule::W1 };
        let is_ours = matches!(self, Self::Request(_) | Self::Acknowledgement(_));
        rule.demands("whether the SDK gets the message", !is_ours, is_passed_on)
    }
}

/// Which request to the widget a response belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// The newest request with this action.
    Newest,
    /// An older one, or one that was never sent.
    Another,
}

/// A message from the SDK to the widget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToWidget {
    /// The `capabilities` request.
    Capabilities,
    /// The `notify_capabilities` request.
    NotifyCapabilities,
    /// The response to `supported_api_versions`.
    SupportedApiVersions,
    /// Any other message.
    Other,
}

/// Strings that a list in a message gains, unless it has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addition {
    /// The name of the list.
    pub list: &'static str,
    /// The strings.
    pub items: Vec<&'static str>,
}

/// The capability's identifiers that a widget requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Identifiers {
    /// `town.robin.msc3846.turn_servers`
    pub unstable: bool,
    /// `m.turn_servers`
    pub stable: bool,
}

impl Identifiers {
    /// Those in a list of capabilities.
    pub fn among<S: AsRef<str>>(capabilities: &[S]) -> Self {
        let has = |name| capabilities.iter().any(|capability| capability.as_ref() == name);
        Self { unstable: has(UNSTABLE), stable: has(STABLE) }
    }

    pub(super) fn is_empty(self) -> bool {
        self == Self::default()
    }

    pub(super) fn names(self) -> Vec<&'static str> {
        let names = [(self.unstable, UNSTABLE), (self.stable, STABLE)];
        names.into_iter().filter_map(|(is_in, name)| is_in.then_some(name)).collect()
    }
}

const UNSTABLE: &str = "town.robin.msc3846.turn_servers";
const STABLE: &str = "m.turn_servers";

/// `watch_turn_servers` or `unwatch_turn_servers`, with a number that no other unanswered request has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Request {
    /// The number.
    pub id: u32,
    /// The action.
    pub action: Action,
}

/// What the widget requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// `watch_turn_servers`
    Watch,
    /// `unwatch_turn_servers`
    Unwatch,
}

/// The kind of response to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// An empty object.
    Success,
    /// The capabilities are not negotiated yet.
    NotNegotiated,
    /// The widget does not have the capability.
    NotAllowed,
    /// The homeserver has no TURN server for the account.
    Unavailable,
    /// Too many requests are pending.
    TooMany,
}

/// A state that the service publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum News {
    /// Credentials, and how long they are valid if that is known.
    Credentials(Name, Option<Millis>),
    /// A transient failure.
    NoneForNow,
    /// A failure that waiting does not mend.
    NoneForGood,
}

/// A message that the client receives for the widget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    /// The response to a request.
    Response(Request, Answer),
    /// An update with these credentials; `None` for an empty list.
    Update(Option<Name>),
}

/// What the machine tells its driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Whether the provider is to decide about TURN.
    pub is_turn_requested: bool,
    /// Whether the driver is to be subscribed to the service.
    pub wants_credentials: bool,
    /// Whether the driver is to fetch the current state.
    pub wants_state: bool,
    /// The time until the driver is to look again.
    pub timeout: Option<Millis>,
    /// Whether a message waits for the client. An update that expired since then counts.
    pub has_message: bool,
}
