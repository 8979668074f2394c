//! What is asked, and what is understood.
