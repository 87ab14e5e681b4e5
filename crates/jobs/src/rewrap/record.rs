//! A job as it is stored, in [`Table::Jobs`](store::Table::Jobs). docs/formats/jobs.md draws it byte by byte.

use super::scope::{RewrapFrom, Scope};
use kms::CmkId;
use model::codec::{DecodeError, Reader, Writer};
use model::{AccountId, AccountNumber, BucketName, BucketUid, CmkUid, RegionName, Timestamp};
use std::net::IpAddr;

const FORMAT_VERSION: u8 = 1;
/// Of all that may stand in the table of jobs.
const KIND_REWRAP: u8 = 1;

/// As whom a job acts. No secret: the identity is looked up again by the access key's id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Starter {
    /// Its account.
    pub account: AccountId,
    /// The principal, as [`policy::Principal::urn`] names it: the same id given to somebody else is another identity.
    pub urn: String,
    /// The access key that started the job, or resumed it last.
    pub access_key: String,
    /// Where that request came from: what conditions of policies see.
    pub source_ip: Option<IpAddr>,
    /// Whether it came over TLS.
    pub secure: bool,
}

/// Where a job stands as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum JobState {
    /// Under way; after a restart it goes on by itself.
    Running = 1,
    /// It cannot go on for a reason that may go away; it is resumed by hand.
    Paused = 2,
    /// Somebody stopped it.
    Stopped = 3,
    /// The identity it acts as is gone, disabled, or may not use the CMKs any more.
    Refused = 4,
    /// At its end.
    Done = 5,
}

impl JobState {
    const ALL: [Self; 5] = [Self::Running, Self::Paused, Self::Stopped, Self::Refused, Self::Done];

    /// For people and programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
            Self::Refused => "refused",
            Self::Done => "done",
        }
    }
}

/// What a job does at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// Counts what there is to do.
    Count = 1,
    /// Walks and wraps.
    Walk = 2,
    /// Removes bucket keys that nothing needs any more.
    Sweep = 3,
    /// Counts what is left: the evidence.
    Evidence = 4,
}

impl Phase {
    const ALL: [Self; 4] = [Self::Count, Self::Walk, Self::Sweep, Self::Evidence];
}

/// What a job has to do, or is left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Object versions.
    pub objects: u64,
    /// Their plaintext bytes.
    pub bytes: u64,
    /// Uploads in progress.
    pub uploads: u64,
    /// Bucket keys.
    pub bucket_keys: u64,
    /// Objects and uploads that a bucket key serves which is rewrapped in their place: they need nothing.
    pub served: u64,
}

impl Totals {
    /// Whether there is nothing.
    pub fn is_none(&self) -> bool {
        self.objects == 0 && self.uploads == 0 && self.bucket_keys == 0
    }
}

/// What a job has done. Steps that a crash made it do twice count as unchanged the second time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Object versions wrapped anew.
    pub objects: u64,
    /// Their plaintext bytes.
    pub bytes: u64,
    /// Uploads wrapped anew.
    pub uploads: u64,
    /// Bucket keys wrapped anew.
    pub bucket_keys: u64,
    /// Copies of bucket keys refreshed.
    pub copies: u64,
    /// Bucket keys removed that nothing needed.
    pub removed: u64,
    /// Steps that found nothing to do.
    pub unchanged: u64,
    /// Steps whose object, upload or bucket key was gone.
    pub gone: u64,
    /// Steps that the identity was not allowed, in the last pass.
    pub refused: u64,
    /// Steps that failed, in the last pass.
    pub failed: u64,
}

/// A step that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The bucket.
    pub bucket: String,
    /// The object; for a bucket key its id.
    pub name: String,
    /// Why.
    pub error: String,
}

/// What needs one version of a CMK.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VersionNeeds {
    /// The version.
    pub version: u32,
    /// Object versions.
    pub objects: u64,
    /// Their plaintext bytes.
    pub bytes: u64,
    /// Uploads in progress.
    pub uploads: u64,
    /// Bucket keys with something sealed under them.
    pub bucket_keys: u64,
}

