/* The tokenizer against transformers' CLIPTokenizer, token for token, and bad input.
 *     test_tokenizer [FOLDER]: the cases of a folder that tools/golden/tokenizer.py wrote alone */
#include "../harness/temporary.h"
#include "../harness/source.h"

#include "text/tokenizer.h"
#include "weights/file.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

static const char *given; /* a folder */

static const char *golden(const char *name)
{
    return source_path("tests/golden/tokenizer/%s", name);
}

static bool encode_equal(const tokenizer *t, const char *text, const json_t *expected)
{
    uint32_t ids[TOKENIZER_LENGTH_MAX], dropped;
    const size_t count = json_array_size(expected);
    if (tokenizer_encode(t, text, ids, &dropped) != QS_OK)
        return false;
    for (size_t i = 0; i < count; ++i)
        if ((json_int_t)ids[i] != json_integer_value(json_array_get(expected, i))) {
            print_message("\"%s\": token %zu is %u\n", text, i, ids[i]);
            return false;
        }
    for (size_t i = count; i + 1 < tokenizer_length(t); ++i)
        if (ids[i] != ids[i + 1])
            return false;
    return true;
}

static void check_folder(const char *folder)
{
    char path[600];
    json_t *root = NULL, *entry;
    tokenizer *t = NULL;
    size_t i, wrong = 0;
    assert_int_equal(tokenizer_open(folder, &t), QS_OK);
    snprintf(path, sizeof path, "%s/cases.json", folder);
    assert_int_equal(file_read_json(path, &root), QS_OK);
    const json_t *cases = json_object_get(root, "cases");
    assert_int_equal(json_array_size(cases), 2000);
    json_array_foreach(cases, i, entry) wrong +=
        !encode_equal(t, json_string_value(json_array_get(entry, 0)), json_array_get(entry, 1));
    assert_int_equal(wrong, 0);
    json_decref(root);
    tokenizer_close(t);
}

static void texts_of_a_vocabulary_and_merges(void **state)
{
    (void)state;
    check_folder(given ? given : golden("pair"));
}

static void texts_of_a_whole_file_that_pads_with_a_word(void **state)
{
    (void)state;
    uint32_t ids[TOKENIZER_LENGTH_MAX], dropped;
    tokenizer *t = NULL;
    check_folder(golden("whole"));
    assert_int_equal(tokenizer_open(golden("whole"), &t), QS_OK);
    assert_int_equal(tokenizer_encode(t, "a", ids, &dropped), QS_OK);
    assert_int_equal(ids[3], 0); /* "!" */
    assert_int_equal(ids[76], 0);
    tokenizer_close(t);
}

static void what_there_is_no_room_for_is_counted(void **state)
{
    (void)state;
    char text[512] = "";
    uint32_t ids[TOKENIZER_LENGTH_MAX], dropped;
    tokenizer *t = NULL;
    assert_int_equal(tokenizer_open(golden("pair"), &t), QS_OK);
    for (int i = 0; i < 80; ++i)
        strcat(text, "7 ");
    assert_int_equal(tokenizer_encode(t, text, ids, &dropped), QS_OK);
    assert_int_equal(dropped, 5);
    assert_int_equal(ids[75], ids[1]);
    assert_int_not_equal(ids[76], ids[1]);
    tokenizer_close(t);
}

static void bad_prompts_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = { "\xff", "a\xc3", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                                       "\xc0\x80" };
    uint32_t ids[TOKENIZER_LENGTH_MAX], dropped;
    tokenizer *t = NULL;
    assert_int_equal(tokenizer_open(golden("pair"), &t), QS_OK);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; ++i) {
        assert_int_equal(tokenizer_encode(t, bad[i], ids, &dropped), QS_ERROR_USAGE);
        assert_non_null(strstr(qs_last_error(), "not UTF-8"));
    }
    char *large = malloc(10000001);
    memset(large, 'x', 10000000);
    large[10000000] = '\0';
    assert_int_equal(tokenizer_encode(t, large, ids, &dropped), QS_ERROR_USAGE);
    assert_non_null(strstr(qs_last_error(), "10000000 bytes"));
    large[PROMPT_BYTES_MAX] = '\0';
    assert_int_equal(tokenizer_encode(t, large, ids, &dropped), QS_OK);
    free(large);
    tokenizer_close(t);
}

/* A folder with these files, NULL: without. */
static void refuse_folder(const char *vocab, const char *merges, const char *config,
                          const char *message)
{
    const char *const names[] = { "vocab.json", "merges.txt", "tokenizer_config.json" };
    const char *const texts[] = { vocab, merges, config };
    char *folder = temporary_create();
    tokenizer *t = NULL;
    for (size_t i = 0; i < 3; ++i)
        if (texts[i])
            temporary_write(temporary_path(folder, names[i]), texts[i], strlen(texts[i]));
    assert_int_equal(tokenizer_open(folder, &t), QS_ERROR_MODEL);
    if (!strstr(qs_last_error(), message))
        fail_msg("\"%s\" does not say \"%s\"", qs_last_error(), message);
    temporary_remove(folder);
}

static void bad_folders_are_refused(void **state)
{
    (void)state;
    static const char vocab[] = "{\"a\":0,\"b</w>\":1,\"ab</w>\":2,\"<|startoftext|>\":3,"
                                "\"<|endoftext|>\":4}";
    static const char config[] = "{\"model_max_length\":77}";
    refuse_folder(NULL, "", config, "vocab.json");
    refuse_folder(vocab, NULL, config, "merges.txt");
    refuse_folder(vocab, "", NULL, "tokenizer_config.json");
    refuse_folder("{\"a\":-1}", "", config, "has no id");
    refuse_folder("{\"a\":0}", "", config, "\"bos_token\"");
    refuse_folder(vocab, "a b</w>\nab</w>\n", config, "not a pair");
    refuse_folder(vocab, "a b</w>\na a\n", config, "makes no token");
    refuse_folder(vocab, "", "{\"model_max_length\":1000000}", "model_max_length");
    refuse_folder(vocab, "", "{\"model_max_length\":77,\"pad_token\":\"c\"}", "\"pad_token\"");
    refuse_folder(vocab, "", "{\"model_max_length\":77,\"tokenizer_class\":\"T5Tokenizer\"}",
                  "T5Tokenizer");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_of_a_vocabulary_and_merges),
        cmocka_unit_test(texts_of_a_whole_file_that_pads_with_a_word),
        cmocka_unit_test(what_there_is_no_room_for_is_counted),
        cmocka_unit_test(bad_prompts_are_refused),
        cmocka_unit_test(bad_folders_are_refused),
    };
    given = argc > 1 ? argv[1] : NULL;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
