//! Who learns what: refusals before facts.

use crate::setup::{DECRYPT, Setup, low_user_of, me, new_key, nobody, root_of};
use policy::Action;
use strongroom_kms::{CmkId, EncryptionContext, KeyService, KmsError};

/// Everything that can be asked about one CMK.
async fn ask_all(service: &KeyService, user: &strongroom_kms::KeyUser, cmk: &CmkId) -> Vec<(&'static str, KmsError)> {
    let mut got = Vec::new();
    let mut note = |name, result: Result<(), KmsError>| got.push((name, result.unwrap_err()));
    note("describe", service.describe(user, cmk).await.map(drop));
    note("enable", service.enable(user, cmk).await);
    note("disable", service.disable(user, cmk).await);
    note("schedule", service.schedule_deletion(user, cmk, 1, false).await.map(drop));
    note("cancel", service.cancel_deletion(user, cmk).await);
    note("alias", service.create_alias(user, "alias/aws/x", cmk).await);
    note(
        "generate",
        service.authorize_use(user, cmk, Action::KmsGenerateDataKey, &EncryptionContext::new()).await.map(drop),
    );
    note("decrypt", service.authorize_use(user, cmk, Action::KmsDecrypt, &EncryptionContext::new()).await.map(drop));
    got
}

#[tokio::test]
async fn a_stranger_is_denied_whatever_the_key_is() {
    let service = Setup::new().open().await;
    let enabled = service.create(&me(), new_key("")).await.unwrap().id;
    let disabled = service.create(&me(), new_key("")).await.unwrap().id;
    service.disable(&me(), &disabled).await.unwrap();
    let pending = service.create(&me(), new_key("")).await.unwrap().id;
    service.schedule_deletion(&me(), &pending, 7, false).await.unwrap();
    let default = service.default_key(&me(), DECRYPT).await.unwrap();
    let missing = CmkId { uid: model::CmkUid::from_bytes([9; 16]), ..enabled.clone() };
    for cmk in [&enabled, &disabled, &pending, &default, &missing] {
        for user in [root_of("bb"), nobody()] {
            for (operation, error) in ask_all(&service, &user, cmk).await {
                assert_eq!(error, KmsError::Denied, "{operation} of {cmk:?} by {user:?}");
            }
        }
    }
    assert_eq!(service.describe(&me(), &enabled).await.unwrap().state.name(), "Enabled");
}

#[tokio::test]
async fn a_forged_id_finds_nothing() {
    let service = Setup::new().open().await;
    let mine = service.create(&me(), new_key("")).await.unwrap().id;
    // A stranger puts their own account into the id of a key that is not theirs.
    let stranger = root_of("bb");
    let caller = stranger.principal.caller().unwrap();
    let (account, number) = (caller.account.clone(), caller.number.clone());
    let forged = CmkId { account, number, ..mine.clone() };
    for (operation, error) in ask_all(&service, &stranger, &forged).await {
        let expected = match operation {
            "alias" => matches!(error, KmsError::InvalidAlias(_)),
            _ => error == KmsError::NotFound,
        };
        assert!(expected, "{operation}: {error:?}");
    }
    let elsewhere = CmkId { region: model::RegionName::parse("far-2").unwrap(), ..mine.clone() };
    assert_eq!(service.describe(&me(), &elsewhere).await, Err(KmsError::NotFound));
    assert_eq!(service.epoch(&forged), 0);
}

