//! The binary `strongroom`: configuration, wiring of the rooms, and the command line.
//!
//! Only this crate knows every room; `serve/rooms.rs` opens them and hands each what it needs.

mod bench;
mod cli;
mod client;
mod clock;
mod commands;
mod config;
mod data_dir;
mod failure;
mod logging;
mod private_file;
mod root_key;
mod serve;
mod tls;

use clap::Parser;
use cli::{Cli, Command};
use commands::Output;
use config::{Layers, Settings, explain};
use failure::Failure;
use std::future::Future;
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli.command) {
        Ok(code) => code,
        Err(failure) => {
            // Nobody reads it if standard error is closed; the exit code still tells.
            let _ = writeln!(std::io::stderr(), "strongroom: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}

fn run(command: &Command) -> Result<ExitCode, Failure> {
    let env = |name: &str| std::env::var(name).ok();
    match command {
        Command::Server(flags) => serve::run(Settings::load(flags, &env)?, &env)?,
        Command::Config(flags) => {
            let layers = Layers::gather(flags, &env)?;
            Settings::parse(&layers)?;
            print(&explain(&layers))?;
        }
        Command::Kms(command) => return say(command.run(&env)),
        Command::Account(command) => return say(command.run(&env)),
        Command::User(command) => return say(command.run(&env)),
        Command::Group(command) => return say(command.run(&env)),
        Command::Role(command) => return say(command.run(&env)),
        Command::Policy(command) => return say(command.run(&env)),
        Command::Rewrap(command) => return say(command.run(&env)),
        Command::AccessKey(command) => return say(command.run(&env)),
        Command::Audit(command) => return say(async { command.run() }),
        Command::TokenKey(command) => return say(command.run(&env)),
        Command::Usage(command) => return say(command.run(&env)),
        Command::Inventory(command) => return say(command.run(&env)),
        Command::VerifyAtRest(command) => return told(command.run(&env)?),
        Command::Bench(options) => print(&runtime()?.block_on(bench::run(options))?)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs a subcommand that talks to a server, and prints what it has to say.
fn say(outcome: impl Future<Output = Result<Output, Failure>>) -> Result<ExitCode, Failure> {
    told(runtime()?.block_on(outcome)?)
}

/// Prints what a subcommand has to say.
fn told(output: Output) -> Result<ExitCode, Failure> {
    print(&output.text)?;
    if !output.note.is_empty() {
        std::io::stderr()
            .lock()
            .write_all(output.note.as_bytes())
            .map_err(|error| Failure::new(format!("cannot write what is told once: {error}")))?;
    }
    Ok(ExitCode::from(output.exit_code))
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
