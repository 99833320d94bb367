//! What MSC3846 and the rules W3 to W20 ask of the machine, once more and as plainly as can be: a
//! model for tests to compare it with. It shares no code with the machine.

mod questions;
mod updates;
mod words;

use std::collections::VecDeque;

pub(crate) use self::words::{Answer, Message, Millis, News, Request};
use self::{updates::Updates, words::Negotiation};

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Model {
    empty_when_unavailable: bool,
    negotiation: Negotiation,
    has_new_page: bool,
    service: Service,
    /// The requests to watch that wait for the first outcome, and for how long they still do.
    pending: (Vec<Request>, Millis),
    watches: bool,
    updates: Updates,
    responses: VecDeque<Message>,
}

/// What the driver knows of the service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Service {
    news: Option<News>,
    /// What was known has expired.
    wants_news: bool,
    is_subscribed: bool,
}

impl Model {
    pub(crate) fn new(empty_when_unavailable: bool) -> Self {
        Self { empty_when_unavailable, ..Self::default() }
    }

    /// W3: the SDK asks which capabilities the widget requests.
    pub(crate) fn sdk_asks(&mut self) {
        self.negotiation = Negotiation::Asked;
    }

    /// W3: the widget's answer counts if it is one to the SDK's request, and the first.
    pub(crate) fn widget_requests(&mut self, turn: bool) {
        if self.negotiation == Negotiation::Asked {
            self.negotiation = Negotiation::Answered { turn };
        }
    }

    /// W4, W15, W18: nothing is granted that was not requested; a widget that loses TURN is stopped.
    pub(crate) fn provider_decides(&mut self, grants: bool) {
        if let Negotiation::Answered { turn } = self.negotiation {
            self.negotiation = Negotiation::Decided { turn, granted: turn && grants };
            if !(turn && grants) {
                self.stop();
            }
        }
    }

    /// W14: what the page was told, an earlier one was told.
    pub(crate) fn page_loads(&mut self) {
        self.has_new_page = true;
    }

    /// W6, W19: a request that is served only to who may, and only as long as there is room for the
    /// response.
    fn may(&mut self, request: Request) -> bool {
        let refusal = match self.negotiation {
            _ if self.responses.len() >= 64 => return false,
            Negotiation::Decided { granted: true, .. } => return true,
            Negotiation::Decided { .. } => Answer::NotAllowed,
            _ => Answer::NotNegotiated,
        };
        self.respond(request, refusal);
        false
    }

    /// W7, W9, W14, W19: `watch_turn_servers`.
    pub(crate) fn watch(&mut self, request: Request) {
        if !self.may(request) {
            return;
        }
        if self.has_new_page {
            (self.has_new_page, self.updates) = (false, Updates::default());
        }
        if self.watches {
            return self.respond(request, Answer::Success);
        }
        match self.pending.0.len() {
            0 => self.pending = (vec![request], 8_000),
            1..15 => self.pending.0.push(request),
            _ => self.respond(request, Answer::TooMany),
        }
        self.answer_if_known();
    }

    /// W10: `unwatch_turn_servers`.
    pub(crate) fn unwatch(&mut self, request: Request) {
        if self.may(request) {
            self.stop();
            self.respond(request, Answer::Success);
        }
    }

    /// W11: the widget acknowledges the last update, or another.
    pub(crate) fn acknowledge(&mut self, is_the_last: bool) {
        if is_the_last {
            self.updates.in_flight = None;
        }
    }

    /// W7: the service says what there is to use.
    pub(crate) fn learn(&mut self, news: News) {
        (self.service.news, self.service.wants_news) = (Some(news), false);
        self.answer_if_known();
    }

    /// S12: the credentials hold longer than was said. Returns whether there are any whose life is
    /// known.
    pub(crate) fn extend(&mut self, valid_for: Millis) -> bool {
        let Some(News::Credentials(_, Some(left))) = &mut self.service.news else { return false };
        *left = valid_for;
        true
    }

    /// W7, W11: whoever drives the machine looks at the time, and subscribes as is needed.
    pub(crate) fn driver_looks(&mut self) {
        if self.pending.1 == 0 {
            self.answer_pending(Answer::Success);
        }
        self.updates.look_at_the_time();
        if self.service.is_subscribed && !self.wants_credentials() {
            self.forget_news();
        }
        self.service.is_subscribed = self.wants_credentials();
    }

    /// W8, W11, W13: what the widget receives next. Responses come first.
    pub(crate) fn receive(&mut self) -> Option<Message> {
        if let Some(response) = self.responses.pop_front() {
            return Some(response);
        }
        let update = self.due_update()?;
        if self.has_expired() {
            (self.service.news, self.service.wants_news) = (None, true);
            return None;
        }
        self.updates.send(update);
        Some(Message::Update(update))
    }

    fn due_update(&self) -> Option<Option<u8>> {
        let update = match self.service.news? {
            News::Credentials(name, _) => Some(name),
            _ if self.empty_when_unavailable => None,
            _ => return None,
        };
        (self.watches && self.updates.is_due(update)).then_some(update)
    }

    /// W20: the handle or the driver is gone.
    pub(crate) fn close(&mut self) {
        self.stop();
        self.forget_news();
    }

    fn forget_news(&mut self) {
        (self.service.news, self.service.wants_news) = (None, false);
    }

    fn has_expired(&self) -> bool {
        matches!(self.service.news, Some(News::Credentials(_, Some(0))))
    }

    pub(crate) fn time_passes(&mut self, span: Millis) {
        let valid_for = match &mut self.service.news {
            Some(News::Credentials(_, valid_for)) => valid_for.as_mut(),
            _ => None,
        };
        for left in [Some(&mut self.pending.1), self.updates.in_flight.as_mut(), valid_for] {
            left.into_iter().for_each(|left| *left = left.saturating_sub(span));
        }
    }

    fn answer_if_known(&mut self) {
        match self.service.news {
            // That is no outcome.
            None | Some(News::Credentials(_, Some(0))) => {}
            Some(News::NoneForGood) => self.answer_pending(Answer::Unavailable),
            Some(_) => self.answer_pending(Answer::Success),
        }
    }

    /// Whoever is told that it succeeded watches from now on.
    fn answer_pending(&mut self, answer: Answer) {
        if self.pending.0.is_empty() {
            return;
        }
        for request in std::mem::take(&mut self.pending).0 {
            self.respond(request, answer);
        }
        self.watches = answer == Answer::Success;
        self.updates.forget();
    }

    fn stop(&mut self) {
        self.answer_pending(Answer::Success);
        self.watches = false;
        self.updates.forget();
    }

    fn respond(&mut self, request: Request, answer: Answer) {
        self.responses.push_back(Message::Response(request, answer));
    }
}
