//! Test harness: engines that fail on purpose, conformance suites, a seeded clock and entropy.
