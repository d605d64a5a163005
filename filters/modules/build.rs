//! Builds every filter, example and test guest as a Wasm module, once for all crates that need one, so
//! that what runs is what is in the tree and a module that does not compile fails the build.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use ring::digest::{SHA256, digest};

const TARGET: &str = "wasm32-wasip1";
const PROFILE: &str = "wasm";
/// Where packages that become modules lie; each folder is named as its package. What `gwf` carries
/// comes from the first.
const FOLDERS: [&str; 3] = ["filters", "examples", "tests/guests"];
/// This crate, which lies among the filters and is none.
const OWN_FOLDER: &str = "modules";

fn main() -> Result<(), Box<dyn Error>> {
    let workspace = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?)
        .join("../..")
        .canonicalize()?;
    for watched in FOLDERS.iter().chain(&["sdk", "Cargo.toml", "Cargo.lock"]) {
        println!(
            "cargo::rerun-if-changed={}",
            workspace.join(watched).display()
        );
    }
    let [filters, examples, guests] = FOLDERS.map(|folder| packages_in(&workspace.join(folder)));
    let (filters, others) = (filters?, [examples?, guests?].concat());
    let packages = [filters.clone(), others].concat();
    install_target()?;
    let target_dir = build(&workspace, &packages)?;
    let modules = target_dir.join(TARGET).join(PROFILE);
    let mut code = String::new();
    for package in &packages {
        code.push_str(&constant(package, &modules)?);
    }
    code.push_str(&list("The filters of this project.", "FILTERS", &filters));
    code.push_str(&list(
        "The filters, the examples and the guests of tests.",
        "ALL",
        &packages,
    ));
    let generated = PathBuf::from(env::var("OUT_DIR")?).join("modules.rs");
    fs::write(generated, code)?;
    Ok(())
}

fn packages_in(folder: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let mut packages = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))? {
        let entry = entry?;
        if entry.path().join("Cargo.toml").is_file() && entry.file_name() != OWN_FOLDER {
            packages.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    packages.sort();
    Ok(packages)
}

/// rustup does not everywhere install what rust-toolchain.toml names.
fn install_target() -> Result<(), Box<dyn Error>> {
    let sysroot = Command::new(env::var("RUSTC")?)
        .args(["--print", "sysroot"])
        .output()?;
    let sysroot = String::from_utf8(sysroot.stdout)?;
    if Path::new(sysroot.trim())
        .join("lib/rustlib")
        .join(TARGET)
        .is_dir()
    {
        return Ok(());
    }
    println!("cargo::warning=the target {TARGET} is missing: running `rustup target add {TARGET}`");
    let added = Command::new("rustup")
        .args(["target", "add", TARGET])
        .output();
    match added {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!(
            "`rustup target add {TARGET}` failed; run it by hand. It says: {}",
            String::from_utf8_lossy(&output.stderr)
        ))?,
        Err(error) => Err(format!(
            "the target {TARGET} is missing and rustup cannot be run ({error}); \
             install the standard library for {TARGET} of this Rust"
        ))?,
    }
}

/// Into a target directory of its own: that of the outer cargo is locked.
fn build(workspace: &Path, packages: &[String]) -> Result<PathBuf, Box<dyn Error>> {
    let target_dir = workspace.join("target/modules");
    let mut cargo = Command::new(env::var("CARGO")?);
    cargo
        .current_dir(workspace)
        .args(["build", "--profile", PROFILE, "--target", TARGET]);
    cargo.arg("--target-dir").arg(&target_dir);
    for package in packages {
        cargo.args(["--package", package]);
    }
    // What the outer cargo or a wrapper around it set is meant for the native target.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_") && text != "CARGO_HOME"
            || text.contains("RUSTFLAGS")
            || text.contains("WRAPPER")
        {
            cargo.env_remove(&name);
        }
    }
    let output = cargo.output()?;
    if !output.status.success() {
        Err(format!(
            "the Wasm modules do not build:\n{}",
            String::from_utf8_lossy(&output.stderr)
        ))?;
    }
    Ok(target_dir)
}

/// A constant with a module.
fn constant(package: &str, modules: &Path) -> Result<String, Box<dyn Error>> {
    let file = modules.join(format!("{}.wasm", package.replace('-', "_")));
    let content = fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let mut sha256 = String::new();
    for byte in digest(&SHA256, &content).as_ref() {
        write!(sha256, "{byte:02x}")?;
    }
    let name = constant_name(package);
    Ok(format!(
        "/// The module `{package}`.\npub const {name}: Module = Module {{\n    \
         name: {package:?},\n    bytes: include_bytes!({file:?}),\n    sha256: {sha256:?},\n}};\n"
    ))
}

/// A constant with several modules.
fn list(about: &str, name: &str, packages: &[String]) -> String {
    let items: Vec<String> = packages.iter().map(|one| constant_name(one)).collect();
    format!(
        "/// {about}\npub const {name}: &[Module] = &[{}];\n",
        items.join(", ")
    )
}

fn constant_name(package: &str) -> String {
    package.replace('-', "_").to_uppercase()
}
