//! What a token says: the claims of temporary credentials and of identity tokens, as they are sealed
//! (docs/formats/iam-records.md). A token carries everything that is needed to accept it, except what may change until it
//! ends: whether its identity still exists and is enabled, and what that may do.

use crate::SecretAccessKey;
use crate::entity::PolicyRef;
use crate::record::{list, read_ref, time, write_ref};
use model::codec::{DecodeError, Reader, Writer};
use model::{AccessKeyId, AccountId, ProjectUid, RoleUid, Timestamp, UserUid};
use policy::{Assumer, Lineage};
use zeroize::Zeroizing;

const FORMAT: u8 = 1;
const WHO_ROOT: u8 = 1;
const WHO_USER: u8 = 2;
const WHO_ROLE: u8 = 3;
const NARROW_TEXT: u8 = 1;
const NARROW_REF: u8 = 2;

/// Most roles that are assumed one out of the other: each is looked at with every change of the directory.
pub(crate) const ASSUMERS_MAX: usize = 8;

/// Which identity of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    Root,
    User(UserUid),
    Role(RoleUid, String),
}

impl Who {
    /// The identity without the name of its session.
    pub(crate) fn of(&self, account: &AccountId) -> Assumer {
        match self {
            Self::Root => Assumer::Root(account.clone()),
            Self::User(uid) => Assumer::User(account.clone(), *uid),
            Self::Role(uid, _) => Assumer::Role(account.clone(), *uid),
        }
    }
}

/// A session policy: its text, or a managed policy as it will be when the session is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Narrowing {
    Text(String),
    Ref(PolicyRef),
}

/// The claims.
#[derive(Debug)]
pub(crate) struct Claims {
    /// Names this token, for revoking it.
    pub(crate) id: [u8; 16],
    pub(crate) issued: Timestamp,
    pub(crate) expires: Timestamp,
    pub(crate) account: AccountId,
    pub(crate) who: Who,
    /// Whom it comes from: the session ends with each who assumed a role on the way, and with its family.
    pub(crate) lineage: Lineage,
    /// Session policies; `None`: not narrowed.
    pub(crate) narrowed: Option<Vec<Narrowing>>,
    /// The temporary access key, in a session token.
    pub(crate) credential: Option<(AccessKeyId, SecretAccessKey)>,
    /// What an identity token is scoped to.
    pub(crate) project: Option<ProjectUid>,
    /// How an identity token was asked for.
    pub(crate) methods: Vec<String>,
}

impl Claims {
    /// The bytes to seal. They hold a secret and are wiped.
    pub(crate) fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut w = Writer::new(FORMAT);
        w.raw(&self.id).u64(self.issued.as_millis()).u64(self.expires.as_millis());
        write_who(&mut w, &self.account, &self.who);
        w.raw(&self.lineage.family).u8(self.lineage.assumers.len() as u8);
        self.lineage.assumers.iter().for_each(|assumer| write_assumer(&mut w, assumer));
        w.option(self.narrowed.as_ref(), |w, policies| {
            w.u32(policies.len() as u32);
            for policy in policies {
                match policy {
                    Narrowing::Text(text) => {
                        w.u8(NARROW_TEXT).str(text);
                    }
                    Narrowing::Ref(reference) => {
                        w.u8(NARROW_REF);
                        write_ref(w, reference);
                    }
                }
            }
        });
        w.option(self.project.as_ref(), |w, project| {
            w.raw(project.as_bytes());
        });
        w.u32(self.methods.len() as u32);
        self.methods.iter().for_each(|method| {
            w.str(method);
        });
        let head = Zeroizing::new(w.finish());
        // The secret comes last, into a buffer that does not grow and so leaves no copy behind.
        let credential =
            self.credential.as_ref().map(|(id, secret)| [id.as_str().as_bytes(), secret.expose().as_bytes()]);
        let tail: usize = credential.iter().flatten().map(|field| 4 + field.len()).sum();
        let mut bytes = Zeroizing::new(Vec::with_capacity(head.len() + 1 + tail));
        bytes.extend_from_slice(&head);
        bytes.push(u8::from(credential.is_some()));
        for field in credential.iter().flatten() {
            bytes.extend_from_slice(&(field.len() as u32).to_be_bytes());
            bytes.extend_from_slice(field);
        }
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (format, mut r) = Reader::open(bytes)?;
        if format != FORMAT {
            return Err(DecodeError("unknown format version"));
        }
        let (id, issued, expires) = (r.array()?, time(&mut r)?, time(&mut r)?);
        let (account, who) = read_who(&mut r)?;
        let claims = Self {
            id,
            issued,
            expires,
            account,
            who,
            lineage: read_lineage(&mut r)?,
            narrowed: r.option(|r| list(r, read_narrowing))?,
            project: r.option(|r| Ok(ProjectUid::from_bytes(r.array()?)))?,
            methods: list(&mut r, |r| Ok(r.str()?.to_owned()))?,
            credential: r.option(|r| {
                let id = AccessKeyId::parse(r.str()?).ok_or(DecodeError("access key id"))?;
                Ok((id, SecretAccessKey::parse(r.str()?).ok_or(DecodeError("secret"))?))
            })?,
        };
        r.finish()?;
        Ok(claims)
    }
}

