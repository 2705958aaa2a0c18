/* Choices, and the file of the variants' times: what fits is used, anything else is a miss. */
#include "../harness/folder.h"

#include "tuner/timings.h"

#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static const char identity[] = "a device";
static char path[4352], deep[4352]; /* a file in a folder that is made with it */

static int make_folder(void **state)
{
    create_folder(state);
    snprintf(deep, sizeof deep, "%s/deep down", folder);
    snprintf(path, sizeof path, "%s/deep down/timings.json", folder);
    return 0;
}

static choice three(const char *key)
{
    choice c = { 0 };
    choice_key(&c, "%s", key);
    choice_variant(&c, "plain");
    choice_variant(&c, "fast %u", 2u);
    choice_variant(&c, "fast %u", 4u);
    return c;
}

static json_t *with(const char *key, double a, double b, double c)
{
    const choice asked = three(key);
    json_t *timings = json_object();
    assert_true(timings_set(timings, &asked, (double[]){ a, b, c }));
    return timings;
}

static uint32_t fastest(double a, double b, double c)
{
    const choice asked = three("key");
    json_t *timings = with("key", a, b, c);
    const uint32_t answer = timings_fastest(timings, &asked);
    json_decref(timings);
    return answer;
}

static void the_fastest_is_chosen(void **state)
{
    (void)state;
    assert_int_equal(fastest(1, 2, 3), 0);
    assert_int_equal(fastest(3, 1, 2), 1);
    assert_int_equal(fastest(3, 2, 1), 2);
    assert_int_equal(fastest(1, 0.98, 0.99), 0); /* noise: the default stays */
    assert_int_equal(fastest(1, 0.96, 0.9), 2);  /* the best of those that are better */
    assert_int_equal(fastest(3, 1, 1), 1);       /* the first of equals, */
    assert_int_equal(fastest(3, 1.00004, 1), 1); /* also of those that the file makes equal */
    assert_int_equal(fastest(0, 0, 0), 0);       /* a clock that did not tick */
    assert_int_equal(fastest(3, 1e-9, 0), 1);
    assert_int_equal(fastest(INFINITY, 3, 2), 2); /* those that cannot be compiled */
    assert_int_equal(fastest(1, INFINITY, 0.5), 2);
    assert_int_equal(fastest(INFINITY, INFINITY, INFINITY), 0);
}

static void unknown_variants_have_no_answer(void **state)
{
    (void)state;
    json_t *timings = with("key", 3, 2, 1);
    choice asked = three("other key");
    assert_int_equal(timings_fastest(timings, &asked), asked.variant_count);
    asked = three("key");
    choice_variant(&asked, "new");
    assert_int_equal(timings_fastest(timings, &asked), asked.variant_count);
    choice fewer = { .key = "key" }; /* a device option takes some away: the rest is known */
    choice_variant(&fewer, "plain");
    choice_variant(&fewer, "fast 2");
    assert_int_equal(timings_fastest(timings, &fewer), 1);
    json_decref(timings);
}

static bool hit(const char *who)
{
    const choice asked = three("key");
    json_t *timings = timings_read(path, who);
    assert_non_null(timings);
    const bool known = timings_fastest(timings, &asked) == 2;
    assert_true(known || json_object_size(timings) == 0); /* all or nothing */
    json_decref(timings);
    return known;
}

static void write_text(const char *text, size_t size)
{
    temporary_write(path, text, size);
}

static int entry_count(void)
{
    DIR *dir = opendir(deep);
    int count = 0;
    while (readdir(dir))
        count++;
    closedir(dir);
    return count - 2;
}

