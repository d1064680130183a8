//! Walking a file's tokens: comments are none, and doc comments are attributes.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// Calls `visit` with every sequence of tokens of `tokens`: its own, and those within each bracket.
pub(super) fn each_sequence(tokens: TokenStream, visit: &mut impl FnMut(&[TokenTree])) {
    let sequence: Vec<TokenTree> = tokens.into_iter().collect();
    visit(&sequence);
    for token in sequence {
        if let TokenTree::Group(group) = token {
            each_sequence(group.stream(), visit);
        }
    }
}

/// The attribute `#[…]` or `#![…]` that begins here: its brackets, and how many tokens it takes.
pub(super) fn attribute(tokens: &[TokenTree]) -> Option<(&Group, usize)> {
    let brackets = |token: &TokenTree| matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket);
    match tokens {
        [TokenTree::Punct(hash), TokenTree::Group(group), ..] if hash.as_char() == '#' && brackets(&tokens[1]) => {
            Some((group, 2))
        }
        [TokenTree::Punct(hash), TokenTree::Punct(bang), TokenTree::Group(group), ..]
            if hash.as_char() == '#' && bang.as_char() == '!' && brackets(&tokens[2]) =>
        {
            Some((group, 3))
        }
        _ => None,
    }
}

/// A relaxation of lints.
#[derive(Debug)]
pub(super) struct Relaxation {
    pub(super) line: usize,
    /// The lints, as written.
    pub(super) lints: Vec<String>,
    pub(super) has_reason: bool,
}

/// `allow(…)` and `expect(…)` in attributes, those inside `cfg_attr` too.
pub(super) fn relaxations(tokens: TokenStream) -> Vec<Relaxation> {
    let mut found = Vec::new();
    each_sequence(tokens, &mut |sequence| {
        for at in 0..sequence.len() {
            if let Some((group, _)) = attribute(&sequence[at..]) {
                each_sequence(group.stream(), &mut |inside| found.extend(inside.windows(2).filter_map(relaxation)));
            }
        }
    });
    found
}

fn relaxation(pair: &[TokenTree]) -> Option<Relaxation> {
    let [TokenTree::Ident(name), TokenTree::Group(group)] = pair else { return None };
    if *name != "allow" && *name != "expect" {
        return None;
    }
    let arguments = group.stream().to_string();
    let arguments: Vec<String> = arguments.split(',').map(|argument| argument.replace(' ', "")).collect();
    Some(Relaxation {
        line: name.span().start().line,
        has_reason: arguments.iter().any(|argument| argument.starts_with("reason=")),
        lints: arguments,
    })
}

/// The tokens without the items under `#[cfg(test)]`.
pub(super) fn without_tests(tokens: TokenStream) -> TokenStream {
    let sequence: Vec<TokenTree> = tokens.into_iter().collect();
    let mut kept = Vec::new();
    let mut at = 0;
    while at < sequence.len() {
        match attribute(&sequence[at..]) {
            Some((group, length)) if group.stream().to_string().replace(' ', "") == "cfg(test)" => {
                // The item ends with its braces, or with a semicolon before there are any.
                let ends = |token: &TokenTree| match token {
                    TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
                    TokenTree::Punct(punct) => punct.as_char() == ';',
                    _ => false,
                };
                let rest = &sequence[at + length..];
                at += length + rest.iter().position(ends).map_or(rest.len(), |end| end + 1);
            }
            _ => {
                kept.push(match &sequence[at] {
                    TokenTree::Group(group) => {
                        let mut inner = Group::new(group.delimiter(), without_tests(group.stream()));
                        inner.set_span(group.span());
                        inner.into()
                    }
                    token => token.clone(),
                });
                at += 1;
            }
        }
    }
    kept.into_iter().collect()
}
