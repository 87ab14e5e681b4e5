//! A second evaluator, written from the description of the language and from nothing else: it reads the JSON again for
//! every question, tries all it could try, and knows no compiled form. Random documents are put to both.

use crate::setup::{Has, NUMBER_A, NUMBER_B, a, ask, b, bucket_policy, role, root, root_session, rules, user};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use std::sync::Arc;
use strongroom_policy::{Action, BucketRules, ConditionKey, Principal};

/// Who asks, as the model knows him.
#[derive(Clone, Debug, PartialEq)]
struct Who {
    /// `a`, `b`, or nothing for the anonymous.
    account: &'static str,
    /// `root`, `user` or `role`.
    kind: &'static str,
    name: &'static str,
}

/// One question.
#[derive(Clone, Debug)]
struct Question {
    who: Who,
    identity: Vec<Value>,
    boundary: Option<Value>,
    session: Option<Vec<Value>>,
    bucket: Option<Value>,
    binds_root: bool,
    action: Action,
    object: &'static str,
    said: Vec<(&'static str, &'static str)>,
}

fn list(value: &Value) -> Vec<String> {
    let text = |v: &Value| v.as_str().map_or_else(|| v.to_string(), |s| s.trim().to_owned());
    value.as_array().map_or_else(|| vec![text(value)], |all| all.iter().map(text).collect())
}

/// Wildcards by trying everything; `starred` marks what is a wildcard.
fn glob(pattern: &[(char, bool)], text: &[char]) -> bool {
    let mut row: Vec<bool> = (0..=text.len()).map(|n| n == 0).collect();
    for (c, starred) in pattern {
        let mut next = vec![false; text.len() + 1];
        for end in 0..=text.len() {
            next[end] = match (c, starred) {
                ('*', true) => (0..=end).any(|from| row[from]),
                ('?', true) => end > 0 && row[end - 1],
                _ => end > 0 && row[end - 1] && text[end - 1] == *c,
            };
        }
        row = next;
    }
    row[text.len()]
}

fn globs(pattern: &str, text: &str) -> bool {
    let pattern: Vec<(char, bool)> = pattern.chars().map(|c| (c, matches!(c, '*' | '?'))).collect();
    glob(&pattern, &text.chars().collect::<Vec<_>>())
}

