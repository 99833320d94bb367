//! The client's own ICE servers, for where the homeserver has none.

use super::*;

fn own(uri: &str) -> TurnServer {
    TurnServer::new(vec![uri.to_owned()], "", "")
}

fn service_with_own() -> (TurnService, Script) {
    let (source, script) = scripted();
    let builder = TurnService::builder(source).clock(HandMovedClock::start()).seed(1);
    (builder.fallback(own("stun:stun.example.org")).unwrap().build(), script)
}

fn is_fallback(state: &TurnState) -> bool {
    matches!(state, TurnState::Fallback { .. })
}

#[tokio::test(start_paused = true)]
async fn own_servers_are_used_only_once_the_user_agrees_and_until_the_user_does_not() {
    let (turn, script) = service_with_own();
    let mut states = turn.subscribe();
    script.answer(unavailable(UnavailableReason::NotConfigured));
    assert_eq!(reason(&next(&mut states).await), UnavailableReason::NotConfigured);
    assert!(turn.get().await.is_err());

    turn.use_fallback(true);
    let state = next(&mut states).await;
    assert!(is_fallback(&state));
    assert_eq!(state.ice_servers().len(), 1);
    assert_eq!(turn.get().await.unwrap().uris(), ["stun:stun.example.org"]);

    turn.use_fallback(false);
    assert_eq!(reason(&next(&mut states).await), UnavailableReason::NotConfigured);
    assert_eq!(turn.state().unwrap().ice_servers(), []);
}

#[tokio::test(start_paused = true)]
async fn own_servers_are_for_a_homeserver_without_any_and_for_nothing_else() {
    use UnavailableReason::{
        Expired, Forbidden, LoggedOut, Misconfigured, NotConfigured, NotLoggedIn, RateLimited,
        SoftLoggedOut, Unreachable,
    };

    let all = [
        (NotConfigured, true),
        (Misconfigured, true),
        (Forbidden, false),
        (NotLoggedIn, false),
        (SoftLoggedOut, false),
        (LoggedOut, false),
        (RateLimited, false),
        (Unreachable, false),
        (Expired, false),
    ];
    for (reason, expected) in all {
        let (turn, script) = service_with_own();
        turn.use_fallback(true);
        script.answer(unavailable(reason));
        let state = next(&mut turn.subscribe()).await;
        assert_eq!(is_fallback(&state), expected, "{reason:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_homeservers_own_come_first_as_soon_as_there_are_any() {
    let (turn, script) = service_with_own();
    turn.use_fallback(true);
    let mut states = turn.subscribe();
    script.answer(unavailable(UnavailableReason::NotConfigured));
    assert!(is_fallback(&next(&mut states).await));
    script.answer(available("alice"));
    let state = next(&mut states).await;
    assert!(matches!(&state, TurnState::Available(_)));
    assert_eq!(username(&state), "alice");
}

#[tokio::test(start_paused = true)]
async fn who_says_the_same_twice_wakes_nobody() {
    let (turn, script) = service_with_own();
    let mut states = turn.subscribe();
    script.answer(available("alice"));
    next(&mut states).await;
    for yes in [true, true, false, true] {
        turn.use_fallback(yes);
        settle().await;
        assert_eq!(states.next().now_or_never(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_without_own_servers_has_none_to_use() {
    let (turn, script, _clock) = service();
    turn.use_fallback(true);
    script.answer(unavailable(UnavailableReason::NotConfigured));
    assert!(next(&mut turn.subscribe()).await.unavailable().is_some());
}

#[tokio::test(start_paused = true)]
async fn own_servers_that_nobody_can_use_are_refused() {
    for uri in ["http://example.org", "turn:turn.example.org", ""] {
        let refused = TurnService::builder(scripted().0).fallback(own(uri));
        let error = refused.unwrap_err().to_string();
        assert!(error.contains("name a stun: URI"), "{error}");
    }
    let none = TurnServer::new(vec![], "u", "p");
    assert!(TurnService::builder(scripted().0).fallback(none).is_err());
}

#[tokio::test(start_paused = true)]
async fn an_outcome_that_is_awaited_is_not_preceded_by_what_was_known_before() {
    let (turn, script) = service_with_own();
    script.answer(unavailable(UnavailableReason::Forbidden));
    turn.get().await.unwrap_err();

    sleep(5 * MINUTE).await;
    let mut states = turn.subscribe();
    assert_eq!(states.next().now_or_never(), None);
    turn.use_fallback(true);
    assert_eq!(states.next().now_or_never(), None);
    script.answer(available("alice"));
    assert_eq!(username(&next(&mut states).await), "alice");
}

#[tokio::test(start_paused = true)]
async fn a_switch_that_changes_nothing_is_no_news() {
    let (turn, script) = service_with_own();
    let mut states = turn.subscribe();
    script.answer(available("alice"));
    assert_eq!(username(&next(&mut states).await), "alice");
    turn.use_fallback(true);
    assert_eq!(states.next().now_or_never(), None);
}
