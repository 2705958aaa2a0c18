#include "tuner/timings.h"

#include "gpu/gpu.h"
#include "weights/file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char format[] = "quickstep timings 1";
enum { DIGITS = 4 };

static bool is_text(const json_t *value, const char *text)
{
    return json_is_string(value) && strcmp(json_string_value(value), text) == 0;
}

/* 0: it is none. */
static double time_of(const json_t *ms)
{
    return json_is_null(ms) ? INFINITY : json_number_value(ms);
}

static bool all_times(json_t *timings)
{
    const char *key;
    json_t *variants, *ms;
    json_object_foreach(timings, key, variants)
    {
        const char *variant;
        if (!json_is_object(variants))
            return false;
        json_object_foreach(variants, variant, ms) if (!(time_of(ms) > 0)) return false;
    }
    return json_is_object(timings);
}

json_t *timings_read(const char *path, const char *identity)
{
    json_t *root = NULL, *timings = NULL;
    if (path && file_read_json(path, &root) == QS_OK &&
        is_text(json_object_get(root, "format"), format) &&
        is_text(json_object_get(root, "device"), identity) &&
        all_times(json_object_get(root, "ms")))
        timings = json_incref(json_object_get(root, "ms"));
    json_decref(root);
    return timings ? timings : json_object();
}

void timings_write(const char *path, const char *identity, json_t *timings)
{
    /* another program may have written since */
    json_t *all = timings_read(path, identity);
    json_t *root = NULL;
    char *text = NULL;
    if (path && all && json_object_update(all, timings) == 0)
        root = json_pack("{s:s, s:s, s:O}", "format", format, "device", identity, "ms", all);
    if (root)
        text = json_dumps(root, JSON_INDENT(2) | JSON_SORT_KEYS | JSON_REAL_PRECISION(DIGITS));
    if (text)
        gpu_cache_write(path, text, strlen(text), "\n", 1);
    free(text);
    json_decref(root);
    json_decref(all);
}

static double rounded(double ms)
{
    char text[32];
    snprintf(text, sizeof text, "%.*g", DIGITS, fmax(ms, 1e-6)); /* a clock's tick may be 0 */
    return strtod(text, NULL);
}

bool timings_set(json_t *timings, const choice *c, const double *ms)
{
    json_t *variants = json_object();
    bool done = variants != NULL;
    for (uint32_t i = 0; i < c->variant_count && done; ++i)
        done = json_object_set_new(variants, c->variants[i],
                                   isinf(ms[i]) ? json_null() : json_real(rounded(ms[i]))) == 0;
    return json_object_set_new(timings, c->key, variants) == 0 && done;
}

uint32_t timings_fastest(const json_t *timings, const choice *c)
{
    static const double clearly = 0.97;
    const json_t *variants = json_object_get(timings, c->key);
    uint32_t fastest = 0;
    double best = 0;
    for (uint32_t i = 0; i < c->variant_count; ++i) {
        const double ms = time_of(json_object_get(variants, c->variants[i]));
        if (!(ms > 0))
            return c->variant_count;
        if (i == 0)
            best = clearly * ms;
        else if (ms < best) {
            best = ms;
            fastest = i;
        }
    }
    return fastest;
}
