//! Every config that the README and docs/ show can be built.
#![forbid(unsafe_code)]

use std::fs;
use std::path::Path;

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};
use reweight::LossConfig;

/// The configs on a page: whole ones in code blocks, and lists of weighters in code spans.
fn configs(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut block: Option<String> = None;
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::CodeBlock(kind)) => {
                let may_be_config = match &kind {
                    CodeBlockKind::Indented => true,
                    CodeBlockKind::Fenced(language) => &**language == "toml",
                };
                block = may_be_config.then(String::new);
            }
            Event::Text(text) => {
                if let Some(block) = &mut block {
                    block.push_str(&text);
                }
            }
            Event::End(TagEnd::CodeBlock) => {
                found.extend(block.take().filter(|block| block.starts_with("objective = ")));
            }
            Event::Code(span) if span.starts_with("weighter = ") => {
                found.push(format!("objective = \"softmax-ce\"\n{span}"));
            }
            _ => {}
        }
    }
    found
}

/// Builds a page's configs, and says how many there were.
fn build_all(page: &str) -> usize {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(page);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let configs = configs(&text);
    for config in &configs {
        let built = LossConfig::from_toml(config).and_then(|config| config.build());
        assert!(built.is_ok(), "{page}: {:?}\n{config}", built.err());
    }
    configs.len()
}

#[test]
fn the_readmes_rules_can_be_built() {
    assert_eq!(build_all("README.md"), 8, "rules in the table");
}

#[test]
fn the_porting_guides_configs_can_be_built() {
    assert!(build_all("docs/porting.md") >= 6, "fewer configs than published losses");
}
