//! One service per session, without the app keeping a map.

use matrix_sdk::{Client, store::RoomLoadSettings};
use matrix_sdk_turn::{TurnServerCapability, TurnService, UnavailableReason};
use serde_json::json;
use tests::{
    homeserver::{Homeserver, session, turn_servers},
    widget::{Provider, TURN, Widget},
};
use tokio::runtime::Builder;

async fn serving() -> Homeserver {
    let homeserver = Homeserver::start().await;
    homeserver.answer_turn_servers(turn_servers("alice", 3600)).await;
    homeserver
}

async fn another_client(homeserver: &Homeserver, device: &str) -> Client {
    let client = Client::builder().homeserver_url(homeserver.server.uri()).build().await.unwrap();
    let mut session = session(None);
    session.meta.device_id = device.into();
    client.matrix_auth().restore_session(session, RoomLoadSettings::default()).await.unwrap();
    client
}

#[tokio::test]
async fn whoever_asks_in_one_session_shares_one_service() {
    let homeserver = serving().await;
    let one = TurnService::shared(&homeserver.client);
    let other = TurnService::shared(&homeserver.client);
    assert_eq!(one.get().await, other.get().await);
    assert_eq!(homeserver.turn_server_requests().await, 1);
}

#[tokio::test]
async fn a_second_client_of_the_same_session_gets_the_service_of_the_first() {
    let homeserver = serving().await;
    let second = another_client(&homeserver, "DEVICE").await;
    let one = TurnService::shared(&homeserver.client);
    one.get().await.unwrap();
    TurnService::shared(&second).get().await.unwrap();
    assert_eq!(homeserver.turn_server_requests().await, 1);
}

#[tokio::test]
async fn another_device_or_another_homeserver_is_another_session() {
    let homeserver = serving().await;
    let one = TurnService::shared(&homeserver.client);
    one.get().await.unwrap();
    let device = another_client(&homeserver, "OTHER").await;
    assert_eq!(TurnService::shared(&device).state(), None);
    let elsewhere = serving().await;
    assert_eq!(TurnService::shared(&elsewhere.client).state(), None);
}

#[tokio::test]
async fn it_is_shared_weakly_and_gone_with_its_last_owner() {
    let homeserver = serving().await;
    for asked in 1..=2 {
        let turn = TurnService::shared(&homeserver.client);
        let states = turn.subscribe();
        drop(turn);
        TurnService::shared(&homeserver.client).get().await.unwrap();
        assert_eq!(homeserver.turn_server_requests().await, asked);
        drop(states);
    }
}

#[tokio::test]
async fn a_session_that_ended_is_not_shared_and_neither_is_none() {
    let homeserver = serving().await;
    let ended = TurnService::shared(&homeserver.client);
    ended.end_session();
    assert!(TurnService::shared(&homeserver.client).get().await.is_ok());

    let homeserver = Homeserver::start_without_session().await;
    let one = TurnService::shared(&homeserver.client);
    assert!(one.get().await.is_err());
    assert_eq!(TurnService::shared(&homeserver.client).state(), None);
}

#[tokio::test]
async fn drivers_made_from_their_settings_alone_share_the_service_of_their_session() {
    let homeserver = serving().await;
    let room = homeserver.room().await;
    // Before anybody knows the client.
    let capability = TurnServerCapability::shared();
    let mut widgets = [
        Widget::start(&capability, room.clone(), Provider::Grant),
        Widget::start(&TurnServerCapability::shared(), room, Provider::Grant),
    ];
    for widget in &mut widgets {
        widget.negotiate(&[TURN]).await;
        widget.expect_response("watch_turn_servers", json!({})).await;
        widget.expect_update("alice").await;
    }
    let state = TurnService::shared(&homeserver.client).state().unwrap();
    assert_eq!(state.available().unwrap().username(), "alice");
    assert_eq!(homeserver.turn_server_requests().await, 1);

    for widget in widgets {
        drop(widget.handle);
        assert_eq!(widget.driver.await.unwrap(), Err(()));
    }
    assert_eq!(TurnService::shared(&homeserver.client).state(), None, "it went with the drivers");
}

#[test]
fn a_service_whose_runtime_has_ended_is_not_shared() {
    let alive = Builder::new_multi_thread().enable_all().build().unwrap();
    let homeserver = alive.block_on(serving());
    // The task takes no step on this runtime, which is never driven again.
    let idle = Builder::new_current_thread().enable_all().build().unwrap();
    let first = idle.block_on(async { TurnService::shared(&homeserver.client) });
    let mut states = first.subscribe();
    drop(idle);
    let end = futures::executor::block_on(states.next()).unwrap();
    assert_eq!(end.unavailable().unwrap().reason(), UnavailableReason::RuntimeEnded);

    let alice = alive.block_on(async { TurnService::shared(&homeserver.client).get().await });
    assert_eq!(alice.unwrap().username(), "alice");
    let _entered = alive.enter();
    drop((first, states, homeserver));
}
