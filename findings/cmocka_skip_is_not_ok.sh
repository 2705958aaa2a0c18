#!/bin/sh
# cmocka 1.1.5 (Debian 12), with CMOCKA_MESSAGE_OUTPUT=TAP: a test that calls skip() is reported as "not ok N # SKIP name".
#
# The name stands where TAP has the reason, and a reader that takes "not ok" at its word (meson 1.10.0, protocol: 'tap') calls the run a failure, although the
# program exits 0 and nothing failed: a test that skips itself where a device lacks a feature turns a suite red on just those devices.
#
# Exits 0 while that is so, 1 when it has changed, and 77 where the packages cannot be had (Debian 12, apt-get, a C compiler).
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
for tool in apt-get dpkg-deb cc python3; do command -v $tool >/dev/null || exit 77; done
apt-get download -q libcmocka0=1.1.5-2.1 libcmocka-dev=1.1.5-2.1 >/dev/null 2>&1 || exit 77
for package in ./*.deb; do dpkg-deb -x "$package" root; done
python3 -m venv venv
venv/bin/pip install -q meson==1.10.0 ninja==1.13.0
lib=$(dirname "$(find root -name 'libcmocka.so.0')")
cat >test.c <<'END_C'
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void passes(void **state) { (void)state; }
static void skips(void **state) { (void)state; skip(); }

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(passes), cmocka_unit_test(skips) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
END_C
cat >meson.build <<END_MESON
project('skip', 'c')
test('skip', executable('skip', 'test.c', c_args: '-I$work/root/usr/include', link_args: ['-L$work/$lib', '-lcmocka', '-Wl,-rpath,$work/$lib']),
  protocol: 'tap', env: ['CMOCKA_MESSAGE_OUTPUT=TAP'])
END_MESON
export PATH="$work/venv/bin:$PATH"
meson setup build >/dev/null
meson compile -C build >/dev/null
said=$(CMOCKA_MESSAGE_OUTPUT=TAP build/skip 2>/dev/null) && status=0 || status=$?
judged=$(meson test -C build 2>&1 | awk '/^Ok:/ { ok = $2 } /^Fail:/ { fail = $2 } END { print ok + 0, fail + 0 }')
echo "the program ends with $status and says:"
echo "$said"
echo "meson counts $judged (passed, failed)"
echo "$said" | grep -q '^not ok 2 # SKIP skips' && [ "$status" = 0 ] && [ "$judged" = '0 1' ]
