"""Fleet: commands for many processes over one database."""
