//! The encryption context: the caller's key-value pairs that a wrap under a CMK is bound to. Order does not matter,
//! letter case does, and unwrapping needs exactly the same pairs.

use crate::KmsError;
use std::collections::BTreeMap;

/// Most bytes of all keys and values of a context together. AWS KMS documents the same order of magnitude.
pub const CONTEXT_BYTES_MAX: usize = 8192;

/// What the keys of pairs begin with that an API makes by itself, for a binding that is not made of pairs. Callers cannot
/// use such keys, so that what one API bound is never taken for the pairs of another.
pub const RESERVED_CONTEXT_PREFIX: &str = "strongroom:";

/// Key-value pairs authenticated with a wrap, never stored with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EncryptionContext(BTreeMap<String, String>);

impl EncryptionContext {
    /// The empty context.
    pub fn new() -> Self {
        Self::default()
    }

    /// A context from its pairs; a later pair replaces an earlier one with the same key.
    ///
    /// # Errors
    /// [`KmsError::Validation`] when keys and values together exceed [`CONTEXT_BYTES_MAX`], or a key is empty or reserved.
    pub fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Self, KmsError> {
        let mut context = Self::new();
        for (key, value) in pairs {
            context.insert(key, value)?;
        }
        Ok(context)
    }

    /// A context of one pair that no caller can make: `name` is that of an API's own way of binding.
    ///
    /// # Errors
    /// [`KmsError::Validation`] over [`CONTEXT_BYTES_MAX`].
    pub fn reserved(name: &str, value: &str) -> Result<Self, KmsError> {
        let mut context = Self::new();
        context.put(format!("{RESERVED_CONTEXT_PREFIX}{name}"), value.to_owned())?;
        Ok(context)
    }

    /// Adds or replaces a pair.
    ///
    /// # Errors
    /// As [`EncryptionContext::from_pairs`]; the context is unchanged then.
    pub fn insert(&mut self, key: impl Into<String>, value: impl Into<String>) -> Result<(), KmsError> {
        let key = key.into();
        if key.starts_with(RESERVED_CONTEXT_PREFIX) {
            return Err(KmsError::Validation(format!(
                "encryption context keys that begin with {RESERVED_CONTEXT_PREFIX} are reserved"
            )));
        }
        self.put(key, value.into())
    }

    fn put(&mut self, key: String, value: String) -> Result<(), KmsError> {
        if key.is_empty() {
            return Err(KmsError::Validation("an encryption context key is empty".to_owned()));
        }
        let replaced = self.0.get(&key).map_or(0, |old| key.len() + old.len());
        if self.bytes() - replaced + key.len() + value.len() > CONTEXT_BYTES_MAX {
            return Err(KmsError::Validation(format!("the encryption context exceeds {CONTEXT_BYTES_MAX} bytes")));
        }
        self.0.insert(key, value);
        Ok(())
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// Whether there is no pair.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The pairs of both, the other's before its own: what is decided on, which has no limit beyond theirs.
    #[must_use]
    pub fn joined(&self, other: &Self) -> Self {
        let pairs = self.0.iter().chain(&other.0);
        Self(pairs.map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    /// Whether each of its pairs is one of the other's.
    pub fn is_within(&self, other: &Self) -> bool {
        self.iter().all(|(key, value)| other.get(key) == Some(value))
    }

    /// The pairs in byte order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(k, v)| (k.as_str(), v.as_str()))
    }

    /// The canonical bytes a wrap is bound to: number of pairs (u32 BE), then for each pair in byte order of the keys
    /// the key and the value, each with its u32 BE length (docs/formats/kms-records.md). Two contexts have the same
    /// bytes only if they are equal.
    pub fn canonical(&self) -> Vec<u8> {
        let mut w = model::codec::Writer::bare();
        // Each pair takes at least one byte of CONTEXT_BYTES_MAX, so the count fits.
        w.u32(self.0.len() as u32);
        for (key, value) in &self.0 {
            w.str(key).str(value);
        }
        w.finish()
    }

    fn bytes(&self) -> usize {
        self.0.iter().map(|(k, v)| k.len() + v.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(pairs: &[(&str, &str)]) -> EncryptionContext {
        EncryptionContext::from_pairs(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))).unwrap()
    }

    #[test]
    fn canonical_bytes_ignore_order_and_keep_boundaries() {
        assert_eq!(context(&[("a", "1"), ("b", "2")]).canonical(), context(&[("b", "2"), ("a", "1")]).canonical());
        assert_eq!(context(&[("a", "1")]).canonical(), *b"\0\0\0\x01\0\0\0\x01a\0\0\0\x011");
        let all = [
            context(&[]),
            context(&[("a", "1")]),
            context(&[("A", "1")]),
            context(&[("a1", "")]),
            context(&[("a", "1"), ("b", "")]),
            context(&[("a", ""), ("1b", "")]),
        ];
        for (i, a) in all.iter().enumerate() {
            for (j, b) in all.iter().enumerate() {
                assert_eq!(a.canonical() == b.canonical(), i == j, "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn a_context_is_within_another_by_its_pairs() {
        let whole = context(&[("a", "1"), ("b", "2")]);
        for part in [&[][..], &[("a", "1")], &[("b", "2"), ("a", "1")]] {
            assert!(context(part).is_within(&whole), "{part:?}");
        }
        for other in [&[("a", "2")][..], &[("c", "1")], &[("A", "1")], &[("a", "1"), ("b", "2"), ("c", "3")]] {
            assert!(!context(other).is_within(&whole), "{other:?}");
        }
    }

    #[test]
    fn joined_contexts_have_the_pairs_of_both_at_any_size() {
        let (a, b) = (context(&[("a", "1"), ("b", "1")]), context(&[("b", "2"), ("c", "2")]));
        assert_eq!(a.joined(&b), context(&[("a", "1"), ("b", "2"), ("c", "2")]));
        assert_eq!((a.joined(&context(&[])), context(&[]).joined(&a)), (a.clone(), a.clone()));
        let full = context(&[("k", &"v".repeat(CONTEXT_BYTES_MAX - 1))]);
        assert!(b.is_within(&full.joined(&b)) && full.is_within(&full.joined(&b)));
    }

    #[test]
    fn reserved_keys_are_not_for_callers() {
        let reserved = EncryptionContext::reserved("x", "1").unwrap();
        assert_eq!(reserved.iter().collect::<Vec<_>>(), [("strongroom:x", "1")]);
        let pair = ("strongroom:x".to_owned(), "1".to_owned());
        assert!(matches!(EncryptionContext::from_pairs([pair]), Err(KmsError::Validation(_))));
        assert!(EncryptionContext::from_pairs([("strongroom".to_owned(), "1".to_owned())]).is_ok());
        assert!(EncryptionContext::reserved("x", &"1".repeat(CONTEXT_BYTES_MAX)).is_err());
    }

    #[test]
    fn the_limit_counts_keys_and_values_and_replacement_frees_room() {
        let mut c = EncryptionContext::new();
        c.insert("k", "v".repeat(CONTEXT_BYTES_MAX - 1)).unwrap();
        assert!(matches!(c.insert("x", ""), Err(KmsError::Validation(_))));
        c.insert("k", "short").unwrap();
        c.insert("x", "").unwrap();
        assert!(matches!(c.insert("", "v"), Err(KmsError::Validation(_))));
    }
}
