//! One request under way: its parameters in the types of the directory, and who asks.

use super::fault::{Code, Fault};
use super::form::Form;
use crate::xml::XmlWriter;
use iam::{Directory, Named, PolicyRef, Requester};
use model::{AccessKeyId, AccountId, EntityName, EntityPath, PolicyUid, Timestamp};
use policy::{Caller, Conditions, Principal};

/// Most characters of the names of users and roles; those of groups and policies are [`EntityName`]'s own limit.
pub(super) const NAME_CHARS_MAX: usize = 64;
/// Most characters of a document as a parameter (AWS).
const DOCUMENT_CHARS_MAX: usize = 131_072;
/// Most characters of a description.
const DESCRIPTION_CHARS_MAX: usize = 1000;

/// What an operation gives.
pub(super) type Done = Result<(), Fault>;

/// One request.
pub(super) struct Call<'a> {
    pub(super) directory: &'a Directory,
    pub(super) form: &'a Form,
    pub(super) principal: &'a Principal,
    conditions: &'a Conditions,
}

impl<'a> Call<'a> {
    pub(super) fn new(
        directory: &'a Directory,
        form: &'a Form,
        principal: &'a Principal,
        conditions: &'a Conditions,
    ) -> Self {
        Self { directory, form, principal, conditions }
    }

    /// When the request came.
    pub(super) fn now(&self) -> Timestamp {
        self.conditions.time
    }