#[tokio::test]
async fn references_lead_to_one_s_own_keys_only() {
    let service = Setup::new().open().await;
    let cmk = service.create(&me(), new_key("")).await.unwrap().id;
    service.create_alias(&me(), "alias/mine", &cmk).await.unwrap();
    let uuid = cmk.uid.to_uuid();
    let alias_arn = format!("arn:aws:kms:local-1:{}:alias/mine", cmk.number);
    for reference in [&uuid, &cmk.to_arn(), &cmk.to_obs(), "alias/mine", &alias_arn] {
        assert_eq!(service.resolve(&me(), reference, DECRYPT), Ok(cmk.clone()), "{reference}");
        assert_eq!(service.resolve(&root_of("bb"), reference, DECRYPT), Err(KmsError::NotFound), "{reference}");
        assert_eq!(service.resolve(&nobody(), reference, DECRYPT), Err(KmsError::Denied), "{reference}");
    }
    for reference in [
        cmk.to_arn().replace("local-1", "far-2"),
        cmk.to_obs().replace("local-1", "far-2"),
        cmk.to_obs().replace(":aa:", ":ab:"),
        cmk.to_arn().replace(cmk.number.as_str(), "999999999999"),
        alias_arn.replace("local-1", "far-2"),
        "alias/none".to_owned(),
        String::new(),
    ] {
        assert_eq!(service.resolve(&me(), &reference, DECRYPT), Err(KmsError::NotFound), "{reference}");
    }
    assert_eq!(service.resolve(&me(), "arn:aws:iam::1:role/x", DECRYPT), Err(KmsError::InvalidArn));
}

#[tokio::test]
async fn lists_hold_one_s_own_only() {
    let service = Setup::new().open().await;
    let mine = service.create(&me(), new_key("")).await.unwrap().id;
    service.create_alias(&me(), "alias/a", &mine).await.unwrap();
    let other = root_of("bb");
    let theirs = service.create(&other, new_key("")).await.unwrap().id;
    service.create_alias(&other, "alias/a", &theirs).await.unwrap();
    assert_eq!(service.list(&me()).await, Ok(vec![mine.clone()]));
    assert_eq!(service.list(&other).await, Ok(vec![theirs.clone()]));
    let targets: Vec<_> =
        service.list_aliases(&me(), None).await.unwrap().into_iter().map(|alias| alias.target).collect();
    assert_eq!(targets, vec![mine.clone()]);
    assert_eq!(service.list_aliases(&me(), Some(&theirs)).await, Err(KmsError::NotFound));
    assert_eq!(service.list(&nobody()).await, Err(KmsError::Denied));
    assert_eq!(service.list_aliases(&nobody(), None).await, Err(KmsError::Denied));
    service.delete_alias(&other, "alias/a").await.unwrap();
    assert_eq!(service.resolve(&me(), "alias/a", DECRYPT), Ok(mine));
}

#[tokio::test]
async fn nobody_creates_nothing() {
    let setup = Setup::new();
    let service = setup.open().await;
    assert_eq!(service.create(&nobody(), new_key("")).await, Err(KmsError::Denied));
    assert_eq!(service.default_key(&nobody(), DECRYPT).await, Err(KmsError::Denied));
    assert_eq!(service.resolve_or_make(&nobody(), "alias/aws/s3", DECRYPT).await, Err(KmsError::Denied));
    assert_eq!(setup.rows(store::Table::Cmks), vec![]);
}

#[tokio::test]
async fn who_may_not_use_a_cmk_learns_nothing_about_it() {
    let service = Setup::new().open().await;
    let mine = service.create(&me(), new_key("")).await.unwrap().id;
    service.create_alias(&me(), "alias/there", &mine).await.unwrap();
    let low = low_user_of("aa");
    let refused = Err(KmsError::Denied);
    for absent in ["alias/none", "obs/default", "nonsense", "11111111-1111-1111-1111-111111111111"] {
        assert_eq!(service.resolve(&low, absent, DECRYPT), refused, "{absent}");
        assert_eq!(service.resolve_or_make(&low, absent, DECRYPT).await, refused, "{absent}");
    }
    for present in ["alias/there", &mine.to_arn()] {
        // What is there is found, and then refused in the same words.
        let found = service.resolve(&low, present, DECRYPT).unwrap();
        assert_eq!(
            service.authorize_use(&low, &found, DECRYPT, &EncryptionContext::new()).await.map(drop),
            Err(KmsError::Denied),
            "{present}"
        );
    }
    assert_eq!(service.delete_alias(&low, "alias/there").await, Err(KmsError::Denied));
    assert_eq!(service.delete_alias(&low, "alias/none").await, Err(KmsError::Denied));
    assert_eq!(service.default_key(&low, DECRYPT).await, refused);
    assert_eq!(
        service.resolve(&me(), "alias/aws/s3", DECRYPT),
        Err(KmsError::NotFound),
        "who may not use the default key does not make it"
    );
}
