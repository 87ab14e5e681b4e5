//! From host, path, method and query to a place and an operation.
//!
//! The bucket comes from the host or from the path ([`Place`]); the operation from one table ([`Operation::find`]). A
//! sub-resource that is known to the protocols and not in the table is refused as not offered: it is never taken for
//! the plain request that would remain without it, since `PUT /bucket/name?acl` must not become an object.

mod operation;
mod place;
mod rights;
mod sub_resources;

pub use operation::{NoOperation, Operation};
pub use place::{HostStyle, Place, PlaceError, host_style};
pub use rights::{Right, Touches};
