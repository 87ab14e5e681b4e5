//! Opens the rooms in their order and hands each what it needs. This is the only place that knows them all.
//!
//! ```text
//! lock ─> store (meta, blobs) ─> kms (root key) ─┬─> iam (secrets sealed by the kms) ─> gateway's verifier
//!                                                ├─> audit log (its key) ─> back to the kms: no key without it
//!                                                └─> sse ─> objects ──────────────────> gateway's operations
//! ```

use crate::clock::SystemClock;
use crate::config::{DefaultEncryption, RequireHttps, Settings};
use crate::data_dir::DataDir;
use crate::failure::Failure;
use crate::root_key::{Candidates, Keeper, RootSource};
use crate::serve::providers::Providers;
use crate::serve::sealers::{Argon2id, KmsSealer, KmsTokens};
use audit::{AuditLog, LateTrail};
use crypto::SystemEntropy;
use iam::{Directory, GivenRoot};
use kms::KeyService;
use model::{AccountId, Clock, Entropy, ProjectUid};
use objects::api::{AccessConfig, AccountNames};
use objects::{ObjectService, Parts};
use policy::{Authorizer, Evaluator};
use sse::{DefaultMethod, SseConfig, SseService};
use std::sync::Arc;
use store::engine::files::FileBlobs;
use store::engine::fjall::FjallStore;
use store::{BlobStore, MetaStore};

/// Everything that is open while the server runs.
pub(super) struct Rooms {
    pub(super) meta: Arc<FjallStore>,
    pub(super) blobs: Arc<FileBlobs>,
    pub(super) kms: Arc<KeyService>,
    pub(super) directory: Arc<Directory>,
    pub(super) sse: Arc<SseService>,
    pub(super) objects: Arc<ObjectService>,
    pub(super) audit: Arc<AuditLog>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
}

impl Rooms {
    /// Opens the rooms on a prepared data directory, which the caller has locked.
    ///
    /// # Errors
    /// What stops the server from starting, in the operator's words.
    pub(super) async fn open(
        settings: &Settings,
        dir: &DataDir,
        given: Option<GivenRoot>,
        (source, root): (Arc<dyn RootSource>, Candidates),
        providers: &Providers,
    ) -> Result<Self, Failure> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
        let authorizer: Arc<dyn Authorizer> = Arc::new(Evaluator);
        let unopened = |what: &str, error: &dyn std::fmt::Display| Failure::new(format!("cannot open {what}: {error}"));

        let (meta_dir, blob_dir) = (dir.meta(), dir.blobs()?);
        let opened =
            tokio::task::spawn_blocking(move || (FjallStore::open_with_reserve(&meta_dir), FileBlobs::open(&blob_dir)))
                .await;
        let (meta, blobs) = opened.map_err(|error| unopened("the stores", &error))?;
        let meta = Arc::new(meta.map_err(|error| unopened("the metadata store", &error))?);
        let blobs = Arc::new(blobs.map_err(|error| unopened("the blob store", &error))?);
        let meta_seam: Arc<dyn MetaStore> = Arc::<FjallStore>::clone(&meta);
        let blob_seam: Arc<dyn BlobStore> = Arc::<FileBlobs>::clone(&blobs);

        let root = root.choose(&source, &meta_seam).await?;
        let mut parts = kms::Parts::new(
            Arc::clone(&meta_seam),
            root,
            Arc::clone(&authorizer),
            settings.region.clone(),
            Arc::clone(&clock),
            Arc::clone(&entropy),
        );
        parts.providers = providers.as_key_providers();
        parts.config =
            kms::KmsConfig { default_provider: settings.kms_default_provider.clone(), ..settings.kms.clone() };
        // The log's key is in the KMS: until the log is open, no key is handed out.
        let trail = Arc::new(LateTrail::default());
        parts.audit = Arc::<LateTrail>::clone(&trail);
        let kms = KeyService::open(parts).await.map_err(|error| unopened("the key management service", &error))?;

