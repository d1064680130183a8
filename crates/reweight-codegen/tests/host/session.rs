//! Runs generated kernels on the host: many sources in one compilation, many launches in one process.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use reweight_codegen::{Argument, KernelSource};

/// Numbers that a buffer may hold.
pub(crate) trait Plain: Copy {
    const BYTES: usize;
    fn put(self, bytes: &mut Vec<u8>);
    fn take(bytes: &[u8]) -> Self;
}

macro_rules! plain {
    ($($number:ty)*) => {$(
        impl Plain for $number {
            const BYTES: usize = size_of::<$number>();
            fn put(self, bytes: &mut Vec<u8>) {
                bytes.extend(self.to_ne_bytes());
            }
            fn take(bytes: &[u8]) -> Self {
                Self::from_ne_bytes(bytes.try_into().unwrap())
            }
        }
    )*};
}
plain!(u8 i8 u16 i16 u32 i32 u64 i64 f32 f64);

/// A kernel of a session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kernel(usize);

struct Known {
    module: usize,
    name: &'static str,
    fields: &'static [Argument],
    arguments: &'static str,
    block: u32,
    grid: Box<dyn Fn(u64) -> u32>,
}

struct Launch {
    kernel: usize,
    grid: u32,
    block: u32,
    words: Vec<u64>,
}

/// What is to be compiled, the buffers, and the launches, in order.
#[derive(Default)]
pub(crate) struct Session {
    sources: Vec<(String, String)>,
    kernels: Vec<Known>,
    buffers: Vec<Vec<u8>>,
    launches: Vec<Launch>,
}

impl Session {
    /// Adds a source, unless it is there, and gives one of its kernels.
    pub(crate) fn kernel(&mut self, source: &KernelSource, name: &str) -> Kernel {
        let module = self.sources.iter().position(|(key, _)| *key == source.key).unwrap_or_else(|| {
            self.sources.push((source.key.clone(), source.source.clone()));
            self.sources.len() - 1
        });
        assert_eq!(self.sources[module].1, source.source, "one key, two sources: {}", source.key);
        if let Some(known) = self.kernels.iter().position(|known| known.module == module && known.name == name) {
            return Kernel(known);
        }
        let entry = source.entry(name).unwrap().clone();
        self.kernels.push(Known {
            module,
            name: entry.name,
            fields: entry.fields,
            arguments: entry.arguments,
            block: entry.block,
            grid: Box::new(move |work| entry.grid(work)),
        });
        Kernel(self.kernels.len() - 1)
    }

    /// A buffer with these contents; its address.
    pub(crate) fn buffer<T: Plain>(&mut self, contents: &[T]) -> u64 {
        let mut bytes = Vec::with_capacity(contents.len() * T::BYTES);
        contents.iter().for_each(|number| number.put(&mut bytes));
        self.buffers.push(bytes);
        self.buffers.len() as u64
    }

    /// The same address, further on.
    pub(crate) fn offset(address: u64, bytes: u64) -> u64 {
        address | bytes << 32
    }

    /// Launches over `work` elements or rows; gives the number of blocks.
    pub(crate) fn launch(&mut self, kernel: Kernel, work: u64, words: Vec<u64>) -> u32 {
        let known = &self.kernels[kernel.0];
        assert_eq!(words.len(), known.fields.len());
        let grid = (known.grid)(work);
        self.launches.push(Launch { kernel: kernel.0, grid, block: known.block, words });
        grid
    }

    /// The number of blocks that `launch` would take.
    pub(crate) fn grid(&self, kernel: Kernel, work: u64) -> u32 {
        (self.kernels[kernel.0].grid)(work)
    }

