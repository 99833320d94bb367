//! A widget's side of the widget API, and the client that hosts it.

use std::time::Duration;

use matrix_sdk::{
    Room,
    widget::{Capabilities, CapabilitiesProvider, WidgetSettings},
};
use matrix_sdk_turn::{
    CapabilitiesWithTurn, TurnCapabilitiesProvider, TurnServerCapability, TurnService,
    TurnServiceBuilder, TurnWidgetDriverHandle, async_trait,
};
use serde_json::{Value, json};
use tokio::{task::JoinHandle, time::timeout};

use crate::{
    homeserver::Homeserver,
    source::{Script, scripted},
};

/// The id of the widget.
pub const WIDGET_ID: &str = "w1";

/// The capability, as implementations write it until the MSC is accepted.
pub const TURN: &str = "town.robin.msc3846.turn_servers";

/// Grants whatever is requested of the SDK's, and TURN or not.
#[derive(Clone, Copy, Debug)]
pub enum Provider {
    /// TURN if it is requested.
    Grant,
    /// No TURN.
    Deny,
}

#[async_trait]
impl TurnCapabilitiesProvider for Provider {
    async fn acquire_capabilities(&self, requested: CapabilitiesWithTurn) -> CapabilitiesWithTurn {
        CapabilitiesWithTurn::new(requested.capabilities, matches!(self, Self::Grant))
    }
}

/// A provider that knows nothing of TURN.
#[derive(Clone, Copy, Debug)]
pub struct PlainProvider;

impl CapabilitiesProvider for PlainProvider {
    async fn acquire_capabilities(&self, requested: Capabilities) -> Capabilities {
        requested
    }
}

/// The settings of the widget: it is ready when it says that its content has loaded.
pub fn settings() -> WidgetSettings {
    settings_with(true)
}

/// The settings of the widget, which may be ready before its content has loaded.
pub fn settings_with(init_on_content_load: bool) -> WidgetSettings {
    let url = "https://widget.example.org";
    WidgetSettings::new(WIDGET_ID.to_owned(), init_on_content_load, url).unwrap()
}

/// A request of the widget's, with nothing in its data.
pub fn request(id: &str, action: &str) -> Value {
    json!({
        "api": "fromWidget",
        "widgetId": WIDGET_ID,
        "requestId": id,
        "action": action,
        "data": {},
    })
}

/// A widget that a client hosts, with TURN.
#[derive(Debug)]
pub struct Widget {
    /// The handle of the driver that serves it.
    pub handle: TurnWidgetDriverHandle,
    /// The driver's task.
    pub driver: JoinHandle<Result<(), ()>>,
    requests: u64,
}

impl Widget {
    /// Starts a driver for it.
    pub fn start(
        capability: &TurnServerCapability,
        room: Room,
        provider: impl TurnCapabilitiesProvider,
    ) -> Self {
        Self::start_with(settings(), capability, room, provider)
    }

    /// The same, with other settings.
    pub fn start_with(
        settings: WidgetSettings,
        capability: &TurnServerCapability,
        room: Room,
        provider: impl TurnCapabilitiesProvider,
    ) -> Self {
        let (driver, handle) = capability.widget_driver(settings);
        let driver = tokio::spawn(driver.run(room, provider));
        Self { handle, driver, requests: 0 }
    }

    /// Sends a message as it is.
    pub async fn send(&self, message: impl ToString) {
        assert!(self.handle.send(message.to_string()).await, "the driver is running");
    }

    /// Sends a request, and returns it.
    pub async fn request(&mut self, action: &str) -> Value {
        self.requests += 1;
        let request = request(&format!("widget-{}", self.requests), action);
        self.send(&request).await;
        request
    }

    /// The next message.
    pub async fn receive(&self) -> Value {
        serde_json::from_str(&self.receive_raw().await).unwrap()
    }

    /// The next message, as it came. With the clock paused, waits a virtual minute for it.
    pub async fn receive_raw(&self) -> String {
        timeout(Duration::from_secs(60), self.handle.recv())
            .await
            .expect("a message comes")
            .expect("the driver is running")
    }

    /// Fails if a message comes within that time of the paused clock.
    pub async fn receives_nothing_for(&self, span: Duration) {
        if let Ok(message) = timeout(span, self.handle.recv()).await {
            panic!("received {message:?}");
        }
    }

    /// Sends a request, and expects it back with this response as the next message.
    pub async fn expect_response(&mut self, action: &str, response: Value) {
        let mut expected = self.request(action).await;
        expected["response"] = response;
        assert_eq!(self.receive().await, expected);
    }

