//! The part of WASI that Envoy offers (proxy-wasm-cpp-host `src/exports.cc`, `wasi_unstable_*`).
//!
//! No files, no arguments, no threads: stdout and stderr go to the log, clocks show the host's
//! time. Everything else answers with an error number.

use super::memory::{Guest, length, slice, split, write, write_word};
use super::plugin::LogLevel;

const SUCCESS: u32 = 0;
const BADF: u32 = 8;
const FAULT: u32 = 21;
const INVAL: u32 = 28;
const NOENT: u32 = 44;
const NOSYS: u32 = 52;
const NOTSUP: u32 = 58;

/// `random_get` gives at most this many bytes at once (`PROXY_WASM_HOST_WASI_RANDOM_GET_MAX_SIZE_BYTES`
/// of `include/proxy-wasm/limits.h`).
const RANDOM_MAX: u32 = 64 * 1024;

/// The modules that WASI is offered as.
pub(crate) const MODULES: [&str; 2] = ["wasi_snapshot_preview1", "wasi_unstable"];

/// Names with parameters, in the order in which Envoy came to offer them: the first 15, 18 or 45.
/// `i` is a 32-bit parameter, `I` a 64-bit one. Envoy registers `path_link` and `path_symlink`
/// with one parameter too few, so modules that import them do not load there either.
pub(crate) const FUNCTIONS: [(&str, &str); 45] = [
    ("fd_write", "iiii"),
    ("fd_read", "iiii"),
    ("fd_seek", "iIii"),
    ("fd_close", "i"),
    ("fd_fdstat_get", "ii"),
    ("environ_get", "ii"),
    ("environ_sizes_get", "ii"),
    ("args_get", "ii"),
    ("args_sizes_get", "ii"),
    ("clock_time_get", "iIi"),
    ("random_get", "ii"),
    ("proc_exit", "i"),
    ("path_open", "iiiiiIIii"),
    ("fd_prestat_get", "ii"),
    ("fd_prestat_dir_name", "iii"),
    ("fd_fdstat_set_flags", "ii"),
    ("sched_yield", ""),
    ("poll_oneoff", "iiii"),
    ("fd_fdstat_set_rights", "iII"),
    ("clock_res_get", "ii"),
    ("fd_advise", "iIIi"),
    ("fd_allocate", "iII"),
    ("fd_datasync", "i"),
    ("fd_filestat_get", "ii"),
    ("fd_filestat_set_size", "iI"),
    ("fd_filestat_set_times", "iIIi"),
    ("fd_pread", "iiiIi"),
    ("fd_pwrite", "iiiIi"),
    ("fd_readdir", "iiiIi"),
    ("fd_renumber", "ii"),
    ("fd_sync", "i"),
    ("fd_tell", "ii"),
    ("path_create_directory", "iii"),
    ("path_filestat_get", "iiiii"),
    ("path_filestat_set_times", "iiiiIIi"),
    ("path_link", "iiiiii"),
    ("path_readlink", "iiiiii"),
    ("path_remove_directory", "iii"),
    ("path_rename", "iiiiii"),
    ("path_symlink", "iiii"),
    ("path_unlink_file", "iii"),
    ("sock_accept", "iii"),
    ("sock_recv", "iiiiii"),
    ("sock_send", "iiiii"),
    ("sock_shutdown", "ii"),
];

/// An error number as the `Err` of a helper, so that `?` can be used.
type Errno = Result<(), u32>;

/// Calls a function by name. `arguments` are as [`FUNCTIONS`] says, widened to 64 bits.
pub(crate) fn call(guest: &mut Guest<'_>, name: &str, arguments: &[u64]) -> u32 {
    let at = |place: usize| {
        let argument = arguments.get(place).copied().unwrap_or_default();
        // 32-bit arguments were zero-extended, so nothing is lost.
        u32::try_from(argument).unwrap_or_default()
    };
    let done = match name {
        "fd_write" => fd_write(guest, at(0), at(1), at(2), at(3)),
        "fd_seek" | "fd_close" | "args_get" | "sched_yield" | "proc_exit" => Ok(()),
        "fd_fdstat_get" => fd_fdstat_get(guest, at(0), at(1)),
        "environ_get" => environ_get(guest, at(0), at(1)),
        "environ_sizes_get" => environ_sizes_get(guest, at(0), at(1)),
        "args_sizes_get" => args_sizes_get(guest, at(0), at(1)),
        "clock_time_get" => clock_time_get(guest, at(0), at(2)),
        "random_get" => random_get(guest, at(0), at(1)),
        "path_open" => Err(NOENT),
        "fd_prestat_get" | "fd_prestat_dir_name" => Err(BADF),
        _ => Err(NOSYS),
    };
    done.err().unwrap_or(SUCCESS)
}

