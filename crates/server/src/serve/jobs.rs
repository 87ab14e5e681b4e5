//! Rewrap jobs: what they ask of the directory and of time.

use super::rooms::Rooms;
use ::jobs::rewrap::{Identities, Parts, Pause, RewrapService};
use async_trait::async_trait;
use iam::Directory;
use model::{AccessKeyId, Clock};
use policy::Principal;
use std::sync::Arc;
use std::time::Duration;
use store::MetaStore;
use store::engine::fjall::FjallStore;

/// The service over the open rooms; nothing runs yet.
pub(super) fn open(rooms: &Rooms) -> Arc<RewrapService> {
    let identities = DirectoryIdentities { directory: Arc::clone(&rooms.directory), clock: Arc::clone(&rooms.clock) };
    Arc::new(RewrapService::open(Parts {
        objects: Arc::clone(&rooms.objects),
        keys: Arc::clone(&rooms.kms),
        sse: Arc::clone(&rooms.sse),
        store: Arc::<FjallStore>::clone(&rooms.meta) as Arc<dyn MetaStore>,
        identities: Arc::new(identities),
        clock: Arc::clone(&rooms.clock),
        entropy: Arc::clone(&rooms.entropy),
        pause: Arc::new(Sleep),
    }))
}

struct Sleep;

#[async_trait]
impl Pause for Sleep {
    async fn pause(&self, millis: u64) {
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }
}

struct DirectoryIdentities {
    directory: Arc<Directory>,
    clock: Arc<dyn Clock>,
}

impl Identities for DirectoryIdentities {
    fn principal(&self, access_key: &str) -> Option<Principal> {
        let id = AccessKeyId::parse(access_key)?;
        // Without its token a temporary key is nobody's.
        self.directory.credential(&id, None, self.clock.now()).ok().map(|signing| signing.principal)
    }
}
