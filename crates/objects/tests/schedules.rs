//! Writers, readers, copies, deletions, rewraps and changes of keys at the same time, in an order drawn from a seed. What
//! every reader got is held against a model of a register: it must have been current at some moment while it was read.
//!
//! The seed decides who goes next whenever a task has to wait, and what each task does. What runs on blocking threads
//! ends when it ends, so a seed replays the work and nearly, not wholly, the interleaving.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod support;

use kms::CmkId;
use model::{BucketName, PartNumber};
use sse::{AppliedEncryption, EncryptionHeaders, RewrapTo, SseError};
use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::task::Poll;
use strongroom_objects::Fail;
use strongroom_objects::api::*;
use support::*;
use testkit::SeededEntropy;

const SEEDS: u64 = 24;
const OBJECTS: [&str; 3] = ["a", "b", "c"];
const STEPS: usize = 20;
/// Sizes on both sides of what is kept in a row, and of more segments than one.
const SIZES: [usize; 4] = [8, 3_000, 40_000, 150_000];

type Actor<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Runs actors to their end; whenever one waits, the dice say who goes next and who has to wait longer.
async fn interleave(dice: &SeededEntropy, mut actors: Vec<Actor<'_>>) {
    std::future::poll_fn(|task| {
        let mut waiting = std::mem::take(&mut actors);
        while !waiting.is_empty() {
            let mut actor = waiting.swap_remove(dice.below(waiting.len() as u64) as usize);
            if dice.below(3) == 0 {
                task.waker().wake_by_ref();
                actors.push(actor);
            } else if actor.as_mut().poll(task).is_pending() {
                actors.push(actor);
            }
        }
        if actors.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// The moments between which something was done.
#[derive(Clone, Copy, Debug)]
struct Span {
    begin: u64,
    end: u64,
}

impl Span {
    fn before(self, other: Self) -> bool {
        self.end < other.begin
    }

    fn within(self, other: Self) -> bool {
        other.begin < self.begin && self.end < other.end
    }

    fn overlaps(self, other: Self) -> bool {
        !self.before(other) && !other.before(self)
    }
}

/// A change of an object: a body with this number, or a deletion.
#[derive(Debug)]
struct Change {
    object: &'static str,
    span: Span,
    body: Option<usize>,
}

#[derive(Debug)]
struct Read {
    object: &'static str,
    span: Span,
    /// The number of the body; none if there was no object.
    body: Option<usize>,
}

#[derive(Default)]
struct History {
    now: Cell<u64>,
    bodies: Cell<usize>,
    changes: RefCell<Vec<Change>>,
    /// Writes under way or refused have no span yet; what is read of one under way began before the read ended.
    begun: RefCell<Vec<(usize, &'static str, u64)>>,
    refused: RefCell<Vec<usize>>,
    reads: RefCell<Vec<Read>>,
    /// From when a disabling began to when the enabling after it ended, and the part of it in which it was surely in force.
    disabled: RefCell<Vec<(CmkId, Span, Span)>>,
    /// What used a CMK, and what was refused because one was disabled.
    used: RefCell<Vec<(CmkId, Span)>>,
    turned_away: RefCell<Vec<Span>>,
}

impl History {
    fn tick(&self) -> u64 {
        self.now.set(self.now.get() + 1);
        self.now.get()
    }

    fn since(&self, begin: u64) -> Span {
        Span { begin, end: self.tick() }
    }

    /// Begins a write; its body has a number of its own and says it.
    fn write(&self, object: &'static str) -> (usize, u64, Vec<u8>) {
        let number = self.bodies.replace(self.bodies.get() + 1);
        let begin = self.tick();
        self.begun.borrow_mut().push((number, object, begin));
        (number, begin, contents(number))
    }

    fn used(&self, applied: &AppliedEncryption, span: Span) {
        if let AppliedEncryption::Kms { cmk, .. } = applied {
            self.used.borrow_mut().push((cmk.clone(), span));
        }
    }

    /// Which number a body has, whole and unchanged.
    fn number_of(&self, data: &[u8]) -> usize {
        let number = u64::from_be_bytes(data[..8].try_into().unwrap()) as usize;
        assert!(number < self.bodies.get() && data == contents(number), "a body that nobody wrote");
        number
    }

    /// Every answer fits the model, whatever the order in which things happened.
    fn check(&self) {
        let changes = self.changes.borrow();
        let beginning = Span { begin: 0, end: 0 };
        for read in self.reads.borrow().iter() {
            // Candidates that set what was read: they began before the read ended, and nothing that began after they had
            // ended was over before the read began.
            let overwritten = |by: Span| {
                changes.iter().any(|c| c.object == read.object && by.before(c.span) && c.span.before(read.span))
            };
            let fits = match read.body {
                Some(number) => {
                    let (_, object, begin) = self.begun.borrow()[number];
                    assert_eq!(object, read.object, "the body of another object");
                    assert!(!self.refused.borrow().contains(&number), "a write that was refused shows: {read:?}");
                    begin < read.span.end
                        && changes.iter().find(|c| c.body == Some(number)).is_none_or(|c| !overwritten(c.span))
                }
                None => {
                    let deletions = changes.iter().filter(|c| c.object == read.object && c.body.is_none());
                    let mut nothing = deletions.map(|c| c.span).chain([beginning]);
                    nothing.any(|span| span.begin < read.span.end && !overwritten(span))
                }
            };
            assert!(fits, "{read:?} is out of date");
        }
        let disabled = self.disabled.borrow();
        for (cmk, span) in self.used.borrow().iter() {
            let shut = disabled.iter().find(|(of, _, surely)| of == cmk && span.within(*surely));
            assert!(shut.is_none(), "{cmk:?} was used at {span:?} while it was disabled");
        }
        for span in self.turned_away.borrow().iter() {
            assert!(
                disabled.iter().any(|(_, any, _)| span.overlaps(*any)),
                "refused at {span:?} though no CMK was disabled"
            );
        }
    }
}

fn contents(number: usize) -> Vec<u8> {
    let mut data = pattern(SIZES[number % SIZES.len()]);
    data[..8].copy_from_slice(&(number as u64).to_be_bytes());
    data.iter_mut().skip(8).for_each(|b| *b ^= number as u8);
    data
}

struct Stage<'a> {
    h: &'a Harness,
    bucket: BucketName,
    cmks: Vec<CmkId>,
    dice: SeededEntropy,
    history: History,
}

fn is_disabled(fail: &Fail) -> bool {
    matches!(fail, Fail::Encryption(SseError::KeyDisabled))
}

impl Stage<'_> {
    fn pick<'b, T>(&self, from: &'b [T]) -> &'b T {
        &from[self.dice.below(from.len() as u64) as usize]
    }

    fn object(&self) -> &'static str {
        OBJECTS[self.dice.below(OBJECTS.len() as u64) as usize]
    }

    /// Lets others go first for up to so many turns: what is quick would otherwise be over before what is slow begins.
    async fn pause(&self, turns_max: u64) {
        for _ in 0..self.dice.below(turns_max) {
            tokio::task::yield_now().await;
        }
    }

    /// Any method under any cipher.
    fn method(&self) -> (Method, EncryptionHeaders) {
        let method = *self.pick(&Method::ALL);
        let mut headers = method.headers();
        if headers.method.as_deref() == Some("aws:kms") {
            headers.key_id = Some(self.pick(&self.cmks).to_arn());
        }
        if method != Method::Plain && self.dice.below(2) == 0 {
            headers.data_encryption = Some("SM4".into());
        }
        (method, headers)
    }

    async fn writer(&self) {
        for _ in 0..STEPS {
            let object = self.object();
            let (method, headers) = self.method();
            let (number, begin, data) = self.history.write(object);
            let written = if self.dice.below(3) == 0 {
                self.by_parts(object, method, headers, &data).await
            } else {
                self.at_once(object, headers, &data).await
            };
            let span = self.history.since(begin);
            match written {
                Ok(outcome) => {
                    self.history.used(&outcome.encryption, span);
                    self.history.changes.borrow_mut().push(Change { object, span, body: Some(number) });
                }
                Err(fail) => {
                    assert!(is_disabled(&fail), "{fail:?}");
                    self.history.refused.borrow_mut().push(number);
                    self.history.turned_away.borrow_mut().push(span);
                }
            }
        }
    }

    async fn at_once(&self, object: &str, encryption: EncryptionHeaders, data: &[u8]) -> Result<WriteOutcome, Fail> {
        let request = PutObject {
            bucket: self.bucket.clone(),
            name: name(object),
            headers: ObjectHeaders::default(),
            encryption,
            expectation: WriteExpectation::default(),
            acl: None,
            tags: Vec::new(),
        };
        self.h.objects.put_object(&cx(), request, body(data)).await
    }

    async fn by_parts(
        &self,
        object: &str,
        method: Method,
        encryption: EncryptionHeaders,
        data: &[u8],
    ) -> Result<WriteOutcome, Fail> {
        let objects = &self.h.objects;
        let create = CreateUpload {
            bucket: self.bucket.clone(),
            name: name(object),
            headers: ObjectHeaders::default(),
            encryption,
            checksum: None,
            acl: None,
            tags: Vec::new(),
        };
        let upload = objects.create_upload(&cx(), create).await?.upload;
        let mut parts = Vec::new();
        let middle = self.dice.below(data.len() as u64) as usize;
        for (i, piece) in [&data[..middle], &data[middle..]].into_iter().enumerate() {
            let part = PartNumber::new(i as u64 + 1).unwrap();
            let customer = method.customer();
            let request = UploadPart {
                bucket: self.bucket.clone(),
                name: name(object),
                upload,
                part,
                encryption: customer.into(),
            };
            let etag = objects.upload_part(&cx(), request, body(piece)).await?.etag;
            parts.push(CompletedPart { part, etag: etag.to_string(), checksum: None });
        }
        let request = CompleteUpload {
            bucket: self.bucket.clone(),
            name: name(object),
            upload,
            parts,
            customer: method.customer(),
            checksum: None,
            checksum_parts: None,
            checksum_composite: None,
            object_size: None,
            expectation: WriteExpectation::default(),
        };
        objects.complete_upload(&cx(), request).await
    }

    /// Reads an object with the customer key if it needs one. `None`: a CMK is disabled.
    async fn read(&self, object: &'static str) -> Option<Read> {
        let mut method = Method::Plain;
        loop {
            let begin = self.history.tick();
            let got = match self.h.objects.get_object(&cx(), read(&self.bucket, object, method)).await {
                Ok(outcome) => drain(outcome.body).await.map(|data| (outcome.info.encryption, data)),
                Err(fail) => Err(fail),
            };
            let span = self.history.since(begin);
            let body = match got {
                Ok((applied, data)) => {
                    self.history.used(&applied, span);
                    Some(self.history.number_of(&data))
                }
                Err(Fail::NoSuchKey { .. }) => None,
                Err(Fail::Encryption(SseError::CustomerKeyMissing)) => {
                    method = Method::Customer(1);
                    continue;
                }
                Err(Fail::Encryption(SseError::CustomerKeyUnexpected)) => {
                    method = Method::Plain;
                    continue;
                }
                Err(fail) => {
                    assert!(is_disabled(&fail), "{fail:?}");
                    self.history.turned_away.borrow_mut().push(span);
                    return None;
                }
            };
            return Some(Read { object, span, body });
        }
    }

    async fn reader(&self) {
        for _ in 0..3 * STEPS {
            self.pause(80).await;
            if let Some(read) = self.read(self.object()).await {
                self.history.reads.borrow_mut().push(read);
            }
        }
    }

    /// Copies to names of their own: what is there afterwards was read of the source while it was copied.
    async fn copier(&self) {
        for step in 0..STEPS {
            self.pause(80).await;
            let object = self.object();
            let target = format!("copy {step}");
            let customer = if self.dice.below(4) == 0 { Method::Customer(1) } else { Method::Plain };
            let request = CopyObject {
                source: CopySource {
                    bucket: self.bucket.clone(),
                    name: name(object),
                    version: None,
                    preconditions: Preconditions::default(),
                    customer: customer.customer(),
                    range: None,
                },
                bucket: self.bucket.clone(),
                name: name(&target),
                replace_headers: None,
                website_redirect: None,
                encryption: Method::Obs.headers(),
                checksum_algorithm: None,
                expectation: WriteExpectation::default(),
                acl: None,
                tags: CopyTags::Default,
            };
            let begin = self.history.tick();
            let copied = self.h.objects.copy_object(&cx(), request).await;
            let span = self.history.since(begin);
            match copied {
                Ok(_) => {
                    let data = self.h.get(&self.bucket, &target, Method::Obs).await.unwrap();
                    let body = Some(self.history.number_of(&data));
                    self.history.reads.borrow_mut().push(Read { object, span, body });
                }
                Err(Fail::NoSuchKey { .. }) => self.history.reads.borrow_mut().push(Read { object, span, body: None }),
                Err(Fail::Encryption(SseError::CustomerKeyMissing | SseError::CustomerKeyUnexpected)) => {}
                Err(fail) => {
                    assert!(is_disabled(&fail), "{fail:?}");
                    self.history.turned_away.borrow_mut().push(span);
                }
            }
        }
    }

    async fn deleter(&self) {
        for _ in 0..STEPS / 2 {
            self.pause(400).await;
            let object = self.object();
            let begin = self.history.tick();
            self.h.objects.delete_object(&cx(), &self.bucket, &name(object), None).await.unwrap();
            let span = self.history.since(begin);
            self.history.changes.borrow_mut().push(Change { object, span, body: None });
        }
    }

    async fn rewrapper(&self) {
        for _ in 0..2 * STEPS {
            let to =
                RewrapTo { key_ref: Some(self.pick(&self.cmks).to_arn()), bucket_key: Some(self.dice.below(2) == 0) };
            self.pause(40).await;
            let object = name(self.object());
            let begin = self.history.tick();
            match self.h.objects.update_object_encryption(&cx(), &self.bucket, &object, None, &to).await {
                Ok(_)
                | Err(
                    Fail::NoSuchKey { .. } | Fail::ConditionalConflict | Fail::Encryption(SseError::NotRewrappable),
                ) => {}
                Err(fail) => {
                    assert!(is_disabled(&fail), "{fail:?}");
                    let span = self.history.since(begin);
                    self.history.turned_away.borrow_mut().push(span);
                }
            }
        }
    }

    /// Disables and enables CMKs, rotates them, and lets bucket keys grow old.
    async fn keeper(&self) {
        for _ in 0..STEPS {
            let cmk = self.pick(&self.cmks);
            self.h.clock.advance_millis(self.dice.below(60_000));
            self.pause(80).await;
            if self.dice.below(2) == 0 {
                self.h.kms.rotate(&operator(), cmk).await.unwrap();
                continue;
            }
            let (begin, surely_from) = {
                let begin = self.history.tick();
                self.h.kms.disable(&operator(), cmk).await.unwrap();
                (begin, self.history.tick())
            };
            self.pause(40).await;
            let surely = self.history.since(surely_from);
            self.h.kms.enable(&operator(), cmk).await.unwrap();
            let any = self.history.since(begin);
            self.history.disabled.borrow_mut().push((cmk.clone(), any, surely));
        }
    }
}

