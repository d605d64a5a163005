//! What the program says of itself: its modules, its version, its commands.

use super::*;

#[test]
fn the_modules_are_listed_and_written() {
    let folder = tempfile::tempdir().unwrap();
    let listed = json(&gwf(folder.path(), &["modules", "-o", "json"]));
    assert_documented("modules", &listed);
    let written = gwf(folder.path(), &["modules", "--output-dir", "out/modules"]);
    assert_eq!(written.status.code(), Some(0));
    let modules = listed["modules"].as_array().unwrap();
    let names: Vec<_> = modules
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["canary", "gateway", "rate-limit", "route-match"]);
    for module in modules {
        let file = format!("out/modules/{}.wasm", module["name"].as_str().unwrap());
        let bytes = fs::read(folder.path().join(file)).unwrap();
        assert_eq!(bytes.len() as u64, module["size"].as_u64().unwrap());
        assert!(bytes.starts_with(b"\0asm"));
        let digest = ring::digest::digest(&ring::digest::SHA256, &bytes);
        let hex: String = digest
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(module["sha256"], hex.as_str());
        assert!(text(&written.stdout).contains(&hex));
    }
}

#[test]
fn the_version_names_modules_and_releases() {
    let folder = tempfile::tempdir().unwrap();
    let document = json(&gwf(folder.path(), &["version", "-o", "json"]));
    assert_documented("version", &document);
    assert_eq!(document["gwf"], env!("CARGO_PKG_VERSION"));
    let printed = text(&gwf(folder.path(), &["version"]).stdout);
    for part in [
        format!("Envoy {}", document["envoy"].as_str().unwrap()),
        format!(
            "Envoy Gateway {}",
            document["envoyGateway"].as_str().unwrap()
        ),
        document["modules"][0]["sha256"]
            .as_str()
            .unwrap()
            .to_owned(),
    ] {
        assert!(printed.contains(&part), "{part} is not in {printed}");
    }
}

#[test]
fn every_command_has_help_with_examples_and_a_completion() {
    let folder = tempfile::tempdir().unwrap();
    let help = text(&gwf(folder.path(), &["--help"]).stdout);
    assert!(help.starts_with("gwf runs Gateway API manifests"), "{help}");
    let commands = [
        "serve",
        "explain",
        "replay",
        "bundle",
        "migrate",
        "modules",
        "run-test",
        "schema",
        "completion",
        "version",
    ];
    let completion = text(&gwf(folder.path(), &["completion", "bash"]).stdout);
    for command in commands {
        assert!(
            help.contains(&format!("\n  {command} ")),
            "{command}: {help}"
        );
        let own = text(&gwf(folder.path(), &[command, "--help"]).stdout);
        assert!(own.contains("Example"), "{command}: {own}");
        assert!(completion.contains(&format!("gwf,{command}")), "{command}");
    }
}
