//! Why somebody may or may not do something: the evaluator's own account of its decision, on the rules as they are now.
//!
//! About a CMK the KMS explains, with the key policy and the grants that stand on it.
//!
//! An explanation tells what policies say. Whoever asks needs the right to ask about the identity, and, where the rules
//! of a bucket are read, about the root identity of the account that owns it: `iam:SimulatePrincipalPolicy` in one's
//! own account, `strongroom:ExplainAccess` of the operator in others.

use super::resource::NamedResource;
use super::{Answer, Call, Fault, input, json};
use crate::dialect::{Dialect, HeaderView};
use crate::ops::{conditions_said, encryption_said};
use crate::query::{Query, url_encode};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use iam::{Account, Named};
use kms::{CmkId, EncryptionContext, KeyUser};
use model::{AccountId, EntityName};
use objects::Fail;
use policy::{
    AccessRequest, Action, AssumeRequest, ConditionKey, Conditions, Explanation, Layer, Outcome, Principal, Resource,
    StatementTrace, explain,
};
use serde::Deserialize;
use serde_json::{Value, json as object};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    r#as: String,
    action: String,
    resource: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    query: BTreeMap<String, String>,
    #[serde(default)]
    dialect: AskedDialect,
    /// The encryption context of the use of a key.
    #[serde(default)]
    context: BTreeMap<String, String>,
    /// Whether the store uses the key for a request.
    #[serde(default)]
    through_store: bool,
    source_ip: Option<IpAddr>,
    #[serde(default = "yes")]
    secure: bool,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum AskedDialect {
    #[default]
    S3,
    Obs,
}

fn yes() -> bool {
    true
}

