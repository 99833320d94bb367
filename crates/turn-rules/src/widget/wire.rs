//! How the messages are written.

use serde_json::{Value, json};

use super::{Action, Answer, Message, Name, Request, Rule};

/// The version of the widget API that has MSC3846.
pub const VERSION: &str = "town.robin.msc3846";

/// What the rules do not know of the messages: their spelling.
pub trait Spelling {
    /// The id of the widget.
    fn widget_id(&self) -> &str;
    /// The request as the widget wrote it.
    fn request(&self, request: Request) -> String;
    /// The URIs, the username and the password of the credentials.
    fn credentials(&self, name: Name) -> (Vec<String>, String, String);
}

impl Action {
    /// The action's name in a message.
    pub fn name(self) -> &'static str {
        match self {
            Self::Watch => "watch_turn_servers",
            Self::Unwatch => "unwatch_turn_servers",
        }
    }
}

/// A request as matrix-widget-api and the SDK write it.
pub fn request(api: &str, widget_id: &str, id: &str, action: &str, data: &str) -> String {
    format!(
        r#"{{"api":"{api}","widgetId":"{widget_id}","requestId":"{id}","action":"{action}","data":{data}}}"#
    )
}

/// W17: a request with its response.
///
/// # Panics
///
/// If the request is not an object.
pub fn respond(request: &str, response: &str) -> String {
    [open(request).expect("a request is an object"), RESPONSE, response, "}"].concat()
}

const RESPONSE: &str = ",\"response\":";

/// A request up to where its response is added.
fn open(request: &str) -> Option<&str> {
    request.trim_end().strip_suffix('}')
}

impl Answer {
    /// W6, W7, W19: the text of the response.
    fn text(self) -> String {
        let message = match self {
            Self::Success => return "{}".to_owned(),
            Self::NotNegotiated => {
                "Received TURN servers request before capabilities were negotiated"
            }
            Self::NotAllowed => {
                "Not allowed: missing the town.robin.msc3846.turn_servers capability."
            }
            Self::Unavailable => {
                "the homeserver offers no TURN server: its administrator has to configure one"
            }
            Self::TooMany => "Too many TURN servers requests are not answered yet",
        };
        format!(r#"{{"error":{{"message":"{message}"}}}}"#)
    }
}

/// Fails if `text` is not `message`, which `rule` demands. Returns the request id of an update.
pub(super) fn check(
    rule: Rule,
    message: Message,
    text: &str,
    spelling: &impl Spelling,
) -> Result<Option<String>, String> {
    match message {
        Message::Response(request, answer) => {
            check_response(rule, &spelling.request(request), answer, text).map(|()| None)
        }
        Message::Update(name) => check_update(rule, name, text, spelling).map(Some),
    }
}

/// W17: the response to the byte.
fn check_response(rule: Rule, request: &str, answer: Answer, text: &str) -> Result<(), String> {
    let response = open(request).and_then(|open| {
        let added = text.strip_prefix(open)?.strip_prefix(RESPONSE)?;
        added.strip_suffix('}')
    });
    let Some(response) = response else {
        let rule = if is_update(text) { Rule::W8 } else { Rule::W17 };
        return Err(rule.broken(format_args!("{text} comes instead of a response to {request}")));
    };
    rule.demands(format_args!("the response to {request}"), &*answer.text(), response)
}

pub(super) fn is_update(text: &str) -> bool {
    let read: Option<Value> = serde_json::from_str(text).ok();
    read.is_some_and(|message| message["action"] == "update_turn_servers")
}

/// W12: the update to the byte.
fn check_update(
    rule: Rule,
    name: Option<Name>,
    text: &str,
    spelling: &impl Spelling,
) -> Result<String, String> {
    if !is_update(text) {
        return Err(rule.broken(format_args!("{text} comes instead of an update")));
    }
    let read: Value = serde_json::from_str(text).unwrap_or_default();
    let id = read["requestId"].as_str().unwrap_or_default();
    let update = |uris: &Value, username: &Value, password: &Value| {
        let data = format!(r#"{{"uris":{uris},"username":{username},"password":{password}}}"#);
        request("toWidget", spelling.widget_id(), id, "update_turn_servers", &data)
    };
    let data = &read["data"];
    let with_its_data = update(&data["uris"], &data["username"], &data["password"]);
    Rule::W12.demands("the update", &*with_its_data, text)?;
    let (uris, username, password) =
        name.map(|name| spelling.credentials(name)).unwrap_or_default();
    rule.demands("the update", &*update(&json!(uris), &json!(username), &json!(password)), text)?;
    Ok(id.to_owned())
}
