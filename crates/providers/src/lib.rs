//! Key providers outside this process, each behind the seam [`kms::KeyProvider`].
