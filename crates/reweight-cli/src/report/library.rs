//! Plotly's script and the charts' numbers, compressed into the page, and out of it again.
//!
//! The crate `plotly` carries the script of Plotly 3, 4.6 MB, which compressed and in base64 are 1.9 MB. The browser
//! unpacks it itself, so that nothing is fetched.

use std::io::{self, Read, Write};
use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::Value;

use super::ReportError;

/// What the script begins with in the crate's page of scripts.
const BEGIN: &str = "/**\n* plotly.js v";

/// What ends it, for a browser too; behind it comes a typesetter of formulas, which reports do not use.
const END: &str = "</script>";

/// gzip, then base64.
pub(super) fn packed(bytes: &[u8]) -> io::Result<String> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(STANDARD.encode(encoder.finish()?))
}

/// Plotly's script, packed; once for all reports of a process.
pub(super) fn plotly() -> Result<&'static str, ReportError> {
    static PACKED: OnceLock<String> = OnceLock::new();
    if let Some(packed) = PACKED.get() {
        return Ok(packed);
    }
    let packed = packed(script(&plotly::Plot::offline_js_sources()).ok_or(ReportError::Library)?.as_bytes())?;
    Ok(PACKED.get_or_init(|| packed))
}

/// Plotly's script out of the elements that the crate gives.
fn script(sources: &str) -> Option<&str> {
    let from = sources.find(BEGIN)?;
    let length = sources[from..].find(END)?;
    Some(&sources[from..from + length])
}

/// The charts of a page that [`Page::to_html`](super::Page::to_html) made, as the browser gets them: a list of objects with
/// `id` and `plot`, the latter as Plotly takes it. None where the page has none.
#[must_use]
pub fn read_charts(html: &str) -> Option<Value> {
    let (_, rest) = html.split_once("id=\"charts\">")?;
    let (text, _) = rest.split_once("</script>")?;
    let bytes = STANDARD.decode(text).ok()?;
    let mut json = Vec::new();
    GzDecoder::new(&bytes[..]).read_to_end(&mut json).ok()?;
    serde_json::from_slice(&json).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_is_whole() {
        let sources = plotly::Plot::offline_js_sources();
        let script = script(&sources).unwrap();
        let ending: String = script.trim_end().chars().rev().take(40).collect();
        assert!(ending.starts_with([';', ')']), "{ending}");
        assert!((4_000_000..6_000_000).contains(&script.len()), "{}", script.len());
        // Leaves a third of a report's 3 MB to its figures.
        assert!(plotly().unwrap().len() < 2_000_000);
    }
}
