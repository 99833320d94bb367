//! A call between two widgets in Chromium, which hold what they are given as `update_turn_servers`.

use std::{fmt::Display, time::Instant};

use anyhow::Result;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tracing::warn;

use super::{Call, Report, flow::INTERVAL};
use crate::widget::Widget;

/// A call between two widgets.
pub(crate) struct WebCall {
    widgets: [Widget; 2],
    /// How many updates each was given before the credentials that it uses.
    used: [usize; 2],
    began: Instant,
}

impl WebCall {
    /// Connects them, each over a relay of the TURN servers that it is given first.
    pub(crate) async fn start(widgets: [Widget; 2]) -> Result<Self> {
        for widget in &widgets {
            widget.watch().await?;
        }
        let mut call = Self { widgets, used: [0; 2], began: Instant::now() };
        call.used = call.of_both("updates", &[]).await?;
        let [alice, bob] = &call.widgets;
        // Once, between Chromium and the `turn` crate, ICE failed before there was a call. What is looked
        // at here begins with the call.
        if let Err(error) = alice.connect(bob).await {
            warn!("calling once more: {error:#}");
            alice.connect(bob).await?;
        }
        let _: [Value; 2] = call.of_both("startFlow", &[json!(INTERVAL.as_millis())]).await?;
        call.began = Instant::now();
        Ok(call)
    }

    async fn of_both<T: DeserializeOwned>(
        &self,
        function: impl Display + Copy,
        arguments: &[Value],
    ) -> Result<[T; 2]> {
        let [alice, bob] = &self.widgets;
        Ok([alice.call(function, arguments).await?, bob.call(function, arguments).await?])
    }
}

impl Call for WebCall {
    fn began(&self) -> Instant {
        self.began
    }

    async fn has_news(&mut self) -> Result<bool> {
        let updates: [usize; 2] = self.of_both("updates", &[]).await?;
        let has_news = updates != self.used;
        self.used = updates;
        Ok(has_news)
    }

    /// Only one of them starts it: two offers at the same time would collide.
    async fn renew(&mut self) -> Result<()> {
        let _: [Value; 2] = self.of_both("setServers", &[]).await?;
        let [alice, bob] = &self.widgets;
        let offer: Value = alice.call("restartIce", &[]).await?;
        let answer: Value = bob.call("answerAgain", &[offer]).await?;
        alice.call("accept", &[answer]).await
    }

    async fn reports(&self) -> Result<[Report; 2]> {
        self.of_both("flowReport", &[]).await
    }

    async fn stop_sending(&self) -> Result<()> {
        let _: [Value; 2] = self.of_both("stopFlow", &[]).await?;
        Ok(())
    }

    async fn hang_up(self) -> Result<()> {
        let _: [Value; 2] = self.of_both("hangUp", &[]).await?;
        Ok(())
    }
}
