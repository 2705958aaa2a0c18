#!/bin/sh
# The manual page, from the program's own help, so that the two cannot differ:
#     make_man.sh QUICKSTEP VERSION > quickstep.1
set -eu
quickstep=$1
version=$2

# text as it is: backslashes and dashes are roff's, and so is a dot or a quote in front
verbatim() {
    echo .nf
    sed -e 's/\\/\\e/g' -e 's/-/\\-/g' -e "s/^\([.']\)/\\\\\&\1/"
    echo .fi
}

cat <<END
.TH QUICKSTEP 1 "" "Quickstep $version" "User Commands"
.SH NAME
quickstep \- few-step image generation on any Vulkan device
.SH DESCRIPTION
END
"$quickstep" --help | verbatim
echo .SH COMMANDS
"$quickstep" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' | while read -r command; do
    echo ".SS $command"
    "$quickstep" help "$command" | verbatim
done
echo .SH ENVIRONMENT
echo 'Words of QUICKSTEP_DEBUG, with commas between:'
"$quickstep" --help-debug | verbatim
