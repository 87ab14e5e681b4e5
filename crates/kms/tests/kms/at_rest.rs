//! No key stands in clear in any row. What was drawn as randomness and shows in a row must be public: an id or a salt.

use crate::setup::{DECRYPT, Setup, me, new_key};
use crypto::{Dek, KEY_BYTES, Wrappable};
use model::BucketUid;
use policy::Action;
use store::Table;
use strongroom_kms::EncryptionContext;

#[tokio::test]
async fn no_key_stands_in_clear_in_any_row() {
    let setup = Setup::new();
    let service = setup.open().await;
    let default = service.default_key(&me(), DECRYPT).await.unwrap();
    let own = service.create(&me(), new_key("")).await.unwrap().id;
    let metadata = service.metadata_key().await.unwrap();
    let secrets = service.secrets_key().await.unwrap();
    let sse_obs = service.sse_obs_key(BucketUid::from_bytes([5; 16])).await.unwrap();
    let proof =
        service.authorize_use(&me(), &own, Action::KmsGenerateDataKey, &EncryptionContext::new()).await.unwrap();
    let (dek, _) = service.generate::<Dek>(&proof, &EncryptionContext::new()).await.unwrap();
    for state in 0..2 {
        service.disable(&me(), &own).await.unwrap();
        service.enable(&me(), &own).await.unwrap();
        assert_ne!(default, own, "{state}");
    }

    let rows: Vec<_> = Table::ALL.iter().flat_map(|table| setup.rows(*table)).collect();
    let shows = |secret: &[u8]| {
        let found = |bytes: &[u8]| bytes.windows(secret.len()).any(|window| window == secret);
        rows.iter().filter(|(key, value)| found(key) || found(value)).count()
    };
    assert_eq!(shows(&[0x42; KEY_BYTES]), 0, "root key");
    for key in [metadata.as_secret(), secrets.as_secret(), sse_obs.as_secret(), dek.as_secret()].map(|key| key.expose())
    {
        assert_eq!(shows(key), 0);
    }

    // CMK material never leaves the provider, but it was drawn as 32 bytes. Each wrap draws a salt too, which stands in
    // its row, and a key, which must not: of all draws of 32 bytes, those found are the salts, one per stored wrap.
    let wraps_stored =
        setup.rows(Table::System).len() + setup.rows(Table::CmkVersions).len() + setup.rows(Table::InternalKeys).len();
    assert_eq!(wraps_stored, 1 + 2 + 3);
    // As long as these are the ids of material, one for each CMK version, which stand in their rows for all to see.
    let ids = setup.rows(Table::CmkVersions).len();
    let drawn: Vec<_> = setup.entropy.drawn().into_iter().filter(|draw| draw.len() == KEY_BYTES).collect();
    assert_eq!(drawn.len(), 2 * wraps_stored + 2 + ids, "a key and a salt for each stored wrap, and for the DEK");
    assert_eq!(drawn.iter().filter(|draw| shows(draw) > 0).count(), wraps_stored + ids);
    for half in drawn.iter().filter(|draw| shows(draw) == 0).flat_map(|draw| draw.chunks(KEY_BYTES / 2)) {
        assert_eq!(shows(half), 0, "not even half a key");
    }
}
