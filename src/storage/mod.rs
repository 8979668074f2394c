//! Bytes that survive: content-addressed blobs and typed records, committed together.
