//! Which scenarios a path holds, and where their manifests are.

use super::*;

#[test]
fn manifests_may_be_the_files_of_another_folder() {
    let dir = folder(
        &one_case("").replace("cases:", "manifestFolder: ../shop\ncases:"),
        "",
    );
    let service = |name: &str| {
        format!(
            "kind: Service\nmetadata: {{namespace: n, name: {name}}}\nspec: {{selector: {{app: of-{name}}}}}\n"
        )
    };
    let parent = dir.path().join("scenario");
    let shop = dir.path().join("shop");
    for path in [&parent, &shop] {
        fs::create_dir(path).unwrap();
    }
    fs::rename(dir.path().join("cases.yaml"), parent.join("cases.yaml")).unwrap();
    for name in ["b", "a"] {
        fs::write(shop.join(format!("{name}.yaml")), service(name)).unwrap();
    }
    fs::write(shop.join("README.md"), "not a manifest").unwrap();
    let scenario = load(&parent).unwrap().remove(0);
    let names = scenario
        .manifests
        .iter()
        .map(|path| path.file_name().unwrap());
    assert_eq!(names.collect::<Vec<_>>(), ["a.yaml", "b.yaml"]);
    assert_eq!(scenario.backends.behind("n", "b"), "of-b");
}

#[test]
fn a_folder_of_folders_is_read_in_order() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["b", "a/deep", "a/too/deep"] {
        let scenario = dir.path().join(name);
        fs::create_dir_all(&scenario).unwrap();
        fs::write(
            scenario.join("cases.yaml"),
            one_case("").replace("name: t", &format!("name: {name}")),
        )
        .unwrap();
        fs::write(scenario.join("manifests.yaml"), MANIFESTS).unwrap();
    }
    let names: Vec<_> = load(dir.path())
        .unwrap()
        .into_iter()
        .map(|scenario| scenario.name)
        .collect();
    assert_eq!(names, ["a/deep", "b"]);

    let empty = dir.path().join("empty");
    fs::create_dir(&empty).unwrap();
    assert!(matches!(load(&empty), Err(LoadError::NoScenario(_))));
    let missing = PathBuf::from("/does/not/exist");
    assert!(matches!(load(&missing), Err(LoadError::Read { .. })));
}

#[test]
fn cases_are_chosen_by_name_but_steps_stay_together() {
    let two = "- name: one\n  request: {path: /}\n  response: {statusCodes: [200]}\n\
               - name: two\n  request: {path: /}\n  response: {statusCodes: [200]}\n";
    let count = |yaml: &str, text: &str| {
        let mut scenarios = vec![loaded(yaml)];
        retain_named(&mut scenarios, text);
        scenarios
            .iter()
            .map(|scenario| scenario.cases.len())
            .sum::<usize>()
    };
    let ordered = steps(two);
    let independent = ordered.replace("steps:", "cases:");
    assert_eq!(count(&independent, "t/two"), 1);
    assert_eq!(count(&ordered, "t/two"), 2);
    assert_eq!(count(&ordered, "three"), 0);
}
