//! Tags of objects.

use crate::support::people::*;
use crate::support::*;
use policy::Principal;
use strongroom_objects::Fail;
use strongroom_objects::api::*;

#[tokio::test]
async fn policies_see_the_tags_of_the_object_and_of_the_request() {
    let h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    h.put(&bucket, "o", Method::Plain, b"data").await;
    let open =
        statement("Allow", EVERYONE, r#""s3:GetObject""#, r#"{"StringEquals":{"s3:ExistingObjectTag/open":"yes"}}"#);
    let keep =
        statement("Deny", EVERYONE, r#""s3:DeleteObject""#, r#"{"StringEquals":{"s3:ExistingObjectTag/keep":"yes"}}"#);
    let named = statement(
        "Deny",
        EVERYONE,
        r#"["s3:PutObject","s3:PutObjectTagging"]"#,
        r#"{"StringEquals":{"s3:RequestObjectTag/bad":"yes"}}"#,
    );
    h.set_policy(&bucket, &format!("{open},{keep},{named}")).await;
    let set =
        async |pairs: &[(&str, &str)]| h.objects.put_object_tags(&cx(), &bucket, &name("o"), None, tags(pairs)).await;
    assert!(denied(h.get_as(&Principal::Anonymous, &bucket, "o").await));
    set(&[("open", "yes"), ("keep", "yes")]).await.unwrap();
    h.get_as(&Principal::Anonymous, &bucket, "o").await.unwrap();
    assert!(denied(h.delete_as(&root_of(1), &bucket, "o").await));
    assert!(denied(set(&[("bad", "yes")]).await));
    let request = PutObject { tags: tags(&[("bad", "yes")]), ..put_of(&bucket, "p") };
    assert!(denied(h.objects.put_object(&cx(), request, body(b"x")).await));
    h.objects.delete_object_tags(&cx(), &bucket, &name("o"), None).await.unwrap();
    assert!(denied(h.get_as(&Principal::Anonymous, &bucket, "o").await));
    h.delete_as(&root_of(1), &bucket, "o").await.unwrap();
}

#[tokio::test]
async fn tags_have_bounds_and_are_counted_for_who_may_read_them() {
    let h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    let set = async |tags: Tags| h.objects.put_object_tags(&cx(), &bucket, &name("o"), None, tags).await;
    assert!(matches!(set(tags(&[("a", "b")])).await, Err(Fail::NoSuchKey { .. })));
    let request = PutObject { tags: tags(&[("a", "b"), ("c", "")]), ..put_of(&bucket, "o") };
    h.objects.put_object(&cx(), request, body(b"data")).await.unwrap();
    let many = |n: usize| (0..n).map(|i| (format!("k{i}"), String::new())).collect::<Tags>();
    let one = |k: usize, v: usize| vec![("ü".repeat(k), "ü".repeat(v))];
    for refused in [many(11), one(129, 0), one(1, 257), one(0, 1), tags(&[("a", "1"), ("a", "2")])] {
        assert!(matches!(set(refused.clone()).await, Err(Fail::InvalidTag(_))), "{refused:?}");
        let request = PutObject { tags: refused, ..put_of(&bucket, "o") };
        assert!(matches!(h.objects.put_object(&cx(), request, body(b"x")).await, Err(Fail::InvalidTag(_))));
    }
    let kept = h.objects.get_object_tags(&cx(), &bucket, &name("o"), None).await.unwrap().tags;
    assert_eq!(kept, tags(&[("a", "b"), ("c", "")]));
    for taken in [many(10), one(128, 256)] {
        set(taken).await.unwrap();
    }
    let reader =
        user(1, &[r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}}"#]);
    let head =
        async |who: &Principal| h.objects.head_object(&as_(who), read(&bucket, "o", Method::Plain)).await.unwrap().tags;
    assert_eq!((head(&root_of(1)).await, head(&reader).await), (1, 0));
    h.put(&bucket, "o", Method::Plain, b"data").await;
    assert_eq!(head(&root_of(1)).await, 0, "tags belong to the object, not to its name");
}
