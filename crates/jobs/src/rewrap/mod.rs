//! The rewrap job: everything under a CMK, or one of its versions, is wrapped anew: under the newest version of the same
//! CMK, or under another one; or what is under SSE-OBS (SSE-S3) comes under a CMK. Bodies are not touched.
//!
//! ```text
//! scope.rs    what a job is about, and what one row of the index needs: a pure decision
//! record.rs   a job as it is stored, byte by byte as docs/formats/jobs.md draws it
//! ledger.rs   rows of jobs: read, written only where they are as they were read
//! evidence.rs what a job's record says at its end, in words
//! count.rs    what still needs which version: before, and as evidence after
//! walk.rs     the next page of what is to be done
//! steps.rs    one row: done, unchanged, gone, refused or failed
//! run.rs      a job from where it stands to its end
//! rights.rs   as whom a job acts, what that identity must be allowed, and what others are told
//! asked.rs    what is asked for becomes a scope
//! runners.rs  jobs at work, each in a task of its own
//! desk.rs     where jobs are begun and ended, whether or not somebody waits
//! service.rs  start, stop, resume, status
//! ```
//!
//! INVARIANT: a job does nothing of its own right. Every page, and every writing within one, asks again who it acts as and
//! whether that identity may still use the CMKs; every object asks for the right to that object; every use of a CMK is authorised and on record as any
//! other.
//!
//! INVARIANT: a step that is done twice is done once: what is wrapped so already is left as it is. So a job that was cut
//! off goes on from the last cursor that it wrote, and nothing else need be known.

mod asked;
mod count;
mod desk;
mod error;
mod evidence;
mod ledger;
mod record;
mod rights;
mod run;
mod runners;
mod scope;
mod service;
mod steps;
mod walk;

pub use error::RewrapError;
pub use record::{Counts, Failure, JobRecord, JobState, Phase, Starter, Totals, VersionNeeds};
pub use rights::Identities;
pub use scope::{RewrapFrom, Scope};
pub use service::{Job, Parts, Pause, RewrapService, RewrapWish, Started};

/// Most rows between two writings of how far a job is.
pub const PAGE_ROWS_MAX: usize = 256;
/// Longest time between two writings, in milliseconds, where a single step does not take longer.
pub const PAGE_MILLIS_MAX: u64 = 2000;
/// Failures that a job names; the others are counted.
pub const FAILURES_NAMED_MAX: usize = 32;
/// Steps under way at a time.
const STEPS_AT_ONCE: usize = 8;
/// Walks over the index until no more can be done: what is written while one is under way is found by the next.
const PASSES_MAX: u8 = 4;
/// Jobs of an account that do not run and are still shown; older ones are forgotten.
pub const IDLE_JOBS_MAX: usize = 100;
