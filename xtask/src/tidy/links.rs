//! Links in the README, the changelog and docs/ lead to what is there.

use std::collections::BTreeSet;

use pulldown_cmark::{BrokenLink, Event, LinkType, Options, Parser, Tag, TagEnd};

use super::Finding;
use super::tree::Tree;

pub(super) fn check(tree: &Tree) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for (path, text) in tree.with_ending(".md") {
        for (line, link) in links(text) {
            if let Some(text) = broken(tree, path, &link) {
                findings.push(Finding::new(format!("{path}:{line}"), format!("`{link}` {text}")));
            }
        }
    }
    Ok(findings)
}

fn parser<'a>(text: &'a str, broken: &'a mut Vec<(usize, String)>) -> Parser<'a, impl FnMut(BrokenLink<'a>) -> Option<(pulldown_cmark::CowStr<'a>, pulldown_cmark::CowStr<'a>)>> {
    let report = |link: BrokenLink<'a>| {
        // `[x]` alone is text; `[x][y]` without a definition of `y` is a mistake.
        if link.link_type != LinkType::Shortcut {
            broken.push((link.span.start, format!("[{}]", link.reference)));
        }
        None
    };
    Parser::new_with_broken_link_callback(text, Options::ENABLE_TABLES, Some(report))
}

/// Destinations of a page's links, each with its line.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut undefined = Vec::new();
    let mut found: Vec<(usize, String)> = parser(text, &mut undefined)
        .into_offset_iter()
        .filter_map(|(event, range)| match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                Some((range.start, dest_url.into_string()))
            }
            _ => None,
        })
        .collect();
    found.extend(undefined);
    let line = |offset: usize| text[..offset].matches('\n').count() + 1;
    found.into_iter().map(|(offset, link)| (line(offset), link)).collect()
}

/// What is wrong with a link on the page at `path`.
fn broken(tree: &Tree, path: &str, link: &str) -> Option<&'static str> {
    if link.starts_with('[') {
        return Some("is defined nowhere on the page");
    }
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (file, fragment) = link.split_once('#').map_or((link, None), |(file, fragment)| (file, Some(fragment)));
    let target = if file.is_empty() { Some(path.to_owned()) } else { resolve(path, file) };
    let Some(target) = target.filter(|target| tree.holds(target)) else {
        return Some("leads to nothing in this repository");
    };
    let heading = fragment?;
    let known = tree.text(&target).map(headings).unwrap_or_default();
    (!known.contains(heading)).then_some("names no heading of that page")
}

/// A link's file, from the top folder; nothing where it leads out of that.
fn resolve(path: &str, link: &str) -> Option<String> {
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// The anchors of a page's headings, as code forges form them: lower case, hyphens for spaces, nothing else but letters,
/// digits and underscores.
fn headings(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    let mut heading: Option<String> = None;
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => anchors.extend(heading.take()),
            Event::Text(text) | Event::Code(text) => {
                if let Some(anchor) = &mut heading {
                    let kept = text.chars().filter(|&c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
                    anchor.extend(kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }));
                }
            }
            _ => {}
        }
    }
    anchors
}

#[cfg(test)]
mod tests {
    use super::super::tree::places;
    use super::*;

    #[test]
    fn links_to_nothing_are_found() -> anyhow::Result<()> {
        let readme = "# Title, *here* and `there`\n[a](docs/a.md) [b](docs/a.md#the-end) [self](#title-here-and-there)\n\
                      [far](https://example.com/x) [folder](docs)\n```text\n[code](nowhere.md)\n```\n[x] [1, 2]\n";
        let page = "## The end\n[up](../README.md)\n[gone](gone.md)\n[out](../../x.md)\n[head](#the-start)\n[r][undefined]\n";
        let files = [("README.md", readme), ("docs/a.md", page)];
        let expected = ["docs/a.md:3", "docs/a.md:4", "docs/a.md:5", "docs/a.md:6"];
        assert_eq!(places(check, &files)?, expected);
        Ok(())
    }
}
