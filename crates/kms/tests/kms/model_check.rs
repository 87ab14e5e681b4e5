//! Random operations against a plain model: states, aliases, grants, tags, descriptions. After each sequence the service
//! tells what the model tells, and so does one opened anew over the same store; with a store that fails, every operation
//! is done or not, and memory and store agree.

use crate::setup::{DAY_MILLIS, DECRYPT, Setup, me, new_key};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use store::engine::memory::MemoryStore;
use store::{MetaStore, StoreFault};
use strongroom_kms::{CmkId, KeyFilter, KeyService, KmsError, NewGrant};
use testkit::FaultyMeta;

const NAMES: [&str; 3] = ["a", "b", "c"];

#[derive(Clone, Debug)]
enum Op {
    Create,
    Enable(usize),
    Disable(usize),
    Schedule(usize),
    Cancel(usize),
    CreateAlias(usize, usize),
    UpdateAlias(usize, usize),
    Rename(usize, usize),
    DeleteAlias(usize),
    Tag(usize, u8, u8),
    Untag(usize, u8),
    Grant(usize, u8),
    Revoke(usize),
    Describe(usize, u8),
    Wait(u8),
    Purge,
}

fn ops() -> impl Strategy<Value = Op> {
    let (cmk, name, few) = (0..3usize, 0..NAMES.len(), 0..3u8);
    prop_oneof![
        2 => Just(Op::Create),
        2 => cmk.clone().prop_map(Op::Enable),
        2 => cmk.clone().prop_map(Op::Disable),
        2 => cmk.clone().prop_map(Op::Schedule),
        2 => cmk.clone().prop_map(Op::Cancel),
        3 => (cmk.clone(), name.clone()).prop_map(|(cmk, name)| Op::CreateAlias(cmk, name)),
        3 => (cmk.clone(), name.clone()).prop_map(|(cmk, name)| Op::UpdateAlias(cmk, name)),
        2 => (cmk.clone(), name.clone()).prop_map(|(cmk, name)| Op::Rename(cmk, name)),
        2 => name.prop_map(Op::DeleteAlias),
        2 => (cmk.clone(), few.clone(), few.clone()).prop_map(|(cmk, key, value)| Op::Tag(cmk, key, value)),
        1 => (cmk.clone(), few.clone()).prop_map(|(cmk, key)| Op::Untag(cmk, key)),
        2 => (cmk.clone(), few.clone()).prop_map(|(cmk, name)| Op::Grant(cmk, name)),
        1 => cmk.clone().prop_map(Op::Revoke),
        1 => (cmk, few).prop_map(|(cmk, text)| Op::Describe(cmk, text)),
        1 => (0..5u8).prop_map(Op::Wait),
        1 => Just(Op::Purge),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Enabled,
    Disabled,
    /// Until this day.
    Pending(u64),
}

#[derive(Clone, Debug)]
struct Cmk {
    state: State,
    tags: BTreeMap<String, String>,
    description: String,
    grants: BTreeSet<String>,
}

/// What should be, in the order in which the CMKs were made.
#[derive(Clone, Default)]
struct Model {
    day: u64,
    cmks: Vec<Cmk>,
    /// The CMK, and the turn in which it was named, by which the first of several is told.
    aliases: BTreeMap<&'static str, (usize, usize)>,
    turn: usize,
}

impl Model {
    fn is_there(&self, cmk: usize) -> bool {
        self.cmks.get(cmk).is_some_and(|cmk| !matches!(cmk.state, State::Pending(day) if day <= self.day))
    }

    fn present(&self, cmk: usize) -> Result<&Cmk, KmsError> {
        if self.is_there(cmk) { Ok(&self.cmks[cmk]) } else { Err(KmsError::NotFound) }
    }

    fn changeable(&self, cmk: usize) -> Result<(), KmsError> {
        match self.present(cmk)?.state {
            State::Pending(_) => Err(KmsError::PendingDeletion),
            State::Enabled | State::Disabled => Ok(()),
        }
    }

    fn first_alias(&self, cmk: usize) -> Option<&'static str> {
        let own = self.aliases.iter().filter(|(_, (target, _))| *target == cmk);
        own.min_by_key(|(_, (_, turn))| *turn).map(|(name, _)| *name)
    }

    fn apply(&mut self, op: &Op) -> Result<(), KmsError> {
        self.turn += 1;
        match *op {
            Op::Create => self.cmks.push(Cmk {
                state: State::Enabled,
                tags: BTreeMap::new(),
                description: String::new(),
                grants: BTreeSet::new(),
            }),
            Op::Enable(cmk) => {
                self.changeable(cmk)?;
                self.cmks[cmk].state = State::Enabled;
            }
            Op::Disable(cmk) => {
                self.changeable(cmk)?;
                self.cmks[cmk].state = State::Disabled;
            }
            Op::Schedule(cmk) => {
                self.changeable(cmk)?;
                self.cmks[cmk].state = State::Pending(self.day + 7);
            }
            Op::Cancel(cmk) => match self.present(cmk)?.state {
                State::Pending(_) => self.cmks[cmk].state = State::Disabled,
                State::Enabled | State::Disabled => return Err(KmsError::NotPendingDeletion),
            },
            Op::CreateAlias(cmk, name) => {
                self.changeable(cmk)?;
                if self.aliases.contains_key(NAMES[name]) {
                    return Err(KmsError::AlreadyExists);
                }
                self.aliases.insert(NAMES[name], (cmk, self.turn));
            }
            Op::UpdateAlias(cmk, name) => {
                let here = self.aliases.get(NAMES[name]).copied().filter(|(target, _)| self.is_there(*target));
                let Some((_, turn)) = here else { return Err(KmsError::NotFound) };
                self.changeable(cmk)?;
                self.aliases.insert(NAMES[name], (cmk, turn));
            }
            Op::Rename(cmk, name) => {
                self.changeable(cmk)?;
                let first = self.first_alias(cmk);
                if first == Some(NAMES[name]) {
                    return Ok(());
                }
                if self.aliases.contains_key(NAMES[name]) {
                    return Err(KmsError::AlreadyExists);
                }
                let turn = match first {
                    Some(first) => self.aliases.remove(first).unwrap().1,
                    None => self.turn,
                };
                self.aliases.insert(NAMES[name], (cmk, turn));
            }
            Op::DeleteAlias(name) => {
                let here = self.aliases.get(NAMES[name]).is_some_and(|(target, _)| self.is_there(*target));
                if !here {
                    return Err(KmsError::NotFound);
                }
                self.aliases.remove(NAMES[name]);
            }
            Op::Tag(cmk, key, value) => {
                self.changeable(cmk)?;
                self.cmks[cmk].tags.insert(key.to_string(), value.to_string());
            }
            Op::Untag(cmk, key) => {
                self.changeable(cmk)?;
                self.cmks[cmk].tags.remove(&key.to_string());
            }
            Op::Grant(cmk, name) => {
                self.changeable(cmk)?;
                if self.cmks[cmk].state == State::Disabled {
                    return Err(KmsError::Disabled);
                }
                self.cmks[cmk].grants.insert(name.to_string());
            }
            Op::Revoke(cmk) => {
                self.present(cmk)?;
                self.cmks[cmk].grants.pop_first().ok_or(KmsError::InvalidGrantId)?;
            }
            Op::Describe(cmk, text) => {
                self.changeable(cmk)?;
                self.cmks[cmk].description = text.to_string();
            }
            Op::Wait(days) => self.day += u64::from(days),
            Op::Purge => {
                let gone: Vec<usize> = (0..self.cmks.len()).filter(|cmk| !self.is_there(*cmk)).collect();
                self.aliases.retain(|_, (target, _)| !gone.contains(target));
            }
        }
        Ok(())
    }
}