    /// Sends a request, and returns the error message it is answered with.
    pub async fn expect_error(&mut self, action: &str) -> String {
        let mut expected = self.request(action).await;
        let received = self.receive().await;
        expected["response"] = received["response"].clone();
        assert_eq!(received, expected);
        received["response"]["error"]["message"].as_str().unwrap().to_owned()
    }

    /// Receives a `toWidget` request with this action.
    pub async fn expect_request(&self, action: &str) -> Value {
        let request = self.receive().await;
        assert_eq!(request["api"], "toWidget", "{request}");
        assert_eq!(request["action"], action, "{request}");
        assert_eq!(request["widgetId"], WIDGET_ID);
        request
    }

    /// Responds to a `toWidget` request.
    pub async fn respond(&self, mut request: Value, response: Value) {
        request["response"] = response;
        self.send(request).await;
    }

    /// Receives an update, and returns the username in it. Does not acknowledge it.
    pub async fn receive_update(&self) -> (Value, String) {
        let update = self.expect_request("update_turn_servers").await;
        let username = update["data"]["username"].as_str().unwrap().to_owned();
        (update, username)
    }

    /// Receives and acknowledges an update with these credentials.
    pub async fn expect_update(&self, expected: &str) {
        let (update, username) = self.receive_update().await;
        assert_eq!(username, expected);
        self.respond(update, json!({})).await;
    }

    /// Loads the page and negotiates these capabilities. Returns `notify_capabilities`.
    pub async fn negotiate(&mut self, capabilities: &[&str]) -> Value {
        self.expect_response("content_loaded", json!({})).await;
        self.negotiate_at_once(capabilities).await
    }

    /// Negotiates these capabilities without having loaded the page.
    pub async fn negotiate_at_once(&mut self, capabilities: &[&str]) -> Value {
        let request = self.expect_request("capabilities").await;
        self.respond(request, json!({ "capabilities": capabilities })).await;
        let notify = self.expect_request("notify_capabilities").await;
        self.respond(notify.clone(), json!({})).await;
        notify
    }
}

/// A hosted widget, and all that is behind it.
#[derive(Debug)]
pub struct Hosted {
    /// The widget.
    pub widget: Widget,
    /// What the source answers.
    pub script: Script,
    /// The credentials' service.
    pub turn: TurnService,
    /// The room it is in.
    pub room: Room,
    /// The homeserver the room is on.
    pub homeserver: Homeserver,
}

impl Drop for Hosted {
    fn drop(&mut self) {
        // The next one is set up over HTTP, which takes its time.
        tokio::time::resume();
    }
}

impl Hosted {
    /// A widget that has not loaded yet. From here on, the clock is paused.
    pub async fn start(provider: impl TurnCapabilitiesProvider) -> Self {
        Self::start_with(provider, |capability| capability).await
    }

    /// The same, with the capability configured.
    pub async fn start_with(
        provider: impl TurnCapabilitiesProvider,
        configure: impl FnOnce(TurnServerCapability) -> TurnServerCapability,
    ) -> Self {
        Self::start_by(|turn| turn, provider, configure).await
    }

    /// The same, with the service set up.
    pub async fn start_by(
        set_up: impl FnOnce(TurnServiceBuilder) -> TurnServiceBuilder,
        provider: impl TurnCapabilitiesProvider,
        configure: impl FnOnce(TurnServerCapability) -> TurnServerCapability,
    ) -> Self {
        let homeserver = Homeserver::start().await;
        let room = homeserver.room().await;
        tokio::time::pause();

        let (source, script) = scripted();
        let turn = set_up(TurnService::builder(source)).build();
        let capability = configure(TurnServerCapability::new(turn.clone()));
        let widget = Widget::start(&capability, room.clone(), provider);
        Self { widget, script, turn, room, homeserver }
    }

    /// A widget that was granted TURN.
    pub async fn granted() -> Self {
        let mut hosted = Self::start(Provider::Grant).await;
        hosted.widget.negotiate(&[TURN]).await;
        hosted
    }

    /// A widget that watches, and received and acknowledged the credentials named `first`.
    pub async fn watching() -> Self {
        let mut hosted = Self::granted().await;
        hosted.script.answer(crate::source::available("first"));
        hosted.widget.expect_response("watch_turn_servers", json!({})).await;
        hosted.widget.expect_update("first").await;
        hosted
    }
}
