//! A change that cannot be written down is not made: for every operation that changes something.

use crate::setup::{DAY_MILLIS, DECRYPT, Log, Setup, Watched, me, new_key, user_with};
use audit::Outcome;
use crypto::{OaepHash, wrap_for_import};
use model::{Clock, Timestamp};
use policy::Action;
use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use store::Table;
use strongroom_kms::{
    CmkId, CreateCmk, GrantRef, ImportWrapping, KeyService, KeyState, KmsError, NewGrant, Origin, ProviderName,
    ThrottleConfig,
};

const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000097:root"},"Action":"kms:*","Resource":"*"}]}"#;

/// A key service with a CMK for every change.
struct World {
    setup: Setup,
    service: Arc<KeyService>,
    log: Arc<Log>,
    provider: Arc<Watched>,
    /// Enabled, with the alias `one`, a tag, a rotation schedule.
    on: CmkId,
    off: CmkId,
    going: CmkId,
    /// External: without material, and with.
    empty: CmkId,
    brought: CmkId,
    grant: String,
    grant_token: String,
    /// For `empty`: token and wrapped material.
    sent: (Vec<u8>, Vec<u8>),
}

impl World {
    async fn new(with_material: bool) -> Self {
        let (setup, log) = (Setup::new(), Arc::<Log>::default());
        let provider = Watched::new(&setup);
        let service = setup
            .open_as(|parts| {
                parts.providers = vec![Arc::<Watched>::clone(&provider) as _];
                parts.audit = Arc::<Log>::clone(&log);
                parts.config.throttle = ThrottleConfig { change_per_second: 0, ..ThrottleConfig::default() };
            })
            .await;
        let make = async |wanted| service.create(&me(), wanted).await.unwrap().id;
        let external = || CreateCmk { origin: Origin::External, ..new_key("") };
        let on = make(CreateCmk { tags: vec![("k".to_owned(), "v".to_owned())], ..new_key("") }).await;
        let (off, going) = (make(new_key("")).await, make(new_key("")).await);
        let (empty, brought) = (make(external()).await, make(external()).await);
        service.create_alias(&me(), "one", &on).await.unwrap();
        service.enable_rotation(&me(), &on, Some(30)).await.unwrap();
        service.disable(&me(), &off).await.unwrap();
        service.schedule_deletion(&me(), &going, 7, false).await.unwrap();
        let made = service.create_grant(&me(), &on, grant("arn:aws:iam::000000000097:user/g")).await.unwrap();
        let mut sent = Default::default();
        if with_material {
            let until = setup.clock.now().plus_millis(DAY_MILLIS);
            for (cmk, import) in [(&empty, false), (&brought, true)] {
                let asked = service.import_parameters(&me(), cmk, ImportWrapping::OaepSha256, 2048).await.unwrap();
                let wrapped = wrap_for_import(&asked.public_key, OaepHash::Sha256, &[7; 32]).unwrap();
                if import {
                    service.import_material(&me(), cmk, &asked.token, &wrapped, Some(until)).await.unwrap();
                } else {
                    sent = (asked.token, wrapped);
                }
            }
        }
        log.take();
        let (grant, grant_token) = (made.id, made.token);
        Self { setup, service, log, provider, on, off, going, empty, brought, grant, grant_token, sent }
    }

    /// Everything a change can change, here and at the provider.
    fn all(&self) -> (Vec<Rows>, [u64; 2]) {
        let tables = [Table::Cmks, Table::CmkVersions, Table::CmkAliases, Table::CmkGrants];
        let (made, lost) = (&self.provider.created, &self.provider.destroyed);
        (tables.map(|table| self.setup.rows(table)).to_vec(), [made, lost].map(|count| count.load(Ordering::SeqCst)))
    }
}

fn grant(grantee: &str) -> NewGrant {
    NewGrant {
        grantee: grantee.to_owned(),
        retiring: None,
        operations: vec![Action::KmsDecrypt],
        constraint: None,
        name: String::new(),
    }
}

type Rows = Vec<(Vec<u8>, Vec<u8>)>;
type Doing<'a> = Pin<Box<dyn Future<Output = Result<(), KmsError>> + 'a>>;
type Change = for<'a> fn(&'a World) -> Doing<'a>;

