//! Temporary credentials.

use super::call::{Call, Done};
use super::fault::{Code, Fault};
use super::show;
use crate::xml::XmlWriter;
use iam::{AssumeRole, IamError, Issued, SessionRequest, TOKEN_SECONDS_MAX};
use model::{AccountId, EntityName, EntityPath};
use policy::{Caller, Identity};

/// Bounds of DurationSeconds (kms-iam-api §2.9).
const SESSION_SECONDS_MIN: u32 = 900;
const ROLE_SECONDS_MAX: u32 = 43_200;
/// Most characters of a session policy, and most managed policies of a session (AWS).
const POLICY_CHARS_MAX: usize = 2048;
const MANAGED_MAX: usize = 10;

/// GetCallerIdentity. Whoever can sign may ask who they are.
pub(super) async fn caller_identity(call: &Call<'_>, out: &mut XmlWriter) -> Done {
    let caller = call.caller()?;
    out.leaf("Arn", &caller.arn());
    out.leaf("UserId", &user_id(caller));
    out.value("Account", &caller.number);
    Ok(())
}

pub(super) async fn assume_role(call: &Call<'_>, out: &mut XmlWriter) -> Done {
    for parameter in ["Tags", "TransitiveTagKeys", "SerialNumber", "TokenCode", "SourceIdentity", "ProvidedContexts"] {
        not_offered(call, parameter)?;
    }
    let role_arn = call.required("RoleArn")?;
    let session_name = session_name(call)?;
    let seconds = call.number("DurationSeconds", SESSION_SECONDS_MIN, ROLE_SECONDS_MAX)?;
    let policy = session_policy(call)?;
    let arns = call.form.list("PolicyArns", Some("arn"))?;
    if arns.len() > MANAGED_MAX {
        let rule = format!("Member must have length less than or equal to {MANAGED_MAX}");
        return Err(Fault::constraint("", "PolicyArns", &rule));
    }
    let external_id = external_id(call)?;
    let named = RoleArn::parse(role_arn)?;
    // Why a role cannot be assumed is not told: neither that it is not there nor that its account is not.
    let denied = || match call.caller() {
        Ok(caller) => Fault::denied(&caller.arn(), "sts:AssumeRole", role_arn),
        Err(fault) => fault,
    };
    let account = named.account(call).ok_or_else(denied)?;
    let managed = arns.iter().map(|arn| call.policy_in(&account, arn)).collect::<Result<Vec<_>, _>>()?;
    let packed = packed_percent(policy, &arns);
    let request = AssumeRole {
        account,
        role: named.name,
        session_name,
        seconds,
        policy: policy.map(str::to_owned),
        managed,
        external_id,
    };
    let issued = call.directory.assume_role(call.rq(), request).await.map_err(|error| match error {
        IamError::NoSuchEntity("role", _) | IamError::AccessDenied { .. } => denied(),
        error => of_sts(error),
    })?;
    // A role's name is unique without its path, but the ARN with another path names another role.
    let Identity::Role { path, .. } = &issued.caller.identity else { return Err(denied()) };
    if *path != named.path {
        return Err(denied());
    }
    write_credentials(out, &issued);
    out.open("AssumedRoleUser");
    out.leaf("AssumedRoleId", &user_id(&issued.caller));
    out.leaf("Arn", &issued.caller.arn());
    out.close();
    if let Some(percent) = packed {
        out.value("PackedPolicySize", percent);
    }
    Ok(())
}

pub(super) async fn session_token(call: &Call<'_>, out: &mut XmlWriter) -> Done {
    for parameter in ["SerialNumber", "TokenCode"] {
        not_offered(call, parameter)?;
    }
    let seconds = call.number("DurationSeconds", SESSION_SECONDS_MIN, TOKEN_SECONDS_MAX)?;
    let request = SessionRequest { seconds, policy: None, by_token: false };
    let issued = call.directory.session_token(call.rq(), request).await.map_err(of_sts)?;
    write_credentials(out, &issued);
    Ok(())
}

/// GetAccessKeyInfo: the account of an access key, for those of one's own account who may see keys.
pub(super) async fn access_key_info(call: &Call<'_>, out: &mut XmlWriter) -> Done {
    call.directory.access_key_last_used(call.rq(), &call.access_key()?).await?;
    out.value("Account", &call.caller()?.number);
    Ok(())
}