impl Call<'_> {
    pub(super) async fn explain(&self) -> Answer {
        let question: Question = input::parse(&self.request.body)?;
        let directory = &self.request.gateway.directory;
        if question.r#as == "anonymous" {
            // Nobody is an identity of no account; the right to ask is that to ask about one's own.
            directory.principal_as(self.requester, "root").await?;
        }
        let principal = directory.principal_as(self.requester, &question.r#as).await?;
        let action = Action::parse(&question.action)
            .ok_or_else(|| Fault::input(format!("action: `{}` is no action of this server", question.action)))?;
        let resource = NamedResource::parse(&question.resource)?;
        let conditions = self.conditions_of(&principal, &question, &resource)?;
        let explanation = self.weigh(&principal, action, &resource, &conditions, &question).await?;
        let who = principal.caller().map_or_else(|| "anonymous".to_owned(), |caller| caller.policy_arn());
        Ok(json(StatusCode::OK, &shown(&explanation, &who, action, &question.resource)))
    }

    async fn weigh(
        &self,
        principal: &Principal,
        action: Action,
        resource: &NamedResource,
        conditions: &Conditions,
        question: &Question,
    ) -> Result<Explanation, Fault> {
        let request = AccessRequest {
            principal,
            action,
            resource: Resource::Service,
            owner: principal.account(),
            bucket: None,
            object_acl: None,
            cmk: None,
            conditions,
            facts: &[],
        };
        match resource {
            NamedResource::Service => Ok(explain(&request)),
            // What does not exist yet has no rules.
            NamedResource::Bucket(name) if action == Action::CreateBucket => {
                Ok(explain(&AccessRequest { resource: Resource::Bucket(name), ..request }))
            }
            NamedResource::Bucket(name) => {
                let inputs = self.inputs(name, None).await?;
                let (resource, rules) = (Resource::Bucket(name), &*inputs.rules);
                Ok(explain(&AccessRequest { resource, owner: Some(&rules.owner), bucket: Some(rules), ..request }))
            }
            NamedResource::Object(bucket, name) => {
                // A write asks about the bucket owner's future object, whatever stands there now.
                let looks = !matches!(
                    action,
                    Action::PutObject
                        | Action::DeleteObject
                        | Action::DeleteObjectVersion
                        | Action::AbortMultipartUpload
                        | Action::ListMultipartUploadParts
                );
                let inputs = self.inputs(bucket, looks.then_some(name)).await?;
                let rules = &*inputs.rules;
                let facts: Vec<(ConditionKey, &str)> = inputs
                    .object
                    .iter()
                    .flat_map(|object| &object.tags)
                    .map(|(key, value)| (ConditionKey::ExistingObjectTag(key.as_str().into()), value.as_str()))
                    .collect();
                Ok(explain(&AccessRequest {
                    resource: Resource::Object(bucket, name),
                    owner: Some(inputs.object.as_ref().map_or(&rules.owner, |object| &object.owner)),
                    bucket: Some(rules),
                    object_acl: inputs.object.as_ref().and_then(|object| object.acl.as_ref()),
                    cmk: None,
                    facts: &facts,
                    ..request
                }))
            }
            // Explained by the KMS, which knows what stands on it.
            NamedResource::Cmk { region, account, uid } => {
                let account = self.account_of(account).await?;
                let (id, number) = (account.id.clone(), account.number.clone());
                let cmk = CmkId { region: region.clone(), account: id, number, uid: *uid };
                let context = EncryptionContext::from_pairs(question.context.clone())
                    .map_err(|error| Fault::input(format!("context: {error}")))?;
                let keys = &self.request.gateway.keys;
                Ok(keys.explain(principal, action, &cmk, conditions, &context, question.through_store))
            }
            NamedResource::Iam { number, entity } => {
                let account = self.account_of(number).await?;
                let resource = Resource::Iam { account: &account.id, number: &account.number, entity };
                match entity.strip_prefix("role/") {
                    Some(role) if action == Action::StsAssumeRole => {
                        self.weigh_assuming(principal, &account, role, resource, conditions).await
                    }
                    _ => Ok(explain(&AccessRequest { resource, owner: Some(&account.id), ..request })),
                }
            }
        }
    }

    /// Assuming a role is decided by its trust policy as well, which the requester must be allowed to read.
    async fn weigh_assuming(
        &self,
        principal: &Principal,
        account: &Account,
        role: &str,
        resource: Resource<'_>,
        conditions: &Conditions,
    ) -> Result<Explanation, Fault> {
        if self.requester.principal.account() != Some(&account.id) {
            return Err(Fault::input("resource: the trust of another account's role is explained in that account"));
        }
        let name = role.rsplit('/').next().and_then(EntityName::parse);
        let name = name.ok_or_else(|| Fault::input("resource: there is no name of a role in it"))?;
        let role = self.request.gateway.directory.get_role(self.requester, Named::Name(name)).await?;
        let request =
            AssumeRequest { trust: &role.trust, role: resource, role_uid: Some(role.uid), principal, conditions };
        request.explain().ok_or_else(|| Fault::input("resource: it is not a role"))
    }

    /// The rules of a bucket and, if one is named, of an object: for who may ask about the account that owns the
    /// bucket.
    async fn inputs(
        &self,
        bucket: &model::BucketName,
        name: Option<&model::ObjectName>,
    ) -> Result<objects::api::AccessInputs, Fault> {
        let found = self.request.gateway.objects.access_inputs(bucket, name).await;
        let inputs = match found {
            Ok(inputs) => inputs,
            Err(Fail::NoSuchBucket) => {
                return Err(Fault::new(StatusCode::NOT_FOUND, "NoSuchBucket", "The bucket does not exist."));
            }
            Err(fail) => return Err(Fault::internal(format!("an explanation could not be given: {fail:?}"))),
        };
        self.may_ask_about(&inputs.rules.owner).await?;
        Ok(inputs)
    }

    async fn may_ask_about(&self, owner: &AccountId) -> Result<(), Fault> {
        let directory = &self.request.gateway.directory;
        let who = match directory.account(owner) {
            Some(account) => format!("arn:aws:iam::{}:root", account.number),
            // The account is gone; what it left is the operator's to look at. No account has this number.
            None => "arn:aws:iam::000000000000:root".to_owned(),
        };
        match directory.principal_as(self.requester, &who).await {
            Ok(_) => Ok(()),
            Err(iam::IamError::NoSuchEntity(..)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The account that an ARN names by number or id. Its name and id are told to nobody here; only the evaluator sees
    /// them.
    async fn account_of(&self, named: &str) -> Result<Arc<Account>, Fault> {
        let directory = &self.request.gateway.directory;
        let found = directory.account_by_number(named).or_else(|| directory.account(&AccountId::parse(named)?));
        match found {
            Some(account) => {
                self.may_ask_about(&account.id).await?;
                Ok(account)
            }
            None => {
                // Whether there is such an account is told to who may ask about any.
                directory.principal_as(self.requester, &format!("arn:aws:iam::{named}:root")).await?;
                Err(Fault::new(StatusCode::NOT_FOUND, "NoSuchEntity", "The account of the resource does not exist."))
            }
        }
    }

    /// What the conditions would see of the request that is asked about.
    fn conditions_of(
        &self,
        principal: &Principal,
        question: &Question,
        resource: &NamedResource,
    ) -> Result<Conditions, Fault> {
        let mut headers = HeaderMap::new();
        for (name, value) in &question.headers {
            let wrong = || Fault::input(format!("headers: `{name}` and its value cannot be a header"));
            let name = HeaderName::try_from(name.as_str()).map_err(|_| wrong())?;
            headers.append(name, HeaderValue::from_str(value).map_err(|_| wrong())?);
        }
        let query: Vec<String> =
            question.query.iter().map(|(name, value)| format!("{}={}", url_encode(name), url_encode(value))).collect();
        let query = Query::parse(&query.join("&")).map_err(|_| Fault::input("query: it cannot be read"))?;
        let (dialect, via) = match question.dialect {
            AskedDialect::S3 => (Dialect::S3, "s3"),
            AskedDialect::Obs => (Dialect::OBS, "obs"),
        };
        let view = HeaderView::new(dialect, &headers, &query, false)
            .map_err(|_| Fault::input("headers: they contradict one another, or stand for one that must not repeat"))?;
        let now = self.request.gateway.clock.now();
        let from = (question.source_ip, question.secure);
        let mut conditions = conditions_said(now, principal, from, &view, &query)
            .map_err(|_| Fault::input("query: it cannot be read"))?;
        if let (NamedResource::Object(bucket, name), Some(headers)) = (resource, encryption_said(&view)) {
            let user = KeyUser {
                principal: principal.clone(),
                access_key: None,
                via,
                request_id: self.request.request_id.to_owned(),
                conditions: Arc::new(conditions.clone()),
            };
            conditions.named_cmk = self.request.gateway.objects.cmk_named(&user, bucket, name, &headers);
        }
        Ok(conditions)
    }
}

fn shown(explanation: &Explanation, who: &str, action: Action, resource: &str) -> Value {
    let statements: Vec<Value> = explanation.statements.iter().map(statement).collect();
    let grants: Vec<String> = explanation.grants.iter().map(ToString::to_string).collect();
    object!({
        "allowed": explanation.allowed,
        "principal": who,
        "action": action.name(),
        "resource": resource,
        "reason": explanation.reason.to_string(),
        "statements": statements,
        "grants": grants,
    })
}

fn statement(trace: &StatementTrace) -> Value {
    let source = match trace.layer {
        Layer::BucketPolicy | Layer::KeyPolicy | Layer::Trust => trace.layer.to_string(),
        layer => format!("{layer}, {}", trace.source),
    };
    let matched = matches!(trace.outcome, Outcome::Matched | Outcome::MatchedByAccount | Outcome::Unreadable);
    object!({
        "source": source,
        "number": trace.index + 1,
        "sid": trace.sid,
        // A policy that cannot be read denies.
        "effect": trace.effect.map_or_else(|| "Deny".to_owned(), |effect| effect.to_string()),
        "matched": matched,
        "outcome": trace.outcome.to_string(),
    })
}