static void a_file_is_used_or_missed(void **state)
{
    (void)state;
    char text[1024];
    json_t *timings = with("key", INFINITY, 2, 1);
    assert_false(hit(identity));
    timings_write(path, identity, timings);
    json_decref(timings);
    assert_true(hit(identity));
    assert_false(hit("another device"));
    assert_int_equal(entry_count(), 1); /* no temporary is left */

    FILE *file = fopen(path, "rb");
    const size_t size = fread(text, 1, sizeof text, file);
    fclose(file);
    for (size_t cut = 0; cut + 2 < size; cut++) { /* truncated; at the end is "}\n" */
        write_text(text, cut);
        assert_false(hit(identity));
    }
    static const char *const strangers[] = {
        "[]",
        "{}",
        "{\"format\": \"quickstep timings 2\", \"device\": \"a device\", \"ms\": {}}",
        "{\"format\": \"quickstep timings 1\", \"device\": \"a device\"}",
        "{\"format\": \"quickstep timings 1\", \"device\": \"a device\", \"ms\": 3}",
        "{\"format\": \"quickstep timings 1\", \"device\": \"a device\", \"ms\": {\"key\": 3}}",
        "{\"format\": \"quickstep timings 1\", \"device\": \"a device\", \"ms\": {\"key\": "
        "{\"plain\": 3, \"fast 2\": -2, \"fast 4\": 1}}}",
        "{\"format\": \"quickstep timings 1\", \"device\": \"a device\", \"ms\": {\"key\": "
        "{\"plain\": 3, \"fast 2\": 2, \"fast 4\": \"1\"}}}",
    };
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++) {
        write_text(strangers[i], strlen(strangers[i]));
        assert_false(hit(identity));
    }
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0); /* must not stop us */
    assert_false(hit(identity));
    unlink(path);
}

static void two_programs_share_a_file(void **state)
{
    (void)state;
    const choice asked = three("key");
    json_t *mine = with("key", 3, 2, 1), *theirs = with("their key", 1, 1, 1);
    timings_write(path, identity, mine);
    timings_write(path, identity, theirs); /* who had read the file before it had mine */
    json_t *both = timings_read(path, identity);
    assert_int_equal(json_object_size(both), 2);
    assert_int_equal(timings_fastest(both, &asked), 2);
    timings_write(path, "a newer driver", theirs); /* nothing of the old one's is kept */
    json_t *newer = timings_read(path, "a newer driver");
    assert_int_equal(json_object_size(newer), 1);
    json_decref(newer);
    json_decref(both);
    json_decref(theirs);
    json_decref(mine);
}

static void a_place_that_cannot_be_written_is_no_error(void **state)
{
    (void)state;
    json_t *timings = with("key", 3, 2, 1);
    timings_write("/dev/null/quickstep/timings.json", identity, timings);
    timings_write(NULL, identity, timings);
    json_t *nothing = timings_read(NULL, identity);
    assert_int_equal(json_object_size(nothing), 0);
    json_decref(nothing);
    json_decref(timings);
}

static uint32_t choose_last(void *user, graph *g, const choice *c)
{
    (void)g;
    *(char *)user = c->key[0];
    return c->variant_count - 1;
}

static void a_graph_asks_its_chooser(void **state)
{
    (void)state;
    static const gpu_limits limits = { .subgroup_size = 8 };
    static const op some_op = { "some", NULL };
    const choice asked = three("key");
    char seen = 0;
    const struct chooser chooser = { choose_last, &seen };
    graph g;
    graph_init(&g, &limits, DTYPE_F32);
    graph_push_scope(&g, "down");
    const tensor_id x = graph_activation(&g, "x", DTYPE_F32, 1, 1, 1, 4);
    assert_int_equal(graph_choose(&g, "conv1", &asked), 0); /* nobody to ask: the default */
    g.chooser = &chooser;
    assert_int_equal(graph_choose(&g, "conv2", &asked), 2);
    assert_int_equal(seen, 'k');
    static const char *const names[] = { "conv1", "conv2", "conv2.input", "conv20" };
    static const char *const variants[] = { "plain", "fast 4", "fast 4", NULL };
    for (uint32_t i = 0; i < 4; i++) {
        graph_node(&g, &some_op, names[i], &x, 1, x, NULL, 0, 0);
        const char *variant = graph_variant(&g, &g.nodes[i]);
        if (variants[i])
            assert_string_equal(variant, variants[i]);
        else
            assert_null(variant);
    }
    graph_finish(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_fastest_is_chosen),
        cmocka_unit_test(unknown_variants_have_no_answer),
        cmocka_unit_test(a_file_is_used_or_missed),
        cmocka_unit_test(two_programs_share_a_file),
        cmocka_unit_test(a_place_that_cannot_be_written_is_no_error),
        cmocka_unit_test(a_graph_asks_its_chooser),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
