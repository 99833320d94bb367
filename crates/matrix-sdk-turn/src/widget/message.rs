//! The widget API's envelope: what is ours in it, what is read, and what is added.

use std::borrow::Cow;

use memchr::{memchr, memrchr2};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::capability::API_VERSION;
use crate::{
    credentials::{TurnServer, longest_json},
    unavailable::{Unavailable, WidgetMatrixError},
};

/// The actions of the widget API that concern us: those of MSC3846, and those of the SDK's that the
/// machine follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Action {
    /// The SDK asks the widget which capabilities it requests.
    Capabilities,
    /// The widget's page has loaded.
    ContentLoaded,
    /// The SDK tells the widget which capabilities were requested and which were approved.
    NotifyCapabilities,
    /// The widget asks which versions of the widget API the client supports.
    SupportedApiVersions,
    /// The widget no longer wants credentials.
    UnwatchTurnServers,
    /// The widget is given credentials.
    UpdateTurnServers,
    /// The widget wants credentials from now on.
    WatchTurnServers,
}

impl Action {
    /// `None` for the name of an action that does not concern us.
    fn from_name(name: &[u8]) -> Option<Self> {
        match name {
            b"capabilities" => Some(Self::Capabilities),
            b"content_loaded" => Some(Self::ContentLoaded),
            b"notify_capabilities" => Some(Self::NotifyCapabilities),
            b"supported_api_versions" => Some(Self::SupportedApiVersions),
            b"unwatch_turn_servers" => Some(Self::UnwatchTurnServers),
            b"update_turn_servers" => Some(Self::UpdateTurnServers),
            b"watch_turn_servers" => Some(Self::WatchTurnServers),
            _ => None,
        }
    }
}

/// The fields that every message of the widget API has, and which tell whose it is.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Envelope<'m> {
    pub(crate) api: Api,
    #[serde(borrow)]
    pub(crate) widget_id: Cow<'m, str>,
    /// The examples of MSC3846 spell it `requestid`, and nothing needs it in a request: the
    /// response repeats whatever was there.
    #[serde(borrow, default, deserialize_with = "text")]
    pub(crate) request_id: Option<Cow<'m, str>>,
    #[serde(borrow)]
    action: Cow<'m, str>,
    #[serde(borrow, default, deserialize_with = "present")]
    pub(crate) data: Option<&'m RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    pub(crate) response: Option<&'m RawValue>,
}

/// Who sent the request that a message is, or responds to.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(try_from = "Name<'_>", rename_all = "camelCase")]
pub(crate) enum Api {
    FromWidget,
    ToWidget,
}

/// serde's own way takes `{"fromWidget":null}` for the name as well.
#[derive(Deserialize)]
struct Name<'m>(#[serde(borrow)] Cow<'m, str>);

impl TryFrom<Name<'_>> for Api {
    type Error = &'static str;

    fn try_from(Name(name): Name<'_>) -> Result<Self, &'static str> {
        match &*name {
            "fromWidget" => Ok(Self::FromWidget),
            "toWidget" => Ok(Self::ToWidget),
            _ => Err("neither fromWidget nor toWidget"),
        }
    }
}

/// `None` for what is no such object. serde takes an array for a struct.
pub(crate) fn parse_object<'m, T: Deserialize<'m>>(json: &'m str) -> Option<T> {
    let is_object = json.trim_start().starts_with('{');
    is_object.then(|| serde_json::from_str(json).ok()).flatten()
}

/// By itself, serde copies a text that is optional.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Cow<'de, str>>, D::Error> {
    #[derive(Deserialize)]
    struct Text<'m>(#[serde(borrow)] Cow<'m, str>);

    Ok(Option::deserialize(deserializer)?.map(|Text(text)| text))
}

/// `null` is a value too.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

impl<'m> Envelope<'m> {
    /// `None` for what is no message of the widget API.
    pub(crate) fn parse(message: &'m str) -> Option<Self> {
        parse_object(message)
    }

    /// `None` for an action that does not concern us.
    pub(crate) fn action(&self) -> Option<Action> {
        Action::from_name(self.action.as_bytes())
    }
}

/// The largest message that is looked at. Larger ones are not ours, except for `notify_capabilities`,
/// which has two entries for each capability that the widget requested. The SDK writes its `action`
/// right before its `data`; a large message in another field order is not looked at.
pub(crate) const MAX_BYTES: usize = 64 * 1024;

/// Whether a message may be one of these actions. For nearly every other message, the first bytes
/// show that it is not, and the rest is not looked at.
pub(crate) fn may_be_one_of(actions: &[Action], message: &str) -> bool {
    let is_large = message.len() > MAX_BYTES;
    match action_before_data(message.as_bytes()) {
        Some(name) => Action::from_name(name).is_some_and(|action| {
            actions.contains(&action) && (!is_large || action == Action::NotifyCapabilities)
        }),
        None => !is_large,
    }
}

