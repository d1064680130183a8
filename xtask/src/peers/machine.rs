//! The machine and the day of a run, as the page names them.

use std::fs;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::workspace::{self, output};

/// What a run was made on.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) processor: String,
    pub(super) threads: usize,
    /// The instruction set that the engine ran on.
    pub(super) set: String,
    pub(super) compiler: String,
    /// The commit, and whether the tree differed from it.
    pub(super) commit: String,
    /// Year, month and day.
    pub(super) day: String,
}

pub(super) fn describe(threads: usize, set: &str) -> anyhow::Result<Machine> {
    let information = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(Machine {
        processor: processor(&information),
        threads,
        set: set.to_owned(),
        compiler: output(Command::new("rustc").arg("--version"))?.trim().to_owned(),
        commit: output(Command::new("git").current_dir(workspace::root()).args(["describe", "--always", "--dirty"]))
            .map_or_else(|_| "unknown".to_owned(), |commit| commit.trim().to_owned()),
        day: day(now.as_secs() / 86_400),
    })
}

/// Model, family and the size of the last cache, from what Linux says of the first processor.
fn processor(information: &str) -> String {
    let field = |name: &str| {
        let lines = information.lines().filter_map(|line| line.split_once(':'));
        lines.filter(|(key, _)| key.trim() == name).map(|(_, value)| value.trim()).next().unwrap_or("?")
    };
    format!("{} (family {}, model {})", field("model name"), field("cpu family"), field("model"))
}

/// The date of a day since 1970, by the civil calendar's cycle of 400 years.
fn day(since_1970: u64) -> String {
    // Counted from 1 March of the year 0, so that a leap day is a year's last.
    let days = since_1970 + 719_468;
    let (cycle, in_cycle) = (days / 146_097, days % 146_097);
    let year_in_cycle = (in_cycle - in_cycle / 1_460 + in_cycle / 36_524 - in_cycle / 146_096) / 365;
    let in_year = in_cycle - (365 * year_in_cycle + year_in_cycle / 4 - year_in_cycle / 100);
    let from_march = (5 * in_year + 2) / 153;
    let day = in_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = cycle * 400 + year_in_cycle + u64::from(month <= 2);
    format!("{year}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_dated() {
        assert_eq!(day(0), "1970-01-01");
        assert_eq!(day(11_016), "2000-02-29");
        assert_eq!(day(11_017), "2000-03-01");
        assert_eq!(day(20_818), "2026-12-31");
    }

    #[test]
    fn the_first_processor_is_named() {
        let text = "processor\t: 0\ncpu family\t: 25\nmodel\t\t: 1\nmodel name\t: A B\n\nprocessor\t: 1\nmodel name\t: C\n";
        assert_eq!(processor(text), "A B (family 25, model 1)");
        assert_eq!(processor(""), "? (family ?, model ?)");
    }
}
