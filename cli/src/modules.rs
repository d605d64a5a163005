//! The filters' modules: those that `gwf` carries, and `gwf modules`, which writes them to files.

use std::fs;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use gateway_filter_modules::{FILTERS, GATEWAY};
use gateway_harness::proxy::Modules;
use gateway_harness::wasm_host::WasmCode;
use miette::{Result, miette};
use schemars::JsonSchema;
use serde::Serialize;
use thiserror::Error;

use crate::ErrorForm;
use crate::output::{self, Format, Remarks};

const EXAMPLES: &str = "\
Examples:
  gwf modules
  gwf modules --output-dir dist/
  gwf modules -o json

With --output-dir the modules are written as NAME.wasm, for an OCI image or a web server.

Exit status: 0 done; 2 wrong usage, or a folder that cannot be written.";

/// List the filters' modules that gwf carries, or write them to files.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ModulesCommand {
    /// Folder to write the modules to.
    #[arg(long, value_name = "DIR")]
    output_dir: Option<PathBuf>,
    /// How to print the list.
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t = Format::Text)]
    output: Format,
}

/// A module that gwf carries.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ModuleEntry {
    /// The filter's name.
    name: &'static str,
    /// The size of the file in bytes.
    size: usize,
    /// SHA-256 of the file in hexadecimal digits.
    sha256: &'static str,
}

/// The filters' modules, as `gwf version` and `gwf modules` list them.
pub(crate) fn module_entries() -> Vec<ModuleEntry> {
    let entries = FILTERS.iter().map(|module| ModuleEntry {
        name: module.name,
        size: module.bytes.len(),
        sha256: module.sha256,
    });
    entries.collect()
}

impl ModuleEntry {
    /// A line of the list.
    pub(crate) fn line(&self) -> String {
        format!(
            "{:<12} {:>9} bytes  sha256:{}",
            self.name, self.size, self.sha256
        )
    }
}

/// What `gwf modules -o json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ModulesDocument {
    /// The filters' modules that gwf carries.
    modules: Vec<ModuleEntry>,
}

impl ModulesCommand {
    pub(super) fn error_form(&self) -> ErrorForm {
        match self.output {
            Format::Text => ErrorForm::None,
            Format::Json => ErrorForm::Json,
        }
    }

    pub(super) fn run(&self, remarks: Remarks) -> Result<bool> {
        if let Some(folder) = &self.output_dir {
            for module in FILTERS {
                let file = folder.join(module.name).with_extension("wasm");
                fs::create_dir_all(folder)
                    .and_then(|()| fs::write(&file, module.bytes))
                    .map_err(|error| miette!("{}: cannot be written: {error}", file.display()))?;
            }
        }
        let modules = module_entries();
        if self.output == Format::Json {
            output::print_json(&ModulesDocument { modules })?;
            return Ok(true);
        }
        if remarks.quiet && self.output_dir.is_some() {
            return Ok(true);
        }
        output::print(|out| {
            let mut modules = modules.iter();
            modules.try_for_each(|entry| writeln!(out, "{}", entry.line()))
        })?;
        Ok(true)
    }
}

/// `--module`, for every command that runs a bundle.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ModuleSources {
    /// Run this file in place of the filter's own module; NAME is gateway.
    #[arg(long = "module", value_name = "NAME=FILE")]
    file: Option<ModuleFile>,
}

/// A `--module`.
#[derive(Debug, Clone)]
struct ModuleFile(PathBuf);

impl FromStr for ModuleFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, path) = text.split_once('=').ok_or("expected NAME=FILE")?;
        if name != GATEWAY.name {
            return Err(format!(
                "a bundle loads no filter named `{name}`; its filter is {}",
                GATEWAY.name
            ));
        }
        Ok(Self(path.into()))
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
    /// The module's file, if it is not what `gwf` carries.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        self.file.iter().map(|file| file.0.clone()).collect()
    }

    /// Reads the module.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn read(&self) -> Result<Modules, UnreadableModule> {
        let gateway = match &self.file {
            None => WasmCode::from_static(GATEWAY.name, GATEWAY.bytes),
            Some(ModuleFile(path)) => WasmCode::read(path).map_err(|source| UnreadableModule {
                path: path.clone(),
                source,
            })?,
        };
        Ok(Modules { gateway })
    }
}
