//! The schedule against its [model](super::model), in every interleaving of subscribers, answers,
//! rejections, the session's and the process's ends, and two clocks, with the highest and the lowest
//! luck in whatever is drawn at random.

use std::{
    hash::{Hash, Hasher},
    sync::LazyLock,
    time::Duration,
};

use super::{
    Rng, Saved, Schedule, Useless,
    model::{self, Answer, Event::*, MINUTE, Model, Nanos, Published, SECOND, Why},
};
use crate::{
    clock::aging::{Passed, now},
    credentials::TurnServer,
    explore::{Depth, Explored, System, explore, same},
    policy::RefreshPolicy,
    source,
    state::TurnState,
    unavailable::{Unavailable, UnavailableReason},
};

const HOUR: Nanos = 60 * MINUTE;

#[derive(Clone, Copy, Debug)]
enum Event {
    /// The schedule is told that something happened.
    Told(model::Event, Luck),
    /// The task publishes and asks, if it is time to.
    TaskLooks(Luck),
    /// The process ends, and another begins.
    Restart,
    /// What the other process saved is found in the place of the first request.
    Restored,
    /// Time passes until the task wants to look.
    WakeupIsReached,
    TimePasses(Nanos),
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

/// How near to the end of its range a draw comes, as a share of it.
const EDGE: f64 = 0.01;

impl Luck {
    const BOTH: [Self; 2] = [Self::Least, Self::Most];

    fn rng(self) -> Rng {
        static SEEDS: LazyLock<[u64; 2]> = LazyLock::new(|| Luck::BOTH.map(Luck::seed));
        Rng::with_seed(SEEDS[self as usize])
    }

    /// What the first draw comes to, in millionths.
    fn share(self) -> model::Luck {
        (self.rng().f64() * 1e6) as model::Luck
    }

