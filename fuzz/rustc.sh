#!/bin/sh
# What cargo calls instead of rustc for the crates of the workspace, and only for those: their branches
# and comparisons are counted, for libFuzzer to see what an input reaches. Stable rustc takes all of
# these flags. Dependencies are compiled as for the tests, and shared with them.
exec "$@" \
    -Copt-level=2 \
    -Ccodegen-units=1 \
    -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares
