//! The rewrap job: everything under a CMK, or one of its versions, is wrapped anew.
