//! A grant, as it is asked for and told of, and what one must be like.

use crate::record::{GRANT_NAME_BYTES_MAX, GrantId, GrantRecord};
use crate::rights::{Facts, context_facts};
use crate::{CmkId, EncryptionContext, KeyUser, KmsError};
use data_encoding::BASE64;
use model::{CmkUid, Timestamp};
use policy::{Action, ConditionKey, ContextConstraint, Identity, KeyGrant};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The first byte of a token: its format.
pub(crate) const TOKEN_FORMAT: u8 = 1;
/// Format, CMK uid, grant id, what the grant's record holds against tokens that are made up.
pub(crate) const TOKEN_BYTES: usize = 1 + 16 + 32 + 32;
/// What a new grant is to be.
#[derive(Clone, Debug)]
pub struct NewGrant {
    /// Who may use the CMK by it: an ARN, an account's number or id, or the uid of a user or a role.
    pub grantee: String,
    /// Who may retire it, in the same forms.
    pub retiring: Option<String>,
    /// What it allows.
    pub operations: Vec<Action>,
    /// What the encryption context must be.
    pub constraint: Option<ContextConstraint>,
    /// Makes a repetition find the first one; may be empty.
    pub name: String,
}

/// A grant that was made.
#[derive(Clone, Debug)]
pub struct GrantMade {
    /// Its id: 64 hexadecimal digits.
    pub id: String,
    /// Names the grant to its retiring principal.
    pub token: String,
}

/// What may be told about a grant.
#[derive(Clone, Debug)]
pub struct GrantDescription {
    /// The CMK.
    pub cmk: CmkId,
    /// Its id.
    pub id: String,
    /// As given.
    pub grant: NewGrant,
    /// Who made it, as an ARN.
    pub issuer: String,
    /// When.
    pub created: Timestamp,
}

/// A grant to be retired.
#[derive(Clone, Debug)]
pub enum GrantRef {
    /// By its token.
    Token(String),
    /// By CMK and id.
    Id(CmkId, String),
}

impl GrantRecord {
    /// All that may be told of it.
    pub(crate) fn describe(&self, cmk: CmkId, id: GrantId) -> GrantDescription {
        GrantDescription {
            cmk,
            id: id.to_hex(),
            grant: NewGrant {
                grantee: self.grantee.clone(),
                retiring: self.retiring.clone(),
                operations: self.operations.clone(),
                constraint: self.constraint.clone(),
                name: self.name.clone(),
            },
            issuer: self.issuer.clone(),
            created: self.created,
        }
    }

    /// Whether it is the same grant, made again: by the same issuer, under the same name.
    fn repeats(&self, other: &Self) -> bool {
        let unlike =
            GrantRecord { created: other.created, token: other.token, issuer: other.issuer.clone(), ..self.clone() };
        !self.name.is_empty() && unlike == *other
    }
}

/// The grant that a new one repeats.
pub(crate) fn repeated<'a>(
    mut present: impl Iterator<Item = (GrantId, &'a Arc<GrantRecord>)>,
    wanted: &GrantRecord,
) -> Option<(GrantId, &'a Arc<GrantRecord>)> {
    present.find(|(_, grant)| grant.repeats(wanted))
}

/// What its maker is told.
pub(crate) fn made(uid: CmkUid, id: GrantId, grant: &GrantRecord) -> GrantMade {
    let token = [&[TOKEN_FORMAT][..], uid.as_bytes(), &id.0, &grant.token].concat();
    GrantMade { id: id.to_hex(), token: BASE64.encode(&token) }
}

/// What a grant must be like, whoever makes it.
pub(crate) fn check(id: GrantId, grant: &NewGrant) -> Result<(), KmsError> {
    let NewGrant { grantee, retiring, operations, constraint, name } = grant;
    KeyGrant::new(&id.to_hex(), grantee, retiring.as_deref(), operations, constraint.clone()).map_err(refused)?;
    if operations.iter().all(|action| *action == Action::KmsCreateGrant) {
        return Err(KmsError::Validation("a grant does not allow `CreateGrant` alone".to_owned()));
    }
    let ok = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b':' | b'/' | b'_' | b'-');
    if name.len() > GRANT_NAME_BYTES_MAX || !name.bytes().all(ok) {
        return Err(KmsError::Validation(
            "the name of a grant consists of 1 to 256 letters, digits and :/_-".to_owned(),
        ));
    }
    // As long as a context may be, and without what no context can have.
    let pairs = pairs_of(grant).map(|(key, value)| (key.to_owned(), value.to_owned()));
    EncryptionContext::from_pairs(pairs).map(drop)
}

/// What the evaluator's room says of a name or an operation, in this room's words.
pub(crate) fn refused(error: policy::GrantError) -> KmsError {
    KmsError::Validation(error.to_string())
}

fn pairs_of(grant: &NewGrant) -> impl Iterator<Item = (&str, &str)> {
    let pairs: Option<&BTreeMap<String, String>> = match &grant.constraint {
        None => None,
        Some(ContextConstraint::Equals(pairs) | ContextConstraint::Subset(pairs)) => Some(pairs),
    };
    pairs.into_iter().flatten().map(|(key, value)| (key.as_str(), value.as_str()))
}

/// A new grant, as conditions see it.
pub(crate) fn facts_of<'a>(grant: &'a NewGrant, operations: &[&'a str]) -> Facts<'a> {
    let mut facts = context_facts(pairs_of(grant));
    facts.extend(operations.iter().map(|name| (ConditionKey::GrantOperations, *name)));
    facts.push((ConditionKey::GranteePrincipal, grant.grantee.trim()));
    facts.push((ConditionKey::GrantIsForAwsResource, "false"));
    facts.extend(grant.retiring.as_deref().map(|retiring| (ConditionKey::RetiringPrincipal, retiring.trim())));
    facts.extend(grant.constraint.as_ref().map(|own| (ConditionKey::GrantConstraintType, own.type_name())));
    facts
}

/// The principal in the form that stays when it is renamed; `None` for nobody.
pub(crate) fn uid_text(user: &KeyUser) -> Option<String> {
    let caller = user.principal.caller()?;
    Some(match &caller.identity {
        Identity::Root => caller.account.as_str().to_owned(),
        Identity::User { uid, .. } => uid.to_string(),
        Identity::Role { uid, .. } => uid.to_string(),
    })
}

/// The account in a principal's name, whichever form it has; the whole of a name that holds nothing else.
pub(crate) fn account_in(name: &str) -> Option<&str> {
    let name = name.trim();
    match name.strip_prefix("domain/") {
        Some(rest) => rest.split(':').next(),
        None if name.starts_with("arn:") => name.split(':').nth(4),
        None if name.contains(':') => name.split(':').nth(2),
        None => Some(name),
    }
}

/// An action as `kms:GrantOperations` names it.
pub(crate) fn bare_name(action: Action) -> &'static str {
    action.name().strip_prefix("kms:").unwrap_or(action.name())
}

/// As much of what a caller wrote as belongs on record.
pub(crate) fn shown(text: &str) -> String {
    text.chars().take(GRANT_NAME_BYTES_MAX).collect()
}
