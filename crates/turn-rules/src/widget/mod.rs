//! The rules W1 to W21 of the widget machine.
//!
//! [`Rules`] is told each event in a widget's life, in order. It knows from them the one message that the
//! client may receive next, and what the machine tells its driver, and names the rule that
//! demands it. It shares no code with the library. Time is counted down, so that states which go on in the
//! same way are equal.

mod demands;
mod rule;
#[cfg(test)]
mod tests;
mod wire;
mod words;

use std::{collections::VecDeque, mem};

use self::rule::Because;
pub use self::{
    rule::Rule,
    wire::{Spelling, VERSION, request, respond},
    words::{
        Action, Addition, Answer, Event, FromWidget, Identifiers, Message, Millis, Name, News,
        Request, Seen, To, ToWidget,
    },
};

/// W19.
const MOST_PENDING: usize = 15;
/// W19.
const MOST_WAITING: usize = 64;

/// What the rules know of a widget.
#[derive(Clone, Debug, Hash)]
pub struct Rules {
    empty_when_unavailable: bool,
    negotiation: Negotiation,
    has_new_page: bool,
    known: Known,
    watch: Watch,
    /// The rule that led to `watch`.
    why: Because,
    last: Option<Update>,
    /// The remaining time for the acknowledgement of the last update.
    in_flight: Option<Millis>,
    responses: VecDeque<Response>,
    /// The rule that leaves the last event without any effect.
    no_effect: Because<Option<Rule>>,
}

#[derive(Clone, Copy, Debug, Hash)]
enum Negotiation {
    None,
    Asked,
    Requested(Identifiers),
    Decided { requested: Identifiers, is_granted: bool },
}

/// The newest state that the driver passed on.
#[derive(Clone, Copy, Debug, Hash)]
enum Known {
    Nothing,
    Newest(News),
    /// The newest credentials have expired, and the driver is to fetch the current state.
    Expired,
}

#[derive(Clone, Debug, Hash)]
enum Watch {
    Idle,
    /// TURN is granted, and the widget has so much time to watch.
    Expected(Millis),
    /// Requests that wait for the first outcome, and how much longer.
    Pending(Vec<Request>, Millis),
    Watching,
}

/// The last update since the widget watches.
#[derive(Clone, Copy, Debug, Hash)]
struct Update {
    name: Option<Name>,
    is_repeated: bool,
    /// The widget did not acknowledge it, and it may be sent once more.
    is_overdue: bool,
}

#[derive(Clone, Debug, Hash)]
struct Response {
    request: Request,
    answer: Answer,
    because: Because,
}

impl Rules {
    /// The most messages that may wait for the client (W19).
    pub const MOST_HELD: usize = MOST_WAITING + MOST_PENDING + 1;

    /// A widget that has not loaded. `empty_when_unavailable`: W13's option.
    pub fn new(empty_when_unavailable: bool) -> Self {
        Self {
            empty_when_unavailable,
            negotiation: Negotiation::None,
            has_new_page: false,
            known: Known::Nothing,
            watch: Watch::Idle,
            why: Because(Rule::W6),
            last: None,
            in_flight: None,
            responses: VecDeque::new(),
            no_effect: Because(None),
        }
    }

    /// Takes note of an event.
    pub fn on(&mut self, event: Event) {
        self.no_effect = Because(None);
        match event {
            Event::WidgetSends(message) => self.on_message(message),
            Event::SdkSends(ToWidget::Capabilities) => self.negotiation = Negotiation::Asked,
            Event::SdkSends(_) => {}
            Event::ProviderDecides { grants } => self.on_decision(grants),
            Event::ServiceSays(news) => {
                self.known = Known::Newest(news);
                self.settle();
            }
            Event::ExpiryMoves(valid_for) => {
                if let Known::Newest(News::Credentials(_, left)) = &mut self.known {
                    *left = valid_for;
                }
            }
            Event::Unsubscribed => self.known = Known::Nothing,
            Event::DriverLooks => self.on_timeout(),
            Event::Closes => {
                self.stop(Rule::W20);
                self.known = Known::Nothing;
            }
            Event::TimePasses(span) => self.pass(span),
        }
    }

    fn on_message(&mut self, message: FromWidget) {
        match (message, self.negotiation) {
            (FromWidget::Request(request), _) => self.on_request(request),
            (FromWidget::Acknowledgement(To::Newest), _) => self.in_flight = None,
            (FromWidget::Acknowledgement(To::Another), _) => self.has_no_effect(Rule::W11),
            (FromWidget::PageLoaded, _) => {
                self.has_new_page = true;
                self.has_no_effect(Rule::W14);
            }
            (FromWidget::Capabilities(To::Newest, requested), Negotiation::Asked) => {
                self.negotiation = Negotiation::Requested(requested);
            }
            (FromWidget::Capabilities(..), Negotiation::Asked) => self.has_no_effect(Rule::W3),
            (FromWidget::Capabilities(..), _) => self.has_no_effect(Rule::W18),
            (FromWidget::OfAnotherWidget, _) => self.has_no_effect(Rule::W16),
            (FromWidget::Other, _) => self.has_no_effect(Rule::W1),
        }
    }

