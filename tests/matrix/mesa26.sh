#!/bin/sh
# Matrix units on a driver that has them and needs no GPU: lavapipe of Mesa 26.1 (tools/mesa) multiplies
# 8x8x8 halves in subgroups of 8. (Of 4 it lists none; of 16 it lists them, and crashes when it compiles
# the convolution.) TAP on standard output.
#
#     mesa26.sh SOURCE TEST_OPS TEST_MATRIX HAVE_SHADERS(true|false)
#
# A few cases of each kind with every tile, with validation; all of them: tools/mesa 26 TEST_OPS "@ matrix".
set -u
source=$1 test_ops=$2 test_matrix=$3 have_shaders=$4
skip() { echo "1..0 # SKIP $*"; exit 0; }

[ "$have_shaders" = true ] || skip "no glslang here knows GL_KHR_cooperative_matrix: no matrix shaders"
reason=$("$source/tools/mesa" 26 /bin/true 2>&1)
[ $? -ne 77 ] || skip "$reason"

count=0 status=0
# run PROGRAM [FILTER]: its results, or one failure if it has none
run() {
    results=$(LP_NATIVE_VECTOR_WIDTH=256 QUICKSTEP_DEBUG=validate,sync "$source/tools/mesa" 26 "$@" 2>&1) || status=1
    printf '%s\n' "$results" | sed -n 's/^\(not ok\|ok\) [0-9]* - \(.*\)/\1 - \2/p; s/^# .*/&/p'
    found=$(printf '%s\n' "$results" | grep -c '^\(not ok\|ok\) ')
    if [ "$found" -eq 0 ]; then
        found=1 status=1
        echo "not ok - $* ran no test"
    fi
    count=$((count + found))
}

run "$test_matrix"
run "$test_ops" "seed 3, as on hardware @ matrix"
run "$test_ops" "seed 5, as on hardware @ matrix"
echo "1..$count"
exit $status
