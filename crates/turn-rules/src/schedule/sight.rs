//! S2, S6, S7 and S12: what is held, and what subscribers are told.

use super::{
    Broken, Name, Rules, State, Why, ensure,
    requests::Due,
    same,
    time::{MINUTE, Moment, Nanos, SECOND, Span},
};

/// The credentials that are held.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Held {
    pub(super) name: Name,
    pub(super) asked: Moment,
    /// Zero: not known.
    pub(super) ttl: Nanos,
    expires: Option<Moment>,
    /// How long after they were asked for they are refreshed.
    pub(super) refresh: Span,
    pub(super) is_rejected: bool,
    /// The rule by which they hold that long.
    pub(super) rule: &'static str,
}

/// What subscribers see.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Sight {
    pub(super) told: Option<State>,
    /// There were credentials before.
    has_held: bool,
    /// S7: a new subscriber sees nothing before the next answer.
    awaits_outcome: bool,
    /// Whether one does is not known: it depends on a delay that the schedule did not show.
    may_await_outcome: bool,
    /// The answer is there: it is published even if it is the same.
    owes_outcome: bool,
}

impl Held {
    pub(super) fn new(
        rule: &'static str,
        name: Name,
        asked: Moment,
        ttl: Nanos,
        refresh: Span,
    ) -> Self {
        let expires = (ttl > 0).then(|| asked.plus(ttl));
        Self { name, asked, ttl, expires, refresh, is_rejected: false, rule }
    }

    /// S6, S8: they expire on either clock.
    pub(super) fn valid_for(&self) -> Option<Nanos> {
        self.expires.map(Moment::left)
    }

    /// S2: valid, and not rejected.
    pub(super) fn is_usable(&self) -> bool {
        self.valid_for() != Some(0) && !self.is_rejected
    }

    /// S2: no older than the steady state lets credentials become: 2/3 + 5% of the TTL.
    pub(super) fn is_fresh(&self) -> bool {
        let oldest = if self.ttl == 0 { MINUTE } else { self.ttl / 60 * 43 };
        self.is_usable() && self.asked.plus(oldest).left() > 0
    }

    pub(super) fn pass(&mut self, monotonic: Nanos, wall: Nanos) {
        self.asked.pass(monotonic, wall);
        self.expires.iter_mut().for_each(|expires| expires.approach(monotonic, wall));
    }
}

impl Sight {
    pub(super) fn answer(&mut self) {
        self.owes_outcome |= std::mem::take(&mut self.awaits_outcome);
    }
}

impl Rules {
    /// S12: the same credentials again only move their expiry. S10: that lifts a rejection.
    pub(super) fn hold(&mut self, new: Held) {
        let is_same = self.held.as_ref().is_some_and(|held| held.name == new.name);
        let rule = if is_same && new.rule == "S6" { "S12" } else { new.rule };
        self.held = Some(Held { rule, ..new });
        self.sight.has_held = true;
    }

    /// S6: what expires is withdrawn, and asked for again within 10 s, unless the homeserver said when.
    pub(super) fn s06_withdraw_expired(&mut self) {
        if self.held.take_if(|held| held.valid_for() == Some(0)).is_none() {
            return;
        }
        if let Due::At(window) = self.requests.due {
            let soon = Span::evenly(self.luck, 0, 10 * SECOND).from(Moment::NOW);
            self.requests.plan("S6", Due::At(window.at_the_latest(soon)));
        }
    }

    /// S7: a subscriber who makes the schedule ask waits for the answer. S2: valid credentials are
    /// served at once.
    pub(super) fn s07_newcomer_waits(&mut self) {
        let Some((earliest, latest)) = self.next_request() else { return };
        let may_await = self.held.is_none() && earliest == 0;
        self.sight.awaits_outcome |= may_await && latest == 0;
        self.sight.may_await_outcome = may_await && latest > 0;
    }

    pub(super) fn s07_shows_waiting(&mut self, awaits_outcome: bool) -> Result<(), Broken> {
        if std::mem::take(&mut self.sight.may_await_outcome) {
            self.sight.awaits_outcome |= awaits_outcome;
        }
        let expected = self.sight.awaits_outcome;
        same("S7", "awaiting the outcome", awaits_outcome, expected)
    }

    /// S2, S6, S7: what subscribers see. The credentials as long as they are valid, else why the last
    /// request failed.
    fn current(&self) -> Option<State> {
        let expired = self.sight.has_held.then_some(Why::Expired);
        let available = self.held.as_ref().map(|held| State::Available(held.name));
        available.or(self.failing.why.or(expired).map(State::Unavailable))
    }

    /// The task publishes what there is to publish.
    pub(super) fn publish(&mut self, state: Option<State>) -> Result<(), Broken> {
        self.s06_withdraw_expired();
        let is_owed = std::mem::take(&mut self.sight.owes_outcome);
        let current = self.current();
        let news = current.filter(|current| is_owed || self.sight.told != Some(*current));
        match (state, news) {
            (Some(published), None) => self.s12_only_news(published)?,
            (published, Some(news)) => Self::told_of(published, news, self.sight.told)?,
            (None, None) => {}
        }
        self.sight.told = news.or(self.sight.told);
        Ok(())
    }

    /// S12: subscribers are not woken for what they know.
    fn s12_only_news(&self, published: State) -> Result<(), Broken> {
        let is_withdrawn = matches!(published, State::Available(_)) && self.held.is_none();
        ensure(!is_withdrawn, "S6", "credentials are published that are not valid")?;
        Err(format!("S12: {published:?} is published again, without a change"))
    }

    fn told_of(is: Option<State>, news: State, before: Option<State>) -> Result<(), Broken> {
        let rule = match (news, before, is) {
            (State::Available(_), ..) => "S2",
            (_, Some(State::Available(_)), _) | (.., Some(State::Available(_))) => "S6",
            _ => "S7",
        };
        ensure(is == Some(news), rule, &format!("{is:?} is published instead of {news:?}"))
    }
}
