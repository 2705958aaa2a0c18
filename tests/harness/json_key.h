/* A JSON file that differs in one key. After cmocka.h. */
#ifndef QS_TESTS_HARNESS_JSON_KEY_H
#define QS_TESTS_HARNESS_JSON_KEY_H

#include <jansson.h>

/* Takes root, and writes it with the key set to a JSON value, or removed (NULL). */
static inline void write_with_key(json_t *root, const char *key, const char *value,
                                  const char *path)
{
    json_t *parsed = value ? json_loads(value, JSON_DECODE_ANY, NULL) : NULL;
    assert_true(root && (parsed || !value));
    assert_int_equal(value ? json_object_set_new(root, key, parsed) : json_object_del(root, key),
                     0);
    assert_int_equal(json_dump_file(root, path, 0), 0);
    json_decref(root);
}

#endif
