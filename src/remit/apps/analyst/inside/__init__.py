"""What runs in the process in which DuckDB reads files and answers queries: the standard library, DuckDB, no more."""
