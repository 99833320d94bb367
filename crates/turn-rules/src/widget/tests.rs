//! Each rule that messages can break, broken once: the error begins with the rule's name.

use super::{
    Action::{Unwatch, Watch},
    Event::{self, *},
    FromWidget::{Acknowledgement, Capabilities, OfAnotherWidget, Other, PageLoaded},
    *,
};

const TURN: Identifiers = Identifiers { unstable: true, stable: false };
const ASKED: Event = SdkSends(ToWidget::Capabilities);
const REQUESTED: Event = WidgetSends(Capabilities(To::Newest, TURN));
const GRANTED: [Event; 3] = [ASKED, REQUESTED, ProviderDecides { grants: true }];
const FIRST: Event = ServiceSays(News::Credentials(1, Some(60_000)));

struct Written;

impl Spelling for Written {
    fn widget_id(&self) -> &str {
        "w"
    }

    fn request(&self, Request { id, action }: Request) -> String {
        request("fromWidget", "w", &id.to_string(), action.name(), "{}")
    }

    fn credentials(&self, name: Name) -> (Vec<String>, String, String) {
        (vec!["turn:a".to_owned()], name.to_string(), "p".to_owned())
    }
}

fn sends(id: u32, action: Action) -> Event {
    WidgetSends(FromWidget::Request(Request { id, action }))
}

fn response(id: u32, action: Action, response: &str) -> String {
    respond(&Written.request(Request { id, action }), response)
}

fn update(name: Name) -> String {
    let data = format!(r#"{{"uris":["turn:a"],"username":"{name}","password":"p"}}"#);
    request("toWidget", "w", &format!("{VERSION}.{name}"), "update_turn_servers", &data)
}

fn after(events: impl IntoIterator<Item = Event>) -> Rules {
    let mut rules = Rules::new(false);
    events.into_iter().for_each(|event| rules.on(event));
    rules
}

/// Watches, and has received the response.
fn watching() -> Rules {
    let mut rules = after(GRANTED.into_iter().chain([sends(1, Watch), FIRST]));
    rules.client_receives(Some(&response(1, Watch, "{}")), &Written).unwrap();
    rules
}

fn breaks<T: std::fmt::Debug>(rule: &str, checked: Result<T, String>) {
    let error = checked.unwrap_err();
    assert!(error.starts_with(&format!("{rule}: ")), "{rule} is broken, and the error is {error}");
}

fn receives(mut rules: Rules, text: &str) -> Result<Option<String>, String> {
    rules.client_receives(Some(text), &Written)
}

/// The machine tells its driver something else.
fn tells(rules: &Rules, change: impl FnOnce(&mut Seen)) -> Result<(), String> {
    let mut seen = Seen {
        is_turn_requested: false,
        wants_credentials: rules.wants_credentials(),
        wants_state: rules.wants_state(),
        timeout: rules.timeout().1,
        has_message: rules.has_message(),
    };
    change(&mut seen);
    rules.check(seen)
}

#[test]
fn messages_that_break_a_rule() {
    let success = response(1, Watch, "{}");
    breaks("W1", Other.check_passed_on(false));
    breaks("W16", OfAnotherWidget.check_passed_on(false));
    breaks("W6", receives(after([sends(1, Watch)]), &success));
    let denied = [ASKED, REQUESTED, ProviderDecides { grants: false }, sends(1, Watch)];
    breaks("W6", receives(after(denied), &success));
    let pending = after(GRANTED.into_iter().chain([sends(1, Watch)]));
    breaks("W7", {
        let mut rules = pending.clone();
        rules.on(ServiceSays(News::NoneForGood));
        receives(rules, &success)
    });
    breaks("W8", {
        let mut rules = pending.clone();
        rules.on(FIRST);
        receives(rules, &update(1))
    });
    breaks("W17", {
        let mut rules = pending.clone();
        rules.on(FIRST);
        receives(rules, &success.replace("\"data\":", "\"data\": "))
    });
    breaks("W10", {
        let mut rules = watching();
        rules.on(sends(2, Unwatch));
        rules.client_receives(Some(&response(2, Unwatch, "{}")), &Written).unwrap();
        receives(rules, &update(1))
    });
    breaks("W11", receives(watching(), &update(2)));
    breaks("W12", receives(watching(), &update(1).replace("uris", "urls")));
    breaks("W13", {
        let mut rules = watching();
        rules.on(ServiceSays(News::NoneForNow));
        receives(rules, &update(1))
    });
    breaks("W20", {
        let mut rules = watching();
        rules.on(Closes);
        receives(rules, &update(1))
    });
    breaks("W19", receives(after([]), &success));
}

#[test]
fn what_the_driver_is_told_breaks_a_rule() {
    breaks("W3", tells(&after([ASKED]), |seen| seen.is_turn_requested = true));
    let forged = after([WidgetSends(Capabilities(To::Another, TURN))]);
    breaks("W18", tells(&forged, |seen| seen.is_turn_requested = true));
    let denied = after([ASKED, REQUESTED, ProviderDecides { grants: false }]);
    breaks("W4", tells(&denied, |seen| seen.wants_credentials = true));
    breaks("W21", tells(&after(GRANTED), |seen| seen.wants_credentials = false));
    let mut rules = watching();
    for event in [ASKED, REQUESTED, ProviderDecides { grants: false }] {
        rules.on(event);
    }
    breaks("W15", tells(&rules, |seen| seen.wants_credentials = true));

    let mut rules = watching();
    rules.client_receives(Some(&update(1)), &Written).unwrap();
    rules.on(WidgetSends(Acknowledgement(To::Newest)));
    rules.on(WidgetSends(PageLoaded));
    breaks("W14", tells(&rules, |seen| seen.has_message = true));
    let mut rules = after(GRANTED.into_iter().chain([sends(1, Watch), sends(2, Watch)]));
    breaks("W9", tells(&rules, |seen| seen.has_message = true));
    (3..=20).for_each(|id| rules.on(sends(id, Watch)));
    breaks("W19", tells(&rules, |seen| seen.has_message = false));
}

#[test]
fn w02_w05_lists_gain_the_version_and_what_was_granted() {
    let lists = |rules: &Rules, message| {
        let (rule, additions) = rules.additions(message);
        (rule, additions.into_iter().map(|addition| addition.items.len()).collect::<Vec<_>>())
    };
    assert_eq!(lists(&after([]), ToWidget::SupportedApiVersions), (Rule::W2, vec![1]));
    assert_eq!(lists(&after(GRANTED), ToWidget::NotifyCapabilities), (Rule::W5, vec![1, 1]));
    let denied = after([ASKED, REQUESTED, ProviderDecides { grants: false }]);
    assert_eq!(lists(&denied, ToWidget::NotifyCapabilities), (Rule::W5, vec![1, 0]));
}
