//! The referee itself: a client that breaks a rule is caught, and the rule is named.

use std::time::{Duration, Instant};

use benches::simulator::{
    Client, Event, Ours, Outage, Persistence, Phase, Referee, Reply, ReplyKind, Script, WallShift,
    run,
};
use matrix_sdk_turn::{Timestamp, TurnServer, TurnState, schedule::Saved};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// What a client does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    AsksWhileInFlight,
    AsksAgainAfter(Duration),
    /// It takes every answer for this one.
    Hears(ReplyKind),
    IgnoresRefresh,
    IgnoresRejections,
    IgnoresUnsubscribe,
    PublishesNothing,
    PublishesOnce,
    RepeatsUpdates,
    /// It publishes its credentials once more when they have expired.
    RevivesExpired,
    KeepsExpired,
    SetsNoTimer,
    SetsNoTimerWhileInFlight,
    SetsTimersTo(Duration),
    SavesNothing,
    /// It saves what a TURN server rejected.
    SavesRejected,
    IgnoresSaved,
    /// It sends one more request once it was restored.
    AsksAgainAfterRestart,
    /// It takes what was saved for this much younger, or older, than it is.
    RestoresAs(Age),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Age {
    Younger(Duration),
    Older(Duration),
}

/// The real schedule with a fault.
struct Faulty {
    ours: Ours,
    fault: Fault,
    in_flight: bool,
    answered: Option<Timestamp>,
    published: Option<TurnState>,
    saved: Option<Saved>,
    is_restored: bool,
}

impl Client for Faulty {
    fn subscribe(&mut self, now: Timestamp) {
        self.ours.subscribe(now);
    }

    fn unsubscribe(&mut self) {
        if self.fault != Fault::IgnoresUnsubscribe {
            self.ours.unsubscribe();
        }
    }

    fn refresh(&mut self, now: Timestamp) {
        if self.fault != Fault::IgnoresRefresh {
            self.ours.refresh(now);
        }
    }

    fn report_rejected(&mut self, now: Timestamp, server: &TurnServer) {
        if self.fault != Fault::IgnoresRejections {
            self.ours.report_rejected(now, server);
        }
    }

    fn answered(&mut self, now: Timestamp, mut reply: Reply) {
        self.in_flight = false;
        self.answered = Some(now);
        if let Fault::Hears(kind) = self.fault {
            reply.kind = kind;
        }
        self.ours.answered(now, reply);
        self.saved = self.ours.saved();
    }

    fn take_update(&mut self, now: Timestamp) -> Option<TurnState> {
        let update = self.ours.take_update(now);
        let is_withdrawn = update.as_ref().is_some_and(|state| state.available().is_none());
        let published = match self.fault {
            Fault::PublishesNothing => None,
            Fault::PublishesOnce if self.published.is_some() => None,
            Fault::RepeatsUpdates if update.is_none() => self.published.clone(),
            Fault::RevivesExpired if is_withdrawn => self.published.clone(),
            Fault::KeepsExpired if is_withdrawn => None,
            _ => update,
        };
        self.published = published.clone().or(self.published.take());
        published
    }

    fn is_waiting_for_outcome(&self) -> bool {
        self.ours.is_waiting_for_outcome()
    }

    fn begin_request(&mut self, now: Timestamp) -> bool {
        let since_answer = self.answered.map(|answered| now.monotonic - answered.monotonic);
        let begins = match self.fault {
            Fault::AsksWhileInFlight if self.in_flight => true,
            Fault::AsksAgainAfterRestart if self.is_restored => !self.in_flight,
            Fault::AsksAgainAfter(delay) if since_answer >= Some(delay) => !self.in_flight,
            _ => self.ours.begin_request(now),
        };
        self.in_flight |= begins;
        begins
    }

    fn next_wakeup(&self, now: Timestamp) -> Option<Instant> {
        let timer = self.ours.next_wakeup(now);
        match self.fault {
            // The schedule knows nothing of this request, so its timer has no meaning.
            Fault::AsksAgainAfter(_) if self.in_flight => None,
            // It wakes up to repeat itself.
            Fault::RepeatsUpdates => timer.map(|timer| timer.min(now.monotonic + SECOND)),
            Fault::SetsNoTimer => None,
            Fault::SetsNoTimerWhileInFlight if self.in_flight => None,
            Fault::SetsTimersTo(span) => timer.map(|_| now.monotonic + span),
            _ => timer,
        }
    }

    fn restart(&mut self) {
        self.ours.restart();
        (self.in_flight, self.answered, self.published, self.saved) = (false, None, None, None);
    }

    fn saved(&self) -> Option<Saved> {
        match self.fault {
            Fault::SavesNothing => None,
            Fault::SavesRejected => self.saved.clone(),
            _ => self.ours.saved(),
        }
    }

    fn restored(&mut self, now: Timestamp, saved: &Saved) -> bool {
        let mut saved = saved.clone();
        match self.fault {
            Fault::IgnoresSaved => return false,
            Fault::RestoresAs(Age::Younger(span)) => saved.asked += span,
            Fault::RestoresAs(Age::Older(span)) => saved.asked -= span,
            _ => {}
        }
        let is_restored = self.ours.restored(now, &saved);
        self.in_flight &= !is_restored;
        self.is_restored = is_restored;
        is_restored
    }
}

