//! Request ids: 32 hexadecimal digits in upper case, as OBS has them (obs-api §3.1), and the longer second id, which
//! also says which run of the server answered.

use data_encoding::{BASE64, HEXUPPER};
use model::Entropy;
use std::sync::Arc;

/// The two ids of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestIds {
    /// The id: for the client, the log and the audit.
    pub request_id: String,
    /// The second id: 64 characters.
    pub id_2: String,
}

/// Draws request ids.
pub struct Ids {
    entropy: Arc<dyn Entropy>,
    run: [u8; 32],
}

impl Ids {
    /// Draws the id of this run of the server.
    pub fn new(entropy: Arc<dyn Entropy>) -> Self {
        let mut run = [0; 32];
        entropy.fill(&mut run);
        Self { entropy, run }
    }

    /// The ids of the next request.
    pub fn draw(&self) -> RequestIds {
        let mut long = [0; 48];
        let (id, run) = long.split_at_mut(16);
        self.entropy.fill(id);
        run.copy_from_slice(&self.run);
        RequestIds { request_id: HEXUPPER.encode(&long[..16]), id_2: BASE64.encode(&long) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting(std::sync::atomic::AtomicU8);

    impl Entropy for Counting {
        fn fill(&self, out: &mut [u8]) {
            out.fill(self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        }
    }

    #[test]
    fn ids_have_the_form_clients_know_and_differ() {
        let ids = Ids::new(Arc::new(Counting(0.into())));
        let (a, b) = (ids.draw(), ids.draw());
        assert_eq!(a.request_id, "01".repeat(16));
        assert_eq!(a.id_2.len(), 64);
        assert_ne!(a, b);
        assert_eq!(a.id_2[24..], b.id_2[24..], "one run");
    }
}
