//! Aliases: made, pointed elsewhere, renamed, taken away; who may, and what stays as it is.

use crate::setup::{DECRYPT, Setup, allow, me, new_key, root_of, user_with};
use strongroom_kms::{CreateCmk, KeySpec, KmsConfig, KmsError};

#[tokio::test]
async fn an_alias_is_pointed_at_another_cmk_and_keeps_its_age() {
    let setup = Setup::new();
    let service = setup.open().await;
    let first = service.create(&me(), new_key("first")).await.unwrap().id;
    let second = service.create(&me(), new_key("second")).await.unwrap().id;
    service.create_alias(&me(), "alias/app", &first).await.unwrap();
    let epochs = [service.epoch(&first), service.epoch(&second)];
    setup.clock.advance_millis(5);
    service.update_alias(&me(), "alias/app", &second).await.unwrap();
    assert_eq!(service.resolve(&me(), "alias/app", DECRYPT), Ok(second.clone()));
    let [alias] = &service.list_aliases(&me(), None).await.unwrap()[..] else { panic!("one alias") };
    assert_eq!(alias.updated.as_millis() - alias.created.as_millis(), 5);
    assert_eq!(service.describe(&me(), &first).await.unwrap().aliases, []);
    assert_ne!(epochs, [service.epoch(&first), service.epoch(&second)]);
    // Once more changes nothing.
    service.update_alias(&me(), "alias/app", &second).await.unwrap();
    assert_eq!(&service.list_aliases(&me(), None).await.unwrap()[0], alias);
    assert_eq!(setup.open().await.resolve(&me(), "alias/app", DECRYPT), Ok(second));
}

#[tokio::test]
async fn an_alias_is_not_pointed_where_it_must_not_go() {
    let setup = Setup::new();
    let service = setup.open().await;
    let cmk = service.create(&me(), CreateCmk { alias: Some("a".to_owned()), ..new_key("") }).await.unwrap().id;
    let sm4 = service.create(&me(), CreateCmk { spec: KeySpec::Sm4, ..new_key("") }).await.unwrap().id;
    let pending = service.create(&me(), new_key("")).await.unwrap().id;
    service.schedule_deletion(&me(), &pending, 7, false).await.unwrap();
    let default = service.default_key(&me(), DECRYPT).await.unwrap();
    let theirs = service.create(&root_of("bb"), new_key("")).await.unwrap().id;
    for (name, target, wanted) in [
        ("alias/a", &sm4, KmsError::Validation("an alias is pointed only at a CMK of the same key spec".to_owned())),
        ("alias/a", &pending, KmsError::PendingDeletion),
        ("alias/a", &default, KmsError::ServiceManaged),
        ("alias/a", &theirs, KmsError::Denied),
        ("alias/none", &cmk, KmsError::NotFound),
        ("alias/aws/s3", &cmk, KmsError::InvalidAlias("alias/aws/ and names ending in /default are reserved")),
    ] {
        assert_eq!(service.update_alias(&me(), name, target).await, Err(wanted), "{name} to {target:?}");
    }
    assert_eq!(service.resolve(&me(), "alias/a", DECRYPT), Ok(cmk.clone()));
    // One that waits for its deletion lets its alias go.
    let spare = service.create(&me(), new_key("")).await.unwrap().id;
    service.schedule_deletion(&me(), &cmk, 7, false).await.unwrap();
    service.update_alias(&me(), "a", &spare).await.unwrap();
    assert_eq!(service.resolve(&me(), "alias/a", DECRYPT), Ok(spare));
}

#[tokio::test]
async fn the_right_is_asked_of_the_alias_and_of_both_cmks() {
    let service = Setup::new().open().await;
    let old = service.create(&me(), CreateCmk { alias: Some("a".to_owned()), ..new_key("") }).await.unwrap().id;
    let new = service.create(&me(), new_key("")).await.unwrap().id;
    let alias = format!("arn:aws:kms:local-1:{}:alias/a", old.number);
    let on = |resources: &[&str]| {
        let policy = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":["kms:UpdateAlias","kms:DeleteAlias","kms:CreateAlias"],"Resource":["{}"]}}]}}"#,
            resources.join("\",\"")
        );
        user_with("aa", "u", Some(&policy))
    };
    let (old_arn, new_arn) = (old.to_arn(), new.to_arn());
    for lacking in [&[&*old_arn, &*new_arn][..], &[&*alias, &*new_arn], &[&*alias, &*old_arn]] {
        assert_eq!(service.update_alias(&on(lacking), "a", &new).await, Err(KmsError::Denied), "{lacking:?}");
    }
    assert_eq!(service.delete_alias(&on(&[&old_arn]), "a").await, Err(KmsError::Denied));
    assert_eq!(service.delete_alias(&on(&[&alias]), "a").await, Err(KmsError::Denied));
    assert_eq!(service.create_alias(&on(&[&old_arn]), "b", &old).await, Err(KmsError::Denied));
    service.update_alias(&on(&[&alias, &old_arn, &new_arn]), "a", &new).await.unwrap();
    service.delete_alias(&on(&[&alias, &new_arn]), "a").await.unwrap();
}

