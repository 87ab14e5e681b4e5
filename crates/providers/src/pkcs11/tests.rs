//! Against SoftHSM2 (Debian `softhsm2`), a token in software that speaks PKCS#11 as an HSM does. Where it is not installed
//! the tests say so and pass, unless `STRONGROOM_TEST_SOFTHSM=required`; `.ci/run` installs it and says that.

use super::*;
use crate::secret::Secret;
use crypto::{Binding, KeyRole};
use cryptoki::context::{CInitializeArgs, CInitializeFlags};
use cryptoki::session::UserType;
use cryptoki::types::AuthPin;
use std::sync::OnceLock;

const MODULES: [&str; 3] = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
];
const PIN: &str = "fedcba9876";

/// The module, with one token for the whole process: the library reads its configuration once.
fn module() -> Option<&'static str> {
    static READY: OnceLock<Option<&'static str>> = OnceLock::new();
    *READY.get_or_init(|| {
        let Some(module) = MODULES.into_iter().find(|path| Path::new(path).exists()) else {
            let required = std::env::var("STRONGROOM_TEST_SOFTHSM").is_ok_and(|said| said == "required");
            assert!(!required, "SoftHSM2 is not installed");
            eprintln!("SoftHSM2 is not installed; nothing is tested");
            return None;
        };
        let dir = tempfile::tempdir().unwrap().keep();
        let (tokens, conf) = (dir.join("tokens"), dir.join("softhsm2.conf"));
        std::fs::create_dir(&tokens).unwrap();
        std::fs::write(&conf, format!("directories.tokendir = {}\nlog.level = ERROR\n", tokens.display())).unwrap();
        set_conf(&conf);
        let library = cryptoki::context::Pkcs11::new(module).unwrap();
        library.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).unwrap();
        let slot = library.get_slots_with_token().unwrap()[0];
        library.init_token(slot, &AuthPin::new("so-pin-1234".into()), "vault one").unwrap();
        let slot = library.get_slots_with_token().unwrap()[0];
        let session = library.open_rw_session(slot).unwrap();
        session.login(UserType::So, Some(&AuthPin::new("so-pin-1234".into()))).unwrap();
        session.init_pin(&AuthPin::new(PIN.into())).unwrap();
        session.logout().unwrap();
        Some(module)
    })
}

#[expect(unsafe_code, reason = "the library takes the place of its tokens from the environment alone")]
fn set_conf(conf: &Path) {
    // SAFETY: called once, by the first test, under the lock of READY; nothing else in this process reads or writes the
    // environment at that time.
    unsafe { std::env::set_var("SOFTHSM2_CONF", conf) };
}

/// Logins are the whole process's: a test that logs out must not do so under another one.
async fn alone() -> tokio::sync::MutexGuard<'static, ()> {
    static ONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    ONE.lock().await
}

fn open() -> Option<Pkcs11> {
    module().map(|module| Pkcs11::open(Path::new(module), "vault one", PIN).unwrap())
}

fn new(uid: u8, existing: Option<&str>) -> NewVersion<'_> {
    NewVersion { uid: CmkUid::from_bytes([uid; 16]), version: 1, spec: KeySpec::Aes256, existing }
}

fn version(uid: u8, reference: &[u8]) -> VersionRef<'_> {
    VersionRef { uid: CmkUid::from_bytes([uid; 16]), version: 1, spec: KeySpec::Aes256, reference }
}

fn bound(uid: u8, text: &str) -> Bound {
    Bound::new(&version(uid, &[]), KeyRole::Dek, &Binding::new(text))
}

#[tokio::test]
async fn wraps_in_the_token_and_unwraps_only_what_fits() {
    let _alone = alone().await;
    let (Some(hsm), Some(again)) = (open(), open()) else { return };
    let reference = hsm.create(new(1, None)).await.unwrap();
    let other = hsm.create(new(2, None)).await.unwrap();
    let wrapped = hsm.wrap(version(1, &reference), &[7; 32], &bound(1, "a")).await.unwrap();
    assert_eq!(wrapped.len(), WRAPPED_BYTES);
    assert_ne!(hsm.wrap(version(1, &reference), &[7; 32], &bound(1, "a")).await.unwrap(), wrapped);
    for hsm in [&hsm, &again] {
        let plain = hsm.unwrap(version(1, &reference), &wrapped, &bound(1, "a")).await.unwrap();
        assert_eq!(plain.as_slice(), [7; 32]);
    }
    let wrong = Err(ProviderFault::InvalidCiphertext);
    assert_eq!(hsm.unwrap(version(1, &reference), &wrapped, &bound(1, "b")).await.map(drop), wrong, "binding");
    assert_eq!(hsm.unwrap(version(1, &other), &wrapped, &bound(1, "a")).await.map(drop), wrong, "key");
    for at in 0..wrapped.len() {
        let mut changed = wrapped.clone();
        changed[at] ^= 1;
        let got = hsm.unwrap(version(1, &reference), &changed, &bound(1, "a")).await.map(drop);
        assert_eq!(got, wrong, "byte {at}");
    }
    for cut in [0, 1, 13, WRAPPED_BYTES - 1] {
        let got = hsm.unwrap(version(1, &reference), &wrapped[..cut], &bound(1, "a")).await.map(drop);
        assert_eq!(got, wrong, "cut at {cut}");
    }
}

