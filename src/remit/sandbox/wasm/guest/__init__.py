"""What is compiled together with the interpreter: it runs in WebAssembly, and nothing that it says is believed."""
