//! The figures that the program prints at its end.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use matrix_sdk_turn::TurnServer;

use crate::words::counted;

/// What is counted while the program runs.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) updates: u32,
    pub(crate) relays: u32,
    pub(crate) requests: u32,
    expired: Duration,
    held: Option<TurnServer>,
}

impl Tally {
    /// The widget was sent these credentials, and holds no others.
    pub(crate) fn on_update(&mut self, server: Option<TurnServer>, now: SystemTime) {
        self.updates += 1;
        self.drop_held(now);
        self.held = server;
    }

    /// The widget does not use credentials any more.
    pub(crate) fn on_end(&mut self, now: SystemTime) {
        self.drop_held(now);
    }

    /// Adds the time since the credentials expired, if they did. Their expiry is read only now, since
    /// the homeserver may have extended it meanwhile.
    fn drop_held(&mut self, now: SystemTime) {
        if let Some(expiry) = self.held.take().and_then(|held| held.expires_at()) {
            self.expired += now.duration_since(expiry).unwrap_or_default();
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { updates, relays, requests, expired, .. } = self;
        write!(
            f,
            "{}, {} to the homeserver, {:.1} s with expired credentials, {} obtained",
            counted(*updates as usize, "update"),
            counted(*requests as usize, "request"),
            expired.as_secs_f64(),
            counted(*relays as usize, "relay"),
        )
    }
}

#[cfg(test)]
mod tests {
    use matrix_sdk_turn::{Answer, TurnServerSource, TurnService, Unavailable};

    use super::*;

    #[derive(Debug)]
    struct ThirtySeconds;

    #[async_trait::async_trait]
    impl TurnServerSource for ThirtySeconds {
        async fn fetch(&self) -> Result<Answer, Unavailable> {
            let server = TurnServer::new(vec!["turn:a".to_owned()], "u", "p");
            Answer::new(server, Duration::from_secs(30))
        }
    }

    #[tokio::test]
    async fn only_the_time_past_the_expiry_counts() {
        let server = TurnService::builder(ThirtySeconds).build().get().await.unwrap();
        let expiry = server.expires_at().unwrap();
        let mut tally = Tally::default();

        tally.on_update(Some(server.clone()), expiry - Duration::from_secs(30));
        tally.on_update(Some(server), expiry - Duration::from_secs(10));
        tally.on_end(expiry + Duration::from_secs(2));

        assert_eq!(
            tally.to_string(),
            "2 updates, 0 requests to the homeserver, 2.0 s with expired credentials, 0 relays \
             obtained"
        );
    }
}
