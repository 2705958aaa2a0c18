#!/bin/sh
# jansson 2.14: a failed allocation inside a parser is not an error. json_loads then gives another text than the file's, or
# aborts.
#
# Seen: when the buffer of a token cannot grow, the character that had no room is left out and parsing goes on: a key
# "MultistepConsistencyPipeline" came back as "MultistepConsitencyPipeline" (lex_save does not look at what
# strbuffer_append_byte returns). When the token so loses its closing quote, lex_scan_string's assertion ends the process. So no
# program that reads JSON with it survives every failing allocation; tests/faults/host_faults.c leaves jansson's out.
#
# Exits 0 while that is so, 1 when it has changed, and 77 without jansson's development files.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
flags=$(pkg-config --cflags --libs jansson) || exit 77
cat >"$work/run.c" <<'END'
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char text[] = "\"a string of more than thirty-two letters, so that its buffer must grow\"";
static int call, failing;

static void *allocate(size_t size)
{
    return ++call == failing ? NULL : malloc(size);
}

/* 0: the same or an error, 1: another text; of an assertion it does not return. */
static int parse(void)
{
    json_set_alloc_funcs(allocate, free);
    json_t *root = json_loads(text, JSON_DECODE_ANY, NULL);
    return root && (strlen(json_string_value(root)) != sizeof text - 3);
}

int main(void)
{
    int another = 0, aborted = 0;
    for (failing = 1; failing < 20; ++failing) {
        fflush(stdout);
        const pid_t child = fork();
        if (child == 0) {
            freopen("/dev/null", "w", stderr);
            _exit(parse());
        }
        int status = 0;
        waitpid(child, &status, 0);
        another += WIFEXITED(status) && WEXITSTATUS(status) == 1;
        aborted += WIFSIGNALED(status);
    }
    printf("jansson %s: of 19 failing allocations %d give another text, %d end the process\n", JANSSON_VERSION, another,
           aborted);
    return another + aborted > 0 ? 0 : 1;
}
END
# shellcheck disable=SC2086  # several words
cc -o "$work/run" "$work/run.c" $flags
"$work/run"
