//! The checks of one report, at two widths, in light and dark.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::browser;
use super::driver::Driver;

/// A desk's window and a phone's, in CSS pixels.
const WINDOWS: [(u32, u32); 2] = [(1280, 900), (390, 844)];

/// How long charts may take to be drawn.
const PATIENCE: Duration = Duration::from_secs(60);

/// Checks a report, and leaves screenshots of it in `folder`.
pub(super) fn check(driver: &Driver, file: &Path, folder: &Path) -> anyhow::Result<()> {
    let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    for (width, height) in WINDOWS {
        for scheme in ["light", "dark"] {
            let place = format!("{name} at {width} pixels, {scheme}");
            set(driver, width, height, scheme)?;
            let charts = load(driver, file).with_context(|| place.clone())?;
            let picture = folder.join(format!("{name}-{width}-{scheme}.png"));
            screenshot(driver, &picture, &json!({}))?;
            look(driver, &charts).with_context(|| place.clone())?;
            toggle(driver).with_context(|| place.clone())?;
            hover(driver, &charts).with_context(|| place.clone())?;
            quiet(driver, file).with_context(|| place.clone())?;
            println!("{place}: {} charts are as they should be", charts.len());
        }
    }
    without_script(driver, file, &folder.join(format!("{name}-no-script.png")))?;
    print(driver, file, &folder.join(format!("{name}.pdf")))
}

fn set(driver: &Driver, width: u32, height: u32, scheme: &str) -> anyhow::Result<()> {
    let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
    driver.chromium("Emulation.setDeviceMetricsOverride", &size)?;
    let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
    driver.chromium("Emulation.setEmulatedMedia", &json!({ "features": features })).map(drop)
}

/// Opens the report and waits for its charts; what [`browser::CHARTS`] says of each.
fn load(driver: &Driver, file: &Path) -> anyhow::Result<Vec<Value>> {
    driver.log("browser")?;
    driver.log("performance")?;
    let started = Instant::now();
    driver.open(&address(file))?;
    while driver.evaluate(browser::IS_DRAWN, &json!([]))? != true {
        if started.elapsed() > PATIENCE {
            bail!("the charts were not drawn within {} s; the console says {:?}", PATIENCE.as_secs(), driver.log("browser")?);
        }
        sleep(Duration::from_millis(50));
    }
    let charts = driver.evaluate(browser::CHARTS, &json!([]))?;
    charts.as_array().cloned().context("the charts cannot be counted")
}

fn address(file: &Path) -> String {
    format!("file://{}", file.display())
}

/// Marks, titles, text alternatives; nothing cut, overlapping, faint or sticking out.
fn look(driver: &Driver, charts: &[Value]) -> anyhow::Result<()> {
    ensure!(!charts.is_empty(), "there are no charts");
    for chart in charts {
        ensure!(chart["marks"].as_u64() > Some(0), "{} has no marks", chart["id"]);
        ensure!(chart["faults"] == json!([]), "{}: {}", chart["id"], chart["faults"]);
    }
    let seen = driver.evaluate(browser::LEGIBILITY, &json!([]))?;
    ensure!(seen["faint"] == json!([]), "contrast below 4.5: {}", seen["faint"]);
    ensure!(seen["width"].as_f64() <= seen["window"].as_f64(), "the page is {} pixels wide", seen["width"]);
    Ok(())
}

/// A toggle hides and shows; so do the buttons for all and none. Reports without toggles pass.
fn toggle(driver: &Driver) -> anyhow::Result<()> {
    let boxes = driver.evaluate("return document.querySelectorAll('#toggles input').length;", &json!([]))?;
    if boxes.as_u64() == Some(0) {
        return Ok(());
    }
    let shown = || -> anyhow::Result<Option<u64>> {
        sleep(Duration::from_millis(700));
        Ok(driver.evaluate(browser::SHOWN, &json!([]))?.as_u64())
    };
    let press = |selector: &str| -> anyhow::Result<()> {
        let place = driver.evaluate(browser::MIDDLE, &json!([selector]))?;
        driver.point(place[0].as_f64().unwrap_or_default(), place[1].as_f64().unwrap_or_default())?;
        driver.click()
    };
    let at_first = shown()?;
    ensure!(at_first > Some(0), "nothing is shown at first");
    press("#toggles input:checked")?;
    let less = shown()?;
    ensure!(less < at_first, "a toggle hides nothing: {at_first:?}, then {less:?}");
    press("#toggles button[data-all='0']")?;
    ensure!(shown()? == Some(0), "`none` leaves something");
    press("#toggles button[data-all='1']")?;
    ensure!(shown()? >= at_first, "`all` does not show all");
    Ok(())
}

