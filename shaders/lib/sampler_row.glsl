// What sampler_reduce and sampler_row share: the row's prediction (formulas in lib/recipe.h).
// Needs the buffers `recipe` and `cursor`, and lib/finite.glsl.

sampler_row current_row()
{
    return recipe.rows[min(cursor, uint(RECIPE_STEPS_MAX - 1))];
}

vec4 predict_x0(sampler_row row, vec4 x, vec4 m)
{
    const vec4 x0 = row.x0_sample * x + row.x0_model * m;
    if (row.clip <= 0.0)
        return x0;
    return mix(clamp(x0, -row.clip, row.clip), x0, is_bad(x0)); // op_frame must see a NaN
}

vec4 predict_noise(sampler_row row, vec4 x, vec4 x0)
{
    return row.noise_sample * x + row.noise_x0 * x0;
}
