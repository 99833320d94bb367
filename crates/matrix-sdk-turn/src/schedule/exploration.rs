//! Every interleaving of subscribers, answers, rejections, the session's and the process's ends, and two
//! clocks, with the highest and the lowest luck in whatever is drawn at random. The rules of turn-rules
//! watch.

use std::{
    hash::{Hash, Hasher},
    sync::LazyLock,
    time::Duration,
};

use turn_rules::schedule::{self as rules, Answer, Event as Told, Rules, Shown, State, Why};

use super::{Rng, Saved, Schedule};
use crate::{
    clock::aging::{Passed, now},
    credentials::TurnServer,
    explore::{Depth, Explored, System, explore, is_full},
    policy::RefreshPolicy,
    source,
    state::TurnState,
    unavailable::{Unavailable, UnavailableReason},
};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const THOUSAND_DAYS: Duration = Duration::from_secs(1_000 * 24 * 60 * 60);

#[derive(Clone, Copy, Debug)]
enum Event {
    Subscribe,
    /// The last subscriber leaves.
    Unsubscribe,
    Refresh,
    /// A TURN server rejects what is held, and other credentials as well.
    Reject,
    SessionIsRenewed,
    SessionEnds,
    Answered(Answer, Luck),
    /// The task publishes and asks, if it is time to.
    TaskLooks(Luck),
    /// The process ends, and another begins.
    Restart,
    /// What the other process saved is found in the place of the first request.
    Restored,
    /// Time passes until the task wants to look.
    WakeupIsReached,
    TimePasses(Duration),
    /// Timers stand still for an hour.
    Sleep,
    WallClockIsSetBack,
}

/// What a draw comes to: nearly the least or the most.
#[derive(Clone, Copy, Debug)]
enum Luck {
    Least,
    Most,
}

impl Luck {
    const BOTH: [Self; 2] = [Self::Least, Self::Most];

    fn rng(self) -> Rng {
        static SEEDS: LazyLock<[u64; 2]> = LazyLock::new(|| Luck::BOTH.map(Luck::seed));
        Rng::with_seed(SEEDS[self as usize])
    }

    /// Three draws in a row come within one percent of that. No event draws more.
    fn seed(self) -> u64 {
        let is_it = |drawn: f64| match self {
            Self::Least => drawn < 0.01,
            Self::Most => drawn > 0.99,
        };
        let are_three = |seed: &u64| {
            let mut rng = Rng::with_seed(*seed);
            is_it(rng.f64()) && is_it(rng.f64()) && is_it(rng.f64())
        };
        (0..).find(are_three).unwrap()
    }
}

struct Account {
    schedule: Schedule,
    rules: Rules,
    /// What an earlier process saved, until the first request of this one.
    store: Option<Saved>,
}

/// With expiries of its own.
impl Clone for Account {
    fn clone(&self) -> Self {
        let Self { schedule, rules, store } = self;
        let schedule = schedule.aged(Passed::NOTHING);
        Self { schedule, rules: rules.clone(), store: store.clone() }
    }
}

impl Hash for Account {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Schedule {
            policy: _,
            rng: _,
            subscribed,
            requests,
            refreshes,
            failure,
            held,
            publication,
        } = &self.schedule;
        (subscribed, requests, refreshes, failure, held, publication).hash(state);
        (&self.rules, &self.store).hash(state);
    }
}

impl System for Account {
    type Event = Event;

    fn events(&self) -> Vec<Event> {
        use Event::*;

        let schedule = &self.schedule;
        let mut events = vec![TimePasses(SECOND), Sleep, WallClockIsSetBack];
        events.extend([Subscribe, Refresh, SessionIsRenewed]);
        let why = schedule.last_failure().map(Unavailable::reason);
        if why != Some(UnavailableReason::LoggedOut) {
            events.push(SessionEnds);
        }
        if schedule.subscribed {
            events.push(Unsubscribe);
        }
        if schedule.held.is_some() {
            events.push(Reject);
        }
        let draws = schedule.valid_for(now()) == Some(Duration::ZERO);
        events.extend(Luck::BOTH.into_iter().take(1 + usize::from(draws)).map(TaskLooks));
        if schedule.in_flight().is_some() {
            events.extend(answers());
            events.extend(self.store.as_ref().map(|_| Restored));
            return events;
        }
        let due = schedule.next_due(now());
        if due.is_some_and(|due| !due.is_zero()) {
            events.push(WakeupIsReached);
        }
        if due.is_none() {
            events.push(TimePasses(5 * MINUTE));
        }
        if schedule.saved().is_some() {
            events.push(Restart);
        }
        events
    }

