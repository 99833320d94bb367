//! Sessions that begin late, lose their access token, and end.

use std::{sync::Arc, task::Poll, time::Duration};

use matrix_sdk::{Client, ruma::events::room::message::OriginalSyncRoomMessageEvent};
use matrix_sdk_turn::{
    HomeserverSource, SessionEvent, TurnServerSource, TurnService, TurnState, TurnStates,
    UnavailableReason,
};
use serde_json::json;
use tests::homeserver::{Homeserver, matrix_error, turn_servers};
use tokio::time::timeout;

/// The next state. It comes over HTTP.
async fn next(states: &mut TurnStates) -> TurnState {
    timeout(Duration::from_secs(20), states.next()).await.expect("a state comes").unwrap()
}

fn reason(state: &TurnState) -> UnavailableReason {
    state.unavailable().unwrap().reason()
}

async fn soft_logout(homeserver: &Homeserver) {
    homeserver
        .answer_turn_servers(matrix_error(401, "M_UNKNOWN_TOKEN", json!({ "soft_logout": true })))
        .await;
}

/// Is alive as long as the client is.
pub(crate) fn witness(client: &Client) -> Arc<()> {
    let alive = Arc::new(());
    let kept = alive.clone();
    client.add_event_handler(move |_: OriginalSyncRoomMessageEvent| {
        let _kept = kept.clone();
        async {}
    });
    alive
}

#[tokio::test]
async fn a_client_that_is_not_logged_in_yet_costs_no_request_and_starts_when_it_is() {
    let homeserver = Homeserver::start_without_session().await;
    homeserver.answer_turn_servers(turn_servers("alice", 3600)).await;
    let turn = TurnService::new(&homeserver.client);
    let mut states = turn.subscribe();
    assert_eq!(reason(&next(&mut states).await), UnavailableReason::NotLoggedIn);
    for _ in 0..100 {
        let why = turn.get().await.unwrap_err();
        assert_eq!(why.reason(), UnavailableReason::NotLoggedIn);
    }
    assert_eq!(homeserver.requests("/versions").await, 0);
    assert_eq!(homeserver.turn_server_requests().await, 0);

    homeserver.log_in(None).await;
    let state = next(&mut states).await;
    assert_eq!(state.available().unwrap().username(), "alice");
    assert_eq!(homeserver.turn_server_requests().await, 1);
}

#[tokio::test]
async fn a_login_right_after_it_was_missed_is_noticed() {
    let homeserver = Homeserver::start_without_session().await;
    let source = HomeserverSource::new(&homeserver.client);
    assert_eq!(source.fetch().await.unwrap_err().reason(), UnavailableReason::NotLoggedIn);
    homeserver.log_in(None).await;
    let event = timeout(Duration::from_secs(20), source.session_event()).await;
    assert_eq!(event, Ok(SessionEvent::Renewed));
}

#[tokio::test]
async fn a_token_refreshed_before_anybody_listens_is_noticed() {
    let homeserver = Homeserver::start_and_let_the_app_refresh_tokens().await;
    soft_logout(&homeserver).await;
    let source = HomeserverSource::new(&homeserver.client);
    assert_eq!(source.fetch().await.unwrap_err().reason(), UnavailableReason::SoftLoggedOut);
    homeserver.refresh_token().await;
    let event = timeout(Duration::from_secs(20), source.session_event()).await;
    assert_eq!(event, Ok(SessionEvent::Renewed));
}

#[tokio::test]
async fn a_session_is_listened_to_though_who_listened_first_is_never_polled_again() {
    let homeserver = Homeserver::start_and_let_the_app_refresh_tokens().await;
    soft_logout(&homeserver).await;
    let source = HomeserverSource::new(&homeserver.client);
    // As in a task whose runtime nobody drives any more.
    let mut stuck = source.session_event();
    assert!(futures::poll!(&mut stuck).is_pending());

    assert!(source.fetch().await.is_err());
    homeserver.refresh_token().await;
    let event = timeout(Duration::from_secs(20), source.session_event()).await;
    assert_eq!(event, Ok(SessionEvent::Renewed));
}

#[tokio::test]
async fn get_right_after_the_login_asks() {
    let homeserver = Homeserver::start_without_session().await;
    homeserver.answer_turn_servers(turn_servers("alice", 3600)).await;
    let turn = TurnService::new(&homeserver.client);
    assert!(turn.get().await.is_err());
    homeserver.log_in(None).await;
    assert_eq!(turn.get().await.unwrap().username(), "alice");
}

#[tokio::test]
async fn a_token_that_the_app_refreshes_brings_the_stream_back() {
    let homeserver = Homeserver::start_and_let_the_app_refresh_tokens().await;
    soft_logout(&homeserver).await;
    let turn = TurnService::new(&homeserver.client);
    let mut states = turn.subscribe();
    assert_eq!(reason(&next(&mut states).await), UnavailableReason::SoftLoggedOut);

    homeserver.serve_refreshed(turn_servers("alice", 3600)).await;
    homeserver.refresh_token().await;
    assert!(next(&mut states).await.available().is_some());
}

