//! What the rules S1 to S14 ask of the schedule, once more and as plainly as can be: a model for tests
//! to compare it with. It shares no code with the schedule. What is drawn at random, it knows
//! nearly, and is then told.

/// A span of time, or a moment counted from now: in nanoseconds.
pub(super) type Nanos = i64;

pub(super) const SECOND: Nanos = 1_000_000_000;
pub(super) const MINUTE: Nanos = 60 * SECOND;

/// S8: a moment on both clocks, counted from now. The first clock to reach it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Moment {
    pub(super) monotonic: Nanos,
    pub(super) wall: Nanos,
}

impl Moment {
    pub(super) const NOW: Self = Self { monotonic: 0, wall: 0 };

    fn plus(self, span: Nanos) -> Self {
        Self { monotonic: self.monotonic + span, wall: self.wall + span }
    }

    fn left(self) -> Nanos {
        self.monotonic.min(self.wall).max(0)
    }

    fn pass(&mut self, monotonic: Nanos, wall: Nanos) {
        *self = Self { monotonic: self.monotonic - monotonic, wall: self.wall - wall };
    }

    /// The same for a moment that is waited for: what the monotonic clock reached stays reached.
    fn approach(&mut self, monotonic: Nanos, wall: Nanos) {
        self.pass(monotonic, wall);
        if self.monotonic <= 0 {
            *self = Self::NOW;
        }
    }
}

/// Why there are no credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Why {
    Unreachable,
    RateLimited { retry_after: Option<Nanos> },
    NotConfigured,
    Forbidden,
    NotLoggedIn,
    LoggedOut,
    Expired,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Answer {
    /// By their name, and how long they hold: 0 if that is not known.
    Credentials(u8, Nanos),
    None(Why),
}

/// What subscribers are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Published {
    Credentials { name: u8, still_hold: bool },
    None(Why),
}

/// When to ask next, as far as the last answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Next {
    At(Moment),
    /// S5: the wall clock has no say.
    RetryAfter(Nanos),
    /// S7: for somebody who subscribes after this.
    ForSubscriber(Moment),
    Never,
}

/// What is drawn at random comes to this share of its range, in millionths.
pub(super) type Luck = i64;

/// From `least` to `most`.
fn drawn(luck: Luck, least: Nanos, most: Nanos) -> Nanos {
    least + (most - least) / 1_000_000 * luck
}

/// What a draw comes to, counted from `from`, and how wide the range is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Draw {
    from: Moment,
    span: Nanos,
    pub(super) width: Nanos,
}

impl Draw {
    fn from_now(luck: Luck, least: Nanos, most: Nanos) -> Self {
        let span = drawn(luck, least, most);
        Self { from: Moment::NOW, span, width: most - least }
    }