impl Question {
    fn number(&self) -> &'static str {
        if self.who.account == "a" { NUMBER_A } else { NUMBER_B }
    }

    /// `${aws:username}` filled in; `None` if the document has variables and there is no user name.
    fn fill(&self, text: &str, document: &Value) -> Option<Vec<(char, bool)>> {
        let plain = |text: &str| text.chars().map(|c| (c, matches!(c, '*' | '?'))).collect::<Vec<_>>();
        let variable = "${aws:username}";
        if document["Version"] != "2012-10-17" || !text.contains(variable) {
            return Some(plain(text));
        }
        if self.who.kind != "user" {
            return None;
        }
        let mut filled = Vec::new();
        for (i, piece) in text.split(variable).enumerate() {
            if i > 0 {
                filled.extend(self.who.name.chars().map(|c| (c, false)));
            }
            filled.extend(plain(piece));
        }
        Some(filled)
    }

    fn values_of(&self, key: &str) -> Vec<String> {
        match key {
            "aws:username" => {
                if self.who.kind == "user" {
                    vec![self.who.name.into()]
                } else {
                    vec![]
                }
            }
            "aws:SourceIp" => vec!["192.0.2.7".into()],
            "aws:CurrentTime" => vec!["2024-02-29T12:30:15Z".into()],
            "aws:SecureTransport" => vec!["false".into()],
            _ => self.said.iter().filter(|(k, _)| *k == key).map(|(_, v)| (*v).to_owned()).collect(),
        }
    }

    fn condition(&self, condition: &Value, document: &Value, allows: bool) -> bool {
        condition.as_object().unwrap().iter().all(|(operator, keys)| {
            keys.as_object()
                .unwrap()
                .iter()
                .all(|(key, wanted)| self.line(operator, key, &list(wanted), document, allows))
        })
    }

    fn line(&self, operator: &str, key: &str, wanted: &[String], document: &Value, allows: bool) -> bool {
        let (quantifier, rest) = operator.split_once(':').unwrap_or(("", operator));
        let if_exists = rest.ends_with("IfExists");
        let name = rest.trim_end_matches("IfExists");
        let negated = name.contains("Not");
        let name = name.replace("Not", "");
        let values = self.values_of(key);
        if name == "Null" {
            return wanted.iter().any(|w| (w == "true") == values.is_empty());
        }
        if values.is_empty() {
            return if_exists
                || match quantifier {
                    "ForAllValues" => true,
                    "ForAnyValue" => false,
                    _ => negated,
                };
        }
        let unresolved = wanted.iter().any(|w| self.fill(w, document).is_none());
        let one = |value: &String| wanted.iter().any(|w| self.compare(&name, value, w, document));
        let passes = |value: &String| one(value) != negated;
        // Where a variable stands for nothing and nothing else matched, an Allow must not rest on the negation.
        if allows && negated && unresolved && values.iter().any(|v| !one(v)) {
            return false;
        }
        match quantifier {
            "ForAllValues" => values.iter().all(passes),
            "ForAnyValue" => values.iter().any(passes),
            _ if negated => values.iter().all(passes),
            _ => values.iter().any(passes),
        }
    }

    fn compare(&self, name: &str, value: &str, wanted: &str, document: &Value) -> bool {
        let Some(filled) = self.fill(wanted, document) else { return false };
        let text: String = filled.iter().map(|(c, _)| *c).collect();
        let numbers = || Some((value.parse::<f64>().ok()?, wanted.parse::<f64>().ok()?));
        match name {
            "StringEquals" => text == value,
            "StringEqualsIgnoreCase" => text.to_lowercase() == value.to_lowercase(),
            "StringLike" => glob(&filled, &value.chars().collect::<Vec<_>>()),
            "NumericEquals" => numbers().is_some_and(|(v, w)| v == w),
            "NumericLessThan" => numbers().is_some_and(|(v, w)| v < w),
            "NumericGreaterThanEquals" => numbers().is_some_and(|(v, w)| v >= w),
            // All of the same form, so their texts are in the order of time.
            "DateLessThan" => value < wanted,
            "DateGreaterThan" => value > wanted,
            "Bool" => value == wanted,
            // The two networks of the vocabulary.
            "IpAddress" => wanted == "192.0.2.0/24",
            other => panic!("{other}"),
        }
    }

    /// Whether and how a principal is named: by account, or directly.
    fn named(&self, element: &Value) -> (bool, bool) {
        if element == "*" {
            return (false, true);
        }
        let (mut by_account, mut directly) = (false, false);
        for names in element.as_object().unwrap().values() {
            for name in list(names) {
                let account = self.who.account.repeat(32);
                let arn = format!("arn:aws:iam::{}:{}/{}", self.number(), self.who.kind, self.who.name);
                let obs = format!("domain/{account}:{}/{}", self.who.kind.replace("role", "agency"), self.who.name);
                let anyone_of_kind = format!("domain/{account}:user/*");
                let is_somebody = !self.who.account.is_empty();
                by_account |= is_somebody && [self.number().to_owned(), format!("domain/{account}")].contains(&name);
                directly |= name == "*"
                    || (is_somebody && (name == arn || name == obs))
                    || (self.who.kind == "user" && name == anyone_of_kind);
            }
        }
        (by_account, directly)
    }

    /// Whether the statement is about the question, and whether it names the principal directly.
    fn about(&self, statement: &Value, document: &Value) -> Option<bool> {
        let allows = statement["Effect"] == "Allow";
        let names_action = |element: &Value| list(element).iter().any(|pattern| self.names_action(pattern));
        let names_resource = |element: &Value| {
            let arn = if self.object.is_empty() { "bucket".to_owned() } else { format!("bucket/{}", self.object) };
            list(element).iter().any(|pattern| {
                let Some(filled) = self.fill(pattern, document) else { return false };
                let prefix = "arn:aws:s3:::";
                let bare = if pattern.starts_with(prefix) { &filled[prefix.len()..] } else { &filled[..] };
                glob(bare, &arn.chars().collect::<Vec<_>>())
            })
        };
        let action = statement.get("Action").map(names_action);
        let action = action.or_else(|| statement.get("NotAction").map(|e| !names_action(e)));
        let unresolved = |e: &Value| list(e).iter().any(|p| self.fill(p, document).is_none());
        let resource = statement
            .get("Resource")
            .map(names_resource)
            .or_else(|| statement.get("NotResource").map(|e| !(names_resource(e) || allows && unresolved(e))));
        let is_root = self.who.kind == "root";
        let direct = match (statement.get("Principal"), statement.get("NotPrincipal")) {
            (None, None) => true,
            (Some(element), _) => match self.named(element) {
                (false, false) => return None,
                (_, directly) => directly,
            },
            (None, Some(element)) => match self.named(element) {
                (_, true) => return None,
                (true, false) if allows || is_root => return None,
                _ => true,
            },
        };
        let condition = statement.get("Condition").is_none_or(|c| self.condition(c, document, allows));
        (action? && resource? && condition).then_some(direct)
    }

    fn names_action(&self, pattern: &str) -> bool {
        let pattern = pattern.to_lowercase();
        let names = [self.action.name().to_lowercase(), self.action.obs_name().to_lowercase()];
        names.iter().any(|name| globs(&pattern, name))
    }

    /// Denied, allowed directly, allowed by account.
    fn read(&self, document: &Value) -> (bool, bool, bool) {
        let (mut denied, mut direct, mut by_account) = (false, false, false);
        let statements = document["Statement"].as_array().unwrap();
        for statement in statements {
            match (self.about(statement, document), statement["Effect"] == "Allow") {
                (Some(_), false) => denied = true,
                (Some(true), true) => direct = true,
                (Some(false), true) => by_account = true,
                (None, _) => {}
            }
        }
        (denied, direct, by_account)
    }

    /// The decision.
    fn decide(&self) -> bool {
        let read = |document: &Value| self.read(document);
        let identity: Vec<_> = self.identity.iter().map(read).collect();
        let boundary = self.boundary.as_ref().map(read);
        let session: Option<Vec<_>> = self.session.as_ref().map(|all| all.iter().map(read).collect());
        let bucket = self.bucket.as_ref().map_or((false, false, false), read);
        let owners_root = self.who.account == "a" && self.who.kind == "root";
        let on_policy =
            matches!(self.action, Action::GetBucketPolicy | Action::PutBucketPolicy | Action::DeleteBucketPolicy);
        let own = identity.iter().chain(boundary.iter()).chain(session.iter().flatten());
        if own.into_iter().any(|(denied, ..)| *denied) {
            return false;
        }
        if bucket.0 && !(owners_root && on_policy && !self.binds_root) {
            return false;
        }
        if boundary.is_some_and(|(_, allowed, _)| !allowed) {
            return false;
        }
        if session.is_some_and(|all| !all.iter().any(|(_, allowed, _)| *allowed)) {
            return false;
        }
        let own_allows = self.who.kind == "root" || identity.iter().any(|(_, allowed, _)| *allowed);
        match self.who.account {
            "" => bucket.1,
            "a" => own_allows || bucket.1,
            _ => own_allows && (bucket.1 || bucket.2),
        }
    }

    /// The same, asked of the evaluator.
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
        let policy = self.bucket.as_ref().map(|document| {
            Arc::new(bucket_policy(&document.to_string()).unwrap_or_else(|e| panic!("{e}: {document}")))
        });
        let rules = BucketRules { policy, policy_binds_root: self.binds_root, ..rules() };
        let mut asked = ask(&principal, self.action, self.object, &rules);
        asked.conditions.source_ip = Some("192.0.2.7".parse().unwrap());
        for (key, value) in &self.said {
            asked.conditions.add(ConditionKey::parse(key), *value);
        }
        asked.allowed()
    }
}

