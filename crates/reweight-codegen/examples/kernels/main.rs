//! Writes the main kernels to a folder, one `.cu` file each: `cargo run -p reweight-codegen --example kernels -- DIR`.

mod catalogue;

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(env::args().nth(1).ok_or("name the folder to write to")?);
    fs::create_dir_all(&folder)?;
    for (name, kernels) in catalogue::catalogue()? {
        fs::write(folder.join(name + ".cu"), kernels.source)?;
    }
    Ok(())
}
