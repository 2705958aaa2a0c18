#include "weights/lora_name.h"

#include "core/text.h"

#include <stdio.h>
#include <string.h>

/* ---- texts ----------------------------------------------------------------------------------- */

/* Puts `to` in the place of `length` characters at `at`; the tables below add a few at most. */
static void replace(char text[LORA_MODULE_SIZE], size_t at, size_t length, const char *to)
{
    char behind[LORA_MODULE_SIZE];
    snprintf(behind, sizeof behind, "%s", text + at + length);
    snprintf(text + at, LORA_MODULE_SIZE - at, "%s%s", to, behind);
}

static void underscore(char *text)
{
    for (; *text; ++text)
        if (*text == '.')
            *text = '_';
}

/* ---- the tables ------------------------------------------------------------------------------ */

static const struct {
    const char *ending;
    lora_part part;
} parts[] = {
    { ".lora_down.weight", LORA_DOWN },
    { ".lora_up.weight", LORA_UP },
    { ".alpha", LORA_ALPHA },
    { ".lora_A.weight", LORA_DOWN },
    { ".lora_B.weight", LORA_UP },
    { ".lora_A.default.weight", LORA_DOWN },
    { ".lora_B.default.weight", LORA_UP },
    { ".lora_linear_layer.down.weight", LORA_DOWN },
    { ".lora_linear_layer.up.weight", LORA_UP },
    { ".lora.down.weight", LORA_DOWN },
    { ".lora.up.weight", LORA_UP },
    { "_lora.down.weight", LORA_DOWN },
    { "_lora.up.weight", LORA_UP },
};

static const struct {
    const char *beginning, *component;
} components[] = {
    { "lora_unet_", "unet" },
    { "lora_te2_", "text_encoder_2" },
    { "lora_te1_", "text_encoder" },
    { "lora_te_", "text_encoder" },
    { "unet.", "unet" },
    { "text_encoder_2.", "text_encoder_2" },
    { "text_encoder.", "text_encoder" },
};

/* What is no plain LoRA, by a part of its names. */
static const struct {
    const char *mark, *kind;
} foreign[] = {
    { "dora_scale", "DoRA" },
    { "lora_magnitude_vector", "DoRA" },
    { ".hada_", "LoHa" },
    { ".lokr_", "LoKr" },
    { ".oft_", "OFT" },
    { ".lora_mid.", "LoCon with a decomposed kernel (lora_mid)" },
    { ".lora_B.bias", "LoRA with biases" },
    { ".diff", "whole differences of weights" },
    { "emb_params", "textual inversion" },
};

/* diffusers' attention processors had names of their own; transformers' CLIP those of today. */
static const struct {
    const char *component, *ending, *to;
} old_endings[] = {
    { "unet", "_to_out", "_to_out_0" },         { "text_encoder", "_to_q", "_q_proj" },
    { "text_encoder", "_to_k", "_k_proj" },     { "text_encoder", "_to_v", "_v_proj" },
    { "text_encoder", "_to_out", "_out_proj" },
};

/* The first implementation's names of modules, and diffusers'. */
static const struct {
    const char *from, *to;
} first_names[] = {
    { "in_layers_2", "conv1" },
    { "out_layers_3", "conv2" },
    { "emb_layers_1", "time_emb_proj" },
    { "skip_connection", "conv_shortcut" },
    { "time_embed_0", "time_embedding_linear_1" },
    { "time_embed_2", "time_embedding_linear_2" },
    { "label_emb_0_0", "add_embedding_linear_1" },
    { "label_emb_0_2", "add_embedding_linear_2" },
};

/* ---- the first implementation's blocks ------------------------------------------------------- */

static const char *part_of_block(uint32_t index, const char *rest)
{
    if (index == 0)
        return "resnets";
    return index == 1 && strcmp(rest, "conv") != 0 ? "attentions" : "upsamplers";
}

/* input_blocks_4_1_REST, blocks of layers_per_block layers and a downsampler behind a first
 * convolution; output_blocks_4_1_REST, blocks of one layer more, of which the last has the
 * upsampler; middle_block_1_REST. False: none of these. */
