//! docs/architecture.md states each rule in one line, and no others.

use super::tree::Tree;
use super::{Finding, RULES};

const PAGE: &str = "docs/architecture.md";
const MARK: &str = "**Architecture Invariant** (`";

pub(super) fn check(tree: &Tree) -> anyhow::Result<Vec<Finding>> {
    let text = tree.text(PAGE).unwrap_or_default();
    let stated: Vec<&str> = text
        .lines()
        .filter_map(|line| line.trim_start_matches("- ").strip_prefix(MARK)?.split_once("`):"))
        .map(|(name, _)| name)
        .collect();
    let mut findings = Vec::new();
    for rule in RULES {
        let times = stated.iter().filter(|name| **name == rule.name).count();
        if times != 1 {
            findings.push(Finding::new(PAGE, format!("state `{}` once, not {times} times: {MARK}{}`): …", rule.name, rule.name)));
        }
    }
    for name in stated.iter().filter(|name| !RULES.iter().any(|rule| rule.name == **name)) {
        findings.push(Finding::new(PAGE, format!("`{name}` is stated, but nothing enforces it")));
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::super::tree::places;
    use super::*;

    #[test]
    fn every_rule_is_stated_once_and_nothing_else() -> anyhow::Result<()> {
        let all: String = RULES.iter().map(|rule| format!("- {MARK}{}`): why\n", rule.name)).collect();
        assert_eq!(places(check, &[(PAGE, &all)])?, [""; 0]);
        let one_less = all.replace("`links`", "`looks`");
        assert_eq!(places(check, &[(PAGE, &one_less)])?.len(), 2);
        Ok(())
    }
}
