//! Key policies: who may do what with a CMK, as the CMK itself says.

use crate::setup::{DECRYPT, Setup, allow, me, narrowed, new_key, root_of, user_with};
use policy::Action;
use store::Table;
use strongroom_kms::{CmkId, EncryptionContext, KeyService, KeyUser, KmsError};

const ALICE: &str = "arn:aws:iam::000000000097:user/alice";

fn document(principal: &str, actions: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"{principal}"}},"Action":[{actions}],"Resource":"*"}}]}}"#
    )
}

async fn may_use(service: &KeyService, user: &KeyUser, cmk: &CmkId) -> Result<(), KmsError> {
    service.authorize_use(user, cmk, Action::KmsGenerateDataKey, &EncryptionContext::new()).await.map(drop)
}

#[tokio::test]
async fn it_begins_with_the_one_that_leaves_all_to_the_account() {
    let service = Setup::new().open().await;
    let cmk = service.create(&me(), new_key("")).await.unwrap().id;
    let text = service.key_policy(&me(), &cmk).await.unwrap();
    assert!(text.contains(r#""AWS" : "arn:aws:iam::000000000097:root""#) && text.contains(r#""kms:*""#), "{text}");
    service.put_key_policy(&me(), &cmk, &text, false).await.unwrap();
    assert_eq!(service.key_policy(&me(), &cmk).await.unwrap(), text, "and can be put as it is shown");
    assert_eq!(service.key_policies(&me(), &cmk).await.unwrap(), ["default"]);
}

#[tokio::test]
async fn it_allows_a_user_directly_and_withholds_the_cmk_from_the_rest() {
    let setup = Setup::new();
    let service = setup.open().await;
    let cmk = service.create(&me(), new_key("")).await.unwrap().id;
    let (alice, bob) = (user_with("aa", "alice", None), user_with("aa", "bob", Some(&allow(r#""kms:*""#))));
    assert_eq!(may_use(&service, &alice, &cmk).await, Err(KmsError::Denied));
    assert_eq!(may_use(&service, &bob, &cmk).await, Ok(()));
    let epoch = service.epoch(&cmk);
    service.put_key_policy(&me(), &cmk, &document(ALICE, r#""kms:*""#), false).await.unwrap();
    assert_ne!(service.epoch(&cmk), epoch);
    for service in [service, setup.open().await] {
        assert_eq!(may_use(&service, &alice, &cmk).await, Ok(()));
        assert_eq!(may_use(&service, &bob, &cmk).await, Err(KmsError::Denied), "in force at once");
        assert_eq!(may_use(&service, &me(), &cmk).await, Err(KmsError::Denied), "for the root identity too");
        // Which alone always finds a way back.
        assert!(service.key_policy(&me(), &cmk).await.is_ok());
        assert_eq!(service.key_policy(&bob, &cmk).await, Err(KmsError::Denied));
    }
    let service = setup.open().await;
    service
        .put_key_policy(&me(), &cmk, &document("arn:aws:iam::000000000097:root", r#""kms:*""#), false)
        .await
        .unwrap();
    assert_eq!(may_use(&service, &bob, &cmk).await, Ok(()));
}

#[tokio::test]
async fn nobody_locks_himself_out_unawares() {
    let service = Setup::new().open().await;
    let cmk = service.create(&me(), new_key("")).await.unwrap().id;
    let bob = user_with("aa", "bob", Some(&allow(r#""kms:*""#)));
    let of_alice = document(ALICE, r#""kms:*""#);
    let got = service.put_key_policy(&bob, &cmk, &of_alice, false).await.unwrap_err();
    assert!(matches!(got, KmsError::MalformedPolicy(_)), "{got:?}");
    assert_eq!(may_use(&service, &bob, &cmk).await, Ok(()), "nothing changed");
    service.put_key_policy(&bob, &cmk, &of_alice, true).await.unwrap();
    assert_eq!(may_use(&service, &bob, &cmk).await, Err(KmsError::Denied));
}

#[tokio::test]
async fn what_is_no_key_policy_is_refused() {
    let service = Setup::new().open().await;
    let cmk = service.create(&me(), new_key("")).await.unwrap().id;
    let good = document("arn:aws:iam::000000000097:root", r#""kms:*""#);
    for bad in [
        String::new(),
        "{}".to_owned(),
        good.replace("Principal", "NotAPrincipal"),
        good.replace(r#""Resource":"*""#, r#""Resource":"arn:aws:s3:::bucket""#),
        format!("{good}{}", " ".repeat(32 * 1024)),
    ] {
        let got = service.put_key_policy(&me(), &cmk, &bad, true).await.unwrap_err();
        assert_eq!(got.name(), "MalformedPolicy", "{bad:.80}");
    }
    let default = service.default_key(&me(), DECRYPT).await.unwrap();
    assert_eq!(service.put_key_policy(&me(), &default, &good, false).await, Err(KmsError::ServiceManaged));
    let session = narrowed("aa", "bob", &allow(r#""kms:*""#), &allow(r#""kms:*""#));
    assert_eq!(service.put_key_policy(&session, &cmk, &good, false).await, Err(KmsError::Denied));
    assert_eq!(service.put_key_policy(&root_of("bb"), &cmk, &good, false).await, Err(KmsError::Denied));
}

#[tokio::test]
async fn an_unreadable_stored_policy_denies_all() {
    let setup = Setup::new();
    let service = setup.open().await;
    let cmk = service.create(&me(), new_key("")).await.unwrap().id;
    let good = document("arn:aws:iam::000000000097:root", r#""kms:*""#);
    service.put_key_policy(&me(), &cmk, &good, false).await.unwrap();
    let (key, row) = setup.rows(Table::Cmks).pop().unwrap();
    let at = row.windows(5).position(|window| window == b"Allow").unwrap();
    let broken = [&row[..at], b"Alloy", &row[at + 5..]].concat();
    setup.put(Table::Cmks, &key, &broken).await;
    let service = setup.open().await;
    assert_eq!(may_use(&service, &me(), &cmk).await, Err(KmsError::Denied));
    // The account's root identity mends it.
    assert!(service.key_policy(&me(), &cmk).await.unwrap().contains("Alloy"));
    service.put_key_policy(&me(), &cmk, &good, false).await.unwrap();
    assert_eq!(may_use(&service, &me(), &cmk).await, Ok(()));
}

#[tokio::test]
async fn another_account_needs_the_policy_s_word_and_its_own() {
    let service = Setup::new().open().await;
    let cmk = service.create(&me(), new_key("")).await.unwrap().id;
    let (theirs, powerless) = (user_with("bb", "carol", Some(&allow(r#""kms:*""#))), user_with("bb", "dave", None));
    let arn = cmk.to_arn();
    let find = |user: &KeyUser, name: &str| service.resolve(user, name, Action::KmsGenerateDataKey);
    assert_eq!(find(&theirs, &arn), Err(KmsError::NotFound), "as for one that is not there");
    let both = r#"{"Version":"2012-10-17","Statement":[
          {"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000097:root"},"Action":"kms:*","Resource":"*"},
          {"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000098:root"},"Action":"kms:*","Resource":"*"}]}"#;
    service.put_key_policy(&me(), &cmk, both, false).await.unwrap();
    service.create_alias(&me(), "shared", &cmk).await.unwrap();
    for name in [&arn, &cmk.to_obs(), "arn:aws:kms:local-1:000000000097:alias/shared"] {
        assert_eq!(find(&theirs, name), Ok(cmk.clone()), "{name}");
        assert_eq!(find(&powerless, name), Err(KmsError::Denied), "{name}");
    }
    for name in [&cmk.uid.to_uuid(), "alias/shared", &arn.replace("local-1", "far-2")] {
        assert_eq!(find(&theirs, name), Err(KmsError::NotFound), "{name}");
    }
    assert_eq!(may_use(&service, &theirs, &cmk).await, Ok(()));
    assert_eq!(may_use(&service, &powerless, &cmk).await, Err(KmsError::Denied));
    assert!(service.describe(&theirs, &cmk).await.is_ok());
    // Its life is its owner's, whatever the policy says.
    assert_eq!(service.disable(&theirs, &cmk).await, Err(KmsError::Denied));
    assert_eq!(service.schedule_deletion(&theirs, &cmk, 7, true).await, Err(KmsError::Denied));
    assert_eq!(service.put_key_policy(&theirs, &cmk, both, true).await, Err(KmsError::Denied));
    assert_eq!(service.key_policy(&theirs, &cmk).await, Err(KmsError::Denied));
    assert_eq!(service.tag(&theirs, &cmk, vec![]).await, Err(KmsError::Denied));
}

#[tokio::test]
async fn a_cmk_of_a_project_and_the_default_key_serve_their_own_account_only() {
    let service = Setup::new().open().await;
    let both = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::000000000097:root","arn:aws:iam::000000000098:root"]},"Action":"kms:*","Resource":"*"}]}"#;
    let wanted = strongroom_kms::CreateCmk {
        project: Some(model::ProjectUid::from_bytes([1; 16])),
        policy: Some(both.to_owned()),
        ..new_key("")
    };
    let cmk = service.create(&me(), wanted).await.unwrap().id;
    // What keeps the project from being deleted.
    let of_project = |account: &str, project| {
        service
            .cmks_of_project(&model::AccountId::parse(account).unwrap(), model::ProjectUid::from_bytes([project; 16]))
    };
    assert_eq!([of_project("aa", 1), of_project("aa", 2), of_project("bb", 1)], [1, 0, 0]);
    let default = service.default_key(&me(), DECRYPT).await.unwrap();
    for cmk in [cmk, default] {
        assert_eq!(may_use(&service, &me(), &cmk).await, Ok(()));
        assert_eq!(may_use(&service, &root_of("bb"), &cmk).await, Err(KmsError::Denied));
        assert_eq!(service.resolve(&root_of("bb"), &cmk.to_arn(), DECRYPT), Err(KmsError::NotFound));
    }
}
