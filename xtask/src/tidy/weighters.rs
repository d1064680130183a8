//! No backend names a particular weighter: what works for one must work for all, a third party's too.

use proc_macro2::TokenTree;

use super::Finding;
use super::tokens::{each_sequence, without_tests};
use super::tree::Tree;

/// Crates that compute losses for weighters that they do not know.
const BACKENDS: [&str; 3] = ["crates/reweight-codegen/src/", "crates/reweight-dfdx/src/", "crates/reweight-ndarray/src/"];

/// Names that only a particular weighter has: of types, and of kinds in a config.
const NAMES: [&str; 9] =
    ["AlphaBalance", "AlphaBalanceConfig", "CountScheme", "Focal", "FocalConfig", "Ghm", "GhmConfig", "GhmPreset", "GhmUnit"];
const KINDS: [&str; 3] = ["\"alpha-balance\"", "\"focal\"", "\"ghm\""];

pub(super) fn check(tree: &Tree) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for source in tree.sources() {
        let in_backend = BACKENDS.iter().any(|folder| source.path.starts_with(folder));
        if !in_backend || source.path.ends_with("/tests.rs") || source.path.contains("/tests/") {
            continue;
        }
        each_sequence(without_tests(source.tokens()?), &mut |sequence| {
            for token in sequence {
                let named = match token {
                    TokenTree::Ident(name) => NAMES.iter().any(|weighter| name == weighter),
                    TokenTree::Literal(literal) => KINDS.contains(&literal.to_string().as_str()),
                    _ => false,
                };
                if named {
                    let text = format!("a backend must not name a weighter, here {token}");
                    findings.push(Finding::new(source.at(token.span().start().line), text));
                }
            }
        });
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::super::tree::places;
    use super::*;

    #[test]
    fn tests_and_docs_may_name_weighters() -> anyhow::Result<()> {
        let code = "//! Focal here\n/// and \"ghm\" there, Focal\nfn f() {}\n\
                    #[cfg(test)]\nuse reweight::Focal;\n\
                    #[cfg(test)]\nmod tests { use reweight::Ghm; }\n\
                    fn g() { let x = [reweight::Ghm::new]; }\nfn h(kind: &str) -> bool { kind == \"focal\" }\n";
        let files = [
            ("crates/reweight-ndarray/src/lib.rs", code),
            ("crates/reweight-ndarray/src/part/tests.rs", code),
            ("crates/reweight-ndarray/tests/laws.rs", code),
            ("crates/reweight-cli/src/lib.rs", code),
        ];
        assert_eq!(places(check, &files)?, ["crates/reweight-ndarray/src/lib.rs:8", "crates/reweight-ndarray/src/lib.rs:9"]);
        Ok(())
    }
}
