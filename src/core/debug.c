#include "core/debug.h"

#include "core/log.h"

#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *word;
    size_t offset;
} flags[] = {
    { "validate", offsetof(debug_words, validate) },
    { "sync", offsetof(debug_words, sync) },
    { "labels", offsetof(debug_words, labels) },
    { "time", offsetof(debug_words, time) },
    { "check", offsetof(debug_words, check) },
    { "defaults", offsetof(debug_words, defaults) },
};

static debug_words words;
static pthread_once_t parsed = PTHREAD_ONCE_INIT;

static void parse_word(const char *word, size_t length)
{
    static const char dump[] = "dump=", memory[] = "memory=", limits[] = "limits=";
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (strlen(flags[i].word) == length && strncmp(flags[i].word, word, length) == 0) {
            *(bool *)((char *)&words + flags[i].offset) = true;
            return;
        }
    if (length > strlen(dump) && strncmp(word, dump, strlen(dump)) == 0)
        words.dump_dir = strndup(word + strlen(dump), length - strlen(dump));
    else if (length > strlen(limits) && strncmp(word, limits, strlen(limits)) == 0)
        words.limits = strndup(word + strlen(limits), length - strlen(limits));
    else if (strncmp(word, memory, strlen(memory)) == 0)
        words.memory_mib = strtoull(word + strlen(memory), NULL, 10);
    else if (length > 0)
        log_line(QS_LOG_WARNING, "QUICKSTEP_DEBUG: unknown word '%.*s'", (int)length, word);
}

static void parse(void)
{
    const char *at = getenv("QUICKSTEP_DEBUG");
    while (at && *at) {
        const size_t length = strcspn(at, ",");
        parse_word(at, length);
        at += length + (at[length] == ',');
    }
    if (words.sync)
        words.validate = true;
}

const debug_words *debug_get(void)
{
    pthread_once(&parsed, parse);
    return &words;
}

const char *qs_debug_help(void)
{
    return "validate   Vulkan core validation (VK_LAYER_KHRONOS_validation); messages are errors\n"
           "sync       synchronization validation too\n"
           "labels     debug names and labels, for capture tools\n"
           "time       log every op's time after a picture\n"
           "check      count NaN and Inf after every op, name the first\n"
           "defaults   every op's default variant, as with --no-tune\n"
           "memory=MIB pretend that the device has so little memory\n"
           "limits=... pretend that the device can do no more than that, with + between:\n"
           "             no_push_descriptor   descriptor sets instead of push descriptors\n"
           "             no_f16               no 16-bit floats, neither stored nor computed\n"
           "             no_shuffle           no subgroup operations but the basic ones\n"
           "             hardware             the shaders and tiles of GPUs, on software, too\n"
           "             workgroup:N          invocations of a workgroup (128 or more)\n"
           "             shared:BYTES         shared memory of a workgroup (16384 or more)\n"
           "             range:BYTES          of a storage buffer (1048576 or more; Vulkan "
           "promises 134217728)\n"
           "             buffers:N            storage buffers that a shader binds (4 or more)\n"
           "             texels:N             of a texel buffer (65536 or more)\n"
           "dump=DIR   every activation of every step as DIR/step-NNNN/NAME.safetensors, and of\n"
           "           an autoencoder's decoder as DIR/decode/NAME.safetensors\n";
}
