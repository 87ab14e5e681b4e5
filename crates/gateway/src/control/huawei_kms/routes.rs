//! Every route of the Huawei KMS API, in one table: method, path, what it is about, handler. Which right each needs, the
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
    ($($method:ident $path:literal $doing:ident $family:ident :: $inner:ident ($($argument:expr),*);)*) => {
        /// The table.
        pub(super) static ROUTES: &[Route] = &[$(Route {
            method: stringify!($method),
            path: $path,
            doing: Doing::$doing,
            handler: |call| Box::pin($family::$inner(call $(, $argument)*)),
        },)*];
    };
}

routes! {
    POST "/v1.0/{}/kms/create-key" Create keys::create();
    POST "/v1.0/{}/kms/describe-key" Key keys::describe();
    POST "/v1.0/{}/kms/list-keys" Account keys::list();
    POST "/v1.0/{}/kms/enable-key" Key lifecycle::enable();
    POST "/v1.0/{}/kms/disable-key" Key lifecycle::disable();
    POST "/v1.0/{}/kms/schedule-key-deletion" Deletion lifecycle::schedule_deletion();
    POST "/v1.0/{}/kms/cancel-key-deletion" Key lifecycle::cancel_deletion();
    POST "/v1.0/{}/kms/update-key-alias" Key lifecycle::update_alias();
    POST "/v1.0/{}/kms/update-key-description" Key lifecycle::update_description();

    POST "/v1.0/{}/kms/gen-random" Account data::random();
    POST "/v1.0/{}/kms/create-datakey" DataKey data_keys::create(true);
    POST "/v1.0/{}/kms/create-datakey-without-plaintext" DataKey data_keys::create(false);
    POST "/v1.0/{}/kms/encrypt-datakey" DataKey data_keys::encrypt();
    POST "/v1.0/{}/kms/decrypt-datakey" DataKey data_keys::decrypt();
    POST "/v1.0/{}/kms/encrypt-data" Key data::encrypt();
    POST "/v1.0/{}/kms/decrypt-data" Key data::decrypt();
    POST "/v1.0/{}/kms/re-encrypt" Key data::re_encrypt();

    POST "/v1.0/{}/kms/get-parameters-for-import" Import imports::parameters();
    POST "/v1.0/{}/kms/import-key-material" Import imports::import();
    POST "/v1.0/{}/kms/delete-imported-key-material" Material imports::delete();

    POST "/v1.0/{}/kms/enable-key-rotation" Rotation rotation::enable();
    POST "/v1.0/{}/kms/disable-key-rotation" Rotation rotation::disable();
    POST "/v1.0/{}/kms/update-key-rotation-interval" Rotation rotation::update_interval();
    POST "/v1.0/{}/kms/get-key-rotation-status" Rotation rotation::status();
    POST "/v1.0/{}/kms/rotate-on-demand" Rotation rotation::rotate();

    POST "/v1.0/{}/kms/create-grant" Grant grants::create();
    POST "/v1.0/{}/kms/list-grants" Grant grants::list();
    POST "/v1.0/{}/kms/list-retirable-grants" Account grants::list_retirable();
    POST "/v1.0/{}/kms/retire-grant" Grant grants::retire();
    POST "/v1.0/{}/kms/revoke-grant" Grant grants::revoke();

    POST "/v1.0/{}/kms/aliases" Key aliases::create();
    GET "/v1.0/{}/kms/aliases" Key aliases::list();
    DELETE "/v1.0/{}/kms/aliases" Key aliases::delete();
    POST "/v1.0/{}/kms/alias/associate" Key aliases::associate();

    POST "/v1.0/{}/kms/{}/tags" Tag tags::add();
    GET "/v1.0/{}/kms/{}/tags" Tag tags::list();
    POST "/v1.0/{}/kms/{}/tags/action" Tag tags::change();
    DELETE "/v1.0/{}/kms/{}/tags/{}" Tag tags::delete();
    GET "/v1.0/{}/kms/tags" Account tags::of_project();
    POST "/v1.0/{}/kms/resource_instances/action" Account tags::find_keys();

    GET "/v1.0/{}/kms/user-instances" Account operations::instances();
    GET "/v1.0/{}/kms/user-quotas" Account operations::quotas();

    POST "/v1.0/{}/kms/get-publickey" Key operations::not_offered("an asymmetric key");
    POST "/v1.0/{}/kms/sign" Key operations::not_offered("an asymmetric key");
    POST "/v1.0/{}/kms/verify" Key operations::not_offered("an asymmetric key");
    POST "/v1.0/{}/kms/create-rsa-datakey-pair" Key operations::not_offered("an asymmetric key");
    POST "/v1.0/{}/kms/create-ec-datakey-pair" Key operations::not_offered("an asymmetric key");
    POST "/v1.0/{}/kms/derive-shared-secret" Key operations::not_offered("an asymmetric key");
    POST "/v1.0/{}/kms/generate-mac" Key operations::not_offered("a key for message authentication");
    POST "/v1.0/{}/kms/verify-mac" Key operations::not_offered("a key for message authentication");
    POST "/v1.0/{}/kms/create-pin" Key operations::not_offered("a PIN");
    POST "/v1.0/{}/kms/datakey-capsule/create" Key operations::not_offered("a data key capsule");
    POST "/v1.0/{}/kms/datakey-capsule/decrypt" Key operations::not_offered("a data key capsule");
    POST "/v1.0/{}/kms/key-policies" Key operations::not_offered("a trusted key space");
    GET "/v1.0/{}/kms/key-policies" Key operations::not_offered("a trusted key space");
    GET "/v1.0/{}/kms/key-policies/{}" Key operations::not_offered("a trusted key space");
    PUT "/v1.0/{}/kms/key-policies/{}" Key operations::not_offered("a trusted key space");
    DELETE "/v1.0/{}/kms/key-policies/{}" Key operations::not_offered("a trusted key space");
    POST "/v1.0/{}/kms/access-points" Key operations::not_offered("a trusted key space");
    GET "/v1.0/{}/kms/access-points" Key operations::not_offered("a trusted key space");
    DELETE "/v1.0/{}/kms/access-points/{}" Key operations::not_offered("a trusted key space");
    POST "/v1.0/{}/kms/access-points/{}/enable" Key operations::not_offered("a trusted key space");
    POST "/v1.0/{}/kms/access-points/{}/disable" Key operations::not_offered("a trusted key space");
    POST "/v1.0/{}/kms/access-points/{}/get-privatekey" Key operations::not_offered("a trusted key space");
    POST "/v1.0/{}/keystores" Key operations::not_offered("a key store");
    GET "/v1.0/{}/keystores" Key operations::not_offered("a key store");
    GET "/v1.0/{}/keystores/{}" Key operations::not_offered("a key store");
    DELETE "/v1.0/{}/keystores/{}" Key operations::not_offered("a key store");
    POST "/v1.0/{}/keystores/{}/enable" Key operations::not_offered("a key store");
    POST "/v1.0/{}/keystores/{}/disable" Key operations::not_offered("a key store");
    POST "/v2/{}/kms/keys/{}/replicate" Key operations::not_offered("a key in several regions");
    PUT "/v2/{}/kms/keys/{}/update-primary-region" Key operations::not_offered("a key in several regions");
    GET "/v2/{}/kms/regions" Key operations::not_offered("a key in several regions");
}
