#!/bin/sh
# A text file as a C string: embed_text.sh FILE NAME
set -eu
echo "static const char $2[] ="
sed 's/\\/\\\\/g; s/"/\\"/g; s/.*/    "&\\n"/' "$1"
echo '    ;'
