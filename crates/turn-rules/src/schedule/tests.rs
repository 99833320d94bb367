//! Each rule once broken: the observer says so, and names the rule.

use std::time::Duration;

use super::{Answer, Broken, Event, Rules, Saved, Shown, State, Why};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// A schedule that has a subscriber and nothing else.
const IDLE: Shown = Shown {
    is_in_flight: false,
    is_asking: false,
    next_request: None,
    next_due: None,
    wakeup: None,
    valid_for: None,
    rejection: None,
    is_usable: false,
    is_fresh: false,
    last_failure: None,
    failures_in_a_row: 0,
    published: None,
    awaits_outcome: false,
    saved: None,
};

/// Half an hour before the refresh of credentials that hold for an hour.
const HOLDS: Shown = Shown {
    next_request: Some(Duration::from_secs(1_800)),
    next_due: Some(Duration::from_secs(1_800)),
    wakeup: Some(Duration::from_secs(30)),
    valid_for: Some(HOUR),
    is_usable: true,
    is_fresh: true,
    published: Some(State::Available(1)),
    saved: Some(Saved { name: 1, asked: 0, ttl: HOUR, refresh: Duration::from_secs(1_800) }),
    ..IDLE
};

/// There is a request in flight.
fn asking() -> Rules {
    kept([Event::Subscribes, Event::Looks { begins: true }])
}

/// It was answered like this.
fn answered(answer: Answer) -> Rules {
    let mut rules = asking();
    rules.on(Event::Answers(answer)).unwrap();
    rules
}

/// It was answered with credentials for an hour, which are published.
fn holding() -> Rules {
    let mut rules = answered(Answer::Credentials(1, HOUR));
    rules.on(Event::Publishes(Some(State::Available(1)))).unwrap();
    rules.on(Event::Shows(HOLDS)).unwrap();
    rules
}

/// All rules are kept.
fn kept(events: impl IntoIterator<Item = Event>) -> Rules {
    let mut rules = Rules::default();
    for event in events {
        rules.on(event).unwrap();
    }
    rules
}

fn pass(rules: &mut Rules, span: Duration) {
    let wall = i64::try_from(span.as_nanos()).unwrap();
    rules.on(Event::TimePasses { monotonic: span, wall }).unwrap();
}

/// What the observer says of the last of these events; it finds nothing in those before.
fn breach(mut rules: Rules, events: impl IntoIterator<Item = Event>) -> Broken {
    let mut events = events.into_iter().peekable();
    while let Some(event) = events.next() {
        let outcome = rules.on(event);
        if events.peek().is_none() {
            return outcome.expect_err("the observer noticed nothing");
        }
        outcome.unwrap();
    }
    unreachable!("there are events")
}

#[test]
fn s01_a_second_request_while_one_is_in_flight() {
    let breach = breach(asking(), [Event::Looks { begins: true }]);
    assert_eq!(breach, "S1: a second request in flight");
}

#[test]
fn s02_credentials_that_are_not_served() {
    let unpublished = breach(answered(Answer::Credentials(1, HOUR)), [Event::Publishes(None)]);
    assert_eq!(unpublished, "S2: None is published instead of Available(1)");
    let unused = Event::Shows(Shown { is_usable: false, ..HOLDS });
    assert_eq!(breach(holding(), [unused]), "S2: usable is false, and should be true");
}

#[test]
fn s03_a_request_within_10_seconds_of_a_success() {
    let mut rules = answered(Answer::Credentials(1, SECOND));
    rules.on(Event::Publishes(Some(State::Available(1)))).unwrap();
    pass(&mut rules, 9 * SECOND);
    assert_eq!(breach(rules, [Event::Looks { begins: true }]), "S3: a request before it is due");
}

#[test]
fn s03_a_refresh_earlier_or_later_than_it_may_be_due() {
    for refresh in [Duration::from_secs(119), Duration::from_secs(2_521)] {
        let mut rules = answered(Answer::Credentials(1, HOUR));
        rules.on(Event::Publishes(Some(State::Available(1)))).unwrap();
        let saved = Some(Saved { name: 1, asked: 0, ttl: HOUR, refresh });
        let breach = breach(rules, [Event::Shows(Shown { saved, ..HOLDS })]);
        assert!(breach.starts_with("S3: a refresh is planned after"), "{breach}");
    }
}

