// What sampler_reduce and sampler_row share: the row's prediction (formulas in lib/recipe.h).
// Needs the buffers `recipe`, `cursor` and `model`, args, and lib/finite.glsl.

sampler_row current_row()
{
    return recipe.rows[min(cursor, uint(RECIPE_STEPS_MAX - 1))];
}

// pixel: of all pictures; pictures: how many. With two evaluations guided.
vec4 model_output(sampler_row row, uint pixel, uint quad, uint pictures)
{
    const uint at = args.other.offset + pixel * args.other.stride + quad;
    const vec4 m = load4(model, at);
    if (args.evaluations < 2u)
        return m;
    const vec4 conditioned = load4(model, at + pictures * args.pixels * args.other.stride);
    return m + row.guidance * (conditioned - m);
}

vec4 clipped(sampler_row row, vec4 x0)
{
    if (row.clip <= 0.0)
        return x0;
    return mix(clamp(x0, -row.clip, row.clip), x0, is_bad(x0)); // op_frame must see a NaN
}

vec4 predict_x0(sampler_row row, vec4 x, vec4 m)
{
    return clipped(row, row.x0_sample * x + row.x0_model * m);
}

vec4 predict_noise(sampler_row row, vec4 x, vec4 x0)
{
    return row.noise_sample * x + row.noise_x0 * x0;
}