    fn on(&mut self, event: Event) -> Result<(), String> {
        let luck = match event {
            Event::Answered(_, luck) | Event::TaskLooks(luck) => luck,
            _ => Luck::Least,
        };
        self.schedule.rng = luck.rng();
        self.rules.expect_draws(Some(luck.rng().f64()));
        self.let_happen(event)?;
        self.show()?;
        self.rules.expect_draws(None);
        Ok(())
    }
}

fn answers() -> impl Iterator<Item = Event> {
    use Answer::{Credentials, Failure};

    let with_luck = [
        Credentials(1, MINUTE),
        Credentials(2, MINUTE),
        Credentials(1, Duration::ZERO),
        Credentials(1, THOUSAND_DAYS),
        Failure(Why::Unreachable),
        Failure(Why::RateLimited { retry_after: None }),
        Failure(Why::RateLimited { retry_after: Some(30 * SECOND) }),
        Failure(Why::NotConfigured),
    ];
    let without = [Why::Forbidden, Why::NotLoggedIn, Why::LoggedOut].map(Failure);
    let luck =
        with_luck.into_iter().flat_map(|it| Luck::BOTH.map(|luck| Event::Answered(it, luck)));
    luck.chain(without.map(|it| Event::Answered(it, Luck::Least)))
}

impl Account {
    fn new() -> Self {
        let schedule = Schedule::new(RefreshPolicy::default(), Luck::Least.rng());
        Self { schedule, rules: Rules::default(), store: None }
    }

    fn after(events: impl IntoIterator<Item = Event>) -> Self {
        let mut account = Self::new();
        for event in events {
            account.on(event).unwrap();
        }
        account
    }

    fn let_happen(&mut self, event: Event) -> Result<(), String> {
        let schedule = &mut self.schedule;
        let told = match event {
            Event::Subscribe => {
                schedule.subscribe(now());
                Told::Subscribes
            }
            Event::Unsubscribe => {
                schedule.unsubscribe();
                return self.rules.on(Told::LastLeaves);
            }
            Event::Refresh => {
                schedule.refresh(now());
                Told::Refreshes
            }
            Event::Reject => return self.reject(),
            Event::SessionIsRenewed => {
                schedule.session_renewed(now());
                Told::SessionIsRenewed
            }
            Event::SessionEnds => {
                schedule.end_session(UnavailableReason::LoggedOut.into());
                Told::SessionEnds
            }
            Event::Answered(answer, _) => {
                schedule.answered(now(), written(answer));
                self.store = None;
                Told::Answers(answer)
            }
            Event::TaskLooks(_) => return self.look(),
            Event::Restart => {
                self.store = schedule.saved();
                self.schedule = Self::new().schedule;
                return self.rules.on(Told::Restarts);
            }
            Event::Restored => {
                let Some(saved) = self.store.take() else { return Ok(()) };
                let is_taken = schedule.restored(now(), &saved).is_ok();
                Told::Finds { saved: noted(saved), is_taken }
            }
            Event::WakeupIsReached => return self.reach_the_wakeup(),
            Event::TimePasses(span) => return self.pass(Passed::regularly(span)),
            Event::Sleep => return self.pass(Passed { wall: HOUR, ..Passed::NOTHING }),
            Event::WallClockIsSetBack => {
                return self.pass(Passed { wall_set_back: HOUR, ..Passed::NOTHING });
            }
        };
        self.rules.on(told)?;
        self.publish()
    }

