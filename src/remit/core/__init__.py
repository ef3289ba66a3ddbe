"""The vocabulary: messages, moves, events, state and its fold, ports, errors. No I/O."""