fn condition() -> impl Strategy<Value = Value> {
    let quantified =
        |operators: &'static [&'static str], keys: &'static [&'static str], values: &'static [&'static str]| {
            let quantifier = select(&["", "", "ForAllValues:", "ForAnyValue:"][..]);
            let if_exists = select(&["", "", "IfExists"][..]);
            (quantifier, select(operators), if_exists, select(keys), prop::collection::vec(select(values), 1..3))
                .prop_map(|(quantifier, operator, if_exists, key, values)| {
                    (format!("{quantifier}{operator}{if_exists}"), key, json!(values))
                })
        };
    let line = prop_oneof![
        6 => quantified(
            &["StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringLike", "StringNotLike"],
            &["s3:prefix", "s3:RequestObjectTagKeys", "aws:username"],
            &["a", "b", "A", "a*", "?", "*", "${aws:username}", "alice"],
        ),
        2 => quantified(
            &["NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericGreaterThanEquals"],
            &["s3:max-keys", "s3:prefix"],
            &["1", "10", "1.5"],
        ),
        1 => quantified(
            &["DateLessThan", "DateGreaterThan"],
            &["aws:CurrentTime"],
            &["2024-01-01T00:00:00Z", "2024-02-29T12:30:15Z", "2025-01-01T00:00:00Z"],
        ),
        1 => quantified(&["Bool"], &["aws:SecureTransport"], &["true", "false"]),
        1 => quantified(&["IpAddress", "NotIpAddress"], &["aws:SourceIp"], &["192.0.2.0/24", "10.0.0.0/8"]),
        1 => (select(&["s3:prefix", "aws:username", "s3:max-keys"][..]), select(&["true", "false"][..]))
            .prop_map(|(key, value)| ("Null".to_owned(), key, json!(value))),
    ];
    prop::collection::vec(line, 0..3).prop_map(|lines| {
        let mut condition = json!({});
        for (operator, key, values) in lines {
            condition[operator][key] = values;
        }
        condition
    })
}

