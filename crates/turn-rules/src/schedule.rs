//! The rules S1 to S14: requests, answers, published states, and time.
