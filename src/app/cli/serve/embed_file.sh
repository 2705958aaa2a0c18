#!/bin/sh
# A file as a C array of its bytes (a string may have 4,095 in C): embed_file.sh FILE NAME
set -eu
echo "static const unsigned char $2[] = {"
od -An -v -tu1 "$1" | sed 's/ *\([0-9][0-9]*\)/\1,/g'
echo '};'
