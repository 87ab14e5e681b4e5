//! What there is of an account as a whole: its summary, and the lists that are always empty here.

use super::call::{Call, Done, empty_list};
use crate::xml::XmlWriter;
use iam::{KEYS_PER_OWNER_MAX, POLICY_VERSIONS_MAX};

/// GetAccountSummary.
pub(super) async fn summary(call: &Call<'_>, out: &mut XmlWriter) -> Done {
    let sizes = call.directory.account_summary(call.rq()).await?;
    let entries = [
        ("Users", sizes.users),
        ("Groups", sizes.groups),
        ("Roles", sizes.roles),
        ("Policies", sizes.policies),
        ("AccessKeysPerUserQuota", KEYS_PER_OWNER_MAX),
        ("VersionsPerPolicyQuota", POLICY_VERSIONS_MAX),
        ("MFADevices", 0),
        ("AccountMFAEnabled", 0),
    ];
    out.open("SummaryMap");
    for (key, value) in entries {
        out.open("entry");
        out.leaf("key", key);
        out.value("value", value);
        out.close();
    }
    out.close();
    Ok(())
}

/// ListAccountAliases: an account's name is not an alias; there are none.
pub(super) async fn aliases(call: &Call<'_>, out: &mut XmlWriter) -> Done {
    call.caller()?;
    empty_list(out, "AccountAliases");
    out.value("IsTruncated", false);
    Ok(())
}

/// ListMFADevices: no second factor is offered.
pub(super) async fn mfa_devices(call: &Call<'_>, out: &mut XmlWriter) -> Done {
    call.caller()?;
    empty_list(out, "MFADevices");
    out.value("IsTruncated", false);
    Ok(())
}

/// ListOpenIDConnectProviders: nobody signs in through another service.
pub(super) async fn openid_providers(call: &Call<'_>, out: &mut XmlWriter) -> Done {
    call.caller()?;
    empty_list(out, "OpenIDConnectProviderList");
    Ok(())
}

/// The end of a list of tags: there are none.
pub(super) fn no_tags(out: &mut XmlWriter) {
    empty_list(out, "Tags");
    out.value("IsTruncated", false);
}
