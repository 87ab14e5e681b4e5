//! The binary `strongroom`: configuration, wiring of the rooms, and the command line.

mod clock;
mod config;
mod data_dir;
mod failure;
mod logging;
mod private_file;
mod root_key;
mod tls;

fn main() {}
