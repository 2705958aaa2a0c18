#!/bin/sh
# In a folder made by tools/bundle: DIR/run PROGRAM ARGUMENT... with the libraries and the validation layer packed there.
here=$(cd "$(dirname "$0")" && pwd)
export LD_LIBRARY_PATH="$here/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" VK_LAYER_PATH="$here/layers"
program=$1
shift
exec "$here/bin/$program" "$@"
