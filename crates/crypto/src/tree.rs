//! The key tree on one page: every label, and every arrow as a function. docs/keys.md draws it.
//!
//! ```text
//! root key ----- wraps --> CMK material -- wraps --> bucket key -- wraps --> DEK      customer key -- wraps --> DEK
//!    |                          '-- wraps --> DEK, data key
//!    |-- wraps --> SM4 material -- wraps --> bucket key, DEK, data key
//!    '-- wraps --> bucket key (SSE-OBS), metadata key, secrets key, token keys, audit key, check value
//! provider key -- wraps --> bucket key, DEK, data key (one-time; a key provider outside wraps the provider key)
//!
//! passphrase --Argon2id, passphrase/<root|backup>--> passphrase key -- wraps --> root key, DEK of a backup
//!
//! KEK --wrap/<kek>/<key>--> (wrapping key, commitment key), once for each wrap
//! DEK --dek/segment--> stream key      DEK --dek/meta--> record key      DEK --dek/note--> note keys
//! metadata key --metadata/note--> note keys            secrets key --secrets/note--> note keys
//! secrets key --secrets/import--> digest key of one CMK's imported material
//! SM4 material --wrap/cmk-sm4/<key>--> (wrapping key, commitment key), once for each wrap
//! KEK --sm4/wrap/<kek>/dek--> (wrapping key, commitment key) of the DEK of an object whose data cipher is SM4
//! DEK --sm4/dek/segment, sm4/dek/meta, sm4/dek/note--> the same for such an object, by KDF-SM3
//! token key --token/session, token/identity, token/import--> key of one token
//! ```
//!
//! Nothing else in the product derives a key. A label never changes its meaning; a new construction gets a new one.

use crate::SecretBytes;
use crate::kdf::{derive, derive_sm3};
use crate::roles::{Dek, KEY_BYTES, Kek, KeyRole, MetadataKey, SecretsKey, TokenKey, Wrappable};
use crate::sm::{SM4_KEY_BYTES, Sm4Material};
use crate::token::TokenUse;
use crate::wrap::Binding;
use model::StreamUid;

/// Prefix of the label of every wrap; the roles of both keys follow: `strongroom/v1/wrap/cmk/dek`.
const WRAP: &str = "strongroom/v1/wrap";
/// DEK to the key of one segment stream.
const DEK_SEGMENT: &str = "strongroom/v1/dek/segment";
/// DEK to the key that authenticates the object version's record.
const DEK_META: &str = "strongroom/v1/dek/meta";
/// DEK to the keys of one note.
const DEK_NOTE: &str = "strongroom/v1/dek/note";
/// The same below the DEK of an object whose data cipher is SM4, and to the wrap of that DEK.
const SM4_WRAP: &str = "strongroom/v1/sm4/wrap";
const SM4_DEK_SEGMENT: &str = "strongroom/v1/sm4/dek/segment";
const SM4_DEK_META: &str = "strongroom/v1/sm4/dek/meta";
const SM4_DEK_NOTE: &str = "strongroom/v1/sm4/dek/note";
/// Metadata key to the keys of one note.
const METADATA_NOTE: &str = "strongroom/v1/metadata/note";
/// Secrets key to the keys of one note.
const SECRETS_NOTE: &str = "strongroom/v1/secrets/note";
/// Secrets key to the key of the digest by which one CMK's imported material is known again.
const SECRETS_IMPORT: &str = "strongroom/v1/secrets/import";

/// Token key to the key of one session token.
const TOKEN_SESSION: &str = "strongroom/v1/token/session";
/// Token key to the key of one identity token.
const TOKEN_IDENTITY: &str = "strongroom/v1/token/identity";
/// Token key to the key of one import token.
const TOKEN_IMPORT: &str = "strongroom/v1/token/import";

/// The cipher key, then the MAC key, of one wrap or one note.
pub(crate) struct KeyPair(SecretBytes<{ 2 * KEY_BYTES }>);

impl KeyPair {
    /// First half: the AES-256-GCM key.
    pub(crate) fn cipher(&self) -> &[u8] {
        &self.0.expose()[..KEY_BYTES]
    }

    /// Second half: the HMAC-SHA256 key (commitment of a wrap, nonce of a note).
    pub(crate) fn mac(&self) -> &[u8] {
        &self.0.expose()[KEY_BYTES..]
    }
}

/// KEK to the keys of one wrap. The salt is fresh for each wrap, hence so is the pair.
pub(crate) fn wrap_keys<W: Kek>(kek: &W, role: KeyRole, salt: &[u8], binding: &Binding) -> KeyPair {
    KeyPair(derive(kek.kek_secret(), &[WRAP, "/", W::KEK_LABEL, "/", role.label()], &[salt, binding.as_bytes()]))
}

