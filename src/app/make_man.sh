#!/bin/sh
# A manual page, from the program's own help, so that the two cannot differ:
#     make_man.sh PROGRAM VERSION ABOUT > PROGRAM.1
# A program with commands has a section for each, and one for the words of QUICKSTEP_DEBUG.
set -eu
program=$1
version=$2
about=$3
name=$(basename "$program")

# text as it is: backslashes and dashes are roff's, and so is a dot or a quote in front
verbatim() {
    echo .nf
    sed -e 's/\\/\\e/g' -e 's/-/\\-/g' -e "s/^\([.']\)/\\\\\&\1/"
    echo .fi
}

cat <<END
.TH $(echo "$name" | tr 'a-z' 'A-Z' | sed 's/-/\\-/g') 1 "" "Quickstep $version" "User Commands"
.SH NAME
$(echo "$name" | sed 's/-/\\-/g') \- $about
.SH DESCRIPTION
END
"$program" --help | verbatim
commands=$("$program" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p')
[ -z "$commands" ] || echo .SH COMMANDS
for command in $commands; do
    echo ".SS $command"
    "$program" help "$command" | verbatim
done
if [ -n "$commands" ]; then
    echo .SH ENVIRONMENT
    echo 'Words of QUICKSTEP_DEBUG, with commas between:'
    "$program" --help-debug | verbatim
fi
case $name in
*-view) echo '.SH SEE ALSO' && echo '.BR quickstep (1)' ;;
*) echo '.SH SEE ALSO' && echo '.BR quickstep\-view (1)' ;;
esac
