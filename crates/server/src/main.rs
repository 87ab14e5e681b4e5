//! The binary `strongroom`: configuration, wiring of the rooms, and the command line.
//!
//! Only this crate knows every room; `serve/rooms.rs` opens them and hands each what it needs.

mod bench;
mod cli;
mod client;
mod clock;
mod config;
mod data_dir;
mod failure;
mod kms_command;
mod logging;
mod private_file;
mod root_key;
mod serve;
mod tls;

use clap::Parser;
use cli::{Cli, Command};
use config::{Layers, Settings, explain};
use failure::Failure;
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nobody reads it if standard error is closed; the exit code still tells.
            let _ = writeln!(std::io::stderr(), "strongroom: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}

fn run(command: &Command) -> Result<(), Failure> {
    let env = |name: &str| std::env::var(name).ok();
    match command {
        Command::Server(flags) => serve::run(Settings::load(flags, &env)?, &env),
        Command::Config(flags) => {
            let layers = Layers::gather(flags, &env)?;
            Settings::parse(&layers)?;
            print(&explain(&layers))
        }
        Command::Kms(command) => print(&runtime()?.block_on(kms_command::run(command, &env))?),
        Command::Bench(options) => print(&runtime()?.block_on(bench::run(options))?),
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("cannot start the runtime: {error}")))
}

/// Prints what a subcommand has to say; a reader that went away (`| head`) is no failure.
fn print(text: &str) -> Result<(), Failure> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::new(format!("cannot write the output: {error}")))
        }
        _ => Ok(()),
    }
}