fn principal() -> impl Strategy<Value = Value> {
    let (account_a, account_b) = (a().to_string(), b().to_string());
    let named: Vec<Value> = vec![
        json!({"AWS": "arn:aws:iam::111111111111:user/alice"}),
        json!({"AWS": ["arn:aws:iam::111111111111:user/alice", "111111111111"]}),
        json!({"AWS": ["222222222222"]}),
        json!({"AWS": "arn:aws:iam::111111111111:role/Deploy", "ID": format!("domain/{account_b}:user/*")}),
        json!({"ID": [format!("domain/{account_a}:user/bob"), format!("domain/{account_b}:agency/Deploy")]}),
        json!({"ID": format!(" domain/{account_a} ")}),
        json!({"AWS": "*"}),
        json!("*"),
        json!("*"),
    ];
    select(named)
}

fn statement(with_principal: bool) -> impl Strategy<Value = Value> {
    let actions: &[&str] = if with_principal {
        &["s3:GetObject", "s3:Get*", "s3:*", "*", "PutObject", "List*", "s3:ListBucket", "*Policy", "s3:?utObject"]
    } else {
        &["s3:GetObject", "s3:Get*", "s3:*", "*", "s3:PutObject", "s3:ListBucket", "ec2:*"]
    };
    let resources: &[&str] = if with_principal {
        &["bucket", "bucket/*", "arn:aws:s3:::bucket/a*", "arn:aws:s3:::*", "bucket/${aws:username}/*", "bucket/?"]
    } else {
        &[
            "arn:aws:s3:::bucket",
            "arn:aws:s3:::bucket/*",
            "arn:aws:s3:::other/*",
            "arn:aws:s3:::bucket/${aws:username}/*",
        ]
    };
    let some = |all: &[&'static str]| prop::collection::vec(select(all.to_vec()), 1..3);
    (
        select(&["Allow", "Allow", "Deny"][..]),
        (some(actions), prop::bool::weighted(0.15)),
        (some(resources), prop::bool::weighted(0.15)),
        (principal(), prop::bool::weighted(0.15)),
        prop::option::weighted(0.5, condition()),
    )
        .prop_map(
            move |(effect, (actions, not_actions), (resources, not_resources), (who, not_who), condition)| {
                let mut statement = json!({"Effect": effect});
                statement[if not_actions { "NotAction" } else { "Action" }] = json!(actions);
                statement[if not_resources { "NotResource" } else { "Resource" }] = json!(resources);
                if with_principal {
                    statement[if not_who { "NotPrincipal" } else { "Principal" }] = who;
                }
                if let Some(condition) = condition {
                    statement["Condition"] = condition;
                }
                statement
            },
        )
}

fn document(with_principal: bool) -> impl Strategy<Value = Value> {
    let version = select(&["2012-10-17", "2012-10-17", "2008-10-17", ""][..]);
    (version, prop::collection::vec(statement(with_principal), 1..4)).prop_map(|(version, statements)| {
        let mut document = json!({"Statement": statements});
        if !version.is_empty() {
            document["Version"] = json!(version);
        }
        document
    })
}

fn question() -> impl Strategy<Value = Question> {
    let who = |account, kind, name| Who { account, kind, name };
    let everybody = vec![
        who("", "", ""),
        who("a", "root", ""),
        who("b", "root", ""),
        who("a", "user", "alice"),
        who("a", "user", "bob"),
        who("b", "user", "alice"),
        who("a", "role", "Deploy"),
        who("b", "role", "Deploy"),
    ];
    let operations: Vec<(Action, &'static str)> = vec![
        (Action::GetObject, "alice/x"),
        (Action::GetObject, "a"),
        (Action::PutObject, "x"),
        (Action::DeleteObject, "a*"),
        (Action::ListBucket, ""),
        (Action::GetBucketPolicy, ""),
        (Action::PutBucketPolicy, ""),
    ];
    let said: Vec<(&'static str, &'static str)> = vec![
        ("s3:prefix", "a"),
        ("s3:prefix", "alice"),
        ("s3:prefix", "1"),
        ("s3:max-keys", "10"),
        ("s3:max-keys", "9"),
        ("s3:RequestObjectTagKeys", "a"),
        ("s3:RequestObjectTagKeys", "b"),
        ("s3:RequestObjectTagKeys", "x"),
    ];
    (
        select(everybody),
        prop::collection::vec(document(false), 0..3),
        prop::option::weighted(0.2, document(false)),
        prop::option::weighted(0.2, prop::collection::vec(document(false), 0..3)),
        prop::option::weighted(0.8, document(true)),
        any::<bool>(),
        select(operations),
        prop::sample::subsequence(said, 0..=4),
    )
        .prop_map(|(who, identity, boundary, session, bucket, binds_root, (action, object), said)| {
            let is_anonymous = who.account.is_empty();
            Question {
                identity: if is_anonymous { vec![] } else { identity },
                boundary: boundary.filter(|_| !is_anonymous),
                session: session.filter(|_| !is_anonymous),
                who,
                bucket,
                binds_root,
                action,
                object,
                said,
            }
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_evaluator_and_the_model_agree(question in question()) {
        prop_assert_eq!(question.asked(), question.decide());
    }
}

#[test]
fn both_answers_occur() {
    // The property is worth something only if the vocabulary leads to both.
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut allowed = 0;
    for _ in 0..1000 {
        allowed += usize::from(question().new_tree(&mut runner).unwrap().current().decide());
    }
    assert!((150..850).contains(&allowed), "{allowed} of 1000");
}