/// The service under test, and the ids of the CMKs in the order in which they were made.
struct Real {
    setup: Setup,
    service: Arc<KeyService>,
    cmks: Vec<CmkId>,
}

impl Real {
    fn id(&self, cmk: usize) -> CmkId {
        let missing = || CmkId { uid: model::CmkUid::from_bytes([9; 16]), ..id_like() };
        self.cmks.get(cmk).cloned().unwrap_or_else(missing)
    }

    async fn apply(&mut self, op: &Op) -> Result<(), KmsError> {
        // Every turn has a time of its own, as the first of several aliases is told by it.
        self.setup.clock.advance_millis(1);
        let (service, user) = (Arc::clone(&self.service), me());
        match *op {
            Op::Create => {
                let made = service.create(&user, new_key("")).await?;
                self.cmks.push(made.id);
                Ok(())
            }
            Op::Enable(cmk) => service.enable(&user, &self.id(cmk)).await,
            Op::Disable(cmk) => service.disable(&user, &self.id(cmk)).await,
            Op::Schedule(cmk) => service.schedule_deletion(&user, &self.id(cmk), 7, false).await.map(drop),
            Op::Cancel(cmk) => service.cancel_deletion(&user, &self.id(cmk)).await,
            Op::CreateAlias(cmk, name) => service.create_alias(&user, NAMES[name], &self.id(cmk)).await,
            Op::UpdateAlias(cmk, name) => service.update_alias(&user, NAMES[name], &self.id(cmk)).await,
            Op::Rename(cmk, name) => service.rename_alias(&user, &self.id(cmk), NAMES[name]).await,
            Op::DeleteAlias(name) => service.delete_alias(&user, NAMES[name]).await,
            Op::Tag(cmk, key, value) => {
                service.tag(&user, &self.id(cmk), vec![(key.to_string(), value.to_string())]).await
            }
            Op::Untag(cmk, key) => service.untag(&user, &self.id(cmk), vec![key.to_string()]).await,
            Op::Grant(cmk, name) => {
                let grant = NewGrant {
                    grantee: "arn:aws:iam::000000000097:user/x".to_owned(),
                    retiring: None,
                    operations: vec![DECRYPT],
                    constraint: None,
                    name: name.to_string(),
                };
                service.create_grant(&user, &self.id(cmk), grant).await.map(drop)
            }
            Op::Revoke(cmk) => {
                let grants = service.grants(&user, &self.id(cmk)).await?;
                let first = grants.iter().min_by_key(|grant| grant.grant.name.clone());
                let id = first.map_or_else(|| "00".repeat(32), |grant| grant.id.clone());
                service.revoke_grant(&user, &self.id(cmk), &id).await
            }
            Op::Describe(cmk, text) => service.update_description(&user, &self.id(cmk), &text.to_string()).await,
            Op::Wait(days) => {
                self.setup.clock.advance_millis(u64::from(days) * DAY_MILLIS);
                Ok(())
            }
            Op::Purge => service.purge_due().await.map(drop),
        }
    }
}

