//! Every setting of the server, defined once: its flag, its environment variable, its name in `strongroom.toml`, its
//! default and its documentation. The command line, the file reader, `--help` and `strongroom config` all read this
//! table, so that none of them can disagree with another.

/// One setting.
#[derive(Debug)]
pub(crate) struct Setting {
    /// Name in `strongroom.toml`; a dot stands for a table.
    pub(crate) key: &'static str,
    /// Long flag, without the dashes.
    pub(crate) flag: &'static str,
    /// Environment variable.
    pub(crate) env: &'static str,
    /// What stands for the value in the help.
    pub(crate) placeholder: &'static str,
    /// Value when nothing is said; `None` where there is no fixed one (`doc` says what happens then).
    pub(crate) default: Option<&'static str>,
    /// Whether it may be given several times (in the environment: separated by commas; in the file: an array).
    pub(crate) repeats: bool,
    /// Whether the configuration file may say it. Only the place of the data directory, where that file lies, may not.
    pub(crate) in_file: bool,
    /// What it does. Whole sentences.
    pub(crate) doc: &'static str,
}

const fn setting(
    key: &'static str,
    flag: &'static str,
    env: &'static str,
    placeholder: &'static str,
    default: Option<&'static str>,
    doc: &'static str,
) -> Setting {
    Setting { key, flag, env, placeholder, default, repeats: false, in_file: true, doc }
}

