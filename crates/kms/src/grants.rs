//! Grants: an owner, or whoever may, lets one principal do some operations with one CMK (kms-iam-api §1.4, §2.3).

use crate::grant::{
    GrantDescription, GrantMade, GrantRef, NewGrant, TOKEN_BYTES, TOKEN_FORMAT, account_in, bare_name, check, facts_of,
    made, refused, repeated, shown, uid_text,
};
use crate::intent::Intent;
use crate::ledger::Plan;
use crate::lifecycle::touched;
use crate::record::{GrantId, GrantRecord};
use crate::rights::Facts;
use crate::trail::Act;
use crate::{CmkId, KeyOperation, KeyService, KeyUser, KmsError};
use data_encoding::BASE64;
use model::CmkUid;
use policy::{Action, Authorized, CmkRules, GrantPrincipal, KeyGrant};
use std::sync::Arc;
use store::{Expectation, Table};

impl KeyService {
    /// Makes a grant (`kms:CreateGrant`); in force for every request that begins after this returns. The same one of the
    /// same issuer under the same name is found instead of made.
    ///
    /// # Errors
    /// [`KmsError::Denied`], [`KmsError::NotFound`], what its state says; [`KmsError::Validation`] for operations or
    /// principals that are not allowed; [`KmsError::LimitExceeded`]; [`KmsError::ServiceManaged`].
    pub async fn create_grant(&self, user: &KeyUser, cmk: &CmkId, grant: NewGrant) -> Result<GrantMade, KmsError> {
        let mut token = [0; 32];
        self.entropy.fill(&mut token);
        let wanted = GrantRecord {
            created: self.clock.now(),
            issuer: user.principal.caller().map(|caller| caller.arn()).unwrap_or_default(),
            issuer_urn: user.principal.urn(),
            grantee: grant.grantee.trim().to_owned(),
            retiring: grant.retiring.as_ref().map(|retiring| retiring.trim().to_owned()),
            operations: GrantRecord::in_order(&grant.operations).unwrap_or_default(),
            constraint: grant.constraint.clone(),
            name: grant.name.clone(),
            token,
        };
        let present = self.ledger.read(|catalogue| repeated(catalogue.grants_of(cmk.uid), &wanted).map(|(id, _)| id));
        let id = present.unwrap_or_else(|| GrantId::random(&*self.entropy));
        let operations: Vec<&str> = grant.operations.iter().map(|action| bare_name(*action)).collect();
        let act = Act::changing("CreateGrant")
            .on(cmk)
            .detail("grantId", id.to_hex())
            .detail("grantee", shown(&grant.grantee))
            .detail("operations", shown(&operations.join(",")));
        self.perform_change(user, act, |intent| async move {
            let _: Authorized =
                self.authorize_with(user, Action::KmsCreateGrant, cmk, facts_of(&grant, &operations))?;
            let (now, place, grants_max) = (self.clock.now(), cmk.clone(), self.config.grants_max as usize);
            self.ledger.read(|catalogue| {
                catalogue.find(cmk, now).ok_or(KmsError::NotFound)?.admit(KeyOperation::CreateGrant)
            })?;
            check(id, &grant)?;
            self.ledger
                .change(intent, move |catalogue| {
                    let record = catalogue.find(&place, now).ok_or(KmsError::NotFound)?;
                    record.admit(KeyOperation::CreateGrant)?;
                    if let Some((id, present)) = repeated(catalogue.grants_of(place.uid), &wanted) {
                        return Ok(Plan::Done(made(place.uid, id, present)));
                    }
                    if catalogue.grants_of(place.uid).count() >= grants_max {
                        return Err(KmsError::LimitExceeded("the number of grants on a CMK"));
                    }
                    let row = GrantRecord::key(place.uid, id);
                    let mut transaction = touched(place.uid, record);
                    transaction.expect(Expectation::Absent(Table::CmkGrants, row.clone().into())).put(
                        Table::CmkGrants,
                        row,
                        wanted.encode(),
                    );
                    Ok(Plan::Commit(transaction, made(place.uid, id, &wanted)))
                })
                .await
        })
        .await
    }