/// Descriptor 1 logs at info and 2 at error; a newline at the end is not part of the line.
fn fd_write(guest: &mut Guest<'_>, fd: u32, vectors: u32, count: u32, written_at: u32) -> Errno {
    let level = match fd {
        1 => LogLevel::Info,
        2 => LogLevel::Error,
        _ => return Err(BADF),
    };
    let (memory, state) = split(guest);
    let mut text = Vec::new();
    for place in 0..count {
        let at = place.checked_mul(8).and_then(|o| vectors.checked_add(o));
        let vector = slice(memory, at.ok_or(FAULT)?, 8).map_err(|_| FAULT)?;
        let word = |part: Option<&[u8]>| part?.try_into().ok().map(u32::from_le_bytes);
        let address = word(vector.get(..4)).ok_or(FAULT)?;
        let size = word(vector.get(4..)).ok_or(FAULT)?;
        text.extend_from_slice(slice(memory, address, size).map_err(|_| FAULT)?);
    }
    if !text.is_empty() {
        state.write_log(level, text.strip_suffix(b"\n").unwrap_or(&text));
    }
    let written = length(text.len()).map_err(|_| FAULT)?;
    write_word(guest, written_at, written).map_err(|_| FAULT)
}

/// Only stdout and stderr are there, and can be written.
fn fd_fdstat_get(guest: &mut Guest<'_>, fd: u32, stat_at: u32) -> Errno {
    if fd != 1 && fd != 2 {
        return Err(BADF);
    }
    let mut stat = [0; 24];
    // fs_rights_base = __WASI_RIGHTS_FD_WRITE
    if let Some(rights) = stat.get_mut(8) {
        *rights = 64;
    }
    write(guest, stat_at, &stat).map_err(|_| FAULT)
}

fn environ_get(guest: &mut Guest<'_>, pointers: u32, text: u32) -> Errno {
    let environment = guest.data().plugin.environment.clone();
    let (mut pointer_at, mut text_at) = (pointers, text);
    for (name, value) in environment {
        let entry = format!("{name}={value}\0");
        write_word(guest, pointer_at, text_at).map_err(|_| FAULT)?;
        write(guest, text_at, entry.as_bytes()).map_err(|_| FAULT)?;
        pointer_at = pointer_at.wrapping_add(4);
        text_at = text_at.wrapping_add(length(entry.len()).map_err(|_| FAULT)?);
    }
    Ok(())
}

fn environ_sizes_get(guest: &mut Guest<'_>, count_at: u32, size_at: u32) -> Errno {
    let environment = &guest.data().plugin.environment;
    let count = length(environment.len()).map_err(|_| FAULT)?;
    let size = environment.iter().map(|(n, v)| n.len() + v.len() + 2).sum();
    let size = length(size).map_err(|_| FAULT)?;
    write_word(guest, count_at, count).map_err(|_| FAULT)?;
    write_word(guest, size_at, size).map_err(|_| FAULT)
}

fn args_sizes_get(guest: &mut Guest<'_>, count_at: u32, size_at: u32) -> Errno {
    write_word(guest, count_at, 0).map_err(|_| FAULT)?;
    write_word(guest, size_at, 0).map_err(|_| FAULT)
}

/// Real time (0) and monotonic time (1), both the host's.
fn clock_time_get(guest: &mut Guest<'_>, clock: u32, time_at: u32) -> Errno {
    if clock > 1 {
        return Err(NOTSUP);
    }
    let now = guest.data().process.clock().nanoseconds();
    write(guest, time_at, &now.to_le_bytes()).map_err(|_| FAULT)
}

fn random_get(guest: &mut Guest<'_>, address: u32, size: u32) -> Errno {
    if size > RANDOM_MAX {
        return Err(INVAL);
    }
    let mut bytes = vec![0; usize::try_from(size).unwrap_or_default()];
    guest.data_mut().random.fill(&mut bytes);
    write(guest, address, &bytes).map_err(|_| FAULT)
}
