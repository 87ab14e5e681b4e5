//! GetKeyPolicy, PutKeyPolicy, ListKeyPolicies. A CMK has one key policy; its name is `default`.

use super::fault::{Fault, Kind};
use super::input;
use super::lifecycle::about;
use super::{Call, Output, members};
use policy::Action;
use serde_json::json;

/// The name of the one key policy.
const POLICY_NAME: &str = "default";
/// AWS's bounds of a page; there is one name.
const NAMES_PER_PAGE: usize = 100;
const NAMES_PER_PAGE_MAX: usize = 1000;

impl Call<'_> {
    pub(super) async fn get_key_policy(&self, input: members::KeyPolicy) -> Output {
        let cmk = self.managed_key(&input.key_id, "keyId", Action::KmsGetKeyPolicy).await?;
        check_name(input.policy_name.as_deref())?;
        let policy = self.service.key_policy(self.user, &cmk).await.map_err(|error| about(&cmk, error))?;
        Ok(Some(json!({ "Policy": policy, "PolicyName": POLICY_NAME })))
    }

    pub(super) async fn put_key_policy(&self, input: members::KeyPolicy) -> Output {
        let policy = input::required(&input.policy, "policy")?;
        let cmk = self.managed_key(&input.key_id, "keyId", Action::KmsPutKeyPolicy).await?;
        check_name(input.policy_name.as_deref())?;
        let bypass = input.bypass_policy_lockout_safety_check == Some(true);
        self.service.put_key_policy(self.user, &cmk, policy, bypass).await.map_err(|error| about(&cmk, error))?;
        Ok(None)
    }

    pub(super) async fn list_key_policies(&self, input: members::List) -> Output {
        input::limit(input.limit, NAMES_PER_PAGE, NAMES_PER_PAGE_MAX)?;
        if input.marker.is_some() {
            return Err(super::keys::invalid_marker());
        }
        let cmk = self.managed_key(&input.key_id, "keyId", Action::KmsListKeyPolicies).await?;
        let names = self.service.key_policies(self.user, &cmk).await.map_err(|error| about(&cmk, error))?;
        Ok(Some(json!({ "PolicyNames": names, "Truncated": false })))
    }
}

fn check_name(given: Option<&str>) -> Result<(), Fault> {
    match given {
        None | Some(POLICY_NAME) => Ok(()),
        Some(_) => Err(Fault::new(Kind::NotFound, "No such policy exists.")),
    }
}
