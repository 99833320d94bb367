//! Who decides what a widget is granted, TURN included.

use std::sync::Arc;

use async_trait::async_trait;
use matrix_sdk::widget::{Capabilities, CapabilitiesProvider};

/// The SDK's [`Capabilities`] together with the one it does not know.
///
/// [`Capabilities`]: https://docs.rs/matrix-sdk/latest/matrix_sdk/widget/struct.Capabilities.html
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct CapabilitiesWithTurn {
    /// What the SDK knows of.
    pub capabilities: Capabilities,
    /// Access to the account's TURN servers: their URIs, and a username and password which let the
    /// widget send traffic through them.
    pub turn_servers: bool,
}

impl CapabilitiesWithTurn {
    /// The SDK's `capabilities`, and TURN servers or not.
    pub fn new(capabilities: Capabilities, turn_servers: bool) -> Self {
        Self { capabilities, turn_servers }
    }
}

/// Decides which capabilities a widget is granted, usually by asking the user: the SDK's
/// [`CapabilitiesProvider`], extended by TURN. It is asked once for everything.
///
/// [`GrantTurnServers`] and [`DenyTurnServers`] make one out of a provider of the SDK's. Where the
/// type is known only at run time, pass an `Arc<dyn TurnCapabilitiesProvider>` or a `Box`.
///
/// An `async fn` in a trait that may be a `dyn` takes an attribute, which this crate re-exports:
///
/// ```
/// use matrix_sdk_turn::{CapabilitiesWithTurn, TurnCapabilitiesProvider, async_trait};
///
/// struct AskTheUser;
///
/// #[async_trait]
/// impl TurnCapabilitiesProvider for AskTheUser {
///     async fn acquire_capabilities(
///         &self,
///         requested: CapabilitiesWithTurn,
///     ) -> CapabilitiesWithTurn {
///         // A prompt, usually: `requested.turn_servers` tells whether TURN is in it.
///         requested
///     }
/// }
/// ```
///
/// [`CapabilitiesProvider`]: https://docs.rs/matrix-sdk/latest/matrix_sdk/widget/trait.CapabilitiesProvider.html
#[async_trait]
pub trait TurnCapabilitiesProvider: Send + Sync + 'static {
    /// Takes what the widget requests, and returns what it is granted of it. To grant TURN to a
    /// widget that did not request it has no effect.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped with the driver's, and 10 seconds after the last handle: a prompt that
    /// is open then is to be closed.
    async fn acquire_capabilities(&self, requested: CapabilitiesWithTurn) -> CapabilitiesWithTurn;
}

#[async_trait]
impl<P: TurnCapabilitiesProvider + ?Sized> TurnCapabilitiesProvider for Arc<P> {
    async fn acquire_capabilities(&self, requested: CapabilitiesWithTurn) -> CapabilitiesWithTurn {
        (**self).acquire_capabilities(requested).await
    }
}

#[async_trait]
impl<P: TurnCapabilitiesProvider + ?Sized> TurnCapabilitiesProvider for Box<P> {
    async fn acquire_capabilities(&self, requested: CapabilitiesWithTurn) -> CapabilitiesWithTurn {
        (**self).acquire_capabilities(requested).await
    }
}

/// A [`CapabilitiesProvider`] of the SDK's, and TURN for every widget that requests it.
///
/// For clients that host only widgets they trust, Element Call from a known origin for instance.
/// MSC3846 asks of all others that they prompt the user.
///
/// [`CapabilitiesProvider`]: https://docs.rs/matrix-sdk/latest/matrix_sdk/widget/trait.CapabilitiesProvider.html
#[derive(Clone, Copy, Debug, Default)]
pub struct GrantTurnServers<P>(
    /// Decides on everything but TURN.
    pub P,
);

#[async_trait]
impl<P: CapabilitiesProvider> TurnCapabilitiesProvider for GrantTurnServers<P> {
    async fn acquire_capabilities(&self, requested: CapabilitiesWithTurn) -> CapabilitiesWithTurn {
        let capabilities = self.0.acquire_capabilities(requested.capabilities).await;
        CapabilitiesWithTurn::new(capabilities, requested.turn_servers)
    }
}

/// A [`CapabilitiesProvider`] of the SDK's, and TURN for no widget.
///
/// [`CapabilitiesProvider`]: https://docs.rs/matrix-sdk/latest/matrix_sdk/widget/trait.CapabilitiesProvider.html
#[derive(Clone, Copy, Debug, Default)]
pub struct DenyTurnServers<P>(
    /// Decides on everything but TURN.
    pub P,
);

#[async_trait]
impl<P: CapabilitiesProvider> TurnCapabilitiesProvider for DenyTurnServers<P> {
    async fn acquire_capabilities(&self, requested: CapabilitiesWithTurn) -> CapabilitiesWithTurn {
        let capabilities = self.0.acquire_capabilities(requested.capabilities).await;
        CapabilitiesWithTurn::new(capabilities, false)
    }
}