    /// Three draws in a row come to that. No event draws more.
    fn seed(self) -> u64 {
        let is_it = |drawn: f64| match self {
            Self::Least => drawn < EDGE,
            Self::Most => drawn > 1.0 - EDGE,
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
    model: Model,
    /// What an earlier process saved, until the first request of this one.
    store: Option<Saved>,
}

/// With expiries of its own.
impl Clone for Account {
    fn clone(&self) -> Self {
        let Self { schedule, model, store } = self;
        let schedule = schedule.aged(Passed::NOTHING);
        Self { schedule, model: model.clone(), store: store.clone() }
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
        (&self.model, &self.store).hash(state);
    }
}

impl System for Account {
    type Event = Event;

    fn events(&self) -> Vec<Event> {
        use Event::*;

        let (model, mut events) = (&self.model, vec![TimePasses(SECOND), Sleep]);
        events.push(WallClockIsSetBack);
        events.extend([Subscribe, Refresh, SessionIsRenewed].map(without_luck));
        if !model.has_ended() {
            events.push(without_luck(SessionEnds));
        }
        if model.is_subscribed() {
            events.push(without_luck(Unsubscribe));
        }
        if model.held().is_some() {
            events.push(without_luck(Reject));
        }
        let draws = model.valid_for() == Some(0);
        events.extend(Luck::BOTH.into_iter().take(1 + usize::from(draws)).map(TaskLooks));
        if model.is_in_flight() {
            events.extend(answers());
            events.extend(self.store.as_ref().map(|_| Restored));
            return events;
        }
        if self.schedule.next_due(now()).is_some_and(|due| !due.is_zero()) {
            events.push(WakeupIsReached);
        }
        if !model.is_subscribed() || self.schedule.next_due(now()).is_none() {
            events.push(TimePasses(5 * MINUTE));
        }
        if self.schedule.saved().is_some() {
            events.push(Restart);
        }
        events
    }

    fn on(&mut self, event: Event) -> Result<(), String> {
        self.let_happen(event)?;
        self.compare()
    }
}

fn answers() -> impl Iterator<Item = Event> {
    use Answer::{Credentials, None};

    let with_luck = [
        Credentials(1, MINUTE),
        Credentials(2, MINUTE),
        Credentials(1, 0),
        Credentials(1, 1_000 * 24 * HOUR),
        None(Why::Unreachable),
        None(Why::RateLimited { retry_after: Option::None }),
        None(Why::RateLimited { retry_after: Some(30 * SECOND) }),
        None(Why::NotConfigured),
    ];
    let without = [Why::Forbidden, Why::NotLoggedIn, Why::LoggedOut].map(None);
    let luck =
        with_luck.into_iter().flat_map(|it| Luck::BOTH.map(|luck| Event::Told(Answered(it), luck)));
    luck.chain(without.map(|it| without_luck(Answered(it))))
}

/// An event that draws nothing, unless credentials have expired.
fn without_luck(event: model::Event) -> Event {
    Event::Told(event, Luck::Least)
}

impl Account {
    fn new() -> Self {
        let schedule = Schedule::new(RefreshPolicy::default(), Luck::Least.rng());
        Self { schedule, model: Model::default(), store: None }
    }

    fn after(events: impl IntoIterator<Item = Event>) -> Self {
        let mut account = Self::new();
        for event in events {
            account.on(event).unwrap();
        }
        account
    }

    fn let_happen(&mut self, event: Event) -> Result<(), String> {
        let luck = match event {
            Event::Told(_, luck) | Event::TaskLooks(luck) => luck,
            _ => Luck::Least,
        };
        self.schedule.rng = luck.rng();
        match event {
            Event::Told(Unsubscribe, _) => return self.tell(Unsubscribe, luck),
            Event::Told(event, _) => self.tell(event, luck)?,
            Event::TaskLooks(_) => {
                self.compare_news(luck)?;
                let (sends, expected) =
                    (self.schedule.begin_request(now()), self.model.begin_request());
                return same("is a request sent", sends, expected);
            }
            Event::Restart => {
                *self = Self { store: self.schedule.saved(), ..Self::new() };
                return Ok(());
            }
            Event::Restored => self.restore()?,
            Event::WakeupIsReached => return self.reach_the_wakeup(),
            Event::TimePasses(span) => {
                self.pass(span, span);
                return Ok(());
            }
            Event::Sleep => {
                self.pass(0, HOUR);
                return Ok(());
            }
            Event::WallClockIsSetBack => {
                self.pass(0, -HOUR);
                return Ok(());
            }
        }
        // Whoever tells the schedule something publishes what follows from it.
        self.compare_news(luck)
    }

    fn tell(&mut self, event: model::Event, luck: Luck) -> Result<(), String> {
        let Self { schedule, model, store } = self;
        model.on(event, luck.share());
        match event {
            Subscribe => schedule.subscribe(now()),
            Unsubscribe => schedule.unsubscribe(),
            Refresh => schedule.refresh(now()),
            Reject => {
                schedule.report_rejected(now(), &credentials(9));
                let held = model.held().map(credentials);
                schedule.report_rejected(now(), &held.unwrap());
            }
            SessionIsRenewed => schedule.session_renewed(now()),
            SessionEnds => schedule.end_session(UnavailableReason::LoggedOut.into()),
            Answered(answer) => {
                schedule.answered(now(), written(answer));
                *store = None;
            }
        }
        self.compare_draw()
    }

    fn restore(&mut self) -> Result<(), String> {
        let Some(saved) = self.store.take() else { return Ok(()) };
        let asked_wall = nanos_since(saved.asked);
        let refresh = saved.refresh.duration_since(saved.asked).unwrap();
        let expected = self.model.restored(model::Saved {
            name: name(&saved.server),
            asked_wall,
            ttl: nanos(saved.ttl),
            refresh: nanos(refresh),
        });
        let outcome = self.schedule.restored(now(), &saved);
        same("is what was saved of use", outcome.is_ok(), expected)?;
        same("is it from the future", outcome == Err(Useless::FromTheFuture), asked_wall > 0)
    }

    /// A nanosecond before it, nothing is to happen.
    fn reach_the_wakeup(&mut self) -> Result<(), String> {
        let due = nanos(self.schedule.next_due(now()).unwrap_or_default());
        let mut just_before = self.clone();
        just_before.pass(due - 1, due - 1);
        just_before.compare()?;
        let schedule = &mut just_before.schedule;
        same("the news before its time", schedule.take_update(now()), None)?;
        same("a request before its time", schedule.begin_request(now()), false)?;
        self.pass(due, due);
        Ok(())
    }

    fn compare_draw(&mut self) -> Result<(), String> {
        let Some(draw) = self.model.draw() else { return Ok(()) };
        let Some(due) = self.schedule.requests.due().map(nanos) else {
            return Err(format!("nothing was drawn: {draw:?}"));
        };
        let edge = (draw.width as f64 * EDGE) as Nanos + 10_000;
        let expected = draw.due();
        if (due - expected).abs() > edge {
            return Err(format!("{due} was drawn, which is not near {expected}: {draw:?}"));
        }
        self.model.was_drawn(due);
        Ok(())
    }

    fn compare_news(&mut self, luck: Luck) -> Result<(), String> {
        let expected = self.model.news(luck.share());
        let update = self.schedule.take_update(now());
        self.compare_draw()?;
        if let Some(TurnState::Available(server)) = &update {
            same("have they expired", server.is_expired(now()), false)?;
        }
        same("the news", update.as_ref().map(published), expected)
    }

    fn compare(&self) -> Result<(), String> {
        let (schedule, model, now) = (&self.schedule, &self.model, now());
        let next = model.next_request();
        let of_interest = |it: Option<Nanos>| it.filter(|_| model.is_subscribed());
        let due = of_interest(next.into_iter().chain(model.valid_for()).min());
        let wakeup = due.map(|due| due.min(30 * SECOND));
        let is_asking = model.is_in_flight() || of_interest(next) == Some(0);

        same("the next request", schedule.next_request_in(now).map(nanos), of_interest(next))?;
        same("what is due", schedule.next_due(now).map(nanos), due)?;
        let planned = schedule.next_wakeup(now).map(|wakeup| nanos(wakeup - now.monotonic));
        same("the wakeup", planned, wakeup)?;
        same("is it asking", schedule.is_asking(now), is_asking)?;
        same("is one in flight", schedule.in_flight().is_some(), model.is_in_flight())?;
        same("the validity", schedule.valid_for(now).map(nanos), model.valid_for())?;
        same("usable", schedule.is_usable(now), model.is_usable())?;
        same("rejected", schedule.rejection().is_some(), model.is_rejected())?;
        same("fresh", schedule.is_fresh(now), model.is_fresh())?;
        same("the failure", schedule.last_failure().map(why), model.last_failure())?;
        same("failures in a row", schedule.failures_in_a_row(), model.failures_in_a_row())?;
        let told = schedule.published().map(published);
        same("what is published", told, model.published())?;
        same("waiting", schedule.is_waiting_for_outcome(), model.is_answer_awaited())?;
        same("what is saved", schedule.saved().map(saved), model.saved())
    }

    fn pass(&mut self, monotonic: Nanos, wall: Nanos) {
        let span = |nanos: Nanos| Duration::from_nanos(nanos.max(0).unsigned_abs());
        let by =
            Passed { monotonic: span(monotonic), wall: span(wall), wall_set_back: span(-wall) };
        self.model.time_passes(monotonic, wall);
        self.schedule = self.schedule.aged(by);
        if let Some(Saved { asked, refresh, .. }) = &mut self.store {
            *asked = *asked - by.wall + by.wall_set_back;
            *refresh = *refresh - by.wall + by.wall_set_back;
        }
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

fn credentials(name: u8) -> TurnServer {
    TurnServer::new(vec!["turn:a".to_owned()], name.to_string(), "p")
}

fn name(server: &TurnServer) -> u8 {
    server.username().parse().unwrap()
}

fn written(answer: Answer) -> Result<source::Answer, Unavailable> {
    let why = match answer {
        Answer::Credentials(name, ttl) => {
            let ttl = Duration::from_nanos(ttl.unsigned_abs());
            return source::Answer::new(credentials(name), ttl);
        }
        Answer::None(why) => why,
    };
    let reason = match why {
        Why::Unreachable => UnavailableReason::Unreachable,
        Why::RateLimited { .. } => UnavailableReason::RateLimited,
        Why::NotConfigured => UnavailableReason::NotConfigured,
        Why::Forbidden => UnavailableReason::Forbidden,
        Why::NotLoggedIn => UnavailableReason::NotLoggedIn,
        Why::LoggedOut => UnavailableReason::LoggedOut,
        Why::Expired => UnavailableReason::Expired,
    };
    let retry_after = match why {
        Why::RateLimited { retry_after: Some(span) } => {
            Some(Duration::from_nanos(span.unsigned_abs()))
        }
        _ => None,
    };
    Err(Unavailable::new(reason).with_retry_after(retry_after))
}

fn why(unavailable: &Unavailable) -> Why {
    match unavailable.reason() {
        UnavailableReason::Unreachable | UnavailableReason::Rejected => Why::Unreachable,
        UnavailableReason::RateLimited => {
            Why::RateLimited { retry_after: unavailable.retry_after().map(nanos) }
        }
        UnavailableReason::NotConfigured | UnavailableReason::Misconfigured => Why::NotConfigured,
        UnavailableReason::Forbidden => Why::Forbidden,
        UnavailableReason::NotLoggedIn | UnavailableReason::SoftLoggedOut => Why::NotLoggedIn,
        UnavailableReason::LoggedOut => Why::LoggedOut,
        UnavailableReason::Expired => Why::Expired,
    }
}

fn published(state: &TurnState) -> Published {
    match state {
        TurnState::Available(server) => Published::Credentials(name(server)),
        TurnState::Fallback { why: unavailable, .. } | TurnState::Unavailable(unavailable) => {
            Published::None(why(unavailable))
        }
    }
}

fn saved(saved: Saved) -> model::Saved {
    model::Saved {
        name: name(&saved.server),
        asked_wall: nanos_since(saved.asked),
        ttl: nanos(saved.ttl),
        refresh: nanos(saved.refresh.duration_since(saved.asked).unwrap()),
    }
}

/// A moment of the wall clock, counted from now.
fn nanos_since(moment: std::time::SystemTime) -> Nanos {
    match moment.duration_since(now().wall) {
        Ok(ahead) => nanos(ahead),
        Err(behind) => -nanos(behind.duration()),
    }
}

fn nanos(span: Duration) -> Nanos {
    Nanos::try_from(span.as_nanos()).unwrap()
}

/// Credentials for a minute, which are to be refreshed as late as possible.
const ANSWERED: [Event; 3] = [
    Event::Told(Subscribe, Luck::Least),
    Event::TaskLooks(Luck::Least),
    Event::Told(Answered(Answer::Credentials(1, MINUTE)), Luck::Most),
];

/// They are refreshed in vain.
const FAILING: [Event; 3] = [
    Event::WakeupIsReached,
    Event::TaskLooks(Luck::Least),
    Event::Told(Answered(Answer::None(Why::Unreachable)), Luck::Most),
];

const RESTARTED: [Event; 3] =
    [Event::Restart, Event::Told(Subscribe, Luck::Least), Event::TaskLooks(Luck::Least)];

#[test]
fn s01_to_s14_every_interleaving_from_the_start() {
    let explored = explore(Account::new(), 11);
    assert_eq!(explored, Explored { states: 1_208_084, depth: Depth::UpTo(11) });
}

#[test]
fn s01_to_s14_every_interleaving_with_credentials() {
    let explored = explore(Account::after(ANSWERED), 9);
    assert_eq!(explored, Explored { states: 525_183, depth: Depth::UpTo(9) });
}

#[test]
fn s03_to_s07_every_interleaving_in_an_outage() {
    let failing = ANSWERED.into_iter().chain([FAILING; 3].concat());
    let explored = explore(Account::after(failing), 9);
    assert_eq!(explored, Explored { states: 671_493, depth: Depth::UpTo(9) });
}

#[test]
fn s14_every_interleaving_after_a_restart() {
    let restarted = ANSWERED.into_iter().chain(RESTARTED);
    let explored = explore(Account::after(restarted), 9);
    assert_eq!(explored, Explored { states: 1_238_395, depth: Depth::UpTo(9) });
}
