//! Huawei's names of actions, and names of what this server does not offer. The match is exhaustive: an action that is
//! added must take its place.

use crate::Action;
use Action as A;

/// Names of both stores that policies use and that this server has no operation for yet. Naming one in a bucket policy is
/// right, and has no effect.
pub(crate) const NOT_OFFERED: &str = "
    putbucketlogging getbucketlogging putlifecycleconfiguration getlifecycleconfiguration putbucketversioning
    putbucketnotification getbucketnotification putbucketstoragepolicy getbucketstoragepolicy putbucketquota
    getbucketquota getbucketstorage putreplicationconfiguration getreplicationconfiguration
    deletereplicationconfiguration putbuckettagging getbuckettagging deletebuckettagging
    putbucketinventoryconfiguration getbucketinventoryconfiguration deletebucketinventoryconfiguration
    putbucketcustomdomainconfiguration getbucketcustomdomainconfiguration deletebucketcustomdomainconfiguration
    putbucketwebsite getbucketwebsite deletebucketwebsite putbucketcors getbucketcors putbucketrequestpayment
    getbucketrequestpayment putdirectcoldaccessconfiguration getdirectcoldaccessconfiguration
    deletedirectcoldaccessconfiguration putbucketobjectlockconfiguration getbucketobjectlockconfiguration
    restoreobject modifyobjectmetadata putobjectretention getobjectretention putobjectlegalhold getobjectlegalhold
    bypassgovernanceretention putaccesslabel getaccesslabel deleteaccesslabel getobjecttorrent
    getobjectversiontorrent getobjectversionforreplication
    replicateobject replicatedelete replicatetags objectowneroverridetobucketowner putinventoryconfiguration
    getinventoryconfiguration putmetricsconfiguration getmetricsconfiguration putanalyticsconfiguration
    getanalyticsconfiguration putaccelerateconfiguration getaccelerateconfiguration
    putintelligenttieringconfiguration getintelligenttieringconfiguration putbucketencryption getbucketencryption
    postbucketlogging
";

/// The same for key policies: AWS's names, without the service. Asymmetric keys, keys of several regions and key stores
/// are not offered.
pub(crate) const KEYS_NOT_OFFERED: &str = "
    sign verify getpublickey generatemac verifymac derivesharedsecret generatedatakeypair
    generatedatakeypairwithoutplaintext replicatekey updateprimaryregion synchronizemultiregionkey
    createcustomkeystore connectcustomkeystore deletecustomkeystore describecustomkeystores
    disconnectcustomkeystore updatecustomkeystore getkeylastusage
";

