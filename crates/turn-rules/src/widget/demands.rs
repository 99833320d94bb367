//! What the rules demand: the messages to the client, and what the machine tells its driver.

use super::{
    Known, Negotiation, Response, Rules, Update, Watch,
    rule::{Because, Rule},
    wire::{self, Spelling, VERSION},
    words::{Addition, Message, Millis, Name, News, Request, Seen, ToWidget},
};

impl Rules {
    /// W8: the message that waits for the client, a response first.
    fn due(&self) -> (Rule, Option<Message>) {
        if let Some(Response { request, answer, because: Because(rule) }) = self.responses.front() {
            return (*rule, Some(Message::Response(*request, *answer)));
        }
        let (rule, update) = self.due_update();
        (rule, update.map(Message::Update))
    }

    fn due_update(&self) -> (Rule, Option<Option<Name>>) {
        let Because(why) = self.why;
        if !matches!(self.watch, Watch::Watching) {
            return (why, None);
        }
        let name = match self.known {
            Known::Newest(News::Credentials(name, _)) => Some(name),
            Known::Newest(_) if self.empty_when_unavailable => None,
            Known::Newest(_) => return (Rule::W13, None),
            Known::Nothing | Known::Expired => return (Rule::W11, None),
        };
        let is_known = self.last.is_some_and(|last| last.name == name && !last.is_overdue);
        match (self.in_flight, self.last) {
            (Some(_), _) => (Rule::W11, None),
            _ if is_known => (if why == Rule::W9 { why } else { Rule::W11 }, None),
            (None, None) if why == Rule::W14 => (why, Some(name)),
            _ if name.is_none() => (Rule::W13, Some(name)),
            _ => (Rule::W11, Some(name)),
        }
    }

    /// Checks the message that the client received when it asked for one, and takes note of it. Returns
    /// the request id of an update.
    ///
    /// # Errors
    ///
    /// The rule that demands another message.
    pub fn client_receives(
        &mut self,
        received: Option<&str>,
        spelling: &impl Spelling,
    ) -> Result<Option<String>, String> {
        let (rule, due) = self.due();
        self.no_effect = Because(None);
        if let (Some(Message::Update(Some(_))), Known::Newest(News::Credentials(_, Some(0)))) =
            (due, self.known)
        {
            self.known = Known::Expired;
            Rule::W11.demands("the message after the expiry", None, received)?;
            return Ok(None);
        }
        let (due, text) = match (due, received) {
            (None, None) => return Ok(None),
            (None, Some(text)) => {
                // Each request has its response already, so W19 dropped that one.
                let rule = if wire::is_update(text) { rule } else { Rule::W19 };
                return Err(rule.broken(format_args!("the client receives {text}")));
            }
            (Some(due), None) => return Err(rule.broken(format_args!("{due:?} is missing"))),
            (Some(due), Some(text)) => (due, text),
        };
        let id = wire::check(rule, due, text, spelling)?;
        match due {
            Message::Response(..) => _ = self.responses.pop_front(),
            Message::Update(name) => {
                let is_repeated = self.last.is_some_and(|last| last.name == name);
                self.last = Some(Update { name, is_repeated, is_overdue: false });
                self.in_flight = Some(10_000);
            }
        }
        Ok(id)
    }

    /// Checks what the machine tells its driver after an event.
    ///
    /// # Errors
    ///
    /// The broken rule.
    pub fn check(&self, seen: Seen) -> Result<(), String> {
        let rule = |rule| self.no_effect.0.unwrap_or(rule);
        let is_turn_requested =
            matches!(self.negotiation, Negotiation::Requested(r) if !r.is_empty());
        rule(Rule::W3).demands("is TURN requested", is_turn_requested, seen.is_turn_requested)?;
        self.check_subscription(seen.wants_credentials)?;
        let wants_state = matches!(self.known, Known::Expired);
        rule(Rule::W11).demands("is the state wanted", wants_state, seen.wants_state)?;
        let (why, timeout) = self.timeout();
        rule(why).demands("the timeout", timeout, seen.timeout)?;
        let (why, due) = self.due();
        rule(why).demands("is there a message", due.is_some(), seen.has_message)
    }

    /// Checks whether the driver is subscribed to the service.
    ///
    /// # Errors
    ///
    /// The broken rule.
    pub fn check_subscription(&self, is_subscribed: bool) -> Result<(), String> {
        let rule = self.no_effect.0.unwrap_or(self.why.0);
        rule.demands("is there a subscription", self.wants_credentials(), is_subscribed)
    }

    /// Whether the driver is to be subscribed to the service.
    pub fn wants_credentials(&self) -> bool {
        !matches!(self.watch, Watch::Idle)
    }

    /// Whether the driver is to fetch the current state.
    pub fn wants_state(&self) -> bool {
        matches!(self.known, Known::Expired)
    }

    /// The time until the driver is to look again.
    pub fn timeout(&self) -> (Rule, Option<Millis>) {
        let watch = match self.watch {
            Watch::Expected(left) => Some((Rule::W21, left)),
            Watch::Pending(_, left) => Some((Rule::W7, left)),
            Watch::Idle | Watch::Watching => None,
        };
        let in_flight = self.in_flight.map(|left| (Rule::W11, left));
        match watch.into_iter().chain(in_flight).min_by_key(|(_, left)| *left) {
            Some((rule, left)) => (rule, Some(left)),
            None => (Rule::W11, None),
        }
    }

    /// Whether a message waits for the client.
    pub fn has_message(&self) -> bool {
        self.due().1.is_some()
    }

    /// W2, W5: what the lists in a message to the widget gain.
    pub fn additions(&self, message: ToWidget) -> (Rule, Vec<Addition>) {
        match (message, self.negotiation) {
            (ToWidget::SupportedApiVersions, _) => {
                (Rule::W2, vec![Addition { list: "supported_versions", items: vec![VERSION] }])
            }
            (ToWidget::NotifyCapabilities, Negotiation::Decided { requested, is_granted }) => {
                let requested = requested.names();
                let approved = if is_granted { requested.clone() } else { Vec::new() };
                let lists = [("requested", requested), ("approved", approved)];
                (Rule::W5, lists.map(|(list, items)| Addition { list, items }).to_vec())
            }
            (ToWidget::NotifyCapabilities, _) => (Rule::W5, Vec::new()),
            (ToWidget::Capabilities | ToWidget::Other, _) => (Rule::W1, Vec::new()),
        }
    }

    /// Requests whose responses the client has not received.
    pub fn unanswered(&self) -> impl Iterator<Item = Request> {
        let pending = match &self.watch {
            Watch::Pending(requests, _) => &**requests,
            Watch::Idle | Watch::Expected(_) | Watch::Watching => &[],
        };
        pending.iter().copied().chain(self.responses.iter().map(|response| response.request))
    }

    /// Whether the newest state is credentials whose expiry is known.
    pub fn knows_expiry(&self) -> bool {
        matches!(self.known, Known::Newest(News::Credentials(_, Some(_))))
    }
}