/// The name under `action`, if an object under `data` follows it at once, as matrix-widget-api and
/// the SDK write it, and nothing before that is an object. A message with a second `action` is no
/// message of the widget API: serde takes no field twice.
fn action_before_data(message: &[u8]) -> Option<&[u8]> {
    let fields = message.strip_prefix(b"{")?;
    let (before, _) = fields.split_at_checked(memchr(b'{', fields)?)?;
    let action = before.strip_suffix(br#"","data":"#)?;
    let (key, name) = action.split_at_checked(memrchr2(b'"', b'\\', action)? + 1)?;
    // Of these quotation marks none is escaped: no backslash is before it.
    key.ends_with(br#","action":""#).then_some(name)
}

/// In messages from the widget: the actions of MSC3846, a page that has loaded, and the response to
/// `capabilities`.
pub(crate) const FROM_WIDGET: &[Action] = &[
    Action::WatchTurnServers,
    Action::UnwatchTurnServers,
    Action::UpdateTurnServers,
    Action::ContentLoaded,
    Action::Capabilities,
];

/// In messages to the widget: those that negotiate, and the response to `supported_api_versions`.
pub(crate) const TO_WIDGET: &[Action] =
    &[Action::Capabilities, Action::NotifyCapabilities, Action::SupportedApiVersions];

/// The capabilities in a widget's response to `capabilities`.
#[derive(Deserialize)]
pub(crate) struct CapabilitiesResponse<'m> {
    #[serde(borrow)]
    pub(crate) capabilities: Vec<Cow<'m, str>>,
}

/// The lists in `notify_capabilities`.
#[derive(Deserialize)]
pub(crate) struct NotifyCapabilities<'m> {
    #[serde(borrow)]
    pub(crate) requested: &'m RawValue,
    #[serde(borrow)]
    pub(crate) approved: &'m RawValue,
}

/// The list in the response to `supported_api_versions`.
#[derive(Deserialize)]
struct SupportedVersions<'m> {
    #[serde(borrow)]
    supported_versions: &'m RawValue,
}

/// Adds the version of the widget API that has MSC3846 to a response to `supported_api_versions`.
pub(crate) fn with_version_added(message: &str, response: &str) -> Option<String> {
    let versions: SupportedVersions<'_> = parse_object(response)?;
    append_to_arrays(message, vec![(versions.supported_versions, vec![API_VERSION])])
}

/// Adds strings to arrays within `message`, unless they are there already. Everything else stays
/// as it is to the byte.
///
/// The arrays must have been borrowed from `message`, and `added` must need no escaping.
pub(crate) fn append_to_arrays(
    message: &str,
    mut additions: Vec<(&RawValue, Vec<&str>)>,
) -> Option<String> {
    additions.sort_by_key(|(array, _)| array.get().as_ptr());

    let mut result = String::with_capacity(message.len() + 128);
    let mut copied = 0;
    for (array, added) in additions {
        let present: Vec<Cow<'_, str>> = serde_json::from_str(array.get()).ok()?;
        let start = (array.get().as_ptr() as usize).checked_sub(message.as_ptr() as usize)?;
        let before_bracket = start + array.get().len() - 1;

        result.push_str(message.get(copied..before_bracket)?);
        copied = before_bracket;
        let mut is_empty = present.is_empty();
        for item in added.into_iter().filter(|item| !present.iter().any(|p| p == item)) {
            let comma = if std::mem::take(&mut is_empty) { "" } else { "," };
            result.extend([comma, "\"", item, "\""]);
        }
    }
    result.push_str(&message[copied..]);
    Some(result)
}

/// The request, verbatim, with a `response` added. It must be a JSON object that has none.
fn respond(request: &str, response: &str) -> Option<String> {
    let open = request.trim_end().strip_suffix('}')?;
    Some([open, ",\"response\":", response, "}"].concat())
}

/// The response to a request that succeeded: nothing.
pub(crate) fn success_response(request: &str) -> Option<String> {
    respond(request, "{}")
}

#[derive(Serialize)]
struct ErrorResponse<'a> {
    error: Error<'a>,
}

#[derive(Serialize)]
struct Error<'a> {
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    matrix_api_error: Option<WidgetMatrixError<'a>>,
}

fn respond_error(request: &str, error: Error<'_>) -> Option<String> {
    respond(request, &serde_json::to_string(&ErrorResponse { error }).ok()?)
}

/// The response to a request that is refused.
pub(crate) fn error_response(request: &str, message: &str) -> Option<String> {
    respond_error(request, Error { message, matrix_api_error: None })
}

