//! The decision about a CMK against a plain model of it: written from the rules, not from the evaluator, over a small
//! vocabulary in which everything is spelled out.

use crate::cmks::{grant, rules_with, uid, weigh};
use crate::setup::{Has, a, b, role, root, root_session, user};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use strongroom_policy::{Action, CmkRules, ConditionKey, ContextConstraint, Principal};

#[derive(Clone, Copy, Debug)]
struct Who {
    /// `a`, which owns the CMK, or `b`; empty for the anonymous.
    account: &'static str,
    /// `root`, `user`, `role`.
    kind: &'static str,
    name: &'static str,
}

#[derive(Clone, Debug)]
struct Granted {
    grantee: &'static str,
    operations: Vec<Action>,
    constraint: Option<(bool, &'static str)>,
}

#[derive(Clone, Debug)]
struct Question {
    who: Who,
    identity: Vec<Value>,
    boundary: Option<Value>,
    session: Option<Vec<Value>>,
    policy: Option<Value>,
    grants: Vec<Granted>,
    own_account_only: bool,
    action: Action,
    via_store: bool,
    team: Option<&'static str>,
}

const ALICE: &str = "arn:aws:iam::111111111111:user/alice";
const BOB_OF_B: &str = "arn:aws:iam::222222222222:user/bob";
const DEPLOY: &str = "arn:aws:iam::111111111111:role/Deploy";

impl Question {
    fn number(&self) -> &'static str {
        if self.who.account == "a" { "111111111111" } else { "222222222222" }
    }

    fn arn(&self) -> String {
        format!("arn:aws:iam::{}:{}/{}", self.number(), self.who.kind, self.who.name)
    }

    /// Named by account, named directly.
    fn named(&self, name: &str) -> (bool, bool) {
        if self.who.account.is_empty() {
            return (false, name == "*");
        }
        (name == self.number(), name == "*" || name == self.arn())
    }

    /// Whether the statement is about the question; if so, whether it names the principal directly.
    fn about(&self, statement: &Value) -> Option<bool> {
        let texts = |v: &Value| -> Vec<String> {
            v.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
        };
        let action = texts(&statement["Action"]).iter().any(|pattern| {
            let name = self.action.name();
            pattern == "*" || pattern == name || pattern.strip_suffix('*').is_some_and(|p| name.starts_with(p))
        });
        let resource = statement["Resource"].as_str().unwrap();
        let resource = resource == "*" || resource.ends_with(&uid().to_uuid());
        let condition = statement.get("Condition").is_none_or(|condition| {
            let (operator, keys) = condition.as_object().unwrap().iter().next().unwrap();
            let (key, value) = keys.as_object().unwrap().iter().next().unwrap();
            let value = value.as_str().unwrap();
            let seen: Option<&str> = match key.as_str() {
                "kms:ViaService" => self.via_store.then_some("s3.local-1.amazonaws.com"),
                "kms:EncryptionContext:team" => self.team,
                "kms:CallerAccount" => (!self.who.account.is_empty()).then_some(self.number()),
                other => panic!("{other}"),
            };
            match operator.as_str() {
                "StringEquals" => seen == Some(value),
                "StringNotEquals" => seen != Some(value),
                other => panic!("{other}"),
            }
        });
        let direct = match statement.get("Principal") {
            None => true,
            Some(element) => {
                let names = if element == "*" { vec!["*".to_owned()] } else { texts(&element["AWS"]) };
                let held: Vec<_> = names.iter().map(|name| self.named(name)).collect();
                match (held.iter().any(|(account, _)| *account), held.iter().any(|(_, direct)| *direct)) {
                    (false, false) => return None,
                    (_, direct) => direct,
                }
            }
        };
        (action && resource && condition).then_some(direct)
    }

    /// Denied, allowed directly, allowed by account.
    fn read(&self, document: &Value) -> (bool, bool, bool) {
        let mut read = (false, false, false);
        for statement in document["Statement"].as_array().unwrap() {
            match (self.about(statement), statement["Effect"] == "Allow") {
                (Some(_), false) => read.0 = true,
                (Some(true), true) => read.1 = true,
                (Some(false), true) => read.2 = true,
                (None, _) => {}
            }
        }
        read
    }

