//! What is held, and what subscribers are told of it: S6, S7, S10, S12 and S14.

use super::words::{MINUTE, Moment, Nanos, Published, Saved, Why};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Held {
    pub(super) name: u8,
    pub(super) asked: Moment,
    ttl: Nanos,
    pub(super) expires: Option<Moment>,
    /// How long after `asked` they are to be refreshed.
    pub(super) refresh: Nanos,
    is_rejected: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Known {
    pub(super) held: Option<Held>,
    pub(super) told: Option<Published>,
    /// Not told yet.
    news: Option<Published>,
    /// S7: a newcomer waits for the next answer, even if it is no news.
    pub(super) is_awaited: bool,
}

impl Known {
    /// S10, S12: the same again hold longer, and are not rejected any more.
    pub(super) fn hold(&mut self, name: u8, asked: Moment, ttl: Nanos) {
        let same = self.held.take().filter(|held| held.name == name);
        if same.is_none() {
            self.offer(Published::Credentials(name));
        }
        let expires = (ttl > 0).then(|| asked.plus(ttl));
        self.held = Some(Held { name, asked, ttl, expires, refresh: 0, is_rejected: false });
    }

    /// S10. Returns whether there is something to reject.
    pub(super) fn reject(&mut self) -> bool {
        self.held.as_mut().map(|held| held.is_rejected = true).is_some()
    }

    pub(super) fn withdraw(&mut self, why: Why) {
        self.held = None;
        self.offer(Published::None(why));
    }

    /// S12: the same again is no news, except to who waits for an answer. (What is withdrawn and held again
    /// before subscribers were told would be news. The tests tell them at once.)
    pub(super) fn offer(&mut self, state: Published) {
        let is_news = self.is_awaited || self.told != Some(state);
        self.news = is_news.then_some(state);
    }

    pub(super) fn tell(&mut self) -> Option<Published> {
        let news = self.news.take();
        self.told = news.or(self.told);
        news
    }

    /// S6.
    pub(super) fn has_expired(&self) -> bool {
        self.valid_for() == Some(0)
    }

    pub(super) fn valid_for(&self) -> Option<Nanos> {
        self.held.as_ref()?.expires.map(Moment::left)
    }

    pub(super) fn is_rejected(&self) -> bool {
        self.held.as_ref().is_some_and(|held| held.is_rejected)
    }

    pub(super) fn is_usable(&self) -> bool {
        self.held.as_ref().is_some_and(|held| !held.is_rejected) && !self.has_expired()
    }

    /// No older than the steady state lets credentials become: 2/3 + 5%.
    pub(super) fn is_fresh(&self) -> bool {
        let is_young = |held: &Held| {
            let oldest = if held.ttl == 0 { MINUTE } else { held.ttl / 60 * 43 };
            held.asked.plus(oldest).left() > 0
        };
        self.is_usable() && self.held.as_ref().is_some_and(is_young)
    }

    /// S14: neither what was rejected, nor what holds for nobody knows how long.
    pub(super) fn saved(&self) -> Option<Saved> {
        let held = self.held.as_ref().filter(|held| !held.is_rejected && held.ttl > 0)?;
        let Held { name, asked, ttl, refresh, .. } = *held;
        Some(Saved { name, asked_wall: asked.wall, ttl, refresh })
    }
}
