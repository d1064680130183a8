//! Every config that the README and docs/ show can be built, and the README's tables hold every built-in kind.
#![forbid(unsafe_code)]

use std::fs;
use std::path::Path;

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};
use reweight::{
    AdjustmentVisitor, BaseVisitor, BuiltIn, LossConfig, WeighterVisitor, each_adjustment, each_base, each_weighter,
};

/// The configs on a page: whole ones in code blocks, and their parts in code spans.
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
            Event::Code(span)
                if ["weighter = ", "adjustment = [{ kind = \"", "base = { kind = \""]
                    .iter()
                    .any(|key| span.starts_with(key)) =>
            {
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
    assert_eq!(build_all("README.md"), 17, "rules in the table, and a loss of four parts");
}

/// The README's rows of built-in kinds.
struct Rows {
    text: String,
}

impl Rows {
    fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
        Self { text: fs::read_to_string(path).expect("a page of this repository").replace("\\|", "|") }
    }

    fn find<T: BuiltIn>(&self) {
        // Its rows are more, one a way of giving the weights; cross entropy's settings are words.
        let row = match T::KIND {
            "alpha-balance" => format!("| `{}` | ", T::KIND),
            "cross-entropy" => format!("| `{}` | {} | ", T::KIND, T::FORMULA),
            _ => format!("| `{}` | {} | {} |", T::KIND, T::FORMULA, T::SETTINGS).replace("\\|", "|"),
        };
        assert!(self.text.contains(&row), "the README has no row {row}");
    }
}

impl WeighterVisitor for Rows {
    fn visit<T: BuiltIn>(&mut self) {
        self.find::<T>();
    }
}

impl BaseVisitor for Rows {
    fn visit<T: BuiltIn>(&mut self) {
        self.find::<T>();
    }
}

impl AdjustmentVisitor for Rows {
    fn visit<T: BuiltIn>(&mut self) {
        self.find::<T>();
    }
}

#[test]
fn the_readmes_tables_hold_every_kind() {
    let mut rows = Rows::read();
    each_weighter(&mut rows);
    each_base(&mut rows);
    each_adjustment(&mut rows);
}

#[test]
fn the_porting_guides_configs_can_be_built() {
    assert!(build_all("docs/porting.md") >= 13, "fewer configs than published losses");
}
