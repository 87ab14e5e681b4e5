//! Login profiles: a user's password. It serves the identity tokens of the other dialect; there is no console.

use super::call::{Call, Done};
use super::fault::{Code, Fault};
use super::show;
use crate::xml::XmlWriter;
use iam::IamError;
use model::{EntityName, Timestamp};

pub(super) async fn create(call: &Call<'_>, out: &mut XmlWriter) -> Done {
    let name = call.name("UserName")?;
    set(call, true).await?;
    write(out, &name, call.now());
    Ok(())
}

pub(super) async fn update(call: &Call<'_>, _out: &mut XmlWriter) -> Done {
    set(call, false).await
}

async fn set(call: &Call<'_>, create: bool) -> Done {
    if call.flag("PasswordResetRequired")? == Some(true) {
        return Err(Fault::not_offered("PasswordResetRequired"));
    }
    let (user, password) = (call.named("UserName")?, call.required("Password")?);
    call.directory.set_password(call.rq(), user, password, create).await.map_err(|error| match error {
        IamError::InvalidInput("Password", rule) => Fault::new(Code::PasswordPolicyViolation, rule),
        error => error.into(),
    })
}

pub(super) async fn get(call: &Call<'_>, out: &mut XmlWriter) -> Done {
    let (name, set) = call.directory.login_profile(call.rq(), call.named("UserName")?).await?;
    write(out, &name, set);
    Ok(())
}

pub(super) async fn delete(call: &Call<'_>, _out: &mut XmlWriter) -> Done {
    Ok(call.directory.delete_password(call.rq(), call.named("UserName")?).await?)
}

fn write(out: &mut XmlWriter, name: &EntityName, set: Timestamp) {
    out.open("LoginProfile");
    out.value("UserName", name);
    out.leaf("CreateDate", &show::date(set));
    out.value("PasswordResetRequired", false);
    out.close();
}
