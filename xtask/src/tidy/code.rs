//! Rules on the code itself that must hold for what this machine does not compile, too.

use proc_macro2::TokenTree;

use super::Finding;
use super::tokens::{each_sequence, relaxations};
use super::tree::Tree;

/// Macros that stand for what is not written yet, or was forgotten.
const PLACEHOLDERS: [&str; 3] = ["dbg", "todo", "unimplemented"];

pub(super) fn no_placeholders(tree: &Tree) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for source in tree.sources() {
        each_sequence(source.tokens()?, &mut |sequence| {
            for pair in sequence.windows(2) {
                if let [TokenTree::Ident(name), TokenTree::Punct(bang)] = pair
                    && bang.as_char() == '!'
                    && PLACEHOLDERS.iter().any(|placeholder| name == placeholder)
                {
                    let place = source.at(name.span().start().line);
                    findings.push(Finding::new(place, format!("`{name}!` must not stay")));
                }
            }
        });
    }
    Ok(findings)
}

pub(super) fn reasons(tree: &Tree) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for source in tree.sources() {
        let bare = relaxations(source.tokens()?).into_iter().filter(|relaxation| !relaxation.has_reason);
        findings.extend(bare.map(|relaxation| {
            let text = format!("say why: `{}, reason = \"…\"`", relaxation.lints.join(", "));
            Finding::new(source.at(relaxation.line), text)
        }));
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::super::tree::places;
    use super::*;

    #[test]
    fn placeholders_in_comments_and_strings_are_none() -> anyhow::Result<()> {
        let code = "//! A todo!() here\n/// and dbg!(1) there\nfn f() -> &'static str {\n    \"todo!()\"\n}\n";
        let wrong = "//! x\nfn f(x: u8) {\n    if x != 0 { todo!() }\n    std::dbg!(x);\n}\n";
        assert_eq!(places(no_placeholders, &[("a.rs", code), ("b.rs", wrong)])?, ["b.rs:3", "b.rs:4"]);
        Ok(())
    }

    #[test]
    fn a_relaxation_without_a_reason_is_found_wherever_it_stands() -> anyhow::Result<()> {
        let code = "#![allow(missing_docs)]\n\
                    #[expect(unused, reason = \"a, b\")]\nfn f() {}\n\
                    #[cfg_attr(windows, allow(unused, dead_code))]\nfn g() { x.expect(\"why\"); }\n\
                    mod inner { #[allow(clippy::unwrap_used)] fn h() {} }\n";
        assert_eq!(places(reasons, &[("a.rs", code)])?, ["a.rs:1", "a.rs:4", "a.rs:6"]);
        Ok(())
    }
}
