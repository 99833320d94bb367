//! Several addresses of one name, side by side: Happy Eyeballs, RFC 8305.

use std::{collections::VecDeque, future::Future, net::SocketAddr, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::time::sleep;

/// How long an address has before the next is tried as well: RFC 8305's recommendation.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Tries addresses until one succeeds: each after the one before it has failed or has taken a while, and
/// families in turn. What is still going on then is dropped. `None` if there is no address.
pub(crate) async fn race<T, E, F: Future<Output = Result<T, E>>>(
    addresses: Vec<SocketAddr>,
    attempt: impl Fn(SocketAddr) -> F,
) -> Option<Result<T, E>> {
    let mut waiting = in_turn(addresses);
    let mut running = FuturesUnordered::new();
    let mut last = None;
    loop {
        if running.is_empty() {
            match waiting.pop_front() {
                Some(address) => running.push(attempt(address)),
                None => return last,
            }
        }
        tokio::select! {
            Some(outcome) = running.next() => match outcome {
                Ok(won) => return Some(Ok(won)),
                Err(failure) => {
                    last = Some(Err(failure));
                    running.extend(waiting.pop_front().map(&attempt));
                }
            },
            () = sleep(ATTEMPT_DELAY), if !waiting.is_empty() => {
                running.extend(waiting.pop_front().map(&attempt));
            }
        }
    }
}

/// The resolver's first address first, and then the families in turn.
fn in_turn(addresses: Vec<SocketAddr>) -> VecDeque<SocketAddr> {
    let is_first_ipv4 = addresses.first().is_some_and(SocketAddr::is_ipv4);
    let (mut same, mut other): (VecDeque<_>, VecDeque<_>) =
        addresses.into_iter().partition(|address| address.is_ipv4() == is_first_ipv4);
    let mut order = VecDeque::new();
    while !same.is_empty() || !other.is_empty() {
        order.extend(same.pop_front());
        order.extend(other.pop_front());
    }
    order
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::time::Instant;

    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_dead_ipv6_address_costs_a_living_ipv4_one_a_quarter_of_a_second() {
        let addresses = ["[2001:db8::1]:1", "[2001:db8::2]:1", "192.0.2.1:1"].map(address);
        let began = Instant::now();
        let won = race(addresses.into(), |address| async move {
            match address.is_ipv4() {
                true => Ok::<_, ()>(address),
                false => pending().await,
            }
        });
        assert_eq!(won.await, Some(Ok(address("192.0.2.1:1"))));
        assert_eq!(began.elapsed(), ATTEMPT_DELAY);
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_fails_makes_way_at_once_and_the_last_failure_counts() {
        let began = Instant::now();
        let addresses = ["192.0.2.1:1", "192.0.2.2:2"].map(address);
        let outcome = race(addresses.into(), |address| async move { Err::<(), _>(address.port()) });
        assert_eq!(outcome.await, Some(Err(2)));
        assert_eq!(began.elapsed(), Duration::ZERO);
        assert_eq!(race(vec![], |_| async { Ok::<(), ()>(()) }).await, None);
    }
}