/// The response to a request that failed because there are no TURN servers.
pub(crate) fn unavailable_response(request: &str, why: &Unavailable) -> Option<String> {
    let matrix_api_error = why.widget_matrix_error();
    respond_error(request, Error { message: &why.to_string(), matrix_api_error })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a, D> {
    api: Api,
    widget_id: &'a str,
    request_id: &'a str,
    action: Action,
    data: D,
}

/// The `update_turn_servers` request; with an empty list of URIs for no credentials.
pub(crate) fn update_request(
    widget_id: &str,
    request_id: &str,
    server: Option<&TurnServer>,
) -> Option<String> {
    #[derive(Serialize)]
    struct Data<'a> {
        uris: &'a [String],
        username: &'a str,
        password: &'a str,
    }

    let data = Data {
        uris: server.map_or(&[], TurnServer::uris),
        username: server.map_or("", TurnServer::username),
        password: server.map_or("", TurnServer::password),
    };
    let (api, action) = (Api::ToWidget, Action::UpdateTurnServers);
    let mut message = Vec::with_capacity(update_capacity(widget_id, request_id, server));
    let request = Request { api, widget_id, request_id, action, data };
    serde_json::to_writer(&mut message, &request).ok()?;
    String::from_utf8(message).ok()
}

/// Enough for the update.
fn update_capacity(widget_id: &str, request_id: &str, server: Option<&TurnServer>) -> usize {
    const NAMES: usize = 128;

    let ids = longest_json(widget_id) + longest_json(request_id);
    NAMES + ids + server.map_or(0, TurnServer::longest_json)
}

#[derive(Serialize)]
struct Nothing {}

