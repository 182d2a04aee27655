//! What is seen, and with what in it.
