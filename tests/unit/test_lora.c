/* LoRA files: names, what is added, and what is refused. */
#include "../harness/folder.h"

#include "weights/lora.h"
#include "weights/lora_name.h"

#include <math.h>
#include <setjmp.h>
#include <cmocka.h>

/* ---- names ----------------------------------------------------------------------------------- */

static void names(void **state)
{
    (void)state;
    static const struct {
        const char *key, *component;
        lora_part part;
        const char *tensor;
    } rows[] = {
        { "lora_unet_down_blocks_0_attentions_1_transformer_blocks_0_attn1_to_out_0.lora_down."
          "weight",
          "unet", LORA_DOWN,
          "down_blocks.0.attentions.1.transformer_blocks.0.attn1.to_out.0.weight" },
        { "lora_unet_mid_block_resnets_0_time_emb_proj.alpha", "unet", LORA_ALPHA,
          "mid_block.resnets.0.time_emb_proj.weight" },
        { "lora_te_text_model_encoder_layers_0_self_attn_q_proj.lora_up.weight", "text_encoder",
          LORA_UP, "text_model.encoder.layers.0.self_attn.q_proj.weight" },
        { "lora_te1_text_model_encoder_layers_11_mlp_fc1.alpha", "text_encoder", LORA_ALPHA,
          "encoder.layers.11.mlp.fc1.weight" },
        { "lora_te2_text_projection.lora_down.weight", "text_encoder_2", LORA_DOWN,
          "text_projection.weight" },
        { "unet.conv_in.lora_A.weight", "unet", LORA_DOWN, "conv_in.weight" },
        { "unet.up_blocks.1.resnets.2.conv1.lora_B.default.weight", "unet", LORA_UP,
          "up_blocks.1.resnets.2.conv1.weight" },
        { "text_encoder_2.text_model.encoder.layers.1.mlp.fc2.lora_B.weight", "text_encoder_2",
          LORA_UP, "text_model.encoder.layers.1.mlp.fc2.weight" },
        { "down_blocks.0.attentions.0.proj_in.lora.down.weight", "unet", LORA_DOWN,
          "down_blocks.0.attentions.0.proj_in.weight" },
        { "unet.mid_block.attentions.0.transformer_blocks.0.attn2.processor.to_out_lora.up.weight",
          "unet", LORA_UP, "mid_block.attentions.0.transformer_blocks.0.attn2.to_out.0.weight" },
        { "text_encoder.text_model.encoder.layers.0.self_attn.to_out_lora.down.weight",
          "text_encoder", LORA_DOWN, "text_model.encoder.layers.0.self_attn.out_proj.weight" },
        { "text_encoder.text_model.encoder.layers.0.mlp.fc1.lora_linear_layer.up.weight",
          "text_encoder", LORA_UP, "encoder.layers.0.mlp.fc1.weight" },
        /* Stable Diffusion XL's, two layers a block */
        { "lora_unet_input_blocks_0_0.lora_up.weight", "unet", LORA_UP, "conv_in.weight" },
        { "lora_unet_input_blocks_3_0_op.alpha", "unet", LORA_ALPHA,
          "down_blocks.0.downsamplers.0.conv.weight" },
        { "lora_unet_input_blocks_4_0_skip_connection.alpha", "unet", LORA_ALPHA,
          "down_blocks.1.resnets.0.conv_shortcut.weight" },
        { "lora_unet_input_blocks_8_1_transformer_blocks_9_ff_net_0_proj.lora_down.weight", "unet",
          LORA_DOWN, "down_blocks.2.attentions.1.transformer_blocks.9.ff.net.0.proj.weight" },
        { "lora_unet_middle_block_1_proj_out.alpha", "unet", LORA_ALPHA,
          "mid_block.attentions.0.proj_out.weight" },
        { "lora_unet_middle_block_2_out_layers_3.alpha", "unet", LORA_ALPHA,
          "mid_block.resnets.1.conv2.weight" },
        { "lora_unet_output_blocks_5_2_conv.alpha", "unet", LORA_ALPHA,
          "up_blocks.1.upsamplers.0.conv.weight" },
        { "lora_unet_output_blocks_2_1_conv.alpha", "unet", LORA_ALPHA,
          "up_blocks.0.upsamplers.0.conv.weight" },
        { "lora_unet_output_blocks_8_0_emb_layers_1.alpha", "unet", LORA_ALPHA,
          "up_blocks.2.resnets.2.time_emb_proj.weight" },
        { "lora_unet_label_emb_0_2.alpha", "unet", LORA_ALPHA, "add_embedding.linear_2.weight" },
        { "lora_unet_out_2.alpha", "unet", LORA_ALPHA, "conv_out.weight" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; ++i) {
        lora_name name;
        const char *kind;
        char module[LORA_MODULE_SIZE];
        assert_true(lora_name_parse(rows[i].key, 2, &name, &kind));
        assert_true(lora_module_of_tensor(rows[i].tensor, module));
        assert_string_equal(name.component, rows[i].component);
        assert_int_equal(name.part, rows[i].part);
        assert_string_equal(name.module, module);
    }
}

static void names_of_other_things(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        { "lora_unet_mid_block_resnets_0_conv1.dora_scale", "DoRA" },
        { "unet.mid_block.x.lora_magnitude_vector.weight", "DoRA" },
        { "lora_unet_mid_block_resnets_0_conv1.hada_w1_a", "LoHa" },
        { "lora_unet_mid_block_resnets_0_conv1.lokr_w1", "LoKr" },
        { "lora_unet_mid_block_resnets_0_conv1.lora_mid.weight", "LoCon" },
        { "unet.x.lora_B.bias", "biases" },
        { "conv_in.weight", NULL },
        { ".alpha", NULL },
        { "lora_unet_.alpha", NULL },
        { "", NULL },
    };
    char module[LORA_MODULE_SIZE];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; ++i) {
        lora_name name;
        const char *kind;
        assert_false(lora_name_parse(rows[i][0], 2, &name, &kind));
        assert_int_equal(kind != NULL, rows[i][1] != NULL);
        assert_true(!kind || strstr(kind, rows[i][1]));
    }
    assert_false(lora_module_of_tensor("conv_in.bias", module));
}

