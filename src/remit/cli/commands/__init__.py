"""The commands, one module each: `add_arguments(parser)` declares, `main(args)` does and gives the exit status."""
