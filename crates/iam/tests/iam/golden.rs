//! Golden records: what this version writes is what vectors/iam holds, and what it holds stays readable for ever.
//!
//! After an intended change of a format, write a new file under a new name with `STRONGROOM_WRITE_VECTORS=1`; the old
//! file stays and stays readable.

use crate::setup::{Setup, allow, by, id, name, new_user};
use model::EntityPath;
use std::fmt::Write;
use std::path::PathBuf;
use store::Table;
use strongroom_iam::{Entity, NewRole, PasswordLogin, PolicyRef, SecretAccessKey, Trust};

const TABLES: [Table; 8] = [
    Table::Accounts,
    Table::AccessKeys,
    Table::Users,
    Table::Groups,
    Table::Roles,
    Table::Policies,
    Table::Projects,
    Table::IamTokens,
];

fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../vectors/iam/records-v1.txt")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap()).collect()
}

/// One of everything, from seeded randomness and a standing clock; `table<TAB>key<TAB>value` in hexadecimal.
async fn write() -> String {
    let setup = Setup::new();
    let directory = setup.directory().await;
    let root = directory.root();
    let rq = || setup.rq(&root);
    let given = (id("ACMEKEY"), SecretAccessKey::parse("acme-secret").unwrap());
    let mail = Some("ops@acme.example".to_owned());
    let acme = directory.create_account(rq(), name("acme"), mail, Some(given)).await.unwrap().account;
    let path = || EntityPath::parse("/dev/").unwrap();
    let text = allow("s3:GetObject", "*");
    let bound = directory.create_policy(rq(), name("bound"), path(), "words".to_owned(), &text).await.unwrap();
    directory.create_policy_version(rq(), bound.reference, &allow("s3:*", "*"), true).await.unwrap();
    let mut user = new_user("Alice");
    (user.path, user.description, user.boundary) = (path(), "Zoë".to_owned(), Some(bound.reference));
    directory.create_user(rq(), user).await.unwrap();
    directory.create_group(rq(), name("readers"), path(), "words".to_owned()).await.unwrap();
    directory.add_user_to_group(rq(), by("readers"), by("alice")).await.unwrap();
    for entity in [Entity::User(by("alice")), Entity::Group(by("readers"))] {
        directory.attach_policy(rq(), entity.clone(), PolicyRef::BuiltIn("OBS Buckets Viewer")).await.unwrap();
        directory.attach_policy(rq(), entity.clone(), bound.reference).await.unwrap();
        directory.put_inline_policy(rq(), entity, name("own"), &text).await.unwrap();
    }
    let given = (id("ALICEKEY"), SecretAccessKey::parse("alice-secret").unwrap());
    directory.create_access_key(rq(), Some(by("alice")), "words".to_owned(), Some(given)).await.unwrap();
    directory.note_use(&id("ALICEKEY"), "s3", setup.now());
    directory.flush_last_used().await.unwrap();
    directory.set_password(rq(), by("alice"), "long enough", true).await.unwrap();
    let role = NewRole {
        name: name("agency"),
        path: path(),
        description: "words".to_owned(),
        trust: Trust::Account(acme.id.clone()),
        session_seconds_max: 7200,
        boundary: Some(PolicyRef::BuiltIn("ReadOnlyAccess")),
    };
    directory.create_role(rq(), role).await.unwrap();
    directory.revoke_sessions(rq(), Entity::Role(by("agency"))).await.unwrap();
    directory.create_project(rq(), "local-1_dev".to_owned(), "words".to_owned()).await.unwrap();
    let login = PasswordLogin { account: Some("root"), user: "alice", password: "long enough" };
    let (token, _) = directory.password_token(login, None).await.unwrap();
    directory.revoke_identity_token(rq(), &token).await.unwrap();

    let mut text = String::new();
    for table in TABLES {
        for (key, value) in setup.rows(table) {
            writeln!(text, "{}\t{}\t{}", table.name(), hex(&key), hex(&value)).unwrap();
        }
    }
    text
}

#[tokio::test]
async fn what_is_written_is_what_the_vectors_hold() {
    let written = write().await;
    if std::env::var_os("STRONGROOM_WRITE_VECTORS").is_some() {
        std::fs::create_dir_all(file().parent().unwrap()).unwrap();
        std::fs::write(file(), &written).unwrap();
    }
    assert_eq!(std::fs::read_to_string(file()).unwrap(), written);
}

#[tokio::test]
async fn what_the_vectors_hold_is_read() {
    let setup = Setup::new();
    for line in std::fs::read_to_string(file()).unwrap().lines() {
        let [table, key, value] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let table = Table::ALL.iter().find(|known| known.name() == table).unwrap();
        setup.put(*table, &bytes(key), &bytes(value)).await;
    }
    let directory = setup.open(None).await.unwrap();
    let root = directory.root();
    let rq = || setup.rq(&root);
    let alice = directory.get_user(rq(), Some(by("alice"))).await.unwrap();
    assert_eq!((alice.path.as_str(), alice.description.as_str(), alice.groups.len()), ("/dev/", "Zoë", 1));
    assert_eq!((alice.attachments.managed.len(), alice.attachments.inline.len()), (2, 1));
    assert!(alice.boundary.is_some() && alice.password_set == Some(setup.now()));
    assert_eq!(directory.credential(&id("ALICEKEY"), None, setup.now()).unwrap().secret.expose(), "alice-secret");
    let (info, _) = directory.access_key_last_used(rq(), &id("ALICEKEY")).await.unwrap();
    assert_eq!(info.last_used.unwrap().service, "s3");
    assert_eq!(directory.account_by_email("ops@acme.example").unwrap().name.as_str(), "acme");
    let role = directory.get_role(rq(), by("agency")).await.unwrap();
    assert_eq!((role.session_seconds_max, role.sessions_from), (7200, setup.now().plus_millis(1)));
    assert_eq!(role.boundary, Some(PolicyRef::BuiltIn("ReadOnlyAccess")));
    assert_eq!(directory.get_group(rq(), by("readers")).await.unwrap().1.len(), 1);
    assert_eq!(directory.list_projects(rq()).await.unwrap().len(), 2);
    let login = PasswordLogin { account: Some("root"), user: "alice", password: "long enough" };
    assert!(directory.password_token(login, None).await.is_ok());
}