fn write_who(w: &mut Writer, account: &AccountId, who: &Who) {
    w.str(account.as_str());
    match who {
        Who::Root => w.u8(WHO_ROOT),
        Who::User(uid) => w.u8(WHO_USER).raw(uid.as_bytes()),
        Who::Role(uid, session) => w.u8(WHO_ROLE).raw(uid.as_bytes()).str(session),
    };
}

fn read_who(r: &mut Reader<'_>) -> Result<(AccountId, Who), DecodeError> {
    let account = AccountId::parse(r.str()?).ok_or(DecodeError("account id"))?;
    let who = match r.u8()? {
        WHO_ROOT => Who::Root,
        WHO_USER => Who::User(UserUid::from_bytes(r.array()?)),
        WHO_ROLE => Who::Role(RoleUid::from_bytes(r.array()?), r.str()?.to_owned()),
        _ => return Err(DecodeError("unknown kind of identity")),
    };
    Ok((account, who))
}

fn write_assumer(w: &mut Writer, assumer: &Assumer) {
    w.str(assumer.account().as_str());
    match assumer {
        Assumer::Root(_) => w.u8(WHO_ROOT),
        Assumer::User(_, uid) => w.u8(WHO_USER).raw(uid.as_bytes()),
        Assumer::Role(_, uid) => w.u8(WHO_ROLE).raw(uid.as_bytes()),
    };
}

fn read_lineage(r: &mut Reader<'_>) -> Result<Lineage, DecodeError> {
    let (family, len) = (r.array()?, r.u8()?);
    if usize::from(len) > ASSUMERS_MAX {
        return Err(DecodeError("number of assumers"));
    }
    let mut assumers = Vec::new();
    for _ in 0..len {
        let account = AccountId::parse(r.str()?).ok_or(DecodeError("account id"))?;
        assumers.push(match r.u8()? {
            WHO_ROOT => Assumer::Root(account),
            WHO_USER => Assumer::User(account, UserUid::from_bytes(r.array()?)),
            WHO_ROLE => Assumer::Role(account, RoleUid::from_bytes(r.array()?)),
            _ => return Err(DecodeError("unknown kind of identity")),
        });
    }
    Ok(Lineage { assumers, family })
}

fn read_narrowing(r: &mut Reader<'_>) -> Result<Narrowing, DecodeError> {
    match r.u8()? {
        NARROW_TEXT => Ok(Narrowing::Text(r.str()?.to_owned())),
        NARROW_REF => Ok(Narrowing::Ref(read_ref(r)?)),
        _ => Err(DecodeError("unknown kind of session policy")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_come_back_and_every_truncation_is_refused() {
        let account = AccountId::parse(&"a".repeat(32)).unwrap();
        let claims = Claims {
            id: [7; 16],
            issued: Timestamp::from_secs(1),
            expires: Timestamp::from_secs(2),
            account: account.clone(),
            who: Who::Role(RoleUid::from_bytes([1; 16]), "build".to_owned()),
            lineage: Lineage {
                assumers: vec![
                    Assumer::User(account.clone(), UserUid::from_bytes([2; 16])),
                    Assumer::Role(account.clone(), RoleUid::from_bytes([4; 16])),
                    Assumer::Root(account),
                ],
                family: [5; 16],
            },
            narrowed: Some(vec![
                Narrowing::Text("{}".to_owned()),
                Narrowing::Ref(PolicyRef::BuiltIn("ReadOnlyAccess")),
            ]),
            credential: Some((
                AccessKeyId::parse("SRTKABC").unwrap(),
                SecretAccessKey::parse("hunter2hunter2").unwrap(),
            )),
            project: Some(ProjectUid::from_bytes([3; 16])),
            methods: vec!["password".to_owned()],
        };
        let bytes = claims.encode();
        let again = Claims::decode(&bytes).unwrap();
        assert_eq!(*again.encode(), *bytes);
        assert_eq!((again.who, again.lineage, again.narrowed), (claims.who, claims.lineage, claims.narrowed));
        for end in 0..bytes.len() {
            assert!(Claims::decode(&bytes[..end]).is_err(), "cut at {end}");
        }
        assert!(!format!("{:?}", claims.credential).contains("hunter2"));
    }
}
