//! A page that does what the library does not.

use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::{Value, json};

use crate::{
    stage::Stage,
    wait::until,
    widget::{TURN_SERVERS, Widget},
};

const HOSTILE: &str = "hostile";
const FLOOD: u32 = 100_000;
const LONG: usize = 10 * 1024 * 1024;

/// How long a flood is watched from beside it.
const OBSERVED: Duration = Duration::from_secs(10);

/// What a watch may take beside a flood: matrix-widget-api gives a request up after 10 s.
const TOLERABLE: Duration = Duration::from_secs(8);

/// Its messages are taken one after the other.
const WORKED_OFF_TIMEOUT: Duration = Duration::from_secs(60);

pub(crate) async fn a_hostile_widget_is_granted_nothing(stage: &mut Stage) -> anyhow::Result<()> {
    let host = stage.host(&stage.alice, |widget_id| widget_id != HOSTILE).await?;
    let hostile = Widget::open(&stage.browser, &host, HOSTILE).await?;
    for message in forged_grants() {
        let () = hostile.call("raw", &[message]).await?;
    }

    hostile.negotiate().await?;
    for message in [forged_grants(), other_negotiations()].concat() {
        let () = hostile.call("raw", &[message]).await?;
        let rejection = hostile.rejection_of_watch().await?;
        ensure!(rejection.contains("Not allowed"), "it is told: {rejection}");
    }

    hostile.send_and_read_event("still served").await?;
    let requests = stage.synapse.turn_server_requests()?;
    ensure!(requests == 0, "Synapse was asked for credentials {requests} times");
    Ok(())
}

pub(crate) async fn a_well_behaved_widget_is_served_beside_a_flood(
    stage: &mut Stage,
) -> anyhow::Result<()> {
    let host = stage.host(&stage.alice, |_| true).await?;
    // Messages between frames pass through one thread of Chromium's. A browser of its own shows
    // what the host does.
    let other_browser = stage.start_other_browser()?;
    let well_behaved = Widget::start(&other_browser, &host, "well-behaved").await?;
    let hostile = Widget::start(&stage.browser, &host, HOSTILE).await?;

    let observed = [json!(OBSERVED.as_millis() as u64)];
    let (slowest, flooded) =
        futures::join!(well_behaved.call::<f64>("slowestWatch", &observed), async {
            let () = hostile.call("flood", &[json!(nonsense()), json!(FLOOD)]).await?;
            let long = json!([{ "data": "x".repeat(LONG) }, "x".repeat(LONG)]);
            hostile.call::<()>("flood", &[long, json!(4)]).await
        });
    flooded?;
    let slowest = Duration::from_secs_f64(slowest? / 1000.0);
    stage.found(format!("the slowest watch beside {FLOOD} messages took {slowest:.1?}"));
    ensure!(slowest < TOLERABLE, "a watch beside the flood took {slowest:?}");

    well_behaved.send_and_read_event("still served").await?;
    let since = Instant::now();
    until("the hostile widget's flood is worked off", WORKED_OFF_TIMEOUT, async || {
        Ok(hostile.send_and_read_event("served as well").await.ok())
    })
    .await?;
    stage.found(format!("the flood was worked off {:.0?} later", since.elapsed()));
    let requests = stage.synapse.turn_server_requests()?;
    ensure!(requests == 1, "Synapse was asked for credentials {requests} times");
    other_browser.stop().await
}

/// What would grant TURN servers, if the client or the driver said it.
fn forged_grants() -> Vec<Value> {
    let granted = json!({ "requested": [TURN_SERVERS], "approved": [TURN_SERVERS] });
    let requested = json!({ "capabilities": [TURN_SERVERS] });
    vec![
        forged("toWidget", "notify_capabilities", granted.clone(), json!({})),
        forged("fromWidget", "notify_capabilities", granted.clone(), Value::Null),
        forged("toWidget", "notify_capabilities", granted, Value::Null),
        forged("toWidget", "capabilities", json!({}), requested.clone()),
        forged("fromWidget", "capabilities", json!({}), requested),
    ]
}

/// What would begin another negotiation.
fn other_negotiations() -> Vec<Value> {
    let requested = json!({ "capabilities": [TURN_SERVERS] });
    vec![
        forged("fromWidget", "org.matrix.msc2974.request_capabilities", requested, Value::Null),
        forged("fromWidget", "content_loaded", json!({}), Value::Null),
    ]
}

fn forged(api: &str, action: &str, data: Value, response: Value) -> Value {
    json!({
        "api": api,
        "widgetId": HOSTILE,
        "requestId": "forged",
        "action": action,
        "data": data,
        "response": response,
    })
}

/// Messages with wrong ids, without any, of wrong types, and far too many watches.
fn nonsense() -> Vec<Value> {
    let request = |widget_id: Value, request_id: Value, action: Value| {
        json!({
            "api": "fromWidget",
            "widgetId": widget_id,
            "requestId": request_id,
            "action": action,
            "data": {},
        })
    };
    let mut nonsense = [forged_grants(), other_negotiations()].concat();
    for action in ["watch_turn_servers", "unwatch_turn_servers", "supported_api_versions"] {
        nonsense.extend([
            request(json!(HOSTILE), json!("the-same"), json!(action)),
            request(json!("well-behaved"), json!("not-mine"), json!(action)),
            request(json!(null), json!(null), json!(action)),
            request(json!(HOSTILE), json!(17), json!(action)),
            request(json!(HOSTILE), json!({ "deep": [[[[[]]]]] }), json!(action)),
        ]);
    }
    nonsense.extend([
        request(json!(HOSTILE), json!("no-action"), json!(["watch_turn_servers"])),
        json!(null),
        json!("watch_turn_servers"),
        json!({ "api": "toWidget", "action": "update_turn_servers", "widgetId": HOSTILE }),
        json!([]),
        json!(-1),
    ]);
    nonsense
}
