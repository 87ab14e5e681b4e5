//! Verification at rest: what lies on disk is opened and authenticated, object by object.