    /// Granted directly, granted by account.
    fn granted(&self) -> (bool, bool) {
        let mut granted = (false, false);
        for grant in &self.grants {
            let context_fits = match grant.constraint {
                None => true,
                _ if self.action == Action::KmsDescribeKey => true,
                // The context has one pair at most: exactly this and at least this differ in nothing here.
                Some((_, team)) => self.team == Some(team),
            };
            let (by_account, directly) = self.named(grant.grantee);
            if grant.operations.contains(&self.action) && context_fits {
                granted.0 |= directly;
                granted.1 |= by_account;
            }
        }
        granted
    }

    /// The rules, read aloud.
    fn decide(&self) -> bool {
        let identity: Vec<_> = self.identity.iter().map(|document| self.read(document)).collect();
        let boundary = self.boundary.as_ref().map(|document| self.read(document));
        let session: Option<Vec<_>> = self.session.as_ref().map(|all| all.iter().map(|d| self.read(d)).collect());
        let is_owners_root = self.who.account == "a" && self.who.kind == "root";
        let way_out = is_owners_root && matches!(self.action, Action::KmsGetKeyPolicy | Action::KmsPutKeyPolicy);
        let policy = self.policy.as_ref().map(|document| self.read(document));
        if identity.iter().chain(&boundary).chain(session.iter().flatten()).any(|(denied, ..)| *denied) {
            return false;
        }
        if policy.is_some_and(|(denied, ..)| denied) && !way_out {
            return false;
        }
        if boundary.is_some_and(|(_, allowed, _)| !allowed) {
            return false;
        }
        if session.as_ref().is_some_and(|all| !all.iter().any(|(_, allowed, _)| *allowed)) {
            return false;
        }
        if session.is_some() && matches!(self.action, Action::KmsPutKeyPolicy | Action::KmsCreateGrant) {
            return false;
        }
        let own = self.who.kind == "root" || identity.iter().any(|(_, allowed, _)| *allowed);
        let granted = self.granted();
        let (direct, by_account) = match policy {
            None => (granted.0, self.who.account == "a" || granted.1),
            Some((_, direct, by_account)) => (direct || granted.0, by_account || granted.1),
        };
        match self.who.account {
            "" => false,
            "a" => way_out || direct || (by_account && own),
            _ => !self.own_account_only && own && (direct || by_account),
        }
    }

    fn asked(&self) -> bool {
        let texts = |all: &[Value]| all.iter().map(Value::to_string).collect::<Vec<_>>();
        let (identity, session) = (texts(&self.identity), self.session.as_deref().map(texts));
        let boundary = self.boundary.as_ref().map(Value::to_string);
        let identity: Vec<&str> = identity.iter().map(String::as_str).collect();
        let session: Option<Vec<&str>> = session.as_ref().map(|all| all.iter().map(String::as_str).collect());
        let has = Has { identity: &identity, boundary: boundary.as_deref(), session: session.as_deref() };
        let account = || if self.who.account == "a" { a() } else { b() };
        let principal = match self.who.kind {
            "" => Principal::Anonymous,
            "root" if self.session.is_none() && self.boundary.is_none() && self.identity.is_empty() => root(account()),
            "root" => root_session(account(), has),
            "user" => user(account(), self.who.name, has),
            _ => role(account(), self.who.name, "s", has),
        };
        let rules = match &self.policy {
            None => CmkRules::new(a()),
            Some(document) => rules_with(&document.to_string()),
        };
        let constraint = |(exact, team): (bool, &str)| {
            let pairs = BTreeMap::from([("team".to_owned(), team.to_owned())]);
            if exact { ContextConstraint::Equals(pairs) } else { ContextConstraint::Subset(pairs) }
        };
        let grants =
            self.grants.iter().map(|g| grant(g.grantee, &g.operations, g.constraint.map(constraint))).collect();
        let rules = CmkRules { grants, own_account_only: self.own_account_only, ..rules };
        let mut facts = Vec::new();
        if self.via_store {
            facts.push((ConditionKey::ViaService, "s3.local-1.amazonaws.com"));
        }
        if let Some(team) = self.team {
            facts.push((ConditionKey::EncryptionContext("team".into()), team));
            facts.push((ConditionKey::EncryptionContextKeys, "team"));
        }
        if self.action == Action::KmsCreateGrant {
            facts.push((ConditionKey::GrantOperations, "CreateGrant"));
            facts.push((ConditionKey::GrantConstraintType, "EncryptionContextEquals"));
        }
        weigh(&principal, self.action, &rules, &facts).allowed
    }
}