#[tokio::test]
async fn keys_never_leave_the_token() {
    let _alone = alone().await;
    let Some(hsm) = open() else { return };
    let reference = hsm.create(new(3, None)).await.unwrap();
    let id = key_id(&version(3, &reference)).unwrap();
    let attributes = hsm
        .run(Step::Find, move |session, keys| {
            let key = keys.find(session, &id)?;
            session.get_attributes(
                key,
                &[
                    AttributeType::Sensitive,
                    AttributeType::Extractable,
                    AttributeType::NeverExtractable,
                    AttributeType::AlwaysSensitive,
                    AttributeType::Value,
                ],
            )
        })
        .await
        .unwrap();
    for fact in [
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::NeverExtractable(true),
        Attribute::AlwaysSensitive(true),
    ] {
        assert!(attributes.contains(&fact), "{fact:?}");
    }
    assert!(!attributes.iter().any(|attribute| matches!(attribute, Attribute::Value(_))));
}

#[tokio::test]
async fn a_made_key_is_destroyed_and_one_taken_up_is_not() {
    let _alone = alone().await;
    let Some(hsm) = open() else { return };
    let made = hsm.create(new(4, None)).await.unwrap();
    let label = format!("strongroom {} version 1", CmkUid::from_bytes([4; 16]).to_uuid());
    let taken = hsm.create(new(5, Some(&label))).await.unwrap();
    hsm.destroy(version(5, &taken)).await.unwrap();
    let wrapped = hsm.wrap(version(5, &taken), &[1; 32], &bound(5, "x")).await.unwrap();
    hsm.destroy(version(4, &made)).await.unwrap();
    let got = hsm.unwrap(version(5, &taken), &wrapped, &bound(5, "x")).await.map(drop);
    assert!(matches!(got, Err(ProviderFault::Refused(_))), "{got:?}");
    hsm.destroy(version(4, &made)).await.unwrap();
    for refused in [label.as_str(), ROOT_KEY_LABEL] {
        let got = hsm.create(new(6, Some(refused))).await;
        assert!(matches!(got, Err(ProviderFault::Refused(_))), "{refused}");
    }
}

#[tokio::test]
async fn a_key_that_could_leave_the_token_is_not_taken_up() {
    let _alone = alone().await;
    let Some(hsm) = open() else { return };
    hsm.run(Step::Make, |session, _| {
        let mut weak = template(b"weak-key", "weak");
        weak.retain(|a| !matches!(a, Attribute::Extractable(_)));
        weak.push(Attribute::Extractable(true));
        session.generate_key(&Mechanism::AesKeyGen, &weak)
    })
    .await
    .unwrap();
    let got = hsm.create(new(7, Some("weak"))).await;
    assert!(matches!(&got, Err(ProviderFault::Refused(why)) if why.contains("not extractable")), "{got:?}");
}

#[tokio::test]
async fn sessions_that_were_closed_are_opened_anew() {
    let _alone = alone().await;
    let Some(hsm) = open() else { return };
    let reference = hsm.create(new(8, None)).await.unwrap();
    // Behind the pool's back, as when an HSM forgets its sessions.
    hsm.run(Step::Find, |session, _| session.logout()).await.unwrap();
    let wrapped = hsm.wrap(version(8, &reference), &[1; 32], &bound(8, "x")).await.unwrap();
    assert_eq!(hsm.unwrap(version(8, &reference), &wrapped, &bound(8, "x")).await.unwrap().as_slice(), [1; 32]);
}

#[tokio::test]
async fn what_the_operator_got_wrong_is_named() {
    let _alone = alone().await;
    let Some(module) = module() else { return };
    let missing = Pkcs11::open(Path::new("/nonexistent.so"), "vault one", PIN).err().unwrap();
    assert!(missing.contains("/nonexistent.so"), "{missing}");
    // A token that is not there may come: refused at each use, not for ever.
    let absent = Pkcs11::open(Path::new(module), "vault two", PIN).unwrap();
    let got = absent.create(new(9, None)).await;
    assert!(matches!(got, Err(ProviderFault::Unavailable(_))), "{got:?}");
}

#[tokio::test]
async fn a_root_key_opens_with_its_token_and_what_it_was_bound_to() {
    let _alone = alone().await;
    let Some(module) = module() else { return };
    let pin = Secret::from_text(Zeroizing::new(PIN.to_owned())).unwrap();
    let open = || RootToken::open(Path::new(module), "vault one", &pin).unwrap();
    let wrapped = open().wrap(&[9; 32], b"here").unwrap();
    assert_eq!(wrapped.len(), WRAPPED_ROOT_KEY_BYTES);
    assert_eq!(*open().unwrap(&wrapped, b"here").unwrap(), [9; 32]);
    assert_ne!(open().wrap(&[9; 32], b"here").unwrap(), wrapped, "the same key of the token, a fresh IV");
    let wrong = Err(ProviderFault::InvalidCiphertext);
    assert_eq!(open().unwrap(&wrapped, b"there").map(drop), wrong);
    for at in 0..wrapped.len() {
        let mut changed = wrapped.clone();
        changed[at] ^= 1;
        assert_eq!(open().unwrap(&changed, b"here").map(drop), wrong, "byte {at}");
    }
    assert_eq!(open().unwrap(&wrapped[1..], b"here").map(drop), wrong);
}