#[test]
fn s03_a_refresh_that_is_due_and_not_sent() {
    let mut rules = holding();
    pass(&mut rules, HOUR / 2);
    let breach = breach(rules, [Event::Publishes(None), Event::Looks { begins: false }]);
    assert_eq!(breach, "S3: a request is due, and is not sent");
}

#[test]
fn s04_a_retry_later_than_the_ceiling() {
    let unreachable = Some(State::Unavailable(Why::Unreachable));
    let shown = Shown {
        next_request: Some(2 * SECOND),
        last_failure: Some(Why::Unreachable),
        failures_in_a_row: 1,
        published: unreachable,
        ..IDLE
    };
    let rules = answered(Answer::Failure(Why::Unreachable));
    let breach = breach(rules, [Event::Publishes(unreachable), Event::Shows(shown)]);
    assert!(breach.starts_with("S4: the next request is due in 2s"), "{breach}");
}

#[test]
fn s05_a_request_while_retry_after_runs() {
    let retry_after = Some(5 * MINUTE);
    let mut rules = answered(Answer::Failure(Why::RateLimited { retry_after }));
    pass(&mut rules, 299 * SECOND);
    let breach = breach(rules, [Event::Refreshes, Event::Looks { begins: true }]);
    assert_eq!(breach, "S5: a request before it is due");
}

#[test]
fn s06_expired_credentials_that_stay_published() {
    let expired = |rules: &mut Rules| pass(rules, HOUR);
    let mut rules = holding();
    expired(&mut rules);
    let kept = breach(rules, [Event::Publishes(None)]);
    assert_eq!(kept, "S6: None is published instead of Unavailable(Expired)");
    let mut rules = holding();
    expired(&mut rules);
    rules.on(Event::Publishes(Some(State::Unavailable(Why::Expired)))).unwrap();
    let revived = breach(rules, [Event::Publishes(Some(State::Available(1)))]);
    assert_eq!(revived, "S6: credentials are published that are not valid");
}

#[test]
fn s06_expired_credentials_that_are_not_asked_for_within_10_seconds() {
    let mut rules = answered(Answer::Credentials(1, SECOND));
    rules.on(Event::Publishes(Some(State::Available(1)))).unwrap();
    pass(&mut rules, 20 * SECOND);
    let expired = Event::Publishes(Some(State::Unavailable(Why::Expired)));
    assert_eq!(
        breach(rules, [expired, Event::Looks { begins: false }]),
        "S6: a request is due, and is not sent"
    );
}

#[test]
fn s07_a_request_after_a_refusal_that_nothing_makes_due() {
    for (why, message) in [
        (Why::Forbidden, "S7: a request that nothing makes due"),
        (Why::LoggedOut, "S7: a request that nothing makes due"),
        (Why::NotConfigured, "S7: a request before it is due"),
    ] {
        let mut rules = answered(Answer::Failure(why));
        pass(&mut rules, 299 * SECOND);
        let breach = breach(rules, [Event::Subscribes, Event::Looks { begins: true }]);
        assert_eq!(breach, message, "{why:?}");
    }
}

#[test]
fn s07_a_new_subscriber_who_does_not_make_it_ask() {
    for why in [Why::Forbidden, Why::NotConfigured, Why::Misconfigured] {
        let mut rules = answered(Answer::Failure(why));
        pass(&mut rules, 5 * MINUTE);
        let breach = breach(rules, [Event::Subscribes, Event::Looks { begins: false }]);
        assert_eq!(breach, "S7: a request is due, and is not sent", "{why:?}");
    }
}

#[test]
fn s08_a_timer_beyond_30_seconds() {
    let shown = Shown { wakeup: Some(31 * SECOND), ..HOLDS };
    let breach = breach(holding(), [Event::Shows(shown)]);
    assert!(breach.starts_with("S8: the wakeup is"), "{breach}");
}

#[test]
fn s08_a_wall_clock_that_expires_nothing() {
    let asleep = Event::TimePasses { monotonic: Duration::ZERO, wall: 3_600 * 1_000_000_000 };
    let breach = breach(holding(), [asleep, Event::Publishes(None)]);
    assert_eq!(breach, "S6: None is published instead of Unavailable(Expired)");
}

