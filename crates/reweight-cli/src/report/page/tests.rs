//! The page of odd texts and numbers.

use super::*;
use crate::report::{Axis, Cell, Curve, Mark, read_charts};

const EVIL: &str = "<script>alert(1)</script>\"'&%{x} 🍷, <b>,";

fn page() -> Page {
    let mut page = Page::new(EVIL).lead(EVIL);
    page.toggles(EVIL, [(EVIL.to_owned(), true), ("plain".to_owned(), false)]);
    let mut table = Table::new(EVIL, [EVIL, "b"]);
    table.row([Cell::text(EVIL), Cell::number(EVIL).note(EVIL, Mark::Worse)]);
    let bars = Chart::new("two", EVIL, EVIL).curve(Curve::bars_over("bars", vec![EVIL.to_owned()], vec![1.0]).group(0));
    let chart = Chart::new("one", EVIL, EVIL)
        .x(Axis::new(EVIL).log().range(0.1, 10.0))
        .y(Axis::new(EVIL).share())
        .curve(Curve::line(EVIL, vec![1.0, 2.0], vec![0.5, f64::NAN]).group(1))
        .curve(Curve::band("band", &[1.0, 2.0], &[3.0, 4.0], &[5.0, 6.0]))
        .table(table.clone());
    let section = page.section(EVIL);
    section
        .paragraph(EVIL)
        .verdict([EVIL.to_owned()])
        .list([EVIL.to_owned()])
        .code(EVIL)
        .table(table)
        .chart(chart)
        .chart(bars);
    page
}

#[test]
fn no_text_becomes_markup() {
    let html = page().to_html().unwrap();
    let (body, scripts) = html.split_once("id=\"charts\"").unwrap();
    assert!(!body.contains("<script>alert") && !body.contains("🍷, <b>"));
    assert!(body.contains("&#60;script&#62;alert(1)") || body.contains("&lt;script&gt;alert(1)"));
    assert!(!scripts.contains("alert(1)"), "packed");
    let charts = read_charts(&html).unwrap().to_string();
    assert!(charts.contains("&lt;script&gt;alert(1)&lt;/script&gt;") && !charts.contains("<b>,"));
}

#[test]
fn charts_come_out_as_they_were_put_in() {
    let charts = read_charts(&page().to_html().unwrap()).unwrap();
    let plot = &charts[0]["plot"];
    assert_eq!(charts[0]["id"], "one");
    assert_eq!(plot["data"][0]["y"], serde_json::json!([0.5, null]), "what is no number is a gap");
    assert_eq!(plot["data"][0]["legendgroup"], "1");
    assert_eq!(plot["data"][1]["x"], serde_json::json!([1.0, 2.0, 2.0, 1.0]));
    assert_eq!(plot["data"][1]["y"], serde_json::json!([3.0, 4.0, 6.0, 5.0]));
    let bars = &charts[1]["plot"];
    assert_eq!((&bars["data"][0]["type"], &bars["layout"]["xaxis"]["type"]), (&"bar".into(), &"category".into()));
    assert_eq!(plot["layout"]["xaxis"]["range"], serde_json::json!([-1.0, 1.0]));
    assert!(!charts.to_string().contains("http"), "nothing to fetch");
}

#[test]
fn the_same_page_is_the_same_file_and_needs_no_other() {
    let html = page().to_html().unwrap();
    assert!(html == page().to_html().unwrap());
    let (head, _) = html.split_once("id=\"charts\"").unwrap();
    for elsewhere in ["http:", "https:", "src=", "href=", "url(", "@import"] {
        assert!(!head.contains(elsewhere), "{elsewhere}");
    }
    assert!(html.len() < 2_200_000, "{}", html.len());
}

#[test]
fn an_empty_page_is_a_page() {
    let html = Page::new("nothing").to_html().unwrap();
    assert!(!html.contains("<fieldset") && html.ends_with("</html>\n"));
    assert_eq!(read_charts(&html).unwrap(), serde_json::json!([]));
}
