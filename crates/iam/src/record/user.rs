//! Users. Key of the row: the user's uid.

use super::{
    account_id, list, name, open_v1, path, read_attachments, read_ref, time, write_attachments, write_boundary,
};
use crate::SecretSealer;
use crate::entity::User;
use model::codec::{DecodeError, Writer};
use model::{Entropy, GroupUid, Timestamp, UserUid};
use std::fmt;
use std::sync::Arc;

/// A user with what is not told of it.
#[derive(Clone, Debug)]
pub(crate) struct UserEntry {
    pub(crate) user: Arc<User>,
    pub(crate) password: Option<Password>,
}

/// A hashed password, sealed: whoever reads the disk without the root key cannot even guess.
#[derive(Clone)]
pub(crate) struct Password {
    set: Timestamp,
    note: [u8; 16],
    sealed: Vec<u8>,
    /// The hash in memory, as the hasher made it.
    pub(crate) hash: Arc<[u8]>,
}

impl Password {
    /// Seals a hash; what is sealed names the user too, so that a hash moved to another row does not open there.
    pub(crate) fn seal(
        user: UserUid,
        hash: &[u8],
        set: Timestamp,
        sealer: &dyn SecretSealer,
        entropy: &dyn Entropy,
    ) -> Self {
        let mut note = [0; 16];
        entropy.fill(&mut note);
        let sealed = sealer.seal(&note, &[user.as_bytes(), hash].concat());
        Self { set, note, sealed, hash: hash.into() }
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

impl UserEntry {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let user = &self.user;
        let mut w = Writer::new(1);
        w.str(user.account.as_str()).str(user.name.as_str()).str(user.path.as_str()).str(&user.description);
        w.u64(user.created.as_millis()).bool(user.enabled).u64(user.sessions_from.as_millis());
        w.u32(user.groups.len() as u32);
        user.groups.iter().for_each(|group| {
            w.raw(group.as_bytes());
        });
        write_boundary(&mut w, user.boundary.as_ref());
        write_attachments(&mut w, &user.attachments);
        w.option(self.password.as_ref(), |w, password| {
            w.u64(password.set.as_millis()).raw(&password.note).bytes(&password.sealed);
        });
        w.finish()
    }

    pub(crate) fn decode(uid: UserUid, bytes: &[u8], sealer: &dyn SecretSealer) -> Result<Self, DecodeError> {
        let mut r = open_v1(bytes)?;
        let mut user = User {
            uid,
            account: account_id(&mut r)?,
            name: name(&mut r)?,
            path: path(&mut r)?,
            description: r.str()?.to_owned(),
            created: time(&mut r)?,
            enabled: r.bool()?,
            sessions_from: time(&mut r)?,
            groups: list(&mut r, |r| Ok(GroupUid::from_bytes(r.array()?)))?.into_iter().collect(),
            boundary: r.option(read_ref)?,
            attachments: read_attachments(&mut r)?,
            password_set: None,
        };
        let stored = r.option(|r| Ok((time(r)?, r.array()?, r.bytes()?.to_vec())))?;
        r.finish()?;
        let password = match stored {
            None => None,
            Some((set, note, sealed)) => {
                let plain = sealer.open(&note, &sealed).ok_or(DecodeError("the password does not open"))?;
                let hash = plain.strip_prefix(uid.as_bytes()).ok_or(DecodeError("the password is another user's"))?;
                user.password_set = Some(set);
                Some(Password { set, note, sealed, hash: hash.into() })
            }
        };
        Ok(Self { user: Arc::new(user), password })
    }
}