#[test]
fn s09_a_refresh_that_is_ignored_or_comes_too_soon() {
    let mut rules = holding();
    pass(&mut rules, 10 * SECOND);
    let ignored = breach(rules, [Event::Refreshes, Event::Looks { begins: false }]);
    assert_eq!(ignored, "S9: a request is due, and is not sent");
    let rules = answered(Answer::Failure(Why::NotConfigured));
    let early = breach(rules, [Event::Refreshes, Event::Looks { begins: true }]);
    assert_eq!(early, "S9: a request before it is due");
}

#[test]
fn s10_a_rejection_that_is_ignored_or_repeated() {
    let ignored = breach(holding(), [Event::Rejects(1), Event::Looks { begins: false }]);
    assert_eq!(ignored, "S10: a request is due, and is not sent");

    let mut rules = holding();
    for event in [
        Event::Rejects(1),
        Event::Looks { begins: true },
        Event::Answers(Answer::Failure(Why::NotConfigured)),
    ] {
        rules.on(event).unwrap();
    }
    pass(&mut rules, 9 * SECOND);
    let repeated = breach(rules, [Event::Rejects(1), Event::Looks { begins: true }]);
    assert_eq!(repeated, "S10: a request before it is due");
}

#[test]
fn s10_rejected_credentials_that_are_returned() {
    let mut rules = holding();
    rules.on(Event::Rejects(1)).unwrap();
    let shown = Shown { is_usable: false, is_fresh: false, saved: None, ..HOLDS };
    let breach = breach(rules, [Event::Shows(shown)]);
    assert_eq!(breach, "S10: the rejection is None, and should be Some(Rejected)");
}

#[test]
fn s11_a_request_or_a_timer_without_a_subscriber() {
    let asks = breach(Rules::default(), [Event::Looks { begins: true }]);
    assert_eq!(asks, "S11: a request without a subscriber");
    let shown = Shown { next_request: None, ..HOLDS };
    let timer = breach(holding(), [Event::LastLeaves, Event::Shows(shown)]);
    assert_eq!(timer, "S11: a timer without a subscriber");
}

#[test]
fn s12_an_update_that_is_no_news() {
    let breach = breach(holding(), [Event::Publishes(Some(State::Available(1)))]);
    assert_eq!(breach, "S12: Available(1) is published again, without a change");
}

#[test]
fn s13_a_ttl_beyond_30_days() {
    let days = |days: u64| Duration::from_secs(days * 24 * 60 * 60);
    let mut rules = answered(Answer::Credentials(1, days(1_000)));
    rules.on(Event::Publishes(Some(State::Available(1)))).unwrap();
    let shown = Shown { valid_for: Some(days(1_000)), ..HOLDS };
    let breach = breach(rules, [Event::Shows(shown)]);
    assert!(breach.starts_with("S13: the validity is"), "{breach}");
}

/// What another process asked for that long ago.
fn saved(age: Duration) -> Saved {
    let asked = -i64::try_from(age.as_nanos()).unwrap();
    Saved { name: 1, asked, ttl: HOUR, refresh: 30 * MINUTE }
}

#[test]
fn s14_what_has_expired_or_comes_from_the_future_is_served() {
    for saved in [saved(HOUR), Saved { asked: 1, ..saved(HOUR) }] {
        let breach = breach(asking(), [Event::Finds { saved, is_taken: true }]);
        assert!(breach.starts_with("S14: what was saved is taken"), "{breach}");
    }
}

#[test]
fn s14_a_floor_or_a_refresh_that_begins_anew_with_the_process() {
    let found = |age| Event::Finds { saved: saved(age), is_taken: true };
    let early = breach(asking(), [found(SECOND), Event::Looks { begins: true }]);
    assert_eq!(early, "S3: a request before it is due");
    let late = breach(asking(), [found(31 * MINUTE), Event::Looks { begins: false }]);
    assert_eq!(late, "S14: a request is due, and is not sent");
}

#[test]
fn s14_what_is_kept_and_was_rejected_or_is_not_kept() {
    let lost = Shown { saved: None, ..HOLDS };
    assert_eq!(breach(holding(), [Event::Shows(lost)]), "S14: None is saved");
    let shown =
        Shown { is_usable: false, is_fresh: false, rejection: Some(Why::Rejected), ..HOLDS };
    let kept = breach(holding(), [Event::Rejects(1), Event::Shows(shown)]);
    assert!(kept.starts_with("S14: Some(Saved"), "{kept}");
}
