//! Every manifest of the repository: YAML files, and the examples of the documentation.

use std::fs;
use std::path::{Path, PathBuf};

use gateway_bundle::{KustomizeOptions, Manifests, bundle, kustomize, load_with};

use crate::excerpt;

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// What is not the repository's, besides folders whose names begin with a dot.
const OTHERS: [&str; 2] = ["node_modules", "target"];

/// Manifests that refer to one another.
#[derive(Clone)]
pub(crate) struct Source {
    /// A folder, or a place in a page.
    pub(crate) name: String,
    /// Name and text of each file.
    pub(crate) files: Vec<(String, String)>,
}

impl Source {
    /// As this project reads them.
    pub(crate) fn load(&self) -> Manifests {
        let files = self.files.iter();
        let texts: Vec<_> = files
            .map(|(name, text)| (name.as_str(), text.clone()))
            .collect();
        load_with(&[], &texts).unwrap_or_else(|errors| panic!("{}: {errors:?}", self.name))
    }

    /// The documents, each with the file and line where it begins, parted as Kubernetes parts them.
    pub(crate) fn documents(&self) -> Vec<(String, &str)> {
        let files = self.files.iter();
        files.flat_map(|(name, text)| parted(name, text)).collect()
    }

    /// What `gwf bundle` writes for it; absent where it has no Gateway.
    pub(crate) fn bundled(&self) -> Option<Source> {
        let manifests = self.load();
        let bundle = bundle(&manifests);
        let written = kustomize(&manifests, &bundle, &KustomizeOptions::default());
        let mut files = written.files();
        files.remove("kustomization.yaml");
        let files: Vec<_> = files.into_iter().collect();
        (!bundle.gateways.is_empty()).then(|| Source {
            name: format!("the bundle of {}", self.name),
            files,
        })
    }
}

fn parted<'t>(name: &str, text: &'t str) -> Vec<(String, &'t str)> {
    let mut documents = Vec::new();
    let (mut start, mut begins, mut offset) = (0, None, 0);
    let lines = text.split_inclusive('\n').chain(["---"]);
    for (number, line) in (1..).zip(lines) {
        if line.starts_with("---") {
            if let Some(begins) = begins.take() {
                let document = text.get(start..offset).unwrap_or_default();
                documents.push((format!("{name}:{begins}"), document));
            }
            start = (offset + line.len()).min(text.len());
        } else if !line.trim().is_empty() && !line.starts_with('#') {
            begins.get_or_insert(number);
        }
        offset += line.len();
    }
    documents
}

/// Everything there is.
pub(crate) fn all() -> Vec<Source> {
    let mut sources = folders();
    sources.extend(examples());
    sources
}

/// The manifests of each folder.
fn folders() -> Vec<Source> {
    let root = fs::canonicalize(REPOSITORY).unwrap();
    let mut sources = Vec::new();
    walk(&root, &root, &mut sources);
    sources
}

fn walk(root: &Path, folder: &Path, sources: &mut Vec<Source>) {
    let relative = |path: &Path| path.strip_prefix(root).unwrap().display().to_string();
    let mut files = Vec::new();
    for path in entries(folder) {
        let name = path.file_name().unwrap().to_string_lossy();
        if path.is_dir() && !name.starts_with('.') && !OTHERS.contains(&&*name) {
            walk(root, &path, sources);
        } else if name.ends_with(".yaml") || name.ends_with(".yml") {
            let text = fs::read_to_string(&path).unwrap();
            // Neither a scenario's cases nor a configuration of Envoy.
            if text.lines().any(|line| line.starts_with("apiVersion:")) {
                files.push((relative(&path), text));
            }
        }
    }
    if !files.is_empty() {
        sources.push(completed(Source {
            name: relative(folder),
            files,
        }));
    }
}

/// An excerpt, which shows no Gateway, with what it refers to.
fn completed(mut source: Source) -> Source {
    let manifests = source.load();
    let missing = excerpt::missing(&manifests);
    let is_whole = manifests.documents().any(|one| one.kind() == "Gateway");
    if !is_whole && !missing.is_empty() {
        let name = format!("what {} refers to", source.name);
        source.files.push((name, missing));
    }
    source
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// The examples of the documentation that are manifests, with what else there has to be.
fn examples() -> Vec<Source> {
    let root = fs::canonicalize(REPOSITORY).unwrap();
    let mut pages = entries(&root.join("docs"));
    pages.push(root.join("README.md"));
    pages.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    let mut sources = Vec::new();
    for page in pages {
        let file = page.strip_prefix(&root).unwrap().display().to_string();
        let mut blocks = blocks(&fs::read_to_string(&page).unwrap());
        blocks.retain(|text| text.lines().any(|line| line.starts_with("apiVersion:")));
        for (number, text) in (1..).zip(blocks) {
            sources.push(completed(Source {
                name: format!("{file}, example {number}"),
                files: vec![(file.clone(), text)],
            }));
        }
    }
    sources
}

/// The YAML blocks of a page, each behind as many empty lines as the page has lines before it.
fn blocks(page: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut open: Option<String> = None;
    for (number, line) in (1..).zip(page.lines()) {
        match &mut open {
            None if line == "```yaml" => open = Some("\n".repeat(number)),
            Some(_) if line == "```" => blocks.extend(open.take()),
            Some(block) => {
                block.push_str(line);
                block.push('\n');
            }
            None => {}
        }
    }
    blocks
}
