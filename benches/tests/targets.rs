//! What "good" measures as, in small; the programs do it in full.

use std::time::Duration;

use benches::freshness::{Policy, TTLS, Trouble, measure};

const MINUTE: Duration = Duration::from_secs(60);
/// The longest that a request takes which is answered.
const LATENCY: Duration = Duration::from_millis(250);

#[test]
fn steady_state_is_never_stale_and_leaves_a_quarter() {
    for ttl in TTLS {
        let measured = measure(Policy::Ours, ttl, Trouble::Outage(Duration::ZERO), 4);
        assert_eq!(measured.stale, Duration::ZERO, "TTL {ttl:?}");
        assert!(measured.headroom >= 0.25, "TTL {ttl:?}: {measured:?}");
    }
}

#[test]
fn no_more_than_1_6_requests_per_ttl() {
    // With the longest TTL there are 1.5 requests a day: too few for their mean to be telling.
    for ttl in &TTLS[..4] {
        let measured = measure(Policy::Ours, *ttl, Trouble::Outage(Duration::ZERO), 4);
        assert!(measured.requests <= 1.6, "TTL {ttl:?}: {measured:?}");
    }
}

#[test]
fn stale_for_no_longer_than_an_outage_makes_inevitable_and_10_seconds() {
    for ttl in TTLS {
        for length in [MINUTE, 5 * MINUTE, 20 * MINUTE] {
            let inevitable = length.saturating_sub(ttl.mul_f64(0.28));
            for trouble in [Trouble::Outage(length), Trouble::HangingOutage(length)] {
                let most = inevitable + Duration::from_secs(10) + LATENCY;
                let stale = measure(Policy::Ours, ttl, trouble, 2).stale;
                assert!(stale <= most, "TTL {ttl:?}, {trouble}: {stale:?}");
            }
        }
    }
}

#[test]
fn after_8_hours_of_sleep_fresh_ones_are_asked_for_within_30_seconds() {
    for ttl in TTLS {
        let measured = measure(Policy::Ours, ttl, Trouble::Sleep(480 * MINUTE), 4);
        assert!(measured.stale <= Duration::from_secs(30) + LATENCY, "TTL {ttl:?}: {measured:?}");
    }
}