/// The rule that the referee says was broken.
fn breach(fault: Fault, script: &Script) -> String {
    let ours = Ours::new(script.seed);
    let client = Faulty {
        ours,
        fault,
        in_flight: false,
        answered: None,
        published: None,
        saved: None,
        is_restored: false,
    };
    run(script, client, Referee::new(script)).expect_err("the referee noticed nothing")
}

/// One subscriber to a homeserver that gives this answer and no other.
fn always(kind: ReplyKind) -> Script {
    let mut script = Script::healthy(1, HOUR, 2 * HOUR);
    script.phases[0].mix = vec![(kind, 1.0)];
    script.ends_well = false;
    script
}

/// One subscriber to a healthy homeserver whose credentials have this TTL.
fn healthy(ttl: Duration) -> Script {
    Script::healthy(1, ttl, 4 * HOUR)
}

/// The same, and this event after five minutes.
fn with(event: Event) -> Script {
    let mut script = healthy(HOUR);
    script.events.push((5 * MINUTE, event));
    script
}

#[test]
fn s01_a_second_request_while_one_is_in_flight() {
    let mut script = always(ReplyKind::Hang);
    script.events.push((SECOND, Event::Refresh));
    assert_eq!(breach(Fault::AsksWhileInFlight, &script), "S1: two requests in flight");
}

#[test]
fn s02_credentials_that_nobody_sees() {
    let breach = |fault| breach(fault, &healthy(HOUR));
    assert_eq!(breach(Fault::PublishesNothing), "a subscriber does not see what there is");
    assert_eq!(breach(Fault::PublishesOnce), "a subscriber sees other than the newest");
}

#[test]
fn s03_a_request_too_soon_after_a_success() {
    let breach = |delay| breach(Fault::AsksAgainAfter(delay), &healthy(HOUR));
    assert_eq!(breach(Duration::ZERO), "S3: a request within 10 s of a success");
    assert_eq!(breach(MINUTE), "S3: a refresh earlier than it may be due");
}

#[test]
fn s03_a_refresh_too_late() {
    let breach = breach(Fault::SetsTimersTo(30 * SECOND), &healthy(Duration::ZERO));
    assert_eq!(breach, "a request later than it was due");
}

#[test]
fn s04_retries_without_backoff() {
    let script = always(ReplyKind::NetworkError);
    let breach = breach(Fault::AsksAgainAfter(Duration::ZERO), &script);
    assert_eq!(breach, "S4: more retries than full jitter");
}

#[test]
fn s05_a_request_before_retry_after_is_over() {
    let script = always(ReplyKind::RateLimited(Some(5 * MINUTE)));
    let breach = breach(Fault::Hears(ReplyKind::RateLimited(Some(Duration::ZERO))), &script);
    assert_eq!(breach, "S5: a request earlier than retry_after");
}

#[test]
fn s06_expired_credentials_that_stay_published() {
    let breach = |fault| breach(fault, &healthy(6 * SECOND));
    assert_eq!(breach(Fault::RevivesExpired), "S6: published after expiry");
    let kept = breach(Fault::KeepsExpired);
    assert!(kept.starts_with("S6: credentials that have expired"), "{kept}");
    let slept = breach(Fault::SetsTimersTo(30 * SECOND));
    assert_eq!(slept, "S6: credentials expire before the timer goes off");
}

#[test]
fn s06_no_timer_for_an_expiry_during_a_request() {
    let breach = breach(Fault::SetsNoTimerWhileInFlight, &healthy(HOUR));
    assert_eq!(breach, "S6: credentials expire, and no timer is set");
}

#[test]
fn s07_a_request_right_after_a_refusal() {
    for (kind, rule) in [
        (ReplyKind::NotConfigured, "S7: not configured, and asked again within the hour"),
        (ReplyKind::Misconfigured, "S7: not configured, and asked again within the hour"),
        (ReplyKind::Forbidden, "S7: forbidden, and asked again for no one"),
        (ReplyKind::LoggedOut, "S7: logged out, and asked again"),
    ] {
        assert_eq!(breach(Fault::AsksAgainAfter(Duration::ZERO), &always(kind)), rule);
    }
}

#[test]
fn s07_a_newcomer_who_is_not_told_of_the_refusal() {
    let mut script = always(ReplyKind::Forbidden);
    script.events.push((6 * MINUTE, Event::Subscribe));
    assert_eq!(breach(Fault::PublishesOnce, &script), "who subscribed last sees no answer");
}

#[test]
fn s07_a_refusal_whose_reason_nobody_sees() {
    let script = always(ReplyKind::NotConfigured);
    let misheard = breach(Fault::Hears(ReplyKind::NetworkError), &script);
    assert_eq!(misheard, "a subscriber sees another reason than the newest");
    let untold = breach(Fault::PublishesNothing, &script);
    assert_eq!(untold, "a subscriber sees nothing at all, and no answer is on its way");
}

