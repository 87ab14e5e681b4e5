//! CreateGrant, ListGrants, ListRetirableGrants, RevokeGrant, RetireGrant.

use super::fault::{Fault, Kind};
use super::input::{self, required};
use super::keys::{invalid_marker, page, seconds};
use super::lifecycle::about;
use super::subject::Subject;
use super::{Call, Output, members};
use kms::{GrantDescription, GrantRef, NewGrant};
use model::CmkUid;
use policy::{Action, ContextConstraint};
use serde_json::{Value, json};

const GRANTS_PER_PAGE: usize = 50;
const GRANTS_PER_PAGE_MAX: usize = 100;
/// Longest name of a grant and longest id, in characters (AWS).
const NAME_CHARS_MAX: usize = 256;
const ID_CHARS_MAX: usize = 128;

/// What a grant on a symmetric CMK can allow, in the order in which it is shown.
const OPERATIONS: [Action; 9] = [
    Action::KmsDecrypt,
    Action::KmsEncrypt,
    Action::KmsGenerateDataKey,
    Action::KmsGenerateDataKeyWithoutPlaintext,
    Action::KmsReEncryptFrom,
    Action::KmsReEncryptTo,
    Action::KmsCreateGrant,
    Action::KmsRetireGrant,
    Action::KmsDescribeKey,
];

impl Call<'_> {
    pub(super) async fn create_grant(&self, input: members::CreateGrant) -> Output {
        self.check_grant_tokens(&input.grant_tokens)?;
        let grant = NewGrant {
            grantee: required(&input.grantee_principal, "granteePrincipal")?.to_owned(),
            retiring: input.retiring_principal,
            operations: operations(input.operations)?,
            constraint: constraint(input.constraints)?,
            name: name(input.name)?,
        };
        let cmk = self.managed_key(&input.key_id, "keyId", Action::KmsCreateGrant).await?;
        if input.dry_run == Some(true) {
            let dry = self.service.dry_run_grant(self.user, &cmk, &grant).await;
            return Err(dry.map_or_else(|error| about(&cmk, error), |()| Fault::dry_run()));
        }
        let made = self.service.create_grant(self.user, &cmk, grant).await.map_err(|error| about(&cmk, error))?;
        Ok(Some(json!({ "GrantId": made.id, "GrantToken": made.token })))
    }

    pub(super) async fn list_grants(&self, input: members::ListGrants) -> Output {
        let limit = input::limit(input.limit, GRANTS_PER_PAGE, GRANTS_PER_PAGE_MAX)?;
        let after = match input.marker {
            Some(marker) if is_id(&marker) => Some(marker),
            Some(_) => return Err(invalid_marker()),
            None => None,
        };
        if input.grant_id.as_ref().is_some_and(|id| !is_id(id)) {
            return Err(Fault::unasked(kms::KmsError::InvalidGrantId, &Subject::account()));
        }
        let cmk = self.managed_key(&input.key_id, "keyId", Action::KmsListGrants).await?;
        let grants = self.service.grants(self.user, &cmk).await.map_err(|error| about(&cmk, error))?;
        let rest = grants
            .into_iter()
            .filter(|grant| after.as_ref().is_none_or(|after| grant.id > *after))
            .filter(|grant| input.grant_id.as_ref().is_none_or(|id| grant.id == *id))
            .filter(|grant| input.grantee_principal.as_ref().is_none_or(|grantee| grant.grant.grantee == *grantee));
        Ok(Some(page("Grants", rest, limit, described, |grant| grant.id.clone())))
    }

    pub(super) async fn list_retirable_grants(&self, input: members::ListGrants) -> Output {
        let limit = input::limit(input.limit, GRANTS_PER_PAGE, GRANTS_PER_PAGE_MAX)?;
        let retiring = required(&input.retiring_principal, "retiringPrincipal")?;
        let after = match &input.marker {
            Some(marker) => Some(
                marker
                    .split_once(':')
                    .and_then(|(cmk, id)| Some((CmkUid::parse_uuid(cmk)?, id.to_owned())))
                    .ok_or_else(invalid_marker)?,
            ),
            None => None,
        };
        let grants = self
            .service
            .retirable_grants(self.user, Some(retiring))
            .await
            .map_err(|error| Fault::of(error, &Subject::account()))?;
        let rest = grants
            .into_iter()
            .filter(|grant| after.as_ref().is_none_or(|(cmk, id)| (grant.cmk.uid, &grant.id) > (*cmk, id)));
        let marker = |grant: &GrantDescription| format!("{}:{}", grant.cmk.uid.to_uuid(), grant.id);
        Ok(Some(page("Grants", rest, limit, described, marker)))
    }

    pub(super) async fn revoke_grant(&self, input: members::OneGrant) -> Output {
        refuse_dry_run("RevokeGrant", input.dry_run)?;
        let id = grant_id(&input.grant_id)?;
        let cmk = self.managed_key(&input.key_id, "keyId", Action::KmsRevokeGrant).await?;
        self.service.revoke_grant(self.user, &cmk, id).await.map_err(|error| about(&cmk, error))?;
        Ok(None)
    }

    pub(super) async fn retire_grant(&self, input: members::OneGrant) -> Output {
        refuse_dry_run("RetireGrant", input.dry_run)?;
        let (grant, subject) = match (&input.grant_token, &input.key_id, &input.grant_id) {
            (Some(token), None, None) => (GrantRef::Token(token.clone()), Subject::account()),
            (None, Some(_), Some(_)) => {
                let id = grant_id(&input.grant_id)?.to_owned();
                let cmk = self.managed_key(&input.key_id, "keyId", Action::KmsRetireGrant).await?;
                let subject = Subject::found(&cmk);
                (GrantRef::Id(cmk, id), subject)
            }
            _ => {
                return Err(Fault::new(Kind::Validation, "Specify either GrantToken, or KeyId and GrantId."));
            }
        };
        self.service.retire_grant(self.user, grant).await.map_err(|error| Fault::of(error, &subject))?;
        Ok(None)
    }
}