/// Beside every chart's mark, the pointer is told what it is.
fn hover(driver: &Driver, charts: &[Value]) -> anyhow::Result<()> {
    for chart in charts {
        let id = json!([chart["id"]]);
        let place = driver.evaluate(browser::MARK, &id)?;
        let (Some(x), Some(y)) = (place[0].as_f64(), place[1].as_f64()) else { bail!("{} has no mark in sight", chart["id"]) };
        // Plotly tells what is under a pointer that has moved.
        driver.point(x - 3.0, y)?;
        driver.point(x, y)?;
        let started = Instant::now();
        loop {
            let text = driver.evaluate(browser::HOVERED, &id)?;
            if text.as_str().is_some_and(|text| text.contains(':')) {
                break;
            }
            ensure!(started.elapsed() < Duration::from_secs(3), "{} says nothing beside the pointer", chart["id"]);
            sleep(Duration::from_millis(50));
        }
    }
    Ok(())
}

/// Nothing was complained of in the console, and nothing was fetched but the file itself.
fn quiet(driver: &Driver, file: &Path) -> anyhow::Result<()> {
    let complaints = driver.log("browser")?;
    ensure!(complaints.is_empty(), "the console says {complaints:?}");
    for entry in driver.log("performance")? {
        let message: Value = serde_json::from_str(entry["message"].as_str().unwrap_or("null"))?;
        let message = &message["message"];
        if message["method"] == "Network.requestWillBeSent" {
            let url = message["params"]["request"]["url"].as_str().unwrap_or_default();
            let is_own = url == address(file) || url.starts_with("data:") || url.starts_with("blob:");
            ensure!(is_own, "the report asks for {url}");
        }
    }
    Ok(())
}

/// A whole page as a picture, or the part of it that `clip` says.
fn screenshot(driver: &Driver, path: &Path, clip: &Value) -> anyhow::Result<()> {
    let mut parameters = json!({ "format": "png", "captureBeyondViewport": true });
    if clip.as_object().is_some_and(|clip| !clip.is_empty()) {
        parameters["clip"] = clip.clone();
    } else {
        let size = driver.evaluate(
            "return [document.documentElement.scrollWidth, document.documentElement.scrollHeight];",
            &json!([]),
        )?;
        parameters["clip"] = json!({ "x": 0, "y": 0, "width": size[0], "height": size[1], "scale": 1 });
    }
    let picture = driver.chromium("Page.captureScreenshot", &parameters)?;
    save(&picture, path)
}

fn save(answer: &Value, path: &Path) -> anyhow::Result<()> {
    let bytes = STANDARD.decode(answer["data"].as_str().context("the browser gave no data")?)?;
    fs::write(path, bytes).with_context(|| format!("writing {}", path.display()))
}

/// Without scripts there is a hint, and every chart's table can be opened.
fn without_script(driver: &Driver, file: &Path, picture: &Path) -> anyhow::Result<()> {
    driver.chromium("Emulation.setScriptExecutionDisabled", &json!({ "value": true }))?;
    driver.open(&address(file))?;
    screenshot(driver, picture, &json!({ "x": 0, "y": 0, "width": 390, "height": 3000, "scale": 1 }))?;
    driver.chromium("Emulation.setScriptExecutionDisabled", &json!({ "value": false }))?;
    Ok(())
}

/// It can be printed, in its light colours, and is as it was afterwards.
fn print(driver: &Driver, file: &Path, path: &Path) -> anyhow::Result<()> {
    set(driver, 1280, 900, "dark")?;
    load(driver, file)?;
    let printed = driver.chromium("Page.printToPDF", &json!({ "printBackground": true }))?;
    save(&printed, path)?;
    let is_printing = driver.evaluate("return document.documentElement.classList.contains('printing');", &json!([]))?;
    ensure!(is_printing == false, "the page stays as printed");
    ensure!(fs::metadata(path)?.len() > 50_000, "what is printed is empty");
    println!("{}: printed", path.display());
    Ok(())
}

/// The report's beginning, as far as the first chart, as a picture.
pub(super) fn picture(driver: &Driver, file: &Path, path: &Path) -> anyhow::Result<()> {
    set(driver, 1040, 900, "light")?;
    load(driver, file)?;
    let bottom = "return document.querySelector('figure details').getBoundingClientRect().top + scrollY;";
    let bottom = driver.evaluate(bottom, &json!([]))?;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    screenshot(driver, path, &json!({ "x": 0, "y": 0, "width": 1040, "height": bottom, "scale": 1 }))?;
    println!("{}: {} kB", path.display(), fs::metadata(path)?.len() / 1000);
    Ok(())
}