/// Every operation that changes something, by the name it has on the log.
const CHANGES: &[(&str, Change)] = &[
    ("CreateKey", |w| Box::pin(async { w.service.create(&me(), new_key("")).await.map(drop) })),
    ("CreateKey", |w| {
        let external = CreateCmk { origin: Origin::External, ..new_key("") };
        Box::pin(async { w.service.create(&me(), external).await.map(drop) })
    }),
    ("CreateDefaultKey", |w| Box::pin(async { w.service.default_key(&me(), DECRYPT).await.map(drop) })),
    ("CreateAlias", |w| Box::pin(async { w.service.create_alias(&me(), "two", &w.on).await })),
    ("UpdateAlias", |w| Box::pin(async { w.service.update_alias(&me(), "one", &w.off).await })),
    ("UpdateAlias", |w| Box::pin(async { w.service.rename_alias(&me(), &w.on, "three").await })),
    ("DeleteAlias", |w| Box::pin(async { w.service.delete_alias(&me(), "one").await })),
    ("TagResource", |w| Box::pin(async { w.service.tag(&me(), &w.on, vec![("a".to_owned(), "b".to_owned())]).await })),
    ("UntagResource", |w| Box::pin(async { w.service.untag(&me(), &w.on, vec!["k".to_owned()]).await })),
    ("UpdateKeyDescription", |w| Box::pin(async { w.service.update_description(&me(), &w.on, "d").await })),
    ("PutKeyPolicy", |w| Box::pin(async { w.service.put_key_policy(&me(), &w.on, POLICY, false).await })),
    ("CreateGrant", |w| {
        let grant = grant("arn:aws:iam::000000000097:user/x");
        Box::pin(async { w.service.create_grant(&me(), &w.on, grant).await.map(drop) })
    }),
    ("RevokeGrant", |w| Box::pin(async { w.service.revoke_grant(&me(), &w.on, &w.grant).await })),
    ("RetireGrant", |w| {
        Box::pin(async { w.service.retire_grant(&me(), GrantRef::Id(w.on.clone(), w.grant.clone())).await })
    }),
    ("RetireGrant", |w| {
        Box::pin(async { w.service.retire_grant(&me(), GrantRef::Token(w.grant_token.clone())).await })
    }),
    ("DisableKey", |w| Box::pin(async { w.service.disable(&me(), &w.on).await })),
    ("EnableKey", |w| Box::pin(async { w.service.enable(&me(), &w.off).await })),
    ("ScheduleKeyDeletion", |w| {
        Box::pin(async { w.service.schedule_deletion(&me(), &w.on, 7, false).await.map(drop) })
    }),
    ("CancelKeyDeletion", |w| Box::pin(async { w.service.cancel_deletion(&me(), &w.going).await })),
    ("EnableKeyRotation", |w| Box::pin(async { w.service.enable_rotation(&me(), &w.on, Some(90)).await })),
    ("DisableKeyRotation", |w| Box::pin(async { w.service.disable_rotation(&me(), &w.on).await })),
    ("RotateKeyOnDemand", |w| Box::pin(async { w.service.rotate(&me(), &w.on).await.map(drop) })),
    ("ImportKeyMaterial", |w| {
        Box::pin(async { w.service.import_material(&me(), &w.empty, &w.sent.0, &w.sent.1, None).await.map(drop) })
    }),
    ("DeleteImportedKeyMaterial", |w| Box::pin(async { w.service.delete_imported_material(&me(), &w.brought).await })),
];

/// What the server changes by itself: the one event before is on the log as done, and another tells if it was not.
const JOBS: &[(&str, Change)] = &[
    ("DeleteKey", |w| {
        w.setup.clock.advance_millis(8 * DAY_MILLIS);
        Box::pin(async { w.service.purge_due().await.map(drop) })
    }),
    ("RotateKey", |w| {
        w.setup.clock.advance_millis(31 * DAY_MILLIS);
        Box::pin(async { w.service.rotate_due().await.map(drop) })
    }),
    ("EnableKeyRotation", |w| {
        // A clock that was ahead when the schedule was set.
        w.setup.clock.set(Timestamp::default());
        Box::pin(async { w.service.rotate_due().await.map(drop) })
    }),
    ("DeleteExpiredKeyMaterial", |w| {
        w.setup.clock.advance_millis(2 * DAY_MILLIS);
        Box::pin(async { w.service.expire_material().await.map(drop) })
    }),
];

