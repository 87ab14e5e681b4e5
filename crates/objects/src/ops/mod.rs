//! One file per operation.

mod buckets;
mod copy;
mod delete;
mod encryption;
mod list;
mod multipart;
mod put;
mod read;
