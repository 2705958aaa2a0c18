/* Prompts -> what the device makes their condition of. */
#include "core/log.h"
#include "session/embed.h"
#include "session/session.h"

#include <stdlib.h>
#include <string.h>

static uint32_t encoder_count(const qs_session *s)
{
    return s->model->config.text_encoder_count;
}

static size_t ids_bytes(const qs_session *s)
{
    return (size_t)session_texts(s) * model_tokens(s->model) * sizeof(uint32_t);
}

static size_t weights_bytes(const qs_session *s)
{
    return (size_t)session_images(s) * 4 * sizeof(float);
}

static qs_status create(const qs_session *s, prompt_words *w)
{
    w->weights = calloc(1, weights_bytes(s));
    bool all = w->weights != NULL;
    for (uint32_t i = 0; i < encoder_count(s); ++i)
        all = (w->ids[i] = malloc(ids_bytes(s))) != NULL && all;
    return all ? QS_OK : qs_error(QS_ERROR_MEMORY, "no host memory for token ids");
}

static void destroy(prompt_words *w)
{
    for (uint32_t i = 0; i < TEXT_ENCODERS_MAX; ++i)
        free(w->ids[i]);
    free(w->weights);
}

static qs_status create_read(qs_session *s)
{
    const unet_config *c = &s->model->config.unet;
    const size_t texts = session_texts(s);
    s->words.states =
        calloc(texts * model_tokens(s->model) * c->cross_attention_dim, sizeof *s->words.states);
    s->words.pooled = calloc(texts * c->pooled_dim + 1, sizeof *s->words.pooled);
    return s->words.states && s->words.pooled
               ? QS_OK
               : qs_error(QS_ERROR_MEMORY, "no host memory for text states");
}

qs_status words_create(qs_session *s)
{
    if (encoder_count(s) == 0)
        return QS_OK;
    qs_status status = QS_OK;
    TRY(create(s, &s->words.have));
    TRY(create(s, &s->words.next));
    if (s->options.offload)
        TRY(create_read(s));
fail:
    return status;
}

void words_destroy(qs_session *s)
{
    destroy(&s->words.have);
    destroy(&s->words.next);
    free(s->words.states);
    free(s->words.pooled);
}

/* ---- recipe -> ids --------------------------------------------------------------------------- */

static qs_status refuse_words(const qs_recipe *r)
{
    if (r->prompt || r->prompts || r->negative || r->guidance > 0 || r->text_states ||
        r->prompt_to || r->prompts_to || r->prompt_2 || r->negative_2)
        return qs_error(QS_ERROR_USAGE, "this model reads no prompts: it has no text encoder");
    if (r->mix != 0 && !r->labels_to)
        return qs_error(QS_ERROR_USAGE,
                        "a mix of what? This model reads no prompts, and there are no labels_to");
    return QS_OK;
}

static qs_status check_second(const qs_session *s, const qs_recipe *r)
{
    if ((r->prompt_2 || r->negative_2) && encoder_count(s) < 2)
        return qs_error(QS_ERROR_USAGE,
                        "a prompt for a second text encoder: this model has one only");
    if (r->negative_2 && !r->negative)
        return qs_error(QS_ERROR_USAGE, "a second negative prompt without the first");
    return QS_OK;
}

/* diffusers' original_size, crops_coords_top_left and target_size */
static qs_status read_time_ids(qs_session *s, const qs_recipe *r)
{
    const model_extent size = model_picture_extent(&s->model->config);
    const bool has_size = r->original_width > 0;
    const uint32_t wanted[TIME_IDS] = { has_size ? r->original_height : size.h,
                                        has_size ? r->original_width : size.w,
                                        r->crop_top,
                                        r->crop_left,
                                        size.h,
                                        size.w };
    const bool given = has_size || r->original_height || r->crop_left || r->crop_top;
    if (given && s->model->config.unet.time_id_dim == 0)
        return qs_error(QS_ERROR_USAGE, "an original size or a crop: this network is told nothing "
                                        "of a picture's size");
    if (has_size != (r->original_height > 0))
        return qs_error(QS_ERROR_USAGE, "an original size of %u x %u", r->original_width,
                        r->original_height);
    for (uint32_t i = 0; i < TIME_IDS; ++i) {
        if (wanted[i] > QS_ORIGINAL_MAX)
            return qs_error(QS_ERROR_USAGE, "an original size or a crop of %u: at most %u",
                            wanted[i], QS_ORIGINAL_MAX);
        s->words.next.time_ids[i] = (float)wanted[i];
    }
    return QS_OK;
}

