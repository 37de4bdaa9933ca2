/* The built-in recipes as text (recipes_data.c, made by tests/generate.sh from recipes/). */
#ifndef AS_WEIGHTS_RECIPE_RECIPE_DATA_H
#define AS_WEIGHTS_RECIPE_RECIPE_DATA_H

#include "tensor/base/embed.h"

extern const as_embedded as_recipe_files[];
extern const size_t as_recipe_files_count;

#endif
