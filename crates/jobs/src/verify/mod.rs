//! Proof at rest: everything that lies in a data directory is looked at, and what can be opened is opened. It needs no
//! server, changes nothing in the store, and ends in a report (docs/formats/verification-report.md).
//!
//! ```text
//! sample.rs   which objects are opened, where not all are: a seeded choice that anyone can repeat
//! tally.rs    what was counted and found, in bounded memory
//! run.rs      the walk: a page at a time, objects of a page side by side, on blocking threads
//! judge.rs    one object or upload: opened, and judged
//! report.rs   the report as JSON
//! page.rs     the report as a page for people
//! ```
//!
//! Three outcomes are kept apart, because they mean different things to whoever reads them: what was *verified*; what is
//! *wrong*; and what *could not be verified*, of which nothing is known to be wrong: its CMK is disabled, its key service
//! does not answer. Objects under a customer key are a class of their own: nobody but the customer can open them.

mod judge;
mod page;
mod report;
mod run;
mod sample;
mod tally;

pub use report::{Circumstances, FORMAT, Report, Verdict};
pub use run::{Options, Progress, Silent, verify};
pub use sample::{SAMPLE_MAX, Sample};
pub use tally::{Class, FINDINGS_KEPT_MAX, Tally, Total};
