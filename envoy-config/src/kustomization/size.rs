//! How large an object may be.

/// etcd's `--max-request-bytes`, 1.5 MiB by default: the API server stores an object in one request. An
/// object is larger there than here by what the API server adds (managedFields, status).
pub const MOST_BYTES: usize = 1_572_864 - 65_536;
