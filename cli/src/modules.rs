//! The filters' modules: those that `gwf` carries, and `gwf modules`, which writes them to files.

use std::fs;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use gateway_filter_modules::{CANARY, FILTERS, Module, RATE_LIMIT, ROUTE_MATCH};
use gateway_harness::proxy::Modules;
use gateway_harness::wasm_host::WasmCode;
use miette::{IntoDiagnostic, Result, WrapErr};
use thiserror::Error;

const EXAMPLES: &str = "\
Examples:
  gwf modules
  gwf modules --output-dir dist/

Without --output-dir the modules are listed: name, size in bytes, SHA-256. With it they are written there
as NAME.wasm, for an OCI image or a web server.

Exit status: 0 done; 2 wrong usage, or a folder that cannot be written.";

/// List the filters' modules that gwf carries, or write them to files.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ModulesCommand {
    /// Folder to write the modules to.
    #[arg(long, value_name = "DIR")]
    output_dir: Option<PathBuf>,
}

impl ModulesCommand {
    pub(super) fn run(&self) -> Result<bool> {
        for module in FILTERS {
            if let Some(folder) = &self.output_dir {
                let file = folder.join(module.name).with_extension("wasm");
                fs::create_dir_all(folder)
                    .and_then(|()| fs::write(&file, module.bytes))
                    .into_diagnostic()
                    .wrap_err_with(|| file.display().to_string())?;
            }
            anstream::println!(
                "{:<12} {:>9} {}",
                module.name,
                module.bytes.len(),
                module.sha256
            );
        }
        Ok(true)
    }
}

/// `--module`, for every command that runs the filters.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ModuleSources {
    /// Run this file in place of the filter's own module; NAME is route-match, rate-limit or canary.
    /// Repeated.
    #[arg(long = "module", value_name = "NAME=FILE")]
    files: Vec<ModuleFile>,
}

/// One `--module`.
#[derive(Debug, Clone)]
struct ModuleFile {
    filter: &'static str,
    path: PathBuf,
}

impl FromStr for ModuleFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, path) = text.split_once('=').ok_or("expected NAME=FILE")?;
        let names = || FILTERS.iter().map(|module| module.name);
        let filter = names().find(|filter| *filter == name).ok_or_else(|| {
            let names: Vec<_> = names().collect();
            format!(
                "no filter is named `{name}`; the filters are {}",
                names.join(", ")
            )
        })?;
        Ok(Self {
            filter,
            path: path.into(),
        })
    }
}

/// A module's file cannot be read.
#[derive(Debug, Error)]
#[error("{}: cannot be read: {source}", path.display())]
pub(crate) struct UnreadableModule {
    path: PathBuf,
    source: std::io::Error,
}

impl ModuleSources {
    /// The modules' files, as far as they are not those that `gwf` carries.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        self.files.iter().map(|file| file.path.clone()).collect()
    }

    /// Reads the modules.
    ///
    /// # Errors
    /// A file cannot be read.
    pub(crate) fn read(&self) -> Result<Modules, UnreadableModule> {
        let read = |own: Module| {
            // The last one counts, as with every option.
            let mut given = self.files.iter().rev();
            let Some(file) = given.find(|file| file.filter == own.name) else {
                return Ok(WasmCode::from_static(own.name, own.bytes));
            };
            WasmCode::read(&file.path).map_err(|source| UnreadableModule {
                path: file.path.clone(),
                source,
            })
        };
        Ok(Modules {
            route_match: read(ROUTE_MATCH)?,
            rate_limit: read(RATE_LIMIT)?,
            canary: read(CANARY)?,
        })
    }
}