/// The id that AWS calls UserId: of the account, the user, or the role and the session.
fn user_id(caller: &Caller) -> String {
    match &caller.identity {
        Identity::Root => caller.number.to_string(),
        Identity::User { uid, .. } => iam::user_aws_id(uid),
        Identity::Role { uid, session_name, .. } => {
            format!("{}:{session_name}", iam::role_aws_id(uid))
        }
    }
}

fn write_credentials(out: &mut XmlWriter, issued: &Issued) {
    out.open("Credentials");
    out.value("AccessKeyId", &issued.access_key);
    out.leaf("SecretAccessKey", issued.secret.expose());
    out.leaf("SessionToken", &issued.token);
    out.leaf("Expiration", &show::date(issued.expires));
    out.close();
}

/// `arn:aws:iam::ACCOUNT:role/path/name`; the account by its number or its id.
struct RoleArn<'a> {
    account: &'a str,
    path: EntityPath,
    name: EntityName,
}

impl<'a> RoleArn<'a> {
    fn parse(arn: &'a str) -> Result<Self, Fault> {
        let parse = || {
            let (account, role) = arn.strip_prefix("arn:aws:iam::")?.split_once(":role/")?;
            let (path, name) = match role.rsplit_once('/') {
                Some((path, name)) => (EntityPath::parse(&format!("/{path}/"))?, name),
                None => (EntityPath::default(), role),
            };
            Some(Self { account, path, name: EntityName::parse(name)? })
        };
        let found = if (20..=2048).contains(&arn.len()) { parse() } else { None };
        found.ok_or_else(|| Fault::new(Code::ValidationError, "RoleArn is not valid: it must be the ARN of a role."))
    }

    fn account(&self, call: &Call<'_>) -> Option<AccountId> {
        let found = match self.account.len() {
            12 => call.directory.account_by_number(self.account),
            _ => AccountId::parse(self.account).and_then(|id| call.directory.account(&id)),
        };
        found.map(|account| account.id.clone())
    }
}

/// 2 to 64 characters of `[\w+=,.@-]`.
fn session_name(call: &Call<'_>) -> Result<String, Fault> {
    let name = call.required("RoleSessionName")?;
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b);
    if (2..=64).contains(&name.len()) && name.bytes().all(fits) {
        return Ok(name.to_owned());
    }
    Err(Fault::constraint("", "RoleSessionName", "Member must have 2 to 64 characters of [\\w+=,.@-]"))
}

/// 2 to 1224 characters of `[\w+=,.@:/-]`.
fn external_id(call: &Call<'_>) -> Result<Option<String>, Fault> {
    let Some(text) = call.form.raw("ExternalId") else { return Ok(None) };
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"_+=,.@:/-".contains(&b);
    if (2..=1224).contains(&text.len()) && text.bytes().all(fits) {
        return Ok(Some(text.to_owned()));
    }
    Err(Fault::constraint("", "ExternalId", "Member must have 2 to 1224 characters of [\\w+=,.@:\\/-]"))
}

/// The session policy. One that is there and empty is refused: whoever sends it meant to narrow the session.
fn session_policy<'a>(call: &Call<'a>) -> Result<Option<&'a str>, Fault> {
    match call.form.raw("Policy") {
        None => Ok(None),
        Some("") => Err(Fault::constraint("", "Policy", "Member must have length greater than or equal to 1")),
        Some(text) if text.chars().count() > POLICY_CHARS_MAX => {
            let rule = format!("Member must have length less than or equal to {POLICY_CHARS_MAX}");
            Err(Fault::constraint("", "Policy", &rule))
        }
        Some(text) => Ok(Some(text)),
    }
}

/// How much of the room for session policies is taken, in percent; `None` without any.
fn packed_percent(policy: Option<&str>, arns: &[&str]) -> Option<usize> {
    if policy.is_none() && arns.is_empty() {
        return None;
    }
    let taken = policy.map_or(0, str::len) + arns.iter().map(|arn| arn.len()).sum::<usize>();
    Some((taken * 100).div_ceil(POLICY_CHARS_MAX + MANAGED_MAX * 2048))
}

fn not_offered(call: &Call<'_>, parameter: &str) -> Done {
    if call.form.given(parameter) > 0 { Err(Fault::not_offered(parameter)) } else { Ok(()) }
}

/// STS has other codes for two of the directory's errors.
fn of_sts(error: IamError) -> Fault {
    match error {
        IamError::InvalidInput(name, rule) => Fault::new(Code::ValidationError, format!("{name}: {rule}")),
        IamError::LimitExceeded(_) => {
            Fault::new(Code::PackedPolicyTooLarge, "The session policies exceed the room a session token has for them.")
        }
        error => error.into(),
    }
}
