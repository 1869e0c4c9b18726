//! The byte-moving core of CodeGate.