/// A request in the widget's name which the SDK always answers, and which has no effect.
pub(crate) fn harmless_request(widget_id: &str) -> Option<String> {
    let request_id = "supported_api_versions";
    let (api, action, data) = (Api::FromWidget, Action::SupportedApiVersions, Nothing {});
    serde_json::to_string(&Request { api, widget_id, request_id, action, data }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn versions(message: &str) -> String {
        let response = Envelope::parse(message).unwrap().response.unwrap();
        with_version_added(message, response.get()).unwrap()
    }

    #[test]
    fn w02_the_list_grows_and_the_rest_stays_to_the_byte() {
        let message = |list: &str| {
            format!(
                "{{ \"api\":\"fromWidget\",\"widgetId\":\"w\", \"x\" : [1.0e0, \"\\u00e9\"],\
                 \"requestId\":\"r\",\"action\":\"supported_api_versions\",\"data\":{{}},\
                 \"response\":{{\"supported_versions\":{list}  ,\"y\":null}} }}\n"
            )
        };
        assert_eq!(versions(&message("[]")), message("[\"town.robin.msc3846\"]"));
        assert_eq!(versions(&message("[ ]")), message("[ \"town.robin.msc3846\"]"));
        assert_eq!(versions(&message("[\"a\" ]")), message("[\"a\" ,\"town.robin.msc3846\"]"));
        assert_eq!(
            versions(&message("[\"t\\u006fwn.robin.msc3846\"]")),
            message("[\"t\\u006fwn.robin.msc3846\"]")
        );
    }

    #[test]
    fn nothing_is_missed_by_looking_at_the_action_before_the_data() {
        let may_be_ours = |message: &str| may_be_one_of(FROM_WIDGET, message);
        for ours in [
            r#"{"action":"watch_turn_servers"}"#,
            r#"{"api":"","action":"watch_turn_servers","data":{}}"#,
            r#"{"api":"","action":"watch_turn_servers","data":null}"#,
            " { \"widgetId\" :\t\"w\" , \n\"action\" : \"watch_turn_servers\" } ",
            r#"{"data":{"action":"send_event"},"action":"watch_turn_servers"}"#,
            r#"{"data":{"action":"send_event","data":{}},"action":"watch_turn_servers"}"#,
            r#"{"data":["action","send_event"],"action":"watch_turn_servers"}"#,
            r#"{"api":"","other":"send_event","data":{},"action":"watch_turn_servers"}"#,
            r#"{"x":1,"action":"watch_turn_servers"}"#,
            r#"{"widgetId":"\"action\":\"send_event\",\"data\":{","action":"watch_turn_servers"}"#,
            r#"{"api":"","x\"action":"send_event","data":{},"action":"watch_turn_servers"}"#,
            r#"{",\"action":"send_event","data":{},"action":"watch_turn_servers"}"#,
            r#"{"x":"","action":"send_event\",\"data":{}","action":"watch_turn_servers"}"#,
            r#"{"api":"","xaction":"send_event","data":{},"action":"watch_turn_servers"}"#,
            r#"{"widgetId":"{","action":"watch_turn_servers"}"#,
            r#"{"api":"","\u0061ction":"watch_turn_servers","data":{}}"#,
            r#"{"api":"","action":"watch_t\u0075rn_servers","data":{}}"#,
            r#"{"api":"","action":null,"data":{}}"#,
        ] {
            assert!(may_be_ours(ours), "{ours}");
        }
        for foreign in [
            r#"{"api":"","action":"send_event","data":{"x":"watch_turn_servers"}}"#,
            r#"{"api":"","action":"send_event","data":{"action":"watch_turn_servers"}}"#,
            r#"{"api":"","action":"watch_turn_servers_","data":{}}"#,
            r#"{"api":"","action":"watch","data":{}}"#,
            r#"{"api":"","action":"","data":{}}"#,
            r#"{"api":"\\\"","x":[1],"action":"send_event","data":{}}"#,
        ] {
            assert!(!may_be_ours(foreign), "{foreign}");
        }
        assert!(may_be_one_of(TO_WIDGET, r#"{"api":"","action":"notify_capabilities","data":{}}"#));
    }

    #[test]
    fn w19_what_is_larger_than_64_kib_is_not_looked_at() {
        let message = r#"{"action":"watch_turn_servers","data":{}}"#;
        let padded = |bytes: usize| format!("{message}{}", " ".repeat(bytes - message.len()));
        assert!(may_be_one_of(FROM_WIDGET, &padded(65_536)));
        assert!(!may_be_one_of(FROM_WIDGET, &padded(65_537)));
    }

    #[test]
    fn w05_notify_capabilities_is_looked_at_however_large_it_is() {
        let message = |action: &str| {
            let capabilities = "x".repeat(MAX_BYTES);
            format!(
                r#"{{"api":"toWidget","action":"{action}","data":{{"requested":["{capabilities}"]}}}}"#
            )
        };
        assert!(may_be_one_of(TO_WIDGET, &message("notify_capabilities")));
        assert!(!may_be_one_of(FROM_WIDGET, &message("notify_capabilities")));
        assert!(!may_be_one_of(TO_WIDGET, &message("capabilities")));
    }

    #[test]
    fn what_has_two_actions_is_no_message() {
        let action = r#""action":"watch_turn_servers""#;
        for other in [r#""action":"send_event""#, r#""\u0061ction":"send_event""#] {
            for actions in [[action, other], [other, action]].map(|both| both.join(",")) {
                let message = format!(r#"{{"api":"fromWidget","widgetId":"w",{actions}}}"#);
                assert!(Envelope::parse(&message).is_none(), "{message}");
            }
        }
    }

    #[test]
    fn w02_a_list_in_place_of_the_response_stays_as_it_is() {
        assert_eq!(with_version_added(r#"[["a"]]"#, r#"[["a"]]"#), None);
    }

    #[test]
    fn there_is_room_for_an_update_whatever_is_escaped_in_it() {
        for text in ["\u{1}".repeat(200), "a".repeat(200)] {
            let uris = vec!["turn:a".to_owned(), "turn:b".to_owned()];
            let server = TurnServer::new(uris, &*text, &*text);
            for server in [None, Some(&server)] {
                let update = update_request(&text, &text, server).unwrap();
                let capacity = update_capacity(&text, &text, server);
                assert_eq!(update.capacity(), capacity, "it did not grow");
                assert!(capacity < 7 * update.len());
            }
        }
    }

    #[test]
    fn f8_the_proposals_spelling_of_the_request_id_is_a_message_too() {
        let message = r#"{"api":"fromWidget","widgetId":"w","requestid":"r","action":"a"}"#;
        assert!(Envelope::parse(message).unwrap().request_id.is_none());
        assert_eq!(
            success_response(message).unwrap(),
            r#"{"api":"fromWidget","widgetId":"w","requestid":"r","action":"a","response":{}}"#
        );
    }

    #[test]
    fn w16_an_api_is_told_by_its_name_and_not_by_an_object() {
        let api = |api: &str| {
            let message = format!(r#"{{"api":{api},"widgetId":"w","action":"a"}}"#);
            Envelope::parse(&message).map(|envelope| envelope.api)
        };
        assert_eq!(api(r#""fromWidget""#), Some(Api::FromWidget));
        assert_eq!(api(r#""\u0074oWidget""#), Some(Api::ToWidget));
        assert_eq!(api(r#"{"fromWidget":null}"#), None);
        assert_eq!(api(r#""FromWidget""#), None);
    }

    #[test]
    fn an_action_is_told_by_its_name_however_it_is_written() {
        let action = |name: &str| {
            let message = format!(r#"{{"api":"toWidget","widgetId":"w","action":"{name}"}}"#);
            Envelope::parse(&message).unwrap().action()
        };
        for known in [FROM_WIDGET, TO_WIDGET].concat() {
            let name = serde_json::to_value(known).unwrap().as_str().unwrap().to_owned();
            assert_eq!(action(&name), Some(known));
            assert_eq!(action(&name.replace('a', "\\u0061")), Some(known));
        }
        assert_eq!(action("send_event"), None);
    }
}
