//! Accounts, access keys, and the one authoriser.