async fn world_for(operation: &str) -> World {
    World::new(operation.contains("Material")).await
}

#[tokio::test]
async fn what_cannot_be_written_down_changes_nothing() {
    for (operation, change) in CHANGES.iter().chain(JOBS) {
        let w = world_for(operation).await;
        let before = w.all();
        w.log.full_after(0);
        assert_eq!(change(&w).await, Err(KmsError::AuditUnavailable), "{operation}");
        assert!(w.all() == before, "{operation} changed something without a record");
        let seen = w.setup.open_with_provider(Arc::<Watched>::clone(&w.provider) as _).await;
        assert_eq!(seen.glimpse(&w.on).map(|cmk| cmk.state), w.service.glimpse(&w.on).map(|cmk| cmk.state));
        w.log.full.store(false, Ordering::SeqCst);
        assert_eq!(change(&w).await, Ok(()), "{operation}");
        assert!(w.all() != before, "{operation} changes something");
    }
}

#[tokio::test]
async fn a_change_is_two_events_before_and_after() {
    for (operation, change) in CHANGES {
        let w = world_for(operation).await;
        assert_eq!(change(&w).await, Ok(()), "{operation}");
        let events = w.log.events.lock().unwrap();
        let told: Vec<_> = events.iter().map(|event| (event.operation, event.outcome)).collect();
        assert_eq!(told, [(*operation, Outcome::Begun), (*operation, Outcome::Ok)]);
        let [begun, done] = &events[..] else { unreachable!() };
        let arn = |event: &audit::Event| event.key.as_ref().map(|key| key.arn.clone());
        assert_eq!((arn(begun), &begun.details, &begun.who), (arn(done), &done.details, &done.who), "{operation}");
        assert!(arn(begun).is_some() && begun.request_id == "r-1", "{operation}");
    }
    for (operation, job) in JOBS {
        let w = world_for(operation).await;
        assert_eq!(job(&w).await, Ok(()), "{operation}");
        assert_eq!(w.log.take(), [(*operation, Outcome::Ok, None)]);
    }
}

#[tokio::test]
async fn a_change_whose_end_cannot_be_written_down_is_named_by_its_beginning() {
    let w = World::new(false).await;
    w.log.full_after(1);
    assert_eq!(w.service.disable(&me(), &w.on).await, Err(KmsError::AuditUnavailable), "its answer is withheld");
    assert_eq!(w.service.glimpse(&w.on).unwrap().state, KeyState::Disabled);
    let events = w.log.events.lock().unwrap();
    let [event] = &events[..] else { panic!("{events:?}") };
    assert_eq!((event.operation, event.outcome), ("DisableKey", Outcome::Begun));
    assert_eq!(event.key.as_ref().unwrap().arn, w.on.to_arn());
}

#[tokio::test]
async fn what_is_refused_or_changes_nothing_has_no_beginning() {
    let w = World::new(false).await;
    let low = user_with("aa", "low", None);
    assert_eq!(w.service.disable(&low, &w.on).await, Err(KmsError::Denied));
    assert_eq!(w.service.enable(&me(), &w.going).await, Err(KmsError::PendingDeletion));
    assert_eq!(w.service.enable(&me(), &w.on).await, Ok(()), "it is enabled");
    let nowhere = CreateCmk { provider: Some(ProviderName::parse("nowhere").unwrap()), ..new_key("") };
    assert!(matches!(w.service.create(&me(), nowhere).await, Err(KmsError::Validation(_))));
    assert!(w.log.events.lock().unwrap().iter().all(|event| event.outcome != Outcome::Begun));
    assert_eq!(w.log.take().len(), 4);
}

/// The list above is complete: every change that the sources name is in it.
#[test]
fn every_change_is_tried() {
    let mut named = BTreeSet::new();
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).unwrap() {
        let path = entry.unwrap().path();
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let calls = text.split("Act::changing(\"").skip(1);
        named.extend(calls.filter_map(|rest| rest.split('"').next()).map(str::to_owned));
    }
    // Draws a key pair and keeps nothing.
    assert!(named.remove("GetParametersForImport") && named.len() > 20, "{named:?}");
    let tried: BTreeSet<String> = CHANGES.iter().chain(JOBS).map(|(operation, _)| (*operation).to_owned()).collect();
    assert_eq!(named, tried);
}
