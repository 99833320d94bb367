//! Translates messages of the widget API into the vocabulary of the rules, without the library.

use serde_json::value::RawValue;
use turn_rules::widget::{Action, FromWidget, Identifiers, Request, To, ToWidget};

use crate::fields::Fields;

pub(super) const WIDGET_ID: &str = "w";

/// A message of the widget API.
pub(super) struct Message<'m> {
    is_from_widget: bool,
    widget_id: String,
    pub(super) request_id: Option<String>,
    action: String,
    pub(super) data: Option<&'m RawValue>,
    pub(super) response: Option<&'m RawValue>,
}

/// The newest requests to the widget, by their ids.
#[derive(Default)]
pub(super) struct Newest {
    pub(super) capabilities: Option<String>,
    pub(super) update: Option<String>,
}

impl<'m> Message<'m> {
    /// `None` if a field that every message has is missing, appears twice, or has another type.
    pub(super) fn read(text: &'m str) -> Option<Self> {
        let fields = Fields::read(text.as_bytes())?;
        Some(Self {
            is_from_widget: match &*fields.text("api")?? {
                "fromWidget" => true,
                "toWidget" => false,
                _ => return None,
            },
            widget_id: fields.text("widgetId")??,
            request_id: fields.text("requestId")?,
            action: fields.text("action")??,
            data: fields.get("data")?,
            response: fields.get("response")?,
        })
    }

    /// The message if the widget sends it. `number` is that of the next request.
    pub(super) fn from_widget(text: &str, newest: &Newest, number: u32) -> FromWidget {
        let Some(message) = Message::read(text) else { return FromWidget::Other };
        if message.widget_id != WIDGET_ID {
            return FromWidget::OfAnotherWidget;
        }
        let request = |action| FromWidget::Request(Request { id: number, action });
        match (message.is_from_widget, &*message.action, message.response) {
            (true, "watch_turn_servers", None) => request(Action::Watch),
            (true, "unwatch_turn_servers", None) => request(Action::Unwatch),
            (true, "content_loaded", None) => FromWidget::PageLoaded,
            (false, "update_turn_servers", Some(_)) => {
                FromWidget::Acknowledgement(message.to(newest.update.as_ref()))
            }
            (false, "capabilities", Some(response)) if message.data.is_some() => {
                let requested = Fields::read(response.get().as_bytes())
                    .and_then(|response| response.texts("capabilities"))
                    .unwrap_or_default();
                let to = message.to(newest.capabilities.as_ref());
                FromWidget::Capabilities(to, Identifiers::among(&requested))
            }
            _ => FromWidget::Other,
        }
    }

    fn to(&self, newest: Option<&String>) -> To {
        let is_newest = newest.is_some() && self.request_id.as_ref() == newest;
        if is_newest { To::Newest } else { To::Another }
    }

    /// The message if the SDK sends it.
    pub(super) fn to_widget(&self) -> ToWidget {
        match (self.is_from_widget, &*self.action) {
            _ if self.widget_id != WIDGET_ID => ToWidget::Other,
            (false, "capabilities") if self.request_id.is_some() => ToWidget::Capabilities,
            (false, "notify_capabilities") => ToWidget::NotifyCapabilities,
            (true, "supported_api_versions") => ToWidget::SupportedApiVersions,
            _ => ToWidget::Other,
        }
    }
}