/// Plays a schedule and checks it. Returns how often what is checked happened.
async fn play(seed: u64) -> [usize; 6] {
    let mut h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    let mut cmks = Vec::new();
    for spec in [kms::KeySpec::Aes256, kms::KeySpec::Sm4] {
        let create = kms::CreateCmk { spec, ..Default::default() };
        cmks.push(h.kms.create(&operator(), create).await.unwrap().id);
    }
    let stage = Stage { h: &h, bucket, cmks, dice: SeededEntropy::new(seed), history: History::default() };
    let order = SeededEntropy::new(!seed);
    let actors: Vec<Actor<'_>> = vec![
        Box::pin(stage.writer()),
        Box::pin(stage.writer()),
        Box::pin(stage.writer()),
        Box::pin(stage.reader()),
        Box::pin(stage.reader()),
        Box::pin(stage.copier()),
        Box::pin(stage.deleter()),
        Box::pin(stage.rewrapper()),
        Box::pin(stage.rewrapper()),
        Box::pin(stage.keeper()),
    ];
    interleave(&order, actors).await;
    // When all is quiet, and after a restart with cold caches, what is there is there.
    let Stage { bucket, cmks, history, .. } = stage;
    for cold in [false, true] {
        if cold {
            // The first service confirms what was written in the background; a second one beside it would do so as well.
            until(|| h.files().iter().all(|f| !f.to_string_lossy().contains("pending"))).await;
            h.restart().await;
        }
        let stage = Stage {
            h: &h,
            bucket: bucket.clone(),
            cmks: cmks.clone(),
            dice: SeededEntropy::new(0),
            history: History::default(),
        };
        stage.history.now.set(history.tick());
        stage.history.bodies.set(history.bodies.get());
        for object in OBJECTS {
            let read = stage.read(object).await.unwrap();
            history.reads.borrow_mut().push(read);
        }
        history.now.set(stage.history.tick());
    }
    history.check();
    let absent = history.reads.borrow().iter().filter(|read| read.body.is_none()).count();
    [
        history.reads.borrow().len() - absent,
        absent,
        history.refused.borrow().len(),
        history.turned_away.borrow().len(),
        history.used.borrow().len(),
        history.disabled.borrow().len(),
    ]
}

#[test]
fn answers_are_those_of_a_register_whatever_happens_at_the_same_time() {
    let mut happened = [0; 6];
    for seed in 0..SEEDS {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let played = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| runtime.block_on(play(seed))));
        match played {
            Ok(counts) => happened.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count),
            Err(panic) => {
                eprintln!("seed {seed}");
                std::panic::resume_unwind(panic);
            }
        }
    }
    assert!(happened.iter().all(|count| *count >= SEEDS as usize), "{happened:?}");
}
