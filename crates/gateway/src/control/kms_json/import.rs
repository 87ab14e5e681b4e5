//! GetParametersForImport, ImportKeyMaterial, DeleteImportedKeyMaterial.

use super::fault::{Fault, Kind};
use super::input::{self, BLOB_BYTES_MAX, required};
use super::keys::seconds;
use super::lifecycle::about;
use super::{Call, Output, members};
use data_encoding::BASE64;
use kms::ImportWrapping;
use model::Timestamp;
use policy::Action;
use serde_json::json;

impl Call<'_> {
    pub(super) async fn get_parameters_for_import(&self, input: members::GetParametersForImport) -> Output {
        let wrapping = match required(&input.wrapping_algorithm, "wrappingAlgorithm")? {
            "RSAES_OAEP_SHA_1" => ImportWrapping::OaepSha1,
            "RSAES_OAEP_SHA_256" => ImportWrapping::OaepSha256,
            "RSA_AES_KEY_WRAP_SHA_1" => ImportWrapping::AesKeyWrapSha1,
            "RSA_AES_KEY_WRAP_SHA_256" => ImportWrapping::AesKeyWrapSha256,
            _ => {
                return Err(Fault::new(
                    Kind::UnsupportedOperation,
                    "This server offers WrappingAlgorithm RSAES_OAEP_SHA_1, RSAES_OAEP_SHA_256, \
                     RSA_AES_KEY_WRAP_SHA_1 and RSA_AES_KEY_WRAP_SHA_256 only.",
                ));
            }
        };
        let rsa_bits = match required(&input.wrapping_key_spec, "wrappingKeySpec")? {
            "RSA_2048" => 2048,
            "RSA_3072" => 3072,
            "RSA_4096" => 4096,
            _ => {
                return Err(Fault::new(
                    Kind::UnsupportedOperation,
                    "This server offers WrappingKeySpec RSA_2048, RSA_3072 and RSA_4096 only.",
                ));
            }
        };
        let cmk = self.managed_key(&input.key_id, "keyId", Action::KmsGetParametersForImport).await?;
        let parameters = self
            .service
            .import_parameters(self.user, &cmk, wrapping, rsa_bits)
            .await
            .map_err(|error| about(&cmk, error))?;
        Ok(Some(json!({
            "KeyId": cmk.to_arn(),
            "ImportToken": BASE64.encode(&parameters.token),
            "PublicKey": BASE64.encode(&parameters.public_key),
            "ParametersValidTo": seconds(parameters.valid_to),
        })))
    }

    pub(super) async fn import_key_material(&self, input: members::ImportKeyMaterial) -> Output {
        refuse_material_id(input.key_material_id.is_some())?;
        // Whether it is the material the CMK had before, the service finds out by itself.
        match input.import_type.as_deref() {
            None | Some("NEW_KEY_MATERIAL" | "EXISTING_KEY_MATERIAL") => {}
            Some(other) => {
                let rule = "Member must satisfy enum value set: [NEW_KEY_MATERIAL, EXISTING_KEY_MATERIAL]";
                return Err(Fault::constraint(other, "importType", rule));
            }
        }
        let expires = expiry(input.expiration_model.as_deref(), input.valid_to)?;
        let token = input::blob(input.import_token, "importToken", BLOB_BYTES_MAX)?;
        let encrypted = input::blob(input.encrypted_key_material, "encryptedKeyMaterial", BLOB_BYTES_MAX)?;
        let cmk = self.managed_key(&input.key_id, "keyId", Action::KmsImportKeyMaterial).await?;
        let material = self
            .service
            .import_material(self.user, &cmk, &token, &encrypted, expires)
            .await
            .map_err(|error| about(&cmk, error))?;
        Ok(Some(json!({ "KeyId": cmk.to_arn(), "KeyMaterialId": material })))
    }

    pub(super) async fn delete_imported_key_material(&self, input: members::DeleteImportedKeyMaterial) -> Output {
        refuse_material_id(input.key_material_id.is_some())?;
        let cmk = self.managed_key(&input.key_id, "keyId", Action::KmsDeleteImportedKeyMaterial).await?;
        self.service.delete_imported_material(self.user, &cmk).await.map_err(|error| about(&cmk, error))?;
        Ok(Some(json!({ "KeyId": cmk.to_arn() })))
    }
}

/// Material expires unless it is said not to, as on AWS.
fn expiry(model: Option<&str>, valid_to: Option<f64>) -> Result<Option<Timestamp>, Fault> {
    match (model, valid_to) {
        (None | Some("KEY_MATERIAL_EXPIRES"), Some(at)) => input::moment(at, "validTo").map(Some),
        (None | Some("KEY_MATERIAL_EXPIRES"), None) => Err(Fault::new(
            Kind::Validation,
            "A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES.",
        )),
        (Some("KEY_MATERIAL_DOES_NOT_EXPIRE"), None) => Ok(None),
        (Some("KEY_MATERIAL_DOES_NOT_EXPIRE"), Some(_)) => Err(Fault::new(
            Kind::Validation,
            "A validTo date cannot be set if the ExpirationModel is KEY_MATERIAL_DOES_NOT_EXPIRE.",
        )),
        (Some(other), _) => {
            let rule = "Member must satisfy enum value set: [KEY_MATERIAL_EXPIRES, KEY_MATERIAL_DOES_NOT_EXPIRE]";
            Err(Fault::constraint(other, "expirationModel", rule))
        }
    }
}

/// A CMK has one imported material here; ignoring which one is meant could destroy another.
fn refuse_material_id(given: bool) -> Result<(), Fault> {
    if given {
        return Err(Fault::new(Kind::UnsupportedOperation, "KeyMaterialId is not offered by this server."));
    }
    Ok(())
}
