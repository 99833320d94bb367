//! The vocabulary: what happens to a schedule, and what it shows.

use std::time::Duration;

/// Credentials, by a number that stands for them.
pub type Name = u32;

/// What happened, in order.
#[derive(Clone, Copy, Debug)]
pub enum Event {
    /// Time passed on the two clocks. A wall clock may go back.
    TimePasses {
        /// On the monotonic clock.
        monotonic: Duration,
        /// On the wall clock, in nanoseconds.
        wall: i64,
    },
    /// A subscriber came, the first or one more.
    Subscribes,
    /// The last subscriber left.
    LastLeaves,
    /// `refresh()` was called.
    Refreshes,
    /// `report_rejected()` was called with these credentials.
    Rejects(Name),
    /// There is a session to ask with, or another access token for it.
    SessionIsRenewed,
    /// The session ended.
    SessionEnds,
    /// The process ended, and another began.
    Restarts,
    /// The task looked whether a request is due.
    Looks {
        /// It begins one.
        begins: bool,
    },
    /// The request in flight was answered.
    Answers(Answer),
    /// What an earlier process saved was found in the place of a request.
    Finds {
        /// What it saved.
        saved: Saved,
        /// Whether it is taken for the answer.
        is_taken: bool,
    },
    /// The task published what there was to publish.
    Publishes(Option<State>),
    /// What the schedule shows, once all that follows from the last event is done.
    Shows(Shown),
}

/// An answer of the homeserver, or the lack of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// Credentials, and how long they hold: zero if that is not known.
    Credentials(Name, Duration),
    /// There are none.
    Failure(Why),
}

/// Why there are no credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "they are the reasons of the library")]
pub enum Why {
    Unreachable,
    RateLimited { retry_after: Option<Duration> },
    NotConfigured,
    Misconfigured,
    Forbidden,
    NotLoggedIn,
    SoftLoggedOut,
    LoggedOut,
    Expired,
    Rejected,
}

/// What subscribers see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Credentials.
    Available(Name),
    /// There are none.
    Unavailable(Why),
}

/// What another process may start with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Saved {
    /// The credentials.
    pub name: Name,
    /// When they were asked for: nanoseconds of the wall clock from now, so usually negative.
    pub asked: i64,
    /// How long they hold from then on.
    pub ttl: Duration,
    /// How long after they were asked for they are refreshed.
    pub refresh: Duration,
}

/// What a schedule shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Whether a request is in flight.
    pub is_in_flight: bool,
    /// Whether an answer is on its way, or a request about to be sent.
    pub is_asking: bool,
    /// How long until the next request.
    pub next_request: Option<Duration>,
    /// How long until anything is due.
    pub next_due: Option<Duration>,
    /// How long until the next wake-up.
    pub wakeup: Option<Duration>,
    /// How long the credentials are valid.
    pub valid_for: Option<Duration>,
    /// Whether the credentials are valid, and not rejected.
    pub is_usable: bool,
    /// Why `get()` does not return the credentials that are held: a TURN server rejected them.
    pub rejection: Option<Why>,
    /// Whether they are usable, and no older than the steady state lets them become.
    pub is_fresh: bool,
    /// Why the last request failed.
    pub last_failure: Option<Why>,
    /// How many failed since the last success.
    pub failures_in_a_row: u32,
    /// What was published last.
    pub published: Option<State>,
    /// Whether a new subscriber sees nothing before the next answer.
    pub awaits_outcome: bool,
    /// What is worth keeping beyond the process.
    pub saved: Option<Saved>,
}