static qs_status read_guidance(qs_session *s, const qs_recipe *r)
{
    const model_config *c = &s->model->config;
    const bool guides = s->options.guided || c->unet.time_cond_proj_dim != 0;
    const float scale = r->guidance > 0 ? r->guidance : guides ? (float)c->default_guidance : 1;
    if (!(r->guidance >= 0 && r->guidance <= QS_GUIDANCE_MAX))
        return qs_error(QS_ERROR_USAGE, "a guidance scale of %g: 1 (none) to %d",
                        (double)r->guidance, QS_GUIDANCE_MAX);
    if (scale != 1 && !guides)
        return qs_error(
            QS_ERROR_USAGE,
            "a guidance scale of %g: this session evaluates the network once a step, and the "
            "network takes no scale (qs_session_options.guided evaluates it twice)",
            (double)scale);
    if (r->negative && !s->options.guided)
        return qs_error(QS_ERROR_USAGE, "a negative prompt needs qs_session_options.guided");
    s->words.next.guidance = scale;
    return QS_OK;
}

/* Texts of a batch that begins with text `first`. second: of the second text encoder, or NULL. */
static qs_status read_prompts(const qs_session *s, const char *one, const char *const *each,
                              const char *second, uint32_t first)
{
    qs_status status = QS_OK;
    for (uint32_t i = 0; i < s->options.batch && status == QS_OK; ++i)
        status =
            embed_read_prompt(s->model, each ? each[i] : one, second, s->words.next.ids, first + i);
    return status;
}

static qs_status check_given(const qs_session *s, const qs_recipe *r)
{
    const qs_text_states *given = r->text_states;
    const unet_config *c = &s->model->config.unet;
    const uint32_t texts = session_texts(s), tokens = model_tokens(s->model);
    const size_t states = (size_t)texts * tokens * c->cross_attention_dim,
                 pooled = (size_t)texts * c->pooled_dim;
    if (r->prompt || r->prompts || r->prompt_2 || r->negative || r->prompt_to || r->prompts_to)
        return qs_error(QS_ERROR_USAGE,
                        "text states are given instead of prompts, not beside them");
    if (!given->states || given->state_count != states)
        return qs_error(
            QS_ERROR_USAGE, "text states of %zu floats: %u texts of %u tokens of %u are %zu",
            given->states ? given->state_count : 0, texts, tokens, c->cross_attention_dim, states);
    if (given->pooled_count != pooled || (pooled > 0 && !given->pooled))
        return qs_error(QS_ERROR_USAGE, "pooled states of %zu floats: %u texts of %u are %zu",
                        given->pooled ? given->pooled_count : 0, texts, c->pooled_dim, pooled);
    return QS_OK;
}

static qs_status check_mix(const qs_session *s, const qs_recipe *r)
{
    const bool mixes = r->mix != 0 && !r->labels_to;
    if (!s->options.blended && (mixes || r->prompt_to || r->prompts_to))
        return qs_error(QS_ERROR_USAGE, "a second prompt needs qs_session_options.blended");
    return QS_OK;
}

/* How much of which text an image has. */
static void weigh(qs_session *s, const qs_recipe *r)
{
    const uint32_t conditioned = session_images(s) - s->options.batch;
    const bool nothing = !r->negative && !r->text_states && s->model->config.zero_negative;
    const float mix = s->options.blended ? r->mix : 0;
    for (uint32_t i = 0; i < session_images(s); ++i) {
        float *weights = s->words.next.weights + 4 * (size_t)i;
        weights[0] = i >= conditioned ? 1 - mix : nothing ? 0 : 1;
        weights[1] = i >= conditioned ? mix : 0;
    }
}

qs_status words_read(qs_session *s, const qs_recipe *r)
{
    const uint32_t batch = s->options.batch, conditioned = session_images(s) - batch;
    qs_status status = QS_OK;
    TRY(read_time_ids(s, r));
    if (encoder_count(s) == 0)
        return refuse_words(r);
    TRY(read_guidance(s, r));
    TRY(check_mix(s, r));
    TRY(check_second(s, r));
    weigh(s, r);
    s->words.next.given = r->text_states;
    if (r->text_states)
        return check_given(s, r);
    TRY(read_prompts(s, r->prompt, r->prompts, r->prompt_2, conditioned));
    if (s->options.guided)
        TRY(read_prompts(s, r->negative, NULL, r->negative_2, 0));
    if (s->options.blended)
        TRY(read_prompts(s, r->prompt_to, r->prompts_to, NULL, session_images(s)));
fail:
    return status;
}