/// A job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobRecord {
    /// Where it stands.
    pub state: JobState,
    /// Why it is not running, where that wants a reason.
    pub reason: String,
    /// What it does at present.
    pub phase: Phase,
    /// Which walk it is, from 1.
    pub pass: u8,
    /// The key after which it goes on.
    pub cursor: Vec<u8>,
    /// What it is about.
    pub scope: Scope,
    /// Steps per second; 0 for as many as it can.
    pub rate: u32,
    /// As whom it acts.
    pub starter: Starter,
    /// When it was started.
    pub started: Timestamp,
    /// When this was written.
    pub updated: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// What there was to do.
    pub totals: Totals,
    /// What it did.
    pub counts: Counts,
    /// Steps that failed in the last pass, the first ones.
    pub failures: Vec<Failure>,
    /// What needed which version when it began, the CMK as a whole.
    pub before: Vec<VersionNeeds>,
    /// The same at its end, and when it was counted.
    pub after: Option<(Timestamp, Vec<VersionNeeds>)>,
    /// What of the job's own scope is left at its end.
    pub left: Totals,
    /// The version that wrapped then; 0 before the end, and where no CMK is left behind.
    pub newest: u32,
}

impl JobRecord {
    /// Encodes for the table.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new(FORMAT_VERSION);
        w.u8(KIND_REWRAP).u8(self.state as u8).str(&self.reason).u8(self.phase as u8).u8(self.pass).bytes(&self.cursor);
        encode_scope(&self.scope, &mut w);
        w.u32(self.rate);
        let Starter { account, urn, access_key, source_ip, secure } = &self.starter;
        w.str(account.as_str()).str(urn).str(access_key);
        w.str(&source_ip.map(|ip| ip.to_string()).unwrap_or_default()).bool(*secure);
        w.u64(self.started.as_millis()).u64(self.updated.as_millis());
        w.option(self.ended, |w, at| {
            w.u64(at.as_millis());
        });
        encode_totals(&self.totals, &mut w);
        let Counts { objects, bytes, uploads, bucket_keys, copies, removed, unchanged, gone, refused, failed } =
            self.counts;
        for count in [objects, bytes, uploads, bucket_keys, copies, removed, unchanged, gone, refused, failed] {
            w.u64(count);
        }
        list(&self.failures, &mut w, |failure, w| {
            w.str(&failure.bucket).str(&failure.name).str(&failure.error);
        });
        list(&self.before, &mut w, encode_needs);
        w.option(self.after.as_ref(), |w, (at, needs)| {
            w.u64(at.as_millis());
            list(needs, w, encode_needs);
        });
        encode_totals(&self.left, &mut w);
        w.u32(self.newest);
        w.finish()
    }

    /// Decodes from the table. `None`: a job of another kind.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn decode(bytes: &[u8]) -> Result<Option<Self>, DecodeError> {
        let (format, mut r) = Reader::open(bytes)?;
        if format != FORMAT_VERSION {
            return Err(DecodeError("job of unknown format version"));
        }
        if r.u8()? != KIND_REWRAP {
            return Ok(None);
        }
        let record = Self {
            state: coded(&JobState::ALL, |state| state as u8, r.u8()?)?,
            reason: r.str()?.to_owned(),
            phase: coded(&Phase::ALL, |phase| phase as u8, r.u8()?)?,
            pass: r.u8()?,
            cursor: r.bytes()?.to_vec(),
            scope: decode_scope(&mut r)?,
            rate: r.u32()?,
            starter: Starter {
                account: AccountId::parse(r.str()?).ok_or(DecodeError("account"))?,
                urn: r.str()?.to_owned(),
                access_key: r.str()?.to_owned(),
                source_ip: match r.str()? {
                    "" => None,
                    ip => Some(ip.parse().map_err(|_| DecodeError("address"))?),
                },
                secure: r.bool()?,
            },
            started: Timestamp::from_millis(r.u64()?),
            updated: Timestamp::from_millis(r.u64()?),
            ended: r.option(|r| r.u64().map(Timestamp::from_millis))?,
            totals: decode_totals(&mut r)?,
            counts: Counts {
                objects: r.u64()?,
                bytes: r.u64()?,
                uploads: r.u64()?,
                bucket_keys: r.u64()?,
                copies: r.u64()?,
                removed: r.u64()?,
                unchanged: r.u64()?,
                gone: r.u64()?,
                refused: r.u64()?,
                failed: r.u64()?,
            },
            failures: listed(&mut r, |r| {
                Ok(Failure { bucket: r.str()?.to_owned(), name: r.str()?.to_owned(), error: r.str()?.to_owned() })
            })?,
            before: listed(&mut r, decode_needs)?,
            after: r.option(|r| Ok((Timestamp::from_millis(r.u64()?), listed(r, decode_needs)?)))?,
            left: decode_totals(&mut r)?,
            newest: r.u32()?,
        };
        r.finish()?;
        Ok(Some(record))
    }
}

