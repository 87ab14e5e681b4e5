//! Nothing secret is stored in clear or printed.

use crate::setup::{ROOT_SECRET, Setup, by, new_user};
use store::Table;
use strongroom_iam::{PasswordLogin, SessionRequest};

#[tokio::test]
async fn no_secret_password_or_token_stands_in_a_row_or_a_debug_text() {
    let setup = Setup::new();
    let directory = setup.directory().await;
    let root = directory.root();
    let password = "correct battery staple";
    directory.create_user(setup.rq(&root), new_user("alice")).await.unwrap();
    directory.set_password(setup.rq(&root), by("alice"), password, true).await.unwrap();
    let key = directory.create_access_key(setup.rq(&root), Some(by("alice")), String::new(), None).await.unwrap();
    let session = directory.session_token(setup.rq(&root), SessionRequest::default()).await.unwrap();
    let login = PasswordLogin { account: Some("root"), user: "alice", password };
    let printed_login = format!("{login:?}");
    let (token, told) = directory.password_token(login, None).await.unwrap();
    directory.revoke_identity_token(setup.rq(&told.principal), &token).await.unwrap();

    let hash = strongroom_iam::PasswordHasher::hash(&*setup.hasher, password).unwrap();
    let secrets: [&[u8]; 6] = [
        ROOT_SECRET.as_bytes(),
        key.secret.expose().as_bytes(),
        session.secret.expose().as_bytes(),
        password.as_bytes(),
        token.as_bytes(),
        &hash,
    ];
    for table in Table::ALL {
        for (row, value) in setup.rows(*table) {
            for secret in secrets {
                let shows = |bytes: &[u8]| bytes.windows(secret.len()).any(|window| window == secret);
                assert!(!shows(&row) && !shows(&value), "{table:?}");
            }
        }
    }
    let credential = directory.credential(&key.info.id, None, setup.now()).unwrap();
    let printed = [format!("{directory:?} {key:?} {session:?} {credential:?}"), printed_login].concat();
    for secret in secrets.into_iter().filter_map(|secret| std::str::from_utf8(secret).ok()) {
        assert!(!printed.contains(secret));
    }
    assert!(!printed.contains(&session.token), "a token is a secret too");
}