/// All settings, in the order in which they are explained.
pub(crate) const SETTINGS: &[Setting] = &[
    Setting {
        in_file: false,
        ..setting(
            "data",
            "data",
            "STRONGROOM_DATA",
            "DIR",
            None,
            "Directory for everything the server keeps. Made with mode 0700 at the first start. Required.",
        )
    },
    setting(
        "address",
        "address",
        "STRONGROOM_ADDRESS",
        "IP:PORT",
        Some("127.0.0.1:9000"),
        "Where objects are served, in both dialects. HTTP and HTTPS share the port: the first byte tells them apart. \
         Port 0 takes a free one.",
    ),
    setting(
        "control_address",
        "control-address",
        "STRONGROOM_CONTROL_ADDRESS",
        "IP:PORT",
        Some("127.0.0.1:9001"),
        "Where the key management API, health and metrics are served, over HTTP and HTTPS. Key operations in plain \
         HTTP are taken from loopback only.",
    ),
    setting(
        "region",
        "region",
        "STRONGROOM_REGION",
        "NAME",
        Some("local-1"),
        "Name of the region that this server is: part of signatures, of CMK ids and of bucket locations.",
    ),
    Setting {
        repeats: true,
        ..setting(
            "domain",
            "domain",
            "STRONGROOM_DOMAIN",
            "BASE",
            None,
            "Base domain for virtual-hosted requests: with `obs.example.com`, the host `photos.obs.example.com` is the \
             bucket `photos`. May be repeated. The generated certificate covers it and its subdomains.",
        )
    },
    setting(
        "root_key_source",
        "root-key-source",
        "STRONGROOM_ROOT_KEY_SOURCE",
        "file|passphrase|token",
        Some("file"),
        "Where the root key comes from: `file`, a file that holds it in clear; `passphrase`, a file that holds it sealed \
         under a passphrase, which is given at each start with root_passphrase_file or in STRONGROOM_ROOT_PASSPHRASE; \
         `token`, a file that holds it wrapped by a key in a PKCS#11 token, an HSM for example.",
    ),
    setting(
        "root_key_file",
        "root-key-file",
        "STRONGROOM_ROOT_KEY_FILE",
        "FILE",
        None,
        "File with the root key, mode 0600: 64 hexadecimal digits, or the key sealed under a passphrase or wrapped by a \
         token. Made at the first start; by default `root.key`, `root.sealed` or `root.token` in the data directory. Keep a \
         copy apart from the data: without it nothing sealed can be opened.",
    ),
    setting(
        "root_token_module",
        "root-token-module",
        "STRONGROOM_ROOT_TOKEN_MODULE",
        "FILE",
        None,
        "The vendor's PKCS#11 module, a shared library, for root_key_source = token.",
    ),
    setting(
        "root_token_label",
        "root-token-label",
        "STRONGROOM_ROOT_TOKEN_LABEL",
        "LABEL",
        None,
        "The label of the token whose key `strongroom root key` wraps the root key; made there at the first start.",
    ),
    setting(
        "root_token_pin_file",
        "root-token-pin-file",
        "STRONGROOM_ROOT_TOKEN_PIN_FILE",
        "FILE",
        None,
        "File with the PIN of the token's user, mode 0600.",
    ),
    setting(
        "root_passphrase_file",
        "root-passphrase-file",
        "STRONGROOM_ROOT_PASSPHRASE_FILE",
        "FILE",
        None,
        "File with the passphrase of root_key_source = passphrase, mode 0600; 12 to 1024 bytes, a line feed at the end does \
         not count. Read once at start: it may lie on a medium that is taken away again.",
    ),
    setting(
        "root_passphrase_memory_mib",
        "root-passphrase-memory-mib",
        "STRONGROOM_ROOT_PASSPHRASE_MEMORY_MIB",
        "MIB",
        Some("256"),
        "Memory that one guess of a passphrase costs (Argon2id, three passes), for root keys and backups sealed from now \
         on; 1 to 4096. Opening takes what was set when it was sealed.",
    ),
    setting(
        "allow_locked",
        "allow-locked",
        "STRONGROOM_ALLOW_LOCKED",
        "on|off",
        Some("off"),
        "With `on`, a server that cannot get its root key starts locked: it lives, is not ready, refuses everything, and \
         asks the source again until it has the key or `strongroom kms root unlock` brings the passphrase. With `off` it \
         does not start.",
    ),
    setting(
        "tls_cert",
        "tls-cert",
        "STRONGROOM_TLS_CERT",
        "FILE",
        None,
        "Your own certificate chain (PEM), together with tls_key. By default a certificate is issued by a local \
         authority, whose certificate is `tls/ca.crt` in the data directory. Read again on SIGHUP.",
    ),
    setting(
        "tls_key",
        "tls-key",
        "STRONGROOM_TLS_KEY",
        "FILE",
        None,
        "The private key (PEM) of tls_cert. Read again on SIGHUP.",
    ),
    setting(
        "sse.require_https",
        "sse-require-https",
        "STRONGROOM_SSE_REQUIRE_HTTPS",
        "strict|ssec|off",
        Some("strict"),
        "Which encrypted requests must come over HTTPS: `strict` those with SSE-KMS and SSE-C, `ssec` those with SSE-C \
         only, `off` none. `off` sends customer keys in the clear: for closed test networks.",
    ),
    setting(
        "sse.sm4",
        "sse-sm4",
        "STRONGROOM_SSE_SM4",
        "all|kms-only",
        Some("all"),
        "For which encryption methods the data cipher SM4 can be asked for: `all` also SSE-OBS (SSE-S3) and SSE-C, \
         `kms-only` SSE-KMS alone, as OBS has it.",
    ),
    setting(
        "sse.block_customer_keys_on_new_buckets",
        "sse-block-customer-keys-on-new-buckets",
        "STRONGROOM_SSE_BLOCK_CUSTOMER_KEYS_ON_NEW_BUCKETS",
        "on|off",
        Some("off"),
        "With `on`, buckets created in the S3 dialect refuse writes under customer keys (SSE-C) until PutBucketEncryption \
         lifts it (BlockedEncryptionTypes NONE), as on AWS since April 2026.",
    ),
    setting(
        "bucket_key_ttl_seconds",
        "bucket-key-ttl-seconds",
        "STRONGROOM_BUCKET_KEY_TTL_SECONDS",
        "SECONDS",
        Some("180"),
        "How long a bucket key serves new objects before the next one is asked of the KMS; 1 to 86400.",
    ),
    setting(
        "sse.bucket_key_objects_max",
        "sse-bucket-key-objects-max",
        "STRONGROOM_SSE_BUCKET_KEY_OBJECTS_MAX",
        "OBJECTS",
        Some("4294967296"),
        "Most objects that are sealed through one bucket key before the next one is asked of the KMS; 1 to 4294967296.",
    ),
    setting(
        "kms_default_provider",
        "kms-default-provider",
        "STRONGROOM_KMS_DEFAULT_PROVIDER",
        "NAME",
        Some("embedded"),
        "Who keeps the material of new CMKs that name no provider: `embedded`, this server under its root key, or the \
         NAME of a `[provider.NAME]` table of the configuration file. CMKs that exist stay where they are.",
    ),
    setting(
        "kms_requests_per_second",
        "kms-requests-per-second",
        "STRONGROOM_KMS_REQUESTS_PER_SECOND",
        "NUMBER",
        Some("0"),
        "How many requests a second each account may make of each operation that uses CMKs (wrap, unwrap, data keys, random \
         bytes); twice as many at once. Reads and writes of SSE-KMS objects without a bucket key at hand count apart from \
         calls of the KMS APIs, at the same rates. 0 is no limit. Over it, the KMS APIs answer that requests are throttled, \
         and objects `503 SlowDown`.",
    ),
    setting(
        "kms_reads_per_second",
        "kms-reads-per-second",
        "STRONGROOM_KMS_READS_PER_SECOND",
        "NUMBER",
        Some("2000"),
        "The same for each operation that reads about CMKs, aliases, grants and key policies.",
    ),
    setting(
        "kms_changes_per_second",
        "kms-changes-per-second",
        "STRONGROOM_KMS_CHANGES_PER_SECOND",
        "NUMBER",
        Some("100"),
        "The same for each operation that changes them.",
    ),
    setting(
        "kms_operations_per_second",
        "kms-operations-per-second",
        "STRONGROOM_KMS_OPERATIONS_PER_SECOND",
        "OPERATION=NUMBER,…",
        None,
        "Operations with a rate of their own in place of the three above, by their names in the AWS KMS API, as in \
         `GenerateDataKey=1000,CreateGrant=50`.",
    ),
    setting(
        "kms_keys_max",
        "kms-keys-max",
        "STRONGROOM_KMS_KEYS_MAX",
        "NUMBER",
        Some("1000"),
        "How many CMKs an account may have, its default key not counted.",
    ),
    setting(
        "kms_grants_max",
        "kms-grants-max",
        "STRONGROOM_KMS_GRANTS_MAX",
        "NUMBER",
        Some("100"),
        "How many grants a CMK may have.",
    ),
    setting(
        "audit_dir",
        "audit-dir",
        "STRONGROOM_AUDIT_DIR",
        "DIR",
        None,
        "Where the audit log is kept; by default `audit` in the data directory. Another disk keeps it from filling up with \
         the data, and from being lost with it.",
    ),
    setting(
        "audit_sync",
        "audit-sync",
        "STRONGROOM_AUDIT_SYNC",
        "each|written",
        Some("each"),
        "When an event of the audit log counts as recorded, before which no key is handed out: `each`, when the disk was \
         synchronised; `written`, when the system has it, which SIGKILL does not undo and a loss of power may.",
    ),
    setting(
        "audit_required",
        "audit-required",
        "STRONGROOM_AUDIT_REQUIRED",
        "on|off",
        Some("on"),
        "Whether keys are refused while the audit log cannot be written. With `off` they are handed out, and the log tells \
         later how many events it misses.",
    ),
    setting(
        "audit_objects",
        "audit-objects",
        "STRONGROOM_AUDIT_OBJECTS",
        "off|sealed|all",
        Some("off"),
        "Which requests about objects are put on the audit log as well: none, those about sealed objects, or all. They are \
         recorded before they are answered and refused when they cannot be.",
    ),
    setting(
        "audit_segment_mib",
        "audit-segment-mib",
        "STRONGROOM_AUDIT_SEGMENT_MIB",
        "MIB",
        Some("64"),
        "Size at which a new segment file of the audit log is begun; 1 to 4096.",
    ),
    setting(
        "audit_segment_hours",
        "audit-segment-hours",
        "STRONGROOM_AUDIT_SEGMENT_HOURS",
        "HOURS",
        Some("24"),
        "Age at which a new segment file of the audit log is begun; 1 to 8784.",
    ),
    setting(
        "audit_retention_days",
        "audit-retention-days",
        "STRONGROOM_AUDIT_RETENTION_DAYS",
        "DAYS",
        Some("0"),
        "How many days a segment of the audit log is kept after its last event; the log says what was removed. 0 keeps \
         everything.",
    ),
    setting(
        "audit_accept_loss",
        "audit-accept-loss",
        "STRONGROOM_AUDIT_ACCEPT_LOSS",
        "on|off",
        Some("off"),
        "With `on`, the server starts although its audit log is missing, damaged or cut short, and the log says so for ever. \
         For one start, after somebody has looked at it.",
    ),
    setting(
        "default_encryption",
        "default-encryption",
        "STRONGROOM_DEFAULT_ENCRYPTION",
        "none|kms|obs",
        Some("none"),
        "What a new object gets when neither the request nor the bucket says: nothing, SSE-KMS under the account's \
         default key, or SSE-OBS (which S3 calls SSE-S3).",
    ),
    setting(
        "object_ownership",
        "object-ownership",
        "STRONGROOM_OBJECT_OWNERSHIP",
        "object-writer|bucket-owner-preferred|bucket-owner-enforced",
        Some("object-writer"),
        "Who owns the objects of a bucket that does not say: whoever writes them, as in OBS; the bucket's owner where the \
         writer agrees; or always the bucket's owner, which switches ACLs off, as in new buckets of Amazon S3.",
    ),
    setting(
        "block_public_access",
        "block-public-access",
        "STRONGROOM_BLOCK_PUBLIC_ACCESS",
        "on|off",
        Some("off"),
        "With `on`, every bucket is treated as if its block on public access were wholly on: no ACL and no policy opens \
         anything to everyone.",
    ),
    Setting {
        repeats: true,
        ..setting(
            "trusted_proxies",
            "trusted-proxies",
            "STRONGROOM_TRUSTED_PROXIES",
            "IP|CIDR",
            None,
            "A proxy, or a network of proxies, whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed: by conditions \
             of policies, and the latter also by the rule which encryption needs HTTPS. May be repeated. From anybody else \
             these headers mean nothing.",
        )
    },
    setting(
        "accept_v2_for_kms",
        "accept-v2-for-kms",
        "STRONGROOM_ACCEPT_V2_FOR_KMS",
        "on|off",
        Some("on"),
        "Whether objects with SSE-KMS are open to requests signed with AWS V2, as OBS's own clients sign against an \
         address. Amazon S3 refuses.",
    ),
    setting(
        "any_v4_region",
        "any-v4-region",
        "STRONGROOM_ANY_V4_REGION",
        "on|off",
        Some("off"),
        "Whether AWS V4 signatures may name any region rather than this server's. OBS's clients always may.",
    ),
    setting(
        "obs_unsigned_subresources",
        "obs-unsigned-subresources",
        "STRONGROOM_OBS_UNSIGNED_SUBRESOURCES",
        "on|off",
        Some("on"),
        "Whether header signatures of OBS and AWS V2 may leave out the few sub-resources that some official clients do \
         not sign. With `off`, such a sub-resource must be signed.",
    ),
    setting(
        "compat",
        "compat",
        "STRONGROOM_COMPAT",
        "aws|ceph",
        Some("aws"),
        "Whose behaviour to follow where Amazon S3 and Ceph's test suite disagree.",
    ),
    setting(
        "drain_seconds",
        "drain-seconds",
        "STRONGROOM_DRAIN_SECONDS",
        "SECONDS",
        Some("30"),
        "How long requests under way may take to end after SIGTERM before they are cut.",
    ),
    setting(
        "log",
        "log",
        "STRONGROOM_LOG",
        "FILTER",
        Some("info"),
        "What is logged, to standard error: `error`, `warn`, `info`, `debug`, `trace`, or a filter such as \
         `info,strongroom_gateway=debug`. RUST_LOG is taken where this is not set. Keys are logged at no level.",
    ),
    setting(
        "log_format",
        "log-format",
        "STRONGROOM_LOG_FORMAT",
        "text|json",
        Some("text"),
        "Log lines for people or for machines.",
    ),
];

/// The setting of a name in the configuration file.
pub(crate) fn by_key(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flag_variable_and_key_are_one_name() {
        for setting in SETTINGS {
            assert_eq!(setting.flag, setting.key.replace(['.', '_'], "-"), "flag of {}", setting.key);
            let env = format!("STRONGROOM_{}", setting.key.replace('.', "_").to_uppercase());
            assert_eq!(setting.env, env, "variable of {}", setting.key);
            assert!(setting.doc.ends_with('.'), "the documentation of {} is not a sentence", setting.key);
        }
    }

    #[test]
    fn names_are_unique() {
        let mut keys: Vec<_> = SETTINGS.iter().map(|s| s.key).collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), SETTINGS.len());
    }
}