        let audit = super::audit::open(
            &settings.audit,
            dir,
            &meta_seam,
            &kms,
            &trail,
            Arc::clone(&clock),
            Arc::clone(&entropy),
        )
        .await?;

        kms.set_root_keeper(Arc::new(Keeper::new(settings.root_key.clone())));

        let no_keys = |error: kms::KmsError| unopened("the accounts and access keys", &error);
        let directory = iam::Parts {
            store: Arc::clone(&meta_seam),
            sealer: Arc::new(KmsSealer(kms.secrets_key().await.map_err(no_keys)?)),
            tokens: Arc::new(KmsTokens(kms.token_keys().await.map_err(no_keys)?)),
            passwords: Arc::new(Argon2id(Arc::clone(&entropy))),
            authorizer: Arc::clone(&authorizer),
            clock: Arc::clone(&clock),
            entropy: Arc::clone(&entropy),
            region: settings.region.clone(),
        };
        let directory = Directory::open(directory, given)
            .await
            .map_err(|error| unopened("the accounts and access keys", &error))?;
        let directory = Arc::new(directory);

        let config = SseConfig {
            require_https: match settings.require_https {
                RequireHttps::Strict => sse::RequireHttps::Strict,
                RequireHttps::SseC => sse::RequireHttps::SsecOnly,
                RequireHttps::Off => sse::RequireHttps::Off,
            },
            server_default: default_method(settings),
            sm4: settings.sm4,
            bucket_key_ttl_millis: u64::try_from(settings.bucket_key_ttl.as_millis()).unwrap_or(u64::MAX),
            bucket_key_objects_max: settings.bucket_key_objects_max,
        };
        let sse = SseService::open(
            Arc::clone(&kms),
            Arc::clone(&meta_seam),
            Arc::clone(&clock),
            Arc::clone(&entropy),
            config,
        )
        .await
        .map_err(|error| unopened("the encryption room", &error))?;
        let sse = Arc::new(sse);
        sse.set_projects(Arc::new(DirectoryProjects(Arc::clone(&directory))));

        let parts = Parts {
            meta: meta_seam,
            blobs: blob_seam,
            sse: Arc::clone(&sse),
            clock: Arc::clone(&clock),
            entropy: Arc::clone(&entropy),
            authorizer,
            access: AccessConfig {
                default_ownership: settings.object_ownership,
                block_public_access: settings.block_public_access,
            },
            accounts: Arc::new(DirectoryNames(Arc::clone(&directory))),
        };
        let objects = ObjectService::open(parts).await.map_err(|error| unopened("the objects", &error))?;
        kms.set_dependents(objects.dependents());
        Ok(Self { meta, blobs, kms, directory, sse, objects, audit, clock, entropy })
    }
}

/// What encryption asks about projects.
struct DirectoryProjects(Arc<Directory>);

impl sse::Projects for DirectoryProjects {
    fn default_of(&self, account: &AccountId) -> Option<ProjectUid> {
        self.0.default_project(account)
    }
}

/// What the store of objects asks about accounts.
struct DirectoryNames(Arc<Directory>);

impl AccountNames for DirectoryNames {
    fn exists(&self, account: &AccountId) -> bool {
        self.0.account(account).is_some()
    }

    fn display_name(&self, account: &AccountId) -> Option<String> {
        self.0.account(account).map(|account| account.name.to_string())
    }

    fn by_email(&self, email: &str) -> Option<AccountId> {
        self.0.account_by_email(email).map(|account| account.id.clone())
    }
}

/// The encryption of buckets without a default: what writes get, and what GetBucketEncryption shows.
pub(super) fn default_method(settings: &Settings) -> Option<DefaultMethod> {
    match settings.default_encryption {
        DefaultEncryption::None => None,
        DefaultEncryption::Kms => Some(DefaultMethod::Kms),
        DefaultEncryption::Obs => Some(DefaultMethod::Obs),
    }
}
