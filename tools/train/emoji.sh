#!/bin/sh
# Makes training data of emoji: emoji.sh OUT. Needs Debian or a system like it (apt-get, dpkg), and .venv-train; installs nothing.
# OUT gets pictures (64x64 RGBA PNG) and emoji.jsonl. The pictures are Noto Color Emoji's (SIL OFL 1.1), their names and
# keywords Unicode's.
set -eu
[ $# -eq 1 ] || { sed -n '2,4s/^# //p' "$0"; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)
packages=$(mktemp -d)
trap 'rm -rf "$packages"' EXIT
cd "$packages"
apt-get download -qq -o APT::Sandbox::User=root fonts-noto-color-emoji unicode-data unicode-cldr-core
for package in *.deb; do dpkg -x "$package" files; done
share=files/usr/share
"$here/../../.venv-train/bin/python" "$here/emoji.py" --font "$share/fonts/truetype/noto/NotoColorEmoji.ttf" \
    --names "$share/unicode/emoji/emoji-test.txt" --keywords "$share/unicode/cldr/common/annotations/en.xml" --out "$out"
