//! A grant, as table `cmk_grants` keeps it.

use super::{FORMAT_1, open};
use data_encoding::HEXLOWER;
use model::codec::{DecodeError, Reader, Writer};
use model::{CmkUid, Entropy, Timestamp};
use policy::{Action, ContextConstraint, GrantError, KeyGrant};
use std::collections::BTreeMap;

/// Longest name of a grant in bytes (AWS: 256).
pub(crate) const GRANT_NAME_BYTES_MAX: usize = 256;

/// What a grant can allow and its code, in order of the codes. A code is never given to another operation.
const OPERATIONS: [(Action, u8); 9] = [
    (Action::KmsDecrypt, 1),
    (Action::KmsEncrypt, 2),
    (Action::KmsGenerateDataKey, 3),
    (Action::KmsGenerateDataKeyWithoutPlaintext, 4),
    (Action::KmsReEncryptFrom, 5),
    (Action::KmsReEncryptTo, 6),
    (Action::KmsCreateGrant, 7),
    (Action::KmsRetireGrant, 8),
    (Action::KmsDescribeKey, 9),
];

const CONSTRAINT_NONE: u8 = 0;
const CONSTRAINT_EQUALS: u8 = 1;
const CONSTRAINT_SUBSET: u8 = 2;

/// The id of a grant: 32 random bytes, on the wire 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct GrantId(pub(crate) [u8; 32]);

impl GrantId {
    pub(crate) fn random(entropy: &dyn Entropy) -> Self {
        let mut bytes = [0; 32];
        entropy.fill(&mut bytes);
        Self(bytes)
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Some(Self(HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()?))
    }

    pub(crate) fn to_hex(self) -> String {
        HEXLOWER.encode(&self.0)
    }
}

/// A grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GrantRecord {
    pub(crate) created: Timestamp,
    /// Who made it, as an ARN, for those who list it.
    pub(crate) issuer: String,
    /// The same as [`policy::Principal::urn`] names it: stays when it is renamed.
    pub(crate) issuer_urn: String,
    pub(crate) grantee: String,
    pub(crate) retiring: Option<String>,
    /// In order of their codes, each once.
    pub(crate) operations: Vec<Action>,
    pub(crate) constraint: Option<ContextConstraint>,
    /// May be empty.
    pub(crate) name: String,
    /// What its token holds besides the ids, so that nobody makes one up.
    pub(crate) token: [u8; 32],
}

impl GrantRecord {
    pub(crate) fn key(uid: CmkUid, id: GrantId) -> Vec<u8> {
        [uid.as_bytes().as_slice(), &id.0].concat()
    }

    pub(crate) fn parts_of_key(key: &[u8]) -> Result<(CmkUid, GrantId), DecodeError> {
        let mut r = Reader::bare(key);
        let parts = (CmkUid::from_bytes(r.array()?), GrantId(r.array()?));
        r.finish()?;
        Ok(parts)
    }

    /// Operations as records keep them: in order of their codes, each once. `None` if no grant can allow one of them.
    pub(crate) fn in_order(operations: &[Action]) -> Option<Vec<Action>> {
        if !operations.iter().all(|wanted| OPERATIONS.iter().any(|(action, _)| action == wanted)) {
            return None;
        }
        Some(OPERATIONS.iter().map(|(action, _)| *action).filter(|action| operations.contains(action)).collect())
    }

    /// As the evaluator takes it.
    ///
    /// # Errors
    /// [`GrantError`] for names and operations that no grant can have.
    pub(crate) fn parsed(&self, id: GrantId) -> Result<KeyGrant, GrantError> {
        KeyGrant::new(&id.to_hex(), &self.grantee, self.retiring.as_deref(), &self.operations, self.constraint.clone())
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new(FORMAT_1);
        w.u64(self.created.as_millis()).str(&self.issuer).str(&self.issuer_urn).str(&self.grantee);
        w.option(self.retiring.as_deref(), |w, retiring| {
            w.str(retiring);
        });
        let codes: Vec<u8> =
            OPERATIONS.iter().filter(|(action, _)| self.operations.contains(action)).map(|(_, code)| *code).collect();
        w.bytes(&codes);
        match &self.constraint {
            None => w.u8(CONSTRAINT_NONE),
            Some(ContextConstraint::Equals(pairs)) => write_pairs(w.u8(CONSTRAINT_EQUALS), pairs),
            Some(ContextConstraint::Subset(pairs)) => write_pairs(w.u8(CONSTRAINT_SUBSET), pairs),
        };
        w.str(&self.name).raw(&self.token);
        w.finish()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = open(bytes)?;
        let created = Timestamp::from_millis(r.u64()?);
        let (issuer, issuer_urn, grantee) = (r.str()?.to_owned(), r.str()?.to_owned(), r.str()?.to_owned());
        let retiring = match r.u8()? {
            0 => None,
            1 => Some(r.str()?.to_owned()),
            _ => return Err(DecodeError("retiring principal")),
        };
        let codes = r.bytes()?;
        if codes.is_empty() || !codes.is_sorted_by(|a, b| a < b) {
            return Err(DecodeError("operations of a grant"));
        }
        let operations = codes
            .iter()
            .map(|code| OPERATIONS.iter().find(|(_, known)| known == code).map(|(action, _)| *action))
            .collect::<Option<_>>()
            .ok_or(DecodeError("unknown operation of a grant"))?;
        let constraint = match r.u8()? {
            CONSTRAINT_NONE => None,
            CONSTRAINT_EQUALS => Some(ContextConstraint::Equals(read_pairs(&mut r)?)),
            CONSTRAINT_SUBSET => Some(ContextConstraint::Subset(read_pairs(&mut r)?)),
            _ => return Err(DecodeError("constraint of a grant")),
        };
        let (name, token) = (r.str()?.to_owned(), r.array()?);
        r.finish()?;
        Ok(Self { created, issuer, issuer_urn, grantee, retiring, operations, constraint, name, token })
    }
}

fn write_pairs<'w>(w: &'w mut Writer, pairs: &BTreeMap<String, String>) -> &'w mut Writer {
    w.u32(pairs.len() as u32);
    for (key, value) in pairs {
        w.str(key).str(value);
    }
    w
}

fn read_pairs(r: &mut Reader<'_>) -> Result<BTreeMap<String, String>, DecodeError> {
    let mut pairs = BTreeMap::<String, String>::new();
    for _ in 0..r.u32()? {
        let (key, value) = (r.str()?.to_owned(), r.str()?.to_owned());
        if pairs.last_key_value().is_some_and(|(last, _)| *last >= key) {
            return Err(DecodeError("order of a constraint's pairs"));
        }
        pairs.insert(key, value);
    }
    Ok(pairs)
}