/// The SM4 key, then the HMAC-SM3 key, of one wrap.
pub(crate) struct Sm4KeyPair(SecretBytes<{ SM4_KEY_BYTES + KEY_BYTES }>);

impl Sm4KeyPair {
    /// The first 16 bytes: the SM4-GCM key.
    pub(crate) fn cipher(&self) -> &[u8] {
        &self.0.expose()[..SM4_KEY_BYTES]
    }

    /// The other 32 bytes: the HMAC-SM3 key of the commitment.
    pub(crate) fn mac(&self) -> &[u8] {
        &self.0.expose()[SM4_KEY_BYTES..]
    }
}

/// KEK to the keys of one wrap of the DEK of an object whose data cipher is SM4.
pub(crate) fn sm4_dek_wrap_keys<W: Kek>(kek: &W, salt: &[u8], binding: &Binding) -> Sm4KeyPair {
    let label = [SM4_WRAP, "/", W::KEK_LABEL, "/", KeyRole::Dek.label()];
    Sm4KeyPair(derive_sm3(kek.kek_secret(), &label, &[salt, binding.as_bytes()]))
}

/// DEK to the SM4 key of one segment stream.
pub(crate) fn sm4_stream_key(dek: &Dek, stream: StreamUid) -> SecretBytes<SM4_KEY_BYTES> {
    derive_sm3(dek.as_secret(), &[SM4_DEK_SEGMENT], &[stream.as_bytes()])
}

/// DEK to the record key, an HMAC-SM3 key.
pub(crate) fn sm4_record_key(dek: &Dek) -> SecretBytes<KEY_BYTES> {
    derive_sm3(dek.as_secret(), &[SM4_DEK_META], &[])
}

/// DEK to the keys of the note with this id.
pub(crate) fn sm4_note_keys(dek: &Dek, id: &[u8; 16]) -> Sm4KeyPair {
    Sm4KeyPair(derive_sm3(dek.as_secret(), &[SM4_DEK_NOTE], &[id]))
}

/// SM4 material to the keys of one wrap.
pub(crate) fn sm4_wrap_keys(material: &Sm4Material, role: KeyRole, salt: &[u8], binding: &Binding) -> Sm4KeyPair {
    let label = [WRAP, "/", KeyRole::Sm4Material.label(), "/", role.label()];
    Sm4KeyPair(derive_sm3(material.as_secret(), &label, &[salt, binding.as_bytes()]))
}

/// DEK to stream key. A stream uid is never used twice, hence neither is a stream key.
pub(crate) fn stream_key(dek: &Dek, stream: StreamUid) -> SecretBytes<KEY_BYTES> {
    derive(dek.as_secret(), &[DEK_SEGMENT], &[stream.as_bytes()])
}

/// DEK to the record key.
pub(crate) fn record_key(dek: &Dek) -> SecretBytes<KEY_BYTES> {
    derive(dek.as_secret(), &[DEK_META], &[])
}

/// Token key to the key of one token. The salt is fresh for each token, hence so is the key.
pub(crate) fn token_key(parent: &TokenKey, purpose: TokenUse, header: &[u8], salt: &[u8]) -> SecretBytes<KEY_BYTES> {
    let label = match purpose {
        TokenUse::Session => TOKEN_SESSION,
        TokenUse::Identity => TOKEN_IDENTITY,
        TokenUse::Import => TOKEN_IMPORT,
    };
    derive(parent.as_secret(), &[label], &[&(header.len() as u32).to_be_bytes(), header, salt])
}

/// Secrets key to the digest key of one CMK's imported material.
pub(crate) fn import_digest_key(parent: &SecretsKey, cmk: &[u8; 16]) -> SecretBytes<KEY_BYTES> {
    derive(parent.as_secret(), &[SECRETS_IMPORT], &[cmk])
}

/// A key that seals notes: the arrow to a note's keys.
pub(crate) trait NoteParent {
    /// Parent to the keys of the note with this id.
    fn note_keys(&self, id: &[u8; 16]) -> KeyPair;
}

impl NoteParent for Dek {
    fn note_keys(&self, id: &[u8; 16]) -> KeyPair {
        KeyPair(derive(self.as_secret(), &[DEK_NOTE], &[id]))
    }
}

impl NoteParent for MetadataKey {
    fn note_keys(&self, id: &[u8; 16]) -> KeyPair {
        KeyPair(derive(self.as_secret(), &[METADATA_NOTE], &[id]))
    }
}

impl NoteParent for SecretsKey {
    fn note_keys(&self, id: &[u8; 16]) -> KeyPair {
        KeyPair(derive(self.as_secret(), &[SECRETS_NOTE], &[id]))
    }
}