fn statement(with_principal: bool) -> impl Strategy<Value = Value> {
    let actions: &[&str] = &["kms:Decrypt", "kms:*", "kms:*", "*", "kms:Put*", "kms:CreateGrant", "kms:DescribeKey"];
    let resources = vec!["*".to_owned(), format!("arn:aws:kms:local-1:111111111111:key/{}", uid().to_uuid())];
    let principals = vec![
        json!("*"),
        json!({"AWS": ["111111111111"]}),
        json!({"AWS": ["111111111111"]}),
        json!({"AWS": [ALICE, "222222222222"]}),
        json!({"AWS": [BOB_OF_B]}),
        json!({"AWS": [DEPLOY, ALICE]}),
    ];
    let condition = (
        select(&["StringEquals", "StringNotEquals"][..]),
        select(
            &[
                ("kms:ViaService", "s3.local-1.amazonaws.com"),
                ("kms:EncryptionContext:team", "red"),
                ("kms:CallerAccount", "222222222222"),
            ][..],
        ),
    )
        .prop_map(|(operator, (key, value))| json!({operator: {key: value}}));
    (
        select(&["Allow", "Allow", "Allow", "Deny"][..]),
        prop::collection::vec(select(actions), 1..3),
        select(resources),
        select(principals),
        prop::option::weighted(0.3, condition),
    )
        .prop_map(move |(effect, actions, resource, principal, condition)| {
            let mut statement = json!({"Effect": effect, "Action": actions, "Resource": resource});
            if with_principal {
                statement["Principal"] = principal;
            }
            if let Some(condition) = condition {
                statement["Condition"] = condition;
            }
            statement
        })
}

fn document(with_principal: bool) -> impl Strategy<Value = Value> {
    prop::collection::vec(statement(with_principal), 1..4)
        .prop_map(|statements| json!({"Version": "2012-10-17", "Statement": statements}))
}

fn question() -> impl Strategy<Value = Question> {
    let who = |account, kind, name| Who { account, kind, name };
    let everybody = vec![
        who("", "", ""),
        who("a", "root", ""),
        who("b", "root", ""),
        who("a", "user", "alice"),
        who("a", "user", "alice"),
        who("a", "user", "bob"),
        who("b", "user", "bob"),
        who("b", "user", "bob"),
        who("a", "role", "Deploy"),
    ];
    let operations = [Action::KmsDecrypt, Action::KmsCreateGrant, Action::KmsDescribeKey];
    let granted = (
        select(&["111111111111", "222222222222", ALICE, BOB_OF_B, DEPLOY][..]),
        prop::sample::subsequence(operations.to_vec(), 1..=3),
        prop::option::weighted(0.4, (any::<bool>(), select(&["red", "blue"][..]))),
    )
        .prop_map(|(grantee, mut operations, constraint)| {
            // Whoever makes grants by a grant makes such as this model speaks of.
            operations.sort();
            Granted { grantee, operations, constraint }
        });
    let actions = vec![
        Action::KmsDecrypt,
        Action::KmsDecrypt,
        Action::KmsDescribeKey,
        Action::KmsCreateGrant,
        Action::KmsGetKeyPolicy,
        Action::KmsPutKeyPolicy,
    ];
    (
        (select(everybody), prop::collection::vec(document(false), 0..3)),
        prop::option::weighted(0.2, document(false)),
        prop::option::weighted(0.2, prop::collection::vec(document(false), 0..3)),
        prop::option::weighted(0.7, document(true)),
        prop::collection::vec(granted, 0..3),
        prop::bool::weighted(0.1),
        select(actions),
        (any::<bool>(), prop::option::of(select(&["red", "blue"][..]))),
    )
        .prop_map(
            |((who, identity), boundary, session, policy, grants, own_account_only, action, (via_store, team))| {
                let signed = !who.account.is_empty();
                Question {
                    who,
                    identity: if signed { identity } else { Vec::new() },
                    boundary: boundary.filter(|_| signed),
                    session: session.filter(|_| signed),
                    policy,
                    grants,
                    own_account_only,
                    action,
                    via_store,
                    team,
                }
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_evaluator_and_the_model_agree_about_cmks(question in question()) {
        prop_assert_eq!(question.asked(), question.decide());
    }
}

#[test]
fn both_answers_occur_for_cmks() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut allowed = 0;
    for _ in 0..1000 {
        allowed += usize::from(question().new_tree(&mut runner).unwrap().current().decide());
    }
    assert!((150..850).contains(&allowed), "{allowed} of 1000");
}
