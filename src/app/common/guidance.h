/* Whether a model is guided by evaluating it twice a step (qs_session_options.guided). */
#ifndef APP_GUIDANCE_H
#define APP_GUIDANCE_H

#include <quickstep/quickstep.h>

static inline bool app_guides(const qs_model_info *model, float scale)
{
    return model->prompt_tokens > 0 && !model->embeds_guidance && scale > 1;
}

#endif
