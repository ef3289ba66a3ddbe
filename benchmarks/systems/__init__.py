"""Systems: one module for each measured runtime; each is run in a process of its own and imports only its own."""
