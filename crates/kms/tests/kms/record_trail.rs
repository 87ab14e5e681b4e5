//! Every operation is on record, refused ones too, before its answer is given.

use crate::setup::{DECRYPT, Setup, me, new_key, nobody, root_of, user_with};
use audit::Outcome;
use policy::Action;
use std::sync::atomic::Ordering;
use strongroom_kms::{CmkId, GrantRef, KeyFilter, KeyService, KeyUser, KmsConfig, KmsError, NewGrant};

/// Every operation of the catalogue, once, with the name it has on the log and how it ended.
async fn ask_all(service: &KeyService, user: &KeyUser, cmk: &CmkId) -> Vec<(&'static str, Result<(), KmsError>)> {
    let grant = NewGrant {
        grantee: "arn:aws:iam::000000000097:user/x".to_owned(),
        retiring: None,
        operations: vec![Action::KmsDecrypt],
        constraint: None,
        name: String::new(),
    };
    vec![
        ("CreateKey", service.create(user, new_key("")).await.map(drop)),
        ("DescribeKey", service.describe(user, cmk).await.map(drop)),
        ("GetKeyImpact", service.impact(user, cmk, None).await.map(drop)),
        ("ListKeys", service.list(user).await.map(drop)),
        ("ListKeys", service.list_detailed(user, &KeyFilter::default()).await.map(drop)),
        ("GetQuotas", service.quotas(user).await.map(drop)),
        ("CreateAlias", service.create_alias(user, "one", cmk).await),
        ("UpdateAlias", service.update_alias(user, "one", cmk).await),
        ("UpdateAlias", service.rename_alias(user, cmk, "two").await),
        ("ListAliases", service.list_aliases(user, None).await.map(drop)),
        ("DeleteAlias", service.delete_alias(user, "two").await),
        ("TagResource", service.tag(user, cmk, vec![("k".to_owned(), "v".to_owned())]).await),
        ("UntagResource", service.untag(user, cmk, vec!["k".to_owned()]).await),
        ("ListResourceTags", service.tags(user, cmk).await.map(drop)),
        ("ListResourceTags", service.tags_of_project(user, None).await.map(drop)),
        ("ListResourceTags", service.keys_by_tags(user, None, &[]).await.map(drop)),
        ("UpdateKeyDescription", service.update_description(user, cmk, "d").await),
        ("GetKeyPolicy", service.key_policy(user, cmk).await.map(drop)),
        ("ListKeyPolicies", service.key_policies(user, cmk).await.map(drop)),
        ("PutKeyPolicy", service.put_key_policy(user, cmk, "{}", false).await),
        ("CreateGrant", service.create_grant(user, cmk, grant).await.map(drop)),
        ("ListGrants", service.grants(user, cmk).await.map(drop)),
        ("ListRetirableGrants", service.retirable_grants(user, None).await.map(drop)),
        ("RevokeGrant", service.revoke_grant(user, cmk, "none").await),
        ("RetireGrant", service.retire_grant(user, GrantRef::Token("made up".to_owned())).await),
        ("RetireGrant", service.retire_grant(user, GrantRef::Id(cmk.clone(), "00".repeat(32))).await),
        ("DisableKey", service.disable(user, cmk).await),
        ("EnableKey", service.enable(user, cmk).await),
        ("CancelKeyDeletion", service.cancel_deletion(user, cmk).await),
        ("ScheduleKeyDeletion", service.schedule_deletion(user, cmk, 7, false).await.map(drop)),
    ]
}

#[tokio::test]
async fn each_operation_is_one_event_with_its_outcome() {
    for user in [me(), user_with("aa", "low", None), root_of("bb"), nobody()] {
        let setup = Setup::new();
        let (service, log) = setup.open_with(KmsConfig::default()).await;
        let cmk = service.create(&me(), new_key("")).await.unwrap().id;
        log.take();
        let asked = ask_all(&service, &user, &cmk).await;
        let events = log.take();
        assert_eq!(events.len(), asked.len(), "{events:?}");
        for ((operation, result), event) in asked.into_iter().zip(events) {
            let outcome = match &result {
                Ok(()) => Outcome::Ok,
                Err(KmsError::Denied) => Outcome::Denied,
                Err(_) => Outcome::Failed,
            };
            assert_eq!(event, (operation, outcome, result.as_ref().err().map(KmsError::name)));
        }
    }
}

#[tokio::test]
async fn the_default_key_is_on_record_when_it_is_made_or_refused() {
    let (service, log) = Setup::new().open_with(KmsConfig::default()).await;
    let low = user_with("aa", "low", None);
    assert!(service.default_key(&low, DECRYPT).await.is_err());
    service.default_key(&me(), DECRYPT).await.unwrap();
    service.default_key(&me(), DECRYPT).await.unwrap();
    let made = "CreateDefaultKey";
    assert_eq!(log.take(), [(made, Outcome::Denied, Some("AccessDenied")), (made, Outcome::Ok, None)]);
}

#[tokio::test]
async fn what_cannot_be_put_on_record_is_not_answered() {
    let setup = Setup::new();
    let (service, log) = setup.open_with(KmsConfig::default()).await;
    let cmk = service.create(&me(), new_key("")).await.unwrap().id;
    log.take();
    log.full.store(true, Ordering::SeqCst);
    for user in [me(), nobody()] {
        for (operation, result) in ask_all(&service, &user, &cmk).await {
            assert_eq!(result, Err(KmsError::AuditUnavailable), "{operation}");
        }
    }
    log.full.store(false, Ordering::SeqCst);
    service.schedule_deletion(&me(), &cmk, 7, false).await.unwrap();
    log.take();
    log.full.store(true, Ordering::SeqCst);
    setup.clock.advance_millis(8 * crate::setup::DAY_MILLIS);
    assert_eq!(service.purge_due().await, Err(KmsError::AuditUnavailable), "nothing is destroyed off the record");
    log.full.store(false, Ordering::SeqCst);
    assert_eq!(service.purge_due().await, Ok(vec![cmk]));
    assert_eq!(log.take(), [("DeleteKey", Outcome::Ok, None)]);
}
