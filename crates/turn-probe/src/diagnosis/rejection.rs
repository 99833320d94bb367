//! Why credentials are rejected: three clocks and two secrets.

use std::time::{Duration, SystemTime};

use matrix_sdk_turn::TurnServer;

use super::{
    cause::Cause,
    circumstances::{Circumstances, Origin},
};

/// Clocks that differ by less agree: a `Date` has whole seconds, and its answer takes some time.
const AGREEMENT: Duration = Duration::from_secs(60);

/// Why the TURN server rejects the credentials, as far as can be known from here.
pub(super) fn rejection(server: &TurnServer, circumstances: &Circumstances) -> Cause {
    let origin = circumstances.origin;
    let Some(expiry) = expiry(server.username()).or_else(|| expiry_of_file(circumstances)) else {
        return Cause::PasswordRejected { origin };
    };
    match expiry.duration_since(circumstances.asked_at) {
        Ok(valid_for) if !valid_for.is_zero() => {
            let clocks_agree = homeserver_clock(server, circumstances)
                .is_some_and(|clock| difference(clock, circumstances.asked_at).1 < AGREEMENT);
            Cause::SecretsDiffer { origin, valid_for, clocks_agree }
        }
        expired => {
            let ago = expired.err().map(|error| error.duration()).unwrap_or_default();
            let is_fresh = origin == Origin::Homeserver;
            match clock_difference(server, circumstances).filter(|_| is_fresh) {
                Some(Cause::ClocksDiffer { homeserver_is_behind, by, .. }) => {
                    Cause::ClocksDiffer { homeserver_is_behind, by, rejected: true }
                }
                _ => Cause::Expired { ago, origin },
            }
        }
    }
}

/// When saved credentials have expired for certain, by the age of their file: the name tells nothing.
fn expiry_of_file(circumstances: &Circumstances) -> Option<SystemTime> {
    let expiry = circumstances.saved_at?.checked_add(circumstances.ttl?)?;
    (expiry <= circumstances.asked_at).then_some(expiry)
}

/// That the homeserver's clock is not this machine's; `None` if they agree, or if it is not known.
pub(super) fn clock_difference(
    server: &TurnServer,
    circumstances: &Circumstances,
) -> Option<Cause> {
    let clock = homeserver_clock(server, circumstances)?;
    let (homeserver_is_behind, by) = difference(clock, circumstances.asked_at);
    (by >= AGREEMENT).then_some(Cause::ClocksDiffer { homeserver_is_behind, by, rejected: false })
}

/// The homeserver's clock when it was asked: as it said in its `Date`, or else as it reckoned with when it
/// made the username, which holds the time of expiry.
fn homeserver_clock(server: &TurnServer, circumstances: &Circumstances) -> Option<SystemTime> {
    if circumstances.origin != Origin::Homeserver {
        return None;
    }
    circumstances
        .homeserver_clock
        .or_else(|| expiry(server.username())?.checked_sub(circumstances.ttl?))
}

/// Whether the first is behind the second, and by how much.
fn difference(clock: SystemTime, other: SystemTime) -> (bool, Duration) {
    match other.duration_since(clock) {
        Ok(behind) => (true, behind),
        Err(ahead) => (false, ahead.duration()),
    }
}

/// The time of expiry in a username that was made with a shared secret: `1700000000:@alice:example.org`.
/// coturn takes the user first as well, or the time alone.
pub(super) fn expiry(username: &str) -> Option<SystemTime> {
    let first = username.split(':').next();
    let last = username.rsplit(':').next();
    let seconds = [first, last].into_iter().flatten().find_map(unix_seconds)?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

/// Seconds since 1970, from 2001 on: what is shorter is the number of something else.
fn unix_seconds(text: &str) -> Option<u64> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && (10..=12).contains(&text.len())).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_time_of_expiry_is_read_from_a_username() {
        let at = |seconds| Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(expiry("1700000000:@alice:example.org"), at(1_700_000_000));
        assert_eq!(expiry("alice:1700000000"), at(1_700_000_000));
        assert_eq!(expiry("1700000000"), at(1_700_000_000));
        for username in ["", "alice", "17:alice", "+700000000:a", "@a:8448"] {
            assert_eq!(expiry(username), None, "{username:?}");
        }
    }

    proptest! {
        #[test]
        fn what_was_made_is_read(seconds in 1_000_000_000_u64..100_000_000_000, user in "[@a-z:.]{0,20}") {
            let username = format!("{seconds}:{user}");
            let read = expiry(&username).unwrap().duration_since(SystemTime::UNIX_EPOCH).unwrap();
            prop_assert_eq!(read.as_secs(), seconds);
        }

        #[test]
        fn no_username_makes_it_panic(username in any::<String>()) {
            let _ = expiry(&username);
        }
    }
}
