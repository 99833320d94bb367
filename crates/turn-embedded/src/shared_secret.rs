//! Time-limited TURN credentials, as a homeserver with `turn_shared_secret` makes them and a TURN
//! server with `use-auth-secret` checks them.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, SystemTime},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, Mac};
use matrix_sdk::ruma::ClientSecret;
use sha1::Sha1;
use thiserror::Error;

/// A secret that only the homeserver and the TURN server know. Clones are the same secret: one that is
/// rotated is another for all of them.
#[derive(Clone)]
pub struct SharedSecret(Arc<RwLock<String>>);

/// Why a TURN server refuses a username.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refused {
    /// It does not begin with a time of expiry.
    #[error("the username is none of ours")]
    Unknown,
    /// Its time of expiry has passed.
    #[error("the username has expired")]
    Expired,
}

impl SharedSecret {
    /// A secret that nobody can guess.
    pub fn random() -> Self {
        Self::from(ClientSecret::new().to_string())
    }

    /// Becomes another secret that nobody can guess.
    pub fn rotate(&self) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = ClientSecret::new().to_string();
    }

    /// A username that begins with its time of expiry, and the password that belongs to it.
    pub fn issue(&self, user_id: &str, ttl: Duration, now: SystemTime) -> (String, String) {
        let username = format!("{}:{user_id}", unix_seconds(now + ttl));
        let password = self.sign(&username);
        (username, password)
    }

    /// The password that belongs to a username, if the username is still valid.
    ///
    /// # Errors
    ///
    /// Says why a TURN server refuses the username.
    pub fn password(&self, username: &str, now: SystemTime) -> Result<String, Refused> {
        let (expiry, _user_id) = username.split_once(':').ok_or(Refused::Unknown)?;
        let expiry: u64 = expiry.parse().map_err(|_| Refused::Unknown)?;
        if expiry <= unix_seconds(now) {
            return Err(Refused::Expired);
        }
        Ok(self.sign(username))
    }

    fn sign(&self, username: &str) -> String {
        let secret = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes())
            .expect("HMAC takes a key of any length");
        mac.update(username.as_bytes());
        BASE64_STANDARD.encode(mac.finalize().into_bytes())
    }
}

impl From<String> for SharedSecret {
    fn from(secret: String) -> Self {
        Self(Arc::new(RwLock::new(secret)))
    }
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedSecret(..)")
    }
}

fn unix_seconds(moment: SystemTime) -> u64 {
    moment.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(30);

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)
    }

    #[test]
    fn what_was_issued_is_accepted() {
        let secret = SharedSecret::random();
        let (username, password) = secret.issue("@alice:localhost", TTL, now());

        assert_eq!(username, "1700000030:@alice:localhost");
        assert_eq!(secret.password(&username, now()), Ok(password));
    }

    #[test]
    fn the_password_is_the_one_coturn_computes() {
        // printf %s 1700000030:@alice:localhost | openssl dgst -sha1 -hmac secret -binary | base64
        let secret = SharedSecret::from("secret".to_owned());
        let (_, password) = secret.issue("@alice:localhost", TTL, now());
        assert_eq!(password, "pa1XQvCVT92LgYuYsPjHnhhkaf4=");
    }

    #[test]
    fn it_is_refused_from_the_second_it_expires_in() {
        let secret = SharedSecret::random();
        let (username, _) = secret.issue("@alice:localhost", TTL, now());
        let last_valid = now() + TTL - Duration::from_millis(1);

        assert!(secret.password(&username, last_valid).is_ok());
        assert_eq!(secret.password(&username, now() + TTL), Err(Refused::Expired));
    }

    #[test]
    fn another_secret_or_another_username_means_another_password() {
        let secret = SharedSecret::random();
        let (username, password) = secret.issue("@alice:localhost", TTL, now());
        let (bobs_username, _) = secret.issue("@bob:localhost", TTL, now());

        let others = [
            SharedSecret::random().password(&username, now()),
            secret.password(&bobs_username, now()),
        ];
        for other in others {
            assert_ne!(other, Ok(password.clone()));
        }
    }

    #[test]
    fn a_rotated_secret_is_another_for_all_who_share_it() {
        let homeserver = SharedSecret::random();
        let turn_server = homeserver.clone();
        let (username, password) = homeserver.issue("@alice:localhost", TTL, now());

        homeserver.rotate();
        assert_ne!(turn_server.password(&username, now()), Ok(password));
        let (username, password) = homeserver.issue("@alice:localhost", TTL, now());
        assert_eq!(turn_server.password(&username, now()), Ok(password));
    }

    #[test]
    fn a_username_without_expiry_is_unknown() {
        let secret = SharedSecret::random();
        for username in ["", "alice", "@alice:localhost", "-1:alice", "1e9:alice"] {
            assert_eq!(secret.password(username, now()), Err(Refused::Unknown), "{username:?}");
        }
    }
}
