//! Durable sandboxes: named containers over a store, their log, snapshots, forks and proposals.
