//! Every route of the Huawei KMS API, in one table: method, path, what it is about, the
//! operation, handler. Which right each needs, the
//! key service asks for (docs/huawei-kms-api.md).
//!
//! INVARIANT: at most one route fits a request. A path is read as its signature reads it: decoded once, a slash at the
//! end or none.

use super::call::Call;
use super::fault::{Doing, Fault};
use super::{aliases, data, data_keys, grants, imports, keys, lifecycle, operations, rotation, tags};
use crate::control::huawei::routes::{as_signed, parameters};
use crate::reply::Reply;
use futures_util::future::BoxFuture;

type Handler = for<'c> fn(&'c Call<'_>) -> BoxFuture<'c, Result<Reply, Fault>>;

/// A row of the table.
pub(super) struct Route {
    pub(super) method: &'static str,
    /// `{}` stands for one part; the first is the project.
    pub(super) path: &'static str,
    pub(super) doing: Doing,
    /// The operation on record, by AWS's name, of what is refused before the key service is asked.
    pub(super) operation: &'static str,
    pub(super) handler: Handler,
}

/// What a request finds.
pub(super) enum Found {
    /// Its route, and what stands for the `{}`s.
    Route(&'static Route, Vec<String>),
    /// A path that other methods have.
    OtherMethod,
    /// Nothing.
    Nothing,
}

impl Route {
    /// The route of a request.
    pub(super) fn find(method: &str, raw_path: &str) -> Found {
        let Some(path) = as_signed(raw_path) else { return Found::Nothing };
        let mut other = false;
        for route in ROUTES {
            match parameters(route.path, &path) {
                Some(parameters) if route.method == method => return Found::Route(route, parameters),
                found => other |= found.is_some(),
            }
        }
        if other { Found::OtherMethod } else { Found::Nothing }
    }
}

macro_rules! routes {
    ($($method:ident $path:literal $doing:ident $operation:ident $family:ident :: $inner:ident ($($argument:expr),*);)*) => {
        /// The table.
        pub(super) static ROUTES: &[Route] = &[$(Route {
            method: stringify!($method),
            path: $path,
            doing: Doing::$doing,
            operation: stringify!($operation),
            handler: |call| Box::pin($family::$inner(call $(, $argument)*)),
        },)*];
    };
}

routes! {
    POST "/v1.0/{}/kms/create-key" Create CreateKey keys::create();
    POST "/v1.0/{}/kms/describe-key" Key DescribeKey keys::describe();
    POST "/v1.0/{}/kms/list-keys" Account ListKeys keys::list();
    POST "/v1.0/{}/kms/enable-key" Key EnableKey lifecycle::enable();
    POST "/v1.0/{}/kms/disable-key" Key DisableKey lifecycle::disable();
    POST "/v1.0/{}/kms/schedule-key-deletion" Deletion ScheduleKeyDeletion lifecycle::schedule_deletion();
    POST "/v1.0/{}/kms/cancel-key-deletion" Key CancelKeyDeletion lifecycle::cancel_deletion();
    POST "/v1.0/{}/kms/update-key-alias" Key UpdateAlias lifecycle::update_alias();
    POST "/v1.0/{}/kms/update-key-description" Key UpdateKeyDescription lifecycle::update_description();

    POST "/v1.0/{}/kms/gen-random" Account GenerateRandom data::random();
    POST "/v1.0/{}/kms/create-datakey" DataKey GenerateDataKey data_keys::create(true);
    POST "/v1.0/{}/kms/create-datakey-without-plaintext" DataKey GenerateDataKeyWithoutPlaintext data_keys::create(false);
    POST "/v1.0/{}/kms/encrypt-datakey" DataKey Encrypt data_keys::encrypt();
    POST "/v1.0/{}/kms/decrypt-datakey" DataKey Decrypt data_keys::decrypt();
    POST "/v1.0/{}/kms/encrypt-data" Key Encrypt data::encrypt();
    POST "/v1.0/{}/kms/decrypt-data" Key Decrypt data::decrypt();
    POST "/v1.0/{}/kms/re-encrypt" Key ReEncrypt data::re_encrypt();

    POST "/v1.0/{}/kms/get-parameters-for-import" Import GetParametersForImport imports::parameters();
    POST "/v1.0/{}/kms/import-key-material" Import ImportKeyMaterial imports::import();
    POST "/v1.0/{}/kms/delete-imported-key-material" Material DeleteImportedKeyMaterial imports::delete();

    POST "/v1.0/{}/kms/enable-key-rotation" Rotation EnableKeyRotation rotation::enable();
    POST "/v1.0/{}/kms/disable-key-rotation" Rotation DisableKeyRotation rotation::disable();
    POST "/v1.0/{}/kms/update-key-rotation-interval" Rotation EnableKeyRotation rotation::update_interval();
    POST "/v1.0/{}/kms/get-key-rotation-status" Rotation GetKeyRotationStatus rotation::status();
    POST "/v1.0/{}/kms/rotate-on-demand" Rotation RotateKeyOnDemand rotation::rotate();

    POST "/v1.0/{}/kms/create-grant" Grant CreateGrant grants::create();
    POST "/v1.0/{}/kms/list-grants" Grant ListGrants grants::list();
    POST "/v1.0/{}/kms/list-retirable-grants" Account ListRetirableGrants grants::list_retirable();
    POST "/v1.0/{}/kms/retire-grant" Grant RetireGrant grants::retire();
    POST "/v1.0/{}/kms/revoke-grant" Grant RevokeGrant grants::revoke();

    POST "/v1.0/{}/kms/aliases" Key CreateAlias aliases::create();
    GET "/v1.0/{}/kms/aliases" Key ListAliases aliases::list();
    DELETE "/v1.0/{}/kms/aliases" Key DeleteAlias aliases::delete();
    POST "/v1.0/{}/kms/alias/associate" Key UpdateAlias aliases::associate();

    POST "/v1.0/{}/kms/{}/tags" Tag TagResource tags::add();
    GET "/v1.0/{}/kms/{}/tags" Tag ListResourceTags tags::list();
    POST "/v1.0/{}/kms/{}/tags/action" Tag TagResource tags::change();
    DELETE "/v1.0/{}/kms/{}/tags/{}" Tag UntagResource tags::delete();
    GET "/v1.0/{}/kms/tags" Account ListResourceTags tags::of_project();
    POST "/v1.0/{}/kms/resource_instances/action" Account ListResourceTags tags::find_keys();

    GET "/v1.0/{}/kms/user-instances" Account ListKeys operations::instances();
    GET "/v1.0/{}/kms/user-quotas" Account ListKeys operations::quotas();

    POST "/v1.0/{}/kms/get-publickey" Key GetPublickey operations::not_offered("an asymmetric key");
    POST "/v1.0/{}/kms/sign" Key Sign operations::not_offered("an asymmetric key");
    POST "/v1.0/{}/kms/verify" Key Verify operations::not_offered("an asymmetric key");
    POST "/v1.0/{}/kms/create-rsa-datakey-pair" Key CreateRsaDatakeyPair operations::not_offered("an asymmetric key");
    POST "/v1.0/{}/kms/create-ec-datakey-pair" Key CreateEcDatakeyPair operations::not_offered("an asymmetric key");
    POST "/v1.0/{}/kms/derive-shared-secret" Key DeriveSharedSecret operations::not_offered("an asymmetric key");
    POST "/v1.0/{}/kms/generate-mac" Key GenerateMac operations::not_offered("a key for message authentication");
    POST "/v1.0/{}/kms/verify-mac" Key VerifyMac operations::not_offered("a key for message authentication");
    POST "/v1.0/{}/kms/create-pin" Key CreatePin operations::not_offered("a PIN");
    POST "/v1.0/{}/kms/datakey-capsule/create" Key DatakeyCapsuleCreate operations::not_offered("a data key capsule");
    POST "/v1.0/{}/kms/datakey-capsule/decrypt" Key DatakeyCapsuleDecrypt operations::not_offered("a data key capsule");
    POST "/v1.0/{}/kms/key-policies" Key KeyPolicies operations::not_offered("a trusted key space");
    GET "/v1.0/{}/kms/key-policies" Key GetKeyPolicies operations::not_offered("a trusted key space");
    GET "/v1.0/{}/kms/key-policies/{}" Key GetKeyPolicies operations::not_offered("a trusted key space");
    PUT "/v1.0/{}/kms/key-policies/{}" Key PutKeyPolicies operations::not_offered("a trusted key space");
    DELETE "/v1.0/{}/kms/key-policies/{}" Key DeleteKeyPolicies operations::not_offered("a trusted key space");
    POST "/v1.0/{}/kms/access-points" Key AccessPoints operations::not_offered("a trusted key space");
    GET "/v1.0/{}/kms/access-points" Key GetAccessPoints operations::not_offered("a trusted key space");
    DELETE "/v1.0/{}/kms/access-points/{}" Key DeleteAccessPoints operations::not_offered("a trusted key space");
    POST "/v1.0/{}/kms/access-points/{}/enable" Key AccessPointsEnable operations::not_offered("a trusted key space");
    POST "/v1.0/{}/kms/access-points/{}/disable" Key AccessPointsDisable operations::not_offered("a trusted key space");
    POST "/v1.0/{}/kms/access-points/{}/get-privatekey" Key AccessPointsGetPrivatekey operations::not_offered("a trusted key space");
    POST "/v1.0/{}/keystores" Key Keystores operations::not_offered("a key store");
    GET "/v1.0/{}/keystores" Key GetKeystores operations::not_offered("a key store");
    GET "/v1.0/{}/keystores/{}" Key GetKeystores operations::not_offered("a key store");
    DELETE "/v1.0/{}/keystores/{}" Key DeleteKeystores operations::not_offered("a key store");
    POST "/v1.0/{}/keystores/{}/enable" Key KeystoresEnable operations::not_offered("a key store");
    POST "/v1.0/{}/keystores/{}/disable" Key KeystoresDisable operations::not_offered("a key store");
    POST "/v2/{}/kms/keys/{}/replicate" Key KeysReplicate operations::not_offered("a key in several regions");
    PUT "/v2/{}/kms/keys/{}/update-primary-region" Key PutKeysUpdatePrimaryRegion operations::not_offered("a key in several regions");
    GET "/v2/{}/kms/regions" Key GetRegions operations::not_offered("a key in several regions");
}
