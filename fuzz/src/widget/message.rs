//! Messages of the widget API, read once more without the library.

use serde_json::value::RawValue;

use crate::fields::Fields;

pub(super) const WIDGET_ID: &str = "w";

/// The identifiers of the capability.
pub(super) const TURN_SERVERS: [&str; 2] = ["town.robin.msc3846.turn_servers", "m.turn_servers"];

/// The fields that tell whose message it is, and what it is.
pub(super) struct Message<'m> {
    is_from_widget: bool,
    pub(super) request_id: Option<String>,
    action: String,
    pub(super) data: Option<&'m RawValue>,
    pub(super) response: Option<&'m RawValue>,
}

/// What a message is to us that comes from the widget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FromWidget {
    Watch,
    Unwatch,
    Acknowledgement,
    Loaded,
    Capabilities,
    NotOurs,
}

/// What a message is to us that goes to the widget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ToWidget {
    Capabilities,
    Notify,
    Versions,
    NotOurs,
}

impl<'m> Message<'m> {
    /// `None` if it is another widget's, or if a field that every message has is missing, is there
    /// twice, or is of another type.
    pub(super) fn read(text: &'m str) -> Option<Self> {
        let fields = Fields::read(text.as_bytes())?;
        let message = Self {
            is_from_widget: match &*fields.text("api")?? {
                "fromWidget" => true,
                "toWidget" => false,
                _ => return None,
            },
            request_id: fields.text("requestId")?,
            action: fields.text("action")??,
            data: fields.get("data")?,
            response: fields.get("response")?,
        };
        (fields.text("widgetId")?? == WIDGET_ID).then_some(message)
    }

    /// What it is if the widget sent it.
    pub(super) fn if_from_widget(&self) -> FromWidget {
        match (self.is_from_widget, &*self.action, self.response.is_some()) {
            (true, "watch_turn_servers", false) => FromWidget::Watch,
            (true, "unwatch_turn_servers", false) => FromWidget::Unwatch,
            (true, "content_loaded", false) => FromWidget::Loaded,
            (false, "update_turn_servers", true) => FromWidget::Acknowledgement,
            (false, "capabilities", true) => FromWidget::Capabilities,
            _ => FromWidget::NotOurs,
        }
    }

    /// What it is if the SDK sent it.
    pub(super) fn if_to_widget(&self) -> ToWidget {
        match (self.is_from_widget, &*self.action) {
            (false, "capabilities") => ToWidget::Capabilities,
            (false, "notify_capabilities") => ToWidget::Notify,
            (true, "supported_api_versions") => ToWidget::Versions,
            _ => ToWidget::NotOurs,
        }
    }
}
