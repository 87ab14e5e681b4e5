//! The server's authoriser: every request for access ends in [`policy::decide`].

use policy::{AccessRequest, Authorized, Authorizer, Denied};

/// Decides by the rule of [`policy::decide`]: root rules its own account, nobody else rules anything.
#[derive(Clone, Copy, Debug, Default)]
pub struct RootAuthorizer;

impl Authorizer for RootAuthorizer {
    fn authorize(&self, request: &AccessRequest<'_>) -> Result<Authorized, Denied> {
        policy::decide(request)
    }
}