fn id_like() -> CmkId {
    let user = me();
    let caller = user.principal.caller().unwrap();
    CmkId {
        region: crate::setup::region(),
        account: caller.account.clone(),
        number: caller.number.clone(),
        uid: model::CmkUid::from_bytes([0; 16]),
    }
}

/// Everything a service tells, in words that do not hold times.
async fn told(service: &KeyService, cmks: &[CmkId]) -> BTreeMap<usize, String> {
    let mut all = BTreeMap::new();
    for found in service.list_detailed(&me(), &KeyFilter::default()).await.unwrap() {
        let cmk = cmks.iter().position(|id| *id == found.id).unwrap();
        let grants: BTreeSet<String> =
            service.grants(&me(), &found.id).await.unwrap().into_iter().map(|grant| grant.grant.name).collect();
        let aliases: BTreeSet<String> = found.aliases.iter().map(|name| name.as_str().to_owned()).collect();
        let first = found.first_alias.map(|name| name.as_str().to_owned());
        let tags: BTreeMap<_, _> = found.tags.into_iter().collect();
        all.insert(
            cmk,
            format!("{} {aliases:?} {first:?} {tags:?} {:?} {grants:?}", found.state.name(), found.description),
        );
    }
    let named = service.list_aliases(&me(), None).await.unwrap().len();
    assert_eq!(
        named,
        service
            .list_detailed(&me(), &KeyFilter::default())
            .await
            .unwrap()
            .iter()
            .map(|cmk| cmk.aliases.len())
            .sum::<usize>()
    );
    all
}

fn expected(model: &Model) -> BTreeMap<usize, String> {
    let there = (0..model.cmks.len()).filter(|cmk| model.is_there(*cmk));
    there
        .map(|at| {
            let cmk = &model.cmks[at];
            let aliases: BTreeSet<String> = model
                .aliases
                .iter()
                .filter(|(_, (target, _))| *target == at)
                .map(|(name, _)| (*name).to_owned())
                .collect();
            let state = match cmk.state {
                State::Enabled => "Enabled",
                State::Disabled => "Disabled",
                State::Pending(_) => "PendingDeletion",
            };
            let first = model.first_alias(at).map(str::to_owned);
            (at, format!("{state} {aliases:?} {first:?} {:?} {:?} {:?}", cmk.tags, cmk.description, cmk.grants))
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn the_service_does_what_the_model_does(ops in proptest::collection::vec(ops(), 1..60)) {
        testkit::block_on(async {
            let setup = Setup::new();
            let service = setup.open().await;
            let (mut real, mut plain) = (Real { setup, service, cmks: Vec::new() }, Model::default());
            for op in &ops {
                let (got, wanted) = (real.apply(op).await, plain.apply(op));
                assert_eq!(got, wanted, "{op:?} of {ops:?}");
                assert_eq!(told(&real.service, &real.cmks).await, expected(&plain), "after {op:?} of {ops:?}");
            }
            let again = real.setup.open().await;
            assert_eq!(told(&again, &real.cmks).await, expected(&plain), "opened anew after {ops:?}");
        });
    }

    #[test]
    fn a_store_that_fails_leaves_a_whole_catalogue(
        ops in proptest::collection::vec(ops(), 1..25),
        passes in 0..25u64,
        lost in any::<bool>(),
    ) {
        testkit::block_on(async {
            let faulty = FaultyMeta::over(MemoryStore::shared());
            let setup = Setup::over(Arc::<FaultyMeta>::clone(&faulty) as Arc<dyn MetaStore>);
            let service = setup.open().await;
            let mut real = Real { setup, service, cmks: Vec::new() };
            match lost {
                true => faulty.lose_answers_after(passes),
                false => faulty.fail_commits_after(passes, StoreFault::Unavailable("down".to_owned())),
            }
            for op in &ops {
                let _ = real.apply(op).await;
            }
            faulty.heal();
            // A CMK whose making was not answered may be there all the same.
            let found = real.service.list(&me()).await.unwrap();
            real.cmks = found;
            let again = real.setup.open().await;
            assert_eq!(told(&real.service, &real.cmks).await, told(&again, &real.cmks).await, "{ops:?}");
        });
    }
}