    fn reject(&mut self) -> Result<(), String> {
        let held = self.schedule.held.as_ref().map(|held| name(&held.server));
        for name in [Some(9), held].into_iter().flatten() {
            self.schedule.report_rejected(now(), &credentials(name));
            self.rules.on(Told::Rejects(name))?;
        }
        self.publish()
    }

    fn look(&mut self) -> Result<(), String> {
        self.publish()?;
        let begins = self.schedule.begin_request(now());
        self.rules.on(Told::Looks { begins })
    }

    /// The caller that tells the schedule an event publishes what follows from it.
    fn publish(&mut self) -> Result<(), String> {
        let update = self.schedule.take_update(now());
        self.rules.on(Told::Publishes(update.as_ref().map(state)))
    }

    fn show(&mut self) -> Result<(), String> {
        let (schedule, now) = (&self.schedule, now());
        self.rules.on(Told::Shows(Shown {
            is_in_flight: schedule.in_flight().is_some(),
            is_asking: schedule.is_asking(now),
            next_request: schedule.next_request_in(now),
            next_due: schedule.next_due(now),
            wakeup: schedule.next_wakeup(now).map(|wakeup| wakeup - now.monotonic),
            valid_for: schedule.valid_for(now),
            rejection: schedule.rejection().as_ref().map(why),
            is_usable: schedule.is_usable(now),
            is_fresh: schedule.is_fresh(now),
            last_failure: schedule.last_failure().map(why),
            failures_in_a_row: schedule.failures_in_a_row(),
            published: schedule.published().map(state),
            awaits_outcome: schedule.is_waiting_for_outcome(),
            saved: schedule.saved().map(noted),
        }))
    }

    /// A nanosecond before it, nothing happens.
    fn reach_the_wakeup(&mut self) -> Result<(), String> {
        let due = self.schedule.next_due(now()).unwrap_or_default();
        let mut just_before = self.clone();
        just_before.pass(Passed::regularly(due - Duration::from_nanos(1)))?;
        just_before.look()?;
        just_before.show()?;
        self.pass(Passed::regularly(due))
    }

    fn pass(&mut self, by: Passed) -> Result<(), String> {
        self.schedule = self.schedule.aged(by);
        if let Some(Saved { asked, refresh, .. }) = &mut self.store {
            *asked = *asked - by.wall + by.wall_set_back;
            *refresh = *refresh - by.wall + by.wall_set_back;
        }
        let wall = nanos(by.wall) - nanos(by.wall_set_back);
        self.rules.on(Told::TimePasses { monotonic: by.monotonic, wall })
    }
}

impl Schedule {
    /// A copy as it is once time has passed.
    fn aged(&self, by: Passed) -> Self {
        let mut aged = Self {
            policy: self.policy,
            rng: self.rng.clone(),
            subscribed: self.subscribed,
            requests: self.requests.clone(),
            refreshes: self.refreshes.clone(),
            failure: self.failure.clone(),
            held: self.held.clone(),
            publication: self.publication.clone(),
        };
        aged.requests.age(by);
        aged.failure.iter_mut().for_each(|failure| failure.age(by));
        aged.held.iter_mut().for_each(|held| held.age(by));
        let held = self.held.as_ref().zip(aged.held.as_ref());
        aged.publication.follow(held.map(|(held, copy)| (&held.server, &copy.server)));
        aged
    }
}

fn credentials(name: rules::Name) -> TurnServer {
    TurnServer::new(vec!["turn:a".to_owned()], name.to_string(), "p")
}

fn name(server: &TurnServer) -> rules::Name {
    server.username().parse().unwrap()
}

