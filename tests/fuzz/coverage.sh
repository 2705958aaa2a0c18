#!/bin/bash
# Which lines of the parsers of untrusted files were reached: coverage.sh BUILD CORPORA. BUILD: a folder with -Dfuzz=true
# (meson.build), built; CORPORA: a folder with a corpus for each target, by its name.
# The targets read their corpora again, with the parsers compiled for llvm-cov; a table of lines and branches.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
build=$(realpath "$1")
corpora=$(realpath "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$root"
parsers=(src/weights/{file,safetensors,safetensors_header,safetensors_dtype,weight_files,weight_folder,check,lora,lora_name,low_rank}.c
    src/model/{folder,config,config_*,published}.c src/text/*.c src/app/common/{picture_pixels,picture_tags,png_file,recipe}.c
    src/app/cli/serve/{request,address}.c)
# shellcheck disable=SC2207,SC2046  # words
parsers=($(printf '%s\n' "${parsers[@]}" | sort -u))
flags=(-g -std=gnu11 -D_GNU_SOURCE -DVK_NO_PROTOTYPES -DQS_BUILDING '-DQS_MODELS_DIR="/nonexistent"' '-DQS_PATH_SEPARATORS="/"'
    '-DQS_PATH_LIST_SEPARATOR=":"' -DQS_PRINTF_FORMAT=printf '-DQS_VERSION="0"' -Iinclude -Isrc -Isrc/app -Ishaders "-I$build/shaders"
    -fsanitize=fuzzer-no-link,address,undefined -fprofile-instr-generate -fcoverage-mapping)
# shellcheck disable=SC2046
for file in "${parsers[@]}"; do
    ${CC:-clang} "${flags[@]}" $(pkg-config --cflags libpng libjpeg libexif jansson popt) -c "$file" -o "$work/$(echo "$file" | tr / _).o"
done
export QUICKSTEP_TEST_SOURCE=$root
objects=()
for name in safetensors config picture tokenizer folder lora recipe serve; do
    # shellcheck disable=SC2046  # what the objects define is not taken from the library
    ${CC:-clang} "${flags[@]}" -fsanitize=fuzzer,address,undefined "tests/fuzz/fuzz_$name.c" "$work"/*.o \
        src/app/cli/{engine,options,progress,signals}.c \
        "$build/src/app/common/libapp_common.a" "$build/src/libquickstep_internal.a" \
        $(pkg-config --libs libpng libjpeg libexif jansson libutf8proc zlib popt) -lm -ldl -lpthread -o "$work/fuzz_$name"
    LLVM_PROFILE_FILE=$work/$name.profraw "$work/fuzz_$name" -runs=0 "$corpora/$name" >/dev/null 2>&1
    objects+=(${objects:+-object} "$work/fuzz_$name") # the first one has no word before it
done
llvm-profdata merge -o "$work/all.profdata" "$work"/*.profraw
llvm-cov report "${objects[@]}" -instr-profile "$work/all.profdata" "${parsers[@]}" |
    awk 'NF > 10 && $1 != "Filename" { printf "%-34s %5s lines %8s %5s branches %8s\n", $1, $8, $10, $11, $13 }'
