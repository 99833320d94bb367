//! What MSC3846 and the rules W3 to W20 ask of the machine, once more and on a page: a model for
//! tests to compare it with. It shares no code with the machine. It has events where the machine has
//! messages: how those are written, the tests know.

mod questions;
mod words;

use std::{collections::VecDeque, mem};

pub(crate) use self::words::{Answer, Event, Message, Millis, News, Request};
use self::words::{
    Answer::*, Event::*, Known, Known::*, Negotiation, Negotiation::*, News::*, Told, Watch,
    Watch::*,
};

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Model {
    empty_when_unavailable: bool,
    negotiation: Negotiation,
    has_new_page: bool,
    known: Known,
    watch: Watch,
    told: Option<Told>,
    /// For how long the acknowledgement of the last update is still waited for.
    in_flight: Option<Millis>,
    responses: VecDeque<Message>,
}

impl Model {
    pub(crate) fn new(empty_when_unavailable: bool) -> Self {
        Self { empty_when_unavailable, ..Self::default() }
    }

    pub(crate) fn on(&mut self, event: Event) {
        match (event, self.negotiation) {
            // W3: of the responses to what the SDK asks, the first one counts.
            (SdkAsks, _) => self.negotiation = Asked,
            (WidgetRequests { turn }, Asked) => self.negotiation = Answered { turn },
            // W4, W15, W18: granted if it was requested and the provider grants it. Else watching stops.
            (ProviderDecides { grants }, Answered { turn }) => {
                self.negotiation = Decided { turn, granted: turn && grants };
                match (turn && grants, &self.watch) {
                    // W21: the widget is about to watch.
                    (true, No | Expected(_)) => self.set_watch(Expected(10_000), Success),
                    (true, Pending(..) | Yes) => {}
                    (false, _) => self.set_watch(No, Success),
                }
            }
            (WidgetRequests { .. } | ProviderDecides { .. }, _) => {}
            // W6, W19: a request is served if TURN was granted, and there is room for a response.
            (Sends(_), _) if self.responses.len() >= 64 => {}
            (Sends(request), Decided { granted: true, .. }) => self.serve(request),
            (Sends(request), Decided { .. }) => self.respond(request, NotAllowed),
            (Sends(request), _) => self.respond(request, NotNegotiated),
            // W14: what was told so far was told to an earlier page.
            (PageLoads, _) => self.has_new_page = true,
            // W11.
            (Acknowledges, _) => self.in_flight = None,
            (ServiceSays(news), _) => {
                self.known = Newest(news);
                self.settle();
            }
            (Unsubscribed, _) => self.known = Nothing,
            (DriverLooks, _) => self.look_at_the_time(),
            // W20: the handle or the driver is gone.
            (Closes, _) => {
                self.set_watch(No, Success);
                self.known = Nothing;
            }
        }
    }

    /// W9, W10, W14.
    fn serve(&mut self, request: Request) {
        if !request.is_watch {
            self.set_watch(No, Success);
            return self.respond(request, Success);
        }
        if mem::take(&mut self.has_new_page) {
            (self.told, self.in_flight) = (None, None);
        }
        match &mut self.watch {
            No | Expected(_) => self.watch = Pending(vec![request], 8_000),
            Pending(requests, _) if requests.len() < 15 => requests.push(request),
            Pending(..) => self.respond(request, TooMany),
            Yes => self.respond(request, Success),
        }
        self.settle();
    }

    /// W7: pending requests are answered with the first outcome. Credentials that have expired are none.
    fn settle(&mut self) {
        match (&self.watch, self.known) {
            (Pending(..), Newest(Credentials(_, Some(0)))) => {}
            (Pending(..), Newest(NoneForGood)) => self.set_watch(No, Unavailable),
            (Pending(..), Newest(_)) => self.set_watch(Yes, Success),
            _ => {}
        }
    }

    /// W7, W11, W21: the 8 s for an outcome are over, the 10 s for an acknowledgement, or for a watch.
    fn look_at_the_time(&mut self) {
        match self.watch {
            Pending(_, 0) => self.set_watch(Yes, Success),
            Expected(0) => self.set_watch(No, Success),
            _ => {}
        }
        if self.in_flight == Some(0) {
            self.in_flight = None;
            self.told.iter_mut().for_each(|told| told.is_overdue = !told.is_repeated);
        }
    }

    /// Requests that are pending get this answer.
    fn set_watch(&mut self, watch: Watch, answer: Answer) {
        self.told = None;
        if let Pending(requests, _) = mem::replace(&mut self.watch, watch) {
            requests.into_iter().for_each(|request| self.respond(request, answer));
        }
    }

    fn respond(&mut self, request: Request, answer: Answer) {
        self.responses.push_back(Message::Response(request, answer));
    }

    /// W8, W11: what the client receives next. If it has expired, the service is asked for what there
    /// is now.
    pub(crate) fn receive(&mut self) -> Option<Message> {
        if let Some(response) = self.responses.pop_front() {
            return Some(response);
        }
        let update = self.due_update()?;
        if let Newest(Credentials(_, Some(0))) = self.known {
            self.known = HasExpired;
            return None;
        }
        let is_repeated = self.told.is_some_and(|told| told.update == update);
        self.told = Some(Told { update, is_repeated, is_overdue: false });
        self.in_flight = Some(10_000);
        Some(Message::Update(update))
    }

    /// W11, W13: one at a time, and the same a second time only if it was not acknowledged.
    fn due_update(&self) -> Option<Option<u8>> {
        let update = match self.known {
            Newest(Credentials(name, _)) => Some(name),
            Newest(_) if self.empty_when_unavailable => None,
            _ => return None,
        };
        let is_news = self.told.is_none_or(|told| told.update != update || told.is_overdue);
        (self.watch == Yes && self.in_flight.is_none() && is_news).then_some(update)
    }
}
