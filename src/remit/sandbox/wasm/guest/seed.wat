;; A library that is linked to the interpreter for what its constructor does: it sets PYTHONHASHSEED before Python
;; starts, because nothing else that goes into a component can, and hashes of text would differ from build to build.
(module
  (@dylink.0 (mem-info (memory 17 0)) (needed "libc.so"))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "setenv" (func $setenv (param i32 i32 i32) (result i32)))
  (func (export "__wasm_call_ctors")
    global.get $base
    (i32.add (global.get $base) (i32.const 15))
    i32.const 1
    call $setenv
    drop)
  (data (global.get $base) "PYTHONHASHSEED\000\00"))
