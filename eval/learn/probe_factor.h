/* (1 + Z^T Z)^-1 for a matrix Z of chosen rows: the blocks of probe_curve.c. */
#ifndef AS_EVAL_LEARN_PROBE_FACTOR_H
#define AS_EVAL_LEARN_PROBE_FACTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "eval/learn/probe_int.h"

/* Row i of Z is root[i] (weight_scale (x_row[i] - mean), bias_scale): d + 1 elements, the last of the intercept. */
typedef struct as_probe_block {
  size_t rows;
  uint32_t *row;                   /* [rows] of the problem, owned */
  float *root;                     /* [rows] owned */
  double weight_scale, bias_scale; /* R^-1/2 */
  bool by_feature;                 /* the factor is that of 1 + Z^T Z, else of 1 + Z Z^T */
  size_t side;
  float *factor; /* [side, side], the lower triangle L of L L^T, owned */
  float *z;      /* [rows, d + 1] where one block serves all classes and is not by_feature; owned */
} as_probe_block;

/* Room for `rows` rows of d features, whose `row` and `root` the caller fills. AS_E_ENV. */
as_status as_probe_block_reserve(as_probe_block *b, size_t rows, size_t d, as_err *err);
/* Makes the factor; `shared`: for as_probe_block_solve_all, with all threads; else for as_probe_block_solve, and may
 * run inside a loop of par.h. AS_E_ENV. */
as_status as_probe_block_build(as_probe_block *b, const as_probe_problem *p, bool shared);
void as_probe_block_clear(as_probe_block *b);
/* Multiply-and-add steps that building takes. */
double as_probe_block_cost(size_t rows, size_t d);
size_t as_probe_block_side(size_t rows, size_t d);

/* v = (1 + Z^T Z)^-1 v, v: [d + 1]; room: [side]. */
void as_probe_block_solve(const as_probe_block *b, const as_probe_problem *p, float *v, float *room);
/* The same for k vectors, d + 1 apart; room: as_probe_block_room bytes. */
void as_probe_block_solve_all(const as_probe_block *b, const as_probe_problem *p, size_t k, float *v,
                              void *room);
size_t as_probe_block_room(const as_probe_block *b, const as_probe_problem *p, size_t k);

#endif