fn coded<T: Copy>(all: &[T], code: impl Fn(T) -> u8, wanted: u8) -> Result<T, DecodeError> {
    all.iter().copied().find(|one| code(*one) == wanted).ok_or(DecodeError("state or phase of a job"))
}

/// A `u16` count, then each.
fn list<T>(of: &[T], w: &mut Writer, mut encode: impl FnMut(&T, &mut Writer)) {
    let count = u16::try_from(of.len()).unwrap_or(u16::MAX);
    w.u16(count);
    of.iter().take(usize::from(count)).for_each(|one| encode(one, w));
}

fn listed<'a, T>(
    r: &mut Reader<'a>,
    mut decode: impl FnMut(&mut Reader<'a>) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let count = r.u16()?;
    (0..count).map(|_| decode(r)).collect()
}

fn encode_cmk(cmk: &CmkId, w: &mut Writer) {
    w.str(cmk.region.as_str()).str(cmk.account.as_str()).str(cmk.number.as_str()).raw(cmk.uid.as_bytes());
}

fn decode_cmk(r: &mut Reader<'_>) -> Result<CmkId, DecodeError> {
    Ok(CmkId {
        region: RegionName::parse(r.str()?).ok_or(DecodeError("region"))?,
        account: AccountId::parse(r.str()?).ok_or(DecodeError("account"))?,
        number: AccountNumber::parse(r.str()?).ok_or(DecodeError("account number"))?,
        uid: CmkUid::from_bytes(r.array()?),
    })
}

fn encode_scope(scope: &Scope, w: &mut Writer) {
    let from = match &scope.from {
        RewrapFrom::Cmk(cmk, version) => Some((cmk, *version)),
        RewrapFrom::Managed => None,
    };
    w.option(from, |w, (cmk, version)| {
        encode_cmk(cmk, w);
        w.option(version, |w, version| {
            w.u32(version);
        });
    });
    w.option(scope.to.as_ref(), |w, cmk| encode_cmk(cmk, w));
    w.option(scope.bucket.as_ref(), |w, (uid, name)| {
        w.raw(uid.as_bytes()).str(name.as_str());
    });
    w.str(&scope.prefix).bool(scope.copies).bool(scope.bucket_key);
}

fn decode_scope(r: &mut Reader<'_>) -> Result<Scope, DecodeError> {
    let from = r.option(|r| Ok((decode_cmk(r)?, r.option(|r| r.u32())?)))?;
    Ok(Scope {
        from: from.map_or(RewrapFrom::Managed, |(cmk, version)| RewrapFrom::Cmk(cmk, version)),
        to: r.option(decode_cmk)?,
        bucket: r.option(|r| {
            let uid = BucketUid::from_bytes(r.array()?);
            Ok((uid, BucketName::parse(r.str()?).map_err(|_| DecodeError("name of a bucket"))?))
        })?,
        prefix: r.str()?.to_owned(),
        copies: r.bool()?,
        bucket_key: r.bool()?,
    })
}

fn encode_totals(of: &Totals, w: &mut Writer) {
    w.u64(of.objects).u64(of.bytes).u64(of.uploads).u64(of.bucket_keys).u64(of.served);
}

fn decode_totals(r: &mut Reader<'_>) -> Result<Totals, DecodeError> {
    Ok(Totals { objects: r.u64()?, bytes: r.u64()?, uploads: r.u64()?, bucket_keys: r.u64()?, served: r.u64()? })
}

