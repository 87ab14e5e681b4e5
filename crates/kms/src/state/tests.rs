//! The table, row by row, and its page.

use super::*;
use std::fmt::Write;

const PENDING: KeyState = KeyState::PendingDeletion { delete_at: Timestamp::from_secs(1) };

/// kms-iam-api §1.6 and §2.4, row by row: a CMK of its users in each state, an imported one in the first three, the
/// default key.
#[test]
fn state_by_operation() {
    use KeyOperation as O;
    use KmsError::{Disabled, NotPendingDeletion, PendingDeletion, PendingImport, ServiceManaged};
    let ok = || Ok(());
    let managed = || Err(ServiceManaged);
    // operation; enabled, disabled, pending deletion; imported in these and pending import; default key
    let table = [
        (
            O::Use,
            [ok(), Err(Disabled), Err(PendingDeletion)],
            [ok(), Err(Disabled), Err(PendingDeletion), Err(PendingImport)],
            ok(),
        ),
        (O::Describe, [ok(), ok(), ok()], [ok(), ok(), ok(), ok()], ok()),
        (O::ListRotations, [ok(), ok(), ok()], [ok(), ok(), ok(), ok()], ok()),
        (
            O::RotationStatus,
            [ok(), ok(), ok()],
            [Err(NO_ROTATION), Err(NO_ROTATION), Err(NO_ROTATION), Err(NO_ROTATION)],
            ok(),
        ),
        (O::PutKeyPolicy, [ok(), ok(), ok()], [ok(), ok(), ok(), ok()], managed()),
        (O::CreateAlias, [ok(), ok(), Err(PendingDeletion)], [ok(), ok(), Err(PendingDeletion), ok()], managed()),
        (O::UpdateAlias, [ok(), ok(), Err(PendingDeletion)], [ok(), ok(), Err(PendingDeletion), ok()], managed()),
        (O::DeleteAlias, [ok(), ok(), ok()], [ok(), ok(), ok(), ok()], managed()),
        (O::Tag, [ok(), ok(), Err(PendingDeletion)], [ok(), ok(), Err(PendingDeletion), ok()], managed()),
        (O::UpdateDescription, [ok(), ok(), Err(PendingDeletion)], [ok(), ok(), Err(PendingDeletion), ok()], managed()),
        (
            O::Enable,
            [ok(), ok(), Err(PendingDeletion)],
            [ok(), ok(), Err(PendingDeletion), Err(PendingImport)],
            managed(),
        ),
        (
            O::Disable,
            [ok(), ok(), Err(PendingDeletion)],
            [ok(), ok(), Err(PendingDeletion), Err(PendingImport)],
            managed(),
        ),
        (O::ScheduleDeletion, [ok(), ok(), Err(PendingDeletion)], [ok(), ok(), Err(PendingDeletion), ok()], managed()),
        (
            O::CancelDeletion,
            [Err(NotPendingDeletion), Err(NotPendingDeletion), ok()],
            [Err(NotPendingDeletion), Err(NotPendingDeletion), ok(), Err(NotPendingDeletion)],
            managed(),
        ),
        (
            O::CreateGrant,
            [ok(), Err(Disabled), Err(PendingDeletion)],
            [ok(), Err(Disabled), Err(PendingDeletion), Err(PendingImport)],
            managed(),
        ),
        (O::EndGrant, [ok(), ok(), ok()], [ok(), ok(), ok(), ok()], managed()),
        (
            O::SetRotation,
            [ok(), Err(Disabled), Err(PendingDeletion)],
            [Err(NO_ROTATION), Err(NO_ROTATION), Err(NO_ROTATION), Err(NO_ROTATION)],
            managed(),
        ),
        (
            O::Rotate,
            [ok(), Err(Disabled), Err(PendingDeletion)],
            [Err(NO_ROTATION), Err(NO_ROTATION), Err(NO_ROTATION), Err(NO_ROTATION)],
            managed(),
        ),
        (
            O::Import,
            [Err(NO_IMPORT), Err(NO_IMPORT), Err(NO_IMPORT)],
            [ok(), ok(), Err(PendingDeletion), ok()],
            managed(),
        ),
        (O::DeleteMaterial, [Err(NO_IMPORT), Err(NO_IMPORT), Err(NO_IMPORT)], [ok(), ok(), ok(), ok()], managed()),
    ];
    assert_eq!(table.each_ref().map(|row| row.0), KeyOperation::ALL, "every operation, in order");
    for (operation, own, imported, default) in table {
        let states = [KeyState::Enabled, KeyState::Disabled, PENDING, KeyState::PendingImport];
        for (state, wanted) in states.iter().zip(own) {
            assert_eq!(admit(*state, KeyKind::Own, operation), wanted, "{operation:?} {state:?}");
        }
        for (state, wanted) in states.iter().zip(imported) {
            assert_eq!(admit(*state, KeyKind::Imported, operation), wanted, "{operation:?} {state:?}, imported");
        }
        assert_eq!(admit(KeyState::Enabled, KeyKind::Default, operation), default, "{operation:?} default key");
    }
}

/// The table of docs/kms-api.md is this one. After an intended change: `STRONGROOM_WRITE_DOCS=1`.
#[test]
fn the_page_shows_this_table() {
    const BEGIN: &str = "<!-- states: begin -->\n";
    const END: &str = "<!-- states: end -->\n";
    let cell = |state, kind, operation| match admit(state, kind, operation) {
        Ok(()) => "ok",
        Err(KmsError::Disabled) => "disabled",
        Err(KmsError::PendingDeletion) => "pending deletion",
        Err(KmsError::PendingImport) => "pending import",
        Err(KmsError::NotPendingDeletion) => "not pending deletion",
        Err(KmsError::ServiceManaged) => "service's own",
        Err(_) => "unsupported",
    };
    let mut table = String::from(
        "| operation | Enabled | Disabled | PendingDeletion | imported, Enabled | imported, Disabled | imported, \
         PendingDeletion | imported, PendingImport | default key |\n|---|---|---|---|---|---|---|---|---|\n",
    );
    for operation in KeyOperation::ALL {
        let cells = [
            (KeyState::Enabled, KeyKind::Own),
            (KeyState::Disabled, KeyKind::Own),
            (PENDING, KeyKind::Own),
            (KeyState::Enabled, KeyKind::Imported),
            (KeyState::Disabled, KeyKind::Imported),
            (PENDING, KeyKind::Imported),
            (KeyState::PendingImport, KeyKind::Imported),
            (KeyState::Enabled, KeyKind::Default),
        ]
        .map(|(state, kind)| cell(state, kind, operation));
        writeln!(table, "| {} | {} |", operation.names(), cells.join(" | ")).unwrap();
    }
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/kms-api.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (shown, after) = rest.split_once(END).unwrap();
    if std::env::var_os("STRONGROOM_WRITE_DOCS").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
    } else {
        assert_eq!(shown, table);
    }
}

#[test]
fn deletion_is_due_at_its_moment_and_not_before() {
    let state = KeyState::PendingDeletion { delete_at: Timestamp::from_millis(10) };
    assert!(!state.is_deleted(Timestamp::from_millis(9)));
    assert!(state.is_deleted(Timestamp::from_millis(10)));
    assert!(!KeyState::Disabled.is_deleted(Timestamp::from_millis(u64::MAX)));
}
