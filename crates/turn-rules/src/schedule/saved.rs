//! S14: what outlives the process goes on as if it had not ended.

use super::{
    Broken, Rules, Saved, ensure,
    requests::Due,
    sight::Held,
    time::{DAY, Moment, SECOND, Span, Window, nanos},
};

impl Rules {
    /// S14: same expiry, same next refresh, and none sooner than 10 s after they were asked for.
    /// Discarded if it has expired, or if the wall clock stands before the moment it was asked for.
    pub(super) fn s14_find(&mut self, saved: Saved, is_taken: bool) -> Result<(), Broken> {
        let ttl = nanos(saved.ttl).min(30 * DAY);
        let is_of_use = (0..ttl).contains(&-saved.asked);
        ensure(
            is_taken == is_of_use,
            "S14",
            &format!("what was saved is taken: {is_taken}, and should be: {is_of_use}"),
        )?;
        if is_taken {
            let asked = Moment { monotonic: saved.asked, wall: saved.asked };
            // No refresh is later than S3 lets it be.
            let refresh = nanos(saved.refresh).min(ttl / 60 * 43);
            let due = |span| {
                let mut due = asked.plus(span);
                due.approach(0, 0);
                due
            };
            self.requests.in_flight = None;
            self.requests.plan_after_answer("S14", Due::At(Window::exactly(due(refresh))));
            self.requests.floor = due(10 * SECOND);
            self.refreshes.is_first = false;
            self.hold(Held::new("S14", saved.name, asked, ttl, Span::exactly(refresh)));
            self.sight.answer();
        }
        Ok(())
    }

    /// S14: not kept: what a TURN server rejected, and what holds for an unknown time.
    pub(super) fn s14_saves(&mut self, saved: Option<Saved>) -> Result<(), Broken> {
        let held = self.held.as_mut().filter(|held| !held.is_rejected && held.ttl > 0);
        let (Some(held), Some(saved)) = (held, saved) else {
            let is_kept = saved.is_some();
            let is_worth_it = self.held.as_ref().is_some_and(|it| !it.is_rejected && it.ttl > 0);
            return ensure(is_kept == is_worth_it, "S14", &format!("{saved:?} is saved"));
        };
        let is_same =
            (saved.name, saved.asked, nanos(saved.ttl)) == (held.name, held.asked.wall, held.ttl);
        ensure(is_same, "S14", &format!("{saved:?} is saved, which is not {held:?}"))?;
        let rule = if held.rule == "S14" { "S14" } else { "S3" };
        let refresh =
            format!("a refresh is planned after {:?}, not {:?}", saved.refresh, held.refresh);
        ensure(held.refresh.contains(nanos(saved.refresh)), rule, &refresh)?;
        if held.refresh != Span::exactly(nanos(saved.refresh)) {
            // The schedule shows what the refresh of S3 was drawn as.
            held.refresh = Span::exactly(nanos(saved.refresh));
            if let ("S3", Due::At(window)) = (self.requests.rule, &mut self.requests.due) {
                *window = held.refresh.from(held.asked);
                window.approach(0, 0);
            }
        }
        Ok(())
    }
}