#[tokio::test]
async fn a_token_that_is_refreshed_while_nobody_subscribes_serves_the_next_who_does() {
    let homeserver = Homeserver::start_and_let_the_app_refresh_tokens().await;
    soft_logout(&homeserver).await;
    let turn = TurnService::new(&homeserver.client);
    assert!(turn.get().await.is_err());

    homeserver.refresh_token().await;
    homeserver.serve_refreshed(turn_servers("alice", 3600)).await;
    assert_eq!(turn.get().await.unwrap().username(), "alice");
}

#[tokio::test]
async fn a_soft_logout_withdraws_nothing_that_is_valid() {
    let homeserver = Homeserver::start_and_let_the_app_refresh_tokens().await;
    let turn = TurnService::new(&homeserver.client);
    let served = homeserver.serve_turn_servers(turn_servers("alice", 3600)).await;
    let mut states = turn.subscribe();
    let alice = next(&mut states).await.into_result().unwrap();
    drop(served);

    soft_logout(&homeserver).await;
    turn.report_rejected(&alice);
    assert_eq!(turn.get().await.unwrap_err().reason(), UnavailableReason::SoftLoggedOut);
    assert_eq!(turn.state().unwrap().available(), Some(&alice));
}

#[tokio::test]
async fn a_session_that_the_homeserver_ends_wakes_its_subscribers_and_lets_go_of_the_client() {
    let homeserver = Homeserver::start().await;
    homeserver.answer_turn_servers(turn_servers("alice", 3600)).await;
    let alive = witness(&homeserver.client);
    let turn = TurnService::new(&homeserver.client);
    let mut states = turn.subscribe();
    assert!(next(&mut states).await.available().is_some());

    // Somebody else's request learns of it.
    homeserver.end_session().await;

    assert_eq!(reason(&next(&mut states).await), UnavailableReason::LoggedOut);
    assert_eq!(states.next().await, None, "nothing can follow");
    assert_eq!(turn.get().await.unwrap_err().reason(), UnavailableReason::LoggedOut);

    let Homeserver { client, server: _server } = homeserver;
    drop(client);
    gone(&alive).await;
    drop(turn);
}

/// It does not end if the user may log in again, or if the client can refresh its token.
#[tokio::test]
async fn a_token_refused_elsewhere_ends_the_session_only_if_no_other_can_follow() {
    for (soft_logout, has_refresh_token, is_the_end) in
        [(false, false, true), (true, false, false), (false, true, false), (true, true, false)]
    {
        let homeserver = if has_refresh_token {
            Homeserver::start_and_let_the_app_refresh_tokens().await
        } else {
            Homeserver::start().await
        };
        let source = HomeserverSource::new(&homeserver.client);
        let mut event = source.session_event();
        assert!(futures::poll!(&mut event).is_pending());
        homeserver.refuse_token_elsewhere(soft_logout).await;

        let case = format!("soft_logout: {soft_logout}, refresh token: {has_refresh_token}");
        let expected = if is_the_end { Poll::Ready(SessionEvent::Ended) } else { Poll::Pending };
        assert_eq!(futures::poll!(&mut event), expected, "{case}");
    }
}

#[tokio::test]
async fn a_session_that_the_app_ends_wakes_its_subscribers_and_asks_nothing_again() {
    let homeserver = Homeserver::start().await;
    homeserver.answer_turn_servers(turn_servers("alice", 3600)).await;
    let alive = witness(&homeserver.client);
    let turn = TurnService::new(&homeserver.client);
    let mut states = turn.subscribe();
    let alice = next(&mut states).await.into_result().unwrap();

    turn.end_session();
    assert_eq!(reason(&next(&mut states).await), UnavailableReason::LoggedOut);
    assert_eq!(states.next().await, None);

    let mut newcomer = turn.subscribe();
    assert_eq!(reason(&next(&mut newcomer).await), UnavailableReason::LoggedOut);
    assert_eq!(newcomer.next().await, None);
    turn.report_rejected(&alice);
    assert!(turn.refresh().await.is_err());
    assert_eq!(homeserver.turn_server_requests().await, 1);

    let Homeserver { client, server: _server } = homeserver;
    drop(client);
    gone(&alive).await;
    drop(turn);
}

/// The SDK drops some of a client's parts in tasks of its own.
async fn gone(alive: &Arc<()>) {
    let gone = async {
        while Arc::strong_count(alive) > 1 {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(20), gone).await.expect("no client is alive");
}

#[tokio::test]
async fn an_account_switch_leaves_nothing_of_the_old_account() {
    let old = Homeserver::start().await;
    old.answer_turn_servers(turn_servers("old", 3600)).await;
    let turn = TurnService::shared(&old.client);
    assert_eq!(turn.get().await.unwrap().username(), "old");
    turn.end_session();

    let new = Homeserver::start().await;
    new.answer_turn_servers(turn_servers("new", 3600)).await;
    assert_eq!(TurnService::shared(&new.client).get().await.unwrap().username(), "new");
    assert_eq!(turn.get().await.unwrap_err().reason(), UnavailableReason::LoggedOut);
}
