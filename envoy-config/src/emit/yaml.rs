//! Values as YAML that Kubernetes reads back unchanged.

use saphyr::{LoadableYamlNode, Scalar, ScalarStyle, Yaml, YamlEmitter};

/// Block style. JSON is YAML, so that it can be read as the emitter needs it.
pub(super) fn yaml(value: &impl serde::Serialize) -> String {
    let json = serde_json::to_string(value).unwrap_or_default();
    let documents = Yaml::load_from_str(&json).unwrap_or_default();
    let mut text = String::new();
    for document in documents {
        // Writing to a String does not fail.
        let _ = YamlEmitter::new(&mut text).dump(&quoted(document));
    }
    let text = text.trim_start_matches("---\n").trim_end();
    format!("{text}\n")
}

/// Quotes what the emitter does not: it writes YAML 1.2, and Kubernetes reads YAML 1.1.
fn quoted(node: Yaml) -> Yaml {
    match node {
        Yaml::Value(Scalar::String(text)) if is_no_text_in_yaml_1_1(&text) => {
            Yaml::Representation(text, ScalarStyle::DoubleQuoted, None)
        }
        Yaml::Sequence(items) => Yaml::Sequence(items.into_iter().map(quoted).collect()),
        Yaml::Mapping(entries) => {
            let entries = entries.into_iter();
            Yaml::Mapping(
                entries
                    .map(|(key, value)| (quoted(key), quoted(value)))
                    .collect(),
            )
        }
        other => other,
    }
}

/// Some texts, and no others of those that the emitter leaves plain, are booleans (`y`) or numbers
/// (`1_000`, `0b1`) there.
fn is_no_text_in_yaml_1_1(text: &str) -> bool {
    let digits = text.replace('_', "");
    let unsigned = digits.trim_start_matches(['+', '-']);
    matches!(text, "y" | "Y" | "n" | "N")
        || digits.parse::<f64>().is_ok()
        || ["0b", "0o", "0x"]
            .iter()
            .any(|prefix| unsigned.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_stay_texts_as_kubernetes_reads_them() {
        // Tried with egctl v1.9.0, whose parser is Kubernetes': plain, none of these is a string.
        let others = [
            "y",
            "Y",
            "n",
            "N",
            "yes",
            "on",
            "Off",
            "true",
            "~",
            "1_000",
            "0b101",
            "1_0.5",
            "+1",
            "0o17",
            "0x_1F",
            "1e3_0",
            "12e03",
            "0b_1",
            "685.230_15e+03",
            "1_",
            "017",
            "08",
            "+0b1",
            "1_e3",
            "1.e3",
        ];
        for text in others {
            assert_eq!(yaml(&[text]), format!("- \"{text}\"\n"));
            let map = std::collections::BTreeMap::from([(text, 1)]);
            assert_eq!(yaml(&map), format!("\"{text}\": 1\n"));
        }
        for text in ["2s", "1.2.3", "web", "inf0", "_a", "1Mi"] {
            assert_eq!(yaml(&[text]), format!("- {text}\n"));
        }
    }
}