/* ---- ids -> device --------------------------------------------------------------------------- */

/* Tokens are pixels to a state: [texts, tokens, 1, width]. */
static void write_given(const state *to, uint32_t slot, const float *values)
{
    const tensor *t = &to->tensor;
    float *bytes = state_mapped(&to->upload, slot);
    memset(bytes, 0, t->bytes);
    for (size_t i = 0; i < (size_t)t->n * t->h; ++i)
        memcpy(bytes + i * t->stride, values + i * t->c, t->c * sizeof *values);
}

static void write_time_ids(const qs_session *s, const state *time_ids, uint32_t slot)
{
    const prompt_words *w = &s->words.next;
    float *to = state_mapped(&time_ids->upload, slot);
    for (uint32_t i = 0; i < time_ids->tensor.n; ++i)
        memcpy(to + (size_t)i * time_ids->tensor.stride, w->time_ids, sizeof w->time_ids);
}

/* What comes from the host instead of ids: the caller's, or what embed_texts has read; or NULL. */
static qs_text_states host_states(const qs_session *s)
{
    const session_words *w = &s->words;
    return w->next.given ? *w->next.given
                         : (qs_text_states){ .states = w->states, .pooled = w->pooled };
}

void words_write(const qs_session *s, const state_set *states, uint32_t slot)
{
    const prompt_words *w = &s->words.next;
    const qs_text_states host = host_states(s);
    const state *guidance = states_find(states, "guidance"),
                *time_ids = states_find(states, "time_ids");
    if (encoder_count(s) == 0)
        return;
    if (host.states)
        write_given(states_find(states, "text_states"), slot, host.states);
    if (host.states && states_find(states, "pooled"))
        write_given(states_find(states, "pooled"), slot, host.pooled);
    for (uint32_t i = 0; i < encoder_count(s) && !host.states; ++i)
        embed_write_ids(s->model, states, slot, i, w->ids[i], session_texts(s));
    memcpy(states_upload(states, "text_weights", slot), w->weights, weights_bytes(s));
    float *scales = state_mapped(&guidance->upload, slot);
    for (uint32_t i = 0; i < guidance->tensor.n; ++i)
        scales[i] = 1000 * (w->guidance - 1);
    if (time_ids)
        write_time_ids(s, time_ids, slot);
}

static bool same_ids(const qs_session *s)
{
    const session_words *w = &s->words;
    bool same = w->valid && !w->next.given;
    for (uint32_t i = 0; i < encoder_count(s) && same; ++i)
        same = memcmp(w->have.ids[i], w->next.ids[i], ids_bytes(s)) == 0;
    return same;
}

/* Of the same texts. */
static bool same_condition(const qs_session *s)
{
    const prompt_words *have = &s->words.have, *next = &s->words.next;
    const bool scale_matters = s->model->config.unet.time_cond_proj_dim != 0;
    return memcmp(have->weights, next->weights, weights_bytes(s)) == 0 &&
           memcmp(have->time_ids, next->time_ids, sizeof have->time_ids) == 0 &&
           !(scale_matters && have->guidance != next->guidance);
}

qs_status words_submit(qs_session *s, uint32_t slot)
{
    session_words *w = &s->words;
    qs_status status = QS_OK;
    uint64_t ticket = 0;
    if (encoder_count(s) == 0)
        return QS_OK;
    const bool same = same_ids(s);
    if (same && same_condition(s))
        return QS_OK;
    const bool from_host = host_states(s).states != NULL;
    w->valid = false; /* should what follows fail */
    if (s->options.offload && !same && !w->next.given)
        TRY(embed_texts(s->device, s->model, s->storage, session_texts(s), w->next.ids, w->states,
                        w->pooled));
    words_write(s, &s->programs.states, slot);
    s->embedded.count = 0;
    for (uint32_t i = 0; i < encoder_count(s) && !same && !from_host; ++i)
        TRY(flights_submit(s, (session_program)(PROGRAM_WORDS + i), slot, 0, &ticket));
    if (from_host)
        TRY(flights_submit(s, PROGRAM_GIVEN, slot, 0, &ticket));
    TRY(flights_submit(s, PROGRAM_CONDITION, slot, 0, &ticket));
    const prompt_words had = w->have;
    w->have = w->next;
    w->next = had;
    w->valid = !w->have.given;
fail:
    return status;
}
