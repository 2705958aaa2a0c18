#include "model/config_reader.h"

#include "core/log.h"
#include "weights/file.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

qs_status config_reader_init(config_reader *reader, const char *path, json_t *root)
{
    *reader = (config_reader){ .path = path, .root = root, .left = json_copy(root) };
    return reader->left ? QS_OK : qs_error(QS_ERROR_MEMORY, "%s: no memory", path);
}

void config_reader_finish(config_reader *reader)
{
    json_decref(reader->left);
    reader->left = NULL;
}

json_t *config_take(config_reader *reader, const char *key)
{
    json_object_del(reader->left, key);
    return json_object_get(reader->root, key);
}

void config_ignore(config_reader *reader, const char *key)
{
    json_object_del(reader->left, key);
}

void config_ignore_private(config_reader *reader)
{
    const char *key;
    json_t *value;
    void *next;
    json_object_foreach_safe(reader->left, next, key, value)
    {
        if (key[0] == '_')
            json_object_del(reader->left, key);
    }
}

/* A value as JSON, shortened to fit a message. */
static void describe(const json_t *value, char *text, size_t room)
{
    char *json =
        value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
    const int used = snprintf(text, room, "%s", json ? json : "missing");
    if (used >= (int)room)
        memcpy(text + room - 4, "...", 4);
    free(json);
}

qs_status config_check_all_taken(const config_reader *reader)
{
    void *first = json_object_iter(reader->left);
    if (!first)
        return QS_OK;
    char text[80];
    describe(json_object_iter_value(first), text, sizeof text);
    return qs_error(QS_ERROR_MODEL,
                    "%s: unknown key \"%s\" (%s): what it changes is not "
                    "supported",
                    reader->path, text_clean(json_object_iter_key(first)).text, text);
}

void config_pass_over_foreign(const config_reader *reader, const char *class)
{
    const char *key;
    json_t *value;
    char names[512] = "";
    size_t used = 0, count = 0;
    json_object_foreach(reader->left, key, value)
    {
        if (used < sizeof names)
            used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", count ? ", " : "",
                                     text_clean(key).text);
        count++;
    }
    if (count > 0)
        log_line(QS_LOG_INFO,
                 "%s: passed over, as diffusers does, what %s has no argument for: %s%s",
                 reader->path, class, names, used < sizeof names ? "" : "...");
}

qs_status config_refuse(const config_reader *reader, const char *key, const json_t *value,
                        const char *expected, ...)
{
    char text[160], wanted[512];
    va_list args;
    va_start(args, expected);
    vsnprintf(wanted, sizeof wanted, expected, args);
    va_end(args);
    describe(value, text, sizeof text);
    return qs_error(QS_ERROR_MODEL, "%s: key \"%s\" is %s, %s", reader->path, text_clean(key).text,
                    text, wanted);
}

qs_status config_require(const config_reader *reader, const char *key, const char *expected)
{
    if (json_object_get(reader->root, key))
        return QS_OK;
    return config_refuse(reader, key, NULL, "%s", expected);
}

static qs_status take_u32(config_reader *reader, const char *key, uint32_t min, uint32_t max,
                          const char *or_null, uint32_t *out)
{
    const json_t *value = config_take(reader, key);
    if (!value)
        return QS_OK;
    const json_int_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < (json_int_t)min || number > (json_int_t)max)
        return config_refuse(reader, key, value, "supported: %u to %u%s", min, max, or_null);
    *out = (uint32_t)number;
    return QS_OK;
}

qs_status config_take_u32(config_reader *reader, const char *key, uint32_t min, uint32_t max,
                          uint32_t *out)
{
    return take_u32(reader, key, min, max, "", out);
}

qs_status config_take_u32_or_null(config_reader *reader, const char *key, uint32_t min,
                                  uint32_t max, uint32_t *out)
{
    if (!json_is_null(json_object_get(reader->root, key)))
        return take_u32(reader, key, min, max, ", or null", out);
    config_ignore(reader, key);
    *out = 0;
    return QS_OK;
}

qs_status config_take_number(config_reader *reader, const char *key, double min, double max,
                             double *out)
{
    const json_t *value = config_take(reader, key);
    if (!value)
        return QS_OK;
    const double number = json_number_value(value);
    if (!json_is_number(value) || !(number >= min && number <= max))
        return config_refuse(reader, key, value, "supported: %g to %g", min, max);
    *out = number;
    return QS_OK;
}

qs_status config_take_bool(config_reader *reader, const char *key, bool *out)
{
    const json_t *value = config_take(reader, key);
    if (!value)
        return QS_OK;
    if (!json_is_boolean(value))
        return config_refuse(reader, key, value, "supported: true, false");
    *out = json_is_true(value);
    return QS_OK;
}

void config_list_words(const char *const *words, char *text, size_t room)
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; words[i] && used < room; i++)
        used += (size_t)snprintf(text + used, room - used, "%s\"%s\"", i ? ", " : "", words[i]);
}

qs_status config_take_word(config_reader *reader, const char *key, const char *const *words,
                           uint32_t *index)
{
    const json_t *value = config_take(reader, key);
    if (!value)
        return QS_OK;
    const char *word = json_string_value(value);
    for (uint32_t i = 0; word && words[i]; i++) {
        if (strcmp(word, words[i]) == 0) {
            *index = i;
            return QS_OK;
        }
    }
    char list[256];
    config_list_words(words, list, sizeof list);
    return config_refuse(reader, key, value, "supported: %s", list);
}