/* ---- files ----------------------------------------------------------------------------------- */

enum { TENSORS_MAX = 8 };

/* A file's tensors, floats. */
typedef struct written {
    qs_tensor tensors[TENSORS_MAX];
    size_t count;
} written;

static void put(written *w, const char *name, uint32_t rank, const uint64_t *shape,
                const float *values)
{
    qs_tensor *t = &w->tensors[w->count++];
    *t = (qs_tensor){ .name = name, .dtype = QS_DTYPE_F32, .rank = rank, .data = values };
    t->size_bytes = sizeof *values;
    for (uint32_t i = 0; i < rank; ++i) {
        t->shape[i] = shape[i];
        t->size_bytes *= (size_t)shape[i];
    }
}

#define PUT(w, name, values, ...)                                                                  \
    put(w, name, sizeof((uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t),                           \
        (uint64_t[]){ __VA_ARGS__ }, values)

static const char *write_file(const written *w, const char *name, const char *const *metadata)
{
    const char *path = temporary_path(folder, name);
    assert_int_equal(qs_safetensors_write(path, w->tensors, w->count, metadata), QS_OK);
    return path;
}

/* A UNet of a linear, [2, 3], and a convolution, [2, 1, 1, 1]. */
static const float LINEAR[6] = { 1, 2, 3, 4, 5, 6 }, CONV[2] = { 10, 20 };

static component open_unet(void)
{
    component c = { 0 };
    written w = { 0 };
    PUT(&w, "a.b.weight", LINEAR, 2, 3);
    PUT(&w, "c.weight", CONV, 2, 1, 1, 1);
    write_file(&w, "diffusion_pytorch_model.safetensors", NULL);
    assert_int_equal(component_open(&c, "unet", folder, WEIGHTS_DIFFUSERS, NULL), QS_OK);
    return c;
}

static const float UP[4] = { 1, 2, 3, 4 }, DOWN[6] = { 1, 0, -1, 2, 1, 0 };
static const float PRODUCT[6] = { 5, 2, -1, 11, 4, -3 };

static written good_file(void)
{
    written w = { 0 };
    PUT(&w, "lora_unet_a_b.lora_up.weight", UP, 2, 2);
    PUT(&w, "lora_unet_a_b.lora_down.weight", DOWN, 2, 3);
    return w;
}

static void read_weight(const component *c, const char *name, float *values)
{
    assert_int_equal(weight_files_read_floats(c->files, weight_files_find(c->files, name), values),
                     QS_OK);
}

/* W + factor * PRODUCT */
static void check_linear(const component *c, float factor)
{
    float values[6];
    read_weight(c, "a.b.weight", values);
    for (int i = 0; i < 6; ++i)
        assert_true(values[i] == LINEAR[i] + factor * PRODUCT[i]);
}

static void what_is_added(void **state)
{
    (void)state;
    static const float alpha = 6, square_down[1] = { 2 }, square_up[2] = { 1, 3 };
    const char *const settings[] = { "lora_adapter_metadata",
                                     "{\"unet.lora_alpha\": 8, \"unet.alpha_pattern\": {\"b\": 1}}",
                                     NULL };
    component c = open_unet();
    lora *plain = NULL, *alphas = NULL, *patterns = NULL;
    float conv[2];
    written w = good_file();
    assert_int_equal(lora_open(write_file(&w, "plain.safetensors", NULL), 0.5f, &plain), QS_OK);
    PUT(&w, "lora_unet_a_b.alpha", &alpha, 1);
    PUT(&w, "lora_unet_c.lora_down.weight", square_down, 1, 1);
    PUT(&w, "lora_unet_c.lora_up.weight", square_up, 2, 1, 1, 1);
    assert_int_equal(lora_open(write_file(&w, "alphas.safetensors", NULL), -1, &alphas), QS_OK);
    w = (written){ 0 };
    PUT(&w, "unet.a.b.lora_B.weight", UP, 2, 2);
    PUT(&w, "unet.a.b.lora_A.weight", DOWN, 2, 3);
    assert_int_equal(lora_open(write_file(&w, "settings.safetensors", settings), 1, &patterns),
                     QS_OK);
    check_linear(&c, 0);
    assert_int_equal(lora_add(plain, &c, 1, "m"), QS_OK);
    check_linear(&c, 0.5f);
    assert_int_equal(lora_add(alphas, &c, 1, "m"), QS_OK);
    check_linear(&c, 0.5f - 3);
    read_weight(&c, "c.weight", conv);
    assert_true(conv[0] == 10 - 2 && conv[1] == 20 - 6);
    assert_int_equal(lora_add(patterns, &c, 1, "m"), QS_OK);
    check_linear(&c, 0.5f - 3 + 0.5f);
    component_close(&c);
    lora_close(plain);
    lora_close(alphas);
    lora_close(patterns);
    lora_close(NULL);
}

/* More columns than are added at a time, and ranks that no four divide. */
static void a_wide_weight(void **state)
{
    (void)state;
    enum { ROWS = 3, RANK = 6, COLUMNS = 1031 };
    static float up[ROWS * RANK], down[RANK * COLUMNS], base[ROWS * COLUMNS], got[ROWS * COLUMNS];
    for (int i = 0; i < ROWS * RANK; ++i)
        up[i] = (float)(i % 5 - 2);
    for (int i = 0; i < RANK * COLUMNS; ++i)
        down[i] = (float)(i % 7 - 3);
    component c = { 0 };
    lora *l = NULL;
    written model = { 0 }, file = { 0 };
    PUT(&model, "a.weight", base, ROWS, COLUMNS);
    write_file(&model, "diffusion_pytorch_model.safetensors", NULL);
    PUT(&file, "lora_unet_a.lora_up.weight", up, ROWS, RANK);
    PUT(&file, "lora_unet_a.lora_down.weight", down, RANK, COLUMNS);
    assert_int_equal(component_open(&c, "unet", folder, WEIGHTS_DIFFUSERS, NULL), QS_OK);
    assert_int_equal(lora_open(write_file(&file, "wide.safetensors", NULL), 1, &l), QS_OK);
    assert_int_equal(lora_add(l, &c, 1, "m"), QS_OK);
    read_weight(&c, "a.weight", got);
    for (int row = 0; row < ROWS; ++row)
        for (int i = 0; i < COLUMNS; ++i) {
            float sum = 0;
            for (int k = 0; k < RANK; ++k)
                sum += up[row * RANK + k] * down[k * COLUMNS + i];
            assert_true(got[row * COLUMNS + i] == sum);
        }
    component_close(&c);
    lora_close(l);
}

static void refused(const written *w, const char *const *metadata, const char *message)
{
    component c = open_unet();
    lora *l = NULL;
    qs_status status = lora_open(write_file(w, "refused.safetensors", metadata), 1, &l);
    if (status == QS_OK)
        status = lora_add(l, &c, 1, "mymodel");
    if (status != QS_ERROR_MODEL || !strstr(qs_last_error(), message))
        fail_msg("status %d, wanted \"%s\", got \"%s\"", status, message, qs_last_error());
    component_close(&c);
    lora_close(l);
}

static void what_is_refused(void **state)
{
    (void)state;
    static const float bad_alpha = NAN, alphas[2] = { 1, 1 };
    written w = good_file();
    w.count = 1;
    refused(&w, NULL, "a_b has no lora_down (lora_A)");
    w = good_file();
    PUT(&w, "lora_unet_d.alpha", alphas, 1);
    refused(&w, NULL, "d has no lora_down (lora_A) and lora_up (lora_B)");
    w = good_file();
    PUT(&w, "unet.a.b.lora_A.weight", DOWN, 2, 3);
    refused(&w, NULL, "names of one tensor");
    w = good_file();
    PUT(&w, "lora_unet_a_b.dora_scale", UP, 2, 1);
    refused(&w, NULL,
            "is DoRA, which is not supported: only LoRA is (1 of its 3 tensors, such as "
            "lora_unet_a_b.dora_scale)");
    w = good_file();
    PUT(&w, "x", UP, 1);
    refused(&w, NULL, "is no LoRA: 1 of its 3 tensors have other names, such as x");
    w = good_file();
    PUT(&w, "lora_unet_a_b.alpha", alphas, 2);
    refused(&w, NULL, "is not one number");
    w = good_file();
    PUT(&w, "lora_unet_a_b.alpha", &bad_alpha, 1);
    refused(&w, NULL, "is NaN or Inf");
    w = good_file();
    PUT(&w, "lora_unet_d.lora_up.weight", UP, 2, 2);
    PUT(&w, "lora_unet_d.lora_down.weight", DOWN, 2, 3);
    PUT(&w, "lora_te_e.lora_up.weight", UP, 2, 2);
    PUT(&w, "lora_te_e.lora_down.weight", DOWN, 2, 3);
    refused(&w, NULL,
            "2 of its 3 pairs do not fit the model mymodel, first "
            "lora_te_e.lora_down.weight (the model has no text_encoder): this LoRA was "
            "made for another model");
    w = (written){ 0 };
    PUT(&w, "lora_unet_a_b.lora_up.weight", UP, 2, 1);
    PUT(&w, "lora_unet_a_b.lora_down.weight", DOWN, 1, 6);
    refused(&w, NULL, "[2,1] x [1,6], the model's is [2,3]");
    w.tensors[0].shape[0] = w.tensors[0].shape[1] = 1;
    w.tensors[0].size_bytes = 4;
    w.tensors[1].shape[0] = 2;
    w.tensors[1].shape[1] = 3;
    refused(&w, NULL, "no two matrices of floats with one rank");
    w = good_file();
    refused(&w, (const char *const[]){ "lora_adapter_metadata", "{\"unet.use_dora\": true}", NULL },
            "is DoRA");
    refused(&w, (const char *const[]){ "lora_adapter_metadata", "{", NULL }, "refused.safetensors");
}

static void nan_is_found_when_read(void **state)
{
    (void)state;
    static const float damaged[6] = { 1, 2, NAN, 4, 5, 6 };
    component c = open_unet();
    lora *l = NULL;
    float values[6];
    written w = good_file();
    w.tensors[1].data = damaged;
    assert_int_equal(lora_open(write_file(&w, "nan.safetensors", NULL), 1, &l), QS_OK);
    assert_int_equal(lora_add(l, &c, 1, "m"), QS_OK);
    assert_int_equal(
        weight_files_read_floats(c.files, weight_files_find(c.files, "a.b.weight"), values),
        QS_ERROR_MODEL);
    assert_non_null(strstr(qs_last_error(), "\"lora_unet_a_b.lora_down.weight\" has NaN or Inf"));
    component_close(&c);
    lora_close(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),    cmocka_unit_test(names_of_other_things),
        IN_FOLDER(what_is_added),   IN_FOLDER(a_wide_weight),
        IN_FOLDER(what_is_refused), IN_FOLDER(nan_is_found_when_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
