//! Accounts. Key of the row: the account id as text.

use crate::entity::Account;
use model::codec::{DecodeError, Reader, Writer};
use model::{AccountId, AccountNumber, EntityName, Timestamp};
use std::sync::Arc;

const FORMAT: u8 = 2;
/// What the one account of a directory of format 1 is called.
pub(crate) const FIRST_ACCOUNT_NAME: &str = "root";

/// An account with what is not told of it.
#[derive(Clone, Debug)]
pub(crate) struct AccountEntry {
    pub(crate) account: Arc<Account>,
    /// Temporary credentials and identity tokens of the account issued before this are refused.
    pub(crate) sessions_from: Timestamp,
}

impl AccountEntry {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let account = &self.account;
        let mut w = Writer::new(FORMAT);
        w.u64(account.created.as_millis()).str(account.number.as_str()).str(account.name.as_str());
        w.option(account.email.as_deref(), |w, email| {
            w.str(email);
        });
        w.bool(account.enabled).bool(account.operator).u64(self.sessions_from.as_millis());
        w.finish()
    }

    pub(crate) fn decode(id: AccountId, bytes: &[u8]) -> Result<Self, DecodeError> {
        let (format, mut r) = Reader::open(bytes)?;
        if !matches!(format, 1 | FORMAT) {
            return Err(DecodeError("unknown format version"));
        }
        let created = super::time(&mut r)?;
        let number = AccountNumber::parse(r.str()?).ok_or(DecodeError("account number"))?;
        let first = EntityName::parse(FIRST_ACCOUNT_NAME).ok_or(DecodeError("name"))?;
        // Format 1 knew one account only, the operator's.
        let (name, email, enabled, operator, sessions_from) = match format {
            1 => (first, None, true, true, Timestamp::default()),
            _ => (
                super::name(&mut r)?,
                r.option(|r| Ok(r.str()?.to_owned()))?,
                r.bool()?,
                r.bool()?,
                super::time(&mut r)?,
            ),
        };
        r.finish()?;
        let account = Arc::new(Account { id, number, name, email, created, enabled, operator });
        Ok(Self { account, sessions_from })
    }
}