    fn has_no_effect(&mut self, rule: Rule) {
        self.no_effect = Because(Some(rule));
    }

    /// W4, W15, W21: a decision counts once, after the widget's answer.
    fn on_decision(&mut self, grants: bool) {
        let Negotiation::Requested(requested) = self.negotiation else {
            return self.has_no_effect(Rule::W4);
        };
        let is_granted = grants && !requested.is_empty();
        self.negotiation = Negotiation::Decided { requested, is_granted };
        match (&self.watch, is_granted) {
            (Watch::Idle | Watch::Expected(_), true) => {
                self.set_watch(Watch::Expected(10_000), Rule::W21);
            }
            (Watch::Pending(..) | Watch::Watching, true) => {}
            (Watch::Idle, false) => self.stop(Rule::W4),
            (_, false) => self.stop(Rule::W15),
        }
    }

    /// W6, W19: a request is served if TURN is granted and the response has room.
    fn on_request(&mut self, request: Request) {
        if self.responses.len() >= MOST_WAITING {
            return self.has_no_effect(Rule::W19);
        }
        match (self.negotiation, request.action) {
            (Negotiation::Decided { is_granted: true, .. }, Action::Watch) => self.watch(request),
            (Negotiation::Decided { is_granted: true, .. }, Action::Unwatch) => {
                self.stop(Rule::W10);
                self.respond(request, Answer::Success, Rule::W10);
            }
            (Negotiation::Decided { .. }, _) => self.respond(request, Answer::NotAllowed, Rule::W6),
            _ => self.respond(request, Answer::NotNegotiated, Rule::W6),
        }
    }

    fn watch(&mut self, request: Request) {
        let is_new_page = mem::take(&mut self.has_new_page);
        if is_new_page {
            (self.last, self.in_flight) = (None, None);
        }
        let again = if is_new_page { Rule::W14 } else { Rule::W9 };
        match &mut self.watch {
            Watch::Idle | Watch::Expected(_) => {
                self.set_watch(Watch::Pending(vec![request], 8_000), Rule::W7);
            }
            Watch::Pending(requests, _) if requests.len() < MOST_PENDING => {
                requests.push(request);
                self.why = Because(Rule::W9);
            }
            Watch::Pending(..) => self.respond(request, Answer::TooMany, Rule::W19),
            Watch::Watching => {
                self.why = Because(again);
                self.respond(request, Answer::Success, again);
            }
        }
        self.settle();
    }

    /// W7: the first outcome answers all pending requests. Expired credentials are none.
    fn settle(&mut self) {
        let Known::Newest(news) = self.known else { return };
        let (answer, watch) = match news {
            News::Credentials(_, Some(0)) => return,
            News::NoneForGood => (Answer::Unavailable, Watch::Idle),
            News::Credentials(..) | News::NoneForNow => (Answer::Success, Watch::Watching),
        };
        self.answer(answer, watch, Rule::W7);
    }

    /// W7, W11, W21: no outcome within 8 s, no acknowledgement within 10 s, or no watch within 10 s.
    fn on_timeout(&mut self) {
        match self.watch {
            Watch::Pending(_, 0) => self.answer(Answer::Success, Watch::Watching, Rule::W7),
            Watch::Expected(0) => self.stop(Rule::W21),
            _ => {}
        }
        if self.in_flight == Some(0) {
            self.in_flight = None;
            if let Some(last) = &mut self.last {
                last.is_overdue = !last.is_repeated;
            }
        }
    }

    /// Answers all pending requests.
    fn answer(&mut self, answer: Answer, then: Watch, rule: Rule) {
        if matches!(self.watch, Watch::Pending(..)) {
            let Watch::Pending(requests, _) = self.set_watch(then, rule) else { return };
            requests.into_iter().for_each(|request| self.respond(request, answer, rule));
        }
    }

    fn stop(&mut self, rule: Rule) {
        self.answer(Answer::Success, Watch::Idle, rule);
        self.set_watch(Watch::Idle, rule);
    }

    fn set_watch(&mut self, watch: Watch, rule: Rule) -> Watch {
        (self.last, self.why) = (None, Because(rule));
        mem::replace(&mut self.watch, watch)
    }

    fn respond(&mut self, request: Request, answer: Answer, rule: Rule) {
        self.responses.push_back(Response { request, answer, because: Because(rule) });
    }

    fn pass(&mut self, span: Millis) {
        let watch = match &mut self.watch {
            Watch::Expected(left) | Watch::Pending(_, left) => Some(left),
            Watch::Idle | Watch::Watching => None,
        };
        let life = match &mut self.known {
            Known::Newest(News::Credentials(_, left)) => left.as_mut(),
            _ => None,
        };
        for left in [watch, self.in_flight.as_mut(), life].into_iter().flatten() {
            *left = left.saturating_sub(span);
        }
    }
}
