//! The program `reweight`, built with CUDA, on the simulated device: what it computes, and what it says where there is none.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};

use super::simulate::Simulated;

/// α, a broken γ and GHM.
const CONFIG: &str = "objective = \"bce\"\n\
    weighter = [{ kind = \"alpha-balance\", alpha = 0.25 }, { kind = \"focal\", gamma = 1.5 }, { kind = \"ghm\", bins = 10 }]\n";
/// What the accuracy of two devices in f32 comes to.
const TOLERANCE: f64 = 1e-5;

/// Checks `eval --backend dfdx-cuda`, and that it and `compare --device cuda` name the cause where there is no device.
pub(super) fn check(device: &Simulated) -> anyhow::Result<()> {
    let program = device.build("reweight-cli", "reweight")?;
    let folder = device.folder().join("eval");
    example(&folder)?;
    let eval = |backend: &str| {
        let mut command = device.command(&program);
        command.current_dir(&folder).args(["eval", "--backend", backend, "--config", "loss.toml"]);
        command.args(["--logits", "logits.npy", "--targets", "targets.npy"]);
        command
    };
    let (ours, theirs) = (loss(&mut eval("dfdx-cuda"))?, loss(&mut eval("ndarray"))?);
    if (ours - theirs).abs() > TOLERANCE * theirs.abs() {
        bail!("`eval` gives {ours} on the device and {theirs} on the CPU");
    }
    let mut compare = device.command(&program);
    compare.args(["compare", "--device", "cuda"]);
    for (mut command, instead) in [(eval("dfdx-cuda"), "--backend ndarray"), (compare, "--device cpu")] {
        let output = command.env("SIMULATED_COUNT", "0").output().context("starting reweight")?;
        let message = String::from_utf8_lossy(&output.stderr);
        let says = |word: &str| message.contains(word);
        if output.status.code() != Some(2) || !says(instead) || !says("no CUDA device was found") {
            bail!("without a device it must end with code 2, name the cause and `{instead}`, but: {message}");
        }
    }
    println!("eval on the device and without one, compare without one: as they should be");
    Ok(())
}

/// Writes a configuration and a batch for `eval` into `folder`.
pub(super) fn example(folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    let logits: Vec<u8> = (0..40).flat_map(|at| ((at as f32 * 0.61).sin() * 4.0).to_le_bytes()).collect();
    let targets: Vec<u8> = (0..40).map(|at| u8::from(at % 7 == 0)).collect();
    for (name, contents) in [
        ("loss.toml", CONFIG.as_bytes().to_vec()),
        ("logits.npy", npy("<f4", 40, &logits)),
        ("targets.npy", npy("|u1", 40, &targets)),
    ] {
        fs::write(folder.join(name), contents).with_context(|| format!("writing {name}"))?;
    }
    Ok(())
}

/// The loss that `eval` prints.
fn loss(eval: &mut Command) -> anyhow::Result<f64> {
    let output = eval.output().context("starting reweight")?;
    if !output.status.success() {
        bail!("`eval` failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    let printed: serde_json::Value = serde_json::from_slice(&output.stdout).context("reading what `eval` printed")?;
    printed["loss"].as_f64().context("`eval` printed no loss")
}

/// An array of one axis as a .npy file, version 1.0.
fn npy(kind: &str, length: usize, data: &[u8]) -> Vec<u8> {
    let mut head = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({length},), }}");
    // The data begins at a multiple of 64 bytes, after 10 of mark, version and the head's length.
    head += &" ".repeat(63 - (10 + head.len()) % 64);
    head.push('\n');
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((head.len() as u16).to_le_bytes());
    file.extend(head.as_bytes());
    file.extend(data);
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_of_an_npy_file_is_aligned() {
        let file = npy("|u1", 3, &[7, 8, 9]);
        assert_eq!(file.len() % 64, 3);
        assert_eq!(file[file.len() - 4..], [b'\n', 7, 8, 9]);
        assert_eq!(u16::from_le_bytes([file[8], file[9]]) as usize + 10 + 3, file.len());
    }
}
