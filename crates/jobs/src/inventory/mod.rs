//! Listings of how the objects of a bucket are encrypted.
