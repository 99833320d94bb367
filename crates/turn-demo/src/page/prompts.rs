//! The user is asked what a widget may do.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use matrix_sdk::widget::Capabilities;
use matrix_sdk_turn::{CapabilitiesWithTurn, TurnCapabilitiesProvider, async_trait};
use serde::Serialize;
use tokio::sync::{Notify, oneshot};

use super::from_page::WidgetId;

/// A question that the page shows.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Question {
    widget: WidgetId,
    /// What the SDK is asked for, in the widget API's identifiers.
    capabilities: Vec<String>,
    turn_servers: bool,
}

/// The questions that are not answered yet, and the answers that are remembered.
#[derive(Debug, Default)]
pub(super) struct Prompts {
    inner: Mutex<Inner>,
    asked: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    waiting: HashMap<WidgetId, (Question, oneshot::Sender<bool>)>,
    to_show: Vec<Question>,
    remembered: Option<bool>,
}

impl Prompts {
    /// The next question to show. None is lost if the future is dropped.
    pub(super) async fn next(&self) -> Question {
        loop {
            let next = self.lock().to_show.pop();
            match next {
                Some(question) => return question,
                None => self.asked.notified().await,
            }
        }
    }

    /// Another page is there: what is not answered is shown again.
    pub(super) fn show_again(&self) {
        let mut inner = self.lock();
        inner.to_show = inner.waiting.values().map(|(question, _)| question.clone()).collect();
        self.asked.notify_one();
    }

    /// The user's answer. If it is to be remembered, it is for all widgets: they are of one origin.
    pub(super) fn decide(&self, widget: WidgetId, allow: bool, remember: bool) {
        let mut inner = self.lock();
        if remember {
            inner.remembered = Some(allow);
        }
        let answered = |(asks, _): &(&WidgetId, _)| remember || **asks == widget;
        let widgets: Vec<_> =
            inner.waiting.iter().filter(answered).map(|(widget, _)| *widget).collect();
        for (_, answer) in widgets.iter().filter_map(|widget| inner.waiting.remove(widget)) {
            // The widget may be gone.
            let _ = answer.send(allow);
        }
    }

    pub(super) fn forget(&self) {
        self.lock().remembered = None;
    }

    pub(super) fn remembered(&self) -> Option<bool> {
        self.lock().remembered
    }

    /// Whether the user allows it.
    async fn ask(&self, question: Question) -> bool {
        let answer = {
            let mut inner = self.lock();
            if let Some(allowed) = inner.remembered {
                return allowed;
            }
            let (sender, answer) = oneshot::channel();
            inner.to_show.push(question.clone());
            inner.waiting.insert(question.widget, (question, sender));
            answer
        };
        self.asked.notify_one();
        // Replaced by the question of another driver: this one's widget is gone.
        answer.await.unwrap_or(false)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks the user about one widget.
#[derive(Debug)]
pub(super) struct AskUser {
    pub(super) widget: WidgetId,
    pub(super) prompts: Arc<Prompts>,
}

#[async_trait]
impl TurnCapabilitiesProvider for AskUser {
    async fn acquire_capabilities(&self, requested: CapabilitiesWithTurn) -> CapabilitiesWithTurn {
        let capabilities = serde_json::to_value(&requested.capabilities)
            .and_then(serde_json::from_value)
            .unwrap_or_default();
        let question =
            Question { widget: self.widget, capabilities, turn_servers: requested.turn_servers };
        if self.prompts.ask(question).await {
            requested
        } else {
            CapabilitiesWithTurn::new(Capabilities::default(), false)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question() -> Question {
        question_of(WidgetId::A)
    }

    fn question_of(widget: WidgetId) -> Question {
        Question { widget, capabilities: vec![], turn_servers: true }
    }

    #[tokio::test]
    async fn an_answer_is_remembered_only_if_the_user_says_so() {
        let prompts = Arc::new(Prompts::default());
        for remember in [false, true] {
            let asking = tokio::spawn({
                let prompts = prompts.clone();
                async move { prompts.ask(question()).await }
            });
            prompts.next().await;
            prompts.decide(WidgetId::A, true, remember);
            assert!(asking.await.unwrap());
        }
        assert!(prompts.ask(question()).await);
    }

    #[tokio::test]
    async fn a_page_that_comes_back_is_asked_again() {
        let prompts = Arc::new(Prompts::default());
        let asking = tokio::spawn({
            let prompts = prompts.clone();
            async move { prompts.ask(question()).await }
        });
        prompts.next().await;
        prompts.show_again();
        assert!(prompts.next().await.turn_servers);
        prompts.decide(WidgetId::A, false, false);
        assert!(!asking.await.unwrap());
    }

    #[tokio::test]
    async fn an_answer_that_is_remembered_is_for_the_other_widget_as_well() {
        let prompts = Arc::new(Prompts::default());
        let asking = [WidgetId::A, WidgetId::B].map(|widget| {
            let prompts = prompts.clone();
            tokio::spawn(async move { prompts.ask(question_of(widget)).await })
        });
        prompts.next().await;
        prompts.next().await;
        prompts.decide(WidgetId::B, true, true);
        for asking in asking {
            assert!(asking.await.unwrap());
        }
        prompts.forget();
        assert_eq!(prompts.remembered(), None);
    }
}
