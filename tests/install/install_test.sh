#!/bin/sh
# What a packager and a user of the library see: the tree that 'meson install' makes, moved somewhere else; the
# README's C example, compiled by pkg-config's words. TAP.
#
#     install_test.sh SOURCE_ROOT BUILD_ROOT PREFIX LIBDIR HAVE_VIEWER MESON COMPILER...
set -u
source=$1
build=$2
prefix=$3
libdir=$4
have_viewer=$5
meson=$6
shift 6
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
number=0
failed=0
unset QUICKSTEP_MODELS QUICKSTEP_DEBUG LD_LIBRARY_PATH
export XDG_CACHE_HOME="$work/cache"

# ok STATUS NAME
ok() {
    number=$((number + 1))
    if [ "$1" = 0 ]; then
        echo "ok $number - $2"
    else
        failed=1
        echo "not ok $number - $2"
        tail -n 10 "$work/words" | sed 's/^/# /'
    fi
}

# tried NAME COMMAND...
tried() {
    name=$1
    shift
    "$@" >"$work/words" 2>&1
    ok $? "$name"
}

# words PATTERN: what the last command said has it
words() { grep -q -e "$1" "$work/words"; }

tried 'meson install' "$meson" install -C "$build" --no-rebuild --destdir "$work/first"
tree=$work/moved
mv "$work/first$prefix" "$tree"
lib=$tree/$libdir

tried 'quickstep finds its library and its models' "$tree/bin/quickstep" inspect --quiet
words '^model  *sprites$'
ok $? 'and shows the model of that name'
"$tree/bin/quickstep" inspect -m absent >"$work/words" 2>&1
[ $? -eq 3 ] && words "$tree/share/quickstep/models"
ok $? 'models are looked for in the tree, wherever it was moved'
if [ "$have_viewer" = true ]; then
    tried 'quickstep-view finds its library' "$tree/bin/quickstep-view" --version
    [ -s "$tree/share/man/man1/quickstep-view.1" ] && [ -s "$tree/share/icons/hicolor/scalable/apps/quickstep-view.svg" ] &&
        grep -q '^Exec=quickstep-view$' "$tree/share/applications/quickstep-view.desktop"
    ok $? 'quickstep-view has a manual page, an icon and a desktop entry'
fi
[ -s "$tree/share/man/man1/quickstep.1" ]
ok $? 'quickstep has a manual page'

# the completion offers what the option tables have
bash -c '. "$0" && compopt() { :; } && COMP_WORDS=(quickstep sample --prec) && COMP_CWORD=2 && _quickstep &&
    [ "${COMPREPLY[*]}" = "--precision=" ]' "$tree/share/bash-completion/completions/quickstep" >"$work/words" 2>&1
ok $? 'bash completes an option of a command'
bash -c '. "$0" && compopt() { :; } && COMP_WORDS=(quickstep sample --lor) && COMP_CWORD=2 && _quickstep &&
    [ "${COMPREPLY[*]}" = "--lora=" ]' "$tree/share/bash-completion/completions/quickstep" >"$work/words" 2>&1
ok $? 'bash completes an option that may be given several times'

export PKG_CONFIG_PATH="$lib/pkgconfig"
pc() { pkg-config "--define-variable=prefix=$tree" "$@" quickstep; }
[ -e "$(pc --variable=modelsdir)/sprites/model_index.json" ]
ok $? 'pkg-config knows the folder of the models'
sed -n '/^```c$/,/^```$/{/^```/!p;}' "$source/README.md" >"$work/example.c"
# shellcheck disable=SC2046  # words
tried "the README's example compiles" "$@" -Wall -Wextra -Werror "$work/example.c" $(pc --cflags --libs) -o "$work/example"
cd "$work" || exit 1
tried 'and draws, in another folder, with the model of that name' env "LD_LIBRARY_PATH=$lib" ./example
words '32 x 32'
ok $? 'a picture of the size that the model draws'
echo "1..$number"
exit $failed
