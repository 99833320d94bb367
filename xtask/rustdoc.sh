#!/bin/sh
# What cargo calls instead of rustdoc to have a library's API as JSON, which stable rustdoc only writes
# as if it were a nightly one. Were the variable set for cargo as well, it would build every dependency
# once more.
RUSTC_BOOTSTRAP=1 exec rustdoc "$@"