impl Action {
    /// Huawei's names, service and type included, in lower case (kms-iam-api §2.10). The names of OBS are built from
    /// [`Action::obs_name`]. The newer names, with a `V5` behind, are understood as well.
    pub(crate) fn huawei_names(self) -> &'static [&'static str] {
        match self {
            A::KmsCreateKey => &["kms:cmk:create", "kms:cmk:createkey"],
            A::KmsDescribeKey => &["kms:cmk:get", "kms:cmk:describekey"],
            A::KmsListKeys => &["kms:cmk:list", "kms:cmk:listkeys", "kms:cmk:getinstance", "kms:cmk:getquota"],
            A::KmsListAliases => &["kms:cmk:list", "kms:alias:list", "kms:cmk:listaliases"],
            A::KmsCreateAlias => &["kms:alias:create", "kms:cmk:createalias"],
            A::KmsDeleteAlias => &["kms:alias:delete", "kms:cmk:deletealias"],
            A::KmsEnableKey => &["kms:cmk:enable", "kms:cmk:enablekey"],
            A::KmsDisableKey => &["kms:cmk:disable", "kms:cmk:disablekey"],
            A::KmsScheduleKeyDeletion => &["kms:cmk:update", "kms:cmk:schedulekeydeletion"],
            A::KmsCancelKeyDeletion => &["kms:cmk:update", "kms:cmk:cancelkeydeletion"],
            A::KmsGenerateDataKey => &["kms:dek:create", "kms:cmk:createdatakey", "kms:dek:createdatakey"],
            A::KmsDecrypt => &[
                "kms:dek:crypto",
                "kms:cmk:crypto",
                "kms:cmk:decryptdatakey",
                "kms:dek:decryptdatakey",
                "kms:cmk:decrypt",
            ],
            A::KmsGenerateDataKeyWithoutPlaintext => &["kms:dek:create", "kms:cmk:createdatakeywithoutplaintext"],
            A::KmsEncrypt => &[
                "kms:dek:crypto",
                "kms:cmk:crypto",
                "kms:cmk:encryptdatakey",
                "kms:dek:encryptdatakey",
                "kms:cmk:encrypt",
                "kms:cmk:encryptdata",
            ],
            A::KmsReEncryptFrom => &["kms:cmk:crypto", "kms:cmk:reencryptfrom"],
            A::KmsReEncryptTo => &["kms:cmk:crypto", "kms:cmk:reencryptto"],
            A::KmsGenerateRandom => &["kms:cmk:generate", "kms::generaterandom"],
            A::KmsUpdateAlias => &["kms:cmk:update", "kms:alias:update", "kms:cmk:updatealias"],
            A::KmsUpdateKeyDescription => &["kms:cmk:update", "kms:cmk:updatekeydescription"],
            A::KmsTagResource => &["kms:cmktag:create", "kms:cmktag:batch", "kms:cmk:tagresource"],
            A::KmsUntagResource => &["kms:cmktag:delete", "kms:cmktag:batch", "kms:cmk:untagresource"],
            A::KmsListResourceTags => &["kms:cmktag:list", "kms:cmktag:listinstance", "kms:cmk:listresourcetags"],
            A::KmsEnableKeyRotation => {
                &["kms:cmk:enablerotation", "kms:cmk:updaterotation", "kms:cmk:enablekeyrotation"]
            }
            A::KmsDisableKeyRotation => &["kms:cmk:disablerotation", "kms:cmk:disablekeyrotation"],
            A::KmsGetKeyRotationStatus => &["kms:cmk:getrotation", "kms:cmk:getkeyrotationstatus"],
            A::KmsRotateKeyOnDemand => &["kms:cmk:rotateondemand", "kms:cmk:rotatekeyondemand"],
            A::KmsListKeyRotations => &["kms:cmk:getrotation", "kms:cmk:listkeyrotations"],
            A::KmsGetParametersForImport => &["kms:cmk:getmaterial", "kms:cmk:getparametersforimport"],
            A::KmsImportKeyMaterial => &["kms:cmk:importmaterial", "kms:cmk:importkeymaterial"],
            A::KmsDeleteImportedKeyMaterial => &["kms:cmk:deletematerial", "kms:cmk:deleteimportedkeymaterial"],
            A::KmsCreateGrant => &["kms:grant:create", "kms:cmk:creategrant"],
            A::KmsListGrants => &["kms:grant:list", "kms:cmk:listgrants"],
            A::KmsListRetirableGrants => &["kms:grant:list", "kms::listretirablegrants"],
            A::KmsRevokeGrant => &["kms:grant:revoke", "kms:cmk:revokegrant"],
            A::KmsRetireGrant => &["kms:grant:retire", "kms:cmk:retiregrant"],
            A::KmsGetKeyPolicy => &["kms:cmk:getkeypolicy"],
            A::KmsPutKeyPolicy => &["kms:cmk:putkeypolicy"],
            A::KmsListKeyPolicies => &["kms:cmk:listkeypolicies"],
            A::IamCreateUser => &["iam:users:createuser", "iam:users:create"],
            A::IamGetUser => &["iam:users:getuser", "iam:users:get", "iam:users:showuser"],
            A::IamListUsers => &["iam:users:listusers", "iam:users:list"],
            A::IamUpdateUser => &["iam:users:updateuser", "iam:users:update"],
            A::IamDeleteUser => &["iam:users:deleteuser", "iam:users:delete"],
            A::IamCreateAccessKey => &["iam:credentials:createcredential", "iam:credentials:create"],
            A::IamListAccessKeys => {
                &["iam:credentials:listcredentials", "iam:credentials:getcredential", "iam:credentials:list"]
            }
            A::IamUpdateAccessKey => &["iam:credentials:updatecredential", "iam:credentials:update"],
            A::IamDeleteAccessKey => &["iam:credentials:deletecredential", "iam:credentials:delete"],
            A::IamGetAccessKeyLastUsed => {
                &["iam:credentials:getaccesskeylastused", "iam:credentials:showaccesskeylastused"]
            }
            A::IamCreateLoginProfile => &["iam:users:createloginprofile"],
            A::IamUpdateLoginProfile => &["iam:users:updateloginprofile", "iam:users:resetuserpassword"],
            A::IamDeleteLoginProfile => &["iam:users:deleteloginprofile"],
            A::IamGetLoginProfile => &["iam:users:getloginprofile", "iam:users:showloginprofile"],
            A::IamPutUserPolicy => &["iam:users:putpolicy", "iam:users:putuserpolicy"],
            A::IamGetUserPolicy => &["iam:users:getpolicy", "iam:users:getuserpolicy"],
            A::IamListUserPolicies => &["iam:users:listpolicies", "iam:users:listuserpolicies"],
            A::IamDeleteUserPolicy => &["iam:users:deletepolicy", "iam:users:deleteuserpolicy"],
            A::IamAttachUserPolicy => &["iam:users:attachpolicy", "iam:permissions:grantroletouser"],
            A::IamDetachUserPolicy => &["iam:users:detachpolicy", "iam:permissions:revokerolefromuser"],
            A::IamListAttachedUserPolicies => &["iam:users:listattachedpolicies", "iam:permissions:listrolesforuser"],
            A::IamPutUserPermissionsBoundary => &["iam:users:putpermissionsboundary"],
            A::IamDeleteUserPermissionsBoundary => &["iam:users:deletepermissionsboundary"],
            A::IamCreateGroup => &["iam:groups:creategroup", "iam:groups:create"],
            A::IamGetGroup => &["iam:groups:getgroup", "iam:groups:get", "iam:users:listusersforgroup"],
            A::IamListGroups => &["iam:groups:listgroups", "iam:groups:list"],
            A::IamUpdateGroup => &["iam:groups:updategroup", "iam:groups:update"],
            A::IamDeleteGroup => &["iam:groups:deletegroup", "iam:groups:delete"],
            A::IamAddUserToGroup => &["iam:permissions:addusertogroup", "iam:groups:adduser"],
            A::IamRemoveUserFromGroup => &["iam:permissions:removeuserfromgroup", "iam:groups:removeuser"],
            A::IamListGroupsForUser => &["iam:groups:listgroupsforuser"],
            A::IamPutGroupPolicy => &["iam:groups:putpolicy", "iam:groups:putgrouppolicy"],
            A::IamGetGroupPolicy => &["iam:groups:getpolicy", "iam:groups:getgrouppolicy"],
            A::IamListGroupPolicies => &["iam:groups:listpolicies", "iam:groups:listgrouppolicies"],
            A::IamDeleteGroupPolicy => &["iam:groups:deletepolicy", "iam:groups:deletegrouppolicy"],
            A::IamAttachGroupPolicy => &[
                "iam:groups:attachpolicy",
                "iam:permissions:grantroletogroup",
                "iam:permissions:grantroletogroupondomain",
                "iam:permissions:grantroletogrouponproject",
            ],
            A::IamDetachGroupPolicy => &[
                "iam:groups:detachpolicy",
                "iam:permissions:revokerolefromgroup",
                "iam:permissions:revokerolefromgroupondomain",
                "iam:permissions:revokerolefromgrouponproject",
            ],
            A::IamListAttachedGroupPolicies => &[
                "iam:groups:listattachedpolicies",
                "iam:permissions:listrolesforgroup",
                "iam:permissions:listrolesforgroupondomain",
                "iam:permissions:listrolesforgrouponproject",
            ],
            A::IamCreateRole => &["iam:agencies:createagency", "iam:agencies:create"],
            A::IamGetRole => &["iam:agencies:getagency", "iam:agencies:get"],
            A::IamListRoles => &["iam:agencies:listagencies", "iam:agencies:list"],
            A::IamUpdateRole => &["iam:agencies:updateagency", "iam:agencies:update"],
            A::IamUpdateAssumeRolePolicy => &["iam:agencies:updatetrustpolicy", "iam:agencies:updateagency"],
            A::IamDeleteRole => &["iam:agencies:deleteagency", "iam:agencies:delete"],
            A::IamPutRolePolicy => &["iam:agencies:putpolicy", "iam:agencies:putagencypolicy"],
            A::IamGetRolePolicy => &["iam:agencies:getpolicy", "iam:agencies:getagencypolicy"],
            A::IamListRolePolicies => &["iam:agencies:listpolicies", "iam:agencies:listagencypolicies"],
            A::IamDeleteRolePolicy => &["iam:agencies:deletepolicy", "iam:agencies:deleteagencypolicy"],
            A::IamAttachRolePolicy => &[
                "iam:agencies:attachpolicy",
                "iam:permissions:grantroletoagency",
                "iam:permissions:grantroletoagencyondomain",
                "iam:permissions:grantroletoagencyonproject",
            ],
            A::IamDetachRolePolicy => &[
                "iam:agencies:detachpolicy",
                "iam:permissions:revokerolefromagency",
                "iam:permissions:revokerolefromagencyondomain",
                "iam:permissions:revokerolefromagencyonproject",
            ],
            A::IamListAttachedRolePolicies => &[
                "iam:agencies:listattachedpolicies",
                "iam:permissions:listrolesforagency",
                "iam:permissions:listrolesforagencyondomain",
                "iam:permissions:listrolesforagencyonproject",
            ],
            A::IamPutRolePermissionsBoundary => &["iam:agencies:putpermissionsboundary"],
            A::IamDeleteRolePermissionsBoundary => &["iam:agencies:deletepermissionsboundary"],
            A::IamCreatePolicy => &["iam:roles:createrole", "iam:policies:createpolicy", "iam:policies:create"],
            A::IamGetPolicy => &["iam:roles:getrole", "iam:policies:getpolicy", "iam:policies:get"],
            A::IamListPolicies => &["iam:roles:listroles", "iam:policies:listpolicies", "iam:policies:list"],
            A::IamDeletePolicy => &["iam:roles:deleterole", "iam:policies:deletepolicy", "iam:policies:delete"],
            A::IamCreatePolicyVersion => &["iam:roles:updaterole", "iam:policies:createversion"],
            A::IamGetPolicyVersion => &["iam:roles:getrole", "iam:policies:getversion"],
            A::IamListPolicyVersions => &["iam:roles:getrole", "iam:policies:listversions"],
            A::IamDeletePolicyVersion => &["iam:roles:updaterole", "iam:policies:deleteversion"],
            A::IamSetDefaultPolicyVersion => &["iam:roles:updaterole", "iam:policies:setdefaultversion"],
            A::IamListEntitiesForPolicy => &["iam:policies:listentities", "iam:permissions:listroleassignments"],
            A::IamCreateProject => &["iam:projects:createproject", "iam:projects:create"],
            A::IamListProjects => {
                &["iam:projects:listprojects", "iam:projects:listprojectsforuser", "iam:projects:list"]
            }
            A::IamGetProject => &["iam:projects:getproject", "iam:projects:get"],
            A::IamUpdateProject => &["iam:projects:updateproject", "iam:projects:update"],
            A::IamDeleteProject => &["iam:projects:deleteproject", "iam:projects:delete"],
            A::IamRevokeSessions => &["iam:tokens:revoke"],
            A::IamSimulatePrincipalPolicy => &["iam:policies:simulate"],
            A::IamGetAccountSummary => &["iam:quotas:listquotas", "iam:accounts:getsummary"],
            A::StsAssumeRole => &["sts:agencies:assume", "iam:agencies:assume", "iam:tokens:assume"],
            A::StsGetSessionToken => &["sts:tokens:create", "iam:tokens:create"],
            A::StsGetCallerIdentity => &["sts:identities:get"],
            A::ServerCreateAccount
            | A::ServerListAccounts
            | A::ServerGetAccount
            | A::ServerUpdateAccount
            | A::ServerDeleteAccount
            | A::ServerRotateTokenKey
            | A::ServerChangeRootKey
            | A::ServerBackUpKeys
            | A::ServerExplainAccess => &[],
            A::ListAllMyBuckets
            | A::CreateBucket
            | A::DeleteBucket
            | A::HeadBucket
            | A::ListBucket
            | A::ListBucketVersions
            | A::GetBucketLocation
            | A::ListBucketMultipartUploads
            | A::GetEncryptionConfiguration
            | A::PutEncryptionConfiguration
            | A::GetBucketVersioning
            | A::GetBucketAcl
            | A::PutBucketAcl
            | A::GetBucketPolicy
            | A::PutBucketPolicy
            | A::DeleteBucketPolicy
            | A::GetBucketPolicyStatus
            | A::GetBucketPublicStatus
            | A::GetBucketPublicAccessBlock
            | A::PutBucketPublicAccessBlock
            | A::DeleteBucketPublicAccessBlock
            | A::GetBucketOwnershipControls
            | A::PutBucketOwnershipControls
            | A::GetObject
            | A::GetObjectVersion
            | A::GetObjectAttributes
            | A::GetObjectVersionAttributes
            | A::PutObject
            | A::DeleteObject
            | A::DeleteObjectVersion
            | A::GetObjectAcl
            | A::PutObjectAcl
            | A::GetObjectVersionAcl
            | A::PutObjectVersionAcl
            | A::UpdateObjectEncryption
            | A::GetObjectTagging
            | A::PutObjectTagging
            | A::DeleteObjectTagging
            | A::GetObjectVersionTagging
            | A::PutObjectVersionTagging
            | A::DeleteObjectVersionTagging
            | A::AbortMultipartUpload
            | A::ListMultipartUploadParts => &[],
        }
    }
}