static bool first_block(const char *module, uint32_t layers, char to[LORA_MODULE_SIZE])
{
    uint32_t number = 0, index = 0;
    char rest[LORA_MODULE_SIZE] = "";
    const uint32_t per_block = layers + 1;
    if (sscanf(module, "input_blocks_%4u_%1u_%543s", &number, &index, rest) == 3 && number > 0) {
        const uint32_t block = (number - 1) / per_block, layer = (number - 1) % per_block;
        if (strcmp(rest, "op") == 0)
            snprintf(to, LORA_MODULE_SIZE, "down_blocks_%u_downsamplers_0_conv", block);
        else
            snprintf(to, LORA_MODULE_SIZE, "down_blocks_%u_%s_%u_%.480s", block,
                     part_of_block(index, rest), layer, rest);
        return true;
    }
    if (sscanf(module, "middle_block_%1u_%543s", &number, rest) == 2) {
        snprintf(to, LORA_MODULE_SIZE, "mid_block_%s_%u_%.480s",
                 number == 1 ? "attentions" : "resnets", number / 2, rest);
        return true;
    }
    if (sscanf(module, "output_blocks_%4u_%1u_%543s", &number, &index, rest) == 3) {
        const char *part = part_of_block(index, rest);
        const uint32_t layer = strcmp(part, "upsamplers") == 0 ? 0 : number % per_block;
        snprintf(to, LORA_MODULE_SIZE, "up_blocks_%u_%s_%u_%.480s", number / per_block, part, layer,
                 rest);
        return true;
    }
    return false;
}

static void rename_first(char module[LORA_MODULE_SIZE], uint32_t layers)
{
    char to[LORA_MODULE_SIZE];
    if (strcmp(module, "input_blocks_0_0") == 0)
        replace(module, 0, strlen(module), "conv_in");
    else if (strcmp(module, "out_2") == 0)
        replace(module, 0, strlen(module), "conv_out");
    else if (first_block(module, layers, to))
        memcpy(module, to, sizeof to);
    for (size_t i = 0; i < sizeof first_names / sizeof *first_names; ++i)
        if (text_ends_with(module, first_names[i].from))
            replace(module, strlen(module) - strlen(first_names[i].from),
                    strlen(first_names[i].from), first_names[i].to);
}

/* ---- names ----------------------------------------------------------------------------------- */

/* transformers' CLIPTextModel has lost this prefix. */
static void drop_text_model(char module[LORA_MODULE_SIZE])
{
    static const char prefix[] = "text_model_";
    if (text_begins_with(module, prefix))
        replace(module, 0, sizeof prefix - 1, "");
}

static void make_module(lora_name *name, uint32_t layers)
{
    static const char processor[] = "_processor_";
    char *module = name->module;
    memcpy(module, name->stem, sizeof name->stem);
    underscore(module);
    const char *at = strstr(module, processor);
    if (at)
        replace(module, (size_t)(at - module), sizeof processor - 1, "_");
    for (size_t i = 0; i < sizeof old_endings / sizeof *old_endings; ++i)
        if (text_begins_with(name->component, old_endings[i].component) &&
            text_ends_with(module, old_endings[i].ending))
            replace(module, strlen(module) - strlen(old_endings[i].ending),
                    strlen(old_endings[i].ending), old_endings[i].to);
    if (strcmp(name->component, "unet") == 0)
        rename_first(module, layers);
    else
        drop_text_model(module);
}

static const char *find_foreign(const char *key)
{
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; ++i)
        if (strstr(key, foreign[i].mark))
            return foreign[i].kind;
    return NULL;
}

bool lora_name_parse(const char *key, uint32_t layers_per_block, lora_name *name, const char **kind)
{
    *name = (lora_name){ .component = "unet", .part = LORA_PART_COUNT };
    size_t begin = 0, end = strlen(key);
    for (size_t i = 0; i < sizeof parts / sizeof *parts && name->part == LORA_PART_COUNT; ++i) {
        if (text_ends_with(key, parts[i].ending)) {
            name->part = parts[i].part;
            end -= strlen(parts[i].ending);
        }
    }
    for (size_t i = 0; i < sizeof components / sizeof *components && begin == 0; ++i) {
        if (text_begins_with(key, components[i].beginning)) {
            name->component = components[i].component;
            begin = strlen(components[i].beginning);
        }
    }
    *kind = name->part == LORA_PART_COUNT ? find_foreign(key) : NULL;
    if (name->part == LORA_PART_COUNT || begin >= end || end - begin > 512)
        return false;
    snprintf(name->stem, sizeof name->stem, "%.*s", (int)(end - begin), key + begin);
    make_module(name, layers_per_block);
    return true;
}

bool lora_module_of_tensor(const char *tensor, char module[LORA_MODULE_SIZE])
{
    static const char ending[] = ".weight";
    const size_t length = strlen(tensor);
    if (!text_ends_with(tensor, ending) || length > 512)
        return false;
    snprintf(module, LORA_MODULE_SIZE, "%.*s", (int)(length - (sizeof ending - 1)), tensor);
    underscore(module);
    drop_text_model(module);
    return true;
}
