//! Tags and descriptions.

use crate::setup::{Setup, allow, me, new_key, root_of, user_with};
use model::ProjectUid;
use strongroom_kms::{CreateCmk, KmsError};

fn pairs(tags: &[(&str, &str)]) -> Vec<(String, String)> {
    tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test]
async fn tags_are_set_replaced_and_removed() {
    let setup = Setup::new();
    let service = setup.open().await;
    let cmk = service.create(&me(), CreateCmk { tags: pairs(&[("a", "1")]), ..new_key("") }).await.unwrap().id;
    service.tag(&me(), &cmk, pairs(&[("b", "2"), ("a", "3")])).await.unwrap();
    assert_eq!(service.tags(&me(), &cmk).await.unwrap(), pairs(&[("a", "3"), ("b", "2")]));
    let epoch = service.epoch(&cmk);
    service.untag(&me(), &cmk, vec!["none".to_owned()]).await.unwrap();
    assert_eq!(service.epoch(&cmk), epoch, "nothing changed");
    service.untag(&me(), &cmk, vec!["a".to_owned()]).await.unwrap();
    assert_eq!(setup.open().await.tags(&me(), &cmk).await.unwrap(), pairs(&[("b", "2")]));
}

#[tokio::test]
async fn fifty_tags_and_no_more() {
    let service = Setup::new().open().await;
    let cmk = service.create(&me(), new_key("")).await.unwrap().id;
    let many: Vec<_> = (0..50).map(|i| (format!("k{i}"), "ü".repeat(256))).collect();
    service.tag(&me(), &cmk, many.clone()).await.unwrap();
    let full = Err(KmsError::LimitExceeded("the number of tags of a CMK"));
    assert_eq!(service.tag(&me(), &cmk, pairs(&[("one-more", "")])).await, full);
    assert_eq!(service.tags(&me(), &cmk).await.unwrap().len(), 50);
    service.tag(&me(), &cmk, pairs(&[("k7", "new")])).await.unwrap();
    let bad = service.tag(&me(), &cmk, pairs(&[("AWS:k", "")])).await;
    assert_eq!(bad, Err(KmsError::Tag("keys that begin with aws: are reserved")));
}

#[tokio::test]
async fn a_tag_can_decide_who_may() {
    let service = Setup::new().open().await;
    let open = service.create(&me(), CreateCmk { tags: pairs(&[("team", "red")]), ..new_key("") }).await.unwrap().id;
    let closed = service.create(&me(), new_key("")).await.unwrap().id;
    let user = user_with(
        "aa",
        "red",
        Some(
            r#"{"Version":"2012-10-17","Statement":[
              {"Effect":"Allow","Action":"kms:DescribeKey","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"red"}}},
              {"Effect":"Allow","Action":"kms:TagResource","Resource":"*","Condition":{"ForAllValues:StringEquals":{"aws:TagKeys":["note"]},"Null":{"aws:TagKeys":"false"}}}]}"#,
        ),
    );
    assert!(service.describe(&user, &open).await.is_ok());
    assert_eq!(service.describe(&user, &closed).await, Err(KmsError::Denied));
    service.tag(&user, &closed, pairs(&[("note", "x")])).await.unwrap();
    assert_eq!(service.tag(&user, &closed, pairs(&[("team", "red")])).await, Err(KmsError::Denied));
    service.untag(&me(), &open, vec!["team".to_owned()]).await.unwrap();
    assert_eq!(service.describe(&user, &open).await, Err(KmsError::Denied), "in force at once");
}

#[tokio::test]
async fn keys_are_found_by_their_tags_within_a_project() {
    let service = Setup::new().open().await;
    let project = Some(ProjectUid::from_bytes([3; 16]));
    for (project, tags) in [
        (None, pairs(&[("a", "1"), ("b", "1")])),
        (None, pairs(&[("a", "2")])),
        (project, pairs(&[("a", "1")])),
        (None, pairs(&[])),
    ] {
        service.create(&me(), CreateCmk { project, tags, ..new_key("") }).await.unwrap();
    }
    service.create(&root_of("bb"), CreateCmk { tags: pairs(&[("a", "9")]), ..new_key("") }).await.unwrap();
    let wanted = |tags: &[(&str, &[&str])]| -> Vec<(String, Vec<String>)> {
        tags.iter().map(|(k, v)| ((*k).to_owned(), v.iter().map(|v| (*v).to_owned()).collect())).collect()
    };
    for (project, tags, found) in [
        (None, wanted(&[]), 3),
        (None, wanted(&[("a", &[])]), 2),
        (None, wanted(&[("a", &["1", "7"])]), 1),
        (None, wanted(&[("a", &[]), ("b", &["1"])]), 1),
        (None, wanted(&[("c", &[])]), 0),
        (project, wanted(&[("a", &["1"])]), 1),
    ] {
        assert_eq!(service.keys_by_tags(&me(), project, &tags).await.unwrap().len(), found, "{tags:?}");
    }
    let all = service.tags_of_project(&me(), None).await.unwrap();
    assert_eq!(all["a"].iter().collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(all.len(), 2);
    let low = user_with("aa", "low", Some(&allow(r#""kms:ListKeys""#)));
    assert_eq!(service.tags_of_project(&low, None).await, Err(KmsError::Denied));
    assert_eq!(service.keys_by_tags(&low, None, &[]).await, Err(KmsError::Denied));
}

#[tokio::test]
async fn a_description_is_replaced_within_its_limit() {
    let service = Setup::new().open().await;
    let cmk = service.create(&me(), new_key("old")).await.unwrap().id;
    service.update_description(&me(), &cmk, &"n".repeat(8192)).await.unwrap();
    assert!(matches!(service.update_description(&me(), &cmk, &"n".repeat(8193)).await, Err(KmsError::Validation(_))));
    service.update_description(&me(), &cmk, "new").await.unwrap();
    assert_eq!(service.describe(&me(), &cmk).await.unwrap().description, "new");
    service.schedule_deletion(&me(), &cmk, 7, false).await.unwrap();
    assert_eq!(service.update_description(&me(), &cmk, "x").await, Err(KmsError::PendingDeletion));
    assert_eq!(service.tag(&me(), &cmk, pairs(&[("a", "b")])).await, Err(KmsError::PendingDeletion));
    let low = user_with("aa", "low", None);
    assert_eq!(service.update_description(&low, &cmk, "x").await, Err(KmsError::Denied));
}
