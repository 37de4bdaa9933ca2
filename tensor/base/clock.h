/* How time passes: for rates, progress, and what work costs. No result depends on it. */
#ifndef AS_TENSOR_BASE_CLOCK_H
#define AS_TENSOR_BASE_CLOCK_H

/* Seconds from an arbitrary start; never set back. */
double as_seconds(void);
/* Processor seconds of all threads of the process. */
double as_cpu_seconds(void);

#endif