#[tokio::test]
async fn the_first_alias_is_renamed_and_stays_the_first() {
    let setup = Setup::new();
    let service = setup.open().await;
    let cmk = service.create(&me(), CreateCmk { alias: Some("zz".to_owned()), ..new_key("") }).await.unwrap().id;
    setup.clock.advance_millis(1);
    service.create_alias(&me(), "aa", &cmk).await.unwrap();
    let first = async || service.describe(&me(), &cmk).await.unwrap().first_alias.unwrap().as_str().to_owned();
    assert_eq!(first().await, "zz");
    service.rename_alias(&me(), &cmk, "yy").await.unwrap();
    assert_eq!(first().await, "yy");
    assert_eq!(service.resolve(&me(), "alias/zz", DECRYPT), Err(KmsError::NotFound));
    assert_eq!(service.rename_alias(&me(), &cmk, "aa").await, Err(KmsError::AlreadyExists));
    assert!(matches!(service.rename_alias(&me(), &cmk, "x/default").await, Err(KmsError::InvalidAlias(_))));
    service.delete_alias(&me(), "yy").await.unwrap();
    assert_eq!(first().await, "aa", "the next");
    service.delete_alias(&me(), "aa").await.unwrap();
    service.rename_alias(&me(), &cmk, "again").await.unwrap();
    assert_eq!(first().await, "again");
    let default = service.default_key(&me(), DECRYPT).await.unwrap();
    assert_eq!(service.rename_alias(&me(), &default, "mine").await, Err(KmsError::ServiceManaged));
    let low = user_with("aa", "u", Some(&allow(r#""kms:CreateAlias""#)));
    assert_eq!(service.rename_alias(&low, &cmk, "mine").await, Err(KmsError::Denied));
}

#[tokio::test]
async fn a_cmk_has_so_many_aliases_and_no_more() {
    let (service, _) = Setup::new().open_with(KmsConfig { aliases_max: 2, ..KmsConfig::default() }).await;
    let cmk = service.create(&me(), CreateCmk { alias: Some("a".to_owned()), ..new_key("") }).await.unwrap().id;
    let other = service.create(&me(), CreateCmk { alias: Some("o".to_owned()), ..new_key("") }).await.unwrap().id;
    service.create_alias(&me(), "b", &cmk).await.unwrap();
    let full = Err(KmsError::LimitExceeded("the number of aliases of a CMK"));
    assert_eq!(service.create_alias(&me(), "c", &cmk).await, full);
    assert_eq!(service.update_alias(&me(), "o", &cmk).await, full);
    service.create_alias(&me(), "c", &other).await.unwrap();
}

#[tokio::test]
async fn renaming_asks_for_both_aliases_and_a_denied_alias_comes_with_no_new_cmk() {
    let setup = Setup::new();
    let service = setup.open().await;
    let cmk = service.create(&me(), CreateCmk { alias: Some("a".to_owned()), ..new_key("") }).await.unwrap().id;
    let bare = service.create(&me(), new_key("")).await.unwrap().id;
    let alias = |name: &str| format!("arn:aws:kms:local-1:{}:alias/{name}", cmk.number);
    let on = |action: &str, resources: &[&str]| {
        let policy = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":["kms:UpdateAlias"],"Resource":["*"],"Condition":{{"StringEquals":{{"kms:KeyOrigin":"AWS_KMS"}}}}}},{{"Effect":"Allow","Action":["{action}"],"Resource":["{}"]}}]}}"#,
            resources.join("\",\"")
        );
        user_with("aa", "u", Some(&policy))
    };
    let (a, b) = (alias("a"), alias("b"));
    for (action, lacking) in
        [("kms:UpdateAlias", &[&*a][..]), ("kms:UpdateAlias", &[&b]), ("kms:CreateAlias", &[&a, &b])]
    {
        let got = service.rename_alias(&on(action, lacking), &cmk, "b").await;
        assert_eq!(got, Err(KmsError::Denied), "{action} {lacking:?}");
    }
    service.rename_alias(&on("kms:UpdateAlias", &[&a, &b]), &cmk, "b").await.unwrap();
    assert_eq!(service.rename_alias(&on("kms:UpdateAlias", &[&alias("c")]), &bare, "c").await, Err(KmsError::Denied));
    service.rename_alias(&on("kms:CreateAlias", &[&alias("c")]), &bare, "c").await.unwrap();

    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":["kms:CreateKey","kms:DescribeKey"],"Resource":"*"}},{{"Effect":"Deny","Action":["kms:CreateAlias"],"Resource":["{}"]}}]}}"#,
        alias("kept")
    );
    let maker = user_with("aa", "maker", Some(&policy));
    let named = |name: &str| CreateCmk { alias: Some(name.to_owned()), ..new_key("") };
    assert_eq!(service.create(&maker, named("kept")).await.map(drop), Err(KmsError::Denied));
    assert_eq!(setup.rows(store::Table::Cmks).len(), 2);
    service.create(&maker, named("free")).await.unwrap();
}
