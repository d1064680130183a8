//! The linker's arguments for a module that an interpreter loads, which some systems need.

fn main() {
    pyo3_build_config::add_extension_module_link_args();
}
