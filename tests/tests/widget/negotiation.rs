//! W2 to W6: what is requested, what is granted, and what the widget is told of it.

use matrix_sdk_turn::{
    CapabilitiesWithTurn, DenyTurnServers, TurnCapabilitiesProvider, async_trait,
};
use serde_json::{Value, json};
use tests::{
    log::Log,
    source::available,
    widget::{Hosted, PlainProvider, Provider, TURN},
};

use super::{NOT_ALLOWED, UNWATCH, WATCH};

const BEFORE_NEGOTIATION: &str =
    "Received TURN servers request before capabilities were negotiated";

fn strings(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|item| item.as_str().unwrap()).collect()
}

#[tokio::test]
async fn w02_the_supported_versions_gain_the_unstable_prefix_once() {
    let mut hosted = Hosted::start(Provider::Deny).await;
    let request = hosted.widget.request("supported_api_versions").await;
    let response = hosted.widget.receive().await;

    let versions = strings(&response["response"]["supported_versions"]);
    assert_eq!(versions.iter().filter(|v| **v == "town.robin.msc3846").count(), 1);
    assert!(versions.contains(&"0.0.2"), "the SDK's are still there: {versions:?}");
    assert_eq!(response["requestId"], request["requestId"]);
}

#[tokio::test]
async fn w03_either_identifier_requests_it_and_what_was_written_comes_back() {
    for written in [
        &["m.turn_servers"][..],
        &[TURN],
        &["io.element.requires_client", TURN, "m.turn_servers", "org.example.unknown"],
    ] {
        let mut hosted = Hosted::start(Provider::Grant).await;
        let notify = hosted.widget.negotiate(written).await;
        for list in ["requested", "approved"] {
            let mut list = strings(&notify["data"][list]);
            let mut expected: Vec<_> =
                written.iter().copied().filter(|c| *c != "org.example.unknown").collect();
            list.sort_unstable();
            expected.sort_unstable();
            assert_eq!(list, expected);
        }
        hosted.script.answer(available("granted"));
        hosted.widget.expect_response(WATCH, json!({})).await;
    }
}

#[tokio::test]
async fn w05_the_grant_is_told_to_a_widget_that_requests_450_capabilities() {
    let mut hosted = Hosted::start(Provider::Grant).await;
    let types = (0..450).map(|n| format!("org.matrix.msc2762.send.event:org.example.{n:0>40}"));
    let capabilities: Vec<String> = types.chain([TURN.to_owned()]).collect();
    let capabilities: Vec<&str> = capabilities.iter().map(String::as_str).collect();
    let notify = hosted.widget.negotiate(&capabilities).await;
    assert!(notify.to_string().len() > 64 * 1024);
    for list in ["requested", "approved"] {
        assert!(strings(&notify["data"][list]).contains(&TURN), "{list}");
    }
}

#[tokio::test]
async fn w04_it_is_denied_unless_the_provider_grants_it() {
    for deny in [true, false] {
        let mut hosted = match deny {
            true => Hosted::start(Provider::Deny).await,
            false => Hosted::start(DenyTurnServers(PlainProvider)).await,
        };
        let notify = hosted.widget.negotiate(&["io.element.requires_client", TURN]).await;
        assert_eq!(notify["data"]["approved"], json!(["io.element.requires_client"]));
        assert_eq!(notify["data"]["requested"], json!(["io.element.requires_client", TURN]));
        assert_eq!(hosted.widget.expect_error(WATCH).await, NOT_ALLOWED);
        assert_eq!(hosted.script.requests(), 0);
    }
}

#[tokio::test]
async fn w04_the_log_says_which_widget_was_decided_on() {
    let (log, _guard) = Log::record();
    let mut hosted = Hosted::start(Provider::Grant).await;
    hosted.widget.negotiate(&[TURN]).await;

    let lines = log.lines_with("decided on TURN for the widget");
    let [line] = &lines[..] else { panic!("{lines:?}") };
    for words in [
        "turn_widget_driver{room_id=!room:localhost widget_id=\"w1\"}",
        "the widget widget_id=\"w1\" granted=true",
    ] {
        assert!(line.contains(words), "{line}");
    }
}

#[tokio::test]
async fn w04_the_provider_is_asked_once_for_everything() {
    struct Recorder(tokio::sync::mpsc::UnboundedSender<CapabilitiesWithTurn>);

    #[async_trait]
    impl TurnCapabilitiesProvider for Recorder {
        async fn acquire_capabilities(
            &self,
            requested: CapabilitiesWithTurn,
        ) -> CapabilitiesWithTurn {
            self.0.send(requested.clone()).unwrap();
            requested
        }
    }

    let (tx, mut rx) = tokio::sync::mpsc::unbounded_channel();
    let mut hosted = Hosted::start(Recorder(tx)).await;
    hosted.widget.negotiate(&["io.element.requires_client", TURN]).await;

    let asked = rx.recv().await.unwrap();
    assert!(asked.turn_servers && asked.capabilities.requires_client);
    assert!(rx.try_recv().is_err(), "once");
}

#[tokio::test]
async fn w04_granting_what_was_not_requested_grants_nothing() {
    struct Generous;

    #[async_trait]
    impl TurnCapabilitiesProvider for Generous {
        async fn acquire_capabilities(
            &self,
            requested: CapabilitiesWithTurn,
        ) -> CapabilitiesWithTurn {
            assert!(!requested.turn_servers);
            CapabilitiesWithTurn::new(requested.capabilities, true)
        }
    }

    let mut hosted = Hosted::start(Generous).await;
    let notify = hosted.widget.negotiate(&["io.element.requires_client"]).await;
    assert_eq!(notify["data"]["approved"], json!(["io.element.requires_client"]));
    assert_eq!(hosted.widget.expect_error(WATCH).await, NOT_ALLOWED);
}

#[tokio::test]
async fn w05_the_rest_of_notify_capabilities_is_untouched() {
    let capabilities = ["org.matrix.msc2762.receive.event:org.example", TURN];
    let mut hosted = Hosted::start(Provider::Grant).await;
    let notify = hosted.widget.negotiate(&capabilities).await;

    let keys: Vec<_> = notify.as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["action", "api", "data", "requestId", "widgetId"]);
    let expected = json!({ "requested": capabilities, "approved": capabilities });
    assert_eq!(notify["data"], expected);
}

#[tokio::test]
async fn w06_before_negotiation_and_without_the_capability_it_is_an_error() {
    let mut hosted = Hosted::start(Provider::Grant).await;
    let widget = &mut hosted.widget;
    for action in [WATCH, UNWATCH] {
        assert_eq!(widget.expect_error(action).await, BEFORE_NEGOTIATION);
    }

    widget.negotiate(&["io.element.requires_client"]).await;
    for action in [WATCH, UNWATCH] {
        assert_eq!(widget.expect_error(action).await, NOT_ALLOWED);
    }
    assert_eq!(hosted.script.requests(), 0);
}