#[test]
fn s08_a_timer_beyond_30_seconds() {
    let breach = breach(Fault::SetsTimersTo(31 * SECOND), &healthy(HOUR));
    assert_eq!(breach, "S8: a timer beyond 30 s");
}

#[test]
fn s08_no_timer_at_all() {
    let breach = breach(Fault::SetsNoTimer, &healthy(HOUR));
    assert_eq!(breach, "a request is due some day, and no timer is set");
}

#[test]
fn s09_a_refresh_that_is_ignored() {
    let breach = breach(Fault::IgnoresRefresh, &with(Event::Refresh));
    assert_eq!(breach, "a request is due, and was not sent");
}

#[test]
fn s10_a_rejection_that_is_ignored() {
    let breach = breach(Fault::IgnoresRejections, &with(Event::RejectCurrent));
    assert_eq!(breach, "a request is due, and was not sent");
}

#[test]
fn s11_a_timer_while_nobody_subscribes() {
    let breach = breach(Fault::IgnoresUnsubscribe, &with(Event::Unsubscribe));
    assert_eq!(breach, "S11: a timer while nobody subscribes");
}

#[test]
fn s11_a_request_while_nobody_subscribes() {
    let mut script = with(Event::Unsubscribe);
    script.events.push((7 * MINUTE, Event::Refresh));
    let breach = breach(Fault::AsksAgainAfter(6 * MINUTE), &script);
    assert_eq!(breach, "S11: a request while nobody subscribes");
}

#[test]
fn s12_an_update_that_says_what_is_known() {
    let breach = breach(Fault::RepeatsUpdates, &healthy(HOUR));
    assert_eq!(breach, "S12: woken for what was known before");
}

/// A process that is handed credentials, and after five minutes another one, with these events before
/// somebody subscribes to it.
fn restarted(ttl: Duration, events: &[Event]) -> Script {
    let mut script = with(Event::Restart);
    script.phases[0].ttl = ttl;
    script.persistence = Persistence::Reliable;
    let meanwhile = events.iter().chain([&Event::Subscribe]);
    script.events.extend(meanwhile.map(|event| (5 * MINUTE, *event)));
    script
}

#[test]
fn s14_what_is_worth_keeping_and_is_not_kept() {
    let script = restarted(HOUR, &[]);
    let breach = |fault| breach(fault, &script);
    assert_eq!(breach(Fault::SavesNothing), "S14: what is worth keeping is not saved");
    let asked = breach(Fault::IgnoresSaved);
    assert_eq!(asked, "S14: after a restart: S3: a refresh earlier than it may be due");
}

#[test]
fn s14_what_is_kept_and_was_rejected() {
    let mut script = restarted(HOUR, &[]);
    script.events.insert(1, (MINUTE, Event::RejectCurrent));
    let breach = breach(Fault::SavesRejected, &script);
    assert_eq!(breach, "S14: what is worth nothing any more is still saved");
}

#[test]
fn s14_what_has_expired_or_comes_from_the_future_and_is_served() {
    let served = "S14: saved credentials are served that have expired, or come from the future";
    let younger = Fault::RestoresAs(Age::Younger(HOUR));
    let expired = restarted(HOUR, &[Event::Sleep(HOUR)]);
    assert_eq!(breach(younger, &expired), served);
    let older = Fault::RestoresAs(Age::Older(HOUR));
    let future = restarted(2 * HOUR, &[Event::SetWall(WallShift::Back(HOUR / 2))]);
    assert_eq!(breach(older, &future), served);
}

#[test]
fn s14_a_life_that_begins_anew_with_the_process() {
    let younger = Fault::RestoresAs(Age::Younger(4 * MINUTE));
    let breach = breach(younger, &restarted(HOUR, &[]));
    assert_eq!(breach, "S14: what is saved is not what is held");
}

#[test]
fn s14_a_floor_that_ends_with_the_process() {
    let mut script = restarted(HOUR, &[]);
    // The process ends soon after the answer.
    for (at, _) in &mut script.events[1..] {
        *at = 2 * SECOND;
    }
    let breach = breach(Fault::AsksAgainAfterRestart, &script);
    assert_eq!(breach, "S14: after a restart: S3: a request within 10 s of a success");
}

#[test]
fn no_credentials_at_the_end_of_a_script_that_ends_well() {
    let mut script = always(ReplyKind::NetworkError);
    script.ends_well = true;
    let breach = breach(Fault::None, &script);
    assert_eq!(breach, "a subscriber to a healthy homeserver ends up with nothing");
}

#[test]
fn no_credentials_for_longer_than_the_outage_explains() {
    let mut script = healthy(HOUR);
    // It is said to last for no time, and lasts to the end.
    script.phases.push(Phase {
        from: MINUTE,
        mix: vec![(ReplyKind::NetworkError, 1.0)],
        ..script.phases[0].clone()
    });
    script.outage = Some(Outage { length: Duration::ZERO, latency: SECOND });
    let breach = breach(Fault::None, &script);
    assert!(breach.starts_with("stale for"), "{breach}");
}