    /// Who asks, as the directory wants it.
    pub(super) fn rq(&self) -> Requester<'a> {
        Requester { principal: self.principal, conditions: self.conditions }
    }

    /// The identity that asks. The anonymous do not come this far.
    pub(super) fn caller(&self) -> Result<&'a Caller, Fault> {
        let caller = self.principal.caller().map(|caller| &**caller);
        caller.ok_or_else(|| Fault::new(Code::MissingAuthenticationToken, "Request is missing Authentication Token"))
    }

    /// The caller's account, on which every operation acts.
    pub(super) fn account(&self) -> Result<&'a AccountId, Fault> {
        Ok(&self.caller()?.account)
    }

    /// A parameter that must be there.
    pub(super) fn required(&self, parameter: &str) -> Result<&'a str, Fault> {
        match self.form.raw(parameter) {
            None => Err(Fault::missing(parameter)),
            Some("") => Err(Fault::constraint("", parameter, "Member must have length greater than or equal to 1")),
            Some(text) => Ok(text),
        }
    }

    /// The name of an entity.
    pub(super) fn name(&self, parameter: &str) -> Result<EntityName, Fault> {
        entity_name(parameter, self.required(parameter)?)
    }

    /// The name of an entity, by which it may be named.
    pub(super) fn named<U>(&self, parameter: &str) -> Result<Named<U>, Fault> {
        self.name(parameter).map(Named::Name)
    }

    /// Like [`Call::named`], where it may be left out.
    pub(super) fn optional_named<U>(&self, parameter: &str) -> Result<Option<Named<U>>, Fault> {
        self.optional_name(parameter).map(|name| name.map(Named::Name))
    }

    pub(super) fn optional_name(&self, parameter: &str) -> Result<Option<EntityName>, Fault> {
        self.form.get(parameter).map(|text| entity_name(parameter, text)).transpose()
    }

    /// A name to be given: stricter than one to look for, since the other dialect's names may have blanks and more
    /// characters.
    pub(super) fn new_name(&self, parameter: &str, chars_max: usize) -> Result<EntityName, Fault> {
        self.required(parameter)?;
        self.optional_new_name(parameter, chars_max)?.ok_or_else(|| Fault::missing(parameter))
    }

    /// Like [`Call::new_name`], where it may be left out.
    pub(super) fn optional_new_name(&self, parameter: &str, chars_max: usize) -> Result<Option<EntityName>, Fault> {
        let Some(name) = self.optional_name(parameter)? else { return Ok(None) };
        if name.as_str().contains(' ') {
            return Err(bad_name(parameter));
        }
        if name.as_str().len() > chars_max {
            let rule = format!("Member must have length less than or equal to {chars_max}");
            return Err(Fault::constraint(name.as_str(), parameter, &rule));
        }
        Ok(Some(name))
    }

    /// A path; `/` where it is left out.
    pub(super) fn path(&self, parameter: &str) -> Result<EntityPath, Fault> {
        Ok(self.optional_path(parameter)?.unwrap_or_default())
    }

    /// A path that may be left out.
    pub(super) fn optional_path(&self, parameter: &str) -> Result<Option<EntityPath>, Fault> {
        let Some(text) = self.form.get(parameter) else { return Ok(None) };
        EntityPath::parse(text).map(Some).ok_or_else(|| {
            Fault::new(
                Code::ValidationError,
                format!(
                    "The specified value for {} is invalid. It must begin and end with / and contain only visible \
                     ASCII characters.",
                    lower(parameter)
                ),
            )
        })
    }

    /// What paths of listed entities must begin with.
    pub(super) fn path_prefix(&self) -> Result<&'a str, Fault> {
        let prefix = self.form.get("PathPrefix").unwrap_or("/");
        if prefix.starts_with('/') && prefix.len() <= 512 {
            Ok(prefix)
        } else {
            Err(Fault::new(
                Code::ValidationError,
                "The specified value for pathPrefix is invalid. It must begin with /.",
            ))
        }
    }

    /// A policy document that must be there.
    pub(super) fn document(&self, parameter: &str) -> Result<&'a str, Fault> {
        let text = self.required(parameter)?;
        if text.chars().count() > DOCUMENT_CHARS_MAX {
            return Err(too_long(parameter, DOCUMENT_CHARS_MAX));
        }
        Ok(text)
    }

    /// A description. `None` when the parameter is absent; an empty one is a description too.
    pub(super) fn description(&self) -> Result<Option<String>, Fault> {
        let Some(text) = self.form.raw("Description") else { return Ok(None) };
        if text.chars().count() > DESCRIPTION_CHARS_MAX {
            return Err(too_long("Description", DESCRIPTION_CHARS_MAX));
        }
        Ok(Some(text.to_owned()))
    }

    /// A whole number.
    pub(super) fn number(&self, parameter: &str, min: u32, max: u32) -> Result<Option<u32>, Fault> {
        let Some(text) = self.form.get(parameter) else { return Ok(None) };
        let shown = if text.len() <= 20 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-') { text } else { "" };
        let refused = |rule: String| Err(Fault::constraint(shown, parameter, &rule));
        match text.parse::<i64>() {
            Ok(number) if number < i64::from(min) => {
                refused(format!("Member must have value greater than or equal to {min}"))
            }
            Ok(number) if number > i64::from(max) => {
                refused(format!("Member must have value less than or equal to {max}"))
            }
            Ok(number) => Ok(u32::try_from(number).ok()),
            Err(_) => refused("Member must be an integer".to_owned()),
        }
    }

    /// `true` or `false`; `None` where it is left out.
    pub(super) fn flag(&self, parameter: &str) -> Result<Option<bool>, Fault> {
        match self.form.get(parameter) {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(Fault::constraint("", parameter, "Member must be true or false")),
        }
    }

    /// The id of an access key.
    pub(super) fn access_key(&self) -> Result<AccessKeyId, Fault> {
        let text = self.required("AccessKeyId")?;
        AccessKeyId::parse(text).ok_or_else(|| {
            Fault::constraint("", "AccessKeyId", "Member must have at most 128 characters of A-Z, a-z, 0-9, _, - and .")
        })
    }

    /// The policy that a parameter names by its ARN.
    pub(super) fn policy(&self, parameter: &str) -> Result<PolicyRef, Fault> {
        self.policy_named(self.required(parameter)?)
    }

    /// Like [`Call::policy`], where it may be left out.
    pub(super) fn optional_policy(&self, parameter: &str) -> Result<Option<PolicyRef>, Fault> {
        self.form.get(parameter).map(|arn| self.policy_named(arn)).transpose()
    }

    /// The policy of an ARN. One that does not exist gets a reference that none has, so that the directory asks for
    /// rights before it tells so.
    fn policy_named(&self, arn: &str) -> Result<PolicyRef, Fault> {
        self.policy_in(self.account()?, arn)
    }

    /// Like [`Call::policy`], of an account that need not be the caller's.
    pub(super) fn policy_in(&self, account: &AccountId, arn: &str) -> Result<PolicyRef, Fault> {
        if !arn.starts_with("arn:") || arn.len() > 2048 || !arn.contains(":policy/") {
            return Err(Fault::new(Code::InvalidInput, "ARN is not valid: it must be that of a policy."));
        }
        let found = self.directory.policy_named(account, arn);
        Ok(found.unwrap_or(PolicyRef::Managed(PolicyUid::from_bytes([0; 16]))))
    }

    /// Refuses tags; an empty list is none.
    pub(super) fn no_tags(&self) -> Done {
        if self.form.given("Tags") > 0 || self.form.given("TagKeys") > 0 {
            return Err(Fault::new(
                Code::InvalidInput,
                "Tags of identities and policies are not offered by this server.",
            ));
        }
        Ok(())
    }
}

/// An empty list.
pub(super) fn empty_list(out: &mut XmlWriter, name: &'static str) {
    out.open(name);
    out.close();
}

fn entity_name(parameter: &str, text: &str) -> Result<EntityName, Fault> {
    EntityName::parse(text).ok_or_else(|| bad_name(parameter))
}

fn bad_name(parameter: &str) -> Fault {
    Fault::new(
        Code::ValidationError,
        format!(
            "The specified value for {} is invalid. It must contain only alphanumeric characters and/or the \
             following: +=,.@_-",
            lower(parameter)
        ),
    )
}

fn too_long(parameter: &str, chars_max: usize) -> Fault {
    Fault::constraint("", parameter, &format!("Member must have length less than or equal to {chars_max}"))
}

/// A parameter as AWS's messages spell it: with a small first letter.
fn lower(parameter: &str) -> String {
    parameter.char_indices().map(|(i, c)| if i == 0 { c.to_ascii_lowercase() } else { c }).collect()
}