fn written(answer: Answer) -> Result<source::Answer, Unavailable> {
    let why = match answer {
        Answer::Credentials(name, ttl) => return source::Answer::new(credentials(name), ttl),
        Answer::Failure(why) => why,
    };
    let (reason, retry_after) = match why {
        Why::Unreachable => (UnavailableReason::Unreachable, None),
        Why::RateLimited { retry_after } => (UnavailableReason::RateLimited, retry_after),
        Why::NotConfigured => (UnavailableReason::NotConfigured, None),
        Why::Misconfigured => (UnavailableReason::Misconfigured, None),
        Why::Forbidden => (UnavailableReason::Forbidden, None),
        Why::NotLoggedIn => (UnavailableReason::NotLoggedIn, None),
        Why::SoftLoggedOut => (UnavailableReason::SoftLoggedOut, None),
        Why::LoggedOut => (UnavailableReason::LoggedOut, None),
        Why::Expired => (UnavailableReason::Expired, None),
        Why::Rejected => (UnavailableReason::Rejected, None),
    };
    Err(Unavailable::new(reason).with_retry_after(retry_after))
}

fn why(unavailable: &Unavailable) -> Why {
    match unavailable.reason() {
        // No source answers that the runtime ended.
        UnavailableReason::Unreachable | UnavailableReason::RuntimeEnded => Why::Unreachable,
        UnavailableReason::RateLimited => {
            Why::RateLimited { retry_after: unavailable.retry_after() }
        }
        UnavailableReason::NotConfigured => Why::NotConfigured,
        UnavailableReason::Misconfigured => Why::Misconfigured,
        UnavailableReason::Forbidden => Why::Forbidden,
        UnavailableReason::NotLoggedIn => Why::NotLoggedIn,
        UnavailableReason::SoftLoggedOut => Why::SoftLoggedOut,
        UnavailableReason::LoggedOut => Why::LoggedOut,
        UnavailableReason::Expired => Why::Expired,
        UnavailableReason::Rejected => Why::Rejected,
    }
}

fn state(state: &TurnState) -> State {
    match state {
        TurnState::Available(server) => State::Available(name(server)),
        TurnState::Fallback { why: unavailable, .. } | TurnState::Unavailable(unavailable) => {
            State::Unavailable(why(unavailable))
        }
    }
}

fn noted(Saved { server, asked, ttl, refresh }: Saved) -> rules::Saved {
    let refresh = refresh.duration_since(asked).unwrap();
    let asked = match asked.duration_since(now().wall) {
        Ok(ahead) => nanos(ahead),
        Err(behind) => -nanos(behind.duration()),
    };
    rules::Saved { name: name(&server), asked, ttl, refresh }
}

fn nanos(span: Duration) -> i64 {
    i64::try_from(span.as_nanos()).unwrap()
}

/// Credentials for a minute, which are to be refreshed as late as possible.
const ANSWERED: [Event; 3] = [
    Event::Subscribe,
    Event::TaskLooks(Luck::Least),
    Event::Answered(Answer::Credentials(1, MINUTE), Luck::Most),
];

/// They are refreshed in vain.
const FAILING: [Event; 3] = [
    Event::WakeupIsReached,
    Event::TaskLooks(Luck::Least),
    Event::Answered(Answer::Failure(Why::Unreachable), Luck::Most),
];

const RESTARTED: [Event; 3] = [Event::Restart, Event::Subscribe, Event::TaskLooks(Luck::Least)];

/// Explores to a depth that takes seconds, or to the full one, and expects so many states.
fn explored(start: Account, [quick, full]: [(usize, usize); 2]) {
    let (depth, states) = if is_full() { full } else { quick };
    assert_eq!(explore(start, depth), Explored { states, depth: Depth::UpTo(depth) });
}

#[test]
fn s01_to_s14_every_interleaving_from_the_start() {
    explored(Account::new(), [(9, 167_958), (11, 1_811_778)]);
}

#[test]
fn s01_to_s14_every_interleaving_with_credentials() {
    explored(Account::after(ANSWERED), [(7, 73_497), (9, 800_332)]);
}

#[test]
fn s03_to_s07_every_interleaving_in_an_outage() {
    let failing = ANSWERED.into_iter().chain([FAILING; 3].concat());
    explored(Account::after(failing), [(7, 84_713), (9, 965_153)]);
}

#[test]
fn s14_every_interleaving_after_a_restart() {
    explored(Account::after(ANSWERED.into_iter().chain(RESTARTED)), [(7, 179_679), (9, 1_944_762)]);
}
