//! `cargo xtask tidy`: the architecture's invariants, each of which docs/architecture.md states in one line.

mod arrows;
mod code;
mod invariants;
mod layout;
mod links;
mod manifests;
mod tokens;
mod tree;
mod unsafety;
mod weighters;

use anyhow::bail;
use clap::Args;

use crate::workspace;
use tree::Tree;

/// Check what the compiler does not: layout, dependencies between crates, links in the docs.
#[derive(Debug, Args)]
pub(crate) struct Tidy {}

/// One thing that breaks an invariant.
#[derive(Debug, PartialEq)]
struct Finding {
    /// The file, from the top folder, with the line where there is one.
    place: String,
    /// What is wrong and how to mend it.
    text: String,
}

impl Finding {
    fn new(place: impl Into<String>, text: impl Into<String>) -> Self {
        Self { place: place.into(), text: text.into() }
    }
}

/// An invariant: its name, as docs/architecture.md gives it, and its check.
struct Rule {
    name: &'static str,
    check: fn(&Tree) -> anyhow::Result<Vec<Finding>>,
}

const RULES: &[Rule] = &[
    Rule { name: "top-level", check: layout::top_level },
    Rule { name: "no-mod-rs", check: layout::no_mod_rs },
    Rule { name: "first-line", check: layout::first_line },
    Rule { name: "file-length", check: layout::file_length },
    Rule { name: "manifests", check: manifests::check },
    Rule { name: "arrows", check: arrows::check },
    Rule { name: "core-alone", check: arrows::core_alone },
    Rule { name: "no-named-weighter", check: weighters::check },
    Rule { name: "unsafe-code", check: unsafety::check },
    Rule { name: "reasons", check: code::reasons },
    Rule { name: "no-placeholders", check: code::no_placeholders },
    Rule { name: "links", check: links::check },
    Rule { name: "stated", check: invariants::check },
];

impl Tidy {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let tree = Tree::read(workspace::root())?;
        let mut found = 0;
        for rule in RULES {
            for finding in (rule.check)(&tree)? {
                println!("{}: {} [{}]", finding.place, finding.text, rule.name);
                found += 1;
            }
        }
        if found > 0 {
            bail!("{found} findings; docs/architecture.md says what the rules are for");
        }
        println!("{} invariants hold in {} files", RULES.len(), tree.files().len());
        Ok(())
    }
}