fn encode_needs(of: &VersionNeeds, w: &mut Writer) {
    w.u32(of.version).u64(of.objects).u64(of.bytes).u64(of.uploads).u64(of.bucket_keys);
}

fn decode_needs(r: &mut Reader<'_>) -> Result<VersionNeeds, DecodeError> {
    Ok(VersionNeeds { version: r.u32()?, objects: r.u64()?, bytes: r.u64()?, uploads: r.u64()?, bucket_keys: r.u64()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> JobRecord {
        let cmk = |n| CmkId {
            region: RegionName::parse("local-1").unwrap(),
            account: AccountId::parse("aa").unwrap(),
            number: AccountNumber::parse("000000000001").unwrap(),
            uid: CmkUid::from_bytes([n; 16]),
        };
        JobRecord {
            state: JobState::Paused,
            reason: "why".to_owned(),
            phase: Phase::Walk,
            pass: 2,
            cursor: vec![0xaa, 0xbb],
            scope: Scope {
                from: RewrapFrom::Cmk(cmk(0x11), Some(3)),
                to: Some(cmk(0x12)),
                bucket: Some((BucketUid::from_bytes([0x22; 16]), BucketName::parse("pics").unwrap())),
                prefix: "a/".to_owned(),
                copies: true,
                bucket_key: false,
            },
            rate: 50,
            starter: Starter {
                account: AccountId::parse("aa").unwrap(),
                urn: "root:aa".to_owned(),
                access_key: "AK".to_owned(),
                source_ip: Some("127.0.0.1".parse().unwrap()),
                secure: true,
            },
            started: Timestamp::from_millis(1),
            updated: Timestamp::from_millis(2),
            ended: Some(Timestamp::from_millis(3)),
            totals: Totals { objects: 4, bytes: 5, uploads: 6, bucket_keys: 7, served: 8 },
            counts: Counts {
                objects: 9,
                bytes: 10,
                uploads: 11,
                bucket_keys: 12,
                copies: 13,
                removed: 14,
                unchanged: 15,
                gone: 16,
                refused: 17,
                failed: 18,
            },
            failures: vec![Failure { bucket: "pics".into(), name: "a/b".into(), error: "x".into() }],
            before: vec![VersionNeeds { version: 3, objects: 19, bytes: 20, uploads: 21, bucket_keys: 22 }],
            after: Some((Timestamp::from_millis(23), vec![VersionNeeds::default()])),
            left: Totals { objects: 24, bytes: 25, uploads: 26, bucket_keys: 27, served: 28 },
            newest: 29,
        }
    }

    /// Golden: the bytes that docs/formats/jobs.md draws; and nothing else is read.
    #[test]
    fn a_job_is_drawn_in_the_docs() {
        let job = example();
        let file = include_str!("../../../../vectors/records/rewrap-job.hex");
        let golden: Vec<&str> = file.lines().filter(|line| !line.starts_with('#')).collect();
        let row = job.encode();
        assert_eq!(golden, [data_encoding::HEXLOWER.encode(&row)]);
        assert_eq!(JobRecord::decode(&row), Ok(Some(job)));
        let with = |at: usize, byte: u8| {
            let mut changed = row.clone();
            changed[at] = byte;
            changed
        };
        assert_eq!(JobRecord::decode(&with(1, 9)), Ok(None), "a job of another kind");
        for wrong in [&row[2..], &row[..row.len() - 1], &[&row[..], &[0]].concat(), &with(0, 2), &with(2, 9)] {
            assert!(JobRecord::decode(wrong).is_err(), "{}", data_encoding::HEXLOWER.encode(wrong));
        }
    }

    #[test]
    fn what_is_not_said_comes_back_unsaid() {
        let mut job = example();
        job.scope = Scope { from: RewrapFrom::Managed, to: None, bucket: None, ..job.scope };
        job.starter.source_ip = None;
        (job.ended, job.after) = (None, None);
        assert_eq!(JobRecord::decode(&job.encode()), Ok(Some(job.clone())));
        job.scope.from = example().scope.from;
        if let RewrapFrom::Cmk(_, version) = &mut job.scope.from {
            *version = None;
        }
        assert_eq!(JobRecord::decode(&job.encode()), Ok(Some(job)));
    }
}
