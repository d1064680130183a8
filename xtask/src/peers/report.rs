//! docs/benchmarks.md from a run.

use std::fmt::Write;

use super::measure::{Measured, Row, Times};
use super::own::Own;

/// The page.
pub(super) fn page(measured: &Measured) -> Result<String, std::fmt::Error> {
    let machine = &measured.machine;
    let mut page = String::from("# Benchmarks\n\n");
    writeln!(
        page,
        "Written by `cargo xtask peers`: one run, on one machine. {}, {} threads, instruction set {}; {}; commit {}; {}.",
        machine.processor, machine.threads, machine.set, machine.compiler, machine.commit, machine.day
    )?;
    if let Some(serde_json::Value::Object(versions)) = &measured.versions {
        let list: Vec<String> =
            versions.iter().map(|(name, version)| format!("{name} {}", version.as_str().unwrap_or("?"))).collect();
        writeln!(page, "Peers: {}.", list.join(", "))?;
    }
    page.push_str(HOW);
    if !measured.rows.is_empty() {
        page.push_str("\n## Against peers\n\n");
        side_by_side(&mut page, &measured.rows)?;
        for fault in measured.faults() {
            writeln!(page, "\nNot timed: {fault}.")?;
        }
    }
    if !measured.own.is_empty() {
        page.push_str("\n## Of its own\n\n");
        own(&mut page, &measured.own)?;
    }
    Ok(page)
}

const HOW: &str = "
A step is the loss and its gradient. Ours writes into a buffer that the caller keeps (`value_and_grad_into`), the peers make their gradient anew as
their libraries do; ours in a fresh array is a row below. Ours and each peer take turns on the same inputs and threads, after their losses and
gradients have been found to agree. Times are medians in milliseconds with the least and the most; GB/s counts logits, targets and gradient once each,
and the copy, by as many threads, reads and writes as many bytes. `compile` is torch.compile of the loss with `.backward()`; `compile-joined`
compiles loss and gradient as one function, which no layer in a network can be, and is measured only with `--all`. What each peer runs is in
[its folder](../xtask/peers/README.md); the form in brackets was its fastest. A ratio is the peer's median over ours.
";

fn span(times: &Times) -> String {
    let digits = |ms: f64| if ms < 0.1 { format!("{ms:.5}") } else { format!("{ms:.2}") };
    format!("{} ({}–{})", digits(times.median()), digits(times.least()), digits(times.most()))
}

fn side_by_side(page: &mut String, rows: &[Row]) -> std::fmt::Result {
    page.push_str("| case | ours, ms | GB/s | of the copy's | peer | peer's, ms | ratio | at least | met |\n");
    page.push_str("|---|---|---|---|---|---|---|---|---|\n");
    for row in rows {
        let rate = row.bytes as f64 / row.ours.median() / 1e6;
        let share = row.copy.median() / row.ours.median();
        for (at, theirs) in row.theirs.iter().enumerate() {
            if at == 0 {
                write!(page, "| {} | {} | {rate:.1} | {:.0} % ", row.title, span(&row.ours), share * 100.0)?;
            } else {
                page.push_str("| | | | ");
            }
            let ratio = row.ratio(theirs);
            let bound = row.least.iter().find(|(rival, _)| row.rival(*rival).is_some_and(|one| one.name == theirs.name));
            let (least, met) = match bound {
                Some((_, least)) => (format!("{least}"), if ratio >= *least { "yes" } else { "**no**" }),
                None => (String::new(), ""),
            };
            let form = if theirs.form.is_empty() { String::new() } else { format!(" ({})", theirs.form) };
            writeln!(page, "| {}{form} | {} | {ratio:.1} | {least} | {met} |", theirs.name, span(&theirs.times))?;
        }
    }
    Ok(())
}

fn own(page: &mut String, rows: &[Own]) -> std::fmt::Result {
    use super::own::Bound;

    page.push_str("| what | seen | asked for | met | ms, then ms of what it is compared with |\n|---|---|---|---|---|\n");
    for row in rows {
        let bound = match row.bound {
            Bound::AtLeast(bound) => format!("≥ {bound}"),
            Bound::AtMost(bound) => format!("≤ {bound}"),
            Bound::None => String::new(),
        };
        let met = match row.bound.holds(row.seen) {
            Some(true) => "yes",
            Some(false) => "**no**",
            None => "",
        };
        let times: Vec<String> = row.times.iter().map(span).collect();
        writeln!(page, "| {} | {:.2} | {bound} | {met} | {} |", row.what, row.seen, times.join("; "))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::cases::Rival;
    use super::super::measure::Theirs;
    use super::super::own::Bound;
    use super::*;

    #[test]
    fn a_row_says_whether_it_is_met() -> std::fmt::Result {
        let theirs = |name: &str, ms: f64| Theirs { name: name.to_owned(), form: "one".to_owned(), times: Times::new(vec![ms]) };
        let row = Row {
            title: "case".to_owned(),
            ours: Times::new(vec![2.0]),
            theirs: vec![theirs("torch", 9.0), theirs("jax", 5.0), theirs("compile", 6.0)],
            least: vec![(Rival::Best, 2.5), (Rival::Peer("torch"), 5.0)],
            bytes: 4_000_000,
            copy: Times::new(vec![1.0]),
            faults: Vec::new(),
        };
        let mut page = String::new();
        side_by_side(&mut page, &[row])?;
        let lines: Vec<&str> = page.lines().skip(2).collect();
        assert_eq!(lines[0], "| case | 2.00 (2.00–2.00) | 2.0 | 50 % | torch (one) | 9.00 (9.00–9.00) | 4.5 | 5 | **no** |");
        assert_eq!(lines[1], "| | | | | jax (one) | 5.00 (5.00–5.00) | 2.5 | 2.5 | yes |");
        assert_eq!(lines[2], "| | | | | compile (one) | 6.00 (6.00–6.00) | 3.0 |  |  |");
        Ok(())
    }

    #[test]
    fn a_promise_says_whether_it_is_kept() -> std::fmt::Result {
        let row = |seen: f64, bound: Bound| Own { what: "it".to_owned(), seen, bound, times: Vec::new() };
        let mut page = String::new();
        own(&mut page, &[row(1.5, Bound::AtLeast(1.8)), row(1.2, Bound::AtMost(1.3)), row(1.0, Bound::None)])?;
        let lines: Vec<&str> = page.lines().skip(2).collect();
        assert_eq!(lines, ["| it | 1.50 | ≥ 1.8 | **no** |  |", "| it | 1.20 | ≤ 1.3 | yes |  |", "| it | 1.00 |  |  |  |"]);
        Ok(())
    }
}