    /// A CMK's grants in order of their ids (`kms:ListGrants`).
    ///
    /// # Errors
    /// [`KmsError::Denied`], [`KmsError::NotFound`].
    pub async fn grants(&self, user: &KeyUser, cmk: &CmkId) -> Result<Vec<GrantDescription>, KmsError> {
        self.perform(user, Act::reading("ListGrants").on(cmk), async {
            let _: Authorized = self.authorize(user, Action::KmsListGrants, cmk)?;
            let now = self.clock.now();
            self.ledger.read(|catalogue| {
                catalogue.find(cmk, now).ok_or(KmsError::NotFound)?.admit(KeyOperation::Describe)?;
                Ok(catalogue.grants_of(cmk.uid).map(|(id, grant)| grant.describe(cmk.clone(), id)).collect())
            })
        })
        .await
    }

    /// The grants, on any CMK, that a principal of the caller's account may retire (`kms:ListRetirableGrants`), in order
    /// of CMK and id. `None` asks about the caller.
    ///
    /// Whether a name is one of the caller's account shows only in names that hold the account; for the rest, and for
    /// names of other accounts, only the grants on the account's own CMKs are told.
    ///
    /// # Errors
    /// [`KmsError::Denied`]; [`KmsError::Validation`] for a name that no principal can have.
    pub async fn retirable_grants(
        &self,
        user: &KeyUser,
        retiring: Option<&str>,
    ) -> Result<Vec<GrantDescription>, KmsError> {
        let act = Act::reading("ListRetirableGrants").detail("retiring", shown(retiring.unwrap_or_default()));
        self.perform(user, act, async {
            let account = self.authorize_account(user, Action::KmsListRetirableGrants)?;
            let number = user.principal.number().ok_or(KmsError::Denied)?;
            let asked = match retiring {
                None => None,
                Some(text) => Some(GrantPrincipal::parse(text).map_err(refused)?),
            };
            let own_uid = uid_text(user);
            // All that can name the caller, or another of the account by its number or id.
            let may_be_own = |text: &str| {
                account_in(text).is_some_and(|part| part == number.as_str() || part == account.as_str())
                    || own_uid.as_deref().is_some_and(|uid| text.eq_ignore_ascii_case(uid))
            };
            let everywhere = asked.as_ref().is_none_or(|asked| may_be_own(asked.text()));
            let now = self.clock.now();
            // Others wait meanwhile, so names are only compared here; those that may fit are read afterwards.
            let mut found = self.ledger.read(|catalogue| {
                let mut found = Vec::new();
                for (uid, record) in catalogue.all(now).filter(|(_, cmk)| everywhere || cmk.account == *account) {
                    for (id, grant) in catalogue.grants_of(uid) {
                        let Some(text) = grant.retiring.as_deref().map(str::trim) else { continue };
                        if asked.as_ref().map_or_else(|| may_be_own(text), |asked| text == asked.text()) {
                            found.push(grant.describe(record.id(uid), id));
                        }
                    }
                }
                found
            });
            if asked.is_none() {
                let is_caller = |text: &str| GrantPrincipal::parse(text).is_ok_and(|named| named.is(&user.principal));
                found.retain(|found| found.grant.retiring.as_deref().is_some_and(is_caller));
            }
            Ok(found)
        })
        .await
    }

    /// Takes a grant away (`kms:RevokeGrant`); at once.
    ///
    /// # Errors
    /// [`KmsError::Denied`], [`KmsError::NotFound`], [`KmsError::InvalidGrantId`].
    pub async fn revoke_grant(&self, user: &KeyUser, cmk: &CmkId, id: &str) -> Result<(), KmsError> {
        self.perform_change(
            user,
            Act::changing("RevokeGrant").on(cmk).detail("grantId", shown(id)),
            |intent| async move {
                let _: Authorized = self.authorize(user, Action::KmsRevokeGrant, cmk)?;
                self.end_grant(intent, cmk, GrantId::parse(id)).await
            },
        )
        .await
    }

    /// Gives a grant back, as its retiring principal, as its grantee if it allows `RetireGrant`, as its issuer, or with
    /// `kms:RetireGrant`.
    ///
    /// # Errors
    /// [`KmsError::Denied`], [`KmsError::NotFound`], [`KmsError::InvalidGrantId`], [`KmsError::InvalidGrantToken`].
    pub async fn retire_grant(&self, user: &KeyUser, grant: GrantRef) -> Result<(), KmsError> {
        let named = match &grant {
            GrantRef::Id(cmk, id) => Ok((cmk.clone(), GrantId::parse(id))),
            GrantRef::Token(token) => self.open_grant_token(token).map(|(cmk, id)| (cmk, Some(id))),
        };
        let act = Act::changing("RetireGrant");
        let (cmk, id) = match named {
            Ok(named) => named,
            Err(error) => return self.perform(user, act, async { Err(error) }).await,
        };
        let shown = id.map(GrantId::to_hex).unwrap_or_default();
        let cmk = &cmk;
        self.perform_change(user, act.on(cmk).detail("grantId", shown), |intent| async move {
            self.authorize_retire(user, cmk, id)?;
            self.end_grant(intent, cmk, id).await
        })
        .await
    }