fn described(grant: &GrantDescription) -> Value {
    let operations: Vec<&str> = OPERATIONS
        .iter()
        .filter(|action| grant.grant.operations.contains(action))
        .map(|action| name_of(*action))
        .collect();
    let issuing = grant.issuer.split(':').nth(4).unwrap_or_default();
    let mut shown = json!({
        "KeyId": grant.cmk.to_arn(),
        "GrantId": grant.id,
        "CreationDate": seconds(grant.created),
        "GranteePrincipal": grant.grant.grantee,
        "IssuingAccount": format!("arn:aws:iam::{issuing}:root"),
        "Operations": operations,
    });
    if !grant.grant.name.is_empty() {
        shown["Name"] = grant.grant.name.as_str().into();
    }
    if let Some(retiring) = &grant.grant.retiring {
        shown["RetiringPrincipal"] = retiring.as_str().into();
    }
    match &grant.grant.constraint {
        Some(ContextConstraint::Equals(pairs)) => shown["Constraints"] = json!({ "EncryptionContextEquals": pairs }),
        Some(ContextConstraint::Subset(pairs)) => shown["Constraints"] = json!({ "EncryptionContextSubset": pairs }),
        None => {}
    }
    shown
}

/// The operation's name in grants: the action's without its service.
fn name_of(action: Action) -> &'static str {
    action.name().strip_prefix("kms:").unwrap_or(action.name())
}

fn operations(given: Option<Vec<String>>) -> Result<Vec<Action>, Fault> {
    let given = given.ok_or_else(|| Fault::missing("operations"))?;
    let mut operations = Vec::with_capacity(OPERATIONS.len());
    for name in &given {
        let action = OPERATIONS.iter().copied().find(|action| name_of(*action) == name).ok_or_else(|| {
            let offered = OPERATIONS.map(name_of).join(", ");
            Fault::constraint("...", "operations", &format!("Member must satisfy enum value set: [{offered}]"))
        })?;
        if !operations.contains(&action) {
            operations.push(action);
        }
    }
    if operations.is_empty() {
        return Err(Fault::constraint("[]", "operations", "Member must have length greater than or equal to 1"));
    }
    Ok(operations)
}

fn constraint(given: Option<members::GrantConstraints>) -> Result<Option<ContextConstraint>, Fault> {
    let Some(given) = given else { return Ok(None) };
    match (given.encryption_context_equals, given.encryption_context_subset) {
        (Some(pairs), None) => Ok(Some(ContextConstraint::Equals(pairs))),
        (None, Some(pairs)) => Ok(Some(ContextConstraint::Subset(pairs))),
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(Fault::new(
            Kind::Validation,
            "A grant has either EncryptionContextEquals or EncryptionContextSubset, not both.",
        )),
    }
}

fn name(given: Option<String>) -> Result<String, Fault> {
    let ok = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b':' | b'/' | b'_' | b'-');
    match given {
        None => Ok(String::new()),
        Some(name) if (1..=NAME_CHARS_MAX).contains(&name.len()) && name.bytes().all(ok) => Ok(name),
        Some(_) => {
            let rule = format!("Member must consist of 1 to {NAME_CHARS_MAX} letters, digits and :/_-");
            Err(Fault::constraint("...", "name", &rule))
        }
    }
}

fn grant_id(given: &Option<String>) -> Result<&str, Fault> {
    let id = required(given, "grantId")?;
    if id.len() > ID_CHARS_MAX {
        let rule = format!("Member must have length less than or equal to {ID_CHARS_MAX}");
        return Err(Fault::constraint("...", "grantId", &rule));
    }
    Ok(id)
}

fn is_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

impl Call<'_> {
    /// Grants are in force at once, so that a token gives nothing; whoever sends one that is not good is told.
    pub(super) fn check_grant_tokens(&self, tokens: &Option<Vec<String>>) -> Result<(), Fault> {
        input::check_grant_tokens(tokens)?;
        let tokens = tokens.as_deref().unwrap_or_default();
        self.service.check_grant_tokens(tokens).map_err(|error| Fault::unasked(error, &Subject::account()))
    }
}

/// Ignoring the wish that nothing happens would do harm.
fn refuse_dry_run(operation: &str, given: Option<bool>) -> Result<(), Fault> {
    if given == Some(true) {
        let message = format!("This server does not offer DryRun for {operation}.");
        return Err(Fault::new(Kind::UnsupportedOperation, message));
    }
    Ok(())
}
