//! Is this the root key the data directory was made with? A random secret wrapped under the root key stands in the
//! `System` table; a root key that does not unwrap it is refused before anything is read or made with it.

use crate::KmsError;
use crypto::{Binding, KEY_BYTES, RootKey, SecretBytes, WRAPPED_BYTES, Wrapped};
use model::Entropy;
use model::codec::{DecodeError, Reader, Writer};
use std::sync::Arc;
use store::{CommitError, Expectation, MetaStore, Table, Transaction};

/// Key of the row in [`Table::System`].
pub(crate) const ROW: &[u8] = b"kms/root-check";
const FORMAT: u8 = 1;

/// Verifies the root key; at the first start of a data directory, writes the check value.
///
/// # Errors
/// [`KmsError::WrongRootKey`]; [`KmsError::Damaged`] when the row is unreadable, or absent although keys exist.
pub(crate) async fn verify(store: &Arc<dyn MetaStore>, root: &RootKey, entropy: &dyn Entropy) -> Result<(), KmsError> {
    if let Some(row) = read(store).await? {
        return check(&row, root);
    }
    let mut first_start = Transaction::new();
    // A check value is made only where nothing is wrapped yet: it must not bless another root key.
    first_start
        .expect(Expectation::Absent(Table::System, ROW.to_vec().into()))
        .expect(Expectation::EmptyPrefix(Table::Cmks, Vec::new().into()))
        .expect(Expectation::EmptyPrefix(Table::InternalKeys, Vec::new().into()))
        .put(Table::System, ROW, record(root, entropy));
    match store.commit(first_start).await {
        Ok(()) => Ok(()),
        Err(CommitError::Conflict(_)) => match read(store).await? {
            Some(row) => check(&row, root),
            None => Err(KmsError::Damaged("the root key's check value is missing although keys exist".to_owned())),
        },
        Err(error) => Err(error.into()),
    }
}

/// Whether a data directory was made with this root key; `None` for one that was made with none yet.
///
/// # Errors
/// [`KmsError::Damaged`] when the check value is unreadable; [`KmsError::Unavailable`].
pub async fn root_fits(store: &Arc<dyn MetaStore>, root: &RootKey) -> Result<Option<bool>, KmsError> {
    let Some(row) = read(store).await? else { return Ok(None) };
    match check(&row, root) {
        Ok(()) => Ok(Some(true)),
        Err(KmsError::WrongRootKey) => Ok(Some(false)),
        Err(error) => Err(error),
    }
}

/// A check value for a root key.
pub(crate) fn record(root: &RootKey, entropy: &dyn Entropy) -> Vec<u8> {
    let mut record = Writer::new(FORMAT);
    let secret = SecretBytes::<KEY_BYTES>::random(entropy);
    record.raw(crypto::wrap(root, &secret, &binding(), entropy).as_bytes());
    record.finish()
}

async fn read(store: &Arc<dyn MetaStore>) -> Result<Option<Vec<u8>>, KmsError> {
    Ok(store::read(store, |snapshot| Ok(snapshot.get(Table::System, ROW)?.map(|row| row.to_vec()))).await?)
}

pub(crate) fn check(row: &[u8], root: &RootKey) -> Result<(), KmsError> {
    let wrapped = decode(row).map_err(|e| KmsError::Damaged(format!("the root key's check value: {e}")))?;
    crypto::unwrap(root, &wrapped, &binding()).map(drop).map_err(|_| KmsError::WrongRootKey)
}

fn decode(row: &[u8]) -> Result<Wrapped<SecretBytes<KEY_BYTES>>, DecodeError> {
    let (format, mut r) = Reader::open(row)?;
    if format != FORMAT {
        return Err(DecodeError("unknown format version"));
    }
    let wrapped = r.array::<WRAPPED_BYTES>()?;
    r.finish()?;
    Ok(Wrapped::from_bytes(wrapped))
}

fn binding() -> Binding {
    Binding::new("root-check")
}
