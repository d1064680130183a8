//! Conformance tests of the workspace; see the files in `tests/`.
