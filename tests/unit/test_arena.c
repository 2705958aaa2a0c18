#include "core/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void zeroed_aligned_and_apart(void **state)
{
    (void)state;
    arena a = { 0 };
    unsigned char *pieces[600];
    for (size_t i = 0; i < 600; i++) { /* up to 64 KiB and more, over many blocks */
        const size_t bytes = i * i / 4 + 1;
        pieces[i] = arena_alloc(&a, bytes, 1);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % 16, 0);
        for (size_t k = 0; k < bytes; k++)
            assert_int_equal(pieces[i][k], 0);
        memset(pieces[i], (int)(i % 255 + 1), bytes);
    }
    for (size_t i = 0; i < 600; i++)
        for (size_t k = 0; k < i * i / 4 + 1; k++)
            assert_int_equal(pieces[i][k], i % 255 + 1);
    arena_finish(&a);
    arena_finish(&a);
}

static void absurd_sizes_are_refused(void **state)
{
    (void)state;
    arena a = { 0 };
    assert_null(arena_alloc(&a, SIZE_MAX, 1));
    assert_null(arena_alloc(&a, SIZE_MAX / 2, 4));
    assert_null(arena_alloc(&a, (size_t)1 << 33, (size_t)1 << 31));
    assert_non_null(arena_alloc(&a, 0, 8));
    assert_non_null(arena_alloc(&a, 8, 0));
    arena_finish(&a);
}

static void text(void **state)
{
    (void)state;
    arena a = { 0 };
    const char *copy = arena_strdup(&a, "100% %s");
    const char *made = arena_format(&a, "%s.%d", copy, 7);
    assert_string_equal(copy, "100% %s");
    assert_string_equal(made, "100% %s.7");
    assert_string_equal(arena_strdup(&a, ""), "");
    arena_finish(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zeroed_aligned_and_apart),
        cmocka_unit_test(absurd_sizes_are_refused),
        cmocka_unit_test(text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
