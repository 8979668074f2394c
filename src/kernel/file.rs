//! Open files: what descriptors refer to.