    /// When the next request is due by it.
    pub(super) fn due(self) -> Nanos {
        self.from.plus(self.span).left()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Held {
    name: u8,
    asked: Moment,
    ttl: Nanos,
    expires: Option<Moment>,
    /// How long after `asked` they are to be refreshed.
    refresh: Nanos,
    is_rejected: bool,
}

/// S14: what another process may start with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Saved {
    pub(super) name: u8,
    pub(super) asked_wall: Nanos,
    pub(super) ttl: Nanos,
    pub(super) refresh: Nanos,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Model {
    is_subscribed: bool,
    /// S1: when the request was sent that is in flight.
    in_flight: Option<Moment>,
    next: Next,
    /// S3: none before this after a success, unless a TURN server rejects what it brought.
    floor: Option<Moment>,
    /// S9: none before this on demand after a failure.
    spacing: Option<Moment>,
    /// S10: one is due for a rejection; and none for another before this.
    is_rejection_due: bool,
    rejection_floor: Option<Moment>,
    failing: Failing,
    /// S3: the next refresh is the first after the start.
    is_first: bool,
    unknown_ttl_delay: Nanos,
    held: Option<Held>,
    told: Told,
}

/// Failures since the last success; and the transient ones since the homeserver last spoke.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Failing {
    why: Option<Why>,
    in_a_row: u32,
    transient: u32,
    /// When the first of the transient ones was sent.
    since: Nanos,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Told {
    last: Option<Published>,
    /// Not told yet.
    news: Option<Published>,
    /// S7: a newcomer waits for the next answer, even if it is no news.
    is_awaited: bool,
}

impl Model {
    pub(super) fn new() -> Self {
        Self {
            is_subscribed: false,
            in_flight: None,
            next: Next::At(Moment::NOW),
            floor: None,
            spacing: None,
            is_rejection_due: false,
            rejection_floor: None,
            failing: Failing::default(),
            is_first: true,
            unknown_ttl_delay: 10 * SECOND,
            held: None,
            told: Told::default(),
        }
    }

    /// S2, S7: a newcomer waits for an answer only if there are no credentials.
    pub(super) fn subscribe(&mut self, luck: Luck) -> Option<Draw> {
        if matches!(self.next, Next::ForSubscriber(moment) if moment.left() == 0) {
            self.next = Next::At(Moment::NOW);
        }
        self.is_subscribed = true;
        let draw = self.withdraw_expired(luck);
        if self.held.is_none() && self.next_request() == Some(0) {
            self.told.is_awaited = true;
        }
        draw
    }

    /// S11: what is known stays known.
    pub(super) fn unsubscribe(&mut self) {
        self.is_subscribed = false;
    }

    /// S9.
    pub(super) fn refresh(&mut self) {
        if self.in_flight.is_none() && self.floor.is_none_or(|floor| floor.left() == 0) {
            self.ask_soon();
        }
    }

    /// S10.
    pub(super) fn reject(&mut self) {
        let Some(held) = &mut self.held else { return };
        held.is_rejected = true;
        if self.in_flight.is_some() || self.is_rejection_due {
            return;
        }
        self.is_rejection_due = true;
        match self.rejection_floor {
            Some(floor) if floor.left() > 0 => self.ask_by(floor),
            _ => {
                self.floor = None;
                self.ask_soon();
            }
        }
    }

    /// S7.
    pub(super) fn session_is_renewed(&mut self) {
        if self.failing.why == Some(Why::NotLoggedIn) {
            self.refresh();
        }
    }

    /// S6, S7: the one thing beside their expiry that withdraws credentials.
    pub(super) fn session_ends(&mut self) {
        (self.in_flight, self.floor, self.spacing) = (None, None, None);
        self.next = Next::Never;
        self.drop_held();
        self.offer(Published::None(Why::LoggedOut));
        self.told.is_awaited = false;
        let in_a_row = self.failing.in_a_row + 1;
        self.failing = Failing { why: Some(Why::LoggedOut), in_a_row, ..Failing::default() };
    }

    /// S1, S11: whether a request is sent now.
    pub(super) fn begin_request(&mut self) -> bool {
        if !self.is_subscribed || self.next_request() != Some(0) {
            return false;
        }
        (self.in_flight, self.floor, self.spacing) = (Some(Moment::NOW), None, None);
        if std::mem::take(&mut self.is_rejection_due) {
            self.rejection_floor = Some(Moment::NOW.plus(10 * SECOND));
        }
        true
    }

    pub(super) fn answered(&mut self, answer: Answer, luck: Luck) -> Option<Draw> {
        let draw = match answer {
            Answer::Credentials(name, ttl) => self.succeed(name, ttl, luck),
            Answer::None(Why::LoggedOut) => {
                self.session_ends();
                None
            }
            Answer::None(why) => self.fail(why, luck),
        };
        self.told.is_awaited = false;
        draw
    }

    /// S3, S12, S13.
    fn succeed(&mut self, name: u8, ttl: Nanos, luck: Luck) -> Option<Draw> {
        let sent = self.in_flight.take()?;
        let ttl = ttl.min(30 * 24 * 60 * MINUTE);
        let draw = self.draw_refresh(sent, ttl, luck);
        self.failing = Failing::default();
        self.floor = Some(Moment::NOW.plus(10 * SECOND));
        self.hold(name, sent, ttl);
        let is_over = self.held.as_ref().is_some_and(Held::has_expired);
        self.withdraw_expired(luck);
        (!is_over).then_some(draw)
    }

    fn draw_refresh(&mut self, sent: Moment, ttl: Nanos, luck: Luck) -> Draw {
        self.next = Next::At(Moment::NOW);
        if ttl == 0 {
            let delay = self.unknown_ttl_delay;
            self.unknown_ttl_delay = (2 * delay).min(MINUTE);
            return Draw::from_now(luck, delay, delay);
        }
        self.unknown_ttl_delay = 10 * SECOND;
        let (earliest, latest) = (ttl / 30, ttl * 7 / 10);
        // A client keeps its turn through failures, and takes another if it has missed it.
        let is_late = self.failing.transient > 0;
        let late = if is_late { sent.monotonic - self.failing.since } else { 0 };
        // 2/3 - 5% and 2/3 + 5%.
        let mut span = drawn(luck, ttl * 37 / 60, ttl * 43 / 60) - late;
        while span < earliest {
            span += ttl * 2 / 3;
        }
        if std::mem::take(&mut self.is_first) || (is_late && span < 10 * SECOND) {
            span = drawn(luck, earliest.max(10 * SECOND).min(latest), latest);
        }
        Draw { from: sent, span, width: latest - earliest }
    }

    fn hold(&mut self, name: u8, asked: Moment, ttl: Nanos) {
        let is_same = self.held.as_ref().filter(|held| held.name == name);
        let is_rejected = is_same.is_some_and(|held| held.is_rejected);
        if is_same.is_none() {
            self.drop_held();
            self.offer(Published::Credentials { name, still_hold: true });
        }
        let expires = (ttl > 0).then(|| asked.plus(ttl));
        self.held = Some(Held { name, asked, ttl, expires, refresh: 0, is_rejected });
    }

    /// S4, S5, S7.
    fn fail(&mut self, why: Why, luck: Luck) -> Option<Draw> {
        self.withdraw_expired(luck);
        let sent = self.in_flight.take()?;
        let is_transient = matches!(why, Why::Unreachable | Why::RateLimited { .. });
        let before = self.failing;
        self.failing = Failing {
            why: Some(why),
            in_a_row: before.in_a_row + 1,
            transient: if is_transient { before.transient + 1 } else { 0 },
            since: match is_transient {
                true if before.transient > 0 => before.since,
                true => sent.monotonic,
                false => 0,
            },
        };
        (self.floor, self.spacing) = (None, Some(sent.plus(SECOND)));
        if self.held.is_none() {
            self.offer(Published::None(why));
        }
        self.draw_retry(why, -sent.monotonic, luck)
    }

    fn draw_retry(&mut self, why: Why, waited: Nanos, luck: Luck) -> Option<Draw> {
        let highest = if self.held.is_some() { MINUTE } else { 10 * SECOND };
        let ceiling = (SECOND << self.failing.transient.saturating_sub(1).min(6)).min(highest);
        self.next = Next::At(Moment::NOW);
        match why {
            Why::Unreachable | Why::Expired => {
                let delay = (drawn(luck, 0, ceiling) - waited).max(drawn(luck, 0, SECOND));
                Some(Draw { from: Moment::NOW, span: delay, width: ceiling })
            }
            Why::RateLimited { retry_after } => {
                self.next = Next::RetryAfter(0);
                let asked = retry_after.unwrap_or(MINUTE).min(60 * MINUTE);
                Some(Draw::from_now(luck, asked, asked + ceiling))
            }
            Why::NotConfigured => Some(Draw::from_now(luck, 54 * MINUTE, 66 * MINUTE)),
            Why::Forbidden => {
                self.next = Next::ForSubscriber(Moment::NOW.plus(5 * MINUTE));
                None
            }
            Why::NotLoggedIn => {
                self.next = Next::ForSubscriber(Moment::NOW);
                None
            }
            Why::LoggedOut => None,
        }
    }

    /// What was drawn: the next request is due that long from now.
    pub(super) fn was_drawn(&mut self, draw: Draw, due: Nanos) {
        let span = due - draw.from.monotonic.min(draw.from.wall);
        match &mut self.next {
            Next::At(moment) => *moment = draw.from.plus(span),
            Next::RetryAfter(left) => *left = due,
            Next::ForSubscriber(_) | Next::Never => {}
        }
        if let Some(held) = self.held.as_mut().filter(|held| held.refresh == 0) {
            held.refresh = span;
        }
    }

    /// S14: what another process saved is the answer. `false` if that is of no use.
    pub(super) fn restored(&mut self, saved: Saved) -> bool {
        let age = -saved.asked_wall;
        if age < 0 || age >= saved.ttl {
            return false;
        }
        let asked = Moment { monotonic: -age, wall: -age };
        self.hold(saved.name, asked, saved.ttl);
        if let Some(held) = &mut self.held {
            held.refresh = saved.refresh;
        }
        self.next = Next::At(asked.plus(saved.refresh));
        self.floor = Some(asked.plus(10 * SECOND));
        (self.in_flight, self.is_first, self.told.is_awaited) = (None, false, false);
        true
    }

    /// S14: neither what was rejected, nor what holds for nobody knows how long.
    pub(super) fn saved(&self) -> Option<Saved> {
        let held = self.held.as_ref().filter(|held| !held.is_rejected && held.ttl > 0)?;
        let Held { name, asked, ttl, refresh, .. } = *held;
        Some(Saved { name, asked_wall: asked.wall, ttl, refresh })
    }

    /// What subscribers are told now.
    pub(super) fn news(&mut self, luck: Luck) -> (Option<Published>, Option<Draw>) {
        let draw = self.withdraw_expired(luck);
        let news = self.told.news.take();
        self.told.last = news.or(self.told.last);
        (news, draw)
    }

    /// S6: credentials are withdrawn when they expire. The next request is due soon, unless the
    /// homeserver said when.
    fn withdraw_expired(&mut self, luck: Luck) -> Option<Draw> {
        self.held.as_ref().filter(|held| held.has_expired())?;
        self.drop_held();
        self.offer(Published::None(self.failing.why.unwrap_or(Why::Expired)));
        match self.next {
            Next::At(moment) if self.in_flight.is_none() => {
                let span = drawn(luck, 0, 10 * SECOND).min(moment.left());
                Some(Draw { from: Moment::NOW, span, width: 10 * SECOND })
            }
            _ => None,
        }
    }

    fn drop_held(&mut self) {
        self.held = None;
        if let Some(Published::Credentials { still_hold, .. }) = &mut self.told.last {
            *still_hold = false;
        }
    }

    /// S12: the same again is no news, except to who waits for an answer.
    fn offer(&mut self, state: Published) {
        let is_news = self.told.is_awaited || self.told.last != Some(state);
        self.told.news = is_news.then_some(state);
    }

    fn ask_soon(&mut self) {
        match (self.spacing, self.next) {
            (Some(spacing), _) => self.ask_by(spacing),
            (None, Next::At(_) | Next::ForSubscriber(_)) => self.next = Next::At(Moment::NOW),
            (None, Next::RetryAfter(_) | Next::Never) => {}
        }
    }

    fn ask_by(&mut self, latest: Moment) {
        match self.next {
            Next::At(moment) => {
                let left = moment.left().min(latest.left());
                self.next = Next::At(Moment::NOW.plus(left));
            }
            Next::ForSubscriber(_) => self.next = Next::At(latest),
            Next::RetryAfter(_) | Next::Never => {}
        }
    }

    pub(super) fn time_passes(&mut self, monotonic: Nanos, wall: Nanos) {
        match &mut self.next {
            Next::At(moment) | Next::ForSubscriber(moment) => moment.approach(monotonic, wall),
            Next::RetryAfter(left) => *left = (*left - monotonic).max(0),
            Next::Never => {}
        }
        for deadline in [&mut self.floor, &mut self.spacing, &mut self.rejection_floor] {
            deadline.iter_mut().for_each(|moment| moment.approach(monotonic, wall));
        }
        self.in_flight.iter_mut().for_each(|sent| sent.pass(monotonic, wall));
        if self.failing.transient > 0 {
            self.failing.since -= monotonic;
        }
        if let Some(held) = &mut self.held {
            held.asked.pass(monotonic, wall);
            held.expires.iter_mut().for_each(|moment| moment.approach(monotonic, wall));
        }
    }

    /// How long until a request is due, for whoever is subscribed.
    pub(super) fn next_request(&self) -> Option<Nanos> {
        let left = match self.next {
            _ if self.in_flight.is_some() => return None,
            Next::At(moment) => moment.left(),
            Next::RetryAfter(left) => left,
            Next::ForSubscriber(_) | Next::Never => return None,
        };
        Some(left.max(self.floor.map_or(0, Moment::left)))
    }

    pub(super) fn is_subscribed(&self) -> bool {
        self.is_subscribed
    }

    pub(super) fn is_in_flight(&self) -> bool {
        self.in_flight.is_some()
    }

    pub(super) fn has_ended(&self) -> bool {
        self.next == Next::Never
    }

    /// The credentials that are held.
    pub(super) fn held(&self) -> Option<u8> {
        self.held.as_ref().map(|held| held.name)
    }

    pub(super) fn valid_for(&self) -> Option<Nanos> {
        self.held.as_ref()?.expires.map(Moment::left)
    }

    pub(super) fn is_usable(&self) -> bool {
        self.held.as_ref().is_some_and(|held| !held.is_rejected && !held.has_expired())
    }

    /// No older than the steady state lets credentials become: 2/3 + 5%.
    pub(super) fn is_fresh(&self) -> bool {
        let is_young = |held: &Held| {
            let oldest = if held.ttl == 0 { MINUTE } else { held.ttl / 60 * 43 };
            held.asked.plus(oldest).left() > 0
        };
        self.is_usable() && self.held.as_ref().is_some_and(is_young)
    }

    pub(super) fn last_failure(&self) -> Option<Why> {
        self.failing.why
    }

    pub(super) fn failures_in_a_row(&self) -> u32 {
        self.failing.in_a_row
    }

    pub(super) fn published(&self) -> Option<Published> {
        self.told.last
    }

    pub(super) fn is_answer_awaited(&self) -> bool {
        self.told.is_awaited
    }
}

impl Held {
    fn has_expired(&self) -> bool {
        self.expires.is_some_and(|expires| expires.left() == 0)
    }
}
