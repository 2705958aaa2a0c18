/*
 * Is a file a timeline in Chrome's trace event format, as ui.perfetto.dev draws it?
 *     check_trace FILE.json     one line: the ops of step, their milliseconds, the same of decode
 * Exit status 1, with a word, if times go back, something ends after what it is within, or the ops
 * of a program are not as long as the program.
 */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { DEPTH_MAX = 32, ROUNDING_NS = 1 };

typedef struct sum {
    const char *name;
    double length_us, ops_us;
    int ops;
} sum;

static int complain(const char *what, const json_t *event)
{
    const char *name = json_string_value(json_object_get(event, "name"));
    fprintf(stderr, "%s: %s\n", name ? name : "an event", what);
    return 1;
}

static int check(const json_t *events, sum *programs)
{
    double ends_us[DEPTH_MAX], before_us = 0;
    const double rounding_us = ROUNDING_NS * 1e-3;
    int depth = 0, count = 0;
    size_t i;
    const json_t *event;
    json_array_foreach(events, i, event)
    {
        const char *phase = json_string_value(json_object_get(event, "ph"));
        const char *kind = json_string_value(json_object_get(event, "cat"));
        const json_t *ts = json_object_get(event, "ts"), *dur = json_object_get(event, "dur");
        if (phase && strcmp(phase, "M") == 0)
            continue;
        if (!phase || strcmp(phase, "X") != 0 || !kind || !json_is_real(ts) || !json_is_real(dur))
            return complain("is not a whole event", event);
        const double start_us = json_real_value(ts), length_us = json_real_value(dur);
        if (start_us < before_us || length_us < 0)
            return complain("goes back in time", event);
        before_us = start_us;
        while (depth > 0 && start_us > ends_us[depth - 1] - rounding_us)
            depth--;
        if (depth > 0 && start_us + length_us > ends_us[depth - 1] + rounding_us)
            return complain("ends after what it is within", event);
        if (depth == DEPTH_MAX || (depth == 0) != (strcmp(kind, "program") == 0))
            return complain("is not where it should be", event);
        ends_us[depth++] = start_us + length_us;
        if (strcmp(kind, "program") == 0) {
            if (count == 2)
                return complain("is one too many", event);
            programs[count++] = (sum){ .name = json_string_value(json_object_get(event, "name")),
                                       .length_us = length_us };
        } else if (strcmp(kind, "module") != 0) {
            programs[count - 1].ops++;
            programs[count - 1].ops_us += length_us;
        }
    }
    for (int p = 0; p < count; p++)
        if (fabs(programs[p].ops_us - programs[p].length_us) > rounding_us * programs[p].ops)
            return complain("its ops are not as long as it is", NULL);
    return count != 2;
}

int main(int argc, char **argv)
{
    json_error_t error;
    sum programs[2] = { 0 };
    json_t *root = argc == 2 ? json_load_file(argv[1], 0, &error) : NULL;
    if (!root)
        return fprintf(stderr, "%s\n", argc == 2 ? error.text : "check_trace FILE.json"), 2;
    const int failed = check(json_object_get(root, "traceEvents"), programs);
    if (!failed && strcmp(programs[0].name, "step") == 0 && strcmp(programs[1].name, "decode") == 0)
        printf("%d %.3f %d %.3f\n", programs[0].ops, programs[0].ops_us * 1e-3, programs[1].ops,
               programs[1].ops_us * 1e-3);
    json_decref(root);
    return failed;
}
