//! Log lines go to standard error, so that what is printed for the operator to paste stays alone on standard output.

use crate::config::LogFormat;
use crate::failure::Failure;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

/// Installs the process's log. Called once.
///
/// # Errors
/// When the filter cannot be parsed.
pub(crate) fn install(filter: &str, format: LogFormat) -> Result<(), Failure> {
    let filter = EnvFilter::builder()
        .parse(filter)
        .map_err(|error| Failure::usage(format!("`log` is `{filter}`, which is not a filter: {error}")))?;
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_span_events(FmtSpan::NONE).with_writer(std::io::stderr);
    let installed = match format {
        LogFormat::Text => builder.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    installed.map_err(|error| Failure::new(format!("cannot install the log: {error}")))
}
