"""Chat completions: conversations that a client tells anew each time, each in a session of its own."""