    /// Checks the grant tokens of a request. Grants count at once here, so a token gives nothing; one that is not of ours,
    /// or whose grant is gone, is an error all the same, as its sender counts on it.
    ///
    /// # Errors
    /// [`KmsError::InvalidGrantToken`].
    pub fn check_grant_tokens<T: AsRef<str>>(&self, tokens: &[T]) -> Result<(), KmsError> {
        tokens.iter().try_for_each(|token| self.open_grant_token(token.as_ref()).map(drop))
    }

    fn authorize_retire(&self, user: &KeyUser, cmk: &CmkId, id: Option<GrantId>) -> Result<(), KmsError> {
        let (action, standing) = (Action::KmsRetireGrant, self.standing(cmk));
        let Some(standing) = standing else { return self.authorize(user, action, cmk).map(drop) };
        let now = self.clock.now();
        let record =
            self.ledger.read(|catalogue| catalogue.find(cmk, now).and_then(|_| catalogue.grant(cmk.uid, id?).cloned()));
        let as_issuer = id.and_then(|id| self.issued(user, cmk, &id.to_hex()));
        let grant = as_issuer.or_else(|| id.and_then(|id| Some(Arc::new(record.as_ref()?.parsed(id).ok()?))));
        let rules = CmkRules { retires: grant, ..standing.rules.clone() };
        self.authorize_under(user, action, cmk, Some(&standing), Some(&rules), Facts::new()).map(drop)
    }

    /// A grant that the caller made, as if it named him as its retiring principal: so what denies and narrows him still
    /// counts. `None` for another's.
    pub(crate) fn issued(&self, user: &KeyUser, cmk: &CmkId, id: &str) -> Option<Arc<KeyGrant>> {
        let (now, grant) = (self.clock.now(), GrantId::parse(id)?);
        let urn = user.principal.urn();
        self.ledger.read(|catalogue| {
            catalogue.find(cmk, now)?;
            catalogue.grant(cmk.uid, grant).filter(|grant| grant.issuer_urn == urn).map(drop)
        })?;
        let issuer = uid_text(user)?;
        KeyGrant::new(id, &issuer, Some(&issuer), &[Action::KmsRetireGrant], None).ok().map(Arc::new)
    }

    async fn end_grant(&self, intent: Intent, cmk: &CmkId, id: Option<GrantId>) -> Result<(), KmsError> {
        let (now, place) = (self.clock.now(), cmk.clone());
        self.ledger
            .change(intent, move |catalogue| {
                let record = catalogue.find(&place, now).ok_or(KmsError::NotFound)?;
                record.admit(KeyOperation::EndGrant)?;
                let id = id.ok_or(KmsError::InvalidGrantId)?;
                catalogue.grant(place.uid, id).ok_or(KmsError::InvalidGrantId)?;
                let row = GrantRecord::key(place.uid, id);
                let mut transaction = touched(place.uid, record);
                transaction
                    .expect(Expectation::Present(Table::CmkGrants, row.clone().into()))
                    .delete(Table::CmkGrants, row);
                Ok(Plan::Commit(transaction, ()))
            })
            .await
    }

    /// The grant a token names.
    fn open_grant_token(&self, token: &str) -> Result<(CmkId, GrantId), KmsError> {
        let parts = || {
            let bytes: [u8; TOKEN_BYTES] = BASE64.decode(token.as_bytes()).ok()?.try_into().ok()?;
            let (format, rest) = bytes.split_first()?;
            let (uid, rest) = rest.split_first_chunk::<16>()?;
            let (id, secret) = rest.split_first_chunk::<32>()?;
            let (uid, id, now) = (CmkUid::from_bytes(*uid), GrantId(*id), self.clock.now());
            self.ledger.read(|catalogue| {
                let grant = catalogue.grant(uid, id)?;
                let is_ours = *format == TOKEN_FORMAT && crypto::constant_time_eq(&grant.token, secret);
                is_ours.then_some((catalogue.cmk(uid, now)?.id(uid), id))
            })
        };
        parts().ok_or(KmsError::InvalidGrantToken)
    }
}
