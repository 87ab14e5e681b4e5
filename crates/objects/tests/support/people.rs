//! Principals of two accounts, and requests in their names.

use super::*;
use model::{EntityName, EntityPath, UserUid, VersionId};
use policy::{Attached, Caller, ConditionKey, Grammar, Identity, Permissions, Policy};

pub const EVERYTHING: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;

pub fn account(n: u8) -> AccountId {
    if n == 1 {
        return root().account().unwrap().clone();
    }
    AccountId::parse(&format!("{n:032x}")).unwrap()
}

pub fn number(n: u8) -> AccountNumber {
    AccountNumber::parse(&format!("{n:012}")).unwrap()
}

/// The root identity of account `n`. Account 1 owns what [`Harness::bucket`] makes.
pub fn root_of(n: u8) -> Principal {
    Principal::root(account(n), number(n), &format!("account-{n}"))
}

/// A user of account `n` with these identity policies.
pub fn user(n: u8, policies: &[&str]) -> Principal {
    let attached = |text: &&str| Attached {
        source: "test".into(),
        policy: Arc::new(Policy::parse(text, Grammar::Identity).unwrap()),
    };
    let identity = Identity::User {
        uid: UserUid::from_bytes([n; 16]),
        name: EntityName::parse("ann").unwrap(),
        path: EntityPath::default(),
    };
    let permissions = Permissions { identity: policies.iter().map(attached).collect(), ..Permissions::default() };
    Principal::Caller(Arc::new(Caller::new(account(n), number(n), format!("account-{n}"), identity, None, permissions)))
}

pub fn as_(principal: &Principal) -> RequestContext {
    RequestContext { principal: principal.clone(), ..cx() }
}

/// The request says this as well.
pub fn saying(mut cx: RequestContext, key: ConditionKey, value: &str) -> RequestContext {
    Arc::make_mut(&mut cx.conditions).add(key, value);
    cx
}

pub fn tags(pairs: &[(&str, &str)]) -> Tags {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

/// An upload of `data` in the clear.
pub fn put_of(bucket: &BucketName, object: &str) -> PutObject {
    PutObject {
        bucket: bucket.clone(),
        name: name(object),
        headers: ObjectHeaders::default(),
        encryption: EncryptionHeaders::default(),
        expectation: WriteExpectation::default(),
        acl: None,
        tags: Vec::new(),
    }
}

impl Harness {
    pub async fn put_as(&self, who: &Principal, bucket: &BucketName, object: &str) -> Result<(), Fail> {
        self.objects.put_object(&as_(who), put_of(bucket, object), body(b"data")).await.map(drop)
    }

    pub async fn get_as(&self, who: &Principal, bucket: &BucketName, object: &str) -> Result<(), Fail> {
        let outcome = self.objects.get_object(&as_(who), read(bucket, object, Method::Plain)).await?;
        drain(outcome.body).await.map(drop)
    }

    pub async fn list_as(&self, who: &Principal, bucket: &BucketName) -> Result<(), Fail> {
        let request =
            ListObjects { bucket: bucket.clone(), prefix: String::new(), delimiter: None, after: None, max: 10 };
        self.objects.list_objects(&as_(who), request).await.map(drop)
    }

    pub async fn delete_as(&self, who: &Principal, bucket: &BucketName, object: &str) -> Result<(), Fail> {
        self.objects.delete_object(&as_(who), bucket, &name(object), None::<VersionId>).await.map(drop)
    }

    pub async fn set_policy(&self, bucket: &BucketName, statements: &str) {
        let text = format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#);
        let request = PutBucketPolicy { text, confirm_remove_self: false };
        self.objects.put_bucket_policy(&cx(), bucket, request).await.unwrap();
    }

    pub async fn set_acl(&self, bucket: &BucketName, acl: AclChoice) {
        self.objects.put_bucket_acl(&cx(), bucket, PutAcl { owner: None, acl }).await.unwrap();
    }
}

/// A statement of a bucket policy of `bucket` for everyone or one account.
pub fn statement(effect: &str, who: &str, actions: &str, condition: &str) -> String {
    let condition = if condition.is_empty() { String::new() } else { format!(r#","Condition":{condition}"#) };
    format!(
        r#"{{"Effect":"{effect}","Principal":{who},"Action":{actions},"Resource":["arn:aws:s3:::bucket","arn:aws:s3:::bucket/*"]{condition}}}"#
    )
}

pub const EVERYONE: &str = r#""*""#;

pub fn account_principal(n: u8) -> String {
    format!(r#"{{"AWS":"arn:aws:iam::{}:root"}}"#, number(n))
}

pub fn denied<T>(result: Result<T, Fail>) -> bool {
    matches!(result, Err(Fail::AccessDenied))
}