    /// Compiles and runs, with the threads taking turns in one order and in the other: both must give the same bits.
    pub(crate) fn run(&self, name: &str) -> Results {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&folder).unwrap();
        let program = self.compile(&folder);
        fs::write(folder.join("jobs"), self.jobs()).unwrap();
        let forwards = self.execute(&program, &folder, "forwards");
        let backwards = self.execute(&program, &folder, "backwards");
        assert!(forwards == backwards, "{name}: the result depends on the order in which threads run");
        Results { buffers: forwards }
    }

    fn compile(&self, folder: &Path) -> PathBuf {
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/host");
        let mut text = format!("#include \"{0}/shim.h\"\n#include \"{0}/driver.h\"\n", own.display());
        for (at, (key, source)) in self.sources.iter().enumerate() {
            // Kernels of several sources share a program: each gets a namespace, for which `extern "C"` has to go.
            let source = source.replace("extern \"C\" ", "static ");
            text += &format!("// {key}\nnamespace module_{at} {{\n{source}}}\n");
            for macro_name in source.lines().filter_map(|line| line.trim().strip_prefix("#define ")) {
                let macro_name = macro_name.split_whitespace().next().unwrap();
                text += &format!("#undef {macro_name}\n");
            }
        }
        for (at, kernel) in self.kernels.iter().enumerate() {
            let (module, name, arguments) = (kernel.module, kernel.name, kernel.arguments);
            let words = kernel.fields.len();
            text += &format!(
                "static void run_{at}(const uint64_t* words, unsigned grid, unsigned block, bool backwards) {{\n    \
                 module_{module}::{arguments} a;\n    \
                 static_assert(sizeof a == {words} * 8, \"every field has 8 bytes\");\n    \
                 memcpy(&a, words, sizeof a);\n    \
                 shim::launch(module_{module}::{name}, grid, block, a, backwards);\n}}\n"
            );
        }
        text += "static const Runner runners[] = {";
        (0..self.kernels.len()).for_each(|at| text += &format!("run_{at}, "));
        text += "};\nint main(int argc, char** argv) { return run_jobs(runners, argc, argv); }\n";
        let source = folder.join("kernels.cpp");
        let program = folder.join("kernels");
        fs::write(&source, text).unwrap();
        let output = Command::new(std::env::var_os("CXX").unwrap_or_else(|| "c++".into()))
            // Some systems check long jumps by default, and take a switch of stacks for a mistake.
            .args(["-std=c++14", "-O1", "-w", "-U_FORTIFY_SOURCE"])
            .args(contraction())
            .arg("-o")
            .args([&program, &source])
            .output()
            .unwrap_or_else(|error| panic!("a C++ compiler is needed to prove the kernels (set CXX): {error}"));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        program
    }

    fn jobs(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let number = |value: u64, bytes: &mut Vec<u8>| value.put(bytes);
        number(self.buffers.len() as u64, &mut bytes);
        for buffer in &self.buffers {
            number(buffer.len() as u64, &mut bytes);
            bytes.extend(buffer);
        }
        number(self.launches.len() as u64, &mut bytes);
        for launch in &self.launches {
            let fields = self.kernels[launch.kernel].fields;
            let pointers = fields
                .iter()
                .enumerate()
                .filter(|(_, field)| field.is_pointer())
                .fold(0, |mask, (at, _)| mask | 1 << at);
            let head = [launch.kernel as u64, launch.grid.into(), launch.block.into(), pointers, fields.len() as u64];
            head.iter().chain(&launch.words).for_each(|&word| number(word, &mut bytes));
        }
        bytes
    }

    fn execute(&self, program: &Path, folder: &Path, order: &str) -> Vec<Vec<u8>> {
        let out = folder.join(order);
        let output = Command::new(program).arg(folder.join("jobs")).arg(&out).arg(order).output().unwrap();
        assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
        let bytes = fs::read(out).unwrap();
        let mut rest = bytes.as_slice();
        self.buffers
            .iter()
            .map(|buffer| {
                let (own, others) = rest.split_at(buffer.len());
                rest = others;
                own.to_vec()
            })
            .collect()
    }
}

/// nvcc and NVRTC fuse a product and a sum into one rounding; so does the host, where it can.
fn contraction() -> &'static [&'static str] {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("fma") {
        return &["-mfma", "-ffp-contract=fast"];
    }
    &["-ffp-contract=fast"]
}

/// The buffers after the launches.
pub(crate) struct Results {
    buffers: Vec<Vec<u8>>,
}

impl Results {
    /// The contents of the buffer at `address`.
    pub(crate) fn read<T: Plain>(&self, address: u64) -> Vec<T> {
        self.buffers[address as usize - 1].chunks_exact(T::BYTES).map(T::take).collect()
    }
}
